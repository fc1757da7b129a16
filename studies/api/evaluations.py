from typing import Any

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from studies import commands, selectors
from studies.api.answers.paging import Page, page_of
from studies.api.answers.scorings import ScoringOut
from studies.api.auth import ApiRequest
from studies.api.schemas import EvaluationIn, PageQuery
from studies.engine.errors import InvalidInputError, Problem
from studies.models import Export, Profile

router = Router(tags=["scorings"])
Json = dict[str, Any]


@router.get("", response=Page[ScoringOut], operation_id="evaluation_list")
def evaluation_list(request: ApiRequest, query: Query[PageQuery]) -> Json:
    """List finished models beside their bases, the newest first."""
    rows = page_of(selectors.evaluations_of(request.auth), query)
    return rows | {"items": [selectors.scoring_out(one) for one in rows["items"]]}


@router.post("", response={202: ScoringOut}, operation_id="evaluation_create")
def evaluation_create(request: ApiRequest, body: EvaluationIn) -> Status[Json]:
    """Score a finished model and its base with the scorers of a preset, and compare them.

    Both are loaded, one after the other; its job says how far it is, and cancels it.
    """
    made = commands.evaluation_create(
        request.auth,
        profile=_profile(body.profile),
        model=body.model,
        revision=body.revision,
        export=_export(request, body),
        base=body.base,
    )
    visible = selectors.scorings_visible_to(request.auth)
    return Status(202, selectors.scoring_out(get_object_or_404(visible, pk=made.pk)))


def _profile(slug: str) -> Profile:
    profile = selectors.profiles_active().filter(slug=slug).first()
    if profile is None:
        raise InvalidInputError([Problem("profile", f'there is no preset "{slug}"')])
    return profile


def _export(request: ApiRequest, body: EvaluationIn) -> Export | None:
    if body.export is None:
        return None
    visible = selectors.exports_visible_to(request.auth)
    export = visible.select_related("study").filter(pk=body.export).first()
    if export is None:
        raise InvalidInputError([Problem("export", "there is no such export")])
    return export
