from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Router, Status

from studies import commands, selectors
from studies.api.answers.scorings import ScoringOut
from studies.api.auth import ApiRequest
from studies.api.schemas import RescoreIn, ScoringId, StudyId
from studies.models import Study

router = Router(tags=["scorings"])
study_router = Router(tags=["scorings"])
Json = dict[str, Any]


@study_router.get("/{study_id}/rescores", response=list[ScoringOut], operation_id="rescore_list")
def rescore_list(request: ApiRequest, study_id: StudyId) -> list[Json]:
    """List how trials of a study did on held-out prompts, the newest scoring first."""
    return selectors.rescores_of(request.auth, _study(request, study_id))


@study_router.post(
    "/{study_id}/rescores", response={202: ScoringOut}, operation_id="rescore_create"
)
def rescore_create(request: ApiRequest, study_id: StudyId, body: RescoreIn) -> Status[Json]:
    """Score trials on prompts that took no part in the search, and the original beside them.

    Prompts that the search has read are left out; the answer says how many.
    """
    study = _study(request, study_id)
    made = commands.rescore_create(request.auth, study, trials=body.trials, prompts=body.prompts)
    return Status(202, _out(request, made.pk))


@router.get("/{scoring_id}", response=ScoringOut, operation_id="scoring_read")
def scoring_read(request: ApiRequest, scoring_id: ScoringId) -> Json:
    """Read a scoring: its job, its prompts, and the scores as far as they are there."""
    return _out(request, scoring_id)


def _study(request: ApiRequest, study_id: UUID) -> Study:
    return get_object_or_404(selectors.studies_visible_to(request.auth), pk=study_id)


def _out(request: ApiRequest, scoring_id: UUID) -> Json:
    visible = selectors.scorings_visible_to(request.auth)
    return selectors.scoring_out(get_object_or_404(visible, pk=scoring_id))
