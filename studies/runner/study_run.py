"""Runs a study from its claim to a final status; every way out leaves one."""

import errno
import logging
import threading
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from studies.engine.errors import EngineError
from studies.engine.methods import method_get
from studies.engine.model_files import inspect_model, locate_model
from studies.engine.parameters import Key, read_value
from studies.engine.ports import Stopped
from studies.engine.problems import place_at
from studies.engine.session import Session
from studies.engine.settings import complete_settings
from studies.engine.values import Value
from studies.jobs import Lease, LeaseLostError, job_enqueue
from studies.lifecycle import StatusConflictError, study_transition
from studies.models import Job, Study
from studies.models.job import JobKind
from studies.models.study import StudyStatus as Status
from studies.runner.prompts import prompts_load
from studies.runner.recording import baseline_record
from studies.runner.reporting import DatabaseReporter, DatabaseStop, progress_write
from studies.runner.trial_loop import TrialLoop

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a study failed, in words for its owner."""

    reason: str
    code: str = "internal_error"
    advice: str = "The worker's log has the details."


DISK_FULL = Failure(
    "The disk with the data folder is full.",
    "disk_full",
    "Free some space, then resume the study; its finished trials are kept.",
)


def run(lease: Lease, *, lease_lost: threading.Event) -> None:
    """Run the study of a claimed job."""
    try:
        study = study_transition(lease.study_id, to=Status.RUNNING)
    except StatusConflictError:  # stopped between its claim and now
        lease.finish(Job.Status.CANCELED)
        return
    log = {"study_id": str(study.pk)}
    try:
        _search(study, lease, DatabaseStop(lease, lease_lost))
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
    passing = isinstance(error, DatabaseError | SQLAlchemyError | StorageInternalError)
    if passing and not is_disk_full(error):
        # The lease ends by itself, and the study goes on when the database is back.
        logger.error("database failed, study left to the next start", exc_info=error, extra=log)
        return
    if isinstance(error, EngineError):  # in words already
        logger.warning("study %s failed: %s", lease.study_id, error, extra=log)
    else:
        logger.error("study %s failed", lease.study_id, exc_info=error, extra=log)
    _end(lease, Status.FAILED, failure_of(error))


def failure_of(error: BaseException) -> Failure:
    """Put an error into words; what is not ours is named by its type and first line."""
    if isinstance(error, EngineError):
        return Failure(str(error), error.code, error.advice)
    if is_disk_full(error):
        return DISK_FULL
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(
            f"The system refused: {error.strerror}.",
            "system_error",
            "Check the free space and the permissions of the data folder.",
        )
    lines = str(error).splitlines() or [""]
    return Failure(f"Unexpected {type(error).__name__}: {lines[0]}"[:500])


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that there is no space left."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "disk is full" in str(error):  # SQLite's words
            return True
        error = error.__cause__
    return False


def session_for(study: Study, reporter: DatabaseReporter, stop: DatabaseStop) -> Session:
    """Build the engine's session from a study's frozen snapshot.

    Raises:
        EngineError: the model or a prompt set cannot be used any more.
    """
    snapshot = study.snapshot
    method = method_get(snapshot["method"])
    values = {row["name"]: row["value"] for row in snapshot["settings"]}
    ref = locate_model(study.model, settings.MODEL_ROOTS)
    if ref.path:
        inspect_model(ref.path)
    reporter.phase("prompts")
    return Session(
        model_path=str(ref.path or ref.source),
        revision=values.get("model_commit"),
        method=method,
        settings=complete_settings(method, values),
        prompt_sets=prompts_load(study),
        resolved=resolved_values(snapshot),
        reporter=reporter,
        stop=stop,
    )


def resolved_values(snapshot: dict[str, Any]) -> dict[Key, Value]:
    """Read the frozen search space; checked again, since the worker trusts no stored value."""
    method = method_get(snapshot["method"])
    return {
        key: read_value(method, key, row["value"], place_at("parameters", filter(None, key)))
        for row in (*snapshot["parameters"], *snapshot.get("further_parameters", ()))
        for key in [Key(row["name"], row["component"])]
    }


def _search(study: Study, lease: Lease, stop: DatabaseStop) -> None:
    reporter = DatabaseReporter(lease)
    session = session_for(study, reporter, stop)
    facts = session.prepare()
    baseline_record(lease, facts)
    TrialLoop(study, lease, session, reporter, stop).run()


@transaction.atomic
def _end(lease: Lease, status: Status, failure: Failure | None = None) -> None:
    failure = failure or Failure("", "", "")
    job_status = Job.Status.FAILED if failure.reason else Job.Status.DONE
    try:
        lease.finish(job_status, error=failure.reason)
    except LeaseLostError:
        logger.warning("lease lost at the end", extra={"study_id": str(lease.study_id)})
        return
    progress_write(lease, {})  # locks the study's row: no extension slips in from here
    if status is Status.COMPLETED and _was_extended(lease):
        study_transition(lease.study_id, to=Status.QUEUED, reason="It was extended.")
        job_enqueue(lease.study_id, JobKind.STUDY_RUN)  # this worker looks for it next
        return
    study_transition(
        lease.study_id,
        to=status,
        reason=failure.reason,
        error_code=failure.code,
        error_advice=failure.advice,
    )


def _was_extended(lease: Lease) -> bool:
    unfinished = Study.objects.filter(pk=lease.study_id, n_finished__lt=F("n_trials"))
    return unfinished.filter(status=Status.RUNNING).exists()


def _give_back(lease: Lease) -> None:
    try:
        lease.give_back(reason="Its worker was told to end; it goes on with the next one.")
    except LeaseLostError:
        logger.warning("lease lost at the end", extra={"study_id": str(lease.study_id)})
