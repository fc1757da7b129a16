"""Writing the rows of a preset; a row that stays keeps its identity, and with it its history."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from studies.engine.parameters import Key
from studies.engine.presets import Overrides
from studies.engine.scorer_settings import SCORERS
from studies.engine.values import Value, value_to_json
from studies.models import ModelOverride, ParameterSpec, Profile, PromptSet, ScorerSpec

Columns = Mapping[str, Any]
Row = TypeVar("Row", ParameterSpec, ModelOverride)


def specs_write(profile: Profile, values: Mapping[Key, Value]) -> None:
    """Let a preset set these parameters and no others."""
    old = {Key(row.parameter, row.component): row for row in profile.specs.all()}
    _delete(row for key, row in old.items() if key not in values)
    for key, value in values.items():
        row = old.get(key) or ParameterSpec(
            profile=profile, parameter=key.name, component=key.component
        )
        _value_write(row, value)


def overrides_write(profile: Profile, overrides: Overrides) -> None:
    """Let a preset have these overrides and no others."""
    old = {(r.pattern, Key(r.parameter, r.component)): r for r in profile.overrides.all()}
    new = {(p, key): value for p, values in overrides.items() for key, value in values.items()}
    _delete(row for claim, row in old.items() if claim not in new)
    for claim, value in new.items():
        pattern, key = claim
        row = old.get(claim) or ModelOverride(
            profile=profile, pattern=pattern, parameter=key.name, component=key.component
        )
        row.method = profile.method
        _value_write(row, value)
    profile.overrides.exclude(method=profile.method).update(method=profile.method)


def scorers_write(profile: Profile, scorers: Sequence[Columns]) -> None:
    """Let a preset have these scorers, in this order; with none it takes its parent's."""
    old = list(profile.scorers.all())
    slugs = {scorer["settings"]["prompts"] for scorer in scorers}
    sets = {row.slug: row for row in PromptSet.objects.filter(slug__in=slugs)}
    _delete(old[len(scorers) :])
    for position, scorer in enumerate(scorers):
        row = old[position] if position < len(old) else ScorerSpec(profile=profile)
        options = dict(scorer["settings"])
        columns = {
            "position": position,
            "scorer": scorer["scorer"],
            "name": scorer.get("name") or "",
            "optimization": scorer.get("optimization") or SCORERS[scorer["scorer"]].direction,
            "prompts": sets[options.pop("prompts")],
            "options": options,
        }
        if not row.pk or any(getattr(row, name) != value for name, value in columns.items()):
            for name, value in columns.items():
                setattr(row, name, value)
            row.save()


def comments_write(profile: Profile, comments: Mapping[tuple[str, Key], str]) -> None:
    """Let the rows of a preset have these comments, by pattern ("" for a parameter) and key."""
    for row in [*profile.specs.all(), *profile.overrides.all()]:
        claim = (getattr(row, "pattern", ""), Key(row.parameter, row.component))
        if row.comment != (comment := comments.get(claim, "")):
            row.comment = comment
            row.save()


def _value_write(row: ParameterSpec | ModelOverride, value: Value) -> None:
    raw = value_to_json(value)
    if not row.pk or row.raw != raw or type(row.raw) is not type(raw):
        row.raw = raw
        row.save()


def _delete(rows: Iterable[ParameterSpec | ModelOverride | ScorerSpec]) -> None:
    for row in rows:  # one by one: a row's history records its end
        row.delete()
