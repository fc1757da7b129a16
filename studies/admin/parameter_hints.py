"""What a row's scripts know of each parameter: its unit, meaning, default and kinds of value."""

import json
import math
from collections.abc import Mapping
from typing import Final

from studies.engine.methods.schema import GENERAL, Parameter, Unit
from studies.engine.values import Value, value_to_json
from studies.parameters import value_display

Attributes = Mapping[str, str]
_UNITS: Final[Mapping[Unit, str]] = {
    Unit.LAYER_FRACTION: "fraction of layers: 0 is the first, 1 the last",
    Unit.RELATIVE: "share of another parameter, 0 to 1",
}


def parameter_attributes(parameter: Parameter) -> Attributes:
    """The attributes of a parameter's option in a select."""
    hint = parameter_hint(parameter)
    defaults = {component: value_to_json(v) for component, v in parameter.default.items()}
    return {
        "data-unit": unit_words(parameter),
        "data-hint": hint,
        "title": f"{unit_words(parameter)} · {hint}",
        "data-defaults": json.dumps(defaults),
        "data-per-component": "yes" if parameter.per_component else "no",
        "data-texts": "yes" if parameter.unit is Unit.CHOICE else "no",
    }


def unit_words(parameter: Parameter) -> str:
    """What the numbers or words of a parameter are, and their bounds."""
    if parameter.unit is Unit.CHOICE:
        return f"one of {', '.join(parameter.choices)}" if parameter.choices else "a word"
    if words := _UNITS.get(parameter.unit):
        return words
    ends = (parameter.low, parameter.high)
    bounds = f", {ends[0]:g} to {ends[1]:g}" if all(map(math.isfinite, ends)) else ""
    return f"{parameter.unit}{bounds}"


def parameter_hint(parameter: Parameter) -> str:
    """A parameter's default and meaning in a line."""
    general = parameter.default[GENERAL]
    own = {c: v for c, v in parameter.default.items() if c != GENERAL and v != general}
    listed = "; ".join([_shown(general), *(f"{c} {_shown(v)}" for c, v in own.items())])
    return f"Default {listed}. {parameter.description}"


def _shown(value: Value) -> str:
    return value_display(value_to_json(value))
