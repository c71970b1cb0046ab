"""Catch-up of the embedded run: one process, SQLite for log and tables."""

from benchmarks.catchup import against_single
from benchmarks.place import embedded
from benchmarks.results import Bench, Figure


async def measure(bench: Bench) -> list[Figure]:
    return await against_single(bench, embedded, "catch-up, embedded", goal="15,000 events/s")
