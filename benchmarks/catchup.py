"""Catch-up: reports that lie in the log, applied exactly once into PostgreSQL (or SQLite) by one worker process."""

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import append, people, reports
from services.reporting.tables import METADATA
from shared.database import Database, run
from shared.log import Log
from shared.migrate import upgrade


@dataclass(frozen=True)
class Place:
    """Where one measurement happens: a log and a database of its own."""

    log: Log
    database: Database
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Rate:
    """Events per second, and the greatest memory of the worker in MiB."""

    events: int
    seconds: float
    memory: float

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


async def measure(place: Place, *, count: int, businesses: int, batch: int) -> Rate:
    """Put the load into the log first, then start a worker and time it from its first commit to its last."""
    await upgrade(place.database, "reporting", METADATA)
    await append(place.log, people(businesses))
    await _work(place, batch=2000, until=businesses)
    await append(place.log, reports(count, businesses=businesses))
    return await _work(place, batch=batch, until=businesses + count)


async def _work(place: Place, *, batch: int, until: int) -> Rate:
    environment = {**os.environ, **place.environment, "BERDAYA_BATCH": str(batch), "BERDAYA_LOG_LEVEL": "ERROR"}
    worker = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.reporting", "serve", env=environment)
    try:
        return await _watch(place.database, worker, until)
    finally:
        worker.send_signal(signal.SIGTERM)
        await asyncio.wait_for(worker.wait(), 20)


async def _watch(database: Database, worker: asyncio.subprocess.Process, until: int) -> Rate:
    """From the first commit seen to the state in which nothing is left, classes included."""
    before, started, memory = await _applied(database), 0.0, 0.0
    first = before
    while True:
        if worker.returncode is not None:
            raise RuntimeError(f"the worker ended with {worker.returncode}")
        applied = await _applied(database)
        if not started and applied > before:
            started, first = time.monotonic(), applied
        memory = max(memory, _memory(worker.pid))
        if applied >= until and not await _due(database):
            return Rate(until - first, max(time.monotonic() - started, 0.001), memory)
        await asyncio.sleep(0.02)


async def _applied(database: Database) -> int:
    async with database.reading() as session:
        found = await run(session, "SELECT CAST(coalesce(sum(next_offset), 0) AS BIGINT) FROM log_offset")
        return int(found.scalar_one())


async def _due(database: Database) -> bool:
    async with database.reading() as session:
        return (await run(session, "SELECT 1 FROM growth_due LIMIT 1")).first() is not None


def _memory(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
