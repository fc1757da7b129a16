"""Whether a trial's parameters lie in a search space, and what a typed trial may say."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from studies.engine.errors import Problem
from studies.engine.methods.schema import GENERAL, Method
from studies.engine.parameter_tables import EVERY, Key, parse_parameters
from studies.engine.problems import got, place_at, refuse, shown
from studies.engine.values import Range, Value, constant_of, is_sampled

GRID_TOLERANCE: Final = 1e-8  # of a step, between a number and the grid; Optuna's own

Point = float | str


class Misfit(NamedTuple):
    """Why a trial does not belong to a search space: one parameter and what is wrong with it."""

    key: Key
    given: Point | None  # None: the trial says nothing of it
    reason: str  # "is above 0.5"

    def __str__(self) -> str:
        if self.given is None:
            return f"{self.key} {self.reason}"
        given = f"{self.given:.9g}" if isinstance(self.given, float) else shown(self.given)
        return f"{self.key} = {given} {self.reason}"

    @property
    def summary(self) -> str:
        """The same without the number, so that many trials share it."""
        return f"{self.key} {self.reason}"


def misfits(parameters: Mapping[Key, Point], space: Mapping[Key, Value]) -> list[Misfit]:
    """Say why a trial with these parameters could not come from that search space.

    None of it is left out silently: every parameter of the space needs a value in the trial
    that lies in it, and the trial may have no other.
    """
    return list(_misfits(parameters, space))


def _misfits(parameters: Mapping[Key, Point], space: Mapping[Key, Value]) -> Iterator[Misfit]:
    for key, value in space.items():
        if key not in parameters:
            yield Misfit(key, None, "was not part of it")
        elif reason := misfit(value, parameters[key]):
            yield Misfit(key, parameters[key], reason)
    for key, given in parameters.items():
        if key not in space:
            yield Misfit(key, given, "is no longer a parameter")


def misfit(value: Value, given: Point) -> str | None:
    """Say why a value cannot give `given`, or None: it lies in the range, is a choice, or it."""
    if not is_sampled(value):
        constant = constant_of(value)
        return None if given == constant else f"is not {shown(constant)}"
    if isinstance(value, Range):
        return "is not a number" if isinstance(given, str) else _outside(value, given)
    if given in value:
        return None
    return f"is not among {', '.join(shown(choice) for choice in value)}"


def _outside(ends: Range, given: float) -> str | None:
    if given < ends.low:
        return f"is below {ends.low!r}"
    if given > ends.high:
        return f"is above {ends.high!r}"
    if ends.integer and not float(given).is_integer():
        return "is not a whole number"
    if ends.step is not None and not _on_grid(ends, ends.step, given):
        return f"is not {ends.low!r} plus a multiple of {ends.step!r}"
    return None


def _on_grid(ends: Range, step: float, given: float) -> bool:
    """Whether a search in this range could give the number, its last step included."""
    if ends.integer:
        return (int(given) - int(ends.low)) % int(step) == 0
    steps = (given - ends.low) / step
    # The range ends at its last full step, which decimal arithmetic finds as it was typed.
    low, high, by = (Decimal(repr(float(number))) for number in (ends.low, ends.high, step))
    last = float(low + (high - low) // by * by)
    return given <= last and abs(steps - round(steps)) < GRID_TOLERANCE


def parse_trial(
    method: Method, raw: object, space: Mapping[Key, Value], place: str = "parameters"
) -> dict[Key, Point]:
    """Read the parameters of one trial to try; those that it leaves out are up to the search.

    A general value counts for every component that has none of its own.

    Raises:
        InvalidInputError: all faults, each at its exact place: what is no single value, what is
            unknown, and what lies outside the search space.
    """
    components = tuple(dict.fromkeys(key.component for key in space if key.component))
    given = parse_parameters(method, raw, place, components)
    if not given:
        refuse([Problem(place, "needs at least one parameter")])
    at = {key: _place(place, raw, key) for key in given}
    problems = [
        Problem(at[key], "must be one value, not several to choose from")
        for key, value in given.items()
        if is_sampled(value)
    ]
    refuse(problems)
    trial: dict[Key, Point] = {}
    used: set[Key] = set()
    for key, value in space.items():
        said = key if key in given else Key(key.name)
        if said not in given:
            continue
        used.add(said)
        trial[key] = constant_of(given[said])
        if reason := misfit(value, trial[key]):
            where = f" for {key.component}" if said != key else ""
            problems.append(Problem(at[said], f"{reason}{where}{got(trial[key])}"))
    problems += [
        Problem(at[key], "is not part of this study's search space")
        for key in given
        if key not in used
    ]
    refuse(problems)
    return trial


def _place(place: str, raw: object, key: Key) -> str:
    """The place of a parameter as it was typed."""
    entry = raw.get(key.name) if isinstance(raw, Mapping) else None
    component = key.component
    if component == GENERAL and isinstance(entry, Mapping) and EVERY in entry:
        component = EVERY
    return place_at(place, [key.name, *([component] if component else [])])
