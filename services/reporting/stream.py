"""Server-sent events: which version of the dashboard is ready. One timer and one teller for all who listen.

A message carries no data. Whoever is too slow to take one is cut; nobody is waited for.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Set

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from shared.security import Verified
from shared.sockets import file_limit
from shared.telemetry import Metrics
from shared.web import problem

HEARTBEAT_SECONDS = 15.0
SLOW_SECONDS = 10.0
"""A reader that takes nothing for so long is cut."""
LIFE_SECONDS = 600.0
"""After about so long a reader is asked to come again, so that none stays for ever and none comes with all others."""
_RETRY_AFTER_SECONDS = "30"
_TELLING_SECONDS = 0.00005
"""What it takes to tell one reader: after that much for all of them, as much time is everybody else's."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_HEARTBEAT = b": ping\n\n"
_RENEW = b"event: renew\ndata: renew\n\n"


class Streams:
    """All open streams of this process. `run` is a background task of the process."""

    def __init__(self, versions: Callable[[], AsyncIterator[int]], metrics: Metrics, *, most: int, each: int) -> None:
        self._versions = versions
        self._metrics = metrics
        self._most = most
        self._each = each
        self._open: set[_Reader] = set()
        self._callers: Counter[str] = Counter()
        self._newest = -1
        self._ended = False

    @property
    def open(self) -> int:
        return len(self._open)

    async def run(self, stopping: asyncio.Event) -> None:
        """Tell every reader of each new version and now and then that the stream lives; at the stop, end them all."""
        self._ended = False
        self._most = min(self._most, file_limit() // 2)  # the other half is for calls, the log and the database
        telling = [asyncio.ensure_future(self._tell()), asyncio.ensure_future(self._beat())]
        stop = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait([stop, *telling], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stop, *telling):
                task.cancel()
            self._ended = True
            for reader in self._open:
                reader.wake()
            await asyncio.wait([stop, *telling])
        for task in telling:
            if not task.cancelled():
                task.result()

    async def _tell(self) -> None:
        async for version in self._versions():
            self._newest = version
            for reader in self._open:
                reader.wake()
            await asyncio.sleep(2 * _TELLING_SECONDS * len(self._open))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for reader in self._open:
                reader.beat()

    def stream(self, who: Verified, last: str | None) -> Response:
        """The stream of one caller; `last` is the Last-Event-ID with which a browser comes again."""
        told = int(last) if last and last.isascii() and last.isdigit() and len(last) < 19 else -1
        return _Reader(self, who, told)

    def end(self, sessions: Set[str]) -> None:
        """End the streams of these sessions, which have ended themselves."""
        for reader in self._open:
            if reader.session in sessions:
                reader.end()

    def enter(self, reader: "_Reader") -> bool:
        """False when there is no room for another, or for another of this caller."""
        if self._ended or len(self._open) >= self._most or self._callers[reader.sub] >= self._each:
            self._metrics.count("streams_refused_total")
            return False
        self._open.add(reader)
        self._callers[reader.sub] += 1
        self._metrics.gauge("streams_open", len(self._open))
        return True

    def leave(self, reader: "_Reader") -> None:
        self._open.discard(reader)
        self._callers[reader.sub] -= 1
        if not self._callers[reader.sub]:
            del self._callers[reader.sub]
        self._metrics.gauge("streams_open", len(self._open))

    def cut(self) -> None:
        self._metrics.count("streams_cut_total")

    @property
    def newest(self) -> int:
        return self._newest

    @property
    def ended(self) -> bool:
        return self._ended


class _Reader(Response):
    """One open stream. While nothing happens it is one task that waits, and one that hears the caller leave."""

    def __init__(self, streams: Streams, who: Verified, told: int) -> None:
        super().__init__()
        self.sub = who.caller.sub
        self.session = who.session
        self._streams = streams
        self._told = told
        life = LIFE_SECONDS * random.uniform(0.9, 1.1)
        self._ends = time.monotonic() + min(life, who.until - time.time())
        self._woken = asyncio.Event()
        self._due = False
        self._gone = False

    def wake(self) -> None:
        self._woken.set()

    def end(self) -> None:
        self._ends = 0.0
        self._woken.set()

    def beat(self) -> None:
        """Say that the stream lives, or end it if its end comes before the next heartbeat."""
        self._due = True
        self._woken.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._streams.enter(self):
            refused = problem("too_many_streams", headers={"Retry-After": _RETRY_AFTER_SECONDS})
            await refused(scope, receive, send)
            return
        leaving = asyncio.ensure_future(self._hear(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._tell(send)
        except TimeoutError:
            self._streams.cut()
        finally:
            self._streams.leave(self)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    async def _hear(self, receive: Receive) -> None:
        """Until the caller leaves, or sends what no reader does."""
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._gone = True
            self._woken.set()

    async def _tell(self, send: Send) -> None:
        """Until the caller leaves or the stream ends. Raises TimeoutError for a caller that takes nothing."""
        while not self._gone:
            newest = self._streams.newest
            if self._streams.ended or time.monotonic() + HEARTBEAT_SECONDS > self._ends:
                await _send(send, _RENEW, more=False)
                return
            if newest > self._told:
                self._told = newest
                await _send(send, b"id: %d\nevent: version\ndata: %d\nretry: 2000\n\n" % (newest, newest))
            elif self._due:
                await _send(send, _HEARTBEAT)
            else:
                self._woken.clear()
                await self._woken.wait()
                continue
            self._due = False


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    message: Message = {"type": "http.response.body", "body": body, "more_body": more}
    async with asyncio.timeout(SLOW_SECONDS):
        await send(message)
