"""Jobs and workers in the shapes that pages and API show."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from studies.models import Job, Worker
from studies.models.study import StudyStatus as Status
from studies.selectors.access import User, jobs_visible_to

Json = dict[str, Any]
WORKER_GONE = timedelta(seconds=60)  # without a sign of life a worker is no longer shown


def queue_places() -> dict[UUID, int]:
    """Number the queued jobs from 1, the next one first."""
    return {job_id: place for place, (job_id, _, _) in enumerate(_queue(), start=1)}


def study_places() -> dict[UUID, int]:
    """Return the places in the queue of the studies that wait to be run."""
    return {
        study_id: place
        for place, (_, study_id, kind) in enumerate(_queue(), start=1)
        if kind == Job.Kind.STUDY_RUN
    }


def _queue() -> QuerySet[Job, tuple[UUID, UUID, str]]:
    queued = Job.objects.filter(status=Job.Status.QUEUED).order_by("-priority", "created_at")
    return queued.values_list("pk", "study_id", "kind")


def queue_rows(user: User, *, limit: int = 50) -> list[Json]:
    """Return running, queued and lately ended jobs, in that order."""
    jobs = jobs_visible_to(user).defer("study__snapshot", "study__facts", "study__baseline")
    queued = jobs.filter(status=Job.Status.QUEUED).order_by("-priority", "created_at")
    running = jobs.filter(status=Job.Status.RUNNING).order_by("created_at")
    ended = jobs.exclude(status__in=[Job.Status.QUEUED, Job.Status.RUNNING])
    rows = [*running[:limit], *queued[:limit], *ended.order_by("-created_at")[:limit]]
    places = queue_places()
    return [job_out(job, places) for job in rows[:limit]]


def job_out(job: Job, places: Mapping[UUID, int]) -> Json:
    """One job as the queue page and the API show it; needs `study` joined, where it has one."""
    queued, running = job.status == Job.Status.QUEUED, job.status == Job.Status.RUNNING
    study = job.study
    run = study if job.kind == Job.Kind.STUDY_RUN else None
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "kind_label": job.get_kind_display(),
        "status": job.status,
        "place": places.get(job.pk) if queued else None,
        "priority": job.priority,
        "attempt": job.attempt,
        "worker": job.worker_id,
        "progress": (run.progress if run else job.progress) if running else {},
        "stopping": running
        and (job.stop_requested or (study is not None and study.status == Status.STOPPING)),
        "study": study and {"id": str(study.pk), "name": study.name},
        "trial": job.payload.get("trial"),
        "model": job.payload.get("model", ""),
        "result": job.result,
        "error": job.error,
        "error_code": job.error_code,
        "error_advice": job.error_advice,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at and job.started_at.isoformat(),
        "finished_at": job.finished_at and job.finished_at.isoformat(),
    }


def workers_seen() -> list[Json]:
    """Return the workers that gave a sign of life lately."""
    now = timezone.now()
    return [
        {
            "id": worker.id,
            "state": worker.state,
            "device": worker.device,
            "seen_seconds_ago": round(max(0.0, (now - worker.seen_at).total_seconds()), 1),
        }
        for worker in Worker.objects.filter(seen_at__gte=now - WORKER_GONE).order_by("id")
    ]
