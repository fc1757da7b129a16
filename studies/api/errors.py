"""Every error of the API as a problem document (RFC 9457): the one place that knows HTTP."""

import logging
from collections.abc import Iterable
from functools import singledispatch
from http import HTTPStatus
from typing import NamedTuple

from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import HttpError

from studies.chatting import ChatBusyError
from studies.engine.errors import EngineError, InvalidInputError, ModelError, Problem
from studies.engine.problems import MAX_PROBLEMS
from studies.lifecycle import StatusConflictError
from studies.permissions import PermissionMissingError
from studies.preset_rules import PresetInUseError

logger = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:heretic-web:"
HANDLED = (Exception, Http404, HttpError)  # the families that ninja answers in its own way
DETAILS = {
    401: "Log in, or send a valid token: Authorization: Bearer TOKEN.",
    403: "The CSRF token is missing or wrong. Send X-CSRFToken, or use an API token.",
    429: "Too many requests. Wait, then go on more slowly.",
}


class Answer(NamedTuple):
    """What a problem document says, before it is written."""

    status: int
    code: str
    detail: str
    problems: Iterable[Problem] = ()


class BodyError(Exception):
    """A request body that cannot be read."""

    def __init__(self, status: int, code: str, problems: Iterable[Problem]) -> None:
        self.status = status
        self.code = code
        self.problems = tuple(problems)[:MAX_PROBLEMS]
        super().__init__(_sentence(self.problems))


def register_handlers(api: NinjaAPI) -> None:
    """Let `api` answer every exception with a problem document."""

    def handle(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
        assert isinstance(error, Exception)
        return problem(answer(error))

    for family in HANDLED:
        api.add_exception_handler(family, handle)


def problem(what: Answer) -> HttpResponse:
    """Write a problem document."""
    body = {
        "type": TYPE_PREFIX + what.code,
        "title": HTTPStatus(what.status).phrase,
        "status": what.status,
        "detail": what.detail,
        "errors": [{"place": p.place, "message": p.message} for p in what.problems],
    }
    response = JsonResponse(body, status=what.status, content_type=CONTENT_TYPE)
    if what.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


@singledispatch
def answer(error: Exception) -> Answer:
    """Decide the answer to an error by its family; what is not expected is logged."""
    logger.error("unexpected error in the API", exc_info=error)
    return Answer(500, "internal_error", "Something went wrong here; the server's log says what.")


@answer.register
def _engine(error: EngineError) -> Answer:
    place = "model" if isinstance(error, ModelError) else ""
    problems = [Problem(p.place or place, p.message) for p in error.problems]
    return Answer(422, error.code, f"{error} {error.advice}".strip(), problems)


@answer.register
def _invalid_input(error: InvalidInputError) -> Answer:
    problems = tuple(error.problems)[:MAX_PROBLEMS]
    return Answer(422, error.code, _sentence(problems), problems)


@answer.register
def _in_use(error: PresetInUseError) -> Answer:
    return Answer(409, error.code, f"{error} {error.advice}")


@answer.register
def _busy(error: ChatBusyError) -> Answer:
    return Answer(409, error.code, str(error))


@answer.register
def _body(error: BodyError) -> Answer:
    return Answer(error.status, error.code, str(error), error.problems)


@answer.register
def _conflict(error: StatusConflictError) -> Answer:
    return Answer(409, error.code, str(error), [Problem("status", f"is {error.current}")])


@answer.register
def _permission(error: PermissionMissingError) -> Answer:
    return Answer(403, "permission_missing", str(error))


@answer.register(Http404)
@answer.register(ObjectDoesNotExist)
def _not_found(error: Exception) -> Answer:
    return Answer(404, "not_found", "There is nothing here that you may see.")


@answer.register
def _too_big(error: RequestDataTooBig) -> Answer:
    return Answer(413, "body_too_large", "body: is too large", [Problem("body", "is too large")])


@answer.register
def _suspicious(error: SuspiciousOperation) -> Answer:
    return Answer(400, "bad_request", "The request cannot be understood.")


@answer.register
def _collision(error: IntegrityError) -> Answer:
    logger.warning("a request collided with another", exc_info=error)
    return Answer(409, "conflict", "Another request changed the same thing; try again.")


@answer.register
def _database(error: OperationalError) -> Answer:
    logger.error("the database failed", exc_info=error)
    if "full" in str(error) or "No space left" in str(error):
        return Answer(507, "disk_full", "The server's disk is full. Free some space, try again.")
    return Answer(503, "database_unavailable", "The database does not answer; try again.")


@answer.register
def _http(error: HttpError) -> Answer:
    if isinstance(error.__cause__, BodyError):  # ninja wraps what a parser raises
        return answer(error.__cause__)
    status = HTTPStatus(error.status_code)
    return Answer(status, status.name.lower(), DETAILS.get(status, str(error)))


def _sentence(problems: tuple[Problem, ...]) -> str:
    if not problems:
        return "The request cannot be taken."
    more = len(problems) - 1
    return f"{problems[0]}" + (f" (and {more} more)" if more else "")
