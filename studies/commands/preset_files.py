"""Presets as TOML files: reading one in, writing one out."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from studies.commands.preset_file_names import with_names
from studies.commands.preset_file_prompts import with_prompt_sets
from studies.commands.preset_file_rows import preset_of, write_rows
from studies.engine.errors import Problem
from studies.engine.problems import refuse, shown
from studies.engine.toml.preset import parse_preset
from studies.engine.toml.writing import write_for_heretic, write_preset
from studies.history import recorded
from studies.models import Profile
from studies.parameters import profile_resolve
from studies.preset_rules import family_problems, model_problems, taken_problems


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What a file became; `notes` name by place what of it was left out or added."""

    profile: Profile
    notes: Sequence[Problem] = ()


@transaction.atomic
def profile_import(
    user: AbstractBaseUser | None,
    text: str | bytes,
    *,
    replace: bool = False,
    fallback_name: str = "",
) -> ImportResult:
    """Make a preset of a TOML file, or with `replace` put it in the place of one.

    `fallback_name` (of the file, say) serves where the text gives neither slug nor name.

    Raises:
        InvalidInputError: all that is wrong with the file, each fault with its line or place.
    """
    preset = with_names(parse_preset(text), fallback_name, replacing=replace)
    profile = Profile.objects.select_for_update().filter(slug=preset.slug).first()
    if profile is not None and not replace:
        refuse(taken_problems(Profile(), {"slug": preset.slug}))
    profile = profile or Profile(slug=preset.slug)
    parent = Profile.objects.filter(slug=preset.parent).first() if preset.parent else None
    problems = taken_problems(profile, {"name": preset.name}) + model_problems(preset.model)
    if preset.parent and parent is None:
        problems.append(Problem("parent", f"there is no preset {shown(preset.parent)}"))
    problems += family_problems(profile, parent, preset.method)
    preset = with_prompt_sets(user, preset, problems)
    refuse(problems)
    profile.parent = parent
    with recorded(user, "Imported from a file"):
        write_rows(profile, preset)
        profile_resolve(profile)  # refuses what does not fit the presets that it is based on
    return ImportResult(profile, tuple(preset.ledger.notes))


def profile_toml(profile: Profile) -> str:
    """Write a preset as a TOML file; `profile_import` reads it back unchanged.

    Raises:
        InvalidInputError: a stored row was edited past the checks.
    """
    return write_preset(preset_of(profile))


def profile_heretic_toml(profile: Profile, model: str = "") -> str:
    """Write what a preset comes to for a model as the table that the reference tool reads.

    Raises:
        InvalidInputError: the preset cannot be resolved.
    """
    resolution = profile_resolve(profile, model or profile.model)
    values = {key: resolved.value for key, resolved in resolution.parameters.items()}
    return write_for_heretic(values, resolution.method.name)
