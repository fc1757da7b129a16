from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema

from studies.api.auth import ApiRequest
from studies.api.schemas import FigureKind, FigureQuery, StudyId
from studies.selectors import studies_visible_to
from studies.selectors.figures import figure_json

router = Router(tags=["figures"])
Json = dict[str, Any]


class FigureOut(Schema):
    data: list[Json]
    layout: Json


@router.get("/{study_id}/figures/{kind}", response=FigureOut, operation_id="study_figure")
def study_figure(
    request: ApiRequest, study_id: StudyId, kind: FigureKind, query: Query[FigureQuery]
) -> Json:
    """Read one figure of a study as plotly draws it; without a finished trial it is empty."""
    study = get_object_or_404(studies_visible_to(request.auth), pk=study_id)
    try:
        return figure_json(study, kind, query.objective)
    except IndexError as error:  # there is no such objective
        raise Http404 from error
