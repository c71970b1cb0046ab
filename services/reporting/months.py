"""Dashboards that no worker keeps ready, built on demand: however many ask, few connections are theirs."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from services.reporting.dashboard import Snapshot

_AT_ONCE = 2
"""Builds, and with them connections of the pool: the others are the consumer's and the pages'."""
_WAIT_SECONDS = 10.0
"""As long as for a connection of the pool; then the reader is told to come back."""
_KEPT = 24
_KEPT_SECONDS = 1.0
"""What changes in an old month raises no version, so what was built is not kept for longer."""

Build = Callable[[str | None], Awaitable[Snapshot]]


class _Key(NamedTuple):
    """The month asked for, and the newest version known when it was. Who knows of a newer one is not given an older."""

    month: str | None
    version: int | None


class _Kept(NamedTuple):
    snapshot: Snapshot
    until: float


class Months:
    """One build at a time per month and version, shared by all who wait for it, and kept for a moment."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._building: dict[_Key, asyncio.Task[Snapshot]] = {}
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()

    async def snapshot(self, month: str | None, version: int | None) -> Snapshot:
        """The dashboard of a month as it is now, or was less than a second ago at this version of the newest.

        Without a version, Redis being away, nothing is kept. Raises TimeoutError when too many others are before it.
        """
        key = _Key(month, version)
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() < kept.until:
            return kept.snapshot
        building = self._building.get(key)
        if building is None:
            building = self._building[key] = asyncio.create_task(self._make(key), name=f"dashboard of {month}")
            building.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(building)  # a caller who leaves takes it from nobody else

    async def _make(self, key: _Key) -> Snapshot:
        async with asyncio.timeout(_WAIT_SECONDS):
            await self._turn.acquire()
        try:
            began = time.monotonic()
            snapshot = await self._build(key.month)
        finally:
            self._turn.release()
        if key.version is not None:
            self._kept[key] = _Kept(snapshot, began + _KEPT_SECONDS)
            self._kept.move_to_end(key)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return snapshot

    def _made(self, key: _Key, done: asyncio.Task[Snapshot]) -> None:
        del self._building[key]
        if not done.cancelled():
            done.exception()  # its callers have raised it, unless all have left
