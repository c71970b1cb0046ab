"""Grants over HTTP: listed, shown with their history, and taken a step further by officers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, model_validator
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from typing_extensions import TypedDict

from services.grants import commands, outcomes
from services.grants.api.common import (
    MAX_PAGE,
    Body,
    Funds,
    Here,
    Officer,
    Reader,
    Remark,
    Rupiah,
    Sentence,
    Writing,
)
from services.grants.news import local_day
from services.grants.outcomes import Marketed, Trained
from services.grants.rules import ROLES, Certificate, GrantStatus, Venue
from services.grants.tables import COMMITTED, PAID, Grant, Handover, Outcome, Step
from shared.events.district import GrantKind
from shared.events.districts import DISTRICTS
from shared.openapi import problems
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.web import allow

router = APIRouter(tags=["grants"])


class Note(Body):
    note: Remark


class Approval(Note):
    """`fund`: whose money it is; by itself that of an earlier approver, else the province's own."""

    fund: Funds | None = None


class Reason(Body):
    reason: Sentence


class TrainingOutcome(Body):
    """`on`: the day it ended."""

    on: Annotated[date, Field(strict=False)]
    sessions_planned: Annotated[int, Field(ge=1, le=1000, examples=[12])]
    sessions_attended: Annotated[int, Field(ge=0, le=1000, examples=[11])]
    certificate: Annotated[Certificate, Field(strict=False)]
    note: Remark = ""

    @model_validator(mode="after")
    def _attended_what_there_was(self) -> Self:
        if self.sessions_attended > self.sessions_planned:
            raise ValueError("sessions_attended is above sessions_planned")
        return self

    def said(self) -> Trained:
        return Trained(self.sessions_planned, self.sessions_attended, self.certificate)


class MarketingOutcome(Body):
    """`on`: the day it ended; `sales` in rupiah."""

    on: Annotated[date, Field(strict=False)]
    venue: Annotated[Venue, Field(strict=False)]
    sales: Rupiah
    orders: Annotated[int, Field(ge=0, le=1_000_000, examples=[40])]
    note: Remark = ""

    def said(self) -> Marketed:
        return Marketed(self.venue, self.sales, self.orders)


class Payment(Body):
    reference: Sentence
    on: Annotated[date, Field(strict=False)]


class Assessment(TypedDict):
    failed: list[str]
    criteria_version: int


class OutcomeView(TypedDict):
    """Of training the sessions and the certificate, of marketing the venue, the sales in rupiah and the orders."""

    on: date
    sessions_planned: int | None
    sessions_attended: int | None
    certificate: str | None
    venue: str | None
    sales: int | None
    orders: int | None
    note: str
    recorded_by: str
    recorded_at: datetime


class Entry(TypedDict):
    """One line of a grant's history. `on` is the day the step counts for."""

    step: str
    who: str
    when: datetime
    on: date
    note: str


class GrantView(TypedDict):
    """`fund`: to which source of funds it is committed, while it is. `outcome`: of training or marketing, if known."""

    grant_id: UUID
    beneficiary_id: UUID
    district: str
    grant_ref: str
    kind: str
    amount: int
    fiscal_year: int
    status: str
    fund: str | None
    assessment: Assessment
    history: list[Entry]
    outcome: OutcomeView | None


class GrantsView(TypedDict):
    """`next` goes into `after` for the following page; null on the last."""

    items: list[GrantView]
    next: UUID | None


