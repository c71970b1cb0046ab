"""Proof and repair: every total recomputed from the stored facts, compared to the rupiah, or put in place of the views.

Works from the service's own tables alone, also when the log keeps nothing any more. The database compares: what comes
here is what differs, and memory stays flat however many reports there are.
"""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import cohorts, records
from services.reporting.dashboard import forget
from services.reporting.recomputed import RECOMPUTED
from services.reporting.rules import month_name
from services.reporting.views import COHORT_MONTHS, COHORT_PEOPLE, COUNTED, MONTHS, View
from services.reporting.wrong_businesses import wrong_businesses
from shared import last_heard
from shared.database import Database, lock_districts, run
from shared.events.districts import DISTRICTS

MOST_LINES = 1000
"""Of one view. Where more differ, nobody reads them one by one."""
_FEW = 10
"""Of so many businesses at most a row names each."""
_BEHIND = {
    "district": "p.district",
    "month": "t.month",
    "cohort": "p.cohort",
    "growth_class": "p.growth_class",
}
_EVERYBODY = cohorts.OF_PERSON.format(people="person p")


async def reconcile(database: Database) -> list[str]:
    """What differs between the views and the facts, one line each; empty when every number agrees."""
    async with database.reading(still=True) as session:
        await _take_time(session)
        found = []
        for view in RECOMPUTED:
            found += await _compare(session, view)
        found += await _compare_records(session)
        found += await _compare_cohorts(session) + await _compare_businesses(session)
        return found + await last_heard.differences(session)


async def rebuild(database: Database) -> int:
    """Put recomputed views in place of the old ones, in one transaction: readers see the old, then the new, no hole.

    Each is made beside the old one, and what differs is brought over; meanwhile the workers wait. Returns the number
    of businesses whose class was wrong. Classes that are due stay due: their change is still to be told to the other
    services.
    """
    async with database.transaction() as session:
        await _take_time(session)
        await lock_districts(session, DISTRICTS)
        await records.rebuild(session)
        wrong = 0
        async with aclosing(wrong_businesses(session, mend=True)) as parts:
            async for part in parts:
                wrong += sum(business.wrong_class for business in part)
        await _place_everybody(session)
        for view in RECOMPUTED:
            await _replace(session, view)
        await last_heard.rebuild(session)
        await forget(session)
        return wrong


async def _take_time(session: AsyncSession) -> None:
    """To read everything takes longer than a statement of the daily work may."""
    if session.get_bind().dialect.name != "sqlite":
        await run(session, "SET LOCAL statement_timeout = 0")
        await run(session, "SET LOCAL lock_timeout = 0")


async def _place_everybody(session: AsyncSession) -> None:
    await run(session, cohorts.missing(_EVERYBODY))
    await run(
        session,
        f"""UPDATE person SET cohort = found.right_one FROM (
                SELECT w.no, c.no AS right_one FROM ({_EVERYBODY}) w JOIN cohort c ON {cohorts.SAME}
                WHERE w.cohort <> c.no
            ) found WHERE person.no = found.no""",
    )


async def _replace(session: AsyncSession, view: View) -> None:
    """Bring over what differs. The new one lives beside the old one until the transaction ends."""
    fresh = f"fresh_{view.table}"
    keys, columns = ", ".join(view.keys), ", ".join(view.columns)
    same = " AND ".join(f"{fresh}.{key} = {view.table}.{key}" for key in view.keys)
    await run(session, f"CREATE TEMPORARY TABLE {fresh} AS {RECOMPUTED[view]}")
    await run(session, f"CREATE UNIQUE INDEX {fresh}_key ON {fresh} ({keys})")
    await run(session, f"DELETE FROM {view.table} WHERE NOT EXISTS (SELECT 1 FROM {fresh} WHERE {same})")
    await run(
        session,
        f"""INSERT INTO {view.table} ({keys}, {columns}) SELECT {keys}, {columns} FROM {fresh} WHERE true
            ON CONFLICT ({keys}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in view.columns)}
            WHERE ({", ".join(f"{view.table}.{name}" for name in view.columns)})
               <> ({", ".join(f"excluded.{name}" for name in view.columns)})""",
    )
    await run(session, f"DROP TABLE {fresh}")


