"""From resolved parameters to what the search samples, and back."""

from collections.abc import Mapping

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import Trial, TrialState, create_trial

from studies.engine.parameters import Key
from studies.engine.values import Range, Value, constant_of, is_sampled

Parameters = dict[Key, float | str]


def sampled_keys(resolved: Mapping[Key, Value]) -> list[Key]:
    """The parameters that leave something to choose, in a fixed order."""
    return sorted(key for key, value in resolved.items() if is_sampled(value))


def suggest(trial: Trial, resolved: Mapping[Key, Value]) -> Parameters:
    """Every parameter of one trial: sampled ones from the search, constants as typed."""
    parameters: Parameters = {
        key: constant_of(value) for key, value in resolved.items() if not is_sampled(value)
    }
    for key in sampled_keys(resolved):
        chosen = _suggest_one(trial, str(key), resolved[key])
        parameters[key] = _as_written(resolved[key], chosen)
    return {key: parameters[key] for key in resolved}


def draw(
    study: Study, resolved: Mapping[Key, Value], sampler: TPESampler
) -> dict[str, float | str]:
    """The sampled parameters of a trial that does not exist yet, as Optuna stores them."""
    trial = create_trial(state=TrialState.RUNNING)  # samplers want one
    together = sampler.infer_relative_search_space(study, trial)
    # The public way would also store them in the trial, for others that draw meanwhile.
    drawn = sampler._sample_relative(study, trial, together)  # noqa: SLF001
    return {
        name: drawn[name]
        if name in drawn
        else sampler.sample_independent(study, trial, name, distribution)
        for name, distribution in distributions(resolved).items()
    }


def told(
    parameters: Mapping[Key, float | str], resolved: Mapping[Key, Value]
) -> dict[str, float | str]:
    """The sampled ones of a trial's parameters as Optuna stores them; some may be missing."""
    return {
        str(key): _as_sampled(resolved[key], parameters[key])
        for key in sampled_keys(resolved)
        if key in parameters
    }


def distributions(resolved: Mapping[Key, Value]) -> dict[str, BaseDistribution]:
    """What the search draws each sampled parameter from."""
    return {str(key): _distribution(resolved[key]) for key in sampled_keys(resolved)}


def _as_sampled(value: Value, given: float | str) -> float | str:
    if isinstance(value, Range):
        return int(given) if value.integer else float(given)
    return given


def unflatten(params: Mapping[str, float | str], resolved: Mapping[Key, Value]) -> Parameters:
    """The parameters of a stored trial, constants added.

    Raises:
        KeyError: the trial lacks a parameter that is sampled.
    """
    return {
        key: _as_written(value, params[str(key)]) if is_sampled(value) else constant_of(value)
        for key, value in resolved.items()
    }


def _suggest_one(trial: Trial, name: str, value: Value) -> float | str:
    distribution = _distribution(value)
    if isinstance(distribution, CategoricalDistribution):
        chosen: float | str = trial.suggest_categorical(name, distribution.choices)  # type: ignore[assignment]
        return chosen
    low, high, log, step = distribution.low, distribution.high, distribution.log, distribution.step
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, low, high, step=step, log=log)  # type: ignore[arg-type]
    return trial.suggest_float(name, low, high, step=step, log=log)


def _as_written(value: Value, chosen: float | str) -> float | str:
    """A sampled value without the rounding that steps collect."""
    if isinstance(value, Range) and value.step is not None:
        return value.on_step(float(chosen))
    return chosen


def _distribution(
    value: Value,
) -> FloatDistribution | IntDistribution | CategoricalDistribution:
    if not isinstance(value, Range):
        return CategoricalDistribution(value if isinstance(value, tuple) else (value,))
    if value.integer:  # Optuna would move a `high` between two steps, and warn of it
        step = int(value.step) if value.step is not None else 1
        return IntDistribution(int(value.low), int(value.last), log=value.log, step=step)
    low, high = float(value.low), float(value.last)
    width = None if value.step is None else float(value.step)
    return FloatDistribution(low, high, log=value.log, step=width)
