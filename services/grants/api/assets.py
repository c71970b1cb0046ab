"""Assets over HTTP: what was handed over, in whose hands and in which condition it is, and what officers record."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from typing_extensions import TypedDict

from services.grants import keeping
from services.grants.api.common import MAX_PAGE, Body, Here, Officer, Reader, Remark, Rupiah, Writing
from services.grants.rules import AssetStatus, Condition, serial_key
from services.grants.tables import Asset, AssetStep, Beneficiary, Grant, Handover
from shared.events.districts import DISTRICTS
from shared.openapi import problems
from shared.refusals import Refused
from shared.security import Caller
from shared.shapes import STORABLE

router = APIRouter(tags=["assets"])

_STATE = Annotated[Condition, Field(strict=False)]


class _Said(Body):
    """`on`: the day it was so, or was done."""

    on: Annotated[date, Field(strict=False)]
    note: Remark = ""

    def remarked(self) -> keeping.Remarked:
        return keeping.Remarked(day=self.on, note=self.note)


class Seen(_Said):
    condition: _STATE


class Repaired(_Said):
    """`cost` in rupiah; `condition` after the repair."""

    condition: _STATE
    cost: Rupiah


class Relocated(_Said):
    """`to`: the person who has it now; the hash is that of the new BAST."""

    to: Annotated[UUID, Field(strict=False)]
    evidence_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["ab" * 32])]


class Entry(TypedDict):
    """What an officer put on record. `from` and `to` are people, of a relocation; `from` also of a return."""

    step: str
    who: str
    when: datetime
    on: date
    condition: str
    cost: int | None
    from_id: UUID | None
    to_id: UUID | None
    evidence_sha256: str | None
    note: str


class AssetView(TypedDict):
    """`beneficiary_id` got it by the handover, `holder_id` has it now. `value` in rupiah, where the request names it.

    A district sees what was put on record there, and no person of another: `null` stands for them.

    The witness is named in the BAST that `evidence_sha256` binds, and not here.
    """

    asset_id: UUID
    grant_id: UUID
    district: str
    name: str
    serial: str
    value: int | None
    status: str
    condition: str
    beneficiary_id: UUID | None
    holder_id: UUID | None
    handed_over_on: date
    received_by: str
    evidence_sha256: str
    history: list[Entry]


class AssetsView(TypedDict):
    """`next` goes into `after` for the following page; null on the last."""

    items: list[AssetView]
    next: UUID | None


@router.get("/v1/assets", summary="Assets, a page at a time", responses=problems("not_found"))
async def list_assets(
    who: Reader,
    here: Here,
    district: Annotated[str | None, Query(pattern=r"^[0-9]{4}$")] = None,
    status: AssetStatus | None = None,
    condition: Condition | None = None,
    holder: UUID | None = None,
    grant: UUID | None = None,
    serial: Annotated[str | None, Query(min_length=1, max_length=200, pattern=STORABLE)] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> AssetsView:
    """In the order of their ids. A serial is found however its letters, blanks and dashes are written.

    A district also finds what was with it once, unless it names itself: then only what is there now.
    """
    if district is not None and not (district in DISTRICTS and who.sees(district)):
        raise Refused("not_found")
    filters = {
        col(Asset.district): district,
        col(Asset.status): status,
        col(Asset.condition): condition,
        col(Asset.holder_id): holder,
        col(Asset.grant_id): grant,
        col(Asset.serial_key): None if serial is None else serial_key(serial),
    }
    wanted = select(Asset).order_by(col(Asset.id)).limit(limit + 1)
    wanted = wanted.where(*(column == value for column, value in filters.items() if value is not None))
    if who.district is not None:
        wanted = wanted.where(_was_ever_in(who.district))
    if after is not None:
        wanted = wanted.where(col(Asset.id) > after)
    async with here.database.reading() as session:
        found = (await session.scalars(wanted)).all()
        items = await _shown(session, who, found[:limit])
    return {"items": items, "next": items[-1]["asset_id"] if len(found) > limit else None}


@router.get("/v1/assets/{asset_id}", summary="One asset with its history")
async def get_asset(asset_id: UUID, who: Reader, here: Here) -> AssetView:
    async with here.database.reading() as session:
        wanted = select(Asset).where(col(Asset.id) == asset_id)
        if who.district is not None:
            wanted = wanted.where(_was_ever_in(who.district))
        asset = (await session.scalars(wanted)).first()
        if asset is None:
            raise Refused("not_found")
        return await _one(session, who, asset)


def _step(*codes: str) -> dict[str, Any]:
    return {"responses": {200: {"model": AssetView}, **problems("illegal_transition", *codes)}}


@router.post("/v1/assets/{asset_id}/condition", summary="In which condition it was seen", **_step())
async def condition(asset_id: UUID, who: Officer, writing: Writing, body: Seen) -> Response:
    async def work(session: AsyncSession) -> AssetView:
        return await _one(
            session, who, await keeping.condition(session, who, asset_id, body.remarked(), now_in=body.condition)
        )

    return await writing.once(who, work)


@router.post("/v1/assets/{asset_id}/repair", summary="It was repaired, at a cost", **_step())
async def repair(asset_id: UUID, who: Officer, writing: Writing, body: Repaired) -> Response:
    async def work(session: AsyncSession) -> AssetView:
        asset = await keeping.repair(session, who, asset_id, body.remarked(), now_in=body.condition, cost=body.cost)
        return await _one(session, who, asset)

    return await writing.once(who, work)


@router.post(
    "/v1/assets/{asset_id}/relocate",
    summary="It is in another person's hands",
    **_step("already_there", "serial_elsewhere", "consent_withdrawn", "duplicate_suspected"),
)
async def relocate(asset_id: UUID, who: Officer, writing: Writing, body: Relocated) -> Response:
    async def work(session: AsyncSession) -> AssetView:
        asset = await keeping.relocate(
            session, who, asset_id, body.remarked(), to=body.to, evidence_sha256=body.evidence_sha256
        )
        return await _one(session, who, asset)

    return await writing.once(who, work)


@router.post("/v1/assets/{asset_id}/return", summary="It is back with the district", **_step())
async def give_back(asset_id: UUID, who: Officer, writing: Writing, body: Seen) -> Response:
    async def work(session: AsyncSession) -> AssetView:
        return await _one(
            session, who, await keeping.give_back(session, who, asset_id, body.remarked(), now_in=body.condition)
        )

    return await writing.once(who, work)


def _was_ever_in(district: str) -> ColumnElement[bool]:
    """Handed over there, or taken there by an officer: a district keeps its past when an asset moves on."""
    of_its_grants = select(col(Grant.id)).where(col(Grant.district) == district)
    taken_there = (
        select(col(AssetStep.asset_id))
        .join(Beneficiary, col(Beneficiary.id) == col(AssetStep.to_id))
        .where(col(Beneficiary.district) == district)
    )
    return or_(col(Asset.grant_id).in_(of_its_grants), col(Asset.id).in_(taken_there))


async def _one(session: AsyncSession, who: Caller, asset: Asset) -> AssetView:
    await session.flush()
    return (await _shown(session, who, [asset]))[0]


async def _shown(session: AsyncSession, who: Caller, assets: Sequence[Asset]) -> list[AssetView]:
    found = await session.execute(
        select(Handover, Grant)
        .join(Grant, col(Grant.id) == col(Handover.grant_id))
        .where(col(Handover.grant_id).in_({asset.grant_id for asset in assets}))
    )
    handovers = {handover.grant_id: (handover, grant) for handover, grant in found}
    steps = await session.execute(
        select(AssetStep, col(Beneficiary.district))
        .outerjoin(Beneficiary, col(Beneficiary.id) == col(AssetStep.to_id))
        .where(col(AssetStep.asset_id).in_([asset.id for asset in assets]))
        .order_by(col(AssetStep.id))
    )
    trails = defaultdict[UUID, list[tuple[AssetStep, str | None]]](list)
    for step, towards in steps:
        trails[step.asset_id].append((step, towards))
    return [_view(who, asset, *handovers[asset.grant_id], trails[asset.id]) for asset in assets]


def _view(
    who: Caller, asset: Asset, handover: Handover, grant: Grant, trail: Sequence[tuple[AssetStep, str | None]]
) -> AssetView:
    """As far as it concerns the caller's district: what was put on record there, and nobody of another one."""
    place, history = grant.district, list[Entry]()
    for step, towards in trail:
        gone = towards is not None and not who.sees(towards)
        if who.sees(place):
            history.append({**_entry(step), "to_id": None} if gone else _entry(step))
        elif towards is not None and not gone:
            history.append({**_entry(step), "from_id": None})
        place = towards or place
    here, its_own = who.sees(asset.district), who.sees(grant.district)
    return {
        "asset_id": asset.id,
        "grant_id": asset.grant_id,
        "district": asset.district,
        "name": asset.name,
        "serial": asset.serial,
        "value": asset.value,
        "status": asset.status,
        "condition": asset.condition if here or not history else history[-1]["condition"],
        "beneficiary_id": grant.beneficiary_id if its_own else None,
        "holder_id": asset.holder_id if here else None,
        "handed_over_on": handover.day,
        "received_by": handover.received_by,
        "evidence_sha256": handover.evidence_sha256,
        "history": history,
    }


def _entry(step: AssetStep) -> Entry:
    return {
        "step": step.step,
        "who": step.sub,
        "when": step.at,
        "on": step.day,
        "condition": step.condition,
        "cost": step.cost,
        "from_id": step.from_id,
        "to_id": step.to_id,
        "evidence_sha256": step.evidence_sha256,
        "note": step.note,
    }
