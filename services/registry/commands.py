"""What the registry does with what it is told, in the caller's transaction: nothing here commits."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry import consents
from services.registry.consents import Statement
from services.registry.decisions import Batch, Person, examine
from services.registry.keys import NikKeys
from services.registry.life import thing_of
from services.registry.likeness import born_key, name_key
from services.registry.lives import amend_receipts, keep_past, past_of
from services.registry.proof import adopt
from services.registry.suspicions import revise_suspicions
from services.registry.tables import PERSON, PERSON_COLUMNS, person_of, person_values
from shared import revision_rows
from shared.database import set_wise
from shared.events.district import BeneficiaryRecorded
from shared.events.envelope import beneficiary_id
from shared.events.receipts import Answer, Verdict
from shared.outbox import emit


class RecordBeneficiary(NamedTuple):
    """Take a district's record of a person. `event_time`, `event_id` and `source` are those of its event."""

    district: str
    record: BeneficiaryRecorded
    event_time: datetime
    event_id: str
    source: str


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
    withdrawn = await consents.withdrawals_of(session, {_id(command) for command in commands})
    batch = Batch(known, past, heard, lambda person: person.content or keys.digest(person.text()))
    said: list[Statement] = []
    for command in commands:  # 2 decide, one after another
        answer, who = examine(command.record, command.district), _id(command)
        if answer.verdict is Verdict.accepted or answer.reason == "no_consent":
            said.append(_said(command))
        if answer.verdict is Verdict.accepted:
            arrived = consents.settle(_person(command, keys), withdrawn[who], keys)
            batch.take(arrived, answer.warnings)
            continue
        batch.judging.answer(answer)
        if answer.reason == "no_consent":
            withdrawn[who].append(said[-1])
            batch.settle(who, partial(consents.settle, withdrawals=tuple(withdrawn[who]), keys=keys))
    changed = batch.changed()
    await _save_people(session, changed)  # 3 save
    await _emit_people(session, batch.news)  # 4 tell
    await revise_suspicions(session, known, changed)  # 5 suspect
    await consents.forget_replies(session, _left(known, changed))
    await keep_past(session, batch.lives.past())  # 6 remember, and warn
    await consents.keep(session, consents.worth_keeping(said, known))
    unwarned = batch.lives.warn(batch.judging.answers)
    await revision_rows.keep(session, batch.judging)
    await amend_receipts(session, unwarned)
    return batch.judging.answers


def _left(known: Mapping[UUID, Person], changed: Sequence[Person]) -> list[UUID]:
    """Who has withdrawn consent by this."""
    named = {who for who, person in known.items() if person.withdrawn_on is None}
    return [person.beneficiary_id for person in changed if person.withdrawn_on and person.beneficiary_id in named]


def _said(command: RecordBeneficiary) -> Statement:
    consent, revision = command.record.consent, command.record.revision
    return consents.statement(_id(command), consent, revision, command.event_time, command.event_id, command.source)


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
        born_block=keys.block(born_key(record.birth_date, record.sex)),
        name_block=keys.block(name_key(record.name, record.birth_date)),
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
    await emit(session, "registry", [(str(person.beneficiary_id), person.fact(), person.told_at) for person in news])
