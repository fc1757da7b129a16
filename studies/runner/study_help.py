"""Helps a study that another worker runs: trials of the same search, until none is left."""

import threading
from collections.abc import Mapping
from typing import Any

from studies.engine.ports import Stopped
from studies.events import Noted, event_record
from studies.jobs import Lease
from studies.models.study import StudyStatus as Status
from studies.runner.job_run import JobContext, run_job
from studies.runner.ports import HelpReporter
from studies.runner.sessions import prepared_session
from studies.runner.trial_loop import TrialLoop


def run(lease: Lease, lease_lost: threading.Event) -> None:
    """Help with the study of a claimed job."""
    run_job(_help, lease, lease_lost)


def _help(context: JobContext) -> Mapping[str, Any]:
    study, lease, stop = context.study, context.lease, context.stop
    if study.status != Status.RUNNING:  # its run has ended meanwhile, or waits again
        raise Stopped
    reporter = HelpReporter(lease)
    prepared = prepared_session(study, reporter, stop)
    event_record(study.pk, Noted(text="Another worker has joined."))
    loop = TrialLoop(study, lease, prepared.session, reporter, stop)
    loop.run(to_the_end=False)
    return {"n_trials": loop.n_stored}
