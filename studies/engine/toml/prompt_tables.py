"""Prompt sets that a configuration describes where a preset names one."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from studies.engine.problems import place_at
from studies.engine.prompt_sources import PromptSource
from studies.engine.tables import Path, Table, problems_of
from studies.engine.texts import PRESET_SLUG_CHARACTERS, Name, Prose
from studies.engine.toml.ledger import Ledger

FAULTY: Final = "faulty"  # stands for a prompt set whose table cannot be taken
_FOR_PLOTS: Final = ("residual_plot_label", "residual_plot_color")
_TEXT_FILE: Final = ".txt"


class PromptTable(Table):
    """A prompt set as the reference tool writes it."""

    dataset: Name
    commit: Prose = ""
    split: Prose = ""
    column: Prose = ""
    prefix: Prose = ""
    suffix: Prose = ""
    system_prompt: Prose = ""

    @property
    def is_file(self) -> bool:
        """Whether it is a text file below a prompt folder, not a dataset of the hub."""
        return self.dataset.endswith(_TEXT_FILE)

    @property
    def columns(self) -> dict[str, str]:
        """The prompt set as this project stores it.

        The reference tool puts a space between prefix, prompt and suffix; here nothing is added.
        """
        columns = self.model_dump()
        columns["prefix"] = f"{self.prefix} " if self.prefix else ""
        columns["suffix"] = f" {self.suffix}" if self.suffix else ""
        if self.is_file:
            path = columns.pop("dataset")
            columns |= {"path": path, "commit": "", "split": "", "column": ""}
            return columns | {"source": PromptSource.FILE.value}
        return columns | {"source": PromptSource.DATASET.value}

    @property
    def slug(self) -> str:
        """A slug that says which data it is."""
        words = f"{self.dataset.rsplit('/', 1)[-1].removesuffix(_TEXT_FILE)}-{self.split}"
        split = words.split("[", 1)[0]
        return slug_of(split, "prompts")[: PRESET_SLUG_CHARACTERS - 10].rstrip("-")


class PromptTables:
    """The described prompt sets of one file; the same one twice is one."""

    def __init__(self, values: Mapping[str, Any], ledger: Ledger) -> None:
        self.found: dict[str, PromptTable] = {}
        self.places: dict[str, Path] = {}
        self._named = set(_texts(values))
        self._ledger = ledger

    def slug_of(self, raw: Mapping[str, Any], path: Path) -> str:
        """Give a described prompt set the slug that stands for it; "" where it is faulty."""
        for name in _FOR_PLOTS:
            if name in raw:
                self._ledger.note((*path, name), "there are no such plots here")
        try:
            table = PromptTable.model_validate(
                {name: value for name, value in raw.items() if name not in _FOR_PLOTS}
            )
        except ValidationError as error:
            self._ledger.problems += problems_of(error, place_at("", path))
            return ""
        if table.is_file and table.split:
            self._ledger.note((*path, "split"), "is not applied to a text file")
        return self._slug(table, path)

    def _slug(self, table: PromptTable, path: Path) -> str:
        for slug, known in self.found.items():
            if known.columns == table.columns:
                return slug
        taken = self._named | self.found.keys()
        slug = next(one for one in numbered(table.slug) if one not in taken)
        self.found[slug] = table
        self.places[slug] = path
        return slug


def slug_of(text: str, otherwise: str) -> str:
    """A text in small letters, digits and hyphens, or another where nothing is left of it."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return "-".join(words)[:PRESET_SLUG_CHARACTERS].rstrip("-") or otherwise


def numbered(name: str, separator: str = "-") -> Iterator[str]:
    """The name, and then the name with numbers behind it."""
    yield name
    number = 2
    while True:
        yield f"{name}{separator}{number}"
        number += 1


def _texts(value: object) -> Iterator[str]:
    """Every text in a file: a slug that stands for a table must not be one of them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
