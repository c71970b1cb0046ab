"""How events change grants: set-wise, one answer each, and to the same rows in whatever order they arrive."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import aliases, assets, rules
from services.grants.assessing import assess, reassess, reassess_records
from services.grants.assets import Source
from services.grants.locks import lock_aliases, lock_serials
from services.grants.news import handover_waits_for, local_day, next_fact, tell
from services.grants.rules import GrantStatus
from services.grants.tables import CLOSED, OPEN, PAID, Beneficiary, Grant, Handover, Suspicion, asked, said
from shared.database import set_wise
from shared.events import facts
from shared.events.catalogue import NAMES, Event
from shared.events.district import GrantHandedOver, GrantRequested
from shared.events.envelope import beneficiary_id, grant_id
from shared.events.receipts import Answer, accepted, duplicate, rejected, superseded, waiting
from shared.inbox import Handler, wake
from shared.revisions import mark_of

F = TypeVar("F", bound=facts.Fact)


def handlers() -> Mapping[str, Handler]:
    """In this order: what is said of people first, so that the requests beside it find them known."""
    return {
        NAMES[facts.BeneficiaryRegistered]: keep_people,
        NAMES[facts.BeneficiaryUpdated]: keep_people,
        NAMES[facts.DuplicateSuspected]: keep_suspicions,
        NAMES[facts.DuplicateDecided]: keep_suspicions,
        NAMES[GrantRequested]: take_requests,
        NAMES[GrantHandedOver]: take_handovers,
    }


# Facts of the registry


async def keep_people(session: AsyncSession, events: Sequence[Event]) -> Sequence[Answer]:
    """The newest version of each person; who was waited for is known from now on."""
    told: list[facts.Beneficiary] = [event.data for event in events]
    known = await _versions(session, Beneficiary, {fact.beneficiary_id for fact in told})
    answers, newest = _newest(told, known, lambda fact: fact.beneficiary_id)
    if newest:
        await set_wise(session, _KEEP_PERSON, _PERSON_COLUMNS, [_person_row(fact) for fact in newest.values()])
        await wake(session, [_request_waits_for(number) for number in newest.keys() - known.keys()])
        await reassess(session, newest.keys() & known.keys())
    return answers


async def keep_suspicions(session: AsyncSession, events: Sequence[Event]) -> Sequence[Answer]:
    """The newest state of each suspected pair; a person is suspected while any pair with their NIK is undecided.

    Those who are merely similar are a question to the registry's officers, and keep nobody from aid. Who was, or is
    from now on, one person with somebody of these pairs is judged anew as well.
    """
    told: list[facts.DuplicateSuspected | facts.DuplicateDecided] = [event.data for event in events]
    known = await _versions(session, Suspicion, {fact.duplicate_id for fact in told})
    answers, newest = _newest(told, known, lambda fact: fact.duplicate_id)
    if newest:
        await lock_aliases(session)
        people = {person for fact in newest.values() for person in fact.beneficiary_ids}
        before = await aliases.same_as(session, people)
        rows = [
            (number, fact.version, *fact.beneficiary_ids, _undecided(fact), _same(fact))
            for number, fact in newest.items()
        ]
        await set_wise(session, _KEEP_SUSPICION, _SUSPICION_COLUMNS, rows)
        after = await aliases.same_as(session, people)
        await reassess_records(session, {record for group in (*before.values(), *after.values()) for record in group})
    return answers


def _undecided(fact: facts.DuplicateSuspected | facts.DuplicateDecided) -> bool:
    return isinstance(fact, facts.DuplicateSuspected) and fact.because == "same_nik"


def _same(fact: facts.DuplicateSuspected | facts.DuplicateDecided) -> bool:
    return isinstance(fact, facts.DuplicateDecided) and fact.decision == "same"


_KEEP_PERSON = """
INSERT INTO beneficiaries (id, version, district, status, birth_year, leaves_unit_on, withdrawn_at)
SELECT r.id, r.version, r.district, r.status, r.birth_year, r.leaves_unit_on, r.withdrawn_at FROM {rows} WHERE true
ON CONFLICT (id) DO UPDATE SET version = excluded.version, district = excluded.district, status = excluded.status,
    birth_year = excluded.birth_year, leaves_unit_on = excluded.leaves_unit_on, withdrawn_at = excluded.withdrawn_at
"""
_PERSON_COLUMNS = {
    "id": "uuid",
    "version": "bigint",
    "district": "text",
    "status": "text",
    "birth_year": "int",
    "leaves_unit_on": "date",
    "withdrawn_at": "timestamptz",
}
_KEEP_SUSPICION = """
INSERT INTO suspicions (id, version, first_id, second_id, undecided, same)
SELECT r.id, r.version, r.first_id, r.second_id, r.undecided, r.same FROM {rows} WHERE true
ON CONFLICT (id) DO UPDATE SET version = excluded.version, first_id = excluded.first_id,
    second_id = excluded.second_id, undecided = excluded.undecided, same = excluded.same
