"""What came of a grant of training or marketing, as officers put it on record: the newest is in force, all stay."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import rules
from services.grants.rules import Certificate, GrantStatus, Venue
from services.grants.tables import Grant, Outcome
from shared.database import lock_districts, now
from shared.events.district import GrantKind
from shared.refusals import Refused
from shared.security import Caller


class Trained(NamedTuple):
    """`attended` of `planned` sessions."""

    planned: int
    attended: int
    certificate: Certificate


class Marketed(NamedTuple):
    """`sales` in rupiah, from so many `orders`."""

    venue: Venue
    sales: int
    orders: int


async def record(
    session: AsyncSession, who: Caller, number: UUID, said: Trained | Marketed, *, day: date, note: str
) -> Grant:
    """Raises Refused `not_found`, `wrong_outcome` for another kind of grant, `illegal_transition` before it is paid."""
    district = await session.scalar(select(col(Grant.district)).where(col(Grant.id) == number))
    if district is None or not who.sees(district):
        raise Refused("not_found")
    await lock_districts(session, [district])
    grant = await session.get_one(Grant, number)
    kind = GrantKind.training if isinstance(said, Trained) else GrantKind.marketing
    rules.outcome_due(GrantStatus(grant.status), kind=GrantKind(grant.kind), said=kind)
    session.add(Outcome(grant_id=grant.id, sub=who.sub, at=now(), day=day, note=note, **said._asdict()))
    await session.flush()
    return grant


async def of(session: AsyncSession, grants: Collection[UUID]) -> Sequence[Outcome]:
    """All that was said of these grants, the newest of each last."""
    if not grants:
        return ()
    found = await session.scalars(select(Outcome).where(col(Outcome.grant_id).in_(grants)).order_by(col(Outcome.id)))
    return found.all()
