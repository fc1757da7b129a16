"""Two presets side by side: what each is, resolves to, and overrides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from studies.admin.contents_lines import SECTIONS, setting_lines
from studies.admin.resolved import layers_display
from studies.contents import contents_of
from studies.engine.errors import EngineError, InvalidInputError, Problem
from studies.models import Profile
from studies.parameters import profile_resolve, value_display

NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in words, who decided it, and what it means in layers."""

    words: str
    source: str = ""
    layers: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing in both presets; a side that does not have it is None."""

    place: str
    sides: tuple[Cell | None, Cell | None]

    @property
    def differs(self) -> bool:
        """Whether the values differ; who decided them is no difference."""
        left, right = self.sides
        return (left and left.words) != (right and right.words)


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    rows: list[Row]

    @property
    def n_different(self) -> int:
        return sum(row.differs for row in self.rows)


Side = Mapping[str, Cell]


def compared(left: Profile, right: Profile, model: str) -> list[Section]:
    """Every section in which one of two presets says something, resolved for a model ("": any).

    Raises:
        EngineError: one of them cannot be resolved; the message names it.
    """
    tables = [_sides(profile, model) for profile in (left, right)]
    sections = [
        Section(title, _rows(tables[0][name], tables[1][name])) for name, title in SECTIONS.items()
    ]
    return [section for section in sections if section.rows]


def _rows(left: Side, right: Side) -> list[Row]:
    places: Iterable[str] = dict.fromkeys(chain(left, right))
    return [Row(place, (left.get(place), right.get(place))) for place in places]


def _sides(profile: Profile, model: str) -> dict[str, Side]:
    try:
        table = profile_resolve(profile, model).as_json()
    except EngineError as error:
        named = (Problem(f"{profile.name}: {p.place}", p.message) for p in error.problems)
        raise InvalidInputError(named) from error
    return {
        "preset": _about(profile),
        "parameters": {_place(row): _parameter(row) for row in table["parameters"]},
        "settings": {
            place: Cell(words, row["source"])
            for row in table["settings"]
            for place, words in setting_lines(row["name"], row["value"])
        },
        **{section: _own(profile, section) for section in ("overrides", "comments")},
    }


def _own(profile: Profile, section: str) -> Side:
    places = contents_of(profile).places()
    return {
        str(place): Cell(value_display(value))
        for place, value in places
        if place.section == section
    }


def _about(profile: Profile) -> Side:
    words = {
        "Based on": str(profile.parent or NOTHING),
        "Method": profile.method,
        "Suggested model": profile.model or NOTHING,
        "Description": profile.description or NOTHING,
        "Offered for new studies": "yes" if profile.is_active else "no",
    }
    return {place: Cell(text) for place, text in words.items()}


def _place(row: Mapping[str, Any]) -> str:
    return f'{row["name"]}["{row["component"]}"]' if row["component"] else str(row["name"])


def _parameter(row: Mapping[str, Any]) -> Cell:
    layers = row["layers"]
    shown = f"layers {layers_display(layers)}" if layers is not None else ""
    return Cell(row["display"], row["source"], shown)
