"""The settings of a study: what may be set, which layer decides, and the whole at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field, JsonValue, ValidationError, create_model, field_validator

from studies.engine.errors import Problem
from studies.engine.methods.schema import Method
from studies.engine.problems import (
    place_at,
    refuse,
    refuse_depth,
    require_table,
    shown,
    suggestion,
)
from studies.engine.scorer_settings import ScorerConfig
from studies.engine.study_settings import StudySettings, unlike_good_prompts, with_its_scorer
from studies.engine.tables import Table, problems_of

__all__ = [
    "ResolvedSetting",
    "ScorerConfig",
    "StudySettings",
    "complete_settings",
    "parse_settings",
    "resolve_settings",
    "settings_class",
]

_T = TypeVar("_T", bound=Table)

DEFAULT: Final = "default"  # the source of what nobody set


@dataclass(frozen=True, slots=True)
class ResolvedSetting:
    """The value that holds for a setting, as JSON, and who decided."""

    name: str
    value: JsonValue
    source: str
    chain: tuple[tuple[str, JsonValue], ...]  # (source, value) that it overrides, oldest first


@cache
def settings_class(method: Method) -> type[StudySettings]:
    """The settings of every study together with those of the method."""
    # Pydantic lists the fields of the last base first. Its types allow bases of one class only.
    bases: Any = (method.settings, StudySettings)
    made: type[StudySettings] = create_model(f"{method.settings.__name__}OfStudy", __base__=bases)
    return made


@cache
def _partial_class(method: Method) -> type[Table]:
    """The same fields, each of which may be missing; rules between fields judge what is given."""
    fields: dict[str, Any] = {
        name: (Annotated[(info.annotation, Field(), *info.metadata)], None)
        for name, info in settings_class(method).model_fields.items()
    }
    rules: Any = {
        "unlike": field_validator("bad_prompts")(unlike_good_prompts),
        "limited": field_validator("kl_limit")(with_its_scorer),
    }
    made: type[Table] = create_model(
        "PartialSettings", __base__=Table, __validators__=rules, **fields
    )
    return made


def parse_settings(
    method: Method, raw: object, place: str = "settings", components: Sequence[str] | None = None
) -> dict[str, JsonValue]:
    """Check some settings; what comes back is only what was given, ready to be stored as JSON.

    Raises:
        InvalidInputError: all faults, each at its exact place.
    """
    known = (*method.known_components, *(components or ()))
    partial = _checked(_partial_class(method), raw, place, known)
    return partial.model_dump(mode="json", exclude_unset=True)


def complete_settings(
    method: Method,
    values: object,
    place: str = "settings",
    components: Sequence[str] | None = None,
) -> StudySettings:
    """Build the settings of a study, with defaults where `values` says nothing.

    Raises:
        InvalidInputError: all faults, those between settings included.
    """
    known = (*method.known_components, *(components or ()))
    return _checked(settings_class(method), values, place, known)


def _checked(kind: type[_T], raw: object, place: str, known: Sequence[str]) -> _T:
    refuse_depth(place, raw)
    raw = require_table(place, raw)
    problems = _unknown_targets(raw.get("target_components"), known, place)
    try:
        settings = kind.model_validate(raw)
    except ValidationError as error:
        refuse(problems_of(error, place) + problems)
        raise
    refuse(problems)
    return settings


def _unknown_targets(targets: object, known: Sequence[str], place: str) -> list[Problem]:
    return [
        Problem(
            place_at(place, ["target_components", index]),
            f"{shown(target)} is not a component{suggestion(target, known)}",
        )
        for index, target in enumerate(targets if isinstance(targets, list) else [])
        if isinstance(target, str) and target.strip() and target not in known
    ]


def resolve_settings(
    method: Method, layers: Sequence[tuple[str, Mapping[str, JsonValue]]]
) -> dict[str, ResolvedSetting]:
    """Give every setting the value of the last layer that speaks of it, defaults first.

    A setting without a default that no layer names is left out; `complete_settings` refuses that.

    Raises:
        InvalidInputError: a layer names a setting that does not exist.
    """
    fields = settings_class(method).model_fields
    refuse(
        [
            Problem(
                place_at("", [name]),
                f"is not a setting (set by {source}){suggestion(name, list(fields))}",
            )
            for source, values in layers
            for name in values
            if name not in fields
        ]
    )
    defaults = settings_class(method).model_construct().model_dump(mode="json")
    resolved = {}
    for name in fields:
        said = [(source, values[name]) for source, values in layers if name in values]
        if name in defaults:
            said.insert(0, (DEFAULT, defaults[name]))
        if said:
            *chain, (source, value) = said
            resolved[name] = ResolvedSetting(name, value, source, tuple(chain))
    return resolved
