"""Chatting with a trial's model beside the original."""

import secrets
from typing import Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from studies.chatting import PRIORITY, TURN, ChatBusyError, chat_event_record
from studies.commands.doorbell import ring_after_commit
from studies.engine.chat_options import MAX_SEED, ChatSettings, ChatTurnIn
from studies.engine.errors import InvalidInputError, Problem
from studies.jobs import job_enqueue, job_stop
from studies.lifecycle import StatusConflictError
from studies.models import Chat, ChatTurn, Job, Trial
from studies.selectors import active_turn, chat_start, turn_out

MAX_TURNS: Final = 500  # of one chat
TITLE_CHARACTERS: Final = 80


def chat_create(user: AbstractBaseUser, trial: Trial, settings: ChatSettings) -> Chat:
    """Begin a chat with a finished trial, on the front or not; nothing is loaded for it yet.

    Raises:
        InvalidInputError: the trial has no result.
    """
    if trial.state != Trial.State.COMPLETE:
        message = f"is {trial.state}; only a complete trial can be talked to"
        raise InvalidInputError([Problem("trial", message)])
    values = settings.model_dump(mode="json")
    if values["system_prompt"] is None:
        values["system_prompt"] = chat_start(trial.study)["system_prompt"]
    return Chat.objects.create(
        owner_id=user.pk, study_id=trial.study_id, trial=trial, settings=values
    )


@transaction.atomic
def chat_turn(user: AbstractBaseUser, chat: Chat, turn: ChatTurnIn) -> ChatTurn:
    """Queue a question; the settings that come with it hold from now on.

    Raises:
        ChatBusyError: an answer to this user is still under way, here or in another chat.
        InvalidInputError: there is nothing to ask again, or the chat is too long.
    """
    # One question at a time, also where several requests come at once.
    get_user_model().objects.select_for_update().get(pk=user.pk)
    if busy := active_turn(ChatTurn.objects.filter(chat__owner_id=user.pk)):
        raise ChatBusyError("this chat" if busy.chat_id == chat.pk else "another chat")
    settings = ChatSettings.model_validate(chat.settings | turn.changes()).model_dump(mode="json")
    if settings["system_prompt"] is None:
        settings["system_prompt"] = chat_start(chat.study)["system_prompt"]
    message, parent, number = _asked(chat, turn)
    chat.settings = settings
    chat.title = chat.title or _title(message)
    chat.save(update_fields=["settings", "title"])
    job = job_enqueue(
        chat.study_id,
        Job.Kind.CHAT,
        payload={"trial": chat.trial.number, "chat": str(chat.pk)},
        priority=PRIORITY,
    )
    seed = secrets.randbelow(MAX_SEED + 1) if settings["seed"] is None else settings["seed"]
    row = ChatTurn.objects.create(
        chat=chat,
        number=number,
        parent=parent,
        job=job,
        message=message,
        settings=settings | {"seed": seed},
    )
    chat_event_record(chat.pk, TURN, {"turn": turn_out(row, {})})
    ring_after_commit()
    return row


@transaction.atomic
def chat_stop(chat: Chat) -> Chat:
    """End the answer that is under way; what was said of it stays.

    Raises:
        StatusConflictError: none is under way.
    """
    turn = active_turn(chat.turns.all())
    if turn is None or turn.job is None or not job_stop(turn.job.pk):
        raise StatusConflictError("quiet", "stopped", "chat")
    turn.job.refresh_from_db()
    chat_event_record(chat.pk, TURN, {"turn": turn_out(turn, {})})
    return chat


@transaction.atomic
def chat_delete(chat: Chat) -> None:
    """Remove a chat with all that was said in it.

    Raises:
        StatusConflictError: an answer is still under way; stop it first.
    """
    if active_turn(chat.turns.all()):
        raise StatusConflictError("speaking", "deleted", "chat")
    chat.delete()


def _asked(chat: Chat, turn: ChatTurnIn) -> tuple[str, ChatTurn | None, int]:
    """The question, the turn that it follows in the dialogue, and its number."""
    last = chat.turns.select_related("parent").order_by("-number").first()
    if last is not None and last.number >= MAX_TURNS:
        message = f"this chat has {MAX_TURNS} questions; begin a new one"
        raise InvalidInputError([Problem("message", message)])
    if turn.message is None:
        if last is None:
            raise InvalidInputError([Problem("again", "nothing has been asked yet")])
        return last.message, last.parent, last.number + 1
    if last is None:
        return turn.message, None, 1
    # What was never answered is no part of the dialogue.
    return turn.message, last if last.finished_at else last.parent, last.number + 1


def _title(message: str) -> str:
    line = message.strip().splitlines()[0]
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"
