"""Runs a job that is no study's run; every way out leaves a final status."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from studies.engine.errors import DialogueTooLongError, EngineError, TemplateError
from studies.engine.ports import Stopped
from studies.jobs import Failure, Lease, LeaseLostError
from studies.models import Job, Study
from studies.models.job import JobStatus
from studies.runner.failures import failure_of, is_passing
from studies.runner.ports import JobReporter, LeaseStop
from studies.runner.sessions import session_drop

logger = logging.getLogger(__name__)
# Errors that are raised before a model in memory is changed: it may be used again.
UNTOUCHED = (DialogueTooLongError, TemplateError)


@dataclass(frozen=True, slots=True)
class JobContext:
    """What the work of a job is given: its row, its lease, whom to tell and whom to ask."""

    job: Job  # with its study joined
    lease: Lease
    reporter: JobReporter
    stop: LeaseStop

    @property
    def study(self) -> Study:
        """The study that the job is about; jobs about none do not ask."""
        assert self.job.study is not None, "this job is about no study"
        return self.job.study


Work = Callable[[JobContext], Mapping[str, Any]]  # the result, JSON


def run_job(work: Work, lease: Lease, lease_lost: threading.Event) -> None:
    """Do the work of a claimed job and store its result, or why there is none."""
    log = {"job_id": str(lease.job_id)}
    stop = LeaseStop(lease, lease_lost, lease.is_asked_to_stop)
    job = Job.objects.select_related("study").get(pk=lease.job_id)
    context = JobContext(job, lease, JobReporter(lease), stop)
    try:
        result = work(context)
    except Stopped:
        _finish(lease, JobStatus.CANCELED)
    except LeaseLostError:
        logger.warning("lease lost, result dropped", extra=log)
    except KeyboardInterrupt:
        logger.warning("told to end, job given back", extra=log)
        _give_back(lease)
        raise
    except BaseException as error:
        _fail(lease, error)
        if not isinstance(error, Exception):
            raise
    else:
        _finish(lease, JobStatus.DONE, result=result)


def _fail(lease: Lease, error: BaseException) -> None:
    log = {"job_id": str(lease.job_id)}
    if is_passing(error):
        logger.error("database failed, job left to the next start", exc_info=error, extra=log)
        return
    if isinstance(error, EngineError):  # in words already
        logger.warning("job %s failed: %s", lease.job_id, error, extra=log)
    else:
        logger.error("job %s failed", lease.job_id, exc_info=error, extra=log)
    if not isinstance(error, UNTOUCHED):
        session_drop()  # the state of the model in memory is unknown
    _finish(lease, JobStatus.FAILED, failure=failure_of(error))


def _finish(
    lease: Lease,
    status: JobStatus,
    *,
    failure: Failure | None = None,
    result: Mapping[str, Any] | None = None,
) -> None:
    try:
        lease.finish(status, failure=failure, result=result)
    except LeaseLostError:
        logger.warning("lease lost at the end", extra={"job_id": str(lease.job_id)})


def _give_back(lease: Lease) -> None:
    try:
        lease.give_back(reason="Its worker was told to end; it goes on with the next one.")
    except LeaseLostError:
        logger.warning("lease lost at the end", extra={"job_id": str(lease.job_id)})
