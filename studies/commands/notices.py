"""Whom a user wants to be told of their studies."""

import base64
import secrets
from collections.abc import Mapping

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from studies.courier import PURPOSE, SECRET_PREFIX
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.guarded_http import url_problem
from studies.models import NoticeDelivery, NoticeTarget
from studies.models.notice import NoticeEvent, NoticeKind
from studies.notices import payload_of
from studies.sealing import seal

SECRET_BYTES = 32
MAX_TARGETS = 10  # of one user
CHANGEABLE = ("on_finished", "on_failed", "on_new_best", "is_active")


@transaction.atomic
def notice_target_create(
    user: User, kind: NoticeKind, url: str, occasions: Mapping[str, bool]
) -> tuple[NoticeTarget, str]:
    """Add a target; the secret beside it signs a webhook's calls and is shown this once.

    Raises:
        InvalidInputError: the address cannot be called, or there are too many.
    """
    # The lock lets requests at the same time count each other.
    User.objects.select_for_update().get(pk=user.pk)
    targets = NoticeTarget.objects.filter(user=user)
    if problem := _problem(user, kind, url, targets.count()):
        raise InvalidInputError([problem])
    if kind == NoticeKind.EMAIL and targets.filter(kind=kind).exists():
        raise InvalidInputError([Problem("kind", "is set up already")])
    is_webhook = kind == NoticeKind.WEBHOOK
    secret = _secret() if is_webhook else ""
    target = NoticeTarget.objects.create(
        user=user,
        kind=kind,
        url=url if is_webhook else "",
        sealed_secret=seal(secret, PURPOSE) if secret else "",
        **{name: occasions[name] for name in CHANGEABLE if name in occasions},
    )
    return target, secret


def notice_target_update(target: NoticeTarget, changes: Mapping[str, bool]) -> NoticeTarget:
    """Change of what a target is told."""
    named = [name for name in CHANGEABLE if name in changes]
    for name in named:
        setattr(target, name, changes[name])
    target.save(update_fields=named)
    return target


def notice_target_test(target: NoticeTarget) -> NoticeDelivery:
    """Send a message of no study, so that its owner sees whether it arrives."""
    return NoticeDelivery.objects.create(
        target=target, event=NoticeEvent.TEST, payload=payload_of(NoticeEvent.TEST, None)
    )


def _problem(user: User, kind: NoticeKind, url: str, count: int) -> Problem | None:
    if count >= MAX_TARGETS:
        return Problem("", f"There are {count} already; at most {MAX_TARGETS} can be.")
    if kind == NoticeKind.WEBHOOK:
        said = url_problem(url, settings.WEBHOOK_TRUSTED_HOSTS)
        return Problem("url", said) if said else None
    if not settings.EMAIL_IS_SET_UP:
        return Problem("kind", "cannot be email here: the server has no EMAIL_HOST")
    return None if user.email else Problem("kind", "needs an e-mail address in your account")


def _secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
