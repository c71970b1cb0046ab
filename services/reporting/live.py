"""The newest snapshot in every web process, and the word that a newer one is there. A message carries no data.

Redis may be gone, empty or old: then the snapshot is built from the database. An empty Redis is never read as zero.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.reporting.dashboard import Lag, Snapshot
from shared.database import now

_KEY = "berdaya:dashboard"
_CHANNEL = "berdaya:dashboard:version"
_WORKERS = "berdaya:workers"
_FRESH = timedelta(seconds=5)
_GONE = timedelta(minutes=10)
_LISTEN_SECONDS = 1.0
_LAG_SECONDS = 0.1

_snapshot = msgspec.json.Decoder(Snapshot)
_lag = msgspec.json.Decoder(Lag)

_PUBLISH = """
local held = tonumber(redis.call('HGET', KEYS[1], 'version') or '-1')
if held < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'version', ARGV[1], 'snapshot', ARGV[2])
  redis.call('PUBLISH', KEYS[2], ARGV[1])
  return 1
end
return 0
"""


class Live(Protocol):
    """Where snapshots are put by workers and found by web processes."""

    async def publish(self, snapshot: Snapshot) -> None: ...

    async def keep(self, snapshot: Snapshot) -> bool:
        """Put it again where it was lost or is older. True when it was: a newer one may have been lost with it."""
        ...

    async def report(self, lag: Lag) -> None:
        """A worker says how far it is; about once a second."""
        ...

    async def lag(self) -> Lag | None:
        """How far the workers are together; None when none has said anything yet."""
        ...

    def current(self) -> Snapshot | None:
        """The newest snapshot known here, or None when it must be built from the database."""
        ...

    async def listen(self, stopping: asyncio.Event) -> None:
        """Keep `current` new until stopped; a background task of every web process."""
        ...

    def versions(self) -> AsyncIterator[int]:
        """Each new version, beginning with the present one."""
        ...


class _Current:
    """The snapshot of this process and those who wait for the next one. A slow reader only skips versions."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self._changed = asyncio.Event()

    def put(self, snapshot: Snapshot) -> None:
        if self.snapshot is None or snapshot.version > self.snapshot.version:
            self.snapshot = snapshot
            self._changed.set()
            self._changed = asyncio.Event()

    async def versions(self) -> AsyncIterator[int]:
        told = -1
        while True:
            changed = self._changed
            if self.snapshot is not None and self.snapshot.version > told:
                told = self.snapshot.version
                yield told
            else:
                await changed.wait()


class _Reports:
    """What the workers of which this process knows said last, put together ten times a second at most."""

    def __init__(self) -> None:
        self._reports: list[Lag] = []
        self._combined: Lag | None = None
        self._until = 0.0

    def put(self, reports: list[Lag]) -> None:
        self._reports = reports
        self._until = 0.0

    def lag(self) -> Lag | None:
        moment = time.monotonic()
        if moment > self._until:
            self._combined = combine(self._reports)
            self._until = moment + _LAG_SECONDS
        return self._combined


class InProcess:
    """Worker and web in one process."""

    def __init__(self) -> None:
        self._current = _Current()
        self._reports = _Reports()

    async def publish(self, snapshot: Snapshot) -> None:
        self._current.put(snapshot)

    async def keep(self, snapshot: Snapshot) -> bool:
        return False

    async def report(self, lag: Lag) -> None:
        self._reports.put([lag])

    async def lag(self) -> Lag | None:
        return self._reports.lag()

    def current(self) -> Snapshot | None:
        return self._current.snapshot

    async def listen(self, stopping: asyncio.Event) -> None:
        await stopping.wait()

    def versions(self) -> AsyncIterator[int]:
        return self._current.versions()


class OverRedis:
    """Workers and web processes apart. What is read from Redis here is at most a second old, or not used at all."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, decode_responses=True)
        self._current = _Current()
        self._heard: datetime | None = None
        self._worker = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._reports = _Reports()
        self._reported = False

    async def publish(self, snapshot: Snapshot) -> None:
        """Readers in this process have it whether or not Redis answers. Raises OSError when it does not."""
        self._current.put(snapshot)
        packed = msgspec.json.encode(snapshot)  # JSON, for its cells are JSON already
        with _as_fault():
            await self._redis.eval(_PUBLISH, 2, _KEY, _CHANNEL, str(snapshot.version), packed)

    async def keep(self, snapshot: Snapshot) -> bool:
        with _as_fault():
            held = await self._redis.hget(_KEY, "version")
        if held is not None and int(held) >= snapshot.version:
            return False
        await self.publish(snapshot)
        return True

    async def report(self, lag: Lag) -> None:
        with _as_fault():
            if not self._reported:
                await self._forget_gone()
            await self._redis.hset(_WORKERS, self._worker, msgspec.json.encode(lag))
        self._reported = True

    async def _forget_gone(self) -> None:
        """Workers of earlier starts, but for the last that spoke: its word says since when nobody has."""
        spoken = {name: _lag.decode(packed) for name, packed in (await self._redis.hgetall(_WORKERS)).items()}
        last = max(spoken, key=lambda name: spoken[name].as_of, default=None)
        gone = [name for name, lag in spoken.items() if name != last and now() - lag.as_of > _GONE]
        if gone:
            await self._redis.hdel(_WORKERS, *gone)

    async def lag(self) -> Lag | None:
        return self._reports.lag()

    def current(self) -> Snapshot | None:
        fresh = self._heard is not None and now() - self._heard < _FRESH
        return self._current.snapshot if fresh else None

    async def listen(self, stopping: asyncio.Event) -> None:
        """Hear versions by pub/sub, and look once a second all the same: pub/sub drops what comes while it is away."""
        with _as_fault():
            async with self._redis.pubsub() as heard:
                await heard.subscribe(_CHANNEL)
                message = None
                while not stopping.is_set():
                    await self._look(told=message is not None)
                    message = await heard.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_SECONDS)

    def versions(self) -> AsyncIterator[int]:
        return self._current.versions()

    async def _look(self, *, told: bool) -> None:
        """`told` of a new version, it asks for that in the same breath: one round trip from message to snapshot."""
        asked = self._redis.pipeline(transaction=False)
        asked.hvals(_WORKERS)
        asked.hget(_KEY, "version")
        if told:
            asked.hget(_KEY, "snapshot")
        reports, version, *snapshot = await asked.execute()
        if reports:
            self._reports.put([_lag.decode(packed) for packed in reports])
        if version is None:
            self._heard = None  # emptied: a worker will fill it again
            return
        known = self._current.snapshot
        if known is None or int(version) > known.version:
            packed = snapshot[0] if told else await self._redis.hget(_KEY, "snapshot")
            if packed is not None:
                self._current.put(_snapshot.decode(packed))
        self._heard = now()


def combine(reports: list[Lag]) -> Lag | None:
    """The lag of all workers: events add up, the oldest sets the age. One silent for seconds no longer counts.

    When all are silent, the age of the last word: it grows for as long as nobody says more.
    """
    if not reports:
        return None
    fresh = [report for report in reports if now() - report.as_of < _FRESH]
    if not fresh:
        last = max(reports, key=lambda report: report.as_of)
        return Lag(last.as_of, last.events, (now() - last.as_of).total_seconds())
    return Lag(
        min(report.as_of for report in fresh),
        sum(report.events for report in fresh),
        max(report.seconds for report in fresh),
    )


@contextmanager
def _as_fault() -> Iterator[None]:
    """Redis being away as the OSError that it is, so that it is waited out like every other fault."""
    try:
        yield
    except RedisError as error:
        raise OSError(f"Redis: {error}") from error
