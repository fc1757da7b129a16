from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from studies.api.answers.presets import ProfileImportOut
from studies.api.auth import ApiRequest, allowed
from studies.api.parsing import TOML, toml_body
from studies.api.schemas import ImportQuery, Slug, TomlQuery
from studies.commands import profile_heretic_toml, profile_import, profile_toml
from studies.permissions import require
from studies.selectors import preset_document, profiles_active

router = Router(tags=["profiles"])
TEXT = {"content": {TOML: {"schema": {"type": "string"}}}}


@router.post(
    "/import",
    response={201: ProfileImportOut},
    operation_id="profile_import",
    auth=allowed("studies.add_profile"),
    openapi_extra={"requestBody": {**TEXT, "required": True}},
)
def import_profile(request: ApiRequest, query: Query[ImportQuery]) -> Status[dict[str, Any]]:
    """Make a preset of a TOML file of this project, or of a configuration of Heretic."""
    if query.replace:
        require(request.auth, "studies.change_profile")
    body = toml_body(request)
    made = profile_import(request.auth, body, replace=query.replace, fallback_name=query.name)
    notes = [{"place": note.place, "message": note.message} for note in made.notes]
    return Status(201, {"profile": preset_document(made.profile), "notes": notes})


@router.get(
    "/{slug}/toml",
    operation_id="profile_toml",
    openapi_extra={"responses": {200: {"description": "The file", **TEXT}}},
)
def export_profile(request: ApiRequest, slug: Slug, query: Query[TomlQuery]) -> HttpResponse:
    """Write a preset as a TOML file."""
    profile = get_object_or_404(profiles_active(), slug=slug)
    if query.dialect == "heretic":
        text = profile_heretic_toml(profile, query.model)
    else:
        text = profile_toml(profile)
    name = f'attachment; filename="{profile.slug}.toml"'
    return HttpResponse(text, content_type=TOML, headers={"Content-Disposition": name})