@router.get("/v1/grants", summary="Grants, a page at a time", responses=problems("not_found"))
async def list_grants(
    who: Reader,
    here: Here,
    district: Annotated[str | None, Query(pattern=r"^[0-9]{4}$")] = None,
    status: GrantStatus | None = None,
    kind: GrantKind | None = None,
    fiscal_year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    outcome: Annotated[
        Literal["missing", "recorded"] | None, Query(description="Of training and marketing that was paid.")
    ] = None,
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
    if outcome is not None:
        known = select(Outcome).where(col(Outcome.grant_id) == col(Grant.id)).exists()
        wanted = wanted.where(
            col(Grant.kind).in_((GrantKind.training, GrantKind.marketing)),
            col(Grant.status).in_(PAID),
            known if outcome == "recorded" else ~known,
        )
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


_JUDGED = ("four_eyes", "criteria_not_met", "duplicate_suspected")


def _step(*codes: str) -> dict[str, Any]:
    return {"responses": {200: {"model": GrantView}, **problems("illegal_transition", *codes)}}


@router.post(
    "/v1/grants/{grant_id}/verify",
    summary="A district officer has checked the request",
    **_step(*_JUDGED, "consent_withdrawn"),
)
async def verify(grant_id: UUID, who: Annotated[Caller, _may("verify")], writing: Writing, body: Note) -> Response:
    async def work(session: AsyncSession) -> GrantView:
        return await _one(session, await commands.verify(session, who, grant_id, body.note))

    return await writing.once(who, work)


@router.post(
    "/v1/grants/{grant_id}/approve",
    summary="A province officer binds the amount in the budget",
    **_step(*_JUDGED, "consent_withdrawn", "budget_exceeded", "fund_mismatch"),
)
async def approve(
    grant_id: UUID, who: Annotated[Caller, _may("approve")], writing: Writing, body: Approval
) -> Response:
    """From Rp 50,000,000 two different officers; after the first the grant is still `verified`."""

    async def work(session: AsyncSession) -> GrantView:
        return await _one(session, await commands.approve(session, who, grant_id, body.note, fund=body.fund))

    return await writing.once(who, work)


@router.post("/v1/grants/{grant_id}/reject", summary="The request is turned down", **_step())
async def reject(grant_id: UUID, who: Annotated[Caller, _may("reject")], writing: Writing, body: Reason) -> Response:
    async def work(session: AsyncSession) -> GrantView:
        return await _one(session, await commands.reject(session, who, grant_id, body.reason))

    return await writing.once(who, work)


@router.post(
    "/v1/grants/{grant_id}/disburse",
    summary="The treasurer has paid",
    **_step("four_eyes", "duplicate_suspected", "consent_withdrawn"),
)
async def disburse(
    grant_id: UUID, who: Annotated[Caller, _may("disburse")], writing: Writing, body: Payment
) -> Response:
    async def work(session: AsyncSession) -> GrantView:
        grant = await commands.disburse(session, who, grant_id, reference=body.reference, on=body.on)
        return await _one(session, grant)

    return await writing.once(who, work)


@router.post("/v1/grants/{grant_id}/cancel", summary="Called off before it was paid; frees the budget", **_step())
async def cancel(grant_id: UUID, who: Annotated[Caller, _may("cancel")], writing: Writing, body: Reason) -> Response:
    async def work(session: AsyncSession) -> GrantView:
        return await _one(session, await commands.cancel(session, who, grant_id, body.reason))

    return await writing.once(who, work)


@router.post(
    "/v1/grants/{grant_id}/outcome",
    summary="What came of training or marketing",
    **_step("wrong_outcome", "consent_withdrawn"),
)
async def outcome(grant_id: UUID, who: Officer, writing: Writing, body: TrainingOutcome | MarketingOutcome) -> Response:
    """Once it was paid. Said again it replaces what was said before, which stays in the history."""

    async def work(session: AsyncSession) -> GrantView:
        grant = await outcomes.record(session, who, grant_id, body.said(), day=body.on, note=body.note)
        return await _one(session, grant)

    return await writing.once(who, work)


async def _one(session: AsyncSession, grant: Grant) -> GrantView:
    return (await _shown(session, [grant]))[0]


async def _shown(session: AsyncSession, grants: Sequence[Grant]) -> list[GrantView]:
    said = await outcomes.of(session, [grant.id for grant in grants if grant.status in PAID])
    histories = await _histories(session, grants, said)
    found = {outcome.grant_id: outcome for outcome in said}
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
            "fund": grant.fund if grant.status in COMMITTED else None,
            "assessment": {"failed": grant.failed.split(), "criteria_version": grant.criteria_version},
            "history": histories[grant.id],
            "outcome": _outcome(found[grant.id]) if grant.id in found else None,
        }
        for grant in grants
    ]


async def _histories(
    session: AsyncSession, grants: Collection[Grant], outcomes_said: Iterable[Outcome]
) -> dict[UUID, list[Entry]]:
    """From request to handover: what the districts' events say around what the officers did."""
    numbers = [grant.id for grant in grants]
    histories = defaultdict[UUID, list[Entry]](list)
    for grant in grants:
        day = local_day(grant.requested_at)
        histories[grant.id].append(_entry("request", grant.source, grant.requested_at, day))
    steps = await session.scalars(select(Step).where(col(Step.grant_id).in_(numbers)).order_by(col(Step.id)))
    for step in steps:
        histories[step.grant_id].append(_entry(step.step, step.sub, step.at, step.day, step.note))
    received = [grant.id for grant in grants if grant.status == GrantStatus.handed_over]
    if received:
        for handover in await session.scalars(select(Handover).where(col(Handover.grant_id).in_(received))):
            histories[handover.grant_id].append(_entry("hand_over", handover.source, handover.at, handover.day))
    for said in outcomes_said:
        histories[said.grant_id].append(_entry("outcome", said.sub, said.at, said.day, said.note))
    return histories


def _outcome(said: Outcome) -> OutcomeView:
    return {
        "on": said.day,
        "sessions_planned": said.planned,
        "sessions_attended": said.attended,
        "certificate": said.certificate,
        "venue": said.venue,
        "sales": said.sales,
        "orders": said.orders,
        "note": said.note,
        "recorded_by": said.sub,
        "recorded_at": said.at,
    }


def _entry(step: str, who: str, when: datetime, on: date, note: str = "") -> Entry:
    return {"step": step, "who": who, "when": when, "on": on, "note": note}
