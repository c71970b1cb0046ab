"""The queue: requests by state, the oldest first, beginning with those that wait for the reader."""

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants.news import local_day
from services.grants.pages.common import Here, Reader, district_options
from services.grants.rules import GrantStatus
from services.grants.tables import Grant
from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, render, see_other
from shared.refusals import Refused
from shared.security import Caller, Role

SHOWN = 50
_WAITS_FOR = {
    Role.province_officer: GrantStatus.verified,
    Role.treasurer: GrantStatus.approved,
}
"""What a role is asked to decide; of all others it is what was requested."""
ORDER = (
    GrantStatus.requested,
    GrantStatus.verified,
    GrantStatus.approved,
    GrantStatus.disbursed,
    GrantStatus.handed_over,
    GrantStatus.rejected,
    GrantStatus.cancelled,
)
"""As a grant lives; the two ways out last."""

router = APIRouter(route_class=Page, include_in_schema=False)


@router.get("/")
async def front(_: Reader) -> Response:
    return see_other("requests")


@router.get("/requests")
async def queue(
    request: Request,
    who: Reader,
    here: Here,
    status: GrantStatus | None = None,
    district: str = "",
    year: str = "",
    after: UUID | None = None,
) -> Response:
    """A filter left empty, as a form sends it, filters nothing."""
    if district and not (district in DISTRICTS and who.sees(district)):
        raise Refused("not_found")
    shown = status or _WAITS_FOR.get(who.role, GrantStatus.requested)
    where = who.district or district, int(year) if re.fullmatch("20[0-9]{2}", year) else None
    async with here.database.reading(still=True) as session:
        counts = await _counts(session, *where)
        found = await _read(session, shown, *where, after)
        years = (
            await session.scalars(select(col(Grant.fiscal_year)).distinct().order_by(col(Grant.fiscal_year)))
        ).all()
    return render(
        request,
        "requests.html",
        who=who,
        status=shown,
        states=[(each, counts.get(each, 0)) for each in ORDER],
        grants=found[:SHOWN],
        day_of=lambda grant: local_day(grant.requested_at),
        next=found[SHOWN - 1].id if len(found) > SHOWN else None,
        after=after,
        district=district,
        year=where[1],
        district_options=district_options(),
        year_options=[(each, each) for each in years],
        districts=DISTRICTS,
        approves=may_approve(who),
    )


def may_approve(who: Caller) -> bool:
    return who.role is Role.province_officer


async def _counts(session: AsyncSession, district: str, year: int | None) -> Mapping[str, int]:
    wanted = select(col(Grant.status), func.count()).group_by(col(Grant.status))
    if district:
        wanted = wanted.where(col(Grant.district) == district)
    if year is not None:
        wanted = wanted.where(col(Grant.fiscal_year) == year)
    return {row[0]: row[1] for row in await session.execute(wanted)}


async def _read(
    session: AsyncSession, status: GrantStatus, district: str, year: int | None, after: UUID | None
) -> Sequence[Grant]:
    """One more than is shown, so that the page knows of a next one."""
    order = col(Grant.requested_at), col(Grant.id)
    wanted = select(Grant).where(col(Grant.status) == status).order_by(*order).limit(SHOWN + 1)
    if district:
        wanted = wanted.where(col(Grant.district) == district)
    if year is not None:
        wanted = wanted.where(col(Grant.fiscal_year) == year)
    if after is not None:
        last = await session.get(Grant, after)
        if last is None:
            raise Refused("not_found")
        moment, number = order
        wanted = wanted.where(or_(moment > last.requested_at, and_(moment == last.requested_at, number > last.id)))
    return (await session.scalars(wanted)).all()
