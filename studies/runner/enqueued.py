"""Trials that somebody asked for: handed to the search one at a time, each exactly once.

The rows are the ledger. The search holds one that waits at most, named by its row, so a crash
between the two leaves nothing to guess: what waits is found again by that name, and what died
before it had all its parameters is handed over anew.
"""

from collections.abc import Mapping

from optuna.study import Study as OptunaStudy
from optuna.trial import TrialState

from studies.engine import search
from studies.engine.parameters import Key
from studies.engine.values import Value
from studies.forking import parameters_of
from studies.models import QueuedTrial, Study, Trial


def hand_over_next(study: Study, optuna_study: OptunaStudy, resolved: Mapping[Key, Value]) -> bool:
    """Give the search the first trial that waits, for it to try next; False if none does."""
    waiting = QueuedTrial.objects.filter(study=study, trial__isnull=True)
    handed_over = list(waiting.filter(number__isnull=False))
    states = search.states(optuna_study) if handed_over else []
    if any(states[queued.number or 0] is TrialState.WAITING for queued in handed_over):
        return True
    # Failed without a row of ours: its worker died before it had all its parameters.
    lost = [queued.pk for queued in handed_over if states[queued.number or 0] is TrialState.FAIL]
    waiting.filter(pk__in=lost).update(number=None)
    first = waiting.filter(number__isnull=True).first()
    if first is None:
        return False
    number = search.enqueue(optuna_study, first.pk, parameters_of(first), resolved)
    waiting.filter(pk=first.pk).update(number=number)
    return True


def mark_enqueued(trial: Trial) -> None:
    """Say of a trial that has just been stored whether somebody asked for it."""
    queued = QueuedTrial.objects.filter(study=trial.study_id, number=trial.number)
    if queued.update(trial=trial):
        trial.source = Trial.Source.ENQUEUED
        trial.save(update_fields=["source"])
