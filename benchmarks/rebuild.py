"""`rebuild`, the operator's command: every view and every growth class from stored facts, in one transaction.

Timed as it is typed, with the start of the process; memory is that of the process at a tenth of the facts and at all.
"""

import asyncio
import sys
import time

from benchmarks import stored
from benchmarks.load import districts
from benchmarks.place import Place, full, program
from benchmarks.results import Bench, Figure
from benchmarks.totals import by_group, by_views, require_same
from shared.database import Database, run

_MARKS = (0.2, 0.6, 1.0)
_TENTH = 10


async def measure(bench: Bench) -> list[Figure]:
    many = bench.sizes.reports
    codes = districts(bench.sizes.districts)
    businesses = many // stored.MONTHS
    bench.say("starting components")
    async with full(kafka=False) as place:
        bench.say(f"{many:,} reports into the tables")
        await stored.people(place.database, codes, until=businesses // _TENTH)
        await stored.reports(place.database, months=stored.MONTHS)
        tenth = await _rebuild(bench, place)
        await stored.people(place.database, codes, first=businesses // _TENTH, until=businesses)
        await stored.reports(place.database, months=stored.MONTHS, after=businesses // _TENTH)
        runs = [await _rebuild(bench, place) for _ in range(bench.repeat)]
    return [
        Figure(
            f"rebuild of {many:,} reports",
            [many / seconds for seconds, _ in runs],
            "reports/s",
            goal="100,000 reports/s",
        ),
        *(
            Figure(f"· memory at {mark:.0%} of the time", [_at(memory, mark) for _, memory in runs], "MiB")
            for mark in _MARKS
        ),
        Figure("· memory at most", [max(memory) for _, memory in runs], "MiB", goal="flat"),
        Figure(f"· memory at most, of {many // _TENTH:,} reports", [max(tenth[1])], "MiB"),
    ]


def _at(memory: list[float], mark: float) -> float:
    return memory[min(len(memory) - 1, int(mark * len(memory)))]


async def _rebuild(bench: Bench, place: Place) -> tuple[float, list[float]]:
    """Seconds, and the memory in MiB all along. The views are emptied and the classes made wrong before."""
    async with place.database.transaction() as session:
        for view in ("district_month", "district_people"):
            await run(session, f"DELETE FROM {view}")
        await run(session, "UPDATE person SET growth_class = 'insufficient'")
    started, memory = time.monotonic(), []
    command = (sys.executable, "-m", "services.reporting", "rebuild")
    async with program("rebuild", command, place.folder, place.environment) as process:
        ended = asyncio.ensure_future(process.running.wait())
        while not ended.done():
            memory.append(process.memory())
            bench.say(f"rebuilding, {time.monotonic() - started:.0f} s, {memory[-1]:.0f} MiB")
            await asyncio.wait({ended}, timeout=0.05)
        seconds = time.monotonic() - started
        if process.running.returncode:
            process.require_alive()
    require_same("the views rebuilt", await by_views(place.database), await by_group(place.database))
    require_same("people by class", await _people(place.database), await _classed(place.database))
    return seconds, [it for it in memory if it]


async def _people(database: Database) -> list[int]:
    """By the view: people, and those without a class."""
    async with database.reading() as session:
        found = await run(session, "SELECT sum(ex_client), sum(insufficient) FROM district_people")
    return [int(it) for it in found.one()]


async def _classed(database: Database) -> list[int]:
    """What the view should say: with so many months of reports nobody is without a class."""
    async with database.reading() as session:
        return [int((await run(session, "SELECT count(*) FROM person")).scalar_one()), 0]
