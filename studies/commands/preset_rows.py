"""Writing the rows of a preset; a row that stays keeps its identity, and with it its history."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from studies.engine.parameters import Key
from studies.engine.presets import Overrides
from studies.engine.scorer_settings import SCORERS
from studies.engine.values import Value, value_to_json
from studies.models import ModelOverride, ParameterSpec, Profile, PromptSet, ScorerSpec

Columns = Mapping[str, Any]
Claim = tuple[str, Key]  # a pattern, and what is set for the models that it names


def specs_write(
    profile: Profile, values: Mapping[Key, Value], comments: Mapping[Key, str] | None = None
) -> None:
    """Let a preset set these parameters and no others; without `comments` those that are stay."""
    old = {Key(row.parameter, row.component): row for row in profile.specs.all()}
    _delete(row for key, row in old.items() if key not in values)
    for key, value in values.items():
        row = old.get(key) or ParameterSpec(
            profile=profile, parameter=key.name, component=key.component
        )
        _value_write(row, value, row.comment if comments is None else comments[key])


def overrides_write(
    profile: Profile, overrides: Overrides, comments: Mapping[Claim, str] | None = None
) -> None:
    """Let a preset have these overrides and no others; without `comments` those that are stay."""
    old = {(r.pattern, Key(r.parameter, r.component)): r for r in profile.overrides.all()}
    new = {(p, key): value for p, values in overrides.items() for key, value in values.items()}
    _delete(row for claim, row in old.items() if claim not in new)
    for claim, value in new.items():
        pattern, key = claim
        row = old.get(claim) or ModelOverride(
            profile=profile, pattern=pattern, parameter=key.name, component=key.component
        )
        row.method = profile.method
        _value_write(row, value, row.comment if comments is None else comments[claim])
    profile.overrides.exclude(method=profile.method).update(method=profile.method)


def scorers_write(profile: Profile, scorers: Sequence[Columns]) -> None:
    """Let a preset have these scorers, in this order; with none it takes its parent's."""
    old = list(profile.scorers.all())
    slugs = {scorer["settings"]["prompts"] for scorer in scorers}
    sets = {row.slug: row for row in PromptSet.objects.filter(slug__in=slugs)}
    _delete(old[len(scorers) :])
    for position, scorer in enumerate(scorers):
        row = old[position] if position < len(old) else ScorerSpec(profile=profile)
        options = {name: value for name, value in scorer["settings"].items() if value is not None}
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


def _value_write(row: ParameterSpec | ModelOverride, value: Value, comment: str) -> None:
    raw = value_to_json(value)
    # As texts: 1 and 1.0 are equal, but not the same.
    if not row.pk or (repr(row.raw), row.comment) != (repr(raw), comment):
        row.raw, row.comment = raw, comment
        row.save()


def _delete(rows: Iterable[ParameterSpec | ModelOverride | ScorerSpec]) -> None:
    for row in rows:  # one by one: a row's history records its end
        row.delete()
