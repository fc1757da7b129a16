"""A preset as a document: its own columns, what it sets, and its overrides, read and checked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, Field, JsonValue, ValidationError

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.methods import METHODS
from studies.engine.methods.schema import Method
from studies.engine.override_rows import KnownMethod, look_alike_problem, tie_problem
from studies.engine.parameters import Key, parse_parameters
from studies.engine.patterns import pattern_problem
from studies.engine.problems import got, place_at, refuse, refuse_depth, require_table, shown
from studies.engine.roots import path_problem
from studies.engine.settings import parse_settings
from studies.engine.tables import Table, fault, problems_of
from studies.engine.texts import (
    PRESET_SLUG,
    PRESET_SLUG_CHARACTERS,
    PRESET_SLUG_WORDS,
    Prose,
    Slug,
    name_problem,
    same_text,
)
from studies.engine.values import Value

NAME_CHARACTERS: Final = 100
MODEL_CHARACTERS: Final = 300
RESERVED_SLUGS: Final = {"import"}  # an address of the API
_Part = TypeVar("_Part")
Overrides = dict[str, dict[Key, Value]]


def _slug(text: str) -> str:
    if not text:
        raise fault("must not be empty")
    if len(text) > PRESET_SLUG_CHARACTERS:
        raise fault(f"is longer than {PRESET_SLUG_CHARACTERS} characters")
    if not re.match(PRESET_SLUG, text):
        raise fault(f"must be {PRESET_SLUG_WORDS}{got(text)}")
    if text in RESERVED_SLUGS:
        raise fault(f"{shown(text)} has a meaning of its own here; take another")
    return text


def _name(text: str) -> str:
    if problem := name_problem(text, max_characters=NAME_CHARACTERS):
        raise fault(problem)
    return same_text(text.strip())


def _model(text: str) -> str:
    stripped = text.strip()
    if not stripped:
        return ""
    if len(stripped) > MODEL_CHARACTERS:
        raise fault(f"is longer than {MODEL_CHARACTERS} characters")
    if problem := path_problem(stripped):
        raise fault(problem)
    return stripped


PresetSlug = Annotated[str, Field(strict=True), AfterValidator(_slug)]
PresetName = Annotated[str, Field(strict=True), AfterValidator(_name)]
PresetModel = Annotated[str, Field(strict=True), AfterValidator(_model)]


class PresetChanges(Table):
    """What a preset may say of itself; what is absent stays as it is."""

    slug: PresetSlug = Field("", description="Its name in the API.")
    name: PresetName = Field("", description="Its name for people.")
    description: Prose = Field("", description="What it is for.")
    parent: Slug | None = Field(
        None, description="Slug of the preset that decides what this one leaves open."
    )
    method: KnownMethod = Field("", description="What is done to the model.")
    model: PresetModel = Field("", description="Suggested model, or empty.")
    is_active: bool = Field(default=True, description="Whether it is offered for new studies.")
    parameters: Any = Field(None, description="As in a parameter file: a table of values.")
    settings: Any = Field(None, description="A table of settings, scorers among them.")
    overrides: Any = Field(None, description='By pattern: {"google/*": {"parameters": {…}}}.')


class NewPreset(PresetChanges):
    """A new preset: it needs both of its names."""

    slug: PresetSlug = Field(description="Its name in the API.")
    name: PresetName = Field(description="Its name for people.")


class _OverrideEntry(Table):
    parameters: Any = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preset:
    """What a document says; a part that is None was not given."""

    columns: Mapping[str, JsonValue]
    parameters: dict[Key, Value] | None
    settings: dict[str, JsonValue] | None
    overrides: Overrides | None


def parse_preset(raw: object, *, method: str, is_new: bool) -> Preset:
    """Read a preset, or changes of one, as JSON and TOML have it.

    `method` holds where the document names none.

    Raises:
        InvalidInputError: all faults, each at its exact place.
    """
    refuse_depth("", raw)
    raw = require_table("body", raw)
    problems: list[Problem] = []
    columns = _columns(raw, problems, is_new=is_new)
    name = raw.get("method", method)
    known = METHODS.get(name) if isinstance(name, str) else None
    parts = _Parts(raw, known, problems)
    preset = Preset(
        columns=columns,
        parameters=parts.read("parameters", parse_parameters),
        settings=parts.read("settings", parse_settings),
        overrides=parts.read("overrides", parse_overrides),
    )
    refuse(problems)
    return preset


def parse_columns(raw: Mapping[str, object]) -> dict[str, JsonValue]:
    """Read the columns of a new preset by themselves, as those of a document.

    Raises:
        InvalidInputError: all faults, each at its column.
    """
    problems: list[Problem] = []
    columns = _columns(raw, problems, is_new=True)
    refuse(problems)
    return columns


def _columns(
    raw: Mapping[str, object], problems: list[Problem], *, is_new: bool
) -> dict[str, JsonValue]:
    kind = NewPreset if is_new else PresetChanges
    try:
        return _own_columns(kind.model_validate(dict(raw)))
    except ValidationError as error:
        problems += problems_of(error)
    return {}


def _own_columns(preset: PresetChanges) -> dict[str, JsonValue]:
    parts = {"parameters", "settings", "overrides"}
    return preset.model_dump(mode="json", exclude_unset=True, exclude=parts)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Reads the tables of a document, as far as its method is known."""

    raw: Mapping[str, object]
    method: Method | None
    problems: list[Problem]

    def read(self, name: str, parse: Callable[[Method, object, str], _Part]) -> _Part | None:
        if self.method is None or name not in self.raw:
            return None
        try:
            return parse(self.method, self.raw[name], name)
        except InvalidInputError as error:
            self.problems.extend(error.problems)
        return None


def parse_overrides(method: Method, raw: object, place: str = "overrides") -> Overrides:
    """Read the overrides of a preset: by pattern, a table with parameters.

    Raises:
        InvalidInputError: all faults, patterns that tie with an earlier one among them.
    """
    overrides: Overrides = {}
    problems: list[Problem] = []
    for pattern, entry in require_table(place, raw).items():
        at = place_at(place, [pattern])
        if message := pattern_problem(pattern) or look_alike_problem(pattern, overrides):
            problems.append(Problem(at, message))
        else:
            overrides[pattern] = _entry(method, entry, at, problems)
    refuse(problems + _ties(overrides, place))
    return overrides


def _entry(method: Method, raw: object, place: str, problems: list[Problem]) -> dict[Key, Value]:
    try:
        entry = _OverrideEntry.model_validate(raw)
        values = parse_parameters(method, entry.parameters, f"{place}.parameters")
        if not values:
            problems.append(Problem(f"{place}.parameters", "needs at least one parameter"))
        return values
    except ValidationError as error:
        problems += problems_of(error, place)
    except InvalidInputError as error:
        problems += error.problems
    return {}


def _ties(overrides: Overrides, place: str) -> list[Problem]:
    earlier: list[tuple[str, Key]] = []
    problems = []
    for pattern, values in overrides.items():
        ties = ((key, tie_problem(pattern, key, earlier)) for key in values)
        at = f"{place_at(place, [pattern])}.parameters"
        problems += [Problem(f"{at}.{key}", message) for key, message in ties if message]
        earlier += [(pattern, key) for key in values]
    return problems
