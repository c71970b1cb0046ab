"""Letters of grants: what is on record of a grant, and the number that its letter was given, once and for good.

A number is given when an officer first asks for the letter. The district is held meanwhile: so of its numbers none is
missing and none is given twice.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import rules
from services.grants.letters import Case, Handed, Letter, Step, letter, number_of
from services.grants.news import local_day
from services.grants.rules import DocumentKind as Kind
from services.grants.rules import GrantStatus
from services.grants.tables import Document, Grant, Handover
from services.grants.tables import Step as Taken
from shared.database import lock_districts, now
from shared.events.district import GrantKind
from shared.refusals import Refused
from shared.security import Caller


class Issued(NamedTuple):
    letter: Letter
    at: datetime


async def issue(session: AsyncSession, who: Caller, number: UUID, kind: Kind) -> Issued:
    """The letter as of now, by the number it has or is given now. Refused `not_found`, `document_not_due`."""
    district = await session.scalar(select(col(Grant.district)).where(col(Grant.id) == number))
    if district is None or not who.sees(district):
        raise Refused("not_found")
    await lock_districts(session, [district])
    grant = await session.get_one(Grant, number)
    rules.letter_due(kind, GrantStatus(grant.status))
    document = await _numbered(session, who, grant, kind)
    return Issued(letter(kind, await _case(session, grant), name_of(document)), document.at)


def name_of(document: Document) -> str:
    return number_of(Kind(document.kind), document.place, document.district, document.fiscal_year)


async def _numbered(session: AsyncSession, who: Caller, grant: Grant, kind: Kind) -> Document:
    of_grant = col(Document.grant_id) == grant.id, col(Document.kind) == kind.value
    found = (await session.scalars(select(Document).where(*of_grant))).first()
    if found is not None:
        return found
    last = await session.scalar(
        select(func.max(col(Document.place))).where(
            col(Document.district) == grant.district,
            col(Document.fiscal_year) == grant.fiscal_year,
            col(Document.kind) == kind.value,
        )
    )
    document = Document(
        grant_id=grant.id,
        kind=kind.value,
        district=grant.district,
        fiscal_year=grant.fiscal_year,
        place=(last or 0) + 1,
        sub=who.sub,
        at=now(),
    )
    session.add(document)
    await session.flush()
    return document


async def _case(session: AsyncSession, grant: Grant) -> Case:
    taken = (await session.scalars(select(Taken).where(col(Taken.grant_id) == grant.id).order_by(col(Taken.id)))).all()
    handover = await session.get(Handover, grant.id)
    verified = _steps(taken, "verify")
    return Case(
        district=grant.district,
        grant_ref=grant.grant_ref,
        district_ref=grant.district_ref,
        kind=GrantKind(grant.kind),
        items=grant.item_list,
        amount=grant.amount,
        fiscal_year=grant.fiscal_year,
        purpose=grant.purpose,
        desil=grant.desil,
        version=grant.version,
        requested_on=local_day(grant.requested_at),
        verified=verified[0] if verified else None,
        approved=_steps(taken, "approve"),
        handed=_handed(handover) if handover else None,
    )


def _steps(taken: Sequence[Taken], action: str) -> list[Step]:
    return [Step(one.sub, one.day) for one in taken if one.step == action]


def _handed(handover: Handover) -> Handed:
    return Handed(
        on=handover.day,
        by_guardian=handover.received_by == "guardian",
        evidence_sha256=handover.evidence_sha256,
        assets=[(asset.name, asset.serial) for asset in handover.asset_list],
    )
