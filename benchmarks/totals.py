"""Totals per district and month, come by in different ways: whoever is compared in speed must agree in these."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from benchmarks.load import Sent
from services.reporting.rules import month_index
from shared.database import Database, run

Totals = dict[tuple[str, int], tuple[int, ...]]
"""(district, month index): reports, turnover, net profit, employees, idle assets."""

BY_GROUP = """
SELECT p.district, t.month, count(*) AS reports, CAST(sum(t.turnover) AS bigint) AS turnover,
       CAST(sum(t.net_profit) AS bigint) AS net_profit, CAST(sum(t.employees) AS bigint) AS employees,
       count(*) FILTER (WHERE t.asset_use IN ('idle', 'broken')) AS idle_assets
FROM report t JOIN person p ON p.no = t.person_no WHERE p.status = 'ex_client' GROUP BY p.district, t.month
"""


class Disagreement(Exception):
    """Two that should have come to the same result did not: their speeds say nothing."""


def by_fold(sent: Iterable[Sent]) -> Totals:
    """The plainest fold there is, in memory."""
    newest: dict[tuple[str, str], Sent] = {}
    for one in sent:
        key = (one.report.district_ref, one.report.month)
        if key not in newest or newest[key].report.revision < one.report.revision:
            newest[key] = one
    totals: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * 5)
    for one in newest.values():
        report = one.report
        total = totals[one.district, month_index(report.month)]
        net = report.turnover - report.materials - report.production - report.wages
        for place, value in enumerate((1, report.turnover, net, report.employees, report.asset_use in _IDLE)):
            total[place] += value
    return {key: tuple(total) for key, total in totals.items()}


_IDLE = ("idle", "broken")


async def by_views(database: Database) -> Totals:
    """As the service keeps them."""
    return await _query(
        database, "SELECT district, month, reports, turnover, net_profit, employees, idle_assets FROM district_month"
    )


async def by_group(database: Database) -> Totals:
    """As PostgreSQL finds them when it looks at every report."""
    return await _query(database, BY_GROUP)


async def _query(database: Database, statement: str) -> Totals:
    async with database.reading() as session:
        rows = (await run(session, statement)).all()
    return {(str(row[0]), int(row[1])): tuple(int(value) for value in row[2:]) for row in rows}


def require_same(what: str, found: Any, expected: Any) -> None:
    """Raises Disagreement, naming what differs first."""
    if found == expected:
        return
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(found.keys() | expected.keys(), key=repr):
            if found.get(key) != expected.get(key):
                raise Disagreement(f"{what}, {key}: {found.get(key)} instead of {expected.get(key)}")
    raise Disagreement(f"{what}: {found!r:.300} instead of {expected!r:.300}")
