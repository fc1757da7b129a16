"""What is wrong with a text that is no TOML: the line, and words for those who typed it."""

import re
from typing import Final

from tomlkit import exceptions

from studies.engine.errors import Problem
from studies.engine.problems import TOO_DEEP, shown

MAX_DIGITS: Final = 19  # of a whole number
_AT: Final = re.compile(r" at line \d+ col \d+$")
_DOUBLED: Final = re.compile(r'Key "(?P<key>.*)" already exists\.', re.DOTALL)
_WORD: Final = re.compile(r"[^\W\d][\w.-]*")
_TOKEN: Final = re.compile(r"[^\s,\[\]{}=#]*$")
_FRACTION: Final = re.compile(r"\.\d+")
_END_POINT: Final = re.compile(r"(?P<whole>[-+]?\d[\d_]*)\.(?P<rest>(?:[eE].*)?)")
_WORDS: Final = {"true": "true, in small letters", "false": "false, in small letters"}
_NULLS: Final = {"none", "null", "nil"}
_NUMBERS: Final = {"nan", "inf", "infinity"}


def syntax_problem(text: str, error: Exception, line: int, column: int) -> Problem:
    """Translate what tomlkit says of a text that it stopped reading at that position."""
    lines = text.splitlines() or [""]
    line = min(line, len(lines))
    if isinstance(error, RecursionError) or "nested more than" in str(error):
        return Problem(f"line {line}", TOO_DEEP)
    words = _AT.sub("", str(error))
    if doubled := _DOUBLED.fullmatch(words):
        return _doubled(lines, line, doubled["key"])
    # At the end of the text tomlkit names no column.
    column = column or len(lines[line - 1])
    before, after = lines[line - 1][:column], lines[line - 1][column:]
    return Problem(f"line {line}", _words(error, before, after, words))


def _words(error: Exception, before: str, after: str, words: str) -> str:
    match error:
        case exceptions.UnexpectedCharError():
            return _unexpected(before, after)
        case exceptions.InvalidNumberError():
            return _number(before)
        case exceptions.InvalidControlChar():  # other control characters were refused before
            return "a text is not closed with a quotation mark on its line"
        case exceptions.UnexpectedEofError():
            return "ends in the middle of a value"
        case exceptions.InvalidCharInStringError():
            return (
                f"\\{shown(after[:1])[1:-1]} means nothing in a text; write \\\\ for a backslash"
            )
        case exceptions.InvalidUnicodeValueError():
            return "has an escape such as \\u00e9 that stands for no character"
        case exceptions.EmptyTableNameError():
            return "the table has no name"
        case exceptions.EmptyKeyError():
            return f"begins with {shown((before + after).strip()[:1])}, not with a name"
        case (
            exceptions.InvalidDateError()
            | exceptions.InvalidTimeError()
            | exceptions.InvalidDateTimeError()
        ):
            return "has a date or a time that does not exist"
        case _:
            return _others(words)


def _others(words: str) -> str:
    if words.startswith("Invalid key"):
        return f"the name {words.removeprefix('Invalid key ')} has a space; put it in quotes"
    if words.startswith("Redefinition"):
        return "sets again a table that was written before"
    return words[:1].lower() + words[1:]


def _unexpected(before: str, after: str) -> str:
    """Say what is wrong with the character that nothing may begin with, or with the end."""
    line = before.strip()
    if not after:
        return _cut(line)
    if line.endswith("=") and after.startswith("#"):
        return _cut(line)
    if line.endswith(("=", "[", "{", ",")):
        return _no_value(after)
    if "=" in line:
        return (
            f"unexpected {shown(after.strip()[:20])} behind a value; each value has its own line"
        )
    if line.startswith("["):
        return "the name of the table is not closed with ]"
    if after.startswith(":"):
        return "write = between a name and its value, not :"
    return f"needs a name, = and a value (got {shown((before + after).strip())})"


def _cut(line: str) -> str:
    if line.endswith("="):
        return "no value after ="
    if line.startswith("[") and "]" not in line:
        return "the name of the table is not closed with ]"
    if "=" not in line and not line.endswith(("]", "}", ",")):
        return f"needs a name, = and a value (got {shown(line)})"
    return "ends inside a list or table; is a ] or } missing?"


def _no_value(after: str) -> str:
    if after[0] in ",=":
        return f"a value is missing before {after[0]}"
    if after[0] in "]})":
        return f"{after[0]} closes nothing, or closes it too early"
    if fraction := _FRACTION.match(after):
        return f"write 0{fraction[0]}"
    word = _WORD.match(after)
    return _no_word(word[0]) if word else f"{shown(after[0])} begins no value"


def _no_word(word: str) -> str:
    small = word.lower()
    if small in _WORDS:
        return f"write {_WORDS[small]}"
    if small in _NULLS:
        return f"there is no {word} in TOML; leave the setting out"
    if small in _NUMBERS:
        return f"must be a finite number (got {word})"
    return f'a text needs quotation marks: "{word}"'


def _number(before: str) -> str:
    token = _TOKEN.search(before.rstrip(" \t,]}"))
    typed = token[0] if token else ""
    digits = re.sub(r"\D", "", typed)
    if len(digits) > MAX_DIGITS:
        return f"number has {len(digits)} digits; at most {MAX_DIGITS} allowed"
    if re.match(r"[-+]?0\d", typed):
        return "numbers must not start with 0"
    if found := _END_POINT.fullmatch(typed):
        return f"write {found['whole']}.0{found['rest']}"
    return f"is not a number (got {shown(typed)})"


def _doubled(lines: list[str], line: int, key: str) -> Problem:
    """Find the line on which a name comes again: tomlkit reads on before it notices."""
    name = key.rsplit(".", 1)[-1]
    shape = re.compile(rf"(?:^|[\s.\[{{,\"']){re.escape(name)}(?:$|[\s.\]=\"'])")
    found = [number for number, one in enumerate(lines[:line], start=1) if shape.search(one)]
    at = found[-1] if found else line
    was_list = any(re.match(rf"\s*\[\[.*{re.escape(name)}", one) for one in lines[: at - 1])
    if was_list and not lines[at - 1].lstrip().startswith("[["):
        return Problem(f"line {at}", f"[{key}] was a list of tables before")
    return Problem(f"line {at}", f"{shown(key)} is set twice")
