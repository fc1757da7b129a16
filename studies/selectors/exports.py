"""Exports in the shapes that pages and API show."""

from typing import Any

from django.db.models import QuerySet

from studies.engine.export_options import STRATEGIES
from studies.exporting import unavailable_strategies
from studies.models import Export, Study
from studies.selectors.access import User, studies_visible_to
from studies.selectors.queue import job_out

Json = dict[str, Any]
READY = "ready"


def exports_visible_to(user: User) -> QuerySet[Export]:
    """Return the exports of the studies that a user may read."""
    visible = Export.objects.filter(study__in=studies_visible_to(user))
    return visible.select_related("job__study", "trial").defer(
        "job__study__snapshot", "job__study__facts", "job__study__baseline", "trial__scores"
    )


def exports_of(user: User, study: Study, number: int) -> QuerySet[Export]:
    """Return the exports of one trial, the newest first."""
    return exports_visible_to(user).filter(study=study, trial__number=number)


def export_out(export: Export) -> Json:
    """One export as pages and API show it; needs job, its study and trial joined."""
    is_ready = export.ready_at is not None
    return {
        "id": str(export.pk),
        "study": str(export.study_id),
        "trial": export.trial.number,
        "strategy": export.strategy,
        "options": export.options,
        "status": READY if is_ready else export.job.status,
        "size": export.size,
        "job": job_out(export.job, {}),
        "manifest": export.manifest if is_ready else None,
        "created_at": export.created_at.isoformat(),
        "ready_at": export.ready_at and export.ready_at.isoformat(),
    }


def export_strategies() -> list[Json]:
    """What can be exported here, and why the rest cannot."""
    missing = unavailable_strategies()
    return [
        {"name": name, "label": label, "unavailable": missing.get(name, "")}
        for name, label in STRATEGIES.items()
    ]


def export_file(export: Export, path: str) -> Json | None:
    """The manifest's entry of a file of a finished export; no other path names a file."""
    if export.ready_at is None:
        return None
    return next((row for row in export.manifest["files"] if row["path"] == path), None)
