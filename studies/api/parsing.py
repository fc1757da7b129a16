"""Reads request bodies as strict JSON, and says all that is wrong with one at once."""

import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from studies.api.errors import BodyError
from studies.engine.errors import Problem
from studies.engine.problems import MAX_DEPTH, TOO_DEEP, place_at, shown

TOML = "application/toml"
MAX_BYTES = 256 * 1024
LARGE_BYTES = 6 * 1024 * 1024  # prompt sets: 5 MiB of text and its JSON quoting
LARGE_BODIES = {"prompt-sets"}  # names of the URLs that take them
MAX_DIGITS = 19  # of a whole number
Path = tuple[str | int, ...]


class Refused:
    """Stands for a part of the JSON that cannot be taken, until its place is known."""

    def __init__(self, message: str) -> None:
        self.message = message


class StrictParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON of a request's body.

        Raises:
            BodyError: it is too large, no JSON, or holds what no field can take.
        """
        match = request.resolver_match
        limit = LARGE_BYTES if match and match.url_name in LARGE_BODIES else MAX_BYTES
        return read_json(_body(request, "application/json", limit))


def toml_body(request: HttpRequest) -> bytes:
    """Return a request's body that is to be TOML; whether it is, its reader says.

    Raises:
        BodyError: it is too large, or said to be something else.
    """
    return _body(request, TOML, MAX_BYTES)


def _body(request: HttpRequest, content_type: str, limit: int) -> bytes:
    if request.content_type != content_type:
        raise _refused("Content-Type", f"send {content_type}", 415, "unsupported_media_type")
    if len(request.body) > limit:
        message = f"is larger than {limit // 1024} KiB"
        raise _refused("body", message, 413, "body_too_large")
    return request.body


def read_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Parse strict JSON: UTF-8, finite numbers, no key twice, at most 20 levels.

    Raises:
        BodyError: with every fault and its place.
    """
    try:
        value = json.loads(
            body.decode(),
            parse_constant=lambda name: Refused(f"{name} is not valid JSON"),
            parse_float=_finite,
            parse_int=_short,
            object_pairs_hook=_unique,
        )
    except UnicodeDecodeError as error:
        where = f"byte {body[error.start]:#04x} at position {error.start}"
        raise _refused("body", f"is not UTF-8 text ({where})") from error
    except json.JSONDecodeError as error:
        raise _refused("body", f"is not valid JSON at position {error.pos}") from error
    except RecursionError as error:
        raise _refused("body", TOO_DEEP) from error
    problems = list(_faults(value))
    if problems:
        raise BodyError(400, "invalid_json", problems)
    return value


def _refused(place: str, message: str, status: int = 400, code: str = "invalid_json") -> BodyError:
    return BodyError(status, code, [Problem(place, message)])


def _finite(text: str) -> float | Refused:
    number = float(text)
    if abs(number) == float("inf"):
        return Refused(f"{text[:20]} is too large for a number here")
    return number


def _short(text: str) -> int | Refused:
    n_digits = len(text.lstrip("-"))
    if n_digits > MAX_DIGITS:
        return Refused(f"number has {n_digits} digits; at most {MAX_DIGITS} allowed")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        table[name] = Refused("appears twice") if name in table else value
    return table


def _faults(root: object) -> Iterator[Problem]:
    """Walk the JSON without recursion; what lies too deep is named and not entered."""
    waiting: list[tuple[Path, object]] = [((), root)]
    while waiting:
        path, value = waiting.pop()
        message = _fault(value)
        if isinstance(value, dict | list) and len(path) >= MAX_DEPTH:
            message = TOO_DEEP
        if message:
            yield Problem(place_at("", path) or "body", message)
        elif isinstance(value, dict):
            waiting += [((*path, _writable(name)), inner) for name, inner in value.items()]
            yield from (
                Problem(place_at("", path) or "body", f"key {shown(name)}: {fault}")
                for name in value
                if (fault := _fault(name))
            )
        elif isinstance(value, list):
            waiting += [((*path, index), inner) for index, inner in enumerate(value)]


def _fault(value: object) -> str:
    if isinstance(value, Refused):
        return value.message
    if isinstance(value, str) and not value.isascii() and _writable(value) != value:
        return "contains an invalid Unicode character"
    if isinstance(value, str) and "\0" in value:  # PostgreSQL cannot store it
        return "contains a control character (U+0000)"
    return ""


def _writable(text: str) -> str:
    """Replace lone surrogates, which no encoding can write."""
    return text.encode(errors="replace").decode()
