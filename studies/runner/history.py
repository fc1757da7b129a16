"""The trials that a fork has taken over, made known to its search."""

from optuna.study import Study as OptunaStudy

from studies.engine import search
from studies.engine.ports import Reporter, StopSignal
from studies.engine.session import Session
from studies.forking import parameters_of
from studies.jobs import Lease
from studies.models import Study, Trial


def history_restore(
    study: Study,
    optuna_study: OptunaStudy,
    session: Session,
    lease: Lease,
    reporter: Reporter,
    stop: StopSignal,
) -> None:
    """Tell the search what was taken over, before it is asked for the first time.

    The rows have the numbers 0, 1, 2 … that the search will give them, and each is added in
    one step: whatever a crash leaves undone is exactly what is still missing at the next start.

    Raises:
        Stopped: the user asked for it.
        LeaseLostError: another worker has the study now.
    """
    rows = study.trials.filter(source=Trial.Source.TAKEN_OVER).order_by("number")
    missing = rows.filter(number__gte=search.count_trials(optuna_study))
    total = study.n_taken_over
    for row in missing.iterator():
        stop.check()
        reporter.phase("history", done=row.number, total=total)
        lease.renew()
        search.add_complete(optuna_study, parameters_of(row), row.values, session.resolved)
