"""The programme of a fiscal year, decided anew by a new version; no version is ever changed."""

from typing import NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants.assessing import InForce, programmes, reassess_year
from services.grants.criteria import CRITERIA_VERSION, DEFAULT, Programme
from services.grants.tables import ProgrammeVersion
from shared.database import lock_districts, now
from shared.events.districts import DISTRICTS
from shared.security import Caller


class History(NamedTuple):
    """All versions of one fiscal year, oldest first; the last is in force."""

    versions: list[tuple[InForce, ProgrammeVersion | None]]
    """With the row that says who decided it; None: the default, which nobody had to decide."""


async def put_programme(
    session: AsyncSession, who: Caller, *, fiscal_year: int, programme: Programme, reason: str
) -> History:
    """A new version unless it says what is in force. All open grants of the year are judged anew by it."""
    await lock_districts(session, DISTRICTS)
    present = (await programmes(session, [fiscal_year]))[fiscal_year]
    if programme != present.programme:
        session.add(
            ProgrammeVersion(
                fiscal_year=fiscal_year,
                version=present.version + 1,
                criteria=msgspec.json.encode(programme, order="deterministic").decode(),
                sub=who.sub,
                at=now(),
                reason=reason,
            )
        )
        await session.flush()
        await reassess_year(session, fiscal_year)
    return await history(session, fiscal_year)


async def history(session: AsyncSession, fiscal_year: int) -> History:
    found = await session.scalars(
        select(ProgrammeVersion)
        .where(col(ProgrammeVersion.fiscal_year) == fiscal_year)
        .order_by(col(ProgrammeVersion.version))
    )
    decided = [(InForce(row.version, msgspec.json.decode(row.criteria, type=Programme)), row) for row in found]
    return History([(InForce(CRITERIA_VERSION, DEFAULT), None), *decided])
