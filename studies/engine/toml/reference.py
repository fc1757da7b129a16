"""Reads a configuration of the reference tool, Heretic, in the terms of this project.

Names of settings are the same in both, so most of a configuration is ours as it stands. What is
written otherwise is translated, and what has no counterpart is named by its place.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from studies.engine.tables import Path
from studies.engine.toml.ledger import Ledger
from studies.engine.toml.prompt_tables import FAULTY, PromptTable, PromptTables
from studies.engine.toml.reference_names import (
    DEFAULT_PROMPTS,
    DEFAULT_SCORERS,
    FORMER,
    HARMLESS,
    PROMPTS,
    USED_DEFAULT,
    WITHOUT,
)
from studies.engine.toml.reference_scorers import translate_scorers

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Translation:
    """A file in our terms; described prompt sets are by the slug that stands for them."""

    values: Json
    prompt_tables: Mapping[str, PromptTable]
    prompt_places: Mapping[str, Path]
    ledger: Ledger


def translate(raw: Mapping[str, Any], known: Collection[str]) -> Translation:
    """Translate a file; `known` are the settings that this project has."""
    values, ledger = dict(raw), Ledger()
    tables = PromptTables(raw, ledger)
    without = {name: why for name, why in WITHOUT.items() if name not in known}
    is_reference = _has_signs(raw, without)
    if is_reference and not raw.get("parent"):
        _add_defaults(values, ledger)
    for name in PROMPTS:
        if isinstance(described := values.get(name), dict):
            values[name] = tables.slug_of(described, (name,)) or f"{FAULTY}-{name}"
    translate_scorers(values, tables, ledger)
    for name in [name for name in values if name in without]:
        if values.pop(name) != HARMLESS.get(name):
            ledger.note((name,), without[name])
    return Translation(values, tables.found, tables.places, ledger)


def _has_signs(raw: Mapping[str, Any], without: Mapping[str, str]) -> bool:
    """Whether something is written as only the reference tool has it."""
    scorers = raw.get("scorers")
    entries = scorers if isinstance(scorers, list) else []
    return (
        not raw.keys().isdisjoint({"scorer", *FORMER, *without})
        or any(isinstance(raw.get(name), dict) for name in PROMPTS)
        or any("plugin" in entry for entry in entries if isinstance(entry, dict))
    )


def _add_defaults(values: Json, ledger: Ledger) -> None:
    """Say what the reference tool takes for granted, where nothing here is the default."""
    for name in PROMPTS:
        if name not in values:
            values[name] = DEFAULT_PROMPTS[name]
            ledger.note((name,), USED_DEFAULT)
    if "scorers" not in values:
        values["scorers"] = [{"plugin": name} for name in DEFAULT_SCORERS]
        if values.keys().isdisjoint({"scorer", *FORMER}):
            ledger.note(("scorers",), USED_DEFAULT)
