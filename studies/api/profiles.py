from typing import Any

from django.shortcuts import get_object_or_404
from ninja import Query, Router

from studies.api.answers.paging import Page, page_of
from studies.api.answers.presets import ProfileDetailOut, ProfileOut, ResolvedOut
from studies.api.auth import LOOKING, ApiRequest, allowed
from studies.api.schemas import PageQuery, ResolveIn, Slug
from studies.commands.enqueuing import entries_read
from studies.engine.problems import refuse
from studies.models import Profile
from studies.parameters import profile_resolve
from studies.preset_rules import prompt_set_problems
from studies.selectors import preset_document, profiles_active

router = Router(tags=["profiles"])


@router.get("", response=Page[ProfileOut], operation_id="profile_list")
def profile_list(request: ApiRequest, page: Query[PageQuery]) -> dict[str, Any]:
    """List the presets offered for new studies."""
    rows = page_of(profiles_active(), page)
    return rows | {"items": [_summary(profile) for profile in rows["items"]]}


@router.get("/{slug}", response=ProfileDetailOut, operation_id="profile_read")
def profile_read(request: ApiRequest, slug: Slug) -> dict[str, Any]:
    """Read a preset: what it sets itself, not what it takes over."""
    profile = get_object_or_404(profiles_active(), slug=slug)
    return preset_document(profile)


@router.post(
    "/{slug}/resolve",
    response=ResolvedOut,
    operation_id="profile_resolve",
    auth=allowed(LOOKING),
)
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
    refuse(prompt_set_problems(body.settings or {}))
    entries = [entry.model_dump() for entry in body.enqueue]
    entries_read(request.auth, resolution.method, resolution.space, entries)
    return resolution.as_json()


def _summary(profile: Profile) -> dict[str, Any]:
    return {
        "slug": profile.slug,
        "name": profile.name,
        "description": profile.description,
        "parent": profile.parent and profile.parent.slug,
        "method": profile.method,
        "model": profile.model,
    }
