"""Parameters as they are written in TOML and JSON: nested tables, read and written."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.methods.schema import GENERAL, Method, Parameter
from studies.engine.problems import near_miss, place_at, refuse, refuse_depth, require_table
from studies.engine.values import Range, Value, parse_value

EVERY: Final = "*"  # writes the general setting inside a table of components


class Key(NamedTuple):
    """A parameter, or one component's share of it; an empty component means all."""

    name: str
    component: str = GENERAL

    def __str__(self) -> str:
        return f'{self.name}["{self.component}"]' if self.component else self.name


def parse_parameters(
    method: Method,
    raw: object,
    place: str = "parameters",
    components: Sequence[str] | None = None,
) -> dict[Key, Value]:
    """Read parameters as they are written in TOML and JSON.

    A parameter is a value, or a table of values by component, in which `*` is the general one.

    Raises:
        InvalidInputError: all faults, each at its exact place.
    """
    refuse_depth(place, raw)
    table = require_table(place, raw)
    values: dict[Key, Value] = {}
    problems: list[Problem] = []
    for name, entry in table.items():
        at = place_at(place, [name])
        try:
            parameter = method.known_parameter(name, at)
            values |= _parse_entry(method, parameter, entry, at, components)
        except InvalidInputError as error:
            problems += error.problems
    refuse(problems)
    return values


def _parse_entry(
    method: Method,
    parameter: Parameter,
    entry: object,
    place: str,
    components: Sequence[str] | None,
) -> dict[Key, Value]:
    known = (*method.known_components, *(components or ()))
    if not isinstance(entry, Mapping) or not _names_components(entry, known):
        return {Key(parameter.name): parse_value(place, entry, parameter.limits)}
    if mixed := sorted(Range.model_fields.keys() & entry.keys()):
        text = f"mixes a range ({', '.join(mixed)}) with values by component"
        raise InvalidInputError([Problem(place, text)])
    values: dict[Key, Value] = {}
    problems: list[Problem] = []
    for name, raw in entry.items():
        at = place_at(place, [str(name)])
        component = GENERAL if name == EVERY else str(name)
        if message := _component_problem(method, parameter, str(name), components):
            problems.append(Problem(at, message))
            continue
        try:
            values[Key(parameter.name, component)] = parse_value(at, raw, parameter.limits)
        except InvalidInputError as error:
            problems += error.problems
    refuse(problems)
    return values


def _component_problem(
    method: Method, parameter: Parameter, name: str, components: Sequence[str] | None
) -> str | None:
    if not name:
        return "a component's name must not be empty"
    component = GENERAL if name == EVERY else name
    return method.component_problem(parameter, component, components)


def _names_components(entry: Mapping[object, object], known: Sequence[str]) -> bool:
    """Tell a table of components from a range, even where either is misspelt."""
    for name in map(str, entry):
        begins = bool(name) and any(component.startswith(name) for component in known)
        if name == EVERY or "." in name or begins or near_miss(name, known):
            return True
    return False


def nest(flat: Mapping[Key, object]) -> dict[str, object]:
    """Write flat parameters as TOML and JSON have them: the inverse of `parse_parameters`."""
    tables: dict[str, dict[str, object]] = {}
    for key, value in flat.items():
        tables.setdefault(key.name, {})[key.component] = value
    return {
        name: table[GENERAL]
        if table.keys() == {GENERAL}
        else {component or EVERY: value for component, value in table.items()}
        for name, table in tables.items()
    }


def flat(nested: Mapping[str, object]) -> dict[Key, object]:
    """Read what `nest` has written of single values: tables in it are by component."""
    return {
        Key(name, GENERAL if component == EVERY else component): value
        for name, entry in nested.items()
        for component, value in (entry.items() if isinstance(entry, Mapping) else [(EVERY, entry)])
    }
