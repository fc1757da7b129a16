"""A preset as its file has it, checked by the validators that the API and the admin use."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic import JsonValue, ValidationError

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.methods import DEFAULT_METHOD, METHODS
from studies.engine.methods.schema import Method
from studies.engine.override_rows import KnownMethod
from studies.engine.parameter_tables import EVERY, Key
from studies.engine.parameters import parse_parameters
from studies.engine.presets import PresetModel, PresetName, PresetSlug, parse_overrides
from studies.engine.problems import MAX_PROBLEMS, kind_of, near_miss, place_at, suggestion
from studies.engine.settings import parse_settings, settings_class
from studies.engine.tables import Path, Table, problems_of
from studies.engine.texts import Prose, Slug, comment_problem
from studies.engine.toml.content import TomlContent
from studies.engine.toml.ledger import Ledger
from studies.engine.toml.prompt_tables import PromptTable
from studies.engine.toml.reading import read_toml
from studies.engine.toml.reference import Translation, translate
from studies.engine.values import Value

PARAMETERS: Final = "parameters"
OVERRIDES: Final = "overrides"
EMPTY: Final = "empty"  # lists the settings that are set to nothing: TOML has no null

Json = dict[str, Any]


class Spec(NamedTuple):
    """What a parameter is set to, and what the author says about it."""

    value: Value
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetFile:
    """All that a preset carries.

    `prompt_tables` are prompt sets that the file itself describes, by the slug that stands for
    them in `settings`. The ledger has the notes on what was left out or added.
    """

    slug: str = ""
    name: str = ""
    description: str = ""
    parent: str = ""
    method: str = DEFAULT_METHOD
    model: str = ""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    parameters: Mapping[Key, Spec] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[Key, Spec]] = field(default_factory=dict)
    prompt_tables: Mapping[str, PromptTable] = field(default_factory=dict)
    prompt_places: Mapping[str, Path] = field(default_factory=dict, compare=False)
    ledger: Ledger = field(default_factory=Ledger, compare=False)


class Basics(Table):
    """What a preset says of itself."""

    slug: PresetSlug = ""
    name: PresetName = ""
    description: Prose = ""
    parent: Slug = ""
    method: KnownMethod = DEFAULT_METHOD
    model: PresetModel = ""


def parse_preset(source: str | bytes) -> PresetFile:
    """Read a preset, or a whole configuration of the reference tool, from a TOML text.

    Raises:
        InvalidInputError: everything that is wrong, each fault with its line or place.
    """
    content = read_toml(source)
    known = {name for method in METHODS.values() for name in settings_class(method).model_fields}
    return _Parsing(content, translate(content.values, known)).preset()


class _Parsing:
    """Reads the parts of one file and gathers what is wrong with them."""

    def __init__(self, content: TomlContent, translated: Translation) -> None:
        self._content = content
        self._translated = translated
        self._raw = translated.values
        self._problems = list(translated.ledger.problems)

    def preset(self) -> PresetFile:
        """The preset.

        Raises:
            InvalidInputError: all faults of all parts.
        """
        basics = self._basics()
        method = METHODS[basics.method]
        self._refuse_unknown(method)
        preset = PresetFile(
            **basics.model_dump(),
            settings=self._settings(method),
            parameters=self._parameters(method, self._raw.get(PARAMETERS, {}), (PARAMETERS,)),
            overrides=self._overrides(method),
            prompt_tables=self._translated.prompt_tables,
            prompt_places=self._translated.prompt_places,
            ledger=self._translated.ledger,
        )
        if self._problems:
            raise InvalidInputError(self._problems[:MAX_PROBLEMS])
        return preset

    def _basics(self) -> Basics:
        given: Json = {name: self._raw[name] for name in Basics.model_fields if name in self._raw}
        try:
            return Basics.model_validate(given)
        except ValidationError as error:
            self._problems += problems_of(error)
        # The rest is checked all the same, with the method of the file if it can be told.
        named = given.get("method")
        if isinstance(named, str) and named in METHODS:
            return Basics(method=named)
        return Basics()

    def _refuse_unknown(self, method: Method) -> None:
        known = [*settings_class(method).model_fields, *Basics.model_fields]
        known += [PARAMETERS, OVERRIDES, EMPTY]
        for name in [name for name in self._raw if name not in known]:
            near = near_miss(name, known)
            end = f'; did you mean "{near}"?' if near else ""
            self._problems.append(Problem(place_at("", [name]), f"is not known here{end}"))

    def _settings(self, method: Method) -> Json:
        fields = settings_class(method).model_fields
        raw = {name: value for name, value in self._raw.items() if name in fields}
        empty = dict(self._empty(list(fields), raw))
        try:
            return parse_settings(method, raw | dict.fromkeys(empty), place="")
        except InvalidInputError as error:
            for place, message in error.problems:
                found = self._translated.ledger.original(place)
                if place in empty:
                    self._problems.append(Problem(empty[place], f"{place} cannot be empty"))
                else:
                    self._problems.append(Problem(found, message))
        return {}

    def _empty(self, fields: list[str], raw: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        """The settings that are set to nothing, each with its place."""
        names = self._raw.get(EMPTY, [])
        if not isinstance(names, list):
            self._problems.append(Problem(EMPTY, f"must be a list, not {kind_of(names)}"))
            return
        for index, name in enumerate(names):
            place = f"{EMPTY}[{index}]"
            if not isinstance(name, str) or name not in fields:
                end = suggestion(name, fields) if isinstance(name, str) else ""
                self._problems.append(Problem(place, f"must name a setting{end}"))
            elif name in raw:
                self._problems.append(Problem(place, f"{name} is set in this file as well"))
            else:
                yield name, place

    def _overrides(self, method: Method) -> dict[str, dict[Key, Spec]]:
        raw = self._raw.get(OVERRIDES, {})
        try:
            parsed = parse_overrides(method, raw)
        except InvalidInputError as error:
            self._problems += error.problems
            return {}
        return {
            pattern: self._specs(
                values, raw[pattern][PARAMETERS], (OVERRIDES, pattern, PARAMETERS)
            )
            for pattern, values in parsed.items()
        }

    def _parameters(self, method: Method, raw: object, path: Path) -> dict[Key, Spec]:
        try:
            values = parse_parameters(method, raw, place_at("", path))
        except InvalidInputError as error:
            self._problems += error.problems
            return {}
        assert isinstance(raw, Mapping)
        return self._specs(values, raw, path)

    def _specs(
        self, values: Mapping[Key, Value], raw: Mapping[str, object], path: Path
    ) -> dict[Key, Spec]:
        """Put each value together with its comment."""
        specs: dict[Key, Spec] = {}
        for key, value in values.items():
            comment = self._comment(
                raw, key, path, first=not any(k.name == key.name for k in specs)
            )
            if message := comment_problem(comment):
                place = place_at(place_at("", path), [str(key)])
                self._problems.append(Problem(place, f"its comment {message}"))
            specs[key] = Spec(value, comment)
        return specs

    def _comment(self, raw: Mapping[str, object], key: Key, path: Path, *, first: bool) -> str:
        """What stands beside and above a value; the first component has what its table has."""
        at = (*path, key.name)
        entry, component = raw[key.name], key.component or EVERY
        if not isinstance(entry, Mapping) or component not in entry:
            return self._content.comments_below(at)
        above = self._content.comments.get(at, "") if first else ""
        own = self._content.comments_below((*at, component))
        return "\n".join(part for part in (above, own) if part)
