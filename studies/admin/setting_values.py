"""How a setting's JSON value is typed into, and read from, one line or block of text."""

import re
from collections.abc import Iterable
from typing import Any, Final, get_args, get_origin

from studies.engine import targeting

Json = Any

PAIR: Final = "=>"
SPAN: Final = "–"
_SPAN: Final = re.compile(r"([\d.]+)\s*(?:–|-|…|to)\s*([\d.]+)")
NONE_LABEL: Final = "none"
# What null means for a setting, where it is more than "none".
NONE_LABELS: Final = {
    "seed": "a new one for each study",
    "response_prefix": "found automatically",
    "target_components": "all that the model has",
    "model_commit": "the newest",
    "n_prompts": "all of the set",
}


def number_or_text(typed: str) -> int | float | str:
    """Read a number where the text is one; the engine judges whether it fits."""
    text = typed.strip()
    if re.fullmatch(r"[+-]?\d{1,4000}", text):
        return int(text)
    if re.fullmatch(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|nan)", text):
        return float(text)
    return text


def items_of(typed: str) -> list[str]:
    """Split a list: at line ends if there are any inside, else at commas."""
    text = typed.strip()
    parts = text.splitlines() if "\n" in text else text.split(",")
    return [part.strip() for part in parts if part.strip()]


def spans_of(typed: str) -> list[Json]:
    """Read numbers and ranges, `0, 3, 5–7`, or `none`; anything else stays text, to be refused."""
    return [] if typed.strip().lower() == NONE_LABEL else [_span(item) for item in items_of(typed)]


def spans_text(spans: Iterable[Json]) -> str:
    """Write numbers and ranges as a person types them."""
    parts = (
        f"{span['low']}{SPAN}{span['high']}" if isinstance(span, dict) else str(span)
        for span in spans
    )
    return ", ".join(parts) or NONE_LABEL


def _span(item: str) -> Json:
    if match := _SPAN.fullmatch(item):
        return {"low": number_or_text(match[1]), "high": number_or_text(match[2])}
    return number_or_text(item)


def text_of(value: object) -> str:
    """Write a value as a person types it; a list on one line where that reads back."""
    if isinstance(value, list | tuple):
        parts = [text_of(part) for part in value]
        return ("\n" if any("," in part for part in parts) else ", ").join(parts)
    return "" if value is None else str(value)


def setting_display(name: str, value: object) -> str:
    """Write a setting's value as a person reads it, null and emptiness in words."""
    if value is None:
        return NONE_LABELS.get(name, NONE_LABEL)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in targeting.SETTINGS and isinstance(value, list):
        return spans_text(value)
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        return ", ".join(scorer_display(row) for row in value)
    if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple):
        return ", ".join(str(pair[0]) for pair in value)
    return text_of(value) or "empty"


def scorer_display(row: dict[str, Any]) -> str:
    """Name a scorer with what is done with it and what it looks at."""
    name = row.get("name") or row["scorer"]
    return f"{name} ({row.get('optimization', 'usual')}, on {row['settings'].get('prompts')})"


def pairs_of(typed: str) -> list[list[str]]:
    """Read a pair a line, `<think> => <think></think>`; a line without an arrow has one part."""
    rows = [line for line in typed.splitlines() if line.strip()]
    return [[_unescaped(part.strip()) for part in row.split(PAIR, 1)] for row in rows]


def pairs_text(pairs: list[Any]) -> str:
    return "\n".join(f" {PAIR} ".join(_escaped(part) for part in pair) for pair in pairs)


def without_none(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - a type
    """Split `T | None` into T and whether None was there; `Annotated` is looked through."""
    if hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if get_origin(annotation) is None or type(None) not in get_args(annotation):
        return annotation, False
    (inner,) = [part for part in get_args(annotation) if part is not type(None)]
    return without_none(inner)[0], True


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)
