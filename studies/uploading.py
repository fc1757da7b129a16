"""The way of a typed hub token to the worker, which may be another process or machine.

It waits in its upload's row, sealed (`studies.sealing`), and is taken out of it by the worker
before the first byte is sent. What is not taken is forgotten when its job ends, after thirty
minutes at the latest, and cannot be opened after that even where it is found in a copy of the
database. It is in no job, queue message, event or log.
"""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from studies.engine.errors import EngineError
from studies.jobs import ACTIVE
from studies.models import Upload
from studies.sealing import SealBrokenError, seal, unseal

PURPOSE = "hub token"
LIFETIME = timedelta(minutes=30)


class TokenGoneError(EngineError):
    """A typed token that is no longer there."""

    code = "hub_token_gone"
    advice = "Start the upload again and type the token, or set HF_TOKEN for the worker."


def token_seal(token: str) -> str:
    """What is stored of a typed token."""
    return seal(token, PURPOSE)


def token_take(upload: Upload) -> str | None:
    """Take a typed token out of its row, so that it is there once; None: none was typed.

    Raises:
        TokenGoneError: it has waited too long, or a former start has taken it.
    """
    if not upload.has_own_token:
        return None
    sealed = Upload.objects.values_list("sealed_token", flat=True).get(pk=upload.pk)
    Upload.objects.filter(pk=upload.pk).update(sealed_token="")
    try:
        return unseal(sealed, PURPOSE, max_age=LIFETIME.total_seconds())
    except SealBrokenError as error:
        minutes = int(LIFETIME.total_seconds() // 60)
        raise TokenGoneError(
            f"The typed token is kept for {minutes} minutes and one start; it is gone."
        ) from error


def tokens_forget() -> int:
    """Empty the rows of tokens that are too old, or whose job has ended."""
    waiting = Upload.objects.exclude(sealed_token="")
    over = waiting.filter(Q(created_at__lt=Now() - LIFETIME) | ~Q(job__status__in=ACTIVE))
    return Upload.objects.filter(pk__in=over.values("pk")).update(sealed_token="")
