"""The trial loop: ask, evaluate, store, tell; several trials at a time where that is faster.

A trial is stored in our tables first and told to Optuna second. Whatever a crash leaves
between the two is mended at the next start: a stored trial is told, an asked one is
evaluated again under its own number, so no parameters are repeated and no number is lost.
Before all others come the trials that a fork has taken over (`history`), and before what the
search would choose come those that somebody asked for (`enqueued`).
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from django.conf import settings
from django.db import DatabaseError, transaction

from studies.engine import search
from studies.engine.errors import EngineError
from studies.engine.parameters import nest
from studies.engine.ports import Stopped, StopSignal
from studies.engine.pruning import Front
from studies.engine.results import TrialResult
from studies.engine.session import Session
from studies.events import TrialStarted, events_record
from studies.jobs import Lease, LeaseLostError
from studies.models import Study, Trial
from studies.runner.asking import Asked, Parameters
from studies.runner.choosing import Choosing
from studies.runner.ports import TrialReporter
from studies.runner.recording import failure_record, pruned_record, trial_record
from studies.runner.telling import tell

logger = logging.getLogger(__name__)
MOST_FAILURES = 5  # in a row; then it is the study that fails, not a trial
PAUSE = 0.2  # seconds between two looks at what other workers have left
MOST_STARTS = 2  # of one trial; a trial that loses its worker each time is given up

# What ends a trial without being its fault.
NO_FAULT = (Stopped, LeaseLostError, DatabaseError)


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
        reporter: TrialReporter,
        stop: StopSignal,
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
        self.n_stored = 0
        self.optuna_study = search.make_study(
            settings.OPTUNA_STORAGE, f"study-{study.pk}", session.objectives
        )
        self.choosing = Choosing(study, lease, self.optuna_study, session, reporter, stop)

    def run(self, *, to_the_end: bool = True) -> None:
        """Finish what was begun, then run trials until `n_trials` are complete.

        Not `to_the_end`: only until nothing is left to begin, whatever other workers do.

        Raises:
            Stopped: the user asked for it.
            LeaseLostError: another worker has the job now.
            StudyUnusableError: `MOST_FAILURES` trials in a row failed.
        """
        while True:
            self.stop.check()
            chosen = self.choosing.next()
            for group in chosen.groups:
                self._run(group)
            if not chosen.groups:
                if not (to_the_end and chosen.n_elsewhere):
                    return
                self.between()
                time.sleep(PAUSE)  # another worker may fail with its trials, or be lost

    def _run(self, asked: Sequence[Asked]) -> None:
        """Run trials, as many side by side as the session wants."""
        waiting = list(asked)
        while waiting:
            self.between()
            count = self.session.trials_at_once
            now, waiting = waiting[:count], waiting[count:]
            self._run_together(self._begun(now))

    def _begun(self, asked: Sequence[Asked]) -> dict[int, Parameters]:
        """Count and announce starts; trials that have lost their worker too often get none."""
        starts = search.count_starts(self.optuna_study, [number for number, _ in asked])
        begun = {}
        for number, parameters in asked:
            if starts[number] > MOST_STARTS:
                lost = starts[number] - 1
                self._failed(number, parameters, f"Its worker was lost {lost} times.", 0.0)
            else:
                begun[number] = parameters
        self._announce(begun)
        return begun

    def _run_together(self, begun: dict[int, Parameters]) -> None:
        """Evaluate and store trials; what is stored leaves `begun`."""
        try:
            if len(begun) > 1 and self._all_at_once(begun):
                return
            for number, parameters in list(begun.items()):
                self._alone(number, parameters)
                del begun[number]
        except (Stopped, KeyboardInterrupt):
            search.count_starts(self.optuna_study, begun, by=-1)  # no fault of theirs
            raise

    def _all_at_once(self, begun: dict[int, Parameters]) -> bool:
        """Evaluate trials side by side; False if that failed, whichever is at fault."""
        self.reporter.trial = min(begun)
        try:
            results = self.session.evaluate_many(list(begun.values()), **self._rivals())
        except NO_FAULT:
            raise
        except Exception:
            logger.warning("trials failed together, each is run alone", exc_info=True)
            return False
        for (number, parameters), result in zip(list(begun.items()), results, strict=True):
            self._store(number, parameters, result)
            del begun[number]
        return True

    def _alone(self, number: int, parameters: Parameters) -> None:
        self.reporter.trial = number
        started = time.perf_counter()
        try:
            result = self.session.evaluate(parameters, **self._rivals())
        except NO_FAULT:
            raise
        except Exception as error:
            logger.exception("trial failed", extra={"trial": number})
            self._failed(number, parameters, _reason(error), time.perf_counter() - started)
            return
        self._store(number, parameters, result)

    def _rivals(self) -> dict[str, Front]:
        """By what a study that prunes judges its next trials, as a keyword: the front as it is.

        Whatever other trials come to meanwhile, those that it beats stay beaten.
        """
        if not self.session.may_prune:
            return {}
        front = Trial.objects.filter(study=self.study, is_pareto=True).order_by("number")
        return {"front": dict(front.values_list("number", "values"))}

    def _store(self, number: int, parameters: Parameters, result: TrialResult) -> None:
        record = pruned_record if result.pruned else trial_record
        row = record(self.lease, number, nest(parameters), result, self.session.objectives)
        tell(self.optuna_study, row)
        self.reporter.trial_took(result.seconds)
        self.failures = 0
        self.n_stored += 1

    @transaction.atomic
    def _announce(self, begun: Mapping[int, Parameters]) -> None:
        self.lease.renew()
        events = [TrialStarted(trial=n, parameters=nest(values)) for n, values in begun.items()]
        events_record(self.study.pk, events)

    def _failed(self, number: int, parameters: Parameters, reason: str, seconds: float) -> None:
        failure_record(self.lease, number, nest(parameters), reason, seconds)
        search.tell_failed(self.optuna_study, number)
        self.failures += 1
        if self.failures >= MOST_FAILURES:
            raise StudyUnusableError(f"{self.failures} trials in a row failed. {reason}")


def _reason(error: Exception) -> str:
    if isinstance(error, EngineError):
        return str(error)
    lines = str(error).splitlines() or [""]
    return f"Unexpected {type(error).__name__}: {lines[0]}"[:500]
