"""What the registry does with what it is told, in the caller's transaction: nothing here commits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.decisions import Batch, Person, Suspicion, examine, weigh
from services.registry.keys import NikKeys
from services.registry.life import thing_of
from services.registry.lives import amend_receipts, keep_past, past_of
from services.registry.proof import adopt
from services.registry.tables import (
    DUPLICATE,
    PERSON,
    PERSON_COLUMNS,
    person_of,
    person_values,
    suspicion_of,
)
from shared import revision_rows
from shared.database import now, run, set_wise
from shared.events.district import BeneficiaryRecorded
from shared.events.envelope import beneficiary_id
from shared.events.receipts import Answer, Verdict
from shared.outbox import emit
from shared.refusals import Refused

_TOKEN_LOCKS = 36
"""The space of PostgreSQL's advisory locks that ours are numbered in; 35 is that of the districts."""


class RecordBeneficiary(NamedTuple):
    """Take a district's record of a person. `event_time`, `event_id` and `source` are those of its event."""

    district: str
    record: BeneficiaryRecorded
    event_time: datetime
    event_id: str
    source: str


class DecideDuplicate(NamedTuple):
    """Decide whether two people are one, for good. `by` is the officer's `sub`."""

    duplicate_id: UUID
    decision: Literal["same", "different"]
    reason: str
    by: str


async def record_beneficiaries(
    session: AsyncSession, keys: NikKeys, commands: Sequence[RecordBeneficiary]
) -> list[Answer]:
    """Keep the newest record of each person, whatever the order of arrival; one answer each.

    The inbox has locked the districts, so nobody else changes these people meanwhile.
    """
    await adopt(session, keys)
    known = await _read_people(session, {_id(command) for command in commands})  # 1 read
    heard = await revision_rows.known_of(session, [thing_of(who) for who in known])
    past = await past_of(session, known)
    batch = Batch(known, past, heard, lambda person: keys.digest(person.text()))
    for command in commands:  # 2 decide, one after another
        answer = examine(command.record, command.district)
        if answer.verdict is Verdict.accepted:
            batch.take(_person(command, keys), answer.warnings)
        else:
            batch.judging.answer(answer)
    changed = batch.changed()
    await _save_people(session, changed)  # 3 save
    await _emit_people(session, batch.news)  # 4 tell
    await _revise_suspicions(session, known, changed)  # 5 suspect
    await keep_past(session, batch.lives.past())  # 6 remember, and warn
    unwarned = batch.lives.warn(batch.judging.answers)
    await revision_rows.keep(session, batch.judging)
    await amend_receipts(session, unwarned)
    return batch.judging.answers


async def decide_duplicate(session: AsyncSession, command: DecideDuplicate) -> None:
    """Close an open suspicion. Raises Refused `not_found`, or `already_decided` with the decision that stands."""
    found = await session.execute(
        select(DUPLICATE).where(DUPLICATE.c.duplicate_id == command.duplicate_id).with_for_update()
    )
    row = found.first()
    if row is None:
        raise Refused("not_found")
    suspicion = suspicion_of(row)
    if suspicion.state != "open":
        raise Refused("already_decided", decision=suspicion.state)
    decided, moment = suspicion.moved(command.decision), now()
    await run(
        session,
        """UPDATE duplicate SET state = :state, version = :version, decided_by = :by, decided_at = :at, reason = :reason
           WHERE duplicate_id = :id""",
        state=decided.state,
        version=decided.version,
        by=command.by,
        at=moment,
        reason=command.reason,
        id=command.duplicate_id,
    )
    await emit(session, "registry", [(str(decided.duplicate_id), decided.fact(), moment)])


def _id(command: RecordBeneficiary) -> UUID:
    return beneficiary_id(command.district, command.record.district_ref)


def _person(command: RecordBeneficiary, keys: NikKeys) -> Person:
    """The person as this record has them, the NIK replaced by its token and its seal. A slug said twice counts once."""
    record, who = command.record, _id(command)
    return Person(
        beneficiary_id=who,
        district=command.district,
        record=replace(
            record,
            nik=None,
            disabilities=tuple(dict.fromkeys(record.disabilities)),
            skills=tuple(dict.fromkeys(record.skills)),
        ),
        nik_token=keys.token(record.nik) if record.nik else None,
        nik_sealed=keys.seal(record.nik, who) if record.nik else None,
        event_time=command.event_time,
        event_id=command.event_id,
        source=command.source,
    )


