"""What officers do to grants and budgets, and the assessment that follows the facts.

Each command holds its district, decides by the rules, changes rows and emits one fact, all in the caller's transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import rules
from services.grants.rules import GrantStatus
from services.grants.tables import CLOSED, COMMITTED, OPEN, Beneficiary, Budget, Grant, Step, Suspicion
from shared.database import lock_districts, now, run
from shared.events import facts
from shared.events.district import GrantKind, Status
from shared.events.districts import DISTRICTS
from shared.inbox import wake
from shared.outbox import emit
from shared.refusals import Refused
from shared.security import Caller

SERVICE = "grants"
_JAKARTA = timezone(timedelta(hours=7), "WIB")
_FACTS: dict[str, Callable[..., facts.Grant]] = {
    "request": facts.GrantRequested,
    "verify": facts.GrantVerified,
    "approve": facts.GrantApproved,
    "reject": facts.GrantRejected,
    "disburse": facts.GrantDisbursed,
    "hand_over": facts.GrantHandedOver,
    "cancel": facts.GrantCancelled,
}


def local_day(moment: datetime) -> date:
    """The day it is in East Java at that moment."""
    return moment.astimezone(_JAKARTA).date()


# Officers


async def verify(session: AsyncSession, who: Caller, number: UUID, note: str) -> Grant:
    case = await _open(session, who, number, "verify")
    return await _take(session, case, note)


async def approve(session: AsyncSession, who: Caller, number: UUID, note: str) -> Grant:
    """Reserve the amount in the budget. Of two approvers needed, the first is only put on record: no fact yet."""
    case = await _open(session, who, number, "approve")
    await _require_criteria(session, case.grant)
    if len(case.approvers) + 1 < rules.approvers_needed(case.grant.amount):
        _record(session, case, note)
        return case.grant
    await _reserve(session, case.grant)
    await _take(session, case, note)
    await reassess(session, [case.grant.beneficiary_id])
    return case.grant


async def reject(session: AsyncSession, who: Caller, number: UUID, reason: str) -> Grant:
    case = await _open(session, who, number, "reject")
    return await _take(session, case, reason)


async def disburse(session: AsyncSession, who: Caller, number: UUID, *, reference: str, on: date) -> Grant:
    case = await _open(session, who, number, "disburse")
    await _move(session, case.grant, committed=0, disbursed=case.grant.amount)
    return await _take(session, case, reference, on=on)


async def cancel(session: AsyncSession, who: Caller, number: UUID, reason: str) -> Grant:
    """Frees the budget when the grant was approved."""
    case = await _open(session, who, number, "cancel")
    if case.grant.status in COMMITTED:
        await _move(session, case.grant, committed=-case.grant.amount, disbursed=0)
    await _take(session, case, reason)
    await reassess(session, [case.grant.beneficiary_id])
    return case.grant


async def set_budget(session: AsyncSession, *, fiscal_year: int, district: str, amount: int) -> Budget:
    """`amount` in rupiah. Refused below what is committed."""
    if district not in DISTRICTS:
        raise Refused("not_found")
    await lock_districts(session, [district])
    budget = await session.get(Budget, (fiscal_year, district), with_for_update=True)
    if budget is None:
        budget = Budget(fiscal_year=fiscal_year, district=district)
        session.add(budget)
    rules.budget_change(amount=amount, committed=budget.committed)
    budget.amount = amount
    budget.version += 1
    fact = facts.BudgetSet(version=budget.version, district=district, fiscal_year=fiscal_year, amount=amount)
    await emit(session, SERVICE, [(district, fact, now())])
    return budget


@dataclass(frozen=True)
class _Case:
    """A grant in the hands of an officer who may take the action; `becomes` is where it leads."""

    grant: Grant
    who: Caller
    action: str
    becomes: GrantStatus
    approvers: Collection[str]
    moment: datetime


async def _open(session: AsyncSession, who: Caller, number: UUID, action: str) -> _Case:
    """Lock the district, then the grant, and check that this caller may take this action now. Raises Refused."""
    district = await session.scalar(select(col(Grant.district)).where(col(Grant.id) == number))
    if district is None or not who.sees(district):
        raise Refused("not_found")
    await lock_districts(session, [district])
    grant = await session.get_one(Grant, number, with_for_update=True)
    status = GrantStatus(grant.status)
    rules.authorize(action, role=who.role.value, status=status)
    becomes = rules.step(status, action)
    found = await session.execute(select(col(Step.step), col(Step.sub)).where(col(Step.grant_id) == number))
    trail = found.all()
    approvers = {sub for step, sub in trail if step == "approve"}
    verifier = next((sub for step, sub in trail if step == "verify"), None)
    rules.four_eyes(action, who.sub, verifier=verifier, approvers=approvers)
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


async def _require_criteria(session: AsyncSession, grant: Grant) -> None:
    """Raises Refused with the failed codes; a suspected duplicate alone has a code of its own."""
    await assess(session, [grant])
    failed = grant.failed.split()
    if failed == ["duplicate_suspected"]:
        raise Refused("duplicate_suspected", failed=failed)
    if failed:
        raise Refused("criteria_not_met", failed=failed)


async def _reserve(session: AsyncSession, grant: Grant) -> None:
    """Commit the amount in one conditional change, or raise Refused `budget_exceeded` with nothing changed."""
    reserved = await run(
        session,
        """UPDATE budgets SET committed = committed + :amount
           WHERE fiscal_year = :year AND district = :district AND committed + :amount <= amount""",
        amount=grant.amount,
        year=grant.fiscal_year,
        district=grant.district,
    )
    if reserved.rowcount == 1:
        return
    budget = await session.get(Budget, (grant.fiscal_year, grant.district)) or Budget(
        fiscal_year=grant.fiscal_year, district=grant.district
    )
    rules.budget_room(budget=budget.amount, committed=budget.committed, amount=grant.amount)
    raise AssertionError("the budget has room and did not give it: somebody changed it without holding the district")


async def _move(session: AsyncSession, grant: Grant, *, committed: int, disbursed: int) -> None:
    """Change what of the budget is bound and paid, in rupiah."""
    await run(
        session,
        """UPDATE budgets SET committed = committed + :committed, disbursed = disbursed + :disbursed
           WHERE fiscal_year = :year AND district = :district""",
        committed=committed,
        disbursed=disbursed,
        year=grant.fiscal_year,
        district=grant.district,
    )


# Facts


def next_fact(grant: Grant, action: str, on: date) -> facts.Grant:
    """The fact of this step, with the grant's next version."""
    grant.version += 1
    return _FACTS[action](
        version=grant.version,
        grant_id=grant.id,
        beneficiary_id=grant.beneficiary_id,
        district=grant.district,
        kind=GrantKind(grant.kind),
        amount=grant.amount,
        fiscal_year=grant.fiscal_year,
        on=on,
    )


