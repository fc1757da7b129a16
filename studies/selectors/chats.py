"""Chats in the shapes that pages and API show."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from studies.models import Chat, ChatEvent, ChatTurn, FrozenPrompts, Study
from studies.models.chat import COLUMNS
from studies.models.job import JobStatus
from studies.selectors.access import User, studies_visible_to

Json = dict[str, Any]
ACTIVE: Final = (JobStatus.QUEUED, JobStatus.RUNNING)
N_SUGGESTED: Final = 4
SUGGESTED_CHARACTERS: Final = 300


def chats_visible_to(user: User) -> QuerySet[Chat]:
    """Return a user's own chats about studies that they may (still) read; staff see no others'."""
    if user is None or not user.is_authenticated:
        return Chat.objects.none()
    visible = Chat.objects.filter(owner_id=user.pk, study__in=studies_visible_to(user))
    return visible.select_related("study", "trial").defer(
        "study__snapshot", "study__facts", "study__baseline", "trial__scores", "trial__details"
    )


def chat_events_after(chat_id: UUID, number: int) -> QuerySet[ChatEvent]:
    """Return a chat's news after a number, in order."""
    return ChatEvent.objects.filter(chat_id=chat_id, number__gt=number).order_by("number")


def chat_row(chat: Chat) -> Json:
    """One chat in a list; needs study and trial joined."""
    return {
        "id": str(chat.pk),
        "study": {"id": str(chat.study_id), "name": chat.study.name},
        "trial": chat.trial.number,
        "title": chat.title,
        "created_at": chat.created_at.isoformat(),
        "changed_at": chat.changed_at.isoformat(),
    }


def chat_out(chat: Chat, places: Mapping[UUID, int]) -> Json:
    """A whole chat with its turns, and the number of the news that they know of."""
    # The number first: what comes meanwhile is told again and changes nothing.
    fresh = Chat.objects.values("event_count", "progress").get(pk=chat.pk)
    turns = chat.turns.select_related("job", "parent")
    return {
        **chat_row(chat),
        "settings": chat.settings,
        "event_count": fresh["event_count"],
        "progress": fresh["progress"],
        "turns": [turn_out(turn, places) for turn in turns.order_by("number")],
    }


def turn_out(turn: ChatTurn, places: Mapping[UUID, int]) -> Json:
    """One turn as pages, events and API show it; needs job and parent joined."""
    job = turn.job
    state = turn_state(turn)
    failed = job is not None and state == "failed"
    return {
        "number": turn.number,
        "parent": turn.parent and turn.parent.number,
        "message": turn.message,
        "settings": turn.settings,
        "state": state,
        "place": places.get(job.pk) if job and state == "queued" else None,
        "columns": {
            name: {"text": getattr(turn, name), "n_tokens": 0, "ending": ""}
            | turn.details.get(name, {})
            for name in COLUMNS
        },
        "n_dropped": turn.n_dropped,
        "seconds": round(turn.seconds, 2),
        "error": job.error if job and failed else "",
        "error_advice": job.error_advice if job and failed else "",
        "created_at": turn.created_at.isoformat(),
    }


def turn_state(turn: ChatTurn) -> str:
    """Say how a turn stands: queued, running, stopping, done, stopped or failed."""
    if turn.finished_at is not None:
        return "stopped" if turn.is_stopped else "done"
    job = turn.job
    if job is None or job.status == JobStatus.DONE:
        return "failed"
    if job.status == JobStatus.CANCELED:
        return "stopped"
    if job.status == JobStatus.RUNNING and job.stop_requested:
        return "stopping"
    return job.status


def active_turn(turns: QuerySet[ChatTurn]) -> ChatTurn | None:
    """The one of these turns that is queued or being answered."""
    active = turns.filter(finished_at__isnull=True, job__status__in=ACTIVE)
    return active.select_related("job", "parent", "chat").first()


def chat_start(study: Study) -> Json:
    """What a chat about a study begins with: its system prompt, and questions to try."""
    settings = {row["name"]: row["value"] for row in study.snapshot["settings"]}
    prompts = _bad_prompts(study, settings)
    told = prompts[0]["system"] if prompts else settings.get("system_prompt", "")
    texts = [prompt["user"] for prompt in prompts]
    short = [text for text in texts if len(text) <= SUGGESTED_CHARACTERS]
    apart = max(1, len(short) // N_SUGGESTED)
    return {"system_prompt": told, "suggestions": short[::apart][:N_SUGGESTED]}


def _bad_prompts(study: Study, settings: Mapping[str, Any]) -> list[Json]:
    """The frozen bad prompts; none while a data set waits to be fetched."""
    row = study.snapshot["prompts"].get(settings.get("bad_prompts"), {})
    frozen = FrozenPrompts.objects.filter(digest=row.get("digest") or "").first()
    return list(frozen.prompts) if frozen else []
