"""What an ablation method declares about itself."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from studies.engine.architectures import FURTHER_COMPONENTS
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.problems import place_at, shown, suggestion
from studies.engine.tables import Table
from studies.engine.values import Limits, Value

GENERAL: Final = ""  # stands for every component that has no setting of its own


class Unit(StrEnum):
    """What the numbers of a parameter are."""

    WEIGHT = "weight"
    LAYER_FRACTION = "fraction of layers"  # of the last layer's index
    RELATIVE = "relative"  # to another parameter
    COUNT = "whole number"
    CHOICE = "choice"


_MEANINGS: Final[Mapping[Unit, str]] = {
    Unit.LAYER_FRACTION: ", a fraction of the last layer's index",
    Unit.RELATIVE: ", a share",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parameter:
    """One parameter of a method: what it may be, and what it is unless somebody says otherwise."""

    name: str
    unit: Unit
    description: str
    default: Mapping[str, Value]  # by component; GENERAL is always there
    per_component: bool = False
    low: float = -math.inf  # hard bounds, both included
    high: float = math.inf
    choices: tuple[str, ...] = ()  # the allowed texts, where the unit is CHOICE
    least_layers: float = 0.0  # floor of the derived number of layers

    @property
    def limits(self) -> Limits:
        """The bounds in the form that `parse_value` takes."""
        return Limits(
            accepts="texts" if self.unit is Unit.CHOICE else "numbers",
            low=self.low,
            high=self.high,
            whole=self.unit is Unit.COUNT,
            texts=self.choices,
            meaning=_MEANINGS.get(self.unit, ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Method:
    """An ablation method: its parameters, its own settings, and where its torch half lives."""

    name: str
    label: str
    description: str
    parameters: tuple[Parameter, ...]
    components: tuple[str, ...]  # what is asked of a model of which nothing is known yet
    settings: type[Table]
    implementation: str  # "module:Class", imported by the worker only

    @property
    def known_components(self) -> tuple[str, ...]:
        """All that a setting may name: a model that lacks one is not concerned."""
        return tuple(dict.fromkeys((*self.components, *FURTHER_COMPONENTS)))

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((one for one in self.parameters if one.name == name), None)

    def known_parameter(self, name: str, place: str = "") -> Parameter:
        """The parameter of that name.

        Raises:
            InvalidInputError: there is none; the message suggests what was meant.
        """
        parameter = self.parameter(name)
        if parameter is None:
            end = suggestion(name, [one.name for one in self.parameters])
            message = f"is not a parameter of the method {self.name}{end}"
            raise InvalidInputError([Problem(place or place_at("", [name]), message)])
        return parameter

    def component_problem(
        self, parameter: Parameter, component: str, components: Sequence[str] | None = None
    ) -> str | None:
        """Say why a setting of this parameter cannot name that component, or None."""
        known = tuple(dict.fromkeys((*self.known_components, *(components or ()))))
        if component == GENERAL:
            return None
        if not parameter.per_component:
            return f"{parameter.name} is one value for all components"
        if component not in known:
            return f"{shown(component)} is not a component{suggestion(component, known)}"
        return None
