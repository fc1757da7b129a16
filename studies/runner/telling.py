"""What the search is told of a trial, from its stored row."""

from optuna.study import Study as OptunaStudy

from studies.engine import search
from studies.models import Trial


def tell(study: OptunaStudy, trial: Trial) -> None:
    """Tell how a trial has ended; once that is known, nothing changes."""
    if trial.state == Trial.State.COMPLETE:
        search.tell_complete(study, trial.number, trial.values)
    elif trial.state == Trial.State.PRUNED:
        excess = trial.pruned.get("excess")
        search.tell_pruned(study, trial.number, trial.values, excess)
    else:
        search.tell_failed(study, trial.number)