async def tell(session: AsyncSession, news: Iterable[tuple[facts.Grant, datetime]]) -> None:
    """Each fact with the time of what happened, keyed by the person."""
    await emit(session, SERVICE, [(str(fact.beneficiary_id), fact, moment) for fact, moment in news])


def handover_waits_for(grant: UUID) -> str:
    return f"grant/{grant}"


# Criteria


async def reassess(session: AsyncSession, people: Collection[UUID]) -> None:
    """Judge the open grants of these people anew, because something they are judged by has changed."""
    found = await session.scalars(
        select(Grant)
        .where(col(Grant.beneficiary_id).in_(people), col(Grant.status).in_(OPEN))
        .order_by(col(Grant.id))
        .with_for_update()
    )
    await assess(session, found.all())


async def assess(session: AsyncSession, grants: Sequence[Grant]) -> None:
    """Write into each grant which criteria it fails now."""
    if not grants:
        return
    people = await _people(session, {grant.beneficiary_id for grant in grants})
    aided = await _aided(session, people)
    for grant in grants:
        request = rules.Request(
            district=grant.district,
            kind=GrantKind(grant.kind),
            items_count=len(grant.item_list),
            desil=grant.desil,
            fiscal_year=grant.fiscal_year,
            requested_on=local_day(grant.requested_at),
        )
        others = aided[grant.beneficiary_id, grant.fiscal_year] - {grant.id}
        failed = rules.assess(request, people.get(grant.beneficiary_id), other_equipment_or_cash=bool(others))
        grant.failed = " ".join(failed)
        grant.criteria_version = rules.CRITERIA_VERSION


async def _people(session: AsyncSession, numbers: Collection[UUID]) -> dict[UUID, rules.Person]:
    suspected = await _suspected(session, numbers)
    found = await session.execute(
        select(
            col(Beneficiary.id),
            col(Beneficiary.district),
            col(Beneficiary.status),
            col(Beneficiary.birth_year),
            col(Beneficiary.leaves_unit_on),
        ).where(col(Beneficiary.id).in_(numbers))
    )
    return {
        number: rules.Person(district, Status(status), birth_year, leaves, number in suspected)
        for number, district, status, birth_year, leaves in found
    }


async def _suspected(session: AsyncSession, numbers: Collection[UUID]) -> set[UUID]:
    first, second = col(Suspicion.first_id), col(Suspicion.second_id)
    found = await session.execute(
        select(first, second).where(col(Suspicion.undecided), or_(first.in_(numbers), second.in_(numbers)))
    )
    return {number for pair in found for number in pair}


async def _aided(session: AsyncSession, numbers: Collection[UUID]) -> dict[tuple[UUID, int], set[UUID]]:
    """The equipment and cash grants that bind money, per person and fiscal year."""
    found = await session.execute(
        select(col(Grant.id), col(Grant.beneficiary_id), col(Grant.fiscal_year)).where(
            col(Grant.beneficiary_id).in_(numbers),
            col(Grant.status).in_(COMMITTED),
            col(Grant.kind).in_(rules.MATERIAL_KINDS),
        )
    )
    aided: dict[tuple[UUID, int], set[UUID]] = defaultdict(set)
    for number, person, year in found:
        aided[person, year].add(number)
    return aided


# Proof


class Difference(NamedTuple):
    """A budget whose sums, in rupiah, are not those of its grants."""

    district: str
    fiscal_year: int
    committed: int
    committed_by_grants: int
    disbursed: int
    disbursed_by_grants: int


async def differences(session: AsyncSession) -> list[Difference]:
    """Every budget that does not equal its grants, in one look at one moment."""
    found = await run(
        session,
        """SELECT district, fiscal_year, sum(committed), sum(owed), sum(disbursed), sum(paid) FROM (
               SELECT district, fiscal_year, committed, 0 AS owed, disbursed, 0 AS paid FROM budgets
               UNION ALL
               SELECT district, fiscal_year, 0, amount, 0, CASE WHEN status = 'approved' THEN 0 ELSE amount END
               FROM grants WHERE status IN ('approved', 'disbursed', 'handed_over')
           ) AS sums GROUP BY district, fiscal_year
           HAVING sum(committed) <> sum(owed) OR sum(disbursed) <> sum(paid) ORDER BY fiscal_year, district""",
    )
    return [Difference(district, year, *(int(total) for total in totals)) for district, year, *totals in found]
