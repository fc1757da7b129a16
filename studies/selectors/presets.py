"""Presets and overrides in the shape of the documents that they are read from."""

from typing import Any

from studies.engine.parameters import Key, nest
from studies.models import ModelOverride, Profile
from studies.parameters import profile_settings

Json = dict[str, Any]


def preset_document(profile: Profile) -> Json:
    """What a preset sets itself, as `profile_create` reads it."""
    overrides: dict[str, dict[Key, object]] = {}
    for row in profile.overrides.all():
        overrides.setdefault(row.pattern, {})[Key(row.parameter, row.component)] = row.raw
    return {
        "slug": profile.slug,
        "name": profile.name,
        "description": profile.description,
        "parent": profile.parent and profile.parent.slug,
        "method": profile.method,
        "model": profile.model,
        "is_active": profile.is_active,
        "parameters": nest({Key(r.parameter, r.component): r.raw for r in profile.specs.all()}),
        "settings": profile_settings(profile),
        "overrides": {
            pattern: {"parameters": nest(values)} for pattern, values in overrides.items()
        },
    }


def override_document(row: ModelOverride) -> Json:
    """An override as `override_create` reads it."""
    return {
        "pattern": row.pattern,
        "method": row.method,
        "parameter": row.parameter,
        "component": row.component,
        "value": row.raw,
    }
