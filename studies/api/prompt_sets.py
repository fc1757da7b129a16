from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from studies.api.answers.paging import Page, page_of
from studies.api.answers.presets import PromptSetOut, PromptSetRow
from studies.api.auth import ApiRequest, allowed
from studies.api.schemas import PageQuery, PromptSetIn, Slug
from studies.commands import prompt_set_create
from studies.models import PromptSet

router = Router(tags=["prompt sets"])


@router.get(
    "", response=Page[PromptSetRow], operation_id="prompt_set_list", url_name="prompt-sets"
)
def prompt_set_list(request: ApiRequest, page: Query[PageQuery]) -> dict[str, Any]:
    """List the prompt sets, without their text."""
    return page_of(_prompt_sets().defer("text"), page)


@router.post(
    "",
    response={201: PromptSetOut},
    operation_id="prompt_set_create",
    auth=allowed("studies.add_promptset"),
)
def create(request: ApiRequest, body: PromptSetIn) -> Status[PromptSet]:
    """Store a prompt set; a text or file without a prompt is refused."""
    return Status(201, prompt_set_create(request.auth, body.model_dump()))


@router.get("/{slug}", response=PromptSetOut, operation_id="prompt_set_read")
def prompt_set_read(request: ApiRequest, slug: Slug) -> PromptSet:
    """Read a prompt set with its text."""
    return get_object_or_404(_prompt_sets(), slug=slug)


def _prompt_sets() -> QuerySet[PromptSet]:
    """All of them: prompt sets are shared by everybody, as presets are."""
    return PromptSet.objects.order_by("name", "pk")
