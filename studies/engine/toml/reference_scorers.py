"""The scorers of a configuration of the reference tool, with their settings that stand apart."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from studies.engine.problems import kind_of, shown
from studies.engine.scorer_settings import SCORERS
from studies.engine.tables import Path
from studies.engine.toml.ledger import Ledger
from studies.engine.toml.prompt_tables import FAULTY, PromptTables
from studies.engine.toml.reference_names import (
    DEFAULT_PROMPTS,
    DEFAULT_SCORERS,
    FORMER,
    SCORER_WITHOUT,
    USED_DEFAULT,
)

Json = dict[str, Any]


class Said(NamedTuple):
    """A setting of a scorer, and where the file has it."""

    value: Any
    path: Path


class ScorerTables:
    """The tables `[scorer.NAME]` of one file, and what former versions had in their place."""

    def __init__(self, values: Json, ledger: Ledger) -> None:
        """Take the tables out of `values`."""
        self._ledger = ledger
        self._used: set[str] = set()
        self._tables: dict[str, dict[str, Said]] = {}
        for name, (scorer, setting) in FORMER.items():
            if name in values:
                said = Said(values.pop(name), (name,))
                self._tables.setdefault(scorer, {})[setting] = said
        raw = values.pop("scorer", {})
        if not isinstance(raw, dict):
            ledger.refuse(("scorer",), f"must be a table, not {kind_of(raw)}")
            return
        for name, table in raw.items():
            self._add(name, table)

    def __bool__(self) -> bool:
        return bool(self._tables)

    def settings_of(self, scorer: str, instance: str) -> dict[str, Said]:
        """What is set for a scorer, an instance's own settings last."""
        own = f"{scorer}_{instance}" if instance else ""
        self._used |= {scorer, own}
        return {**self._tables.get(scorer, {}), **self._tables.get(own, {})}

    def note_unused(self) -> None:
        """Tell of tables whose scorer is not in the list."""
        for name in [name for name in self._tables if name not in self._used]:
            self._ledger.note(("scorer", name), "no scorer of that name is in the list")

    def _add(self, name: str, table: object) -> None:
        path = ("scorer", name)
        if not isinstance(table, dict):
            self._ledger.refuse(path, f"must be a table of settings, not {kind_of(table)}")
            return
        for setting, value in table.items():
            if isinstance(value, dict) and setting != "prompts":  # [scorer.NAME.INSTANCE]
                nested = {key: Said(one, (*path, setting, key)) for key, one in value.items()}
                self._tables.setdefault(f"{name}_{setting}", {}).update(nested)
            else:
                self._tables.setdefault(name, {})[setting] = Said(value, (*path, setting))


def translate_scorers(values: Json, prompts: PromptTables, ledger: Ledger) -> None:
    """Put our list of scorers into `values`, where the file has one of the reference tool."""
    tables = ScorerTables(values, ledger)
    if "scorers" not in values and tables:
        values["scorers"] = [{"plugin": name} for name in DEFAULT_SCORERS]
    listed = values.get("scorers")
    if isinstance(listed, list):
        told: list[Any] = []
        for index, entry in enumerate(listed):
            at = len(told)
            one = _Scorer(entry, ("scorers", index), ("scorers", at), prompts, ledger)
            told += one.translated(tables)
        values["scorers"] = told
    tables.note_unused()


class _Scorer:
    """One entry of the list."""

    def __init__(
        self, raw: object, path: Path, ours: Path, prompts: PromptTables, ledger: Ledger
    ) -> None:
        self._raw = raw
        self._path, self._ours = path, ours
        self._prompts, self._ledger = prompts, ledger

    def translated(self, tables: ScorerTables) -> list[Any]:
        """Our entry, or nothing for a scorer that this project has not."""
        if self._path != self._ours:
            self._ledger.rename(self._ours, self._path)
        if not isinstance(self._raw, dict):
            return [self._raw]
        entry = dict(self._raw)
        if "plugin" in entry:
            return self._plugin(entry, tables)
        if isinstance(settings := entry.get("settings"), dict):
            own = {name: Said(v, (*self._path, "settings", name)) for name, v in settings.items()}
            entry["settings"] = self._settings(own)
        return [entry]

    def _plugin(self, entry: Json, tables: ScorerTables) -> list[Any]:
        plugin = entry.pop("plugin")
        scorer = str(plugin).replace(":", ".").rsplit(".", 1)[-1]
        instance = entry.pop("instance_name", None)
        said = tables.settings_of(scorer, instance if isinstance(instance, str) else "")
        if scorer not in SCORERS:
            message = f"the scorer {shown(plugin)} is not available here and was left out"
            self._ledger.note((*self._path, "plugin"), message)
            return []
        self._ledger.rename((*self._ours, "scorer"), (*self._path, "plugin"))
        if instance is not None:
            entry["name"] = instance
            self._ledger.rename((*self._ours, "name"), (*self._path, "instance_name"))
        for name in [name for name in said if name in SCORER_WITHOUT]:
            self._ledger.note(said.pop(name).path, SCORER_WITHOUT[name])
        if "prompts" not in said and scorer in DEFAULT_PROMPTS:
            said["prompts"] = Said(DEFAULT_PROMPTS[scorer], (*self._path, "prompts"))
            self._ledger.note(said["prompts"].path, USED_DEFAULT)
        return [{**entry, "scorer": scorer, "settings": self._settings(said)}]

    def _settings(self, said: Mapping[str, Said]) -> Json:
        settings = {}
        for name, one in said.items():
            self._ledger.rename((*self._ours, "settings", name), one.path)
            value = one.value
            if name == "prompts" and isinstance(value, dict):
                value = self._prompts.slug_of(value, one.path) or FAULTY
            settings[name] = value
        return settings
