from typing import Any

from django.shortcuts import get_object_or_404
from ninja import Status

from studies import commands
from studies.api import profiles
from studies.api.answers.presets import ProfileDetailOut
from studies.api.auth import ApiRequest, allowed
from studies.api.documents import body_of, described_as
from studies.api.schemas import Slug
from studies.engine.presets import NewPreset, PresetChanges
from studies.models import Profile
from studies.selectors import preset_document

router = profiles.router  # ninja lets one router answer an address
Json = dict[str, Any]


@router.post(
    "",
    response={201: ProfileDetailOut},
    operation_id="profile_create",
    auth=allowed("studies.add_profile"),
    openapi_extra=described_as(NewPreset),
)
def profile_create(request: ApiRequest) -> Status[Json]:
    """Store a preset; needs the permission studies.add_profile."""
    profile = commands.profile_create(request.auth, body_of(request))
    return Status(201, preset_document(profile))


@router.patch(
    "/{slug}",
    response=ProfileDetailOut,
    operation_id="profile_update",
    auth=allowed("studies.change_profile"),
    openapi_extra=described_as(PresetChanges),
)
def profile_update(request: ApiRequest, slug: Slug) -> Json:
    """Change what is given; a given table replaces the whole of the old one.

    Studies keep what they were started with. Needs the permission studies.change_profile.
    """
    profile = commands.profile_update(request.auth, _profile(slug), body_of(request))
    return preset_document(profile)


@router.delete(
    "/{slug}",
    response={204: None},
    operation_id="profile_delete",
    auth=allowed("studies.delete_profile"),
)
def profile_delete(request: ApiRequest, slug: Slug) -> Status[None]:
    """Delete a preset that no study and no other preset uses; deactivate it otherwise.

    Needs the permission studies.delete_profile.
    """
    commands.profile_delete(request.auth, _profile(slug))
    return Status(204, None)


@router.post(
    "/{slug}/duplicate",
    response={201: ProfileDetailOut},
    operation_id="profile_duplicate",
    auth=allowed("studies.add_profile"),
    openapi_extra=described_as(PresetChanges),
)
def profile_duplicate(request: ApiRequest, slug: Slug) -> Status[Json]:
    """Copy a preset, with changes; names are found unless given.

    Needs the permission studies.add_profile.
    """
    copy = commands.profile_duplicate(request.auth, _profile(slug), body_of(request))
    return Status(201, preset_document(copy))


def _profile(slug: str) -> Profile:
    """Those that are not offered any more as well."""
    return get_object_or_404(Profile, slug=slug)
