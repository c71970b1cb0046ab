"""Proof and repair: every total recomputed from the stored facts, compared to the rupiah, or put in place of the views.

Works from the service's own tables alone, also when the log keeps nothing any more.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.dashboard import forget
from services.reporting.rules import classify, month_name
from services.reporting.views import (
    CLASSES,
    COMMITTED,
    COUNTED,
    DISBURSED,
    GRANT_STATUSES,
    IDLE,
    MONTHS,
    PEOPLE,
    STATUSES,
    YEARS,
    View,
)
from shared.database import Database, lock_districts, run, set_wise
from shared.events.districts import DISTRICTS

_AT_ONCE = 5000


def _quoted(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


def _count(condition: str) -> str:
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _sum(condition: str, value: str) -> str:
    return f"CAST(coalesce(sum(CASE WHEN {condition} THEN {value} END), 0) AS BIGINT)"


_STATUS_COUNTS = ", ".join(_count(f"status = '{name}'") for name in STATUSES)
_CLASS_COUNTS = ", ".join(_count(f"status = '{COUNTED}' AND growth_class = '{name}'") for name in CLASSES)
_GRANT_COUNTS = ", ".join(_count(f"status = '{name}'") + f" AS {name}" for name in GRANT_STATUSES)
_RECOMPUTED: dict[View, str] = {
    PEOPLE: f"SELECT district, {_STATUS_COUNTS}, {_CLASS_COUNTS} FROM person GROUP BY district",
    YEARS: f"""
        SELECT district, fiscal_year, {", ".join(f"CAST(sum({name}) AS BIGINT)" for name in YEARS.columns)} FROM (
            SELECT district, fiscal_year, {_GRANT_COUNTS},
                   0 AS rupiah_budget, {_sum(f"status IN ({_quoted(COMMITTED)})", "amount")} AS rupiah_committed,
                   {_sum(f"status IN ({_quoted(DISBURSED)})", "amount")} AS rupiah_disbursed
            FROM grant_now GROUP BY district, fiscal_year
            UNION ALL
            SELECT district, fiscal_year, {", ".join("0" for _ in GRANT_STATUSES)}, amount, 0, 0 FROM budget
        ) parts GROUP BY district, fiscal_year""",
    MONTHS: f"""
        SELECT p.district, t.month, count(*), CAST(sum(t.turnover) AS BIGINT), CAST(sum(t.net_profit) AS BIGINT),
               CAST(sum(t.employees) AS BIGINT), {_count(f"t.asset_use IN ({_quoted(IDLE)})")}
        FROM report t JOIN person p ON p.no = t.person_no WHERE p.status = '{COUNTED}' GROUP BY p.district, t.month""",
}


async def reconcile(database: Database) -> list[str]:
    """What differs between the views and the facts, one line each; empty when every number agrees."""
    async with database.reading(still=True) as session:
        found = []
        for view in _RECOMPUTED:
            found += await _compare(session, view)
        return found + await _compare_classes(session)


async def rebuild(database: Database) -> int:
    """Put recomputed views in place of the old ones, in one transaction: readers see the old, then the new, no hole.

    Returns the number of businesses whose class was wrong. Classes that are due stay due: their change is still to be
    told to the other services.
    """
    async with database.transaction() as session:
        await lock_districts(session, DISTRICTS)
        wrong = await _wrong_classes(session)
        if wrong:
            await set_wise(
                session,
                "UPDATE person SET growth_class = r.class FROM {rows} WHERE person.no = r.no",
                {"no": "bigint", "class": "text"},
                [(no, right) for no, _, right in wrong],
            )
        for view, recomputed in _RECOMPUTED.items():
            names = ", ".join((*view.keys, *view.columns))
            await run(session, f"DELETE FROM {view.table}")
            await run(session, f"INSERT INTO {view.table} ({names}) {recomputed}")
        await forget(session)
        return len(wrong)


async def _compare(session: AsyncSession, view: View) -> list[str]:
    names = ", ".join((*view.keys, *view.columns))
    held = _rows(view, (await run(session, f"SELECT {names} FROM {view.table}")).all())
    right = _rows(view, (await run(session, _RECOMPUTED[view])).all())
    lines = []
    for key in sorted(held.keys() | right.keys(), key=repr):
        nothing = (0,) * len(view.columns)
        for name, kept, true in zip(view.columns, held.get(key, nothing), right.get(key, nothing), strict=True):
            if kept != true:
                lines.append(f"{view.table} {_named(view, key)} {name}: {kept}, by the facts {true}")
    return lines


def _named(view: View, key: tuple[Any, ...]) -> str:
    """The key as a person reads it."""
    return f"{key[0]} {month_name(key[1])}" if view is MONTHS else " ".join(map(str, key))


def _rows(view: View, rows: Any) -> Mapping[tuple[Any, ...], tuple[int, ...]]:
    keys = len(view.keys)
    return {tuple(row[:keys]): tuple(int(value) for value in row[keys:]) for row in rows}


async def _compare_classes(session: AsyncSession) -> list[str]:
    wrong = await _wrong_classes(session)
    return [f"growth class of business {no}: {held}, by its reports {right}" for no, held, right in wrong]


async def _wrong_classes(session: AsyncSession) -> list[tuple[int, str, str]]:
    """(person_no, class held, class by the reports) where they differ though none is due.

    Read in parts so that memory stays flat.
    """
    wrong: list[tuple[int, str, str]] = []
    after = 0
    while True:
        found = await run(
            session,
            "SELECT no, growth_class FROM person WHERE no > :after AND no NOT IN (SELECT person_no FROM growth_due) "
            "ORDER BY no LIMIT :most",
            after=after,
            most=_AT_ONCE,
        )
        people = found.all()
        if not people:
            return wrong
        reports = await run(
            session,
            "SELECT person_no, month, net_profit FROM report WHERE person_no BETWEEN :first AND :last "
            "ORDER BY person_no, month",
            first=people[0].no,
            last=people[-1].no,
        )
        by_person = {
            no: [(month_name(row[1]), row[2]) for row in rows]
            for no, rows in groupby(reports, key=lambda row: int(row[0]))
        }
        for no, held in people:
            right = classify(by_person.get(no, ())).value
            if held != right:
                wrong.append((no, held, right))
        after = people[-1].no
