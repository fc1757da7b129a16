from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Query, Router

from studies import commands, selectors
from studies.api.answers.trials import AnswersOut, LabelOut
from studies.api.auth import ApiRequest
from studies.api.schemas import AnswerPosition, AnswerQuery, LabelIn, StudyId, TrialNumber
from studies.models import Study, Trial

router = Router(tags=["answers"])
Json = dict[str, Any]


@router.get(
    "/{study_id}/trials/{number}/answers", response=AnswersOut, operation_id="trial_answers"
)
def trial_answers(
    request: ApiRequest, study_id: StudyId, number: TrialNumber, query: Query[AnswerQuery]
) -> Json:
    """Read a trial's answers beside the original's, each prompt once, with people's labels."""
    study, trial = _trial(request, study_id, number)
    answers = selectors.trial_answers(request.auth, study, trial)
    agreement = selectors.agreements(answers)
    if query.scorer:
        answers = [a for a in answers if query.scorer in {v.scorer for v in a.verdicts}]
    wanted = [answer for answer in answers if selectors.FILTERS[query.show](answer)]
    page = wanted[query.offset : query.offset + query.limit]
    return {
        "items": [selectors.answer_out(answer) for answer in page],
        "count": len(wanted),
        "counts": selectors.filter_counts(answers),
        "agreement": agreement,
    }


@router.put(
    "/{study_id}/trials/{number}/answers/{position}/label",
    response=LabelOut,
    operation_id="answer_label",
)
def answer_label(
    request: ApiRequest,
    study_id: StudyId,
    number: TrialNumber,
    position: AnswerPosition,
    body: LabelIn,
) -> Json:
    """Set your own thumb for one answer, or take it back."""
    study, trial = _trial(request, study_id, number)
    answers = selectors.trial_answers(request.auth, study, trial)
    if position >= len(answers):
        raise Http404
    digest, index = answers[position].place
    commands.answer_label(request.auth, trial, digest, index, is_good=body.label)
    answers = selectors.trial_answers(request.auth, study, trial)
    answer = answers[position]
    up = sum(answer.labels)
    return {
        "position": position,
        "label": answer.label,
        "up": up,
        "down": len(answer.labels) - up,
        "counts": selectors.filter_counts(answers),
        "agreement": selectors.agreements(answers),
    }


def _trial(request: ApiRequest, study_id: UUID, number: int) -> tuple[Study, Trial]:
    study = get_object_or_404(selectors.studies_visible_to(request.auth), pk=study_id)
    return study, get_object_or_404(study.trials, number=number)
