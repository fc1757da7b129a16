"""The contents of presets line by line in words, and what differs between two of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from studies.admin.setting_values import scorer_display, setting_display
from studies.contents import Contents, Place
from studies.parameters import value_display

ABSENT: Final = "not set"
SECTIONS: Final[Mapping[str, str]] = {
    "preset": "Preset",
    "parameters": "Parameters",
    "settings": "Settings",
    "overrides": "Model overrides",
    "comments": "Comments",
}
_COLUMNS: Final[Mapping[str, str]] = {
    "slug": "name in the API",
    "parent": "based on",
    "model": "suggested model",
    "is_active": "offered for new studies",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A place whose value differs, with both values in words."""

    section: str
    place: str
    old: str
    new: str

    @property
    def kind(self) -> str:
        """What happened to the place, in a word that needs no colour."""
        return "added" if self.old == ABSENT else "removed" if self.new == ABSENT else "changed"


def changes(old: Contents, new: Contents) -> list[Change]:
    """What differs, in the order of the sections; an empty list if nothing does."""
    before, after = dict(_lines(old)), dict(_lines(new))
    places = sorted({**before, **after}, key=lambda line: list(SECTIONS).index(line[0]))
    return [
        Change(SECTIONS[section], place, before.get(line, ABSENT), after.get(line, ABSENT))
        for line in places
        for section, place in [line]
        if before.get(line) != after.get(line)
    ]


def _lines(contents: Contents) -> Iterator[tuple[tuple[str, str], str]]:
    """((section, place), value in words) of everything that a preset says."""
    for place, value in contents.places():
        if place.section == "settings":
            for name, words in setting_lines(place.name, value):
                yield (place.section, name), words
        else:
            yield (place.section, _place_words(place)), _value_words(place, value)


def setting_lines(name: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - a setting's JSON
    """A setting in words; a list of scorers becomes a line for each, and one for each option."""
    if name != "scorers" or not value:
        yield name, setting_display(name, value)
        return
    for index, scorer in enumerate(value):
        yield f"scorers[{index}]", scorer_display(scorer)
        for option, chosen in scorer["settings"].items():
            if option != "prompts":
                yield f"scorers[{index}].settings.{option}", setting_display(option, chosen)


def _place_words(place: Place) -> str:
    return _COLUMNS.get(place.name, place.name) if place.section == "preset" else str(place)


def _value_words(place: Place, value: Any) -> str:  # noqa: ANN401 - any JSON
    if place.section != "preset":
        return value_display(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value else "nothing"
