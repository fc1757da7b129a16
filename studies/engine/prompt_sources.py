"""Where the prompts of a set come from: text, a file below a root, a slice of a dataset."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from studies.engine.errors import InvalidInputError, Problem, PromptSetError
from studies.engine.model_files import is_hub_id
from studies.engine.problems import got, refuse, shown
from studies.engine.roots import OutsideRootsError, path_below
from studies.engine.texts import prose_problem

MAX_LINES: Final = 50_000  # prompts of one set
MAX_LINE_BYTES: Final = 32 * 1024
MAX_TEXT_BYTES: Final = 5 * 1024 * 1024
_SPLIT: Final = re.compile(
    r"(?P<name>[A-Za-z_][\w.-]{0,99})(\[(?P<start>-?\d{1,9})?:(?P<stop>-?\d{1,9})?\])?", re.ASCII
)


class PromptSource(StrEnum):
    """Where a prompt set comes from."""

    TEXT = "text"
    FILE = "file"
    DATASET = "dataset"


class Split(NamedTuple):
    """A slice of a dataset; negative numbers count from the end, as in Python."""

    name: str
    start: int | None
    stop: int | None


def parse_prompt_text(text: str, place: str = "text") -> list[str]:
    """Split a text into prompts, one a line; space around a line and blank lines do not count.

    Raises:
        InvalidInputError: too much text, or lines that are too long or hold control characters.
        PromptSetError: there is no prompt in it.
    """
    try:
        n_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        message = f"contains an invalid Unicode character at position {error.start}"
        raise InvalidInputError([Problem(place, message)]) from error
    if n_bytes > MAX_TEXT_BYTES:
        _refuse_at(place, f"is larger than {MAX_TEXT_BYTES // 2**20} MiB")
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text)]
    prompts = [line for line in lines if line]
    if len(prompts) > MAX_LINES:
        _refuse_at(place, f"has {len(prompts)} prompts; at most {MAX_LINES} are possible")
    refuse(
        [
            Problem(place, fault)
            for fault in map(_line_fault, range(1, len(lines) + 1), lines)
            if fault
        ]
    )
    if not prompts:
        raise PromptSetError("holds no prompts", place=place)
    return prompts


def prompts_of_rows(rows: Sequence[object], place: str) -> list[str]:
    """Check the rows of a dataset's column; a prompt may have several lines, blank ones go.

    Raises:
        PromptSetError: a row is no text, is too long or holds control characters, or there
            are too many or none.
    """
    if len(rows) > MAX_LINES:
        raise PromptSetError(f"{place} has {len(rows)} rows; at most {MAX_LINES} are possible.")
    prompts = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, str):
            raise PromptSetError(f"{place} holds something other than text in row {number}.")
        if len(row.encode(errors="replace")) > MAX_LINE_BYTES:
            raise PromptSetError(
                f"{place} is longer than {MAX_LINE_BYTES // 1024} KiB in row {number}."
            )
        if fault := prose_problem(row, max_characters=MAX_LINE_BYTES):
            raise PromptSetError(f"{place}, row {number} {fault}.")
        if row.strip():
            prompts.append(row.strip())
    if not prompts:
        raise PromptSetError(f"{place} holds no prompts.")
    return prompts


def check_dataset_name(name: str, place: str = "dataset") -> None:
    """Refuse what is not an id of the hub, or would be read from a folder of this machine.

    Raises:
        InvalidInputError: so it is.
    """
    if not is_hub_id(name) or Path(name).exists():
        _refuse_at(place, f"must be owner/name on the hub{got(name)}")


def _line_fault(number: int, line: str) -> str | None:
    if len(line.encode()) > MAX_LINE_BYTES:
        return f"line {number} is longer than {MAX_LINE_BYTES // 1024} KiB"
    fault = prose_problem(line, max_characters=MAX_LINE_BYTES)
    return f"line {number} {fault}" if fault else None


def read_prompt_file(path: str, roots: Sequence[Path], place: str = "path") -> list[str]:
    """Read the prompts of a UTF-8 file below one of the roots, one a line.

    Raises:
        PromptSetError: outside the roots, not there, not a file, not UTF-8, or without prompts.
        InvalidInputError: too large, or lines that cannot be used.
    """
    try:
        found = path_below(path, roots)
    except OutsideRootsError as error:
        raise PromptSetError(str(error), place=place) from error
    if found is None:
        raise PromptSetError(f"no such file below the prompt folders{got(path)}", place=place)
    data = _read(found, place)
    if len(data) > MAX_TEXT_BYTES:
        _refuse_at(place, f"the file is larger than {MAX_TEXT_BYTES // 2**20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        message = f"the file is not UTF-8 text (byte 0x{byte:02x} at position {error.start})"
        raise PromptSetError(message, place=place) from error
    return parse_prompt_text(text, place)


def _read(file: Path, place: str) -> bytes:
    """Read a regular file up to one byte above the limit, without waiting or following links."""
    try:
        with open(file, "rb", opener=_open_in_place) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise PromptSetError(f"{shown(file.name)} is not a file", place=place)
            return stream.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        message = f"{shown(file.name)} cannot be read: {error.strerror}"
        raise PromptSetError(message, place=place) from error


def _open_in_place(path: str, flags: int) -> int:
    # The path was resolved: a link there now was put between the check and the use.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def parse_split(text: str, place: str = "split") -> Split:
    """Read a split such as `train`, `train[:400]`, `train[100:200]` or `train[-100:]`.

    Raises:
        InvalidInputError: it has another form, or selects nothing whatever the data.
    """
    match = _SPLIT.fullmatch(text)
    if match is None:
        _refuse_at(place, f"must read like train or train[:400], with whole numbers{got(text)}")
    start, stop = (int(match[name]) if match[name] else None for name in ("start", "stop"))
    same_end = ((start or 0) < 0) == ((stop or 0) < 0)
    if stop is not None and (stop == 0 or (same_end and (start or 0) >= stop)):
        _refuse_at(place, f"selects nothing{got(text)}")
    return Split(match["name"], start, stop)


def digest(prompts: Sequence[str], system_prompt: str | None) -> str:
    """A fingerprint of what a model gets to read: SHA-256 in hexadecimal digits."""
    return hashlib.sha256(json.dumps([system_prompt, *prompts]).encode()).hexdigest()


def _refuse_at(place: str, message: str) -> NoReturn:
    raise InvalidInputError([Problem(place, message)])