async def _compare(session: AsyncSession, view: View) -> list[str]:
    """The lines of one view: the rows that differ, and of those with few businesses behind them also which."""
    found = await run(session, _difference_of(view))
    lines = []
    width = len(view.columns)
    for row in found.all():
        key, numbers = tuple(row[: len(view.keys)]), row[len(view.keys) :]
        about = await _about(session, view, key)
        for name, held, right in zip(view.columns, numbers[:width], numbers[width:], strict=True):
            if held != right:
                lines.append(f"{view.table} {about[0]} {name}: {held}, by the facts {right}{about[1]}")
    return lines


def _difference_of(view: View) -> str:
    """Rows whose sums are not the same on both sides: a row that is missing on one is nothing there."""
    keys, columns, sides = ", ".join(view.keys), view.columns, ("held", "right_one")

    def side(name: str) -> str:
        return ", ".join(f"{value if own == name else 0} AS {own}_{value}" for own in sides for value in columns)

    sums = ", ".join(f"CAST(sum({own}_{name}) AS BIGINT)" for own in sides for name in columns)
    differs = " OR ".join(f"sum(held_{name}) <> sum(right_one_{name})" for name in columns)
    return f"""
        SELECT {keys}, {sums} FROM (
            SELECT {keys}, {side("held")} FROM {view.table}
            UNION ALL
            SELECT {keys}, {side("right_one")} FROM ({RECOMPUTED[view]}) facts
        ) both_sides GROUP BY {keys} HAVING {differs} ORDER BY {keys} LIMIT {MOST_LINES}"""


async def _about(session: AsyncSession, view: View, key: Sequence[Any]) -> tuple[str, str]:
    """A row as a person reads it, and the businesses behind it when they are few."""
    named = dict(zip(view.keys, key, strict=True))
    texts = [month_name(value) if name == "month" else str(value) for name, value in named.items()]
    conditions = [f"{_BEHIND[name]} = :{name}" for name in named if name in _BEHIND]
    if view not in (MONTHS, COHORT_MONTHS, COHORT_PEOPLE):
        return " ".join(texts), ""
    if view is MONTHS:
        conditions.append(f"p.status = '{COUNTED}'")
    reports = "" if view is COHORT_PEOPLE else "JOIN report t ON t.person_no = p.no"
    found = await run(
        session,
        f"SELECT p.no FROM person p {reports} WHERE {' AND '.join(conditions)} ORDER BY p.no LIMIT {_FEW + 1}",
        **named,
    )
    numbers = [str(row.no) for row in found]
    return " ".join(texts), f" (of businesses {', '.join(numbers)})" if 0 < len(numbers) <= _FEW else ""


async def _compare_records(session: AsyncSession) -> list[str]:
    """People whose status is not what the registry said of them and of who is the same."""
    found = await records.differences(session)
    return [f"status of business {no}: {held}, by the facts {right}" for no, held, right in found[:MOST_LINES]]


async def _compare_cohorts(session: AsyncSession) -> list[str]:
    """People who are not in the cohort of what they are."""
    found = await run(
        session,
        f"""SELECT w.no, w.cohort, c.no AS right_one FROM ({_EVERYBODY}) w LEFT JOIN cohort c ON {cohorts.SAME}
            WHERE c.no IS NULL OR w.cohort <> c.no ORDER BY w.no LIMIT {MOST_LINES}""",
    )
    return [f"cohort of business {no}: {held}, by its facts {right or 'a new one'}" for no, held, right in found]


async def _compare_businesses(session: AsyncSession) -> list[str]:
    """Growth classes and lines of the worklist that are not those of the reports."""
    lines: list[str] = []
    async with aclosing(wrong_businesses(session)) as parts:
        async for part in parts:
            lines += [line for business in part for line in business.lines()]
            if len(lines) >= MOST_LINES:
                break
    return lines[:MOST_LINES]
