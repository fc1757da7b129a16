"""Which trials a worker runs next: those that a lost worker left, then new ones.

Several workers may run one study. They share its search, and take turns to choose, so that
the trials of one study together are never more than are wanted, nor any of them run twice.
"""

import logging
from dataclasses import dataclass, field

import optuna
from optuna.trial import TrialState

from studies.engine import search
from studies.engine.ports import StopSignal
from studies.engine.search_space import unflatten
from studies.engine.session import Session
from studies.jobs import Lease
from studies.models import Study
from studies.runner.asking import Asked, Asking
from studies.runner.history import history_restore
from studies.runner.ports import TrialReporter
from studies.runner.telling import tell
from studies.runner.turns import Turns, marks_alive

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Groups of trials to run one after the other, and how many run elsewhere meanwhile."""

    groups: list[list[Asked]] = field(default_factory=list)
    n_elsewhere: int = 0


class Choosing:
    """Chooses trials for one worker of a study."""

    def __init__(
        self,
        study: Study,
        lease: Lease,
        optuna_study: optuna.Study,
        session: Session,
        reporter: TrialReporter,
        stop: StopSignal,
    ) -> None:
        self._study, self._optuna, self._session = study, optuna_study, session
        self._lease, self._reporter, self._stop = lease, reporter, stop
        self._turns = Turns(lease)
        self._asking = Asking(study, optuna_study, session, self._turns)
        self._has_history = False

    def next(self) -> Chosen:
        """Choose what to run now; no groups: nothing is wanted beyond what runs elsewhere.

        Raises:
            Stopped: the user asked for it.
            LeaseLostError: another worker has the job now.
        """
        with self._turns.turn(self._stop):
            self._lease.renew()  # a worker that was given up must not choose
            if not self._has_history:
                history_restore(
                    self._study,
                    self._optuna,
                    self._session,
                    self._lease,
                    self._reporter,
                    self._stop,
                )
                self._has_history = True
            return self._choose()

    def _choose(self) -> Chosen:
        lost, n_elsewhere = self._unfinished()
        n_wanted = self._n_wanted() - n_elsewhere
        groups = [[self._restart(frozen)] for frozen in lost]  # one of them may end workers
        if lost:
            groups.append(self._asking.rest(n_wanted - len(lost)))
        elif n_wanted > 0:
            self._reporter.phase("sampling")
            groups.append(self._asking.next(n_wanted))
        return Chosen(groups, n_elsewhere)

    def _n_wanted(self) -> int:
        fresh = Study.objects.only("n_trials", "n_finished").get(pk=self._study.pk)
        return fresh.n_trials - fresh.n_finished

    def _unfinished(self) -> tuple[list[optuna.trial.FrozenTrial], int]:
        """The trials that a lost worker left, and how many the others run.

        Tells Optuna on the way what our rows know of a lost worker's trials and it does not.
        """
        running = self._optuna.get_trials(deepcopy=False, states=[TrialState.RUNNING])
        numbers = [frozen.number for frozen in running]
        rows = {one.number: one for one in self._study.trials.filter(number__in=numbers)}
        alive = marks_alive(self._lease) - {self._turns.mark}
        lost, n_elsewhere = [], 0
        for frozen in running:
            row = rows.get(frozen.number)
            if search.holder_of(frozen) in alive:
                n_elsewhere += row is None  # else it is stored, and about to be told
            elif row is None:
                lost.append(frozen)
            else:
                tell(self._optuna, row)
        return lost, n_elsewhere

    def _restart(self, frozen: optuna.trial.FrozenTrial) -> Asked:
        search.hold(self._optuna, frozen.number, self._turns.mark)
        try:
            return frozen.number, unflatten(frozen.params, self._session.resolved)
        except KeyError:  # its worker was lost while its parameters were being sampled
            return frozen.number, self._asking.finish(frozen.number)
