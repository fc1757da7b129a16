"""A wider content policy for the admin alone: its theme evaluates expressions in attributes."""

from collections.abc import Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.decorators import sync_and_async_middleware

WIDER: Final = {
    "script-src": [SELF, UNSAFE_EVAL],  # Alpine.js builds functions from x-data and x-show
    "style-src": [SELF, UNSAFE_INLINE],  # the theme's colours are an inline style element
}


@sync_and_async_middleware
def admin_policy_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[..., Any]:
    """Add what the theme needs to the policy of pages below the admin's root."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return _widened(request, get_response(request))

    # Without this one, every request that waits for news would hold a thread.
    async def async_middleware(request: HttpRequest) -> HttpResponseBase:
        return _widened(request, await get_response(request))

    return async_middleware if iscoroutinefunction(get_response) else middleware


def _widened(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if request.path.startswith(reverse("admin:index")):
        response._csp_update = WIDER  # type: ignore[attr-defined]  # noqa: SLF001 - django-csp's interface
    return response
