"""Who looked at whom: a row of every lookup and export, in the transaction that answers it. Never the NIK itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.tables import ACCESS
from shared.database import now, run
from shared.refusals import Refused
from shared.security import Caller

What = Literal["lookup", "export"]
WINDOW = timedelta(hours=1)
_LOCKS = 37
"""The space of PostgreSQL's advisory locks that ours is in; 35 and 36 are those of the districts and of pairs."""


class Access(NamedTuple):
    """`about`: of a lookup the keyed token of the NIK, of an export its filters. `result`: what was told, in a word."""

    access_id: int
    at: datetime
    sub: str
    role: str
    district: str | None
    what: What
    about: str
    result: str


async def leave(session: AsyncSession, who: Caller, what: What, about: str, result: str) -> None:
    """Never commits: nothing is told unless this is on record."""
    await run(
        session,
        "INSERT INTO access_trail (at, sub, role, district, what, about, result) "
        "VALUES (:at, :sub, :role, :district, :what, :about, :result)",
        at=now(),
        sub=who.sub,
        role=who.role.value,
        district=who.district,
        what=what,
        about=about,
        result=result,
    )


async def spare(session: AsyncSession, who: Caller, what: What, most: int) -> None:
    """Let the same caller do this `most` times within WINDOW, counted by the trail. Several at once take turns.

    Raises Refused `too_many_requests` with the seconds until the next is free.
    """
    if session.get_bind().dialect.name != "sqlite":
        await run(
            session, "SELECT pg_advisory_xact_lock(:space, hashtext(:sub))", space=_LOCKS, sub=f"{what} {who.sub}"
        )
    moment = now()
    found = await session.execute(
        select(ACCESS.c.at)
        .where(ACCESS.c.sub == who.sub, ACCESS.c.what == what, ACCESS.c.at > moment - WINDOW)
        .order_by(ACCESS.c.at.desc())
        .offset(most - 1)
        .limit(1)
    )
    oldest = found.scalar_one_or_none()
    if oldest is not None:
        left = (oldest + WINDOW - moment).total_seconds()
        raise Refused("too_many_requests", most=most, seconds=int(WINDOW.total_seconds()), retry_after=int(left) + 1)


async def read(
    session: AsyncSession, *, sub: str | None, what: What | None, since: datetime | None, after: int | None, limit: int
) -> Sequence[Access]:
    """The newest first, from the one after `after`."""
    which = [
        *([ACCESS.c.sub == sub] if sub is not None else []),
        *([ACCESS.c.what == what] if what is not None else []),
        *([ACCESS.c.at >= since] if since is not None else []),
        *([ACCESS.c.access_id < after] if after is not None else []),
    ]
    found = await session.execute(select(ACCESS).where(*which).order_by(ACCESS.c.access_id.desc()).limit(limit))
    return [Access(*row) for row in found]
