from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async

from studies.chatting import chat_group
from studies.consumers import news
from studies.consumers.news import News, NewsConsumer, User
from studies.models import Chat
from studies.selectors import chat_events_after, chats_visible_to


class ChatConsumer(NewsConsumer):
    """Sends a chat's turns, and their answers piece by piece, to its owner."""

    key = "chat_id"

    def group(self) -> str:
        return chat_group(self.watched_id)

    async def chat_changed(self, message: dict[str, Any]) -> None:
        """Take the hint."""
        await self.send_new()

    async def news(self, number: int) -> News | None:
        return await _news(self.watched_id, number)

    async def is_visible(self, user: User) -> bool:
        return await _is_visible(user, self.watched_id)


# Through channels' own wrapper, which replaces connections that the database has closed.
@database_sync_to_async
def _news(chat_id: UUID, number: int) -> News | None:
    fields = ("event_count", "progress", "progress_count")
    chat = Chat.objects.filter(pk=chat_id).only(*fields).first()
    if chat is None:
        return None
    some = chat.event_count > number
    # The pieces of a finished answer are gone: numbers may be missing, the last one is not.
    rows = list(chat_events_after(chat_id, number)[: news.EVENTS_AT_ONCE]) if some else []
    return News(rows, chat.event_count, chat.progress, chat.progress_count)


@database_sync_to_async
def _is_visible(user: User, chat_id: UUID) -> bool:
    return chats_visible_to(user).filter(pk=chat_id).exists()
