"""Limits how fast one token, session or address may call."""

import hashlib
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

WINDOW = 10  # seconds
DEFAULT_LIMIT = 600  # requests in a window: 60 a second


class RateLimit(BaseThrottle):
    """Counts requests in fixed windows.

    ninja's own throttles keep the current caller in the shared instance, so that requests
    in several threads count for one another; this one has no state.
    """

    def allow_request(self, request: HttpRequest) -> bool:
        """Count the request, and say whether it is still within the limit."""
        key = f"api-rate:{_caller(request)}:{int(time.time()) // WINDOW}"
        cache.add(key, 0, 2 * WINDOW)
        limit: int = getattr(settings, "API_REQUESTS_PER_10_SECONDS", DEFAULT_LIMIT)
        try:
            return cache.incr(key) <= limit
        except ValueError:  # a full cache has dropped the counter at this very moment
            return True

    def wait(self) -> float:
        """Return the seconds until the next window."""
        return WINDOW - time.time() % WINDOW


def _caller(request: HttpRequest) -> str:
    """Name who calls; forwarded addresses are not believed, since anyone can write them."""
    user = getattr(request, "auth", None)
    if user is None:
        return f"address-{request.META.get('REMOTE_ADDR', '')}"
    token = request.headers.get("Authorization")
    return f"token-{hashlib.sha256(token.encode()).hexdigest()}" if token else f"user-{user.pk}"
