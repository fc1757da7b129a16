from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from studies import commands
from studies.api.answers.paging import Page, page_of
from studies.api.answers.work import JobOut
from studies.api.auth import ApiRequest
from studies.api.schemas import JobId, JobQuery, PriorityIn
from studies.models import Job
from studies.selectors import job_out, jobs_visible_to, queue_places

router = Router(tags=["jobs"])
Json = dict[str, Any]


@router.get("", response=Page[JobOut], operation_id="job_list")
def job_list(request: ApiRequest, query: Query[JobQuery]) -> Json:
    """List the jobs of the studies that you may see, the newest first."""
    jobs = jobs_visible_to(request.auth).order_by("-created_at", "-pk")
    if query.status:
        jobs = jobs.filter(status=query.status)
    rows = page_of(jobs.defer("study__snapshot", "study__facts", "study__baseline"), query)
    places = queue_places()
    return rows | {"items": [job_out(job, places) for job in rows["items"]]}


@router.post("/{job_id}/cancel", response={202: JobOut}, operation_id="job_cancel")
def job_cancel(request: ApiRequest, job_id: JobId) -> Status[Json]:
    """Take a job out of the queue, or stop it as soon as its worker can."""
    job = commands.job_cancel(_job(request, job_id))
    return Status(202, job_out(job, queue_places()))


@router.post("/{job_id}/priority", response={202: JobOut}, operation_id="job_priority")
def job_priority(request: ApiRequest, job_id: JobId, body: PriorityIn) -> Status[Json]:
    """Move a queued job before or behind others."""
    job = commands.job_set_priority(_job(request, job_id), body.priority)
    return Status(202, job_out(job, queue_places()))


def _job(request: ApiRequest, job_id: UUID) -> Job:
    return get_object_or_404(jobs_visible_to(request.auth), pk=job_id)