"""
_SUSPICION_COLUMNS = {
    "id": "uuid",
    "version": "bigint",
    "first_id": "uuid",
    "second_id": "uuid",
    "undecided": "boolean",
    "same": "boolean",
}


def _person_row(fact: facts.Beneficiary) -> tuple[object, ...]:
    return (
        fact.beneficiary_id,
        fact.version,
        fact.district,
        fact.status.value,
        fact.birth_year,
        fact.leaves_unit_on,
        fact.consent_withdrawn_at or None,
    )


async def _versions(
    session: AsyncSession, table: type[Beneficiary] | type[Suspicion], numbers: Collection[UUID]
) -> dict[UUID, int]:
    found = await session.execute(select(col(table.id), col(table.version)).where(col(table.id).in_(numbers)))
    return {row.id: row.version for row in found}


def _newest(
    told: Iterable[F], known: Mapping[UUID, int], number_of: Callable[[F], UUID]
) -> tuple[list[Answer], dict[UUID, F]]:
    """The answer to each fact, and of those newer than what is known the newest of each aggregate."""
    answers, newest = [], dict[UUID, F]()
    for fact in told:
        number = number_of(fact)
        version = newest[number].version if number in newest else known.get(number, 0)
        if fact.version > version:
            newest[number] = fact
        answers.append(accepted() if fact.version > version else superseded())
    return answers, newest


# Requests


@dataclass(frozen=True)
class _Requests:
    """A list of requests on their way into the grants they concern."""

    known: Mapping[UUID, datetime | None]
    """Who is known, and when they withdrew consent."""
    grants: dict[UUID, Grant]
    changed: dict[UUID, Grant] = field(default_factory=dict)
    news: list[tuple[facts.Grant, datetime]] = field(default_factory=list)


async def take_requests(session: AsyncSession, events: Sequence[Event]) -> Sequence[Answer]:
    """New grants, and other content for those that nobody has verified yet."""
    people = {_person(event) for event in events}
    found = await session.execute(
        select(col(Beneficiary.id), col(Beneficiary.withdrawn_at)).where(col(Beneficiary.id).in_(people))
    )
    known = {row.id: row.withdrawn_at for row in found}
    await aliases.hold(session, people)
    grants = await _grants(session, {_grant(event) for event in events})
    work = _Requests(known, {grant.id: grant for grant in grants})
    answers = [_request(work, event) for event in events]
    session.add_all(work.changed.values())
    await assess(session, [grant for grant in work.changed.values() if grant.status in OPEN])
    await tell(session, work.news)
    return answers


def _request(work: _Requests, event: Event) -> Answer:
    data: GrantRequested = event.data
    wrong = rules.amount_matches(data.kind, data.items, data.amount)
    if wrong:
        return rejected(wrong)
    person = _person(event)
    if person not in work.known:
        return waiting("unknown_beneficiary", _request_waits_for(person))
    withdrawn_at = work.known[person]
    if withdrawn_at is not None and event.envelope.time >= withdrawn_at:
        return rejected("no_consent")
    grant = work.grants.get(_grant(event))
    return _replace(work, grant, event) if grant else _begin(work, event)


def _begin(work: _Requests, event: Event) -> Answer:
    values = asked(event.data, event.envelope, _person(event))
    grant = Grant(id=_grant(event), district=_district(event), grant_ref=event.data.grant_ref, **values)
    work.grants[grant.id] = grant
    return _put(work, grant, event)


def _replace(work: _Requests, grant: Grant, event: Event) -> Answer:
    """The later event is in force, by its own time; its like is the same request and only lifts the rank."""
    alike = grant.asks_like(event.data)
    if not alike and grant.status != GrantStatus.requested:
        return rejected("already_in_progress")
    if mark_of(event.envelope) <= grant.mark:
        return duplicate() if alike else superseded()
    same_day = local_day(grant.requested_at) == local_day(event.envelope.time)
    grant.sqlmodel_update(asked(event.data, event.envelope, _person(event)))
    if alike and (same_day or grant.status != GrantStatus.requested):
        work.changed[grant.id] = grant
    else:
        _put(work, grant, event)
    return duplicate() if alike else accepted()


def _put(work: _Requests, grant: Grant, event: Event) -> Answer:
    moment = event.envelope.time
    work.changed[grant.id] = grant
    work.news.append((next_fact(grant, "request", local_day(moment)), moment))
    return accepted()


# Handovers


@dataclass(frozen=True)
class _Handovers:
    """A list of handovers on their way to the grants they concern."""

    grants: Mapping[UUID, Grant]
    handovers: dict[UUID, Handover]
    news: list[tuple[facts.Grant, datetime]] = field(default_factory=list)
    displaced: list[tuple[str, str, str]] = field(default_factory=list)
    """(district, event id, source) of handovers that stood until an earlier one arrived."""
    changed: set[UUID] = field(default_factory=set)
    """The grants whose handover in force is another than before."""
    former: list[Source] = field(default_factory=list)
    """Events of those that are no longer in force."""


async def take_handovers(session: AsyncSession, events: Sequence[Event]) -> Sequence[Answer]:
    """Of different handovers of one grant the earliest stands, by its own time: so any order ends alike."""
    await lock_serials(session)
    numbers = {_grant(event) for event in events}
    found = await session.scalars(select(Handover).where(col(Handover.grant_id).in_(numbers)))
    work = _Handovers(
        {grant.id: grant for grant in await _grants(session, numbers)},
        {handover.grant_id: handover for handover in found},
    )
    answers: dict[int, Answer] = {}
    for place in sorted(range(len(events)), key=lambda place: mark_of(events[place].envelope)):
        answers[place] = _hand_over(work, events[place])
    session.add_all(work.handovers.values())
    await _amend_receipts(session, work.displaced)
    handed = [(work.grants[number], work.handovers[number]) for number in sorted(work.changed)]
    await tell(session, work.news)
    contested = await assets.keep(session, handed, work.former)
    return [_warned(work, events[place], answers[place], contested) for place in range(len(events))]


def _hand_over(work: _Handovers, event: Event) -> Answer:
    number = _grant(event)
    grant = work.grants.get(number)
    if grant is None:
        return waiting("unknown_grant", handover_waits_for(number))
    if grant.status in CLOSED:
        return rejected("grant_closed")
    if grant.status not in PAID:
        return waiting("not_disbursed", handover_waits_for(number))
    if event.envelope.subject != grant.district_ref:
        return rejected("subject_mismatch")
    handover = work.handovers.get(number)
    return _compare(work, grant, handover, event) if handover else _receive(work, grant, event)


def _warned(work: _Handovers, event: Event, answer: Answer, contested: Collection[UUID]) -> Answer:
    """The event in force is warned when another has what it hands over."""
    handover = work.handovers.get(_grant(event))
    if handover is None or handover.grant_id not in contested or handover.mark != mark_of(event.envelope):
        return answer
    return replace(answer, warnings=(*answer.warnings, assets.WARNING))


def _receive(work: _Handovers, grant: Grant, event: Event) -> Answer:
    work.changed.add(grant.id)
    work.handovers[grant.id] = Handover(grant_id=grant.id, **said(event.data, event.envelope))
    grant.status = GrantStatus.handed_over.value
    return _tell_of(work, grant, event)


def _compare(work: _Handovers, grant: Grant, handover: Handover, event: Event) -> Answer:
    earlier = mark_of(event.envelope) < handover.mark
    if handover.says_like(event.data):
        if earlier:
            _supersede(work, grant, handover, event)
        return duplicate()
    if not earlier:
        return rejected("already_handed_over")
    work.displaced.append((grant.district, handover.event_id, handover.source))
    _supersede(work, grant, handover, event)
    return _tell_of(work, grant, event)


def _supersede(work: _Handovers, grant: Grant, handover: Handover, event: Event) -> None:
    work.changed.add(grant.id)
    work.former.append(Source(grant.district, handover.event_id, handover.source))
    handover.sqlmodel_update(said(event.data, event.envelope))


def _tell_of(work: _Handovers, grant: Grant, event: Event) -> Answer:
    work.news.append((next_fact(grant, "hand_over", event.data.on), event.envelope.time))
    return accepted()


async def _amend_receipts(session: AsyncSession, displaced: Sequence[tuple[str, str, str]]) -> None:
    """Say on the receipts of these handovers what they would have been told, had they arrived in order."""
    if displaced:
        await set_wise(
            session,
            """UPDATE inbox SET verdict = 'rejected', reason = 'already_handed_over' FROM {rows}
               WHERE inbox.district = r.district AND inbox.event_id = r.event_id AND inbox.source = r.source""",
            {"district": "text", "event_id": "text", "source": "text"},
            displaced,
        )


# Both


async def _grants(session: AsyncSession, numbers: Collection[UUID]) -> Sequence[Grant]:
    await aliases.hold_of(session, numbers)
    found = await session.scalars(
        select(Grant).where(col(Grant.id).in_(numbers)).order_by(col(Grant.id)).with_for_update()
    )
    return found.all()


def _grant(event: Event) -> UUID:
    return grant_id(_district(event), event.data.grant_ref)


def _person(event: Event) -> UUID:
    return beneficiary_id(_district(event), event.data.district_ref)


def _district(event: Event) -> str:
    assert event.district is not None, "a district's event comes on that district's topic"
    return event.district


def _request_waits_for(person: UUID) -> str:
    return f"beneficiary/{person}"
