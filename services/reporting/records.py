"""Who is one person on several records counts once: by the record that stands for all, the others have status ALIAS.

Status is what every number of people and reports counts by, so views, lists and worklist follow by its change. Grants
and their rupiah were given, under whatever record, and stay counted.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import cohorts, views
from services.reporting.views import ALIAS, COUNTED
from shared.aliases import groups, pairs_of, stands_for
from shared.database import run, set_wise, try_lock_districts
from shared.events import facts, receipts
from shared.events.catalogue import Event
from shared.events.envelope import microseconds
from shared.events.receipts import Answer


async def effective(session: AsyncSession, said: Mapping[UUID, str]) -> dict[UUID, str]:
    """The status of these people by what the registry says of each, and of all who are one person with them.

    Of the others what it said before counts. The caller holds the districts of these people; those of the others are
    taken, or it raises TimeoutError.
    """
    same = await _same(session, said)
    others = await _hold(session, {who for group in same.values() for who in group} - said.keys())
    return _statuses(same, {UUID(str(row.beneficiary_id)): row.said_status for row in others} | dict(said))


async def put(session: AsyncSession, statuses: Mapping[UUID, str], *, time_us: int) -> None:
    """Give these people, whose districts the caller holds, their status; every view and what they are due follows."""
    moved = [row for row in await _people(session, statuses) if row.status != statuses[UUID(str(row.beneficiary_id))]]
    right = {row.no: statuses[UUID(str(row.beneficiary_id))] for row in moved}
    await _write_statuses(session, list(right.items()))
    await cohorts.place(session, [UUID(str(row.beneficiary_id)) for row in moved])
    await views.growth_due(session, ((row.no, time_us) for row in moved if COUNTED in (row.status, right[row.no])))


async def follow_pairs(session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
    """Keep the newest state of each pair; whoever is, or was, one person with somebody of it gets the right status."""
    newest: dict[UUID, facts.DuplicateSuspected | facts.DuplicateDecided] = {}
    for event in events:
        fact = event.data
        if fact.duplicate_id not in newest or newest[fact.duplicate_id].version < fact.version:
            newest[fact.duplicate_id] = fact
    found = await set_wise(
        session,
        "SELECT p.duplicate_id, p.version FROM {rows} JOIN pair p ON p.duplicate_id = r.id",
        {"id": "uuid"},
        [(number,) for number in newest],
    )
    known = {UUID(str(row.duplicate_id)): row.version for row in found}
    fresh = {number: fact for number, fact in newest.items() if known.get(number, 0) < fact.version}
    if fresh:
        people = {who for fact in fresh.values() for who in fact.beneficiary_ids}
        before = await _same(session, people)
        times = {id(event.data): microseconds(event.envelope.time) for event in events}
        await _write_pairs(session, fresh.values(), times)
        after = await _same(session, people)
        concerned = people.union(*before.values(), *after.values())
        said = {UUID(str(row.beneficiary_id)): row.said_status for row in await _hold(session, concerned)}
        await put(session, await effective(session, said), time_us=max(times[id(fact)] for fact in fresh.values()))
    used = {id(fact) for fact in fresh.values()}
    return [receipts.accepted() if id(event.data) in used else receipts.superseded() for event in events]


async def differences(session: AsyncSession) -> list[tuple[int, str, str]]:
    """(business, status held, status by the facts) of all whose status is another."""
    found = await run(session, "SELECT first_id, second_id FROM pair WHERE same")
    paired = {UUID(str(who)) for row in found for who in row}
    wrong = await run(
        session,
        f"""SELECT no, beneficiary_id, status, said_status FROM person
            WHERE status <> said_status AND status <> '{ALIAS}' OR status = '{ALIAS}' ORDER BY no""",
    )
    rows = {row.no: row for row in (*wrong, *await _people(session, paired))}
    said = {UUID(str(row.beneficiary_id)): row.said_status for row in rows.values()}
    right = _statuses(await _same(session, said), said)
    return [
        (no, row.status, now)
        for no, row in sorted(rows.items())
        if (now := right[UUID(str(row.beneficiary_id))]) != row.status
    ]


async def rebuild(session: AsyncSession) -> None:
    """Give everybody the status of the facts; no view follows, and what they are due is for the caller."""
    await _write_statuses(session, [(no, right) for no, _, right in await differences(session)])


async def _hold(session: AsyncSession, people: Collection[UUID]) -> Sequence[Any]:
    """These people as they are once their districts are held, as far as they are known.

    A record may be of a district that this transaction does not hold yet. That one is not waited for, or two that wait
    for each other would lock up: TimeoutError, the batch is undone and comes again.
    """
    rows = await _people(session, people)
    if not await try_lock_districts(session, {row.district for row in rows}):
        raise TimeoutError("the district of an alias is in other hands")
    return await _people(session, people)


def _statuses(same: Mapping[UUID, frozenset[UUID]], said: Mapping[UUID, str]) -> dict[UUID, str]:
    """The status of each of whom something is said; who is known does not stand back for who is not."""
    statuses = dict(said)
    for group in set(same.values()):
        known = {who: said[who] for who in group if who in said}
        if known:
            statuses |= dict.fromkeys(known.keys() - {stands_for(known)}, ALIAS)
    return statuses


async def _people(session: AsyncSession, people: Iterable[UUID]) -> Sequence[Any]:
    found = await set_wise(
        session,
        "SELECT p.no, p.beneficiary_id, p.district, p.status, p.said_status FROM {rows} "
        "JOIN person p ON p.beneficiary_id = r.id ORDER BY p.no",
        {"id": "uuid"},
        [(who,) for who in sorted(people)],
    )
    return found.all()


async def _same(session: AsyncSession, people: Collection[UUID]) -> dict[UUID, frozenset[UUID]]:
    async def pairs(some: Collection[UUID]) -> Iterable[tuple[UUID, UUID]]:
        return await pairs_of(session, "SELECT p.first_id, p.second_id FROM pair p", some)

    return await groups(people, pairs)


async def _write_pairs(
    session: AsyncSession,
    told: Iterable[facts.DuplicateSuspected | facts.DuplicateDecided],
    times: Mapping[int, int],
) -> None:
    """`times`: when each was told, in microseconds, by the fact's identity."""
    await set_wise(
        session,
        """INSERT INTO pair (duplicate_id, version, first_id, second_id, same, open_since_us)
           SELECT r.id, r.version, r.first_id, r.second_id, r.same, r.since FROM {rows} WHERE true
           ON CONFLICT (duplicate_id) DO UPDATE SET version = excluded.version, same = excluded.same,
             open_since_us = excluded.open_since_us""",
        {
            "id": "uuid",
            "version": "int",
            "first_id": "uuid",
            "second_id": "uuid",
            "same": "boolean",
            "since": "bigint",
        },
        [
            (
                fact.duplicate_id,
                fact.version,
                *fact.beneficiary_ids,
                _is_same(fact),
                times[id(fact)] if isinstance(fact, facts.DuplicateSuspected) else None,
            )
            for fact in told
        ],
    )


def _is_same(fact: facts.DuplicateSuspected | facts.DuplicateDecided) -> bool:
    return isinstance(fact, facts.DuplicateDecided) and fact.decision == "same"


async def _write_statuses(session: AsyncSession, rows: Sequence[tuple[int, str]]) -> None:
    if rows:
        await set_wise(
            session,
            "UPDATE person SET status = r.status FROM {rows} WHERE person.no = r.no",
            {"no": "bigint", "status": "text"},
            rows,
        )
