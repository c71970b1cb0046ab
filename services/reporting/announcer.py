"""From committed batch to snapshot: at most one build at a time, and under load only as many as leave room for work."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from services.reporting.dashboard import Lag, Snapshot, build, build_next, is_forgotten
from services.reporting.live import Live
from shared.consumer import Together
from shared.database import Database, now

_REPORT_SECONDS = 1.0
_UNWATCHED_SECONDS = 1.0
"""Between two builds while nobody looks: who begins to look sees the province as it was at most so long ago."""
_LOOK_SECONDS = 15.0
"""At the latest after so long the views are looked at anyway: an operator's redrive announces nothing."""
_FULL = 500
"""With more events than this behind, the consumer needs the time more than the page does."""
_SHARES = (1, 4)
"""After a build of n seconds n x 1 belong to the consumer, n x 4 while the log is full."""


class Announcer:
    """A worker's background task. `announce` may be called after every batch; it costs nothing."""

    def __init__(
        self,
        database: Database,
        live: Live,
        progress: Callable[[], Together],
        watched: Callable[[], bool] = lambda: True,
    ) -> None:
        """`watched`: may anybody be waiting for the next version? A worker apart from the web cannot know: yes."""
        self._database = database
        self._live = live
        self._progress = progress
        self._watched = watched
        self._changed = asyncio.Event()
        self._newest: Snapshot | None = None
        self._looked = 0.0

    async def announce(self) -> None:
        self._changed.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Build and publish until stopped. Raises OSError when Redis is away, a database error when that is."""
        self._changed.set()
        while not stopping.is_set():
            started = time.monotonic()
            overdue = started - self._looked > _LOOK_SECONDS
            if self._changed.is_set() or overdue or await self._is_forgotten():
                self._changed.clear()
                self._looked = started
                await self._publish()
            await self._report()
            pause = (time.monotonic() - started) * _SHARES[self._progress().behind > _FULL]
            if not self._watched():
                pause = max(pause, _UNWATCHED_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), min(_REPORT_SECONDS, pause))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _REPORT_SECONDS)

    async def _is_forgotten(self) -> bool:
        async with self._database.reading() as session:
            return await is_forgotten(session)

    async def _publish(self) -> None:
        snapshot = await build_next(self._database)
        if snapshot is None and self._newest is None:
            async with self._database.reading() as session:
                snapshot = await build(session)
        if snapshot is not None:
            self._newest = snapshot
            await self._live.publish(snapshot)

    async def _report(self) -> None:
        progress = self._progress()
        await self._live.report(Lag(now(), progress.behind, progress.seconds))
        if self._newest is not None and await self._live.keep(self._newest):
            self._newest = None  # what was lost may have been newer than ours: build what the database says now
            self._changed.set()
