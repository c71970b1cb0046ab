"""A dashboard read as reports grow a hundredfold, against GROUP BY on the same PostgreSQL that gives the same numbers.

A read over HTTP joins bytes that are ready: flat by design. What grows is the building of a snapshot, which looks at
every report of the month for its medians: so that is shown too.
"""

import statistics
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from benchmarks import stored
from benchmarks.client import read
from benchmarks.load import districts
from benchmarks.place import Place, full
from benchmarks.reads import serving
from benchmarks.results import Bench, Figure, ratio
from benchmarks.totals import BY_GROUP, by_views, require_same
from services.reporting.dashboard import build
from services.reporting.reconcile import rebuild
from services.reporting.views import CLASSES, STATUSES
from shared.database import Database, run

_SMALLER = 100
_TIMES = 5

_INCOME_OF_MONTH = """
SELECT p.district, count(*) AS reports, CAST(sum(t.turnover) AS bigint) AS turnover,
       CAST(sum(t.net_profit) AS bigint) AS net_profit,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.net_profit) AS net_profit_median,
       CAST(sum(t.employees) AS bigint) AS employees,
       count(*) FILTER (WHERE t.asset_use IN ('idle', 'broken')) AS idle_assets
FROM report t JOIN person p ON p.no = t.person_no
WHERE t.month = (SELECT max(month) FROM report) AND p.status = 'ex_client' GROUP BY GROUPING SETS ((p.district), ())
"""
_COUNTED = "status = 'ex_client'"
_PEOPLE = f"""
SELECT district, {", ".join(f"count(*) FILTER (WHERE status = '{name}') AS {name}" for name in STATUSES)},
       {", ".join(f"count(*) FILTER (WHERE {_COUNTED} AND growth_class = '{name}') AS {name}" for name in CLASSES)}
FROM person GROUP BY GROUPING SETS ((district), ())
"""


@dataclass(frozen=True)
class Times:
    """In ms: one read after another over HTTP; building a snapshot; GROUP BY of its month, and of all months."""

    read: float
    build: float
    group_month: float
    group_all: float


async def measure(bench: Bench) -> list[Figure]:
    small: list[Times] = []
    large: list[Times] = []
    bench.say("starting components")
    many = bench.sizes.reports
    async with full(kafka=False) as few, full(kafka=False) as all_of_them:
        await _fill(bench, few, many // _SMALLER)
        await _fill(bench, all_of_them, many)
        for _ in range(bench.repeat):  # in turns, so that a busy machine is as hard on the one as on the other
            for place, times in ((few, small), (all_of_them, large)):
                bench.say("reading at few reports" if place is few else f"reading at {many:,} reports")
                times.append(await _times(bench, place))
    reads = [it.read for it in large]
    return [
        Figure(f"dashboard read at {many:,} reports", reads, "ms", goal="no slower than at a hundredth"),
        Figure(f"· at {many // _SMALLER:,} reports", [it.read for it in small], "ms"),
        _slower(f"· GROUP BY of all months at {many:,}", [it.group_all for it in large], reads, goal="500 x"),
        _slower(f"· GROUP BY of the newest month at {many:,}", [it.group_month for it in large], reads),
        Figure(f"· building a snapshot at {many:,}", [it.build for it in large], "ms"),
        Figure(f"· building a snapshot at {many // _SMALLER:,}", [it.build for it in small], "ms"),
    ]


def _slower(name: str, theirs: list[float], reads: list[float], goal: str = "") -> Figure:
    return Figure(name, theirs, "ms", ratio(theirs, reads), goal)


async def _fill(bench: Bench, place: Place, reports: int) -> None:
    """Businesses with MONTHS months each: so the newest month, whose reports a snapshot looks at, grows as well."""
    bench.say(f"{reports:,} reports into the tables")
    businesses = reports // stored.MONTHS
    await stored.people(place.database, districts(bench.sizes.districts), until=businesses)
    await stored.reports(place.database, months=stored.MONTHS)
    bench.say(f"{reports:,} reports: rebuilding the views")
    await rebuild(place.database)


async def _times(bench: Bench, place: Place) -> Times:
    async with serving(place) as web:
        answers = await read(web.address, place.authorization(), connections=1, seconds=bench.sizes.reading)
    require_same("statuses", list(answers.statuses), ["200"])
    month, income = await _query(place.database, _INCOME_OF_MONTH)
    counting, people = await _query(place.database, _PEOPLE)
    everything, all_months = await _query(place.database, BY_GROUP)
    require_same("the dashboard", _shown(msgspec.json.decode(answers.body)), _grouped(income, people))
    require_same("all months", await by_views(place.database), {(row[0], row[1]): tuple(row[2:]) for row in all_months})
    return Times(1000 / answers.per_second, await _build(place.database), month + counting, everything)


async def _query(database: Database, statement: str) -> tuple[float, list[Any]]:
    """Milliseconds, the median of some runs, and the rows."""
    took = []
    for _ in range(_TIMES):
        async with database.reading() as session:
            started = time.monotonic()
            rows = (await run(session, statement)).all()
            took.append((time.monotonic() - started) * 1000)
    return statistics.median(took), list(rows)


async def _build(database: Database) -> float:
    took = []
    for _ in range(_TIMES):
        async with database.reading() as session:
            started = time.monotonic()
            await build(session)
            took.append((time.monotonic() - started) * 1000)
    return statistics.median(took)


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    """What GROUP BY can say too, by district; the province is None, as GROUPING SETS has it."""
    cells = {None: body["province"], **body["districts"]}
    return {
        code: {
            **{name: value for name, value in cell["income"].items() if name != "reporting_rate"},
            **cell["beneficiaries"],
            **cell["growth"],
        }
        for code, cell in cells.items()
        if cell["beneficiaries"]["ex_client"]
    }


def _grouped(income: list[Any], people: list[Any]) -> dict[str, Any]:
    found = {
        row.district: {name: value for name, value in row._mapping.items() if name != "district"} for row in income
    }
    for row in people:
        found[row.district] |= {name: value for name, value in row._mapping.items() if name != "district"}
    return found
