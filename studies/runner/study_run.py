"""Runs a study from its claim to a final status; every way out leaves one."""

import logging
import threading
from functools import partial

from django.db import transaction
from django.db.models import F

from studies.engine.errors import EngineError
from studies.engine.ports import Stopped
from studies.events import Noted, event_record
from studies.jobs import (
    Failure,
    Lease,
    LeaseLostError,
    helpers_call,
    helpers_dismiss,
    job_enqueue,
)
from studies.lifecycle import StatusConflictError, study_transition
from studies.models import Job, Study
from studies.models.job import JobKind
from studies.models.study import StudyStatus as Status
from studies.runner.chats import WaitingChats
from studies.runner.failures import failure_of, is_passing
from studies.runner.ports import LeaseStop
from studies.runner.recording import baseline_record
from studies.runner.reporting import DatabaseReporter, progress_write
from studies.runner.sessions import prepared_session, session_drop
from studies.runner.trial_loop import TrialLoop

logger = logging.getLogger(__name__)
ALL_PRUNED = (
    "Every trial was pruned, so there is none to choose from. "
    "Fork the study with a higher limit or weaker parameters."
)


def run(lease: Lease, lease_lost: threading.Event) -> None:
    """Run the study of a claimed job."""
    try:
        study = study_transition(lease.study_id, to=Status.RUNNING)
    except StatusConflictError:  # stopped between its claim and now
        lease.finish(Job.Status.CANCELED)
        return
    log = {"study_id": str(study.pk)}
    try:
        _search(study, lease, LeaseStop(lease, lease_lost, partial(_is_asked_to_stop, study)))
    except Stopped:
        _end(lease, Status.STOPPED)
    except LeaseLostError:
        logger.warning("lease lost, result dropped", extra=log)
    except KeyboardInterrupt:
        logger.warning("told to end, study given back", extra=log)
        _give_back(lease)
        raise
    except BaseException as error:
        _fail(lease, error)
        if not isinstance(error, Exception):
            raise
    else:
        _end(lease, Status.COMPLETED)


def _fail(lease: Lease, error: BaseException) -> None:
    log = {"study_id": str(lease.study_id)}
    if is_passing(error):
        # The lease ends by itself, and the study goes on when the database is back.
        logger.error("database failed, study left to the next start", exc_info=error, extra=log)
        return
    if isinstance(error, EngineError):  # in words already
        logger.warning("study %s failed: %s", lease.study_id, error, extra=log)
    else:
        logger.error("study %s failed", lease.study_id, exc_info=error, extra=log)
    session_drop()  # the state of the model in memory is unknown
    _end(lease, Status.FAILED, failure_of(error))


def _is_asked_to_stop(study: Study) -> bool:
    return Study.objects.filter(pk=study.pk, status=Status.STOPPING).exists()


def _search(study: Study, lease: Lease, stop: LeaseStop) -> None:
    reporter = DatabaseReporter(lease)
    prepared = prepared_session(study, reporter, stop)
    baseline_record(lease, prepared.facts)
    helpers_call(study.pk, _n_workers(study) - 1)
    chats = WaitingChats(lease, prepared)
    TrialLoop(study, lease, prepared.session, reporter, stop, between=chats).run()


def _n_workers(study: Study) -> int:
    settings = {row["name"]: row["value"] for row in study.snapshot["settings"]}
    return int(settings.get("n_workers", 1))  # older studies have none


@transaction.atomic
def _end(lease: Lease, status: Status, failure: Failure | None = None) -> None:
    try:
        lease.finish(Job.Status.FAILED if failure else Job.Status.DONE, failure=failure)
    except LeaseLostError:
        logger.warning("lease lost at the end", extra={"study_id": str(lease.study_id)})
        return
    helpers_dismiss(lease.study_id)
    progress_write(lease, {})  # locks the study's row: no extension slips in from here
    if status is Status.COMPLETED and _was_extended(lease):
        study_transition(lease.study_id, to=Status.QUEUED, reason="It was extended.")
        job_enqueue(lease.study_id, JobKind.STUDY_RUN)  # this worker looks for it next
        return
    if status is Status.COMPLETED:
        _note_if_all_pruned(lease)
    failure = failure or Failure("", "", "")
    study_transition(
        lease.study_id,
        to=status,
        reason=failure.reason,
        error_code=failure.code,
        error_advice=failure.advice,
    )


def _note_if_all_pruned(lease: Lease) -> None:
    ended = Study.objects.filter(pk=lease.study_id, n_pruned__gt=0, n_taken_over=0)
    if ended.filter(n_pruned=F("n_finished")).exists():
        event_record(lease.study_id, Noted(text=ALL_PRUNED))


def _was_extended(lease: Lease) -> bool:
    unfinished = Study.objects.filter(pk=lease.study_id, n_finished__lt=F("n_trials"))
    return unfinished.filter(status=Status.RUNNING).exists()


def _give_back(lease: Lease) -> None:
    try:
        lease.give_back(reason="Its worker was told to end; it goes on with the next one.")
    except LeaseLostError:
        logger.warning("lease lost at the end", extra={"study_id": str(lease.study_id)})
