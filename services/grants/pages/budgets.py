"""Budgets by district, year and source of funds: what is bound, paid and left; for an admin, set and moved."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import budgets as commands
from services.grants.api import budgets as api
from services.grants.pages.common import Here, Reader, district_options, fund_options, hint, this_year
from services.grants.tables import Budget
from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, kept, language, look, render, see_other
from shared.pages.forms import Form, Problem, attempt, fitting, fitting_cell, new_key, officers_form
from shared.pages.session import Officer
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.uploads import cells
from shared.web import Context

SHOWN = 50
_RUPIAH = 1_000_000_000_000
_COLUMNS = ("amount", "committed", "disbursed", "remaining")

Year = Annotated[int, Path(ge=2000, le=2100)]
Admin = Annotated[Caller, Depends(Officer(Role.admin))]
Work = Callable[[AsyncSession], Awaitable[object]]
router = APIRouter(route_class=Page, include_in_schema=False)


@router.get("/budgets")
async def overview(
    request: Request, who: Reader, here: Here, year: Annotated[int | None, Query(ge=2000, le=2100)] = None
) -> Response:
    """Every district that the reader sees, also without a budget."""
    async with here.database.reading() as session:
        found = await session.scalars(select(col(Budget.fiscal_year)).distinct())
        years = sorted({*found, this_year(), this_year() + 1})
    shown = year if year is not None else this_year()
    view = await api.get_budgets(shown, who, here, after="0000", limit=len(DISTRICTS))
    known = {item["district"]: item for item in view["items"]}
    return render(
        request,
        "budgets.html",
        who=who,
        year=shown,
        years=sorted({*years, shown}),
        rows=[(code, DISTRICTS[code].title, known.get(code)) for code in DISTRICTS if who.sees(code)],
        columns=_COLUMNS,
        totals=[sum(item[name] for item in known.values()) for name in _COLUMNS],  # type: ignore[literal-required]
    )


@router.get("/budgets/{year}/{district}")
async def one(
    request: Request,
    year: Year,
    district: str,
    who: Reader,
    here: Here,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    done: bool = False,
) -> Response:
    return await _page(request, here, who, year, district, after=after, done=done)


@router.get("/budgets/{year}/{district}/set")
@router.get("/budgets/{year}/{district}/move")
async def again(request: Request, district: str, _: Reader) -> Response:
    """The address of a form that was refused, opened anew."""
    if district not in DISTRICTS:
        raise Refused("not_found")
    return see_other(f"../{district}{kept(request)}")


@router.post("/budgets/{year}/{district}/set")
async def put(request: Request, year: Year, district: str, who: Admin, here: Here) -> Response:
    """Raise or lower what one source of funds gives."""

    def wanted(form: Form) -> Work:
        body = fitting(api.Amount, {"amount": _rupiah(form, 0), "fund": form["fund"]})

        async def work(session: AsyncSession) -> None:
            await commands.set_budget(
                session, who, fiscal_year=year, district=district, amount=body.amount, fund=body.fund
            )

        return work

    return await _do(request, here, who, year, district, "set", wanted)


@router.post("/budgets/{year}/{district}/move")
async def move(request: Request, year: Year, district: str, who: Admin, here: Here) -> Response:
    """From this district to another."""

    def wanted(form: Form) -> Work:
        body = fitting(
            api.Move,
            {
                "from": district,
                "to": form["to"],
                "amount": _rupiah(form, 1),
                "reason": form["reason"],
                "fund": form["fund"],
            },
        )

        async def work(session: AsyncSession) -> None:
            await commands.move_budget(
                session,
                who,
                fiscal_year=year,
                source=body.source,
                target=body.target,
                amount=body.amount,
                reason=body.reason,
                fund=body.fund,
            )

        return work

    return await _do(request, here, who, year, district, "move", wanted)


def _rupiah(form: Form, least: int) -> int:
    """Raises Unfit."""
    amount: int = fitting_cell(cells.whole(least, _RUPIAH), form, "amount")
    return amount


async def _do(
    request: Request,
    here: Context,
    who: Caller,
    year: int,
    district: str,
    action: str,
    wanted: Callable[[Form], Work],
) -> Response:
    form = await officers_form(request)
    problem = await attempt(request, who, form, wanted)
    if problem is None:
        return see_other(f"../{district}?done=true")
    return await _page(request, here, who, year, district, action=action, problem=problem, form=form)


async def _page(
    request: Request,
    here: Context,
    who: Caller,
    year: int,
    district: str,
    *,
    after: int = 0,
    done: bool = False,
    action: str = "",
    problem: Problem | None = None,
    form: Form | None = None,
) -> Response:
    words = look(request).words[language(request)]
    if district not in DISTRICTS or not who.sees(district):
        raise Refused("not_found")
    ledger = await api.get_ledger(year, who, here, district=district, after=after, limit=SHOWN)
    view = await api.get_budgets(year, who, here, after=f"{int(district) - 1:04}", limit=1)
    found = next((item for item in view["items"] if item["district"] == district), None)
    return render(
        request,
        "budget.html",
        200 if problem is None else 422 if problem.field else 409,
        who=who,
        year=year,
        code=district,
        district=DISTRICTS[district],
        district_options=district_options(but=district),
        all_districts=DISTRICTS,
        budget=found,
        columns=_COLUMNS,
        fund_options=fund_options(words),
        ledger=ledger,
        after=after,
        admin=who.role is Role.admin,
        done=done,
        action=action,
        problem=problem,
        hint=hint(words, problem),
        form=form,
        key=new_key(),
        other_key=new_key(),
    )
