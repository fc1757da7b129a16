from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Query, Router

from studies import commands, selectors
from studies.api.answers.paging import Page, page_of
from studies.api.answers.trials import ResponseOut, TrialOut
from studies.api.auth import ApiRequest
from studies.api.schemas import StudyId, TrialNumber, TrialQuery
from studies.engine.annotations import TrialAnnotation
from studies.models import Study

router = Router(tags=["trials"])
Json = dict[str, Any]


@router.get("/{study_id}/trials", response=Page[TrialOut], operation_id="trial_list")
def trial_list(request: ApiRequest, study_id: StudyId, query: Query[TrialQuery]) -> Json:
    """List a study's trials in their order, or only those of a state, tag or the front."""
    study = _study(request, study_id)
    trials = selectors.trials_of(study, pareto=query.pareto, state=query.state, tag=query.tag)
    shown = selectors.trial_brief if query.brief else selectors.trial_out
    rows = page_of(
        trials.defer(*selectors.DETAILED) if query.brief else trials.defer("values"), query
    )
    chosen = selectors.recommended_number(study)
    return rows | {"items": [shown(trial, chosen) for trial in rows["items"]]}


@router.get("/{study_id}/trials/{number}", response=TrialOut, operation_id="trial_read")
def trial_read(request: ApiRequest, study_id: StudyId, number: TrialNumber) -> Json:
    """Read one trial."""
    return selectors.trial_detail(_study(request, study_id), number)


@router.patch("/{study_id}/trials/{number}", response=TrialOut, operation_id="trial_annotate")
def trial_annotate(
    request: ApiRequest, study_id: StudyId, number: TrialNumber, body: TrialAnnotation
) -> Json:
    """Change a trial's note or tags; what you leave out stays."""
    study = _study(request, study_id)
    commands.trial_annotate(get_object_or_404(study.trials, number=number), body)
    return selectors.trial_detail(study, number)


@router.get(
    "/{study_id}/trials/{number}/responses",
    response=list[ResponseOut],
    operation_id="trial_responses",
)
def trial_responses(request: ApiRequest, study_id: StudyId, number: TrialNumber) -> list[Json]:
    """Read what the model of one trial answered to the scorers' prompts."""
    return selectors.trial_responses(_study(request, study_id), number)


@router.get(
    "/{study_id}/baseline/responses",
    response=list[ResponseOut],
    operation_id="baseline_responses",
)
def baseline_responses(request: ApiRequest, study_id: StudyId) -> list[Json]:
    """Read what the original model answered to the scorers' prompts."""
    return selectors.baseline_responses(_study(request, study_id))


def _study(request: ApiRequest, study_id: UUID) -> Study:
    return get_object_or_404(selectors.studies_visible_to(request.auth), pk=study_id)
