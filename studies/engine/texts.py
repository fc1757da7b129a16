"""Texts that a user types: names of one line, prose of several, slugs."""

import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from studies.engine.problems import got
from studies.engine.tables import fault

NAME_CHARACTERS: Final = 200
PROSE_CHARACTERS: Final = 20_000
COMMENT_CHARACTERS: Final = 2000
PRESET_SLUG: Final = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"
PRESET_SLUG_WORDS: Final = "small letters, digits and single hyphens, such as no-slop"
PRESET_SLUG_CHARACTERS: Final = 60
_SLUG: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_JOINER: Final = "\u200d"  # joins emoji, and is invisible elsewhere
_LINE_CHARACTERS: Final = "\n\r\t"
_INVISIBLE: Final = {"Cc", "Cf", "Zl", "Zp"}  # control, format, line and paragraph separator


def name_problem(text: str, *, max_characters: int = NAME_CHARACTERS) -> str | None:
    """Say why a text cannot be a name of one line, or None: empty, too long, invisible parts."""
    if not text.strip():
        return "must not be empty"
    if len(text) > max_characters:
        return f"is longer than {max_characters} characters"
    for index, character in enumerate(text):
        category = unicodedata.category(character)
        if category == "Cs":
            return "contains an invalid Unicode character"
        if category in _INVISIBLE and not _joins_emoji(text, index):
            return f"contains an invisible character (U+{ord(character):04X})"
    return None


def prose_problem(text: str, *, max_characters: int = PROSE_CHARACTERS) -> str | None:
    """Say why a text cannot be stored as prose, or None: too long, control characters."""
    if len(text) > max_characters:
        return f"is longer than {max_characters} characters"
    for character in text:
        category = unicodedata.category(character)
        if category == "Cs":
            return "contains an invalid Unicode character"
        if category == "Cc" and character not in _LINE_CHARACTERS:
            return f"contains a control character (U+{ord(character):04X})"
    return None


def same_text(text: str) -> str:
    """What two texts share that look the same: one Unicode normal form."""
    return unicodedata.normalize("NFC", text)


def _joins_emoji(text: str, index: int) -> bool:
    before = text[index - 1 : index]
    return (
        text[index] == _JOINER
        and before != ""
        and unicodedata.category(before) in {"So", "Sk", "Mn"}
    )


def _checked_name(text: str) -> str:
    if problem := name_problem(text):
        raise fault(problem)
    return text


def _checked_prose(text: str) -> str:
    if problem := prose_problem(text):
        raise fault(problem)
    return text


def _checked_slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise fault(f"must be letters, digits, hyphens and underscores, at most 100{got(text)}")
    return text


Name = Annotated[str, Field(strict=True), AfterValidator(_checked_name)]
Prose = Annotated[str, Field(strict=True), AfterValidator(_checked_prose)]
Slug = Annotated[str, Field(strict=True), AfterValidator(_checked_slug)]


def comment_problem(text: str) -> str | None:
    """Say why a text cannot be a comment of a parameter, or None."""
    return prose_problem(text, max_characters=COMMENT_CHARACTERS)


def tidy_comment(text: str) -> str:
    """A comment as a file gives it back: no space at the ends of lines, no blank ends."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
