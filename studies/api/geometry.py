from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from ninja import Router, Status

from studies import commands, selectors
from studies.api.answers.geometry import GeometryOut, ProjectionOut
from studies.api.auth import ApiRequest
from studies.api.downloads import table_response
from studies.api.schemas import FileType, StudyId
from studies.models import Study

router = Router(tags=["geometry"])
Json = dict[str, Any]


@router.post("/{study_id}/geometry", response={202: GeometryOut}, operation_id="geometry_start")
def geometry_start(request: ApiRequest, study_id: StudyId) -> Status[Json]:
    """Measure how the residuals of good and bad prompts lie; its job says how far it is."""
    study = _study(request, study_id)
    commands.geometry_start(study)
    return Status(202, selectors.geometry_out(study))


@router.get("/{study_id}/geometry", response=GeometryOut, operation_id="geometry_read")
def geometry_read(request: ApiRequest, study_id: StudyId) -> Json:
    """Read the residual geometry of a study, layer by layer, and what its job is doing."""
    return selectors.geometry_out(_study(request, study_id))


@router.get("/{study_id}/geometry.{file_type}", operation_id="geometry_table", response=None)
def geometry_download(
    request: ApiRequest, study_id: StudyId, file_type: FileType
) -> StreamingHttpResponse:
    """Download the table as CSV or as lines of JSON."""
    study = _study(request, study_id)
    return table_response(selectors.geometry_table(study), f"geometry-{study.pk}", file_type)


@router.get(
    "/{study_id}/geometry/projection", response=ProjectionOut, operation_id="geometry_projection"
)
def geometry_projection(request: ApiRequest, study_id: StudyId) -> Json:
    """Read where each prompt lies in the two-dimensional picture of each layer."""
    found = selectors.projection_out(_study(request, study_id))
    if found is None:
        raise Http404
    return found


@router.get(
    "/{study_id}/geometry/animation.gif", operation_id="geometry_animation", response={200: Any}
)
def geometry_animation(request: ApiRequest, study_id: StudyId) -> HttpResponse:
    """Download the pictures of all layers as an animated GIF."""
    study = _study(request, study_id)
    data = selectors.geometry_animation(study)
    if data is None:
        raise Http404
    named = {"Content-Disposition": f'attachment; filename="geometry-{study.pk}.gif"'}
    return HttpResponse(data, content_type="image/gif", headers=named)


def _study(request: ApiRequest, study_id: UUID) -> Study:
    return get_object_or_404(selectors.studies_visible_to(request.auth), pk=study_id)
