"""A district's list approved as one envelope: what was chosen must add up to the total of the district's letter."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import batches
from services.grants.api import batches as api
from services.grants.pages.common import Here, Reader, fund_options, hint
from services.grants.rules import GrantStatus
from services.grants.tables import Budget, Grant
from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, language, look, render, see_other
from shared.pages.forms import Form, Problem, Unfit, fitting, fitting_cell, new_key, officers_form, once, problem_of
from shared.pages.session import Officer
from shared.refusals import TITLES, Refused
from shared.security import Caller, Role
from shared.uploads import cells
from shared.web import Context

_MOST_BYTES = 256 * 1024
"""Of a form that names as many grants as a batch may have."""
_RUPIAH = 1_000_000_000_000

Approver = Annotated[Caller, Depends(Officer(Role.province_officer))]
router = APIRouter(route_class=Page, include_in_schema=False)


@router.get("/batch")
async def choose(
    request: Request,
    who: Approver,
    here: Here,
    district: str = "",
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
) -> Response:
    """The list of one district and year; without them, which there are."""
    if district and year is not None:
        return await _page(request, here, who, district, year)
    async with here.database.reading() as session:
        found = await session.execute(
            select(col(Grant.fiscal_year), col(Grant.district), func.count(), func.sum(col(Grant.amount)))
            .where(col(Grant.status) == GrantStatus.verified)
            .group_by(col(Grant.fiscal_year), col(Grant.district))
            .order_by(col(Grant.fiscal_year).desc(), col(Grant.district))
        )
        lists = found.all()
    return render(request, "batch_lists.html", who=who, lists=lists, districts=DISTRICTS)


@router.post("/batch")
async def approve(request: Request, who: Approver, here: Here) -> Response:
    form = await officers_form(request, most_bytes=_MOST_BYTES, most_fields=api.MAX_BATCH + 8)
    district, year = form["district"], _year(form)
    try:
        wanted = _wanted(form)

        async def work(session: AsyncSession) -> Mapping[str, Any]:
            batch = await batches.approve_batch(
                session,
                who,
                fiscal_year=wanted.fiscal_year,
                district=wanted.district,
                numbers=wanted.grant_ids,
                total=wanted.total,
                note=wanted.note,
                fund=wanted.fund,
            )
            return {"batch_id": batch.id}

        batch = await once(request, who, form, work)
    except Unfit as unfit:
        return await _page(request, here, who, district, year, problem=unfit.problem, form=form)
    except Refused as refused:
        return await _page(request, here, who, district, year, problem=problem_of(refused), form=form)
    return see_other(f"batches/{batch['batch_id']}?done=true")


@router.get("/batches/{batch_id}")
async def batch(request: Request, batch_id: UUID, who: Reader, here: Here, done: bool = False) -> Response:
    view = await api.get_batch(batch_id, who, here)
    async with here.database.reading() as session:
        found = (await session.scalars(select(Grant).where(col(Grant.id).in_(view["grant_ids"])))).all()
    grants = {grant.id: grant for grant in found}
    return render(
        request,
        "batch.html",
        who=who,
        batch=view,
        grants=[grants[number] for number in view["grant_ids"]],
        district=DISTRICTS[view["district"]],
        done=done,
    )


def _year(form: Form) -> int:
    """0 for one that is none."""
    return int(form["year"]) if re.fullmatch("20[0-9]{2}", form["year"]) else 0


def _wanted(form: Form) -> api.List:
    """Raises Unfit."""
    if not form.every("grant"):
        raise Unfit(Problem("missing", "grant"))
    return fitting(
        api.List,
        {
            "fiscal_year": _year(form),
            "district": form["district"],
            "grant_ids": list(form.every("grant")),
            "total": fitting_cell(cells.whole(1, _RUPIAH), form, "total"),
            "note": form["note"],
            "fund": form["fund"] or None,
        },
    )


async def _page(
    request: Request,
    here: Context,
    who: Caller,
    district: str,
    year: int,
    *,
    problem: Problem | None = None,
    form: Form | None = None,
) -> Response:
    if district not in DISTRICTS:
        raise Refused("not_found")
    async with here.database.reading(still=True) as session:
        grants = await _verified(session, district, year)
        budgets = await session.scalars(
            select(Budget)
            .where(col(Budget.fiscal_year) == year, col(Budget.district) == district)
            .order_by(col(Budget.fund))
        )
        rooms = [(budget.fund, budget.amount - budget.committed) for budget in budgets]
    words = look(request).words[language(request)]
    refusals = (problem.detail if problem else {}).get("refusals", [])
    return render(
        request,
        "batch_form.html",
        200 if problem is None else 422 if problem.field else 409,
        who=who,
        grants=grants,
        total=sum(grant.amount for grant in grants),
        chosen={str(grant.id) for grant in grants if not grant.failed} if form is None else set(form.every("grant")),
        refused={str(refusal["grant_id"]): refusal for refusal in refusals},
        district=DISTRICTS[district],
        code=district,
        year=year,
        rooms=rooms,
        fund_options=fund_options(words),
        title_of=lambda code: TITLES[code],
        problem=problem,
        hint=hint(words, problem),
        form=form,
        key=new_key(),
    )


async def _verified(session: AsyncSession, district: str, year: int) -> Sequence[Grant]:
    found = await session.scalars(
        select(Grant)
        .where(
            col(Grant.status) == GrantStatus.verified, col(Grant.district) == district, col(Grant.fiscal_year) == year
        )
        .order_by(col(Grant.grant_ref))
        .limit(api.MAX_BATCH)
    )
    return found.all()
