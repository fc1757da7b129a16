"""Sends what is to be told: from a thread of the worker, so that no study waits for it.

Any number of workers may do so at once: a message is claimed by one conditional update, and
one that a dead worker had claimed is due again a little later. So a message may, rarely, come
twice: its id is the same then.
"""

import base64
import hashlib
import hmac
import json
import logging
import smtplib
import threading
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.mail import send_mail
from django.db import close_old_connections
from django.db.models import F
from django.utils import timezone

from studies.engine.errors import EngineError
from studies.engine.guarded_http import CALL_ERRORS, guarded_post
from studies.models import NoticeDelivery, NoticeTarget
from studies.models.notice import DeliveryStatus, NoticeKind
from studies.notices import KEPT
from studies.sealing import SealBrokenError, unseal

logger = logging.getLogger(__name__)
PURPOSE: Final = "webhook secret"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - as in the Standard Webhooks specification
ATTEMPTS: Final = 3
WAITS: Final = (timedelta(seconds=30), timedelta(minutes=5))  # before the second and the third
CLAIMED: Final = timedelta(minutes=2)  # far longer than a try takes
AT_ONCE: Final = 20  # messages between two looks
LOOK: Final = 3.0  # seconds between two looks


class UndeliveredError(Exception):
    """A message that did not arrive; the text says why, for its owner."""


def courier_start() -> None:
    """Start the thread."""
    threading.Thread(target=_deliver_forever, name="courier", daemon=True).start()


def _deliver_forever() -> None:
    pause = threading.Event()
    while True:
        try:
            close_old_connections()
            deliver_due()
        except Exception:  # whatever it is, the next look must come
            logger.exception("notices could not be sent")
        pause.wait(LOOK)


def deliver_due() -> int:
    """Send what is due now; return how many messages were tried."""
    now = timezone.now()
    waiting = NoticeDelivery.objects.filter(status=DeliveryStatus.WAITING, next_at__lte=now)
    tried = 0
    for row in waiting.order_by("next_at").values("pk", "attempts")[:AT_ONCE]:
        mine = NoticeDelivery.objects.filter(
            pk=row["pk"], attempts=row["attempts"], status=DeliveryStatus.WAITING
        )
        if mine.update(attempts=F("attempts") + 1, next_at=now + CLAIMED):
            _deliver(NoticeDelivery.objects.select_related("target__user").get(pk=row["pk"]))
            tried += 1
    if tried:
        NoticeDelivery.objects.filter(created_at__lt=now - KEPT).delete()
    return tried


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign a call: HMAC-SHA256 over `id.timestamp.body`, as Standard Webhooks has it."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _deliver(delivery: NoticeDelivery) -> None:
    now = timezone.now()
    try:
        send = _call if delivery.target.kind == NoticeKind.WEBHOOK else _mail
        result = send(delivery.target, delivery)
    except UndeliveredError as error:
        last = delivery.attempts >= ATTEMPTS
        delivery.status = DeliveryStatus.FAILED if last else DeliveryStatus.WAITING
        delivery.result = str(error)[:200]
        delivery.next_at = now if last else now + WAITS[delivery.attempts - 1]
    else:
        delivery.status, delivery.result = DeliveryStatus.SENT, result
    if delivery.status != DeliveryStatus.WAITING:
        delivery.done_at = now
    delivery.save(update_fields=["status", "result", "next_at", "done_at"])


def _call(target: NoticeTarget, delivery: NoticeDelivery) -> str:
    body = json.dumps(delivery.payload, ensure_ascii=False).encode()
    timestamp = int(timezone.now().timestamp())
    try:
        signed = signature(
            unseal(target.sealed_secret, PURPOSE), str(delivery.pk), timestamp, body
        )
        status = guarded_post(
            target.url,
            body,
            {
                "content-type": "application/json",
                "user-agent": f"heretic-web/{settings.PRODUCT_VERSION}",
                "webhook-id": str(delivery.pk),
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signed,
            },
            trusted=settings.WEBHOOK_TRUSTED_HOSTS,
        )
    except SealBrokenError as error:
        raise UndeliveredError("The secret cannot be read any more: make a new one.") from error
    except EngineError as error:
        raise UndeliveredError(str(error)) from error
    except CALL_ERRORS as error:
        raise UndeliveredError(f"No answer: {type(error).__name__}.") from error
    if not 200 <= status < 300:
        raise UndeliveredError(f"It answered {status}.")
    return f"It answered {status}."


def _mail(target: NoticeTarget, delivery: NoticeDelivery) -> str:
    address = target.user.email
    if not settings.EMAIL_IS_SET_UP:
        raise UndeliveredError("This server sends no e-mail: EMAIL_HOST is not set.")
    if not address:
        raise UndeliveredError("The account has no e-mail address.")
    try:
        send_mail(*mail_of(delivery), None, [address])
    except (OSError, smtplib.SMTPException) as error:
        raise UndeliveredError(f"The mail server failed: {type(error).__name__}.") from error
    return "Handed to the mail server."


def mail_of(delivery: NoticeDelivery) -> tuple[str, str]:
    """Subject and text of an e-mail."""
    told = delivery.payload
    study, best = told["study"], told["best"]
    name = study["name"] if study else "a test of your notifications"
    subject = f"Heretic Web: {delivery.get_event_display().lower()}, {name}"
    lines = [subject, ""]
    if best:
        lines.append(f"{best['name']}: {best['display']} (trial {best['trial']})")
    lines += [told["reason"], study["url"] if study else ""]
    return " ".join(subject.split()), "\n".join(line for line in lines if line)
