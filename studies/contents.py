"""What a preset says itself, apart from its rows: to compare, to keep and to restore."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from studies.engine.parameters import Key, nest
from studies.models import ModelOverride, ParameterSpec, Profile, ScorerSpec

COLUMNS: Final = ("name", "slug", "description", "method", "model", "is_active")
Json = dict[str, Any]


class Place(NamedTuple):
    """Where a preset says something: a column, a setting, a parameter or an override."""

    section: str  # "preset", "settings", "parameters", "overrides", "comments"
    name: str
    pattern: str = ""  # of an override
    component: str = ""

    def __str__(self) -> str:
        own = f'{self.name}["{self.component}"]' if self.component else self.name
        return f"{self.pattern}: {own}" if self.pattern else own


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that a preset sets itself, nothing that it takes over."""

    columns: Mapping[str, Any]  # with `parent`, the slug of the preset that it is based on
    settings: Mapping[str, Any]  # with `scorers`
    parameters: Mapping[Key, Any]  # as a parameter file has them
    overrides: Mapping[str, Mapping[Key, Any]]  # by pattern
    comments: Mapping[tuple[str, Key], str]  # by pattern ("": of a parameter), where there are any

    def document(self) -> Json:
        """The same as the document that `profile_create` reads, which has no comments."""
        return {
            **self.columns,
            "parameters": nest(self.parameters),
            "settings": dict(self.settings),
            "overrides": {
                pattern: {"parameters": nest(values)} for pattern, values in self.overrides.items()
            },
        }

    def places(self) -> Iterator[tuple[Place, Any]]:
        """Every place with its value, in the order in which pages show them."""
        yield from ((Place("preset", name), value) for name, value in self.columns.items())
        for key, value in self.parameters.items():
            yield Place("parameters", key.name, component=key.component), value
        yield from ((Place("settings", name), value) for name, value in self.settings.items())
        for pattern, values in self.overrides.items():
            for key, value in values.items():
                yield Place("overrides", key.name, pattern, key.component), value
        for (pattern, key), text in self.comments.items():
            yield Place("comments", key.name, pattern, key.component), text


def contents_of(profile: Profile) -> Contents:
    """What a stored preset says now."""
    scorers = profile.scorers.select_related("prompts")
    return contents_from(profile, profile.specs.all(), profile.overrides.all(), scorers)


def contents_from(
    profile: Profile,
    specs: Iterable[ParameterSpec],
    overrides: Iterable[ModelOverride],
    scorers: Iterable[ScorerSpec],
) -> Contents:
    """Put rows together, whether they are stored or were made from an older version."""
    by_pattern: dict[str, dict[Key, Any]] = {}
    comments: dict[tuple[str, Key], str] = {}
    for row in sorted(overrides, key=lambda row: (row.pattern, row.parameter, row.component)):
        key = Key(row.parameter, row.component)
        by_pattern.setdefault(row.pattern, {})[key] = row.raw
        comments[row.pattern, key] = row.comment
    listed = [row.raw for row in sorted(scorers, key=lambda row: (row.position, row.pk or 0))]
    ordered = sorted(specs, key=lambda row: (row.parameter, row.component))
    comments |= {("", Key(row.parameter, row.component)): row.comment for row in ordered}
    columns: Json = {name: getattr(profile, name) for name in COLUMNS}
    return Contents(
        columns=columns | {"parent": profile.parent.slug if profile.parent else None},
        settings={**profile.settings, **({"scorers": listed} if listed else {})},
        parameters={Key(row.parameter, row.component): row.raw for row in ordered},
        overrides=by_pattern,
        comments={claim: text for claim, text in comments.items() if text},
    )
