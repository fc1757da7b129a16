"""Rows as CSV that a spreadsheet opens safely, or as a JSON object on each line."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

# A text that begins so is a formula to a spreadsheet; numbers are never quoted.
# Source: OWASP, CSV Injection.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
Row = Mapping[str, object]


def csv_text(rows: Iterable[Row], columns: Sequence[str], *, header: bool = False) -> str:
    """Write rows in RFC 4180's form; a column that a row lacks is empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return out.getvalue()


def json_lines(rows: Iterable[Row]) -> str:
    """Write each row as JSON on a line of its own."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) else text
