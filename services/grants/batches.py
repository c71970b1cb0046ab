"""A district's list of grants approved as one envelope: all of them or none, and the total must add up."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import aliases, budgets, rules
from services.grants.assessing import Judge, judge_of, reassess
from services.grants.budgets import Stamp
from services.grants.news import local_day, next_fact, tell
from services.grants.rules import Fund, GrantStatus
from services.grants.tables import Batch, BatchGrant, Grant, Step
from shared.database import lock_districts, now
from shared.events.districts import DISTRICTS
from shared.refusals import Refused
from shared.security import Caller

Trail = Mapping[UUID, Collection[tuple[str, str]]]
"""(step, sub) of each grant."""


async def approve_batch(
    session: AsyncSession,
    who: Caller,
    *,
    fiscal_year: int,
    district: str,
    numbers: Sequence[UUID],
    total: int,
    note: str,
    fund: Fund | None = None,
) -> Batch:
    """Approve these grants in this order, from this fund, or each from that which `approve` would choose.

    Raises Refused, nothing changed, and names each grant that stands in the way. Each is held against what a single
    approval is held against, and against those before it in the list.
    """
    if district not in DISTRICTS:
        raise Refused("not_found")
    await lock_districts(session, [district])
    await aliases.hold_of(session, numbers)
    found = await _locked(session, numbers, fiscal_year, district)
    trail = await _trail(session, found.keys())
    judge = await judge_of(session, found.values())
    refusals = [
        {"grant_id": number, **refusal}
        for number in numbers
        if (refusal := _refusal(who, found.get(number), trail, judge, fund)) is not None
    ]
    if refusals:
        raise Refused("batch_refused", refusals=refusals)
    grants = [found[number] for number in numbers]
    rules.batch_total(total=total, amounts=[grant.amount for grant in grants])
    stamp = Stamp(who.sub, now())
    for grant in grants:
        grant.fund = _fund(grant, trail, fund).value
    await budgets.reserve(session, grants, stamp)
    return await _approve(session, grants, stamp, note)


async def _locked(
    session: AsyncSession, numbers: Collection[UUID], fiscal_year: int, district: str
) -> dict[UUID, Grant]:
    found = await session.scalars(
        select(Grant)
        .where(col(Grant.id).in_(numbers), col(Grant.district) == district, col(Grant.fiscal_year) == fiscal_year)
        .order_by(col(Grant.id))
        .with_for_update()
    )
    return {grant.id: grant for grant in found}


async def _trail(session: AsyncSession, numbers: Collection[UUID]) -> Trail:
    trail: dict[UUID, list[tuple[str, str]]] = defaultdict(list)
    found = await session.execute(
        select(col(Step.grant_id), col(Step.step), col(Step.sub)).where(col(Step.grant_id).in_(numbers))
    )
    for number, step, sub in found:
        trail[number].append((step, sub))
    return trail


def _refusal(who: Caller, grant: Grant | None, trail: Trail, judge: Judge, fund: Fund | None) -> dict[str, Any] | None:
    """Why this grant cannot be approved here and now; None: it can, and counts as aid for those after it."""
    if grant is None:
        return {"code": "not_found"}
    steps = trail.get(grant.id, ())
    approvers = {sub for step, sub in steps if step == "approve"}
    verifier = next((sub for step, sub in steps if step == "verify"), None)
    try:
        rules.step(GrantStatus(grant.status), "approve")
        rules.four_eyes("approve", who.sub, verifier=verifier, approvers=approvers)
        _fund(grant, trail, fund)
        rules.criteria_met(judge.judge(grant))
        rules.last_approver(amount=grant.amount, approvers=len(approvers) + 1)
    except Refused as refused:
        return {"code": refused.code, **refused.detail}
    judge.bind(grant)
    return None


def _fund(grant: Grant, trail: Trail, wanted: Fund | None) -> Fund:
    approvals = sum(step == "approve" for step, _ in trail.get(grant.id, ()))
    return rules.fund_of(wanted=wanted, chosen=Fund(grant.fund), approvals=approvals)


async def _approve(session: AsyncSession, grants: Sequence[Grant], stamp: Stamp, note: str) -> Batch:
    batch = Batch(
        id=uuid4(),
        fiscal_year=grants[0].fiscal_year,
        district=grants[0].district,
        total=sum(grant.amount for grant in grants),
        sub=stamp.sub,
        at=stamp.at,
        note=note,
    )
    session.add(batch)
    day = local_day(stamp.at)
    for grant in grants:
        grant.status = GrantStatus.approved.value
        session.add(Step(grant_id=grant.id, step="approve", sub=stamp.sub, at=stamp.at, day=day, note=note))
    await session.flush()  # the batch before its lines
    session.add_all(BatchGrant(grant_id=grant.id, batch_id=batch.id, place=place) for place, grant in enumerate(grants))
    await tell(session, [(next_fact(grant, "approve", day), stamp.at) for grant in grants])
    await reassess(session, {grant.beneficiary_id for grant in grants})
    return batch


async def grants_of(session: AsyncSession, batch: UUID) -> Sequence[UUID]:
    """The grants of a batch, in the order of its list."""
    found = await session.scalars(
        select(col(BatchGrant.grant_id)).where(col(BatchGrant.batch_id) == batch).order_by(col(BatchGrant.place))
    )
    return found.all()
