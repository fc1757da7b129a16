"""The trial loop: ask, evaluate, store, tell.

A trial is stored in our tables first and told to Optuna second. Whatever a crash leaves
between the two is mended at the next start: a stored trial is told, an asked one is
evaluated again under its own number, so no parameters are repeated and no number is lost.
Before all others come the trials that a fork has taken over (`history`), and before what the
search would choose come those that somebody asked for (`enqueued`).
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from django.conf import settings
from django.db import DatabaseError, transaction

from studies.engine import search
from studies.engine.errors import EngineError
from studies.engine.parameters import Key, nest
from studies.engine.ports import Stopped
from studies.engine.search_space import unflatten
from studies.engine.session import Session
from studies.events import TrialStarted, event_record
from studies.jobs import Lease, LeaseLostError
from studies.models import Study, Trial
from studies.runner.enqueued import hand_over_next
from studies.runner.history import history_restore
from studies.runner.recording import failure_record, trial_record
from studies.runner.reporting import DatabaseReporter, DatabaseStop

logger = logging.getLogger(__name__)
MOST_FAILURES = 5  # in a row; then it is the study that fails, not a trial
MOST_STARTS = 2  # of one trial; a trial that loses its worker each time is given up

Parameters = Mapping[Key, float | str]


class StudyUnusableError(EngineError):
    """Several trials in a row failed."""

    code = "trials_failed"


class TrialLoop:
    """Runs trials of one study until it has as many as it should."""

    def __init__(
        self,
        study: Study,
        lease: Lease,
        session: Session,
        reporter: DatabaseReporter,
        stop: DatabaseStop,
        *,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.study = study
        self.lease = lease
        self.session = session
        self.reporter = reporter
        self.stop = stop
        self.between = between  # called where no trial is under way
        self.failures = 0  # in a row
        self.settings = {row["name"]: row["value"] for row in study.snapshot["settings"]}
        self.optuna_study = search.make_study(
            settings.OPTUNA_STORAGE, f"study-{study.pk}", session.objectives
        )

    def run(self) -> None:
        """Finish what was begun, then run trials until `n_trials` are complete.

        Raises:
            Stopped: the user asked for it.
            LeaseLostError: another worker has the study now.
            StudyUnusableError: `MOST_FAILURES` trials in a row failed.
        """
        history_restore(
            self.study, self.optuna_study, self.session, self.lease, self.reporter, self.stop
        )
        for number, parameters in self._unfinished():
            self._run_trial(number, parameters)
        while self._is_wanted():
            self.stop.check()
            self.between()
            self.reporter.phase("sampling")
            self.lease.renew()  # two workers must not ask for one study
            number, parameters = self._ask()
            self._run_trial(number, parameters)

    def _is_wanted(self) -> bool:
        fresh = Study.objects.only("n_trials", "n_finished").get(pk=self.study.pk)
        return fresh.n_finished < fresh.n_trials

    def _ask(self) -> tuple[int, Parameters]:
        sampler = search.sampler_for(
            self.settings["seed"],
            search.count_trials(self.optuna_study),
            self.settings["n_startup_trials"],
        )
        hand_over_next(self.study, self.optuna_study, self.session.resolved)
        trial, parameters = search.ask(self.optuna_study, self.session.resolved, sampler)
        return trial.number, parameters

    def _run_trial(self, number: int, parameters: Parameters) -> None:
        starts = search.count_start(self.optuna_study, number)
        if starts > MOST_STARTS:
            self._failed(number, parameters, f"Its worker was lost {starts - 1} times.", 0.0)
            return
        nested = nest(parameters)
        self.reporter.trial = number
        self._announce(number, nested)
        started = time.perf_counter()
        try:
            result = self.session.evaluate(parameters)
        except (Stopped, KeyboardInterrupt):
            search.count_start(self.optuna_study, number, by=-1)  # no fault of the trial's
            raise
        except (LeaseLostError, DatabaseError):
            raise  # no fault of the trial's either
        except Exception as error:
            logger.exception("trial failed", extra={"trial": number})
            self._failed(number, parameters, _reason(error), time.perf_counter() - started)
            return
        row = trial_record(self.lease, number, nested, result, self.session.objectives)
        search.tell_complete(self.optuna_study, number, row.values)
        self.reporter.trial_took(time.perf_counter() - started)
        self.failures = 0

    @transaction.atomic
    def _announce(self, number: int, parameters: dict[str, Any]) -> None:
        self.lease.renew()
        event_record(self.study.pk, TrialStarted(trial=number, parameters=parameters))

    def _failed(self, number: int, parameters: Parameters, reason: str, seconds: float) -> None:
        failure_record(self.lease, number, nest(parameters), reason, seconds)
        search.tell_failed(self.optuna_study, number)
        self.failures += 1
        if self.failures >= MOST_FAILURES:
            raise StudyUnusableError(f"{self.failures} trials in a row failed. {reason}")

    def _unfinished(self) -> list[tuple[int, Parameters]]:
        """Tell Optuna what our rows know and it does not; list what was asked but not stored."""
        rows = {trial.number: trial for trial in Trial.objects.filter(study=self.study)}
        pending = []
        for frozen in self.optuna_study.get_trials(
            deepcopy=False, states=[optuna.trial.TrialState.RUNNING]
        ):
            row = rows.get(frozen.number)
            if row is None:
                pending += self._restart(frozen)
            elif row.state == Trial.State.COMPLETE:
                search.tell_complete(self.optuna_study, frozen.number, row.values)
            else:
                search.tell_failed(self.optuna_study, frozen.number)
        return pending

    def _restart(self, frozen: optuna.trial.FrozenTrial) -> list[tuple[int, Parameters]]:
        try:
            return [(frozen.number, unflatten(frozen.params, self.session.resolved))]
        except KeyError:  # it died while its parameters were being sampled
            search.tell_failed(self.optuna_study, frozen.number)
            return []


def _reason(error: Exception) -> str:
    if isinstance(error, EngineError):
        return str(error)
    lines = str(error).splitlines() or [""]
    return f"Unexpected {type(error).__name__}: {lines[0]}"[:500]
