from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from studies import commands, selectors
from studies.api.answers.chats import ChatOut, ChatRow, TurnOut
from studies.api.answers.paging import Page, page_of
from studies.api.auth import ApiRequest
from studies.api.schemas import ChatId, ChatQuery, StudyId, TrialNumber
from studies.engine.chat_options import ChatSettings, ChatTurnIn
from studies.models import Chat, Trial

router = Router(tags=["chats"])
trial_router = Router(tags=["chats"])
Json = dict[str, Any]


@trial_router.post(
    "/{study_id}/trials/{number}/chats", response={201: ChatOut}, operation_id="chat_create"
)
def chat_create(
    request: ApiRequest, study_id: StudyId, number: TrialNumber, body: ChatSettings
) -> Status[Json]:
    """Begin a chat with a trial, beside the original; it is yours alone."""
    study = get_object_or_404(selectors.studies_visible_to(request.auth), pk=study_id)
    trial = get_object_or_404(Trial.objects.select_related("study"), study=study, number=number)
    chat = commands.chat_create(request.auth, trial, body)
    return Status(201, selectors.chat_out(_chat(request, chat.pk), {}))


@router.get("", response=Page[ChatRow], operation_id="chat_list")
def chat_list(request: ApiRequest, query: Query[ChatQuery]) -> Json:
    """List your chats, the newest first."""
    chats = selectors.chats_visible_to(request.auth).order_by("-changed_at", "-pk")
    if query.study is not None:
        chats = chats.filter(study_id=query.study)
    if query.trial is not None:
        chats = chats.filter(trial__number=query.trial)
    rows = page_of(chats, query)
    return rows | {"items": [selectors.chat_row(chat) for chat in rows["items"]]}


@router.get("/{chat_id}", response=ChatOut, operation_id="chat_read")
def chat_read(request: ApiRequest, chat_id: ChatId) -> Json:
    """Read a chat with all its turns; answers under way are there as far as they are."""
    return selectors.chat_out(_chat(request, chat_id), selectors.queue_places())


@router.delete("/{chat_id}", response={204: None}, operation_id="chat_delete")
def chat_delete(request: ApiRequest, chat_id: ChatId) -> Status[None]:
    """Remove a chat with all that was said in it."""
    commands.chat_delete(_chat(request, chat_id))
    return Status(204, None)


@router.post("/{chat_id}/turns", response={202: TurnOut}, operation_id="chat_turn")
def chat_turn(request: ApiRequest, chat_id: ChatId, body: ChatTurnIn) -> Status[Json]:
    """Ask something; both answers come over the socket and stand in the chat as they grow."""
    turn = commands.chat_turn(request.auth, _chat(request, chat_id), body)
    return Status(202, selectors.turn_out(turn, selectors.queue_places()))


@router.post("/{chat_id}/stop", response={202: ChatOut}, operation_id="chat_stop")
def chat_stop(request: ApiRequest, chat_id: ChatId) -> Status[Json]:
    """End the answer that is under way; what was said of it stays."""
    chat = commands.chat_stop(_chat(request, chat_id))
    return Status(202, selectors.chat_out(chat, selectors.queue_places()))


def _chat(request: ApiRequest, chat_id: UUID) -> Chat:
    return get_object_or_404(selectors.chats_visible_to(request.auth), pk=chat_id)
