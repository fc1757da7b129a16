"""Sends large files in blocks, in whole or from any byte on (RFC 9110, section 14)."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Final, NamedTuple

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

BLOCK: Final = 1024 * 1024  # bytes
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Span(NamedTuple):
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes that are."""
        return self.last - self.first + 1


class NotSatisfiableError(ValueError):
    """A range that begins behind the file's end."""


def span_of(header: str, size: int) -> Span | None:
    """Read a Range header; None: send everything, also for what is not one range of bytes.

    Raises:
        NotSatisfiableError: no byte of the file lies in the range.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        first, last = max(size - int(match[2]), 0), size - 1
        if match[2].strip("0") == "":
            raise NotSatisfiableError(header)
    else:
        first, last = int(match[1]), int(match[2] or size - 1)
        if match[2] and int(match[2]) < first:
            return None  # not a range at all
    if first >= size:
        raise NotSatisfiableError(header)
    return Span(first, min(last, size - 1))


def file_response(
    file: Path, *, size: int, etag: str, range_header: str = "", if_range: str = ""
) -> HttpResponse | StreamingHttpResponse:
    """Send a file as a download; the file must have the size that is told.

    Raises:
        FileNotFoundError: it is not there, is a link, or has another size.
    """
    tag = f'"{etag}"'
    wanted = range_header if not if_range or if_range == tag else ""
    try:
        span = span_of(wanted, size)
    except NotSatisfiableError:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{size}"
        return refused
    _check(file, size)
    part = span or Span(0, size - 1)
    response = StreamingHttpResponse(
        _blocks(file, part), status=206 if span else 200, content_type="application/octet-stream"
    )
    if span:
        response["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    response["Content-Length"] = str(part.length)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = tag
    response["X-Content-Type-Options"] = "nosniff"
    name = content_disposition_header(as_attachment=True, filename=file.name)
    response["Content-Disposition"] = name or "attachment"
    return response


def _check(file: Path, size: int) -> None:
    found = file.lstat()  # of a link at the file's place: the link's own
    if not S_ISREG(found.st_mode) or found.st_size != size:
        raise FileNotFoundError(f"{file} is no file of {size} bytes")


async def _blocks(file: Path, span: Span) -> AsyncIterator[bytes]:
    """Read in a thread: a slow disk must not hold up other requests.

    The file is opened at the first block: a response that nobody reads leaves none open.
    """
    stream = await asyncio.to_thread(_open, file, span.first)
    left = span.length
    try:
        while left > 0 and (block := await asyncio.to_thread(stream.read, min(BLOCK, left))):
            left -= len(block)
            yield block
    finally:
        stream.close()


def _open(file: Path, first: int) -> BinaryIO:
    stream = os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    stream.seek(first)
    return stream
