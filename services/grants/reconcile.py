"""The proof: rows, ledger, grants and the facts that were told say the same, and what differs is named.

Facts are compared as far as the outbox still has them; older ones are in the log, and reporting is proved by them.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants.news import FACTS
from services.grants.tables import Budget, Grant
from shared.database import run
from shared.events.catalogue import NAMES
from shared.events.facts import AssetsKept, FundAmount

_AT_ONCE = 5000
_BECOMES = {
    "request": "requested",
    "verify": "verified",
    "approve": "approved",
    "reject": "rejected",
    "disburse": "disbursed",
    "hand_over": "handed_over",
    "cancel": "cancelled",
}


class Difference(NamedTuple):
    """A budget or a grant of which not all say the same; amounts in rupiah."""

    thing: str
    said: str

    def __str__(self) -> str:
        return f"{self.thing}: {self.said}"


async def differences(session: AsyncSession) -> list[Difference]:
    """All that differs. In a session of `reading(still=True)`, so that all is looked at in one moment."""
    return [
        *await _budgets(session),
        *await _grants(session),
        *await _numbers(session),
        *await _told(session),
    ]


async def _budgets(session: AsyncSession) -> list[Difference]:
    found = await run(
        session,
        """SELECT district, fiscal_year, fund,
                  sum(amount) AS amount, sum(entered) AS entered,
                  sum(committed) AS committed, sum(reserved) AS reserved, sum(owed) AS owed,
                  sum(disbursed) AS disbursed, sum(counted) AS counted, sum(paid) AS paid
           FROM (
               SELECT district, fiscal_year, fund, amount, 0 AS entered, committed, 0 AS reserved, 0 AS owed,
                      disbursed, 0 AS counted, 0 AS paid FROM budgets
               UNION ALL
               SELECT district, fiscal_year, fund, 0,
                      CASE WHEN kind IN ('set', 'raised', 'lowered', 'moved') THEN amount ELSE 0 END, 0,
                      CASE WHEN kind IN ('reserved', 'freed') THEN amount ELSE 0 END, 0, 0,
                      CASE WHEN kind = 'disbursed' THEN amount ELSE 0 END, 0 FROM ledger
               UNION ALL
               SELECT district, fiscal_year, fund, 0, 0, 0, 0, amount, 0, 0,
                      CASE WHEN status = 'approved' THEN 0 ELSE amount END
               FROM grants WHERE status IN ('approved', 'disbursed', 'handed_over')
           ) AS sums GROUP BY district, fiscal_year, fund
           HAVING sum(amount) <> sum(entered) OR sum(committed) <> sum(reserved) OR sum(committed) <> sum(owed)
               OR sum(disbursed) <> sum(counted) OR sum(disbursed) <> sum(paid)
           ORDER BY fiscal_year, district, fund""",
    )
    return [
        Difference(
            f"{row.district} {row.fiscal_year} {row.fund}",
            f"amount {int(row.amount)}, by ledger {int(row.entered)}; "
            f"committed {int(row.committed)}, by ledger {int(row.reserved)}, by grants {int(row.owed)}; "
            f"disbursed {int(row.disbursed)}, by ledger {int(row.counted)}, by grants {int(row.paid)}",
        )
        for row in found
    ]


async def _grants(session: AsyncSession) -> list[Difference]:
    """Grants for which the ledger reserved or paid something else than they say."""
    found = await run(
        session,
        """SELECT g.id, g.status, g.amount, coalesce(l.reserved, 0) AS reserved, coalesce(l.paid, 0) AS paid
           FROM grants g LEFT JOIN (
               SELECT grant_id, sum(CASE WHEN kind = 'disbursed' THEN 0 ELSE amount END) AS reserved,
                      sum(CASE WHEN kind = 'disbursed' THEN amount ELSE 0 END) AS paid
               FROM ledger WHERE grant_id IS NOT NULL GROUP BY grant_id
           ) AS l ON l.grant_id = g.id
           WHERE coalesce(l.reserved, 0)
                 <> CASE WHEN g.status IN ('approved', 'disbursed', 'handed_over') THEN g.amount ELSE 0 END
              OR coalesce(l.paid, 0) <> CASE WHEN g.status IN ('disbursed', 'handed_over') THEN g.amount ELSE 0 END
           ORDER BY g.id""",
    )
    return [
        Difference(
            f"grant {UUID(str(row.id))}",
            f"{row.status} {int(row.amount)}; by ledger reserved {int(row.reserved)}, disbursed {int(row.paid)}",
        )
        for row in found
    ]


async def _numbers(session: AsyncSession) -> list[Difference]:
    """Registers of letters in which a number is missing."""
    found = await run(
        session,
        """SELECT district, fiscal_year, kind, count(*) AS given, max(place) AS last FROM documents
           GROUP BY district, fiscal_year, kind HAVING count(*) <> max(place) ORDER BY fiscal_year, district, kind""",
    )
    return [
        Difference(f"letters {row.kind} {row.district} {row.fiscal_year}", f"{row.given} given, the last is {row.last}")
        for row in found
    ]


# What was told


class _Told(msgspec.Struct):
    """The part of a fact that is compared."""

    version: int
    fiscal_year: int
    amount: int
    district: str
    grant_id: UUID | None = None
    funds: tuple[FundAmount, ...] = ()


_told_of = msgspec.json.Decoder(_Told)
_STATUS = {NAMES[fact]: _BECOMES[action] for action, fact in FACTS.items()}


async def _told(session: AsyncSession) -> list[Difference]:
    """Budgets and grants whose newest fact in the outbox is not what their row says."""
    budgets: dict[tuple[int, str], _Told] = {}
    grants: dict[UUID, tuple[_Told, str]] = {}
    after = 0
    while page := await _page(session, after):
        for number, name, payload in page:
            told, after = _told_of.decode(payload), number
            if told.grant_id is None:
                budgets[told.fiscal_year, told.district] = told
            else:
                grants[told.grant_id] = (told, _STATUS[name])
    return [*await _budgets_told(session, budgets), *await _grants_told(session, grants)]


async def _page(session: AsyncSession, after: int) -> list[Any]:
    found = await run(
        session,
        """SELECT id, type, payload FROM outbox WHERE aggregatetype = 'facts.grants' AND type <> :assets AND id > :after
           ORDER BY id LIMIT :most""",
        assets=NAMES[AssetsKept],
        after=after,
        most=_AT_ONCE,
    )
    return list(found.all())


async def _budgets_told(session: AsyncSession, told: dict[tuple[int, str], _Told]) -> list[Difference]:
    rows: dict[tuple[int, str], list[Budget]] = defaultdict(list)
    for budget in await session.scalars(select(Budget).order_by(col(Budget.fund))):
        rows[budget.fiscal_year, budget.district].append(budget)
    return [
        Difference(f"{district} {year}", f"amount {amount}, was told as {fact.amount}; by fund {held}, told as {said}")
        for (year, district), fact in sorted(told.items())
        for budgets in [rows[year, district]]
        for amount in [sum(budget.amount for budget in budgets)]
        for held in [{budget.fund: budget.amount for budget in budgets}]
        for said in [{one.fund: one.amount for one in fact.funds} or held]
        if (max((budget.version for budget in budgets), default=0), amount, held) != (fact.version, fact.amount, said)
    ]


async def _grants_told(session: AsyncSession, told: dict[UUID, tuple[_Told, str]]) -> list[Difference]:
    numbers, found = sorted(told), list[Difference]()
    for start in range(0, len(numbers), _AT_ONCE):
        rows = await _versions(session, numbers[start : start + _AT_ONCE])
        for number in numbers[start : start + _AT_ONCE]:
            fact, status = told[number]
            if rows.get(number) != (fact.version, status, fact.amount):
                said = f"version, status and amount {rows.get(number)}, told as {(fact.version, status, fact.amount)}"
                found.append(Difference(f"grant {number}", said))
    return found


async def _versions(session: AsyncSession, numbers: Iterable[UUID]) -> dict[UUID, tuple[int, str, int]]:
    found = await session.execute(
        select(col(Grant.id), col(Grant.version), col(Grant.status), col(Grant.amount)).where(
            col(Grant.id).in_(numbers)
        )
    )
    return {number: (version, status, amount) for number, version, status, amount in found}
