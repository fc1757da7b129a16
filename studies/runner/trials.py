"""A stored trial's parameters, as the engine takes them."""

from studies.engine.method_port import Parameters
from studies.engine.methods import method_get
from studies.engine.parameters import parse_parameters
from studies.models import Trial


def trial_parameters(trial: Trial) -> Parameters:
    """Read a trial's parameters; checked again, since the worker trusts no stored value.

    Raises:
        InvalidInputError: they are none of this method.
    """
    study = trial.study
    method = method_get(study.snapshot["method"])
    components = list(study.facts.get("components", {})) or None  # before a first run
    values = parse_parameters(method, trial.parameters, components=components)
    return {key: _constant(value) for key, value in values.items()}


def _constant(value: object) -> float | str:
    if isinstance(value, int | float | str):
        return value
    raise TypeError(f"a trial's parameter is no constant: {value!r}")
