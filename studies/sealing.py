"""Secrets that have to be read again, encrypted with a key that the database does not hold.

The key is derived from SECRET_KEY, one for each purpose: a stolen database, backup or queue
opens nothing, and what was sealed for one purpose cannot be opened for another. Whoever has
both SECRET_KEY and database can read them.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32  # as Fernet wants them


class SealBrokenError(Exception):
    """What was sealed cannot be opened: it is too old, damaged, or SECRET_KEY has changed."""


def seal(secret: str, purpose: str) -> str:
    """Encrypt a secret, with the time at which that was done."""
    return _box(purpose).encrypt(secret.encode()).decode()


def unseal(sealed: str, purpose: str, *, max_age: float | None = None) -> str:
    """Decrypt a secret; `max_age` in seconds.

    Raises:
        SealBrokenError: it cannot be opened (any more).
    """
    ttl = None if max_age is None else int(max_age)
    try:
        return _box(purpose).decrypt(sealed.encode(), ttl=ttl).decode()
    except InvalidToken as error:
        raise SealBrokenError(purpose) from error


def _box(purpose: str) -> Fernet:
    derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"heretic-web {purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(derived.derive(settings.SECRET_KEY.encode())))
