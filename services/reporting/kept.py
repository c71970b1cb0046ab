"""What takes long to make and is asked for often: made once for all who wait for it, and kept for a while."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key, each made by one task however many ask. A value that could not be made is not kept."""

    def __init__(self, make: Callable[[K], Awaitable[V]], *, most: int) -> None:
        self._make = make
        self._most = most
        self._kept: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._making: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, *, seconds: float) -> V:
        """A value no older than `seconds`. Raises whatever making it raises, to each who waits."""
        if (kept := self._kept.get(key)) is not None and time.monotonic() < kept[1] + seconds:
            self._kept.move_to_end(key)
            return kept[0]
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.ensure_future(self._made(key))
            making.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(making)  # a caller who leaves takes it from nobody else

    async def _made(self, key: K) -> V:
        began = time.monotonic()
        value = await self._make(key)
        self._kept[key] = value, began
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value

    def _end(self, key: K, done: asyncio.Task[V]) -> None:
        del self._making[key]
        if not done.cancelled():
            done.exception()  # its callers have raised it, unless all have left
