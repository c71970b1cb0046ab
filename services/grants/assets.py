"""Things in people's hands, one serial never in two: of several handovers of one serial the earliest has it.

That follows from the set of handovers, not from their order: an earlier one that arrives later takes the serial over,
and what becomes free goes to the next. Every writer holds the serials from its first look to the end.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants.news import tell
from services.grants.rules import AssetStatus, Condition, serial_key
from services.grants.tables import Asset, AssetNews, AssetStep, Grant, Handover
from shared.database import now, set_wise
from shared.events import facts
from shared.revisions import Mark

WARNING = "serial_elsewhere"
_STATUSES: Mapping[AssetStatus, Literal["held", "contested", "returned"]] = {
    AssetStatus.held: "held",
    AssetStatus.contested: "contested",
    AssetStatus.returned: "returned",
}
_CONDITIONS: Mapping[Condition, Literal["good", "worn", "broken", "lost"]] = {
    Condition.good: "good",
    Condition.worn: "worn",
    Condition.broken: "broken",
    Condition.lost: "lost",
}
STANDING = (AssetStatus.held, AssetStatus.contested)


class Source(NamedTuple):
    """A handover event, as its receipt is found."""

    district: str
    event_id: str
    source: str


async def keep(
    session: AsyncSession, handed: Sequence[tuple[Grant, Handover]], former: Collection[Source]
) -> set[UUID]:
    """Bring the assets to what these handovers, new or changed, say. `former`: events that no longer stand.

    Returns the grants among them of which an asset is contested; receipts of earlier events are amended. The caller
    holds the serials.
    """
    if not handed:
        return set()
    await session.flush()
    known = await _of_grants(session, [grant.id for grant, _ in handed])
    wanted = {asset.id: asset for grant, handover in handed for asset in _named(grant, handover)}
    keys = {asset.serial_key for asset in (*known.values(), *wanted.values())}
    await _withdraw(session, [asset for number, asset in known.items() if number not in wanted])
    for number, asset in wanted.items():
        present = known.get(number)
        if present is None:
            continue
        present.name, present.serial, present.value = asset.name, asset.serial, asset.value
        if present.status == AssetStatus.withdrawn:
            status = AssetStatus.contested if asset.serial_key else AssetStatus.held
            present.status, present.holder_id, present.district = status.value, asset.holder_id, asset.district
    fresh = [asset for number, asset in wanted.items() if number not in known]
    marks = {grant.id: handover.mark for grant, handover in handed}
    changed = await _settle(session, keys, [(asset, marks[asset.grant_id]) for asset in fresh])
    await tell_of(session, changed | marks.keys(), max(handover.at for _, handover in handed))
    return await _warn(session, changed | marks.keys(), former)


async def let_go(session: AsyncSession, asset: Asset) -> None:
    """After it has left somebody's hands: the next handover of its serial has it."""
    changed = await _settle(session, {asset.serial_key}, ()) | {asset.grant_id}
    await tell_of(session, changed, now())
    await _warn(session, changed, ())


async def tell_of(session: AsyncSession, grants: Collection[UUID], moment: datetime) -> None:
    """One fact about all things of each of these grants as they are now. The caller holds the serials.

    Of a grant that never had any, as of training or cash, nothing is told.
    """
    await session.flush()
    kept: dict[UUID, list[Asset]] = defaultdict(list)
    for asset in (await _of_grants(session, grants)).values():
        if asset.status != AssetStatus.withdrawn:
            kept[asset.grant_id].append(asset)
    before = await session.scalars(select(col(AssetNews.grant_id)).where(col(AssetNews.grant_id).in_(grants)))
    grants = kept.keys() | set(before)
    if not grants:
        return
    versions = await set_wise(
        session,
        """INSERT INTO asset_news (grant_id, version) SELECT r.id, 1 FROM {rows} WHERE true
           ON CONFLICT (grant_id) DO UPDATE SET version = asset_news.version + 1 RETURNING grant_id, version""",
        {"id": "uuid"},
        [(number,) for number in sorted(grants)],
    )
    told = {UUID(str(row.grant_id)): row.version for row in versions}
    found = await session.execute(
        select(Grant, Handover)
        .join(Handover, col(Handover.grant_id) == col(Grant.id))
        .where(col(Grant.id).in_(grants))
        .order_by(col(Grant.id))
    )
    steps = await session.execute(
        select(col(AssetStep.asset_id), col(AssetStep.day))
        .where(col(AssetStep.asset_id).in_([asset.id for some in kept.values() for asset in some]))
        .order_by(col(AssetStep.id))
    )
    newest = {step.asset_id: step.day for step in steps}
    news = [
        facts.AssetsKept(
            version=told[grant.id],
            grant_id=grant.id,
            beneficiary_id=grant.beneficiary_id,
            district=grant.district,
            assets=tuple(_fact(asset, newest.get(asset.id, handover.day)) for asset in kept.get(grant.id, ())),
        )
        for grant, handover in found
    ]
    await tell(session, [(fact, moment) for fact in news])


def _fact(asset: Asset, on: date) -> facts.KeptAsset:
    return facts.KeptAsset(
        asset_id=asset.id,
        name=asset.name,
        serial=asset.serial,
        value=asset.value,
        status=_STATUSES[AssetStatus(asset.status)],
        condition=_CONDITIONS[Condition(asset.condition)],
        holder_id=asset.holder_id,
        on=on,
    )


