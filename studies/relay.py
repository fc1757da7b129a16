"""Tells the open pages of this process that another process has added rows.

The in-memory channel layer ends at the process, the database does not: one task per web
process looks at the counters of the studies and chats that somebody watches. With Redis the
worker's own hints arrive, and the task only looks after those that got lost.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, ParamSpec, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError, connection
from redis.exceptions import RedisError

from studies.models import Chat, Study

P = ParamSpec("P")
T = TypeVar("T")
logger = logging.getLogger(__name__)

INTERVAL = 0.05  # seconds between two looks; browsers draw less often
INTERVAL_WITH_REDIS = 2.0  # seconds; only a safety net there
INTERVAL_AFTER_FAULT = 1.0  # seconds; the database may be restarting


class Tail(NamedTuple):
    """How far the news and the progress of a study or a chat are."""

    kind: str  # study, chat: what its group and its hints are named after
    event_count: int
    progress_count: int


class Watch:
    """Reads tails on the relay's own thread; says None while nothing can have changed.

    Its connection stays open from look to look, whatever CONN_MAX_AGE says of requests: it is
    closed after a fault and when nobody watches.
    """

    def __init__(self) -> None:
        self._seen: tuple[int, frozenset[UUID]] | None = None

    def tails(self, ids: Collection[UUID]) -> dict[UUID, Tail] | None:
        """Return the counters of these studies and chats, or None if no row has changed since.

        Raises:
            DatabaseError: the database does not answer.
        """
        if connection.vendor == "sqlite" and self._is_unchanged(frozenset(ids)):
            return None
        found: dict[UUID, Tail] = {}
        for kind, rows in (("study", Study.objects.all()), ("chat", Chat.objects.all())):
            if missing := set(ids) - set(found):
                counts = rows.filter(pk__in=missing).values_list(
                    "pk", "event_count", "progress_count"
                )
                found |= {pk: Tail(kind, *both) for pk, *both in counts}
        return found

    def close(self) -> None:
        """Give the thread's database connection back."""
        self._seen = None
        connection.close()

    def _is_unchanged(self, ids: frozenset[UUID]) -> bool:
        # SQLite's number rises with each commit of others, and costs no query. It can only be
        # compared on one connection, which is why `close` forgets it.
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version = cursor.fetchone()[0]
        now = (version, ids)
        unchanged = now == self._seen
        self._seen = now
        return unchanged


class Relay:
    """One task for all sockets of an event loop; it runs only while somebody watches."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._viewers: Counter[UUID] = Counter()
        self._announced: dict[UUID, Tail] = {}
        self._task: asyncio.Task[None] | None = None
        self._watch = Watch()
        # A thread of its own: slow views must not delay the news.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="relay")

    def join(self, watched_id: UUID) -> None:
        """Watch a study or a chat for a socket that has joined its group already."""
        self._viewers[watched_id] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="relay")

    def leave(self, watched_id: UUID) -> None:
        """Undo one `join`."""
        self._viewers[watched_id] -= 1
        if self._viewers[watched_id] <= 0:
            del self._viewers[watched_id]
            self._announced.pop(watched_id, None)

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _run(self) -> None:
        while self._viewers:
            await asyncio.sleep(await self._tick())
            if not self._viewers:
                await self._in_thread(self._watch.close)
                # Somebody may have joined meanwhile: then the loop goes on.

    async def _tick(self) -> float:
        """Look once; return how long to rest."""
        try:
            tails = await self._in_thread(self._watch.tails, list(self._viewers))
            await self._announce(tails or {})
        except (DatabaseError, RedisError, OSError):
            logger.warning("Database or Redis does not answer; pages wait.", exc_info=True)
            await self._in_thread(self._watch.close)
            return INTERVAL_AFTER_FAULT
        return self._interval

    async def _announce(self, tails: Mapping[UUID, Tail]) -> None:
        layer = get_channel_layer()
        assert layer is not None
        for watched_id, tail in tails.items():
            # The first look announces too: rows may have come before it.
            if watched_id in self._viewers and self._announced.get(watched_id) != tail:
                # Noted first: a viewer may leave, and another come, while this is sent.
                self._announced[watched_id] = tail
                hint = {"type": f"{tail.kind}.changed"}
                try:
                    await layer.group_send(f"{tail.kind}.{watched_id}", hint)
                except BaseException:
                    self._announced.pop(watched_id, None)
                    raise

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(call, *args, **kwargs))


_relays: WeakKeyDictionary[asyncio.AbstractEventLoop, Relay] = WeakKeyDictionary()


def relay_get() -> Relay:
    """Return the relay of the running event loop, made at its first use."""
    loop = asyncio.get_running_loop()
    if loop not in _relays:
        _relays[loop] = Relay(INTERVAL_WITH_REDIS if settings.REDIS_URL else INTERVAL)
    return _relays[loop]
