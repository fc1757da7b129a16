"""Overrides as single rows: a pattern, a parameter and its value; and which of them tie."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, ValidationError

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.methods import METHODS
from studies.engine.methods.schema import GENERAL, Method
from studies.engine.parameters import Key
from studies.engine.patterns import pattern_problem, patterns_clash
from studies.engine.problems import refuse, refuse_depth, require_table, shown, suggestion
from studies.engine.tables import Table, fault, problems_of
from studies.engine.texts import same_text
from studies.engine.values import Value, parse_value

DUPLICATE: Final = "is set twice; keep one of the two"
_MODELS: Final = "A model, or several: google/gemma-3-* (* and ? are wild)."
_PARAMETER: Final = "What it sets."
_VALUE: Final = "A number, a text, a list of choices or a range."


def _pattern(text: str) -> str:
    if problem := pattern_problem(text):
        raise fault(problem)
    return text


def _known_method(name: str) -> str:
    if name not in METHODS:
        raise fault(f"{shown(name)} is not a method{suggestion(name, list(METHODS))}")
    return name


Pattern = Annotated[str, Field(strict=True), AfterValidator(_pattern)]
KnownMethod = Annotated[str, Field(strict=True), AfterValidator(_known_method)]


class OverrideChanges(Table):
    """What an override for every preset may say; what is absent stays as it is."""

    pattern: Pattern = Field("", description=_MODELS)
    method: KnownMethod = Field("", description="Whose parameter it is.")
    parameter: str = Field("", description=_PARAMETER)
    component: str = Field(GENERAL, description="Of which component; empty: of every one.")
    value: Any = Field(None, description=_VALUE)


class OverrideIn(OverrideChanges):
    """A new override for every preset."""

    pattern: Pattern = Field(description=_MODELS)
    parameter: str = Field(description=_PARAMETER)
    value: Any = Field(description=_VALUE)


@dataclass(frozen=True, slots=True)
class Override:
    """An override that can be stored."""

    pattern: str
    method: str
    key: Key
    value: Value


def parse_override(raw: object) -> Override:
    """Read an override.

    Raises:
        InvalidInputError: all faults, each at its exact place.
    """
    refuse_depth("", raw)
    table = require_table("body", raw)
    problems: list[Problem] = []
    try:
        OverrideIn.model_validate(table)
    except ValidationError as error:
        problems += problems_of(error)
    method, parameter, component = (
        table.get(name, GENERAL) for name in ("method", "parameter", "component")
    )
    key = Key(parameter, component)
    names_key = all(isinstance(part, str) for part in (method, *key)) and method in METHODS
    if names_key and table.keys() >= {"parameter", "value"}:
        problems += row_problems(METHODS[method], key, table["value"])
    refuse(problems)
    return Override(table["pattern"], method, key, parse_value("value", table["value"]))


def row_problems(method: Method, key: Key, raw: object) -> list[Problem]:
    """Check a row: one value of one parameter. Faults are at `parameter`, `component`, `value`."""
    try:
        parameter = method.known_parameter(key.name, "parameter")
        if message := method.component_problem(parameter, key.component):
            return [Problem("component", message)]
        parse_value("value", raw, parameter.limits)
    except InvalidInputError as error:
        return list(error.problems)
    return []


def look_alike_problem(pattern: str, others: Iterable[str]) -> str | None:
    """Say which other pattern differs only in how Unicode writes the same characters, or None."""
    for rival in others:
        if rival != pattern and same_text(rival) == same_text(pattern):
            return f"looks the same as {shown(rival)}"
    return None


def tie_problem(pattern: str, key: Key, others: Iterable[tuple[str, Key]]) -> str | None:
    """Say which other pattern sets the same thing and is as specific, or None."""
    for rival, other in others:
        meets = key.component == other.component or not (key.component and other.component)
        if key.name == other.name and meets and patterns_clash(rival, pattern):
            return (
                f"some models match both this pattern and {shown(rival)}, and neither is the "
                "more specific, so it is open which one decides; make one of them longer"
            )
    return None
