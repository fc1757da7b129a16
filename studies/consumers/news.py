"""Sends the numbered news of a study or a chat to an open page."""

import asyncio
import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import parse_qs
from uuid import UUID

from channels.auth import get_user
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import DatabaseError

from studies.relay import relay_get

User = AbstractBaseUser | AnonymousUser

# Close codes of our own; the page says so and does not try again.
BAD_MESSAGES = 4400
LOGGED_OUT = 4401
NOT_VISIBLE = 4404  # what is a stranger's and what does not exist look the same

MAX_BAD_MESSAGES = 5
ACCESS_CHECK_SECONDS = 60
EVENTS_AT_ONCE = 500
logger = logging.getLogger(__name__)


class Row(Protocol):
    """A stored piece of news."""

    number: int

    def as_message(self) -> dict[str, Any]: ...


class News(NamedTuple):
    """What there is after a number."""

    rows: Sequence[Row]
    event_count: int  # the number of the last one that is stored
    progress: dict[str, Any]
    progress_count: int


class NewsConsumer(AsyncJsonWebsocketConsumer):
    """Sends each event once and in order, from the one that the page asks for.

    A channel-layer message is only a hint that rows have changed: it may be lost or
    doubled (a full channel drops messages), while the rows stay.
    """

    key: str  # name of the id in the address
    watched_id: UUID
    last_sent: int  # number of an event
    last_progress: int
    bad_messages: int
    joined: bool = False
    access_checks: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        try:
            await super().__call__(scope, receive, send)
        finally:  # a send to a closed socket raises, and no disconnect follows
            await self.disconnect(1006)

    async def connect(self) -> None:
        self.watched_id = self.scope["url_route"]["kwargs"][self.key]
        self.last_sent = _number_after(self.scope["query_string"])
        self.last_progress = -1
        self.bad_messages = 0
        await self.accept()
        if code := await self._refusal():
            await self.close(code=code)
            return
        # Join before reading, so that no event falls in between.
        await self.channel_layer.group_add(self.group(), self.channel_name)
        relay_get().join(self.watched_id)
        self.joined = True
        await self.send_new()
        self.access_checks = asyncio.create_task(self._check_access())

    async def disconnect(self, code: int) -> None:
        if self.access_checks:
            self.access_checks.cancel()
        if self.joined:
            self.joined = False
            relay_get().leave(self.watched_id)
            await self.channel_layer.group_discard(self.group(), self.channel_name)

    def group(self) -> str:
        """Name the group of the open pages of what is watched."""
        raise NotImplementedError

    async def news(self, number: int) -> News | None:
        """What there is after a number; None: what was watched is gone."""
        raise NotImplementedError

    async def is_visible(self, user: User) -> bool:
        """Whether a user may watch."""
        raise NotImplementedError

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: object
    ) -> None:
        """Refuse whatever a page sends: this socket has nothing to ask."""
        self.bad_messages += 1
        if self.bad_messages >= MAX_BAD_MESSAGES:
            await self.close(code=BAD_MESSAGES)
            return
        await self.send_json({"type": "error", "code": "bad_message"})

    async def send_new(self) -> None:
        """Take a hint: send what has come since."""
        while True:
            news = await self.news(self.last_sent)
            if news is None:  # deleted while it was watched
                await self.close(code=NOT_VISIBLE)
                return
            for row in news.rows:
                await self.send_json(row.as_message())
                self.last_sent = row.number
            if self.last_sent >= news.event_count:
                break
        if news.progress_count != self.last_progress:
            self.last_progress = news.progress_count
            await self.send_json({**news.progress, "kind": "progress"})

    async def _refusal(self) -> int | None:
        """Why the user of this socket may not (or no longer) watch, as a close code."""
        # A session of its own: the scope's copy does not notice a log-out elsewhere.
        store = import_module(settings.SESSION_ENGINE).SessionStore
        session = store(self.scope["session"].session_key)
        user = await get_user(cast("Any", {"session": session}))  # it reads nothing else
        if not user.is_authenticated:
            return LOGGED_OUT
        return None if await self.is_visible(user) else NOT_VISIBLE

    async def _check_access(self) -> None:
        while True:
            await asyncio.sleep(ACCESS_CHECK_SECONDS)
            try:
                code = await self._refusal()
            except DatabaseError:
                logger.warning("Could not check the access of a socket.", exc_info=True)
                continue
            if code:
                await self.close(code=code)
                return


def _number_after(query: bytes) -> int:
    """Read `after=N`; a number that makes no sense means from the start."""
    raw = parse_qs(query.decode("latin1")).get("after", ["0"])[0]
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) <= 9 else 0
