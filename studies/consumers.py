"""Sends a study's events to an open page."""

import asyncio
import logging
from importlib import import_module
from typing import Any, cast
from urllib.parse import parse_qs
from uuid import UUID

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import DatabaseError

from studies.events import study_group
from studies.models import Study, StudyEvent
from studies.relay import relay_get
from studies.selectors import events_after, studies_visible_to

# Close codes of our own; the page says so and does not try again.
BAD_MESSAGES = 4400
LOGGED_OUT = 4401
NOT_VISIBLE = 4404  # a stranger's study and one that does not exist look the same

MAX_BAD_MESSAGES = 5
ACCESS_CHECK_SECONDS = 60
EVENTS_AT_ONCE = 500
logger = logging.getLogger(__name__)


class StudyConsumer(AsyncJsonWebsocketConsumer):
    """Sends each event once and in order, from the one that the page asks for.

    A channel-layer message is only a hint that rows have changed: it may be lost or
    doubled (a full channel drops messages), while the rows stay.
    """

    study_id: UUID
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
        self.study_id = self.scope["url_route"]["kwargs"]["study_id"]
        self.last_sent = _number_after(self.scope["query_string"])
        self.last_progress = -1
        self.bad_messages = 0
        await self.accept()
        if code := await self._refusal():
            await self.close(code=code)
            return
        # Join before reading, so that no event falls in between.
        await self.channel_layer.group_add(study_group(self.study_id), self.channel_name)
        relay_get().join(self.study_id)
        self.joined = True
        await self._send_new()
        self.access_checks = asyncio.create_task(self._check_access())

    async def disconnect(self, code: int) -> None:
        if self.access_checks:
            self.access_checks.cancel()
        if self.joined:
            self.joined = False
            relay_get().leave(self.study_id)
            await self.channel_layer.group_discard(study_group(self.study_id), self.channel_name)

    async def study_changed(self, message: dict[str, Any]) -> None:
        """Take the hint."""
        await self._send_new()

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: object
    ) -> None:
        """Refuse whatever a page sends: this socket has nothing to ask."""
        self.bad_messages += 1
        if self.bad_messages >= MAX_BAD_MESSAGES:
            await self.close(code=BAD_MESSAGES)
            return
        await self.send_json({"type": "error", "code": "bad_message"})

    async def _send_new(self) -> None:
        while True:
            study, events = await _news(self.study_id, self.last_sent)
            if study is None:  # deleted while it was watched
                await self.close(code=NOT_VISIBLE)
                return
            for event in events:
                await self.send_json(event.as_message())
                self.last_sent = event.number
            if self.last_sent >= study.event_count:
                break
        if study.progress_count != self.last_progress:
            self.last_progress = study.progress_count
            counts = {"n_trials": study.n_trials, "n_finished": study.n_finished}
            await self.send_json({**study.progress, **counts, "kind": "progress"})

    async def _refusal(self) -> int | None:
        """Why the user of this socket may not (or no longer) watch, as a close code."""
        # A session of its own: the scope's copy does not notice a log-out elsewhere.
        store = import_module(settings.SESSION_ENGINE).SessionStore
        session = store(self.scope["session"].session_key)
        user = await get_user(cast("Any", {"session": session}))  # it reads nothing else
        if not user.is_authenticated:
            return LOGGED_OUT
        return None if await _is_visible(user, self.study_id) else NOT_VISIBLE

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


# Through channels' own wrapper, which replaces connections that the database has closed.
@database_sync_to_async
def _news(study_id: UUID, number: int) -> tuple[Study | None, list[StudyEvent]]:
    """The study's counters and progress, and the events after a number."""
    fields = ("event_count", "progress", "progress_count", "n_trials", "n_finished")
    study = Study.objects.filter(pk=study_id).only(*fields).first()
    if study is None or study.event_count <= number:
        return study, []
    return study, list(events_after(study_id, number)[:EVENTS_AT_ONCE])


@database_sync_to_async
def _is_visible(user: AbstractBaseUser | AnonymousUser, study_id: UUID) -> bool:
    return studies_visible_to(user).filter(pk=study_id).exists()


def _number_after(query: bytes) -> int:
    """Read `after=N`; a number that makes no sense means from the start."""
    raw = parse_qs(query.decode("latin1")).get("after", ["0"])[0]
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) <= 9 else 0
