"""What each event said of a person's consent (UU 27/2022 Art. 9, 24-26): the highest statement decides, in any order.

Who withdrew keeps what totals are made of; the name, the NIK and the day of birth go.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.decisions import Person
from services.registry.keys import NikKeys
from services.registry.tables import CONSENT
from shared.database import run, set_wise
from shared.events.district import Consent
from shared.events.envelope import microseconds
from shared.revisions import Mark


class Statement(NamedTuple):
    """One event's word on consent. Of nearly everybody there is one, in the person's row, and none kept beside it."""

    beneficiary_id: UUID
    revision: int
    event_time: datetime
    event_id: str
    source: str
    given: bool
    by: str
    form: str
    on: date

    @property
    def mark(self) -> Mark:
        return Mark(self.revision, microseconds(self.event_time), self.event_id, self.source)

    @property
    def says(self) -> tuple[bool, str, str, date]:
        return self.given, self.by, self.form, self.on


def statement(
    who: UUID, consent: Consent, revision: int, event_time: datetime, event_id: str, source: str
) -> Statement:
    given = consent.given, consent.by, consent.form, consent.on
    return Statement(who, revision, event_time, event_id, source, *given)


def of_person(person: Person) -> Statement:
    """That of the record in force."""
    record = person.record
    return statement(
        person.beneficiary_id, record.consent, record.revision, person.event_time, person.event_id, person.source
    )


def history(statements: Iterable[Statement]) -> list[Statement]:
    """From the lowest to the highest, each that says something else than the one before it."""
    found: list[Statement] = []
    for one in sorted(set(statements), key=lambda each: each.mark):
        if not found or found[-1].says != one.says:
            found.append(one)
    return found


def settle(person: Person, withdrawals: Collection[Statement], keys: NikKeys) -> Person:
    """The person as they may be kept: without what names them if the highest statement withdraws consent.

    It is withdrawn since the first of those above the record in force, however often that is said again.
    """
    above = [one for one in withdrawals if not one.mark < person.mark]
    if not above:
        return person
    withdrawal = min(above, key=lambda one: (one.event_time, one.mark))
    if person.withdrawn_on is not None:
        said = withdrawal.on, withdrawal.event_time
        same = (person.withdrawn_on, person.withdrawn_at) == said
        return person if same else replace(person, withdrawn_on=withdrawal.on, withdrawn_at=withdrawal.event_time)
    nobodys = keys.block(f"withdrawn/{person.beneficiary_id}")  # shared with nobody, so compared with nobody
    return replace(
        person,
        record=replace(person.record, name="", birth_date=date(person.record.birth_date.year, 1, 1)),
        nik_token=None,
        nik_sealed=None,
        born_block=nobodys,
        name_block=nobodys,
        withdrawn_on=withdrawal.on,
        withdrawn_at=withdrawal.event_time,
        content=keys.digest(person.text()),
    )


async def forget_replies(session: AsyncSession, people: Sequence[UUID]) -> None:
    """Take what names these people out of the answers that are kept for a retry of an officer's call.

    The caller holds their pairs, which is what such answers are about: none is on its way with a name.
    """
    for who in people:
        found = await run(session, "SELECT sub, key, body FROM reply WHERE body LIKE :about", about=f"%{who}%")
        for sub, key, body in found.all():
            answer = msgspec.json.decode(body)
            for shown in answer.get("people", ()):
                if shown["beneficiary_id"] == str(who):
                    shown |= {"name": None, "birth_date": None, "nik_last_four": None}
            await run(
                session,
                "UPDATE reply SET body = :body WHERE sub = :sub AND key = :key",
                body=msgspec.json.encode(answer).decode(),
                sub=sub,
                key=key,
            )


_COLUMNS = {
    "beneficiary_id": "uuid",
    "revision": "int",
    "event_time": "timestamptz",
    "event_id": "text",
    "source": "text",
    "given": "boolean",
    "given_by": "text",
    "form": "text",
    "said_on": "date",
}
_PICKED = [CONSENT.c[name] for name in _COLUMNS]


async def statements_of(session: AsyncSession, people: Collection[UUID]) -> Sequence[Statement]:
    """Those kept beside the records in force."""
    found = await session.execute(select(*_PICKED).where(CONSENT.c.beneficiary_id.in_(sorted(people))))
    return [Statement(*row) for row in found]


async def withdrawals_of(session: AsyncSession, people: Collection[UUID]) -> defaultdict[UUID, list[Statement]]:
    """All withdrawals of each who ever withdrew."""
    found = await session.execute(
        select(*_PICKED).where(CONSENT.c.beneficiary_id.in_(sorted(people)), CONSENT.c.given.is_(False))
    )
    withdrawals: defaultdict[UUID, list[Statement]] = defaultdict(list)
    for row in found:
        one = Statement(*row)
        withdrawals[one.beneficiary_id].append(one)
    return withdrawals


def worth_keeping(said: Sequence[Statement], known: Mapping[UUID, Person]) -> list[Statement]:
    """Of those heard now: withdrawals, and whatever is not the only word on somebody. With it the word before it."""
    counts: dict[UUID, int] = {}
    for one in said:
        counts[one.beneficiary_id] = counts.get(one.beneficiary_id, 0) + 1
    several = {who for who, count in counts.items() if count > 1 or who in known}
    kept = [one for one in said if not one.given or one.beneficiary_id in several]
    return [*(of_person(known[who]) for who in sorted(several & known.keys())), *kept]


async def keep(session: AsyncSession, statements: Collection[Statement]) -> None:
    if statements:
        await set_wise(
            session,
            f"""INSERT INTO consent ({", ".join(_COLUMNS)}) SELECT {", ".join(f"r.{name}" for name in _COLUMNS)}
                FROM {{rows}} WHERE true ON CONFLICT DO NOTHING""",
            _COLUMNS,
            sorted(set(statements)),
        )
