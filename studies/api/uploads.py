from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Router, Status

from studies import commands, selectors
from studies.api.answers.exports import UploadOut
from studies.api.auth import ApiRequest
from studies.api.schemas import ExportId, UploadIn
from studies.models import Export

router = Router(tags=["exports"])
Json = dict[str, Any]


@router.get("/{export_id}/uploads", response=list[UploadOut], operation_id="upload_list")
def upload_list(request: ApiRequest, export_id: ExportId) -> list[Json]:
    """List the uploads of an export, the newest first."""
    return selectors.uploads_of(_export(request, export_id))


@router.post("/{export_id}/upload", response={202: UploadOut}, operation_id="upload_create")
def upload_create(request: ApiRequest, export_id: ExportId, body: UploadIn) -> Status[Json]:
    """Upload an export to the hub; its job says how far it is, and cancels it."""
    wanted = commands.UploadRequest(
        repo_id=body.repo_id,
        is_private=body.private,
        message=body.message,
        token=body.token.get_secret_value(),
    )
    upload = commands.upload_create(_export(request, export_id), wanted)
    return Status(202, selectors.upload_out(upload))


def _export(request: ApiRequest, export_id: UUID) -> Export:
    return get_object_or_404(selectors.exports_visible_to(request.auth), pk=export_id)
