"""A chat's numbered news, and the one rule about who may speak when."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from studies.events import hint_after_commit
from studies.models import Chat, ChatEvent

TURN: Final = "turn"  # {turn}: a turn as it stands now, added or changed
TEXT: Final = "text"  # {turn: its number, columns: {column: {at, text}}}: more of an answer
PRIORITY: Final = 10  # somebody sits and waits: before studies and exports


class ChatBusyError(Exception):
    """A user who asks while another answer is still under way."""

    code = "chat_busy"

    def __init__(self, place: str) -> None:
        super().__init__(f"An answer to you is still under way in {place}: stop it, or wait.")


def chat_group(chat_id: UUID) -> str:
    """Name the channel-layer group of a chat's open pages."""
    return f"chat.{chat_id}"


@transaction.atomic
def chat_event_record(chat_id: UUID, kind: str, payload: Mapping[str, Any]) -> None:
    """Append a piece of news and hint at it once the transaction commits.

    Nothing is recorded of a chat that is deleted.
    """
    # The update locks the chat's row until commit, so numbers have no gaps.
    chats = Chat.objects.filter(pk=chat_id)
    if not chats.update(event_count=F("event_count") + 1, changed_at=timezone.now()):
        return
    number = chats.values_list("event_count", flat=True).get()
    ChatEvent.objects.create(chat_id=chat_id, number=number, kind=kind, payload=payload)
    hint_after_commit(chat_group(chat_id), "chat.changed")


def chat_progress_write(chat_id: UUID, progress: Mapping[str, Any]) -> None:
    """Replace what the page shows while a model is made ready."""
    Chat.objects.filter(pk=chat_id).update(
        progress=progress, progress_count=F("progress_count") + 1
    )
    hint_after_commit(chat_group(chat_id), "chat.changed")
