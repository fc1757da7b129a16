"""Presets and overrides in the shape of the documents that they are read from."""

from typing import Any

from studies.contents import contents_of
from studies.models import ModelOverride, Profile

Json = dict[str, Any]


def preset_document(profile: Profile) -> Json:
    """What a preset sets itself, as `profile_create` reads it."""
    return contents_of(profile).document()


def override_document(row: ModelOverride) -> Json:
    """An override as `override_create` reads it."""
    return {
        "pattern": row.pattern,
        "method": row.method,
        "parameter": row.parameter,
        "component": row.component,
        "value": row.raw,
    }
