"""Proof and repair: every total recomputed from the stored facts, compared to the rupiah, or put in place of the views.

Works from the service's own tables alone, also when the log keeps nothing any more.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.dashboard import forget
from services.reporting.growth import Judged, judge
from services.reporting.rules import month_name
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
from services.reporting.worklist import follow, read_confirmed, read_open
from shared import last_heard
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
        return found + await _compare_businesses(session) + await last_heard.differences(session)


async def rebuild(database: Database) -> int:
    """Put recomputed views in place of the old ones, in one transaction: readers see the old, then the new, no hole.

    Returns the number of businesses whose class was wrong. Classes that are due stay due: their change is still to be
    told to the other services.
    """
    async with database.transaction() as session:
        await lock_districts(session, DISTRICTS)
        wrong = [found for found in await _wrong_businesses(session, mend=True) if found.wrong_class]
        if wrong:
            await set_wise(
                session,
                "UPDATE person SET growth_class = r.class FROM {rows} WHERE person.no = r.no",
                {"no": "bigint", "class": "text"},
                [(found.no, found.right) for found in wrong],
            )
        for view, recomputed in _RECOMPUTED.items():
            names = ", ".join((*view.keys, *view.columns))
            await run(session, f"DELETE FROM {view.table}")
            await run(session, f"INSERT INTO {view.table} ({names}) {recomputed}")
        await last_heard.rebuild(session)
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


async def _compare_businesses(session: AsyncSession) -> list[str]:
    lines = []
    for found in await _wrong_businesses(session):
        if found.wrong_class:
            lines.append(f"growth class of business {found.no}: {found.held}, by its reports {found.right}")
        if found.items != found.right_items:
            lines.append(
                f"worklist of business {found.no}: {_listed(found.items)}, by its reports {_listed(found.right_items)}"
            )
    return lines


class _Wrong(NamedTuple):
    """A business that is not as its reports say: the effective class, and the open items with their months."""

    no: int
    held: str
    right: str
    items: dict[str, int]
    right_items: dict[str, int]

    @property
    def wrong_class(self) -> bool:
        return self.held != self.right


async def _wrong_businesses(session: AsyncSession, *, mend: bool = False) -> list[_Wrong]:
    """The businesses that differ from their reports though they are not due.

    `mend`: opens and closes the items of the worklist that are wrong. Read in parts so that memory stays flat.
    """
    wrong: list[_Wrong] = []
    after = 0
    while True:
        found = await run(
            session,
            "SELECT no FROM person WHERE no > :after AND no NOT IN (SELECT person_no FROM growth_due) "
            "ORDER BY no LIMIT :most",
            after=after,
            most=_AT_ONCE,
        )
        numbers = [(row.no,) for row in found]
        if not numbers:
            return wrong
        confirmed = await read_confirmed(session, numbers)
        judged = await judge(session, numbers, confirmed, None)
        items = await read_open(session, numbers)
        wrong += [
            difference
            for business in judged
            if (difference := _difference(business, items.get(business.held.no, {}))) is not None
        ]
        if mend:
            await follow(session, [business.followed for business in judged], confirmed)
        after = numbers[-1][0]


def _difference(business: Judged, items: Mapping[Any, Any]) -> _Wrong | None:
    found = _Wrong(
        business.held.no,
        business.held.growth_class,
        business.effective.value,
        {reason.value: item.since for reason, item in items.items()},
        {reason.value: finding.since for reason, finding in business.followed.findings.items()},
    )
    return found if found.wrong_class or found.items != found.right_items else None


def _listed(items: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} since {month_name(since)}" for reason, since in sorted(items.items())) or "nothing"
