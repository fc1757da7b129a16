"""What happens now: studies at work, those that wait, and the workers."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from studies.models import Job, Study
from studies.models.study import StudyStatus as Status
from studies.selectors.access import User, studies_visible_to
from studies.selectors.queue import workers_seen
from studies.selectors.studies import HEAVY, study_summary

Json = dict[str, Any]
MOST_RUNNING = 12  # shown; the queue page has all
MOST_WAITING = 5


def dashboard(user: User, places: Mapping[UUID, int]) -> Json:
    """Return running studies with their workers, the next in the queue, and all workers.

    `places` are those of `queue_places`.
    """
    visible = studies_visible_to(user).select_related("profile", "owner").defer(*HEAVY)
    visible = visible.prefetch_related("tag_rows")
    at_work = visible.filter(status__in=(Status.RUNNING, Status.STOPPING)).order_by("started_at")
    waiting = list(visible.filter(status=Status.QUEUED))
    waiting.sort(key=lambda study: places.get(study.pk, len(places) + 1))
    workers = workers_seen()
    return {
        "running": _running(list(at_work[:MOST_RUNNING]), workers),
        "waiting": [study_summary(study, places) for study in waiting[:MOST_WAITING]],
        "n_waiting": len(waiting),
        "workers": workers,
    }


def time_left(seconds: float | None) -> str:
    """Say roughly how long something takes, or nothing where nobody knows."""
    if not seconds:
        return ""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"about {max(1, round(seconds))} s left" if seconds < 90 else "about 2 min left"
    if minutes < 120:
        return f"about {minutes} min left"
    return f"about {round(minutes / 60)} h left"


def _running(studies: list[Study], workers: list[Json]) -> list[Json]:
    devices = {worker["id"]: worker["device"] for worker in workers}
    jobs = Job.objects.filter(study__in=studies, status=Job.Status.RUNNING)
    holders = dict(jobs.values_list("study_id", "worker_id"))
    return [
        study_summary(study)
        | {
            "progress": study.progress,
            "time_left": time_left(study.progress.get("eta_seconds")),
            "worker": holders.get(study.pk, ""),
            "device": devices.get(holders.get(study.pk, ""), ""),
        }
        for study in studies
    ]
