"""API tokens: made once, stored as a keyed hash, looked up by that hash."""

import secrets
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, User
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from studies.models import ApiToken

PREFIX = "hwt_"  # lets secret scanners recognise a leaked token
SECRET_BYTES = 32
SHOWN_CHARACTERS = 12  # of the secret; tells tokens apart in a list
DEFAULT_DAYS = 90
MAX_DAYS = 3650
MAX_SECRET_CHARACTERS = 200  # nothing longer is hashed
USE_NOTED_EVERY = timedelta(minutes=1)  # spares a write at each request


def token_create(
    user: AbstractBaseUser, name: str, days: int = DEFAULT_DAYS
) -> tuple[ApiToken, str]:
    """Make a token that ends after `days`; the secret returned beside it is kept nowhere.

    Raises:
        ValueError: the lifetime is not between 1 and 3650 days.
    """
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"days must be between 1 and {MAX_DAYS} (got {days})")
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    token = ApiToken.objects.create(
        user_id=user.pk,
        name=name,
        prefix=secret[:SHOWN_CHARACTERS],
        digest=token_digest(secret),
        expires_at=timezone.now() + timedelta(days=days),
    )
    return token, secret


def token_user(secret: str) -> User | None:
    """Return the active user whose valid token this is, and note the use."""
    plausible = secret.startswith(PREFIX) and len(secret) <= MAX_SECRET_CHARACTERS
    if not plausible or not secret.isascii():
        return None
    now = timezone.now()
    valid = ApiToken.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        digest=token_digest(secret),
        is_revoked=False,
        user__is_active=True,
    )
    token = valid.select_related("user").first()
    if token is None:
        return None
    if token.last_used_at is None or token.last_used_at <= now - USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user


def token_digest(secret: str) -> str:
    """Hash a secret with the installation's key: a stolen database opens nothing."""
    return salted_hmac("studies.tokens", secret, algorithm="sha256").hexdigest()
