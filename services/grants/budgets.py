"""Budgets and their ledger: every rupiah set, moved, reserved, freed or paid is an entry, written with the change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.grants import rules
from services.grants.news import SERVICE
from services.grants.tables import Budget, Entry, Grant
from shared.database import lock_districts, now, run
from shared.events import facts
from shared.events.districts import DISTRICTS
from shared.outbox import emit
from shared.refusals import Refused
from shared.security import Caller


class Stamp(NamedTuple):
    """Who did it, and when."""

    sub: str
    at: datetime


async def set_budget(session: AsyncSession, who: Caller, *, fiscal_year: int, district: str, amount: int) -> Budget:
    """`amount` in rupiah. Refused below what is committed."""
    budget = (await _hold(session, fiscal_year, [district]))[district]
    rules.budget_change(amount=amount, committed=budget.committed)
    change = amount - budget.amount
    kind = "raised" if change > 0 else "lowered"
    if budget.version == 0 or change == 0:
        kind = "set"
    await _change(session, budget, change, kind=kind, stamp=Stamp(who.sub, now()))
    return budget


async def move_budget(
    session: AsyncSession, who: Caller, *, fiscal_year: int, source: str, target: str, amount: int, reason: str
) -> tuple[Budget, Budget]:
    """Take `amount` rupiah from one district and give it to another: both change, or neither."""
    budgets = await _hold(session, fiscal_year, [source, target])
    giving, getting = budgets[source], budgets[target]
    rules.budget_move(source=source, target=target, amount=amount, target_amount=getting.amount)
    rules.budget_change(amount=giving.amount - amount, committed=giving.committed)
    stamp = Stamp(who.sub, now())
    await _change(session, giving, -amount, kind="moved", stamp=stamp, other=target, note=reason)
    await _change(session, getting, amount, kind="moved", stamp=stamp, other=source, note=reason)
    return giving, getting


async def reserve(session: AsyncSession, grants: Sequence[Grant], stamp: Stamp) -> None:
    """Commit what grants of one budget cost in one conditional change. Raises `budget_exceeded`, nothing changed."""
    fiscal_year, district = grants[0].fiscal_year, grants[0].district
    total = sum(grant.amount for grant in grants)
    reserved = await run(
        session,
        """UPDATE budgets SET committed = committed + :amount
           WHERE fiscal_year = :year AND district = :district AND committed + :amount <= amount""",
        amount=total,
        year=fiscal_year,
        district=district,
    )
    if reserved.rowcount == 1:
        session.add_all(_of_grant(grant, "reserved", grant.amount, stamp) for grant in grants)
        return
    budget = await session.get(Budget, (fiscal_year, district), populate_existing=True)
    budget = budget or Budget(fiscal_year=fiscal_year, district=district)
    rules.budget_room(budget=budget.amount, committed=budget.committed, amount=total)
    raise AssertionError("the budget has room and did not give it: somebody changed it without holding the district")


async def free(session: AsyncSession, grant: Grant, stamp: Stamp) -> None:
    """Give back to the budget what an approved grant had committed."""
    await run(
        session,
        "UPDATE budgets SET committed = committed - :amount WHERE fiscal_year = :year AND district = :district",
        **_place(grant),
    )
    session.add(_of_grant(grant, "freed", -grant.amount, stamp))


async def pay(session: AsyncSession, grant: Grant, stamp: Stamp) -> None:
    """Count the amount of an approved grant as paid."""
    await run(
        session,
        "UPDATE budgets SET disbursed = disbursed + :amount WHERE fiscal_year = :year AND district = :district",
        **_place(grant),
    )
    session.add(_of_grant(grant, "disbursed", grant.amount, stamp))


async def _hold(session: AsyncSession, fiscal_year: int, districts: Sequence[str]) -> dict[str, Budget]:
    """The budgets of these districts, locked in the order of their codes; one never set is new, and empty."""
    if not DISTRICTS.keys() >= set(districts):
        raise Refused("not_found")
    await lock_districts(session, districts)
    held: dict[str, Budget] = {}
    for district in sorted(set(districts)):
        budget = await session.get(Budget, (fiscal_year, district), with_for_update=True)
        held[district] = budget or Budget(fiscal_year=fiscal_year, district=district)
    return held


async def _change(
    session: AsyncSession,
    budget: Budget,
    change: int,
    *,
    kind: str,
    stamp: Stamp,
    other: str | None = None,
    note: str = "",
) -> None:
    """Change the amount by so many rupiah, with its entry and its fact."""
    budget.amount += change
    budget.version += 1
    session.add(budget)
    await session.flush()  # the entry refers to it
    year, district = budget.fiscal_year, budget.district
    session.add(
        Entry(
            fiscal_year=year,
            district=district,
            kind=kind,
            amount=change,
            cause=f"budget/{year}/{district}/{budget.version}",
            other_district=other,
            sub=stamp.sub,
            at=stamp.at,
            note=note,
        )
    )
    fact = facts.BudgetSet(version=budget.version, district=district, fiscal_year=year, amount=budget.amount)
    await emit(session, SERVICE, [(district, fact, stamp.at)])


def _of_grant(grant: Grant, kind: str, amount: int, stamp: Stamp) -> Entry:
    return Entry(
        fiscal_year=grant.fiscal_year,
        district=grant.district,
        kind=kind,
        amount=amount,
        cause=f"grant/{grant.id}/{kind}",
        grant_id=grant.id,
        sub=stamp.sub,
        at=stamp.at,
    )


def _place(grant: Grant) -> Mapping[str, object]:
    return {"amount": grant.amount, "year": grant.fiscal_year, "district": grant.district}
