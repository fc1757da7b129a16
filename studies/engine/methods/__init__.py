"""The ablation methods that this installation knows."""

from collections.abc import Mapping
from typing import Final

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.methods import arbitrary_rank, directional
from studies.engine.methods.schema import Method
from studies.engine.problems import shown, suggestion

METHODS: Final[Mapping[str, Method]] = {
    one.name: one for one in (directional.METHOD, arbitrary_rank.METHOD)
}

DEFAULT_METHOD: Final = directional.METHOD.name


def method_get(name: str, place: str = "method") -> Method:
    """Find a method by its name.

    Raises:
        InvalidInputError: there is none.
    """
    if name not in METHODS:
        message = f"{shown(name)} is not a method{suggestion(name, list(METHODS))}"
        raise InvalidInputError([Problem(place, message)])
    return METHODS[name]
