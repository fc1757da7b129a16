from typing import Any

from django.shortcuts import get_object_or_404
from ninja import Query, Router

from studies.api.answers import Page, ProfileDetailOut, ProfileOut, ResolvedOut, page_of
from studies.api.auth import ApiRequest
from studies.api.schemas import PageQuery, ResolveIn, Slug
from studies.engine.parameters import Key, nest
from studies.models import Profile
from studies.parameters import profile_resolve, profile_settings
from studies.selectors import profiles_active

router = Router(tags=["profiles"])


@router.get("", response=Page[ProfileOut], operation_id="profile_list")
def profile_list(request: ApiRequest, page: Query[PageQuery]) -> dict[str, Any]:
    """List the presets offered for new studies."""
    rows = page_of(profiles_active(), page)
    return rows | {"items": [_summary(profile) for profile in rows["items"]]}


@router.get("/{slug}", response=ProfileDetailOut, operation_id="profile_read")
def profile_read(request: ApiRequest, slug: Slug) -> dict[str, Any]:
    """Read a preset: what it sets itself, not what it takes over."""
    return profile_detail(get_object_or_404(profiles_active(), slug=slug))


@router.post("/{slug}/resolve", response=ResolvedOut, operation_id="profile_resolve")
def resolve(request: ApiRequest, slug: Slug, body: ResolveIn) -> dict[str, Any]:
    """Say what a study with this preset would run with, and which layer decides each value."""
    profile = get_object_or_404(profiles_active(), slug=slug)
    resolution = profile_resolve(
        profile,
        body.model,
        parameters=body.parameters,
        settings=body.settings,
        n_layers=body.n_layers,
    )
    return resolution.as_json()


def profile_detail(profile: Profile) -> dict[str, Any]:
    """A preset as the API shows one by itself."""
    return _summary(profile) | {
        "parameters": nest({Key(r.parameter, r.component): r.raw for r in profile.specs.all()}),
        "settings": profile_settings(profile),
    }


def _summary(profile: Profile) -> dict[str, Any]:
    return {
        "slug": profile.slug,
        "name": profile.name,
        "description": profile.description,
        "parent": profile.parent and profile.parent.slug,
        "method": profile.method,
        "model": profile.model,
    }
