"""What officers put on record about assets: condition, repair, another pair of hands, return."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import assessing, assets, rules
from services.grants.locks import lock_serials
from services.grants.rules import AssetStatus, Condition
from services.grants.tables import Asset, AssetStep, Beneficiary
from shared.database import lock_districts, now
from shared.refusals import Refused
from shared.security import Caller


@dataclass(frozen=True, kw_only=True)
class Remarked:
    """What every entry says. `day`: when it was so, or was done."""

    day: date
    note: str


async def condition(session: AsyncSession, who: Caller, number: UUID, said: Remarked, *, now_in: Condition) -> Asset:
    asset = await _open(session, who, number, "condition")
    asset.condition = now_in.value
    _record(session, who, asset, "condition", said)
    await assets.tell_of(session, {asset.grant_id}, now())
    return asset


async def repair(
    session: AsyncSession, who: Caller, number: UUID, said: Remarked, *, now_in: Condition, cost: int
) -> Asset:
    """`cost` in rupiah."""
    asset = await _open(session, who, number, "repair")
    asset.condition = now_in.value
    _record(session, who, asset, "repair", said, cost=cost)
    await assets.tell_of(session, {asset.grant_id}, now())
    return asset


async def relocate(
    session: AsyncSession, who: Caller, number: UUID, said: Remarked, *, to: UUID, evidence_sha256: str
) -> Asset:
    """Into the hands of another person, of the caller's district or, for the province, of any."""
    district = await session.scalar(select(col(Beneficiary.district)).where(col(Beneficiary.id) == to))
    if district is None or not who.sees(district):
        raise Refused("not_found")
    asset = await _open(session, who, number, "relocate", towards=district)
    if asset.holder_id == to:
        raise Refused("already_there")
    if await assets.is_elsewhere(session, asset):
        raise Refused("serial_elsewhere")
    if await assessing.withdrew(session, to):
        raise Refused("consent_withdrawn", action="relocate")
    if to in await assessing.suspected(session, {to}):
        raise Refused("duplicate_suspected", failed=["duplicate_suspected"])
    _record(session, who, asset, "relocate", said, to=to, evidence_sha256=evidence_sha256)
    asset.status, asset.holder_id, asset.district = AssetStatus.held.value, to, district
    await assets.tell_of(session, {asset.grant_id}, now())
    return asset


async def give_back(session: AsyncSession, who: Caller, number: UUID, said: Remarked, *, now_in: Condition) -> Asset:
    """To the district: it is in nobody's hands, and the next handover of its serial, if there is one, has it."""
    asset = await _open(session, who, number, "return")
    asset.condition = now_in.value
    _record(session, who, asset, "return", said)
    asset.status, asset.holder_id = AssetStatus.returned.value, None
    await assets.let_go(session, asset)
    return asset


async def _open(session: AsyncSession, who: Caller, number: UUID, action: str, *, towards: str | None = None) -> Asset:
    """Lock the districts, the serials and the asset, and check that this may be done now. Raises Refused."""
    district = await session.scalar(select(col(Asset.district)).where(col(Asset.id) == number))
    if district is None or not who.sees(district):
        raise Refused("not_found")
    await lock_districts(session, {district, towards or district})
    await lock_serials(session)
    asset = await session.get(Asset, number, with_for_update=True)
    if asset is None or not who.sees(asset.district):  # it has changed hands since
        raise Refused("not_found")
    rules.asset_step(action, AssetStatus(asset.status))
    return asset


def _record(
    session: AsyncSession,
    who: Caller,
    asset: Asset,
    step: str,
    said: Remarked,
    *,
    cost: int | None = None,
    to: UUID | None = None,
    evidence_sha256: str | None = None,
) -> None:
    session.add(
        AssetStep(
            asset_id=asset.id,
            step=step,
            sub=who.sub,
            at=now(),
            day=said.day,
            condition=asset.condition,
            cost=cost,
            from_id=asset.holder_id,
            to_id=to,
            evidence_sha256=evidence_sha256,
            note=said.note,
        )
    )
