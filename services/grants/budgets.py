"""Budgets and their ledger: every rupiah set, moved, reserved, freed or paid is an entry, written with the change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import rules
from services.grants.news import SERVICE
from services.grants.rules import Fund
from services.grants.tables import Budget, Entry, Grant
from shared.database import lock_districts, now, run
from shared.events import facts
from shared.events.districts import DISTRICTS
from shared.outbox import emit
from shared.refusals import Refused
from shared.security import Caller

Funds = dict[str, Budget]
"""The budgets of one district and fiscal year, by their funds."""
_THIS = "fiscal_year = :year AND district = :district AND fund = :fund"


class Stamp(NamedTuple):
    """Who did it, and when."""

    sub: str
    at: datetime


async def set_budget(
    session: AsyncSession,
    who: Caller,
    *,
    fiscal_year: int,
    district: str,
    amount: int,
    fund: Fund = Fund.apbd_provinsi,
) -> Sequence[Budget]:
    """What one fund gives, `amount` in rupiah. Refused below what is committed of it. Returns all funds' budgets."""
    held = (await _hold(session, fiscal_year, [district]))[district]
    budget = _of_fund(held, fiscal_year, district, fund)
    rules.budget_change(amount=amount, committed=budget.committed)
    change = amount - budget.amount
    kind = "raised" if change > 0 else "lowered"
    if budget.version == 0 or change == 0:
        kind = "set"
    await _change(session, held, budget, change, kind=kind, stamp=Stamp(who.sub, now()))
    return _in_order(held)


async def move_budget(
    session: AsyncSession,
    who: Caller,
    *,
    fiscal_year: int,
    source: str,
    target: str,
    amount: int,
    reason: str,
    fund: Fund = Fund.apbd_provinsi,
) -> tuple[Sequence[Budget], Sequence[Budget]]:
    """Take `amount` rupiah of a fund from one district and give it to another: both change, or neither."""
    rules.budget_move(source=source, target=target)
    held = await _hold(session, fiscal_year, [source, target])
    giving = _of_fund(held[source], fiscal_year, source, fund)
    getting = _of_fund(held[target], fiscal_year, target, fund)
    rules.budget_total(amounts=[amount, *(budget.amount for budget in held[target].values())])
    rules.budget_change(amount=giving.amount - amount, committed=giving.committed)
    stamp = Stamp(who.sub, now())
    await _change(session, held[source], giving, -amount, kind="moved", stamp=stamp, other=target, note=reason)
    await _change(session, held[target], getting, amount, kind="moved", stamp=stamp, other=source, note=reason)
    return _in_order(held[source]), _in_order(held[target])


async def reserve(session: AsyncSession, grants: Sequence[Grant], stamp: Stamp) -> None:
    """Commit what grants of one budget and fund cost in one conditional change. Raises `budget_exceeded`, nothing
    changed."""
    fiscal_year, district, fund = grants[0].fiscal_year, grants[0].district, grants[0].fund
    total = sum(grant.amount for grant in grants)
    reserved = await run(
        session,
        """UPDATE budgets SET committed = committed + :amount
           WHERE fiscal_year = :year AND district = :district AND fund = :fund AND committed + :amount <= amount""",
        amount=total,
        year=fiscal_year,
        district=district,
        fund=fund,
    )
    if reserved.rowcount == 1:
        session.add_all(_of_grant(grant, "reserved", grant.amount, stamp) for grant in grants)
        return
    budget = await session.get(Budget, (fiscal_year, district, fund), populate_existing=True)
    budget = budget or Budget(fiscal_year=fiscal_year, district=district, fund=fund)
    rules.budget_room(budget=budget.amount, committed=budget.committed, amount=total)
    raise AssertionError("the budget has room and did not give it: somebody changed it without holding the district")


async def free(session: AsyncSession, grant: Grant, stamp: Stamp) -> None:
    """Give back to the budget what an approved grant had committed."""
    await run(
        session,
        f"UPDATE budgets SET committed = committed - :amount WHERE {_THIS}",
        **_place(grant),
    )
    session.add(_of_grant(grant, "freed", -grant.amount, stamp))


async def pay(session: AsyncSession, grant: Grant, stamp: Stamp) -> None:
    """Count the amount of an approved grant as paid."""
    await run(
        session,
        f"UPDATE budgets SET disbursed = disbursed + :amount WHERE {_THIS}",
        **_place(grant),
    )
    session.add(_of_grant(grant, "disbursed", grant.amount, stamp))


async def _hold(session: AsyncSession, fiscal_year: int, districts: Sequence[str]) -> dict[str, Funds]:
    """The budgets of these districts by their funds, locked in the order of their codes and funds."""
    if not DISTRICTS.keys() >= set(districts):
        raise Refused("not_found")
    await lock_districts(session, districts)
    found = await session.scalars(
        select(Budget)
        .where(col(Budget.fiscal_year) == fiscal_year, col(Budget.district).in_(districts))
        .order_by(col(Budget.district), col(Budget.fund))
        .with_for_update()
    )
    held: dict[str, Funds] = {district: {} for district in districts}
    for budget in found:
        held[budget.district][budget.fund] = budget
    return held


def _of_fund(held: Funds, fiscal_year: int, district: str, fund: Fund) -> Budget:
    """One never set is new, and empty."""
    return held.setdefault(fund.value, Budget(fiscal_year=fiscal_year, district=district, fund=fund.value))


def _in_order(held: Funds) -> list[Budget]:
    return [held[fund] for fund in sorted(held)]


async def _change(
    session: AsyncSession,
    held: Funds,
    budget: Budget,
    change: int,
    *,
    kind: str,
    stamp: Stamp,
    other: str | None = None,
    note: str = "",
) -> None:
    """Change the amount of one of a district's budgets by so many rupiah, with its entry and the district's fact."""
    budget.amount += change
    rules.budget_total(amounts=[each.amount for each in held.values()])
    budget.version = 1 + max(each.version for each in held.values())
    session.add(budget)
    await session.flush()  # the entry refers to it
    year, district = budget.fiscal_year, budget.district
    session.add(
        Entry(
            fiscal_year=year,
            district=district,
            fund=budget.fund,
            kind=kind,
            amount=change,
            cause=f"budget/{year}/{district}/{budget.version}",
            other_district=other,
            sub=stamp.sub,
            at=stamp.at,
            note=note,
        )
    )
    fact = facts.BudgetSet(
        version=budget.version,
        district=district,
        fiscal_year=year,
        amount=sum(each.amount for each in held.values()),
        funds=tuple(facts.FundAmount(fund=each.fund, amount=each.amount) for each in _in_order(held)),
    )
    await emit(session, SERVICE, [(district, fact, stamp.at)])


def _of_grant(grant: Grant, kind: str, amount: int, stamp: Stamp) -> Entry:
    return Entry(
        fiscal_year=grant.fiscal_year,
        district=grant.district,
        fund=grant.fund,
        kind=kind,
        amount=amount,
        cause=f"grant/{grant.id}/{kind}",
        grant_id=grant.id,
        sub=stamp.sub,
        at=stamp.at,
    )


def _place(grant: Grant) -> Mapping[str, object]:
    return {"amount": grant.amount, "year": grant.fiscal_year, "district": grant.district, "fund": grant.fund}
