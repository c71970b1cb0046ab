"""The grants service over HTTP. Every writing call is committed before its reply, and done once per key."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from typing_extensions import TypedDict

from services.grants import commands
from services.grants.rules import ROLES, GrantStatus
from services.grants.tables import Budget, Grant, Handover, Step
from shared.events.district import GrantKind
from shared.events.districts import DISTRICTS
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.web import Call, Context, allow, call, context

MAX_PAGE = 500
_ANSWERS: dict[int | str, dict[str, Any]] = {
    code: {"description": text, "content": {"application/problem+json": {}}}
    for code, text in {
        401: "No valid token.",
        403: "The role may not do this.",
        404: "Unknown, or of another district.",
        422: "The call does not follow the contract; the parts are named.",
        503: "The service cannot answer yet; try again.",
    }.items()
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"description": "No Idempotency-Key.", "content": {"application/problem+json": {}}},
    409: {"description": "Refused by the rules; `code` says why.", "content": {"application/problem+json": {}}},
}

router = APIRouter(tags=["grants"], responses=_ANSWERS)

Here = Annotated[Context, Depends(context)]
Writing = Annotated[Call, Depends(call)]
Reader = Annotated[Caller, Depends(allow(*Role))]
FiscalYear = Annotated[int, Path(ge=2000, le=2100)]
DistrictCode = Annotated[str, Path(pattern=r"^[0-9]{4}$")]
Rupiah = Annotated[int, Field(ge=0, le=1_000_000_000_000)]
# PostgreSQL cannot keep the character U+0000.
Sentence = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class _Body(BaseModel):
    """`strict`: "1" is not 1, and true is not either."""

    model_config = ConfigDict(strict=True)


class Amount(_Body):
    amount: Rupiah


class Note(_Body):
    note: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


class Reason(_Body):
    reason: Sentence


class Payment(_Body):
    reference: Sentence
    on: Annotated[date, Field(strict=False)]


class BudgetView(TypedDict):
    """All in rupiah."""

    district: str
    fiscal_year: int
    amount: int
    committed: int
    disbursed: int
    remaining: int


class BudgetsView(TypedDict):
    fiscal_year: int
    items: list[BudgetView]


class Assessment(TypedDict):
    failed: list[str]
    criteria_version: int


class Entry(TypedDict):
    """One line of a grant's history. `on` is the day the step counts for."""

    step: str
    who: str
    when: datetime
    on: date
    note: str


class GrantView(TypedDict):
    grant_id: UUID
    beneficiary_id: UUID
    district: str
    grant_ref: str
    kind: str
    amount: int
    fiscal_year: int
    status: str
    assessment: Assessment
    history: list[Entry]


class GrantsView(TypedDict):
    """`next` goes into `after` for the following page; null on the last."""

    items: list[GrantView]
    next: UUID | None


@router.put(
    "/v1/budgets/{fiscal_year}/{district}",
    summary="Set the budget of a district",
    responses={200: {"model": BudgetView}, **_REFUSED},
)
async def put_budget(
    fiscal_year: FiscalYear,
    district: DistrictCode,
    who: Annotated[Caller, Depends(allow(Role.admin))],
    writing: Writing,
    body: Amount,
) -> Response:
    async def work(session: AsyncSession) -> BudgetView:
        return _budget(
            await commands.set_budget(session, fiscal_year=fiscal_year, district=district, amount=body.amount)
        )

    return await writing.once(who, work)


@router.get("/v1/budgets/{fiscal_year}", summary="Budgets of a year, and what is left of them")
async def get_budgets(fiscal_year: FiscalYear, who: Reader, here: Here) -> BudgetsView:
    wanted = select(Budget).where(col(Budget.fiscal_year) == fiscal_year).order_by(col(Budget.district))
    if who.district is not None:
        wanted = wanted.where(col(Budget.district) == who.district)
    async with here.database.reading() as session:
        found = await session.scalars(wanted)
    return {"fiscal_year": fiscal_year, "items": [_budget(budget) for budget in found]}


