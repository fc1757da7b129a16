"""Problems with an input: how they are placed, what they show, and when they are raised."""

import datetime
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from studies.engine.errors import InvalidInputError, Problem

MAX_PROBLEMS: Final = 50  # shown at once
MAX_DEPTH: Final = 20  # levels of lists and tables
TOO_DEEP: Final = f"is nested too deeply (limit {MAX_DEPTH} levels)"
SHOWN_CHARACTERS: Final = 80
_SHOWN_BITS: Final = 256  # longer whole numbers are described, since Python refuses to print some
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "true/false"),  # before int, of which it is a subclass
    ((int, float), "a number"),
    (str, "text"),
    ((list, tuple), "a list"),
    (Mapping, "a table"),
    (datetime.date, "a date"),
    (datetime.time, "a time"),
    (type(None), "null"),
)


def kind_of(value: object) -> str:
    """Name the kind of a value in a user's words."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "something else")


def shown(value: object) -> str:
    """Write a scalar for a message, escaped and cut; a list or a table gives an empty text."""
    if isinstance(value, str):
        cut = value[:SHOWN_CHARACTERS] + ("…" if len(value) > SHOWN_CHARACTERS else "")
        return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut) + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:
        return f"a whole number of about {value.bit_length() * 3 // 10} digits"
    return repr(value) if isinstance(value, int | float) else ""


def got(value: object) -> str:
    """The end of a message, ` (got 1.5)`, or nothing for what cannot be shown."""
    text = shown(value)
    return f" (got {text})" if text else ""


def place_at(place: str, path: Iterable[str | int]) -> str:
    """Extend a place as a user types it: `parameters.max_weight["attn.o_proj"].low`."""
    for part in path:
        if isinstance(part, int):
            place += f"[{part}]"
        elif _IDENTIFIER.fullmatch(part) and len(part) <= SHOWN_CHARACTERS:
            place += f".{part}" if place else part
        else:
            place += f"[{shown(part)}]"
    return place


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    return next(iter(difflib.get_close_matches(name[:SHOWN_CHARACTERS], list(known), n=1)), None)


def suggestion(name: str, known: Sequence[str]) -> str:
    """End a message on an unknown name: the near miss, or everything known."""
    near = near_miss(name, known)
    return f'; did you mean "{near}"?' if near else f"; known: {', '.join(known)}"


def refuse(problems: Sequence[Problem]) -> None:
    """Raise if there are problems.

    Raises:
        InvalidInputError: with the first 50 of them.
    """
    if problems:
        raise InvalidInputError(problems[:MAX_PROBLEMS])


def require_table(place: str, raw: object) -> Mapping[str, Any]:
    """Read a table whose keys are texts.

    Raises:
        InvalidInputError: it is none.
    """
    if not isinstance(raw, Mapping):
        raise InvalidInputError([Problem(place, f"must be a table, not {kind_of(raw)}")])
    return {str(name): value for name, value in raw.items()}


def refuse_depth(place: str, raw: object) -> None:
    """Stop what is nested too deeply, before anything recursive reads it.

    Raises:
        InvalidInputError: more than 20 levels of lists and tables.
    """
    level: list[tuple[tuple[str | int, ...], object]] = [((), raw)]
    for _ in range(MAX_DEPTH + 1):
        level = [((*path, name), inner) for path, one in level for name, inner in _inside(one)]
        if not level:
            return
    places = dict.fromkeys(place_at(place, path[:MAX_DEPTH]) for path, _ in level)
    refuse([Problem(at, TOO_DEEP) for at in places])


def _inside(container: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(container, Mapping):
        return ((str(name), inner) for name, inner in container.items())
    return enumerate(container) if isinstance(container, list | tuple) else ()