async def _read_people(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, Person]:
    found = await session.execute(select(PERSON).where(PERSON.c.beneficiary_id.in_(sorted(ids))))
    return {person.beneficiary_id: person for person in map(person_of, found)}


# The key columns are not set again: that would lock out whoever only refers to the person.
_SAVE_PERSON = f"""
INSERT INTO person ({", ".join(PERSON_COLUMNS)}) SELECT {", ".join(f"r.{name}" for name in PERSON_COLUMNS)}
FROM {{rows}} WHERE true ON CONFLICT (beneficiary_id) DO UPDATE SET
{", ".join(f"{name} = excluded.{name}" for name in list(PERSON_COLUMNS)[3:])}
"""


async def _save_people(session: AsyncSession, people: Sequence[Person]) -> None:
    if people:
        await set_wise(session, _SAVE_PERSON, PERSON_COLUMNS, [person_values(person) for person in people])


async def _emit_people(session: AsyncSession, news: Sequence[Person]) -> None:
    await emit(session, "registry", [(str(person.beneficiary_id), person.fact(), person.event_time) for person in news])


async def _revise_suspicions(session: AsyncSession, known: Mapping[UUID, Person], changed: Sequence[Person]) -> None:
    """Open and withdraw suspicions for the people whose NIK has changed.

    Whoever takes or leaves a NIK holds its lock until the end of the transaction, so that of two who take the same
    one the second sees the first.
    """
    before = {key: person.nik_token for key, person in known.items()}
    moved = {
        person.beneficiary_id: person for person in changed if person.nik_token != before.get(person.beneficiary_id)
    }
    if not moved:
        return
    taken = {token for person in moved.values() if (token := person.nik_token)}
    await _lock_tokens(session, taken | {token for key in moved if (token := before.get(key))})
    suspicions = weigh(
        {key: person.nik_token for key, person in moved.items()},
        await _read_holders(session, taken),
        await _read_suspicions(session, [key for key in moved if key in before]),
    )
    await _save_suspicions(session, suspicions)
    await emit(
        session,
        "registry",
        [
            (str(item.duplicate_id), item.fact(), max(moved[key].event_time for key in item.people if key in moved))
            for item in suspicions
        ],
    )


async def _lock_tokens(session: AsyncSession, tokens: Iterable[str]) -> None:
    """Hold these NIKs until the transaction ends, in order. By 256 buckets: PostgreSQL's table of locks is small.

    On SQLite a writer is alone anyway.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    await run(
        session,
        "SELECT pg_advisory_xact_lock(:space, bucket) FROM unnest(CAST(:buckets AS int[])) AS bucket",
        space=_TOKEN_LOCKS,
        buckets=sorted({int(token[:2], 16) for token in tokens}),
    )


async def _read_holders(session: AsyncSession, tokens: Iterable[str]) -> dict[str, set[UUID]]:
    """All who hold these tokens now."""
    found = await session.execute(
        select(PERSON.c.nik_token, PERSON.c.beneficiary_id).where(PERSON.c.nik_token.in_(sorted(tokens)))
    )
    holders: dict[str, set[UUID]] = defaultdict(set)
    for token, who in found:
        holders[token].add(who)
    return holders


async def _read_suspicions(session: AsyncSession, people: Sequence[UUID]) -> list[Suspicion]:
    """All suspicions about these people, locked: an officer may be deciding one."""
    found = await session.execute(
        select(DUPLICATE)
        .where(or_(DUPLICATE.c.first_id.in_(people), DUPLICATE.c.second_id.in_(people)))
        .order_by(DUPLICATE.c.duplicate_id)
        .with_for_update()
    )
    return [suspicion_of(row) for row in found]


async def _save_suspicions(session: AsyncSession, suspicions: Sequence[Suspicion]) -> None:
    if suspicions:
        await set_wise(
            session,
            """INSERT INTO duplicate (duplicate_id, first_id, second_id, state, version)
               SELECT r.id, r.first_id, r.second_id, r.state, r.version FROM {rows} WHERE true
               ON CONFLICT (duplicate_id) DO UPDATE SET state = excluded.state, version = excluded.version""",
            {"id": "uuid", "first_id": "uuid", "second_id": "uuid", "state": "text", "version": "int"},
            [(item.duplicate_id, *item.people, item.state, item.version) for item in suspicions],
        )
