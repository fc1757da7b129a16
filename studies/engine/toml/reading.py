"""Reads a TOML text of a user: limits first, then tomlkit, then plain values and comments."""

import re
from collections.abc import Iterator
from typing import Final

from tomlkit.exceptions import ParseError, TOMLKitError
from tomlkit.parser import Parser

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.problems import refuse
from studies.engine.toml.content import TomlContent, content_of
from studies.engine.toml.syntax import syntax_problem

MAX_BYTES: Final = 256 * 1024
# tomlkit's time grows with the square of some texts: seconds at these limits' tenfold.
MAX_LINES: Final = 10_000
MAX_KEYS: Final = 5_000
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONE_RETURN: Final = re.compile(r"\r(?!\n)")


def read_toml(source: str | bytes) -> TomlContent:
    """Read TOML 1.1 into plain values, and the comments beside and above them.

    Raises:
        InvalidInputError: the text is too large, not UTF-8, no TOML or nested too deeply,
            each fault with its line or its place.
    """
    text = _decoded(source).removeprefix("\ufeff")
    refuse(list(_unreadable(text)))
    parser = Parser(text)
    try:
        document = parser.parse()
    except (TOMLKitError, ValueError, RecursionError) as error:
        # A name that comes twice within braces is the one fault that brings no line.
        at = error if isinstance(error, ParseError) else parser.parse_error()
        raise InvalidInputError([syntax_problem(text, error, at.line, at.col)]) from error
    return content_of(document)


def _decoded(source: str | bytes) -> str:
    encoded = source if isinstance(source, bytes) else source.encode(errors="replace")
    if len(encoded) > MAX_BYTES:
        refuse([Problem("file", f"is larger than {MAX_BYTES // 1024} KiB")])
    try:
        return encoded.decode()
    except UnicodeDecodeError as error:
        where = f"byte 0x{encoded[error.start]:02x} at position {error.start}"
        raise InvalidInputError([Problem("file", f"is not UTF-8 text ({where})")]) from error


def _unreadable(text: str) -> Iterator[Problem]:
    """What tomlkit would misread, or read for too long."""
    if found := _LONE_RETURN.search(text):
        yield _at(text, found.start(), "unusual line end; save the file with LF or CRLF")
    elif found := _CONTROL.search(text):
        code = f"U+{ord(found[0]):04X}"
        yield _at(text, found.start(), f"contains a control character ({code})")
    if text.count("\n") >= MAX_LINES:
        yield Problem("file", f"has more than {MAX_LINES} lines")
    if text.count("=") > MAX_KEYS:
        yield Problem("file", f"sets more than {MAX_KEYS} values")


def _at(text: str, position: int, message: str) -> Problem:
    return Problem(f"line {text.count(chr(10), 0, position) + 1}", message)
