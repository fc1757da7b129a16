"""Which layer of settings decides a parameter."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.methods.schema import GENERAL, Method, Unit
from studies.engine.parameter_tables import Key, flat, nest, parse_parameters
from studies.engine.patterns import (
    ambiguous,
    match_order,
    pattern_specificity,
    patterns_clash,
)
from studies.engine.problems import refuse
from studies.engine.values import Range, Value, parse_value, value_to_json

__all__ = [
    "Key",
    "Layer",
    "Resolved",
    "ambiguous",
    "check_value",
    "derived_layers",
    "flat",
    "match_order",
    "nest",
    "parse_parameters",
    "pattern_specificity",
    "patterns_clash",
    "read_value",
    "resolve",
]


class Layer(NamedTuple):
    """One source of settings: method, preset, model override, study."""

    source: str
    values: Mapping[Key, Value]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The value that holds for a key, and who decided."""

    key: Key
    value: Value
    source: str
    chain: tuple[tuple[str, Value], ...]  # (source, value) that this one overrides, oldest first


def resolve(
    method: Method, layers: Sequence[Layer], components: Sequence[str] | None = None
) -> dict[Key, Resolved]:
    """Give every parameter the setting of the last layer that speaks of it.

    `layers` come after the method's own defaults and run from preset over model overrides to the
    study. Within a layer a component's setting beats the general one; a later layer beats an
    earlier one even where it is the more general, since its author came last.

    Raises:
        InvalidInputError: layers name parameters or components that the method does not have.
    """
    names = tuple(method.components if components is None else components)
    refuse([problem for layer in layers for problem in _strangers(method, layer, names)])
    resolved = {}
    for parameter in method.parameters:
        for component in names if parameter.per_component else (GENERAL,):
            key = Key(parameter.name, component)
            said = [("default", parameter.default.get(component, parameter.default[GENERAL]))]
            said += [(layer.source, value) for layer in layers for value in _said(layer, key)]
            *chain, (source, value) = said
            resolved[key] = Resolved(key, value, source, tuple(chain))
    return resolved


def _said(layer: Layer, key: Key) -> Iterator[Value]:
    """What a layer says of a key, the general setting before the component's."""
    for candidate in dict.fromkeys((Key(key.name), key)):
        if candidate in layer.values:
            yield layer.values[candidate]


def _strangers(method: Method, layer: Layer, components: Sequence[str]) -> Iterator[Problem]:
    for key in layer.values:
        try:
            parameter = method.known_parameter(key.name)
        except InvalidInputError as error:
            yield from (
                Problem(at, f"{text} (set by {layer.source})") for at, text in error.problems
            )
            continue
        if message := method.component_problem(parameter, key.component, components):
            yield Problem(str(key), f"{message} (set by {layer.source})")


def read_value(method: Method, key: Key, raw: object, place: str = "") -> Value:
    """Read one parameter's value with the limits of its method.

    Raises:
        InvalidInputError: all faults, each at its exact place below `place` (default: the key).
    """
    at = place or str(key)
    parameter = method.known_parameter(key.name, at)
    if message := method.component_problem(parameter, key.component):
        raise InvalidInputError([Problem(at, message)])
    return parse_value(at, raw, parameter.limits)


def check_value(method: Method, key: Key, value: Value, place: str = "") -> None:
    """Check that a value fits a parameter of the method: unit, bounds, allowed choices.

    Raises:
        InvalidInputError: all faults, each at its exact place below `place` (default: the key).
    """
    read_value(method, key, value_to_json(value), place)


def derived_layers(method: Method, key: Key, value: Value, n_layers: int) -> object:
    """Translate fractions into layers of a model: a number, a list, {low, high}, or None.

    The fraction counts from layer 0 to the last, so it is multiplied by `n_layers` − 1.
    """
    parameter = method.known_parameter(key.name)
    if parameter.unit is not Unit.LAYER_FRACTION:
        return None

    def layers(fractions: Iterable[int | float | str]) -> list[float]:
        # Rounded: 0.4 of 33 layers is 13.2 for a reader, not 13.200000000000001.
        exact = (float(one) * (n_layers - 1) for one in fractions)
        return [max(parameter.least_layers, round(layer, 6)) for layer in exact]

    if isinstance(value, Range):
        low, high = layers([value.low, value.high])
        return {"low": low, "high": high}
    if isinstance(value, tuple):
        return layers(value)
    return layers([value])[0]
