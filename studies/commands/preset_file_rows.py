"""A preset file as rows of the database, and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Model

from studies.engine.errors import Problem
from studies.engine.methods import method_get
from studies.engine.parameters import Key, check_value
from studies.engine.problems import refuse
from studies.engine.scorer_settings import SCORERS
from studies.engine.texts import tidy_comment
from studies.engine.toml.preset import PresetFile, Spec
from studies.engine.values import parse_value, value_to_json
from studies.models import (
    ModelOverride,
    ParameterSpec,
    Profile,
    PromptSet,
    ScorerSpec,
    SpecColumns,
)
from studies.parameters import profile_settings

SCORER_NAME_CHARACTERS = 60


def write_rows(profile: Profile, preset: PresetFile) -> None:
    """Let a preset say what a file says, and nothing else; rows that stay keep their identity.

    Raises:
        InvalidInputError: the name of a scorer is too long to be stored.
    """
    for name in ("name", "description", "method", "model"):
        setattr(profile, name, getattr(preset, name))
    settings = dict(preset.settings)
    scorers: Any = settings.pop("scorers", [])
    _refuse_long_names(scorers, preset)
    profile.settings = settings
    profile.save()
    _write_specs(profile, preset)
    _write_overrides(profile, preset)
    _write_scorers(profile, scorers)


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
        value = parse_value(row.place, row.raw)
        check_value(method, key, value, row.place)
        specs[key] = Spec(value, tidy_comment(row.comment))
    return specs


def _write_specs(profile: Profile, preset: PresetFile) -> None:
    old = {Key(row.parameter, row.component): row for row in profile.specs.all()}
    for key, spec in preset.parameters.items():
        row = old.pop(key, None) or ParameterSpec(profile=profile)
        _store(row, key, spec)
    _delete(old.values())


def _write_overrides(profile: Profile, preset: PresetFile) -> None:
    rows = profile.overrides.all()
    old = {(row.pattern, Key(row.parameter, row.component)): row for row in rows}
    for pattern, specs in preset.overrides.items():
        for key, spec in specs.items():
            row = old.pop((pattern, key), None) or ModelOverride(profile=profile, pattern=pattern)
            row.method = profile.method
            _store(row, key, spec)
    _delete(old.values())


def _write_scorers(profile: Profile, scorers: Sequence[Mapping[str, Any]]) -> None:
    old = list(profile.scorers.all())
    for position, entry in enumerate(scorers):
        row = old.pop(0) if old else ScorerSpec(profile=profile)
        settings = {name: v for name, v in entry["settings"].items() if v is not None}
        row.position = position
        row.scorer = entry["scorer"]
        row.name = entry.get("name") or ""
        row.optimization = entry.get("optimization") or SCORERS[row.scorer].direction
        row.prompts = PromptSet.objects.get(slug=settings.pop("prompts"))
        row.options = settings
        row.save()
    _delete(old)


def _store(row: SpecColumns, key: Key, spec: Spec) -> None:
    row.parameter, row.component = key
    row.raw = value_to_json(spec.value)
    row.comment = spec.comment
    row.save()


def _delete(rows: Iterable[Model]) -> None:
    for row in rows:  # one by one: each tells those who keep its history
        row.delete()


def _refuse_long_names(scorers: Sequence[Mapping[str, Any]], preset: PresetFile) -> None:
    refuse(
        [
            Problem(
                preset.ledger.original(f"scorers[{index}].name"),
                f"is longer than {SCORER_NAME_CHARACTERS} characters",
            )
            for index, entry in enumerate(scorers)
            if len(entry.get("name") or "") > SCORER_NAME_CHARACTERS
        ]
    )