@router.get("/v1/grants", summary="Grants, a page at a time")
async def list_grants(
    who: Reader,
    here: Here,
    district: Annotated[str | None, Query(pattern=r"^[0-9]{4}$")] = None,
    status: GrantStatus | None = None,
    kind: GrantKind | None = None,
    fiscal_year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> GrantsView:
    """In the order of their ids, which never changes: no grant is missed or seen twice while others arrive."""
    if district is not None and not (district in DISTRICTS and who.sees(district)):
        raise Refused("not_found")
    filters = {
        col(Grant.district): district or who.district,
        col(Grant.status): status,
        col(Grant.kind): kind,
        col(Grant.fiscal_year): fiscal_year,
    }
    wanted = select(Grant).order_by(col(Grant.id)).limit(limit + 1)
    wanted = wanted.where(*(column == value for column, value in filters.items() if value is not None))
    if after is not None:
        wanted = wanted.where(col(Grant.id) > after)
    async with here.database.reading() as session:
        found = (await session.scalars(wanted)).all()
        items = await _shown(session, found[:limit])
    return {"items": items, "next": items[-1]["grant_id"] if len(found) > limit else None}


@router.get("/v1/grants/{grant_id}", summary="One grant with its history")
async def get_grant(grant_id: UUID, who: Reader, here: Here) -> GrantView:
    async with here.database.reading() as session:
        grant = await session.get(Grant, grant_id)
        if grant is None or not who.sees(grant.district):
            raise Refused("not_found")
        return await _one(session, grant)


def _may(action: str) -> Any:
    return Depends(allow(*(Role(role) for role in sorted(ROLES[action]))))


_STEP: dict[str, Any] = {"responses": {200: {"model": GrantView}, **_REFUSED}}


@router.post("/v1/grants/{grant_id}/verify", summary="A district officer has checked the request", **_STEP)
async def verify(grant_id: UUID, who: Annotated[Caller, _may("verify")], writing: Writing, body: Note) -> Response:
    async def work(session: AsyncSession) -> GrantView:
        return await _one(session, await commands.verify(session, who, grant_id, body.note))

    return await writing.once(who, work)


@router.post("/v1/grants/{grant_id}/approve", summary="A province officer binds the amount in the budget", **_STEP)
async def approve(grant_id: UUID, who: Annotated[Caller, _may("approve")], writing: Writing, body: Note) -> Response:
    """From Rp 50,000,000 two different officers; after the first the grant is still `verified`."""

    async def work(session: AsyncSession) -> GrantView:
        return await _one(session, await commands.approve(session, who, grant_id, body.note))

    return await writing.once(who, work)


@router.post("/v1/grants/{grant_id}/reject", summary="The request is turned down", **_STEP)
async def reject(grant_id: UUID, who: Annotated[Caller, _may("reject")], writing: Writing, body: Reason) -> Response:
    async def work(session: AsyncSession) -> GrantView:
        return await _one(session, await commands.reject(session, who, grant_id, body.reason))

    return await writing.once(who, work)


@router.post("/v1/grants/{grant_id}/disburse", summary="The treasurer has paid", **_STEP)
async def disburse(
    grant_id: UUID, who: Annotated[Caller, _may("disburse")], writing: Writing, body: Payment
) -> Response:
    async def work(session: AsyncSession) -> GrantView:
        grant = await commands.disburse(session, who, grant_id, reference=body.reference, on=body.on)
        return await _one(session, grant)

    return await writing.once(who, work)


@router.post("/v1/grants/{grant_id}/cancel", summary="Called off before it was paid; frees the budget", **_STEP)
async def cancel(grant_id: UUID, who: Annotated[Caller, _may("cancel")], writing: Writing, body: Reason) -> Response:
    async def work(session: AsyncSession) -> GrantView:
        return await _one(session, await commands.cancel(session, who, grant_id, body.reason))

    return await writing.once(who, work)


def _budget(budget: Budget) -> BudgetView:
    return {
        "district": budget.district,
        "fiscal_year": budget.fiscal_year,
        "amount": budget.amount,
        "committed": budget.committed,
        "disbursed": budget.disbursed,
        "remaining": budget.amount - budget.committed,
    }


async def _one(session: AsyncSession, grant: Grant) -> GrantView:
    return (await _shown(session, [grant]))[0]


async def _shown(session: AsyncSession, grants: Sequence[Grant]) -> list[GrantView]:
    histories = await _histories(session, grants)
    return [
        {
            "grant_id": grant.id,
            "beneficiary_id": grant.beneficiary_id,
            "district": grant.district,
            "grant_ref": grant.grant_ref,
            "kind": grant.kind,
            "amount": grant.amount,
            "fiscal_year": grant.fiscal_year,
            "status": grant.status,
            "assessment": {"failed": grant.failed.split(), "criteria_version": grant.criteria_version},
            "history": histories[grant.id],
        }
        for grant in grants
    ]


async def _histories(session: AsyncSession, grants: Collection[Grant]) -> dict[UUID, list[Entry]]:
    """From request to handover: what the districts' events say around what the officers did."""
    numbers = [grant.id for grant in grants]
    histories = defaultdict[UUID, list[Entry]](list)
    for grant in grants:
        day = commands.local_day(grant.requested_at)
        histories[grant.id].append(_entry("request", grant.source, grant.requested_at, day))
    steps = await session.scalars(select(Step).where(col(Step.grant_id).in_(numbers)).order_by(col(Step.id)))
    for step in steps:
        histories[step.grant_id].append(_entry(step.step, step.sub, step.at, step.day, step.note))
    for handover in await session.scalars(select(Handover).where(col(Handover.grant_id).in_(numbers))):
        histories[handover.grant_id].append(_entry("hand_over", handover.source, handover.at, handover.day))
    return histories


def _entry(step: str, who: str, when: datetime, on: date, note: str = "") -> Entry:
    return {"step": step, "who": who, "when": when, "on": on, "note": note}
