"""Uploads in the shape that pages and API show; never with a token."""

from typing import Any

from studies.models import Export, Upload
from studies.selectors.queue import job_out

Json = dict[str, Any]


def uploads_of(export: Export, *, limit: int = 20) -> list[Json]:
    """The newest uploads of an export."""
    rows = export.uploads.select_related("job__study").defer(
        "sealed_token", "job__study__snapshot", "job__study__facts", "job__study__baseline"
    )
    return [upload_out(row) for row in rows[:limit]]


def upload_out(upload: Upload) -> Json:
    """One upload; needs job and its study joined."""
    return {
        "id": str(upload.pk),
        "repo_id": upload.repo_id,
        "private": upload.is_private,
        "message": upload.message,
        "has_own_token": upload.has_own_token,
        "url": upload.job.result.get("url"),
        "job": job_out(upload.job, {}),
        "created_at": upload.created_at.isoformat(),
    }
