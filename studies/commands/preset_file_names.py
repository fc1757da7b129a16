"""The slug and the name of an imported preset, where its file gives none."""

from dataclasses import replace

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.problems import shown
from studies.engine.texts import PRESET_SLUG_CHARACTERS, name_problem
from studies.engine.toml.preset import PresetFile
from studies.engine.toml.prompt_tables import numbered, slug_of
from studies.models import Profile

NAME_CHARACTERS = 100
NUMBER_CHARACTERS = 10  # left free for a number behind a name that is taken
OTHERWISE = "imported"


def with_names(preset: PresetFile, fallback: str, *, replacing: bool) -> PresetFile:
    """Complete the names; those that were made up are free, and noted.

    Raises:
        InvalidInputError: a preset is to be replaced, but the file does not say which.
    """
    if preset.slug and preset.name:
        return preset
    if replacing and not preset.slug:
        message = "is required to replace a preset"
        raise InvalidInputError([Problem("slug", message)])
    slug = preset.slug or _free_slug(preset.name or fallback or preset.model)
    if not preset.slug:
        preset.ledger.note(("slug",), f"is not in the file; {shown(slug)} was taken")
    name = preset.name or _free_name(fallback or slug.replace("-", " ").capitalize(), slug)
    if not preset.name:
        preset.ledger.note(("name",), f"is not in the file; {shown(name)} was taken")
    return replace(preset, slug=slug, name=name)


def _free_slug(words: str) -> str:
    stem = slug_of(words, OTHERWISE)[: PRESET_SLUG_CHARACTERS - NUMBER_CHARACTERS].rstrip("-")
    taken = set(Profile.objects.values_list("slug", flat=True))
    return next(slug for slug in numbered(stem) if slug not in taken)


def _free_name(words: str, slug: str) -> str:
    """A name that no other preset has; that of the preset to be replaced is free."""
    stem = words if not name_problem(words) else OTHERWISE.capitalize()
    stem = stem[: NAME_CHARACTERS - NUMBER_CHARACTERS].strip()
    taken = set(Profile.objects.exclude(slug=slug).values_list("name", flat=True))
    return next(name for name in numbered(stem, " ") if name not in taken)
