"""Catch-up: reports that lie in the log, applied exactly once by one worker; against one event per transaction."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis

from benchmarks import stored
from benchmarks.load import Sent, append, districts, reports
from benchmarks.place import Place, Process, full, service
from benchmarks.results import Bench, Figure, ratio
from benchmarks.totals import Totals, by_fold, by_views, require_same
from services.reporting.dashboard import Snapshot, build
from shared.database import Database, run

_MARKS = (0.2, 0.6, 1.0)
_LOOK_SECONDS = 0.05

Where = Callable[[], AbstractAsyncContextManager[Place]]


@dataclass(frozen=True)
class CatchUp:
    """From the first commit seen to the end, in seconds; memory in MiB."""

    events: int
    seconds: float
    cpu: float
    """Of the worker alone, in seconds: other work on the machine lengthens `seconds`, hardly this."""
    peak: float
    memory: tuple[float, ...]
    """When a fifth, three fifths and all was applied."""
    unsent: int
    """Receipts and facts that the relay had still to send at the end."""

    @property
    def per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_per_event(self) -> float:
        """In µs. Small sizes may be over before they are seen to begin."""
        return self.cpu / max(self.events, 1) * 1e6


async def measure(bench: Bench) -> list[Figure]:
    return await against_single(bench, full, "catch-up, Kafka → PostgreSQL → Redis", goal="100 x, 35,000 events/s")


async def against_single(bench: Bench, where: Where, name: str, *, goal: str) -> list[Figure]:
    """The batched service and the per-event one in turns, each on components of its own."""
    ours, single = [], []
    for _ in range(bench.repeat):
        ours.append(await _fresh(bench, where, bench.sizes.events, batch=2000))
        single.append(await _fresh(bench, where, bench.sizes.single, batch=1))
    fast, slow = ([it.per_second for it in found] for found in (ours, single))
    return [
        Figure(name, fast, "events/s", ratio(fast, slow), goal),
        Figure("· one event per transaction", slow, "events/s", 1),
        Figure("· the worker's own CPU per event", [it.cpu_per_event for it in ours], "µs"),
        *(
            Figure(f"· memory when {mark:.0%} is applied", [it.memory[place] for it in ours], "MiB")
            for place, mark in enumerate(_MARKS)
        ),
        Figure("· memory at most", [it.peak for it in ours], "MiB", goal="flat"),
        Figure("· receipts and facts not yet sent at the end", [it.unsent for it in ours], ""),
    ]


async def _fresh(bench: Bench, where: Where, events: int, *, batch: int) -> CatchUp:
    bench.say("starting components")
    async with where() as place:
        expected = await prepare(bench, place, events)
        return await catch_up(bench, place, expected, events=events, batch=batch)


async def prepare(bench: Bench, place: Place, events: int) -> Totals:
    """Make the people known and put the load into the log. Returns the totals it should come to."""
    bench.say(f"{events:,} reports into the log")
    await stored.people(place.database, districts(bench.sizes.districts), until=bench.sizes.businesses)
    await append(place.log, _load(bench, events))
    return by_fold(_load(bench, events))


def _load(bench: Bench, events: int) -> Iterator[Sent]:
    return reports(events, businesses=bench.sizes.businesses, codes=districts(bench.sizes.districts))


async def catch_up(bench: Bench, place: Place, expected: Totals, *, events: int, batch: int = 2000) -> CatchUp:
    """Start a worker and time it until all is applied, no class is due, and Redis, where there is one, shows it.

    Raises Disagreement when it comes to other totals than expected.
    """
    async with service(place, "worker" if place.redis else "all", batch=batch) as worker:
        found = await _watch(bench, place, worker, events)
    require_same(f"totals after batches of {batch}", await by_views(place.database), expected)
    return found


async def _watch(bench: Bench, place: Place, worker: Process, events: int) -> CatchUp:
    first, started, cpu, peak = 0, 0.0, 0.0, 0.0
    memory: list[float] = []
    while True:
        worker.require_alive()
        applied = await _applied(place.database)
        if applied and not started:
            first, started, cpu = applied, time.monotonic(), worker.cpu()
        now = worker.memory()
        peak = max(peak, now)
        memory += [now for mark in _MARKS[len(memory) :] if applied >= mark * events]
        bench.say(f"{applied:,} of {events:,} applied; {now:.0f} MiB")
        if applied >= events and not await _due(place.database):
            break
        await asyncio.sleep(_LOOK_SECONDS)
    await _shown(place, worker)
    seconds = time.monotonic() - started
    cpu = worker.cpu() - cpu
    return CatchUp(events - first, seconds, cpu, peak, tuple(memory), await _unsent(place.database))


async def _applied(database: Database) -> int:
    return await _number(database, "SELECT coalesce(sum(next_offset), 0) FROM log_offset")


async def _due(database: Database) -> bool:
    return bool(await _number(database, "SELECT CASE WHEN EXISTS (SELECT 1 FROM growth_due) THEN 1 ELSE 0 END"))


async def _unsent(database: Database) -> int:
    return await _number(database, "SELECT coalesce(sum(records), 0) FROM outbox WHERE published_at IS NULL")


async def _number(database: Database, statement: str) -> int:
    async with database.reading() as session:
        return int((await run(session, statement)).scalar_one())


async def _shown(place: Place, worker: Process) -> None:
    """Until the snapshot in Redis is what the views say."""
    if not place.redis:
        return
    async with place.database.reading() as session:
        last = (await build(session)).content_sha256
    async with Redis.from_url(place.redis) as redis:
        while True:
            worker.require_alive()
            packed = await redis.hget("berdaya:dashboard", "snapshot")
            if packed is not None and msgspec.json.decode(packed, type=Snapshot).content_sha256 == last:
                return
            await asyncio.sleep(_LOOK_SECONDS)
