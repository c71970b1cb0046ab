"""Budgets over HTTP: set, moved from district to district, shown with what is left, and their ledger."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from typing_extensions import TypedDict

from services.grants import budgets
from services.grants.api.common import (
    MAX_PAGE,
    Admin,
    Body,
    District,
    DistrictCode,
    FiscalYear,
    Funds,
    Here,
    PositiveRupiah,
    Reader,
    Rupiah,
    Sentence,
    Writing,
)
from services.grants.rules import Fund
from services.grants.tables import Budget, Entry
from shared.events.districts import DISTRICTS
from shared.openapi import problems
from shared.refusals import Refused

router = APIRouter(tags=["budgets"])


class Amount(Body):
    """What one source of funds gives."""

    amount: Rupiah
    fund: Funds = Fund.apbd_provinsi


class Move(Body):
    """`from` gives, `to` gets."""

    source: Annotated[District, Field(alias="from")]
    target: Annotated[District, Field(alias="to")]
    amount: PositiveRupiah
    reason: Sentence
    fund: Funds = Fund.apbd_provinsi


class FundView(TypedDict):
    """Of one source of funds; all in rupiah."""

    fund: str
    amount: int
    committed: int
    disbursed: int
    remaining: int


class BudgetView(TypedDict):
    """Of all sources of funds, and of each; all in rupiah."""

    district: str
    fiscal_year: int
    amount: int
    committed: int
    disbursed: int
    remaining: int
    funds: list[FundView]


class BudgetsView(TypedDict):
    """`next` goes into `after` for the following page; null on the last."""

    fiscal_year: int
    items: list[BudgetView]
    next: str | None


class MovedView(TypedDict):
    """The giving budget, then the getting one."""

    fiscal_year: int
    items: list[BudgetView]


class EntryView(TypedDict):
    """`amount` in rupiah, signed.

    `set`, `raised`, `lowered` and `moved` add up to the budget, `reserved` and `freed` to what is committed,
    `disbursed` to what is paid. `who` is empty for what was there before the ledger.
    """

    number: int
    district: str
    fund: str
    kind: str
    amount: int
    grant_id: UUID | None
    other_district: str | None
    who: str
    when: datetime
    note: str


class LedgerView(TypedDict):
    """`next` goes into `after` for the following page; null on the last."""

    fiscal_year: int
    items: list[EntryView]
    next: int | None


@router.put(
    "/v1/budgets/{fiscal_year}/{district}",
    summary="Set the budget of a district",
    responses={200: {"model": BudgetView}, **problems("budget_below_committed", "budget_too_large")},
)
async def put_budget(
    fiscal_year: FiscalYear, district: DistrictCode, who: Admin, writing: Writing, body: Amount
) -> Response:
    async def work(session: AsyncSession) -> BudgetView:
        return _shown(
            await budgets.set_budget(
                session, who, fiscal_year=fiscal_year, district=district, amount=body.amount, fund=body.fund
            )
        )

    return await writing.once(who, work)


@router.post(
    "/v1/budgets/{fiscal_year}/moves",
    summary="Move budget from one district to another",
    responses={
        200: {"model": MovedView},
        **problems("same_district", "budget_below_committed", "budget_too_large"),
    },
)
async def move(fiscal_year: FiscalYear, who: Admin, writing: Writing, body: Move) -> Response:
    """Both budgets change or neither; the giving one never below what it has committed."""

    async def work(session: AsyncSession) -> MovedView:
        moved = await budgets.move_budget(
            session,
            who,
            fiscal_year=fiscal_year,
            source=body.source,
            target=body.target,
            amount=body.amount,
            reason=body.reason,
            fund=body.fund,
        )
        return {"fiscal_year": fiscal_year, "items": [_shown(funds) for funds in moved]}

    return await writing.once(who, work)


@router.get("/v1/budgets/{fiscal_year}", summary="Budgets of a year, and what is left of them")
async def get_budgets(
    fiscal_year: FiscalYear,
    who: Reader,
    here: Here,
    after: Annotated[str, Query(pattern=r"^[0-9]{4}$")] = "0000",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> BudgetsView:
    """In the order of the districts' codes."""
    wanted = select(Budget).where(col(Budget.fiscal_year) == fiscal_year, col(Budget.district) > after)
    if who.district is not None:
        wanted = wanted.where(col(Budget.district) == who.district)
    async with here.database.reading() as session:
        found = await session.scalars(wanted.order_by(col(Budget.district), col(Budget.fund)))
    by_district = [list(funds) for _, funds in groupby(found, key=lambda budget: budget.district)]
    items = [_shown(funds) for funds in by_district[:limit]]
    return {
        "fiscal_year": fiscal_year,
        "items": items,
        "next": items[-1]["district"] if len(by_district) > limit else None,
    }


@router.get("/v1/budgets/{fiscal_year}/ledger", summary="Every change of the budgets of a year, a page at a time")
async def get_ledger(
    fiscal_year: FiscalYear,
    who: Reader,
    here: Here,
    district: Annotated[str | None, Query(pattern=r"^[0-9]{4}$")] = None,
    fund: Fund | None = None,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> LedgerView:
    """In the order of their numbers. Of one district none is missed while others write; of all, the newest may be."""
    if district is not None and not (district in DISTRICTS and who.sees(district)):
        raise Refused("not_found")
    wanted = select(Entry).where(col(Entry.fiscal_year) == fiscal_year, col(Entry.id) > after)
    only = district or who.district
    if only is not None:
        wanted = wanted.where(col(Entry.district) == only)
    if fund is not None:
        wanted = wanted.where(col(Entry.fund) == fund)
    async with here.database.reading() as session:
        found = (await session.scalars(wanted.order_by(col(Entry.id)).limit(limit + 1))).all()
    items = [_entry(entry) for entry in found[:limit]]
    return {
        "fiscal_year": fiscal_year,
        "items": items,
        "next": items[-1]["number"] if len(found) > limit else None,
    }


def _shown(funds: Sequence[Budget]) -> BudgetView:
    """Of the budgets of one district and year, at least one."""
    amount, committed = sum(each.amount for each in funds), sum(each.committed for each in funds)
    return {
        "district": funds[0].district,
        "fiscal_year": funds[0].fiscal_year,
        "amount": amount,
        "committed": committed,
        "disbursed": sum(each.disbursed for each in funds),
        "remaining": amount - committed,
        "funds": [_of_fund(each) for each in funds],
    }


def _of_fund(budget: Budget) -> FundView:
    return {
        "fund": budget.fund,
        "amount": budget.amount,
        "committed": budget.committed,
        "disbursed": budget.disbursed,
        "remaining": budget.amount - budget.committed,
    }


def _entry(entry: Entry) -> EntryView:
    assert entry.id is not None, "it was read from its row"
    return {
        "number": entry.id,
        "district": entry.district,
        "fund": entry.fund,
        "kind": entry.kind,
        "amount": entry.amount,
        "grant_id": entry.grant_id,
        "other_district": entry.other_district,
        "who": entry.sub,
        "when": entry.at,
        "note": entry.note,
    }
