"""Who may call: a bearer token, or a browser session with its CSRF token; never a mixture.

What is not a mere reading needs the right to run studies, unless the operation names another one.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from ninja.security import HttpBearer, SessionAuth

from studies.api.errors import DETAILS, Answer, problem
from studies.permissions import RUN_STUDIES, require
from studies.tokens import token_user

HEADER = "Authorization"
SAFE: Final = ("GET", "HEAD", "OPTIONS")
LOOKING: Final = ""  # the right of operations that change nothing, whatever their method


class ApiRequest(HttpRequest):
    """A request as an operation sees it."""

    auth: User


class TokenAuth(HttpBearer):
    def __init__(self, right: str | None = None) -> None:
        super().__init__()
        self._right = right

    def __call__(self, request: HttpRequest) -> User | None:
        # The base class logs the whole header in debug mode, secret included.
        scheme, _, secret = request.headers.get(HEADER, "").partition(" ")
        if scheme.lower() != self.openapi_scheme:
            return None
        return self.authenticate(request, secret.strip())

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        user = token_user(token)
        if user is not None:
            request.user = user
            _check_right(request, user, self._right)
        return user


class BrowserAuth(SessionAuth):
    def __init__(self, right: str | None = None) -> None:
        super().__init__()
        self._right = right

    def __call__(self, request: HttpRequest) -> User | None:
        # A wrong token does not fall back to the session that a browser sends along.
        if HEADER in request.headers or not isinstance(request.user, User):
            return None
        user: User | None = super().__call__(request)  # checks CSRF
        if user is not None:
            _check_right(request, user, self._right)
        return user


def allowed(right: str) -> list[Callable[[HttpRequest], User | None]]:
    """The `auth` of an operation that needs this permission."""
    return [TokenAuth(right), BrowserAuth(right)]


def _check_right(request: HttpRequest, user: User, right: str | None) -> None:
    if right is None:
        right = LOOKING if request.method in SAFE else RUN_STUDIES
    if right:
        require(user, right)


def docs_guard(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Show the API's documentation to staff and to tokens only."""

    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:  # noqa: ANN401 - Django's
        by_token = HEADER in request.headers
        if token_auth(request) or (not by_token and getattr(request.user, "is_staff", False)):
            return view(request, **kwargs)
        if request.user.is_authenticated and not by_token:
            return problem(Answer(403, "forbidden", "Only staff and API tokens may read this."))
        if "text/html" in request.headers.get("Accept", "") and not by_token:
            return redirect_to_login(request.path)
        return problem(Answer(401, "unauthorized", DETAILS[401]))

    return guarded


token_auth = TokenAuth()
browser_auth = BrowserAuth()
