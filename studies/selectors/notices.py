"""Targets of notices and what came of the last ones; never with a secret."""

from typing import Any

from django.db.models import QuerySet

from studies.models import NoticeDelivery, NoticeTarget
from studies.selectors.access import User

Json = dict[str, Any]


def notice_targets_of(user: User) -> QuerySet[NoticeTarget]:
    """A user's own targets; nobody else's, staff or not."""
    if user is None or not user.is_authenticated:
        return NoticeTarget.objects.none()
    return NoticeTarget.objects.filter(user_id=user.pk).select_related("user")


def notice_deliveries_of(user: User, *, limit: int = 50) -> list[Json]:
    """The newest messages to a user's targets."""
    rows = NoticeDelivery.objects.filter(target__in=notice_targets_of(user))
    newest = rows.select_related("target", "study").only(
        "event", "status", "attempts", "result", "created_at", "done_at",
        "target__kind", "target__url", "study__name",
    )  # fmt: skip
    return [_delivery_out(row) for row in newest[:limit]]


def notice_target_out(target: NoticeTarget, secret: str = "") -> Json:
    """One target; with its secret only in the answer to its making."""
    is_mail = target.kind == NoticeTarget.Kind.EMAIL
    return {
        "id": target.pk,
        "kind": target.kind,
        "url": target.url,
        "address": target.user.email if is_mail else "",
        "on_finished": target.on_finished,
        "on_failed": target.on_failed,
        "on_new_best": target.on_new_best,
        "is_active": target.is_active,
        "secret": secret,
    }


def _delivery_out(delivery: NoticeDelivery) -> Json:
    return {
        "id": str(delivery.pk),
        "target": str(delivery.target),
        "event": delivery.event,
        "study": delivery.study and delivery.study.name,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "result": delivery.result,
        "created_at": delivery.created_at.isoformat(),
        "done_at": delivery.done_at and delivery.done_at.isoformat(),
    }
