"""A preset file as rows of the database, and back."""

from collections.abc import Iterable
from typing import Any

from studies.commands.preset_rows import overrides_write, scorers_write, specs_write
from studies.engine.methods import method_get
from studies.engine.parameters import Key, read_value
from studies.engine.texts import tidy_comment
from studies.engine.toml.preset import PresetFile, Spec
from studies.models import Profile, SpecColumns
from studies.parameters import profile_settings


def write_rows(profile: Profile, preset: PresetFile) -> None:
    """Let a preset say what a file says, and nothing else; rows that stay keep their identity."""
    for name in ("name", "description", "method", "model"):
        setattr(profile, name, getattr(preset, name))
    settings = dict(preset.settings)
    scorers: Any = settings.pop("scorers", [])
    profile.settings = settings
    profile.save()
    scorers_write(profile, scorers)
    specs = preset.parameters
    specs_write(
        profile,
        {key: spec.value for key, spec in specs.items()},
        {key: spec.comment for key, spec in specs.items()},
    )
    overrides = preset.overrides.items()
    overrides_write(
        profile,
        {p: {key: spec.value for key, spec in specs.items()} for p, specs in overrides},
        {(p, key): spec.comment for p, specs in overrides for key, spec in specs.items()},
    )


def preset_of(profile: Profile) -> PresetFile:
    """What a stored preset says itself.

    Raises:
        InvalidInputError: a row was edited past the checks.
    """
    overrides: dict[str, dict[Key, Spec]] = {}
    for row in profile.overrides.all():
        overrides.setdefault(row.pattern, {}).update(_specs(profile, [row]))
    return PresetFile(
        slug=profile.slug,
        name=profile.name,
        description=profile.description,
        parent=profile.parent.slug if profile.parent else "",
        method=profile.method,
        model=profile.model,
        settings=profile_settings(profile),
        parameters=_specs(profile, profile.specs.all()),
        overrides=overrides,
    )


def _specs(profile: Profile, rows: Iterable[SpecColumns]) -> dict[Key, Spec]:
    method = method_get(profile.method)
    specs = {}
    for row in rows:
        key = Key(row.parameter, row.component)
        value = read_value(method, key, row.raw, row.place)
        specs[key] = Spec(value, tidy_comment(row.comment))
    return specs
