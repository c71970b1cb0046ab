"""Growth classes, put off until the log is drained: computed once per business however many reports came."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.cohorts import Reclassed, reclass
from services.reporting.rules import RULE_VERSION, classify, growth, month_name
from shared.database import lock_districts, now, run, set_wise
from shared.events import facts
from shared.outbox import emit

_AT_ONCE = 2000


class Classes:
    """The deferred work of reporting."""

    async def due(self, session: AsyncSession) -> bool:
        return (await run(session, "SELECT 1 FROM growth_due LIMIT 1")).first() is not None

    async def settle(self, session: AsyncSession) -> bool:
        """Compute the classes that are due, up to a bound. True when more are left.

        Districts are locked before anything is taken: a report that arrives now waits, or is seen.
        """
        found = await run(
            session,
            "SELECT d.person_no, p.district FROM growth_due d JOIN person p ON p.no = d.person_no "
            "ORDER BY d.person_no LIMIT :most",
            most=_AT_ONCE,
        )
        due = found.all()
        if not due:
            return False
        await lock_districts(session, {row.district for row in due})
        numbers = [(row.person_no,) for row in due]
        await set_wise(
            session, "DELETE FROM growth_due WHERE person_no IN (SELECT r.no FROM {rows})", {"no": "bigint"}, numbers
        )
        await _classify(session, numbers)
        return len(due) == _AT_ONCE


async def _classify(session: AsyncSession, numbers: Sequence[tuple[int]]) -> None:
    reports = await _last_reports(session, numbers)
    found = await set_wise(
        session,
        "SELECT p.no, p.beneficiary_id, p.district, p.status, p.cohort, p.growth_class, p.growth_version "
        "FROM {rows} JOIN person p ON p.no = r.no ORDER BY p.no",
        {"no": "bigint"},
        numbers,
    )
    changed = []
    for person in found:
        new = classify(reports.get(person.no, ())).value
        if new != person.growth_class:
            changed.append((person, new))
    if not changed:
        return
    await set_wise(
        session,
        "UPDATE person SET growth_class = r.class, growth_version = person.growth_version + 1 "
        "FROM {rows} WHERE person.no = r.no",
        {"no": "bigint", "class": "text"},
        [(person.no, new) for person, new in changed],
    )
    await _tell(session, changed, reports)
    await reclass(
        session,
        [Reclassed(person.district, person.status, person.cohort, person.growth_class, new) for person, new in changed],
    )


async def _last_reports(session: AsyncSession, numbers: Sequence[tuple[int]]) -> dict[int, list[tuple[str, int]]]:
    """(month, net profit) of the six months up to the newest, by business."""
    found = await set_wise(
        session,
        """SELECT t.person_no, t.month, t.net_profit FROM {rows} JOIN report t ON t.person_no = r.no
           WHERE t.month > (SELECT max(n.month) FROM report n WHERE n.person_no = r.no) - 6 ORDER BY t.person_no""",
        {"no": "bigint"},
        numbers,
    )
    return {
        no: [(month_name(row[1]), row[2]) for row in rows] for no, rows in groupby(found, key=lambda row: int(row[0]))
    }


async def _tell(
    session: AsyncSession, changed: Sequence[tuple[Any, str]], reports: dict[int, list[tuple[str, int]]]
) -> None:
    """One growth-changed fact each. Its time is that of the computation: the class depends on reports alone."""
    moment = now()
    told = []
    for person, new in changed:
        evidence = msgspec.to_builtins(growth(reports.get(person.no, ())))
        identity = person.beneficiary_id if isinstance(person.beneficiary_id, UUID) else UUID(person.beneficiary_id)
        fact = facts.GrowthChanged(
            version=person.growth_version + 1,
            beneficiary_id=identity,
            district=person.district,
            from_=person.growth_class if person.growth_version else None,
            to=cast(facts.GrowthClass, new),
            rule_version=RULE_VERSION,
            evidence=evidence,
        )
        told.append((str(identity), fact, moment))
    await emit(session, "reporting", told)
