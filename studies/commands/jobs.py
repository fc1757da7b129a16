"""What a user may do to a job in the queue."""

from studies.commands.studies import study_stop
from studies.engine.errors import InvalidInputError, Problem
from studies.jobs import ACTIVE, job_stop
from studies.lifecycle import StatusConflictError
from studies.models import Job
from studies.uploading import tokens_forget


def job_cancel(job: Job) -> Job:
    """Cancel a queued job now, a running one as soon as its worker reads the request.

    Raises:
        StatusConflictError: it has ended.
    """
    if job.status not in ACTIVE:
        raise StatusConflictError(job.status, Job.Status.CANCELED.value)
    if job.kind == Job.Kind.STUDY_RUN and job.study:
        study_stop(job.study)
    elif not job_stop(job.pk):  # it has ended meanwhile
        job.refresh_from_db()
        raise StatusConflictError(job.status, Job.Status.CANCELED.value)
    tokens_forget()
    job.refresh_from_db()
    return job


def job_set_priority(job: Job, priority: int) -> Job:
    """Move a queued job before or behind others; higher runs first.

    Raises:
        InvalidInputError: the priority is outside -100 to 100.
        StatusConflictError: the job is no longer queued.
    """
    if not -100 <= priority <= 100:
        message = f"must be between -100 and 100 (got {priority})"
        raise InvalidInputError([Problem("priority", message)])
    queued = Job.objects.filter(pk=job.pk, status=Job.Status.QUEUED)
    if not queued.update(priority=priority):
        raise StatusConflictError(job.status, "queued with another priority")
    job.refresh_from_db()
    return job
