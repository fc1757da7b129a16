"""Creating, changing, copying and deleting presets."""

from collections.abc import Mapping
from itertools import count
from types import MappingProxyType
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from studies.commands.preset_rows import (
    comments_write,
    overrides_write,
    scorers_write,
    specs_write,
)
from studies.contents import contents_of
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.presets import NAME_CHARACTERS, Preset, parse_preset
from studies.engine.problems import refuse, require_table, shown
from studies.engine.texts import PRESET_SLUG_CHARACTERS
from studies.history import recorded
from studies.models import Profile
from studies.models.parameters import METHOD_DEFAULT
from studies.preset_rules import (
    PresetInUseError,
    family_problems,
    model_problems,
    profile_uses,
    prompt_set_problems,
    taken_problems,
)
from studies.selectors.presets import preset_document


def profile_create(user: AbstractBaseUser | None, document: object) -> Profile:
    """Store a preset, read as JSON and TOML have it.

    Raises:
        InvalidInputError: all faults, each at its exact place.
    """
    preset = parse_preset(document, method=METHOD_DEFAULT, is_new=True)
    with recorded(user, "Created"):
        return _write(Profile(), preset)


@transaction.atomic
def profile_update(user: AbstractBaseUser | None, profile: Profile, changes: object) -> Profile:
    """Change what is given; each given part replaces the whole of what was there.

    Raises:
        InvalidInputError: all faults, each at its exact place.
    """
    profile = Profile.objects.select_for_update().get(pk=profile.pk)
    if isinstance(changes, Mapping) and changes.get("method", profile.method) != profile.method:
        # What is kept has to fit the new method as well.
        changes = {**preset_document(profile), **changes}
    preset = parse_preset(changes, method=profile.method, is_new=False)
    with recorded(user, "Changed"):
        return _write(profile, preset)


def profile_duplicate(
    user: AbstractBaseUser | None, profile: Profile, changes: object = MappingProxyType({})
) -> Profile:
    """Copy a preset with all that it sets; a slug and a name are found unless given.

    Raises:
        InvalidInputError: all faults, each at its exact place.
    """
    names = profile_copy_names(profile)
    document = {**preset_document(profile), **names, **require_table("body", changes)}
    with recorded(user, f"Copied from {shown(profile.name)}"):
        copied = profile_create(user, document)
        comments_write(copied, contents_of(profile).comments)
    return copied


def profile_copy_names(profile: Profile) -> dict[str, str]:
    """A slug and a name for a copy that nothing has yet."""
    return {"slug": _free_slug(profile), "name": _free_name(profile)}


@transaction.atomic
def profile_delete(user: AbstractBaseUser | None, profile: Profile) -> None:
    """Delete a preset that nothing refers to.

    Raises:
        PresetInUseError: studies or other presets do; it can be deactivated.
    """
    profile = Profile.objects.select_for_update().get(pk=profile.pk)
    if uses := profile_uses(profile):
        raise PresetInUseError(uses)
    with recorded(user, "Deleted"):
        profile.delete()


def _write(profile: Profile, preset: Preset) -> Profile:
    """Check a preset against the other rows, then store all that it says."""
    problems = _apply(profile, preset.columns)
    problems += prompt_set_problems(preset.settings or {})
    refuse(problems)
    settings: dict[str, Any] = dict(preset.settings or {})
    scorers = settings.pop("scorers", [])
    if preset.settings is not None:
        profile.settings = settings
    profile.save()
    if preset.settings is not None:
        scorers_write(profile, scorers)
    if preset.parameters is not None:
        specs_write(profile, preset.parameters)
    if preset.overrides is not None:
        overrides_write(profile, preset.overrides)
    return profile


def _apply(profile: Profile, columns: Mapping[str, Any]) -> list[Problem]:
    problems = taken_problems(profile, columns)
    given = dict(columns)
    try:
        parent = _parent(given.pop("parent")) if "parent" in given else profile.parent
    except InvalidInputError as error:
        return [*problems, *error.problems]
    for name, value in given.items():
        setattr(profile, name, value)
    if {"parent", "method"} & columns.keys():
        problems += family_problems(profile, parent, profile.method)
    profile.parent = parent
    return problems + (model_problems(profile.model) if "model" in columns else [])


def _parent(slug: str | None) -> Profile | None:
    if slug is None:
        return None
    parent = Profile.objects.filter(slug=slug).first()
    if parent is None:
        raise InvalidInputError([Problem("parent", f"there is no preset {shown(slug)}")])
    return parent


def _free_slug(profile: Profile) -> str:
    taken = set(Profile.objects.values_list("slug", flat=True))
    stem = profile.slug[: PRESET_SLUG_CHARACTERS - 10].rstrip("-")
    return next(slug for n in count(1) if (slug := f"{stem}-copy{_suffix('-', n)}") not in taken)


def _free_name(profile: Profile) -> str:
    taken = set(Profile.objects.values_list("name", flat=True))
    stem = profile.name[: NAME_CHARACTERS - 15].rstrip()
    return next(name for n in count(1) if (name := f"{stem} (copy{_suffix(' ', n)})") not in taken)


def _suffix(separator: str, number: int) -> str:
    return f"{separator}{number}" if number > 1 else ""
