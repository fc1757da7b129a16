"""Trials that a study was asked to try and has not tried yet."""

from typing import Any

from studies.models import QueuedTrial, Study

Json = dict[str, Any]


def waiting_trials(study: Study) -> list[Json]:
    """Return what waits to be tried, the next one first."""
    waiting = study.queued_trials.filter(trial__isnull=True).select_related("origin")
    return [waiting_out(queued) for queued in waiting.order_by("pk")]


def waiting_out(queued: QueuedTrial) -> Json:
    """One waiting trial as pages, events and API show it."""
    origin = queued.origin
    return {
        "id": queued.pk,
        "parameters": queued.parameters,
        "origin": origin and {"study": str(origin.study_id), "number": origin.number},
    }