async def is_elsewhere(session: AsyncSession, asset: Asset) -> bool:
    """Is the serial of this asset in other hands?"""
    if not asset.serial_key:
        return False
    found = await session.scalars(
        select(col(Asset.id)).where(
            col(Asset.serial_key) == asset.serial_key,
            col(Asset.status) == AssetStatus.held,
            col(Asset.id) != asset.id,
        )
    )
    return found.first() is not None


def _named(grant: Grant, handover: Handover) -> Iterable[Asset]:
    """The assets of a handover, each once; what has no serial is told apart by its place in the list."""
    values = {item.name.casefold(): item.unit_value for item in grant.item_list}
    named: dict[UUID, Asset] = {}
    for place, said in enumerate(handover.asset_list):
        key = serial_key(said.serial)
        number = uuid5(grant.id, key or f"#{place}")
        named.setdefault(
            number,
            Asset(
                id=number,
                grant_id=grant.id,
                district=grant.district,
                name=said.name,
                serial=said.serial,
                serial_key=key,
                value=values.get(said.name.casefold()),
                status=AssetStatus.held.value,
                holder_id=grant.beneficiary_id,
            ),
        )
    return named.values()


async def _of_grants(session: AsyncSession, grants: Collection[UUID]) -> dict[UUID, Asset]:
    found = await session.scalars(
        select(Asset).where(col(Asset.grant_id).in_(grants)).order_by(col(Asset.id)).with_for_update()
    )
    return {asset.id: asset for asset in found}


async def _withdraw(session: AsyncSession, assets: Sequence[Asset]) -> None:
    """As if they had never been named, unless an officer has put something on record about them."""
    numbers = [asset.id for asset in assets]
    if not numbers:
        return
    told_of = set(await session.scalars(select(col(AssetStep.asset_id)).where(col(AssetStep.asset_id).in_(numbers))))
    for asset in assets:
        if asset.id in told_of:
            asset.status, asset.holder_id = AssetStatus.withdrawn.value, None  # until it is named again, where it was
        else:
            await session.delete(asset)
    await session.flush()


async def _settle(session: AsyncSession, keys: Collection[str], fresh: Sequence[tuple[Asset, Mark]]) -> set[UUID]:
    """Of each serial the earliest handover has it; whoever must let go does so before another takes it.

    Returns the grants of which an asset has changed hands by this, or is new.
    """
    claims: dict[str, list[tuple[Mark, Asset]]] = {}
    for asset, mark in (*await _standing(session, {key for key in keys if key}), *fresh):
        if asset.serial_key:
            claims.setdefault(asset.serial_key, []).append((mark, asset))
    taking, changed = list[Asset](), {asset.grant_id for asset, _ in fresh}
    for several in claims.values():
        first, *others = [asset for _, asset in sorted(several, key=lambda claim: (claim[0], claim[1].id))]
        for asset in others:
            if asset.status == AssetStatus.held:
                asset.status = AssetStatus.contested.value
                changed.add(asset.grant_id)
        if first.status == AssetStatus.contested:
            taking.append(first)
    await session.flush()
    for asset in taking:
        asset.status = AssetStatus.held.value
        changed.add(asset.grant_id)
    session.add_all(asset for asset, _ in fresh)
    await session.flush()
    return changed


async def _standing(session: AsyncSession, keys: Collection[str]) -> list[tuple[Asset, Mark]]:
    """The assets of these serials that are in somebody's hands, or would be."""
    if not keys:
        return []
    found = await session.execute(
        select(Asset, Handover)
        .join(Handover, col(Handover.grant_id) == col(Asset.grant_id))
        .where(col(Asset.serial_key).in_(keys), col(Asset.status).in_(STANDING))
        .order_by(col(Asset.id))
        .with_for_update(of=Asset)
    )
    return [(asset, handover.mark) for asset, handover in found]


async def _warn(session: AsyncSession, grants: Collection[UUID], former: Collection[Source]) -> set[UUID]:
    """Bring the receipts of these grants' handovers to what is true of their assets; returns the contested ones."""
    found = await session.execute(
        select(col(Grant.district), col(Handover.event_id), col(Handover.source), col(Grant.id))
        .join(Handover, col(Handover.grant_id) == col(Grant.id))
        .where(col(Grant.id).in_(grants))
    )
    contested = set(
        await session.scalars(
            select(col(Asset.grant_id)).where(
                col(Asset.grant_id).in_(grants), col(Asset.status) == AssetStatus.contested
            )
        )
    )
    warned: Mapping[Source, bool] = {
        **dict.fromkeys(former, False),
        **{Source(*event): number in contested for *event, number in found},
    }
    await set_wise(
        session,
        f"""UPDATE inbox SET warnings = trim(replace(' ' || warnings || ' ', ' {WARNING} ', ' ')
                || CASE WHEN r.warned THEN '{WARNING}' ELSE '' END) FROM {{rows}}
            WHERE inbox.district = r.district AND inbox.event_id = r.event_id AND inbox.source = r.source
              AND (' ' || warnings || ' ' LIKE '% {WARNING} %') <> (CASE WHEN r.warned THEN true ELSE false END)""",
        {"district": "text", "event_id": "text", "source": "text", "warned": "boolean"},
        [(*event, contested_now) for event, contested_now in sorted(warned.items())],
    )
    return contested
