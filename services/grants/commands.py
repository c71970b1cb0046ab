"""What officers do to grants.

Each command holds its district, decides by the rules, changes rows and emits one fact, all in the caller's transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import aliases, budgets, rules
from services.grants.assessing import assess, reassess, withdrew
from services.grants.budgets import Stamp
from services.grants.news import handover_waits_for, local_day, next_fact, tell
from services.grants.rules import GrantStatus
from services.grants.tables import CLOSED, COMMITTED, Grant, Step
from shared.database import is_alone, lock_districts, now
from shared.inbox import wake
from shared.refusals import Refused
from shared.security import Caller


async def verify(session: AsyncSession, who: Caller, number: UUID, note: str) -> Grant:
    case = await _open(session, who, number, "verify")
    return await _take(session, case, note)


async def approve(
    session: AsyncSession, who: Caller, number: UUID, note: str, *, fund: rules.Fund | None = None
) -> Grant:
    """Reserve the amount in the budget of a fund, by itself that of the first approver or the province's own.

    Of two approvers needed, the first is only put on record: no fact yet.
    """
    case = await _open(session, who, number, "approve")
    chosen = rules.Fund(case.grant.fund)
    case.grant.fund = rules.fund_of(wanted=fund, chosen=chosen, approvals=len(case.approvers)).value
    await assess(session, [case.grant])
    rules.criteria_met(case.grant.failed.split())
    if len(case.approvers) + 1 < rules.approvers_needed(case.grant.amount):
        _record(session, case, note)
        return case.grant
    await budgets.reserve(session, [case.grant], case.stamp)
    await _take(session, case, note)
    await reassess(session, [case.grant.beneficiary_id])
    return case.grant


async def reject(session: AsyncSession, who: Caller, number: UUID, reason: str) -> Grant:
    case = await _open(session, who, number, "reject")
    return await _take(session, case, reason)


async def disburse(session: AsyncSession, who: Caller, number: UUID, *, reference: str, on: date) -> Grant:
    case = await _open(session, who, number, "disburse")
    await budgets.pay(session, case.grant, case.stamp)
    return await _take(session, case, reference, on=on)


async def cancel(session: AsyncSession, who: Caller, number: UUID, reason: str) -> Grant:
    """Frees the budget when the grant was approved."""
    case = await _open(session, who, number, "cancel")
    if case.grant.status in COMMITTED:
        await budgets.free(session, case.grant, case.stamp)
    await _take(session, case, reason)
    await reassess(session, [case.grant.beneficiary_id])
    return case.grant


@dataclass(frozen=True)
class _Case:
    """A grant in the hands of an officer who may take the action; `becomes` is where it leads."""

    grant: Grant
    who: Caller
    action: str
    becomes: GrantStatus
    approvers: Collection[str]
    moment: datetime

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.who.sub, self.moment)


async def _open(session: AsyncSession, who: Caller, number: UUID, action: str) -> _Case:
    """Lock the district, then the grant, and check that this caller may take this action now. Raises Refused."""
    grant = await session.get(Grant, number)
    if grant is None or not who.sees(grant.district):
        raise Refused("not_found")
    if not is_alone(session):
        await lock_districts(session, [grant.district])
        await aliases.hold_of(session, [number])
        await session.refresh(grant, with_for_update=True)
    status = GrantStatus(grant.status)
    rules.authorize(action, role=who.role.value, status=status)
    becomes = rules.step(status, action)
    found = await session.execute(select(col(Step.step), col(Step.sub)).where(col(Step.grant_id) == number))
    trail = found.all()
    approvers = {sub for step, sub in trail if step == "approve"}
    verifier = next((sub for step, sub in trail if step == "verify"), None)
    rules.four_eyes(action, who.sub, verifier=verifier, approvers=approvers)
    rules.consent_given(action, withdrawn=await withdrew(session, grant.beneficiary_id))
    return _Case(grant, who, action, becomes, approvers, now())


async def _take(session: AsyncSession, case: _Case, note: str, *, on: date | None = None) -> Grant:
    """Move the grant on, with its trail and its fact; set free what waited for that."""
    case.grant.status = case.becomes.value
    _record(session, case, note, on=on)
    day = on or local_day(case.moment)
    await tell(session, [(next_fact(case.grant, case.action, day), case.moment)])
    if case.becomes in CLOSED or case.becomes is GrantStatus.disbursed:
        await wake(session, [handover_waits_for(case.grant.id)])
    return case.grant


def _record(session: AsyncSession, case: _Case, note: str, *, on: date | None = None) -> None:
    session.add(
        Step(
            grant_id=case.grant.id,
            step=case.action,
            sub=case.who.sub,
            at=case.moment,
            day=on or local_day(case.moment),
            note=note,
        )
    )
