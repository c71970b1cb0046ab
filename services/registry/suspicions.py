"""The rows of suspected pairs. Whoever changes what people are compared by is alone in it until it commits, so that
of two who come to be alike at once the second sees the first."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.decisions import Person
from services.registry.likeness import Traits
from services.registry.pairs import CROWD, Decided, Ground, Suspicion, grounds_of, weigh
from services.registry.tables import DUPLICATE, DUPLICATE_STEP, PERSON, suspicion_of
from shared.database import run, set_wise
from shared.events.district import Sex
from shared.outbox import emit

_LOCKS = 36
"""The space of PostgreSQL's advisory locks that ours is in; 35 is that of the districts."""

_TRAITS: Sequence[Column[Any]] = (
    PERSON.c.beneficiary_id,
    PERSON.c.nik_token,
    PERSON.c.born_block,
    PERSON.c.name_block,
    PERSON.c.name,
    PERSON.c.birth_date,
    PERSON.c.sex,
)
_NIK, _BORN, _NAME = _SHARED = PERSON.c.nik_token, PERSON.c.born_block, PERSON.c.name_block
"""What people can share: of one NIK all, of one block those who are similar."""

Members = dict[str, dict[str, set[UUID]]]
"""By the name of a column and its value."""


async def revise_suspicions(session: AsyncSession, known: Mapping[UUID, Person], changed: Sequence[Person]) -> None:
    """Open and withdraw suspicions for those of whom something has changed that people are compared by."""
    before = {who: person.traits for who, person in known.items()}
    moved = {person.beneficiary_id: person for person in changed if person.traits != before.get(person.beneficiary_id)}
    if moved:
        await revise_pairs(
            session,
            {who: before.get(who) for who in moved},
            {who: person.traits for who, person in moved.items()},
            {who: person.event_time for who, person in moved.items()},
        )


async def revise_pairs(
    session: AsyncSession,
    before: Mapping[UUID, Traits | None],
    now: Mapping[UUID, Traits],
    times: Mapping[UUID, datetime],
) -> None:
    """As these people are `now`, which is saved already; `times` are those of the facts."""
    await lock_pairs(session)
    sizes: dict[str, int] = {}
    turned = await _turned(session, before, now, sizes)
    concerned = {**now, **await read_traits(session, turned - now.keys())}
    grounds = await read_grounds(session, concerned, sizes)
    olds = [traits.who for traits in before.values() if traits] + sorted(turned - now.keys())
    pairs = await _read_suspicions(session, olds)
    versions = {item.duplicate_id: item.version for item in pairs}
    suspicions = weigh(grounds, pairs)
    await _save_suspicions(session, suspicions)
    latest = max(times.values())
    await tell(
        session,
        [
            (item, max((times[who] for who in item.people if who in times), default=latest))
            for item in suspicions
            if item.version != versions.get(item.duplicate_id)
        ],
    )


async def tell(session: AsyncSession, news: Sequence[tuple[Suspicion, datetime]]) -> None:
    """One fact of each of these pairs, with the time of what happened."""
    if not news:
        return
    people = {who for item, _ in news for who in item.people}
    found = await session.execute(
        select(PERSON.c.beneficiary_id, PERSON.c.district).where(PERSON.c.beneficiary_id.in_(sorted(people)))
    )
    districts = {row.beneficiary_id: row.district for row in found}
    await emit(
        session,
        "registry",
        [(str(item.duplicate_id), item.fact([districts[who] for who in item.people]), at) for item, at in news],
    )


async def read_grounds(
    session: AsyncSession, concerned: Mapping[UUID, Traits], sizes: dict[str, int] | None = None
) -> Mapping[tuple[UUID, UUID], Ground]:
    """The grounds of these people with anybody, as of now. `sizes`: what is counted already."""
    sizes = {} if sizes is None else sizes
    people = dict(concerned)
    members: Members = {}
    for column in _SHARED:
        values = {value for traits in concerned.values() if (value := getattr(traits, column.key))}
        await _count(session, column, values, sizes)
        most = None if column is _NIK else CROWD
        shared = {value for value in values if sizes[value] > 1 and (most is None or sizes[value] <= most)}
        members[column.key] = defaultdict(set)
        for traits in await _read_members(session, column, shared):
            people[traits.who] = traits
            members[column.key][getattr(traits, column.key)].add(traits.who)
    blocks = (*members[_BORN.key].values(), *members[_NAME.key].values())
    return grounds_of(concerned.keys(), people, members[_NIK.key].values(), blocks)


async def lock_pairs(session: AsyncSession) -> None:
    """Weigh alone until the transaction ends. On SQLite a writer is alone anyway.

    One lock for all: a crowd that turns concerns people by whatever else they share, so no smaller set is known in
    advance; and a batch of some hundred new people would hold nearly everything there is.
    """
    if session.get_bind().dialect.name != "sqlite":
        await run(session, "SELECT pg_advisory_xact_lock(:space, 0)", space=_LOCKS)


