"""What users are told of their studies: one row for each message, written with its occasion.

A message is a row of the same transaction as what it tells, so it is neither lost nor sent for
something that was rolled back. Workers send them (`studies.courier`).

The payload of a webhook, JSON:
`{"event": "finished" | "failed" | "new_best" | "test", "at": "2026-01-31T12:00:00+00:00",
"study": {"id", "name", "model", "url"} | null, "reason": "…",
"best": {"name", "value", "display", "trial"} | null}`
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from studies.models import NoticeDelivery, NoticeTarget, Study
from studies.models.notice import NoticeEvent

Json = dict[str, Any]
KEPT: Final = timedelta(days=30)  # after which a delivery is removed


def notify(
    study_id: UUID, event: NoticeEvent, *, reason: str = "", best: Mapping[str, Any] | None = None
) -> int:
    """Write a message to each target that its owner has set up for such an event."""
    wanted = {f"on_{event.value}": True, "is_active": True, "user__is_active": True}
    targets = list(NoticeTarget.objects.filter(user__studies=study_id, **wanted))
    if not targets:
        return 0
    study = Study.objects.only("id", "name", "model").get(pk=study_id)
    payload = payload_of(event, study, reason=reason, best=best)
    rows = [
        NoticeDelivery(target=target, study=study, event=event, payload=payload)
        for target in targets
    ]
    NoticeDelivery.objects.bulk_create(rows)
    return len(rows)


def payload_of(
    event: NoticeEvent,
    study: Study | None,
    *,
    reason: str = "",
    best: Mapping[str, Any] | None = None,
) -> Json:
    """What is told of an event, as the module's text describes it."""
    told = study and {
        "id": str(study.pk),
        "name": study.name,
        "model": study.model,
        "url": f"{settings.PUBLIC_URL}/studies/{study.pk}/",
    }
    return {
        "event": event.value,
        "at": timezone.now().isoformat(timespec="seconds"),
        "study": told,
        "reason": reason,
        "best": dict(best) if best else None,
    }


def improved(before: list[Json], after: list[Json]) -> Json | None:
    """The first objective whose best value was bettered; a first value betters nothing."""
    old = {row["name"]: row["trial"] for row in before}
    bettered = (row for row in after if row["name"] in old and old[row["name"]] != row["trial"])
    return next(bettered, None)
