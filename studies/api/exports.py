from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import aget_object_or_404, get_object_or_404
from ninja import Router, Status

from studies import commands, selectors
from studies.api.answers.exports import ExportOut
from studies.api.auth import ApiRequest
from studies.api.schemas import ExportId, FilePath, StudyId, TrialNumber
from studies.downloads import file_response
from studies.engine.export_options import ExportOptions
from studies.exporting import export_folder
from studies.models import Export, Trial

router = Router(tags=["exports"])
trial_router = Router(tags=["exports"])
Json = dict[str, Any]


@trial_router.get(
    "/{study_id}/trials/{number}/exports", response=list[ExportOut], operation_id="export_list"
)
def export_list(request: ApiRequest, study_id: StudyId, number: TrialNumber) -> list[Json]:
    """List the exports of a trial, the newest first."""
    trial = _trial(request, study_id, number)
    exports = selectors.exports_of(request.auth, trial.study, number)
    return [selectors.export_out(export) for export in exports]


@trial_router.post(
    "/{study_id}/trials/{number}/exports", response={202: ExportOut}, operation_id="export_create"
)
def export_create(
    request: ApiRequest, study_id: StudyId, number: TrialNumber, body: ExportOptions
) -> Status[Json]:
    """Export a trial; its job says how far it is, and cancels it."""
    export = commands.export_create(_trial(request, study_id, number), body)
    return Status(202, selectors.export_out(_export(request, export.pk)))


@router.get("/{export_id}", response=ExportOut, operation_id="export_read")
def export_read(request: ApiRequest, export_id: ExportId) -> Json:
    """Read an export: its job and, once it is ready, its files with sizes and hashes."""
    return selectors.export_out(_export(request, export_id))


@router.delete("/{export_id}", response={204: None}, operation_id="export_delete")
def export_delete(request: ApiRequest, export_id: ExportId) -> Status[None]:
    """Remove an export with its files."""
    commands.export_delete(_export(request, export_id))
    return Status(204, None)


@router.post("/{export_id}/reproduce", response={202: ExportOut}, operation_id="export_reproduce")
def export_reproduce(request: ApiRequest, export_id: ExportId) -> Status[Json]:
    """Build a finished export again, and compare the hashes of the two."""
    export = commands.export_reproduce(_export(request, export_id))
    return Status(202, selectors.export_out(_export(request, export.pk)))


@router.get("/{export_id}/files/{path:path}", operation_id="export_file", response={200: Any})
async def export_file(
    request: ApiRequest, export_id: ExportId, path: FilePath
) -> HttpResponse | StreamingHttpResponse:
    """Download a file of a finished export, in whole or by ranges."""
    visible = selectors.exports_visible_to(request.auth)
    export = await aget_object_or_404(visible, pk=export_id)
    entry = selectors.export_file(export, path)
    if entry is None:
        raise Http404
    try:
        return file_response(
            export_folder(export.pk).final / entry["path"],
            size=entry["size"],
            etag=entry["sha256"],
            range_header=request.headers.get("Range", ""),
            if_range=request.headers.get("If-Range", ""),
        )
    except FileNotFoundError as error:
        raise Http404 from error


def _trial(request: ApiRequest, study_id: UUID, number: int) -> Trial:
    study = get_object_or_404(selectors.studies_visible_to(request.auth), pk=study_id)
    return get_object_or_404(Trial.objects.select_related("study"), study=study, number=number)


def _export(request: ApiRequest, export_id: UUID) -> Export:
    return get_object_or_404(selectors.exports_visible_to(request.auth), pk=export_id)
