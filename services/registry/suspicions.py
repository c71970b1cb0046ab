"""The rows of suspected pairs. Whoever takes or leaves what two can share holds it until the transaction ends, so that
of two who come to share it at once the second sees the first."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.decisions import Person
from services.registry.likeness import Traits
from services.registry.pairs import CROWD, Ground, Suspicion, grounds_of, weigh
from services.registry.tables import DUPLICATE, PERSON, suspicion_of
from shared.database import run, set_wise
from shared.events.district import Sex
from shared.outbox import emit

_LOCKS = 36
"""The space of PostgreSQL's advisory locks that ours are numbered in; 35 is that of the districts."""

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
    await lock_shared(session, [traits for traits in (*before.values(), *now.values()) if traits])
    turned = await _turned(session, before, now)
    concerned = {**now, **await _read_traits(session, turned - now.keys())}
    grounds = await read_grounds(session, concerned)
    olds = [traits.who for traits in before.values() if traits] + sorted(turned - now.keys())
    pairs = await _read_suspicions(session, olds)
    versions = {item.duplicate_id: item.version for item in pairs}
    suspicions = weigh(grounds, pairs)
    await _save_suspicions(session, suspicions)
    latest = max(times.values())
    await emit(
        session,
        "registry",
        [
            (
                str(item.duplicate_id),
                item.fact(),
                max((times[who] for who in item.people if who in times), default=latest),
            )
            for item in suspicions
            if item.version != versions.get(item.duplicate_id)
        ],
    )


async def read_grounds(session: AsyncSession, concerned: Mapping[UUID, Traits]) -> Mapping[tuple[UUID, UUID], Ground]:
    """The grounds of these people with anybody, as of now."""
    values = {column.key: _values(column, concerned.values()) for column in _SHARED}
    crowds = {column.key: await _crowds(session, column, values[column.key]) for column in (_BORN, _NAME)}
    people = dict(concerned)
    members: Members = {}
    for column in _SHARED:
        wanted = values[column.key] - crowds.get(column.key, set())
        members[column.key] = defaultdict(set)
        for traits in await _read_members(session, column, wanted):
            people[traits.who] = traits
            members[column.key][getattr(traits, column.key)].add(traits.who)
    blocks = (*members[_BORN.key].values(), *members[_NAME.key].values())
    return grounds_of(concerned.keys(), people, members[_NIK.key].values(), blocks)


async def lock_shared(session: AsyncSession, people: Iterable[Traits]) -> None:
    """Hold all that these people share with anybody until the transaction ends, in order.

    By 256 buckets: PostgreSQL's table of locks is small. On SQLite a writer is alone anyway.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    shared = {value for traits in people for value in traits[1:4] if value}
    await run(
        session,
        "SELECT pg_advisory_xact_lock(:space, bucket) FROM unnest(CAST(:buckets AS int[])) AS bucket",
        space=_LOCKS,
        buckets=sorted({int(value[:2], 16) for value in shared}),
    )


async def _turned(session: AsyncSession, before: Mapping[UUID, Traits | None], now: Mapping[UUID, Traits]) -> set[UUID]:
    """Who shares something of which there has become a crowd, or no longer is one; or whose crowd has another first."""
    found: set[UUID] = set()
    for column in _SHARED:
        joined, left = _movements(column, before, now)
        sizes = await _sizes(session, column, joined.keys() | left.keys())
        turned = set()
        for value in joined.keys() | left.keys():
            size = sizes.get(value, 0)
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


def _values(column: Column[Any], people: Iterable[Traits]) -> set[str]:
    return {value for traits in people if (value := getattr(traits, column.key))}


async def _sizes(session: AsyncSession, column: Column[Any], values: Set[str]) -> Mapping[str, int]:
    if not values:
        return {}
    found = await session.execute(select(column, func.count()).where(column.in_(sorted(values))).group_by(column))
    return {row[0]: row[1] for row in found}


async def _crowds(session: AsyncSession, column: Column[Any], values: Set[str]) -> set[str]:
    return {value for value, size in (await _sizes(session, column, values)).items() if size > CROWD}


async def _read_members(session: AsyncSession, column: Column[Any], values: Set[str]) -> list[Traits]:
    return await _select_traits(session, column.in_(sorted(values))) if values else []


async def _read_traits(session: AsyncSession, people: Collection[UUID]) -> dict[UUID, Traits]:
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
    return [suspicion_of(row) for row in found]


_COLUMNS = {
    "duplicate_id": "uuid",
    "first_id": "uuid",
    "second_id": "uuid",
    "state": "text",
    "version": "int",
    "because": "text",
    "score": "int",
    "reasons": "text",
}


async def _save_suspicions(session: AsyncSession, suspicions: Sequence[Suspicion]) -> None:
    """None of them is a human's decision, or no longer."""
    if suspicions:
        await set_wise(
            session,
            f"""INSERT INTO duplicate ({", ".join(_COLUMNS)}) SELECT {", ".join(f"r.{name}" for name in _COLUMNS)}
                FROM {{rows}} WHERE true ON CONFLICT (duplicate_id) DO UPDATE SET
                {", ".join(f"{name} = excluded.{name}" for name in list(_COLUMNS)[3:])},
                decided_by = NULL, decided_at = NULL, reason = NULL""",
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
                )
                for item in suspicions
            ],
        )
