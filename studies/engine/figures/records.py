"""The trials of a study as figures read them, and as an Optuna study in memory."""

import json
import logging
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from studies.engine.parameters import Key
from studies.engine.search_space import distributions, sampled_keys
from studies.engine.values import Value

Json = dict[str, Any]
logger = logging.getLogger(__name__)


class Objective(NamedTuple):
    name: str
    direction: Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One ended trial."""

    number: int
    values: Sequence[float]  # of the objectives; empty for a trial that is not complete
    parameters: Mapping[Key, float | str]
    started_at: datetime
    finished_at: datetime
    is_front: bool = False
    is_taken_over: bool = False  # measured by another study, at another time
    is_pruned: bool = False

    @property
    def is_complete(self) -> bool:
        return bool(self.values)


class Phase(NamedTuple):
    """What the worker did outside trials; `end` None: it still does."""

    label: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """All that a figure may show."""

    objectives: Sequence[Objective]
    space: Mapping[Key, Value]
    trials: Sequence[TrialRecord]
    phases: Sequence[Phase] = ()
    recommended: int | None = None

    @property
    def complete(self) -> list[TrialRecord]:
        return [trial for trial in self.trials if trial.is_complete]


def label_of(key: Key) -> str:
    """Name a parameter as the pages do."""
    return f"{key.name} · {key.component}" if key.component else key.name


def memory_study(record: StudyRecord, objective: int | None = None) -> optuna.Study:
    """An Optuna study of the complete trials, of one objective or (None) of all.

    Trials keep their numbers, with failed ones in the gaps and for those that were pruned. A trial whose parameters lie
    outside the space (a fork may have taken it over) is a failed one too.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    chosen = record.objectives if objective is None else [record.objectives[objective]]
    study = optuna.create_study(storage=_ReadOnly(), directions=[one.direction for one in chosen])
    found = distributions(record.space)
    space = {key: found[str(key)] for key in sampled_keys(record.space)}
    by_number = {trial.number: trial for trial in record.trials}
    for number in range(max(by_number, default=-1) + 1):
        study.add_trial(_frozen(by_number.get(number), space, objective))
    if misfits := sum(trial.is_complete for trial in record.trials) - _n_complete(study):
        logger.info("%d trials do not fit their study's space", misfits)
    return study


class _ReadOnly(InMemoryStorage):
    """Gives its trials as they are: figures change none, and copies of 10,000 take seconds."""

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - Optuna's signature
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        return super().get_all_trials(study_id, deepcopy=False, states=states)


def _n_complete(study: optuna.Study) -> int:
    return len(study.get_trials(states=(TrialState.COMPLETE,)))


def _frozen(
    trial: TrialRecord | None, space: Mapping[Key, BaseDistribution], objective: int | None
) -> FrozenTrial:
    if trial is None or not trial.is_complete:
        return optuna.trial.create_trial(state=TrialState.FAIL)
    try:
        return optuna.trial.create_trial(
            values=list(trial.values) if objective is None else [trial.values[objective]],
            params={label_of(key): trial.parameters[key] for key in space},
            distributions={label_of(key): one for key, one in space.items()},
        )
    except (KeyError, ValueError):
        return optuna.trial.create_trial(state=TrialState.FAIL)


def as_json(figure: Any) -> Json:  # noqa: ANN401 - plotly's figures are untyped
    """A plotly figure as plain JSON, without its title and its bulky default template."""
    plain: Json = json.loads(figure.to_json())
    plain["layout"].pop("template", None)
    plain["layout"].pop("title", None)
    return plain
