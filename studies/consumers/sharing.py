"""Lets those who ask for the same thing at the same moment share one answer."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class Shared(Generic[T]):
    """Joins readings that have not begun; one that runs may have missed the newest row."""

    def __init__(self) -> None:
        self._ahead: WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[Hashable, asyncio.Task[T]]
        ] = WeakKeyDictionary()

    async def read(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Return what `read` says, called once for all who name this key before it begins."""
        ahead = self._ahead.setdefault(asyncio.get_running_loop(), {})

        async def begin() -> T:
            del ahead[key]
            return await read()

        if key not in ahead:
            ahead[key] = asyncio.create_task(begin())
        return await asyncio.shield(ahead[key])  # one that leaves must not take it from others