async def _turned(
    session: AsyncSession, before: Mapping[UUID, Traits | None], now: Mapping[UUID, Traits], sizes: dict[str, int]
) -> set[UUID]:
    """Who shares something of which there has become a crowd, or no longer is one; or whose crowd has another first."""
    found: set[UUID] = set()
    for column in _SHARED:
        joined, left = _movements(column, before, now)
        touched = joined.keys() | left.keys()
        await _count(session, column, touched, sizes)
        turned = set()
        for value in touched:
            size = sizes[value]
            was = size - len(joined[value]) + len(left[value])
            if (size > CROWD) != (was > CROWD):
                turned.add(value)
            elif size > CROWD and column is _NIK:
                turned |= await _with_another_first(session, value, joined[value], left[value])
        found |= {traits.who for traits in await _read_members(session, column, turned)}
    return found


async def _with_another_first(session: AsyncSession, nik: str, joined: Set[UUID], left: Set[UUID]) -> set[str]:
    holders = {traits.who for traits in await _read_members(session, _NIK, {nik})}
    return {nik} if min(holders, key=str) != min((holders - joined) | left, key=str) else set()


def _movements(
    column: Column[Any], before: Mapping[UUID, Traits | None], now: Mapping[UUID, Traits]
) -> tuple[dict[str, set[UUID]], dict[str, set[UUID]]]:
    joined: dict[str, set[UUID]] = defaultdict(set)
    left: dict[str, set[UUID]] = defaultdict(set)
    for who, traits in now.items():
        old, new = getattr(before[who], column.key, None), getattr(traits, column.key)
        if old != new:
            if new:
                joined[new].add(who)
            if old:
                left[old].add(who)
    return joined, left


async def _count(session: AsyncSession, column: Column[Any], values: Set[str], sizes: dict[str, int]) -> None:
    """Add how many people share each of these values that is not counted yet; no value is one of two columns."""
    new = values - sizes.keys()
    if new:
        sizes |= dict.fromkeys(new, 0)
        counts = await session.execute(select(column, func.count()).where(column.in_(sorted(new))).group_by(column))
        sizes |= {row[0]: row[1] for row in counts}


async def _read_members(session: AsyncSession, column: Column[Any], values: Set[str]) -> list[Traits]:
    return await _select_traits(session, column.in_(sorted(values))) if values else []


async def read_traits(session: AsyncSession, people: Collection[UUID]) -> dict[UUID, Traits]:
    if not people:
        return {}
    found = await _select_traits(session, PERSON.c.beneficiary_id.in_(sorted(people)))
    return {traits.who: traits for traits in found}


async def _select_traits(session: AsyncSession, which: ColumnElement[bool]) -> list[Traits]:
    return [_traits_of(row) for row in await session.execute(select(*_TRAITS).where(which))]


def _traits_of(row: Row[Any]) -> Traits:
    return Traits(
        row.beneficiary_id, row.nik_token, row.born_block, row.name_block, row.name, row.birth_date, Sex(row.sex)
    )


async def _read_suspicions(session: AsyncSession, people: Sequence[UUID]) -> list[Suspicion]:
    """All suspicions about these people, locked: an officer may be deciding one."""
    if not people:
        return []
    found = await session.execute(
        select(DUPLICATE)
        .where(or_(DUPLICATE.c.first_id.in_(people), DUPLICATE.c.second_id.in_(people)))
        .order_by(DUPLICATE.c.duplicate_id)
        .with_for_update()
    )
    rows = found.all()
    different = await _called_different(session, [row.duplicate_id for row in rows])
    return [suspicion_of(row, different.get(row.duplicate_id)) for row in rows]


async def _called_different(session: AsyncSession, pairs: Collection[UUID]) -> dict[UUID, Decided]:
    """Of those whose last step of a human was this one."""
    found = await session.execute(
        select(DUPLICATE_STEP).where(DUPLICATE_STEP.c.duplicate_id.in_(pairs)).order_by(DUPLICATE_STEP.c.version)
    )
    last = {row.duplicate_id: row for row in found}
    return {pair: Decided(row.by, row.at, row.reason) for pair, row in last.items() if row.step == "different"}


_COLUMNS = {
    "duplicate_id": "uuid",
    "first_id": "uuid",
    "second_id": "uuid",
    "state": "text",
    "version": "int",
    "because": "text",
    "score": "int",
    "reasons": "text",
    "decided_by": "text",
    "decided_at": "timestamptz",
    "reason": "text",
}


async def _save_suspicions(session: AsyncSession, suspicions: Sequence[Suspicion]) -> None:
    """None of them is a human's decision, or it is one that counts again."""
    if suspicions:
        await set_wise(
            session,
            f"""INSERT INTO duplicate ({", ".join(_COLUMNS)}) SELECT {", ".join(f"r.{name}" for name in _COLUMNS)}
                FROM {{rows}} WHERE true ON CONFLICT (duplicate_id) DO UPDATE SET
                {", ".join(f"{name} = excluded.{name}" for name in list(_COLUMNS)[3:])}""",
            _COLUMNS,
            [
                (
                    item.duplicate_id,
                    *item.people,
                    item.state,
                    item.version,
                    item.because,
                    item.score,
                    " ".join(item.reasons),
                    *((item.state == "different" and item.different) or (None, None, None)),
                )
                for item in suspicions
            ],
        )
