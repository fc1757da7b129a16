"""The front matter of a model card: what is kept of the original's, and what is ours."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

MAX_CHARACTERS: Final = 64_000  # of front matter; longer is not read
# What holds for a changed model as well. Evaluation results, for one, do not.
KEPT: Final = (
    "license", "license_name", "license_link", "language", "pipeline_tag", "tags"
)  # fmt: skip
_LISTS: Final = ("language", "tags")
_MAX_ENTRIES: Final = 100
_MAX_LENGTH: Final = 300
_BLOCK: Final = re.compile(
    r"\A\s*---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE
)

Metadata = dict[str, Any]


def split_card(text: str) -> tuple[Metadata, str]:
    """Part a card into its metadata and its text; damaged front matter gives no metadata."""
    found = _BLOCK.match(text.removeprefix("\ufeff"))
    if found is None:
        return {}, text.strip()
    return _read(found[1]), text.removeprefix("\ufeff")[found.end() :].strip()


def front_matter_problem(text: str) -> str | None:
    """Say why the front matter of a card cannot be read, or None; none at all is fine."""
    found = _BLOCK.match(text.removeprefix("\ufeff"))
    if found is None:
        return "begins with --- but no second --- follows" if text.startswith("---") else None
    if len(found[1]) > MAX_CHARACTERS:
        return f"has more than {MAX_CHARACTERS} characters of front matter"
    try:
        value = _load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        return "has front matter that is no YAML" + ("" if line is None else f" (line {line + 2})")
    return None if isinstance(value, Mapping) else "has front matter that is no table"


def merged_metadata(original: Mapping[str, Any], own: Mapping[str, Any]) -> Metadata:
    """The original's metadata that still hold, then ours; the tags of both."""
    kept = {name: _kept(name, original[name]) for name in KEPT if name in original}
    tags = [*own.get("tags", []), *(kept.get("tags") or [])]
    merged = {name: value for name, value in kept.items() if value} | dict(own)
    return merged | {"tags": list(dict.fromkeys(tags))}


def front_matter(metadata: Mapping[str, Any]) -> str:
    """Write metadata as the block at the head of a card."""
    text = yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True)
    return f"---\n{text}---\n"


def _read(block: str) -> Metadata:
    if len(block) > MAX_CHARACTERS:
        return {}
    try:
        value = _load(block)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else {}


def _load(block: str) -> object:
    # Without dates and octal numbers: what is kept of a card stays as it was typed.
    return yaml.load(block, Loader=yaml.BaseLoader)  # noqa: S506 - texts, lists and tables only


def _kept(name: str, value: object) -> str | list[str] | None:
    """A short text, or a list of them where one may be; anything else is left out."""
    if isinstance(value, str):
        text = value.strip()[:_MAX_LENGTH]
        return [text] if name == "tags" and text else text
    if name in _LISTS and isinstance(value, list):
        return list(_texts(value))
    return None


def _texts(values: Iterable[object]) -> Iterable[str]:
    entries = list(values)[:_MAX_ENTRIES]
    return (one.strip()[:_MAX_LENGTH] for one in entries if isinstance(one, str) and one.strip())
