from typing import Any

from django.shortcuts import get_object_or_404
from ninja import Router, Status

from studies import commands, selectors
from studies.api.answers.notices import NoticeDeliveryOut, NoticeTargetOut
from studies.api.auth import ApiRequest
from studies.api.schemas import NoticeTargetId, NoticeTargetIn, NoticeTargetPatch
from studies.models import NoticeTarget
from studies.models.notice import NoticeKind

router = Router(tags=["notifications"])
Json = dict[str, Any]


@router.get("", response=list[NoticeTargetOut], operation_id="notice_target_list")
def notice_target_list(request: ApiRequest) -> list[Json]:
    """List your own webhooks and your e-mail; secrets are not told again."""
    return [selectors.notice_target_out(row) for row in selectors.notice_targets_of(request.auth)]


@router.post("", response={201: NoticeTargetOut}, operation_id="notice_target_create")
def notice_target_create(request: ApiRequest, body: NoticeTargetIn) -> Status[Json]:
    """Add a webhook or e-mail.

    A webhook is called as the Standard Webhooks specification says: `webhook-signature` is the
    HMAC-SHA256 of `id.timestamp.body`. The body is `{event, at, study: {id, name, model, url},
    reason, best: {name, value, display, trial}}`, with `event` one of finished, failed,
    new_best and test. The secret is in this answer alone.
    """
    occasions = body.model_dump(exclude={"kind", "url"})
    kind = NoticeKind(body.kind)
    target, secret = commands.notice_target_create(request.auth, kind, body.url, occasions)
    return Status(201, selectors.notice_target_out(target, secret))


@router.get("/deliveries", response=list[NoticeDeliveryOut], operation_id="notice_delivery_list")
def notice_delivery_list(request: ApiRequest) -> list[Json]:
    """List the last messages and what came of each."""
    return selectors.notice_deliveries_of(request.auth)


@router.patch("/{target_id}", response=NoticeTargetOut, operation_id="notice_target_update")
def notice_target_update(
    request: ApiRequest, target_id: NoticeTargetId, body: NoticeTargetPatch
) -> Json:
    """Change of what a target is told, or switch it off."""
    changes = body.model_dump(exclude_none=True)
    target = commands.notice_target_update(_target(request, target_id), changes)
    return selectors.notice_target_out(target)


@router.delete("/{target_id}", response={204: None}, operation_id="notice_target_delete")
def notice_target_delete(request: ApiRequest, target_id: NoticeTargetId) -> Status[None]:
    """Remove a target with its messages."""
    _target(request, target_id).delete()
    return Status(204, None)


@router.post("/{target_id}/test", response={204: None}, operation_id="notice_target_test")
def notice_target_test(request: ApiRequest, target_id: NoticeTargetId) -> Status[None]:
    """Send a test; the list of deliveries says what came of it."""
    commands.notice_target_test(_target(request, target_id))
    return Status(204, None)


def _target(request: ApiRequest, target_id: int) -> NoticeTarget:
    return get_object_or_404(selectors.notice_targets_of(request.auth), pk=target_id)
