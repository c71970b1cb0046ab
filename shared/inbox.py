"""Applies records inside the caller's transaction: decode, judge duplicates, let the handlers decide, write receipts.

It never commits. Every permutation and repetition of the same records ends in the same state, because duplicates are
judged by (source, id) and what refers to something unknown waits.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from shared import inbox_rows as rows
from shared.database import lock_districts, run, set_wise
from shared.events import receipts
from shared.events.catalogue import Event, Invalid, Undecodable, decode, topic_district
from shared.events.clock import TIME_IN_FUTURE, judge_clock
from shared.events.control import MANIFEST
from shared.events.districts import DISTRICTS
from shared.events.envelope import Record, microseconds, source_district
from shared.events.facts import DuplicateDecided
from shared.events.receipts import Answer, Verdict
from shared.inbox_rows import Arrival, Seen
from shared.telemetry import Metrics

Handler = Callable[[AsyncSession, Sequence[Event]], Awaitable[Sequence[Answer]]]
"""Applies events of one type, in order, set-wise; one answer each. It must come to the same state in any order."""


class Inbox:
    """The handlers of one service and how records reach them."""

    def __init__(self, handlers: Mapping[str, Handler], metrics: Metrics) -> None:
        self._handlers = handlers
        self._metrics = metrics

    async def apply(self, session: AsyncSession, records: Sequence[Record]) -> None:
        """Bring each record to a verdict or into waiting, then whatever that set free."""
        arrivals = [arrival for record in records if (arrival := self._read(record)) is not None]
        held = _districts(arrivals)
        await lock_districts(session, held)
        fresh, again = await rows.split_seen(session, arrivals)
        kept = await _hold_back(session, fresh)
        for part in (_others(kept), _manifests(kept)):  # a manifest counts what came beside it, too
            answered = await self._answer(session, part)
            await rows.quarantine(session, [pair for pair in answered if pair[1].verdict is Verdict.quarantined])
            await rows.park(session, [pair for pair in answered if pair[1].waits_for is not None])
            await rows.record_new(session, answered)
            self._count(answered)
        await rows.record_again(session, again)
        await self.drain(session, held)

    async def drain(self, session: AsyncSession, held: Collection[str] | None = None) -> int:
        """Apply the waiting events that `wake` has set free, until none is left. Returns how many came to a verdict.

        `held`: the districts this transaction has locked; it takes no other's events, for it must lock no more. Without
        it the first events found say which districts are locked.
        """
        total = 0
        while ready := await rows.take_ready(session, held):
            read = [(number, self._read(record)) for number, record in ready]
            numbers = {id(arrival): number for number, arrival in read}
            arrivals = [arrival for _, arrival in read if arrival is not None]
            if held is None:
                held = _districts(arrivals)
                await lock_districts(session, held)
            answered = await self._answer(session, arrivals)
            still = [pair for pair in answered if pair[1].waits_for]
            done = [pair for pair in answered if not pair[1].waits_for]
            await rows.park_again(session, [(numbers[id(arrival)], answer) for arrival, answer in still])
            await rows.amend(session, still)
            await rows.leave_waiting(
                session, {number for number, _ in ready} - {numbers[id(arrival)] for arrival, _ in still}
            )
            await rows.quarantine(session, [pair for pair in done if pair[1].verdict is Verdict.quarantined])
            await rows.record_verdicts(session, done)
            self._count(done)
            total += len(done)
        return total

    async def redrive(self, session: AsyncSession, number: int) -> Answer | None:
        """Apply a quarantined record once. Returns the answer, or None when it is not held (any more).

        A record that still cannot be read stays where it is, with the answer saying why.
        """
        held = await rows.take_held(session, number)
        if held is None:
            return None
        record, known_as = held
        await lock_districts(session, _district_or_all(known_as))
        arrival = self._read(record)
        if arrival is None:  # a fact whose type was unknown, and by now need not be followed
            arrival = Arrival(known_as, "", record, None, receipts.accepted())
        _, seen = await rows.split_seen(session, [arrival] if arrival.key != known_as else [])
        answers = [(arrival, receipts.duplicate())] if seen else await self._answer(session, [arrival])
        answer = answers[0][1]
        if answer.verdict is Verdict.quarantined:
            return answer
        await self._release(session, number, record, "redriven")
        await rows.park(session, [pair for pair in answers if pair[1].waits_for is not None])
        if arrival.key == known_as:
            await rows.record_verdicts(session, answers)
        else:  # nobody could read its id until now
            await rows.forget(session, known_as)
            await (rows.record_again(session, seen) if seen else rows.record_new(session, answers))
        await self.drain(session, _district_or_all(known_as))
        return answer

    async def discard(self, session: AsyncSession, number: int) -> bool:
        """Give a quarantined record up, with a receipt that says so. False when it is not held (any more)."""
        held = await rows.take_held(session, number)
        if held is None:
            return False
        record, known_as = held
        await lock_districts(session, _district_or_all(known_as))
        arrival = self._read(record)
        await self._release(session, number, record, "discarded")
        given_up = Arrival(
            known_as, arrival.type if arrival else "", record, None, None, time_us=arrival.time_us if arrival else None
        )
        await rows.record_verdicts(session, [(given_up, receipts.rejected("discarded"))])
        await self.drain(session, _district_or_all(known_as))
        return True

    def _read(self, record: Record) -> Arrival | None:
        """The arrival of a record, or None for a fact that this service does not follow."""
        district = topic_district(record.topic)
        try:
            event = decode(record)
        except Undecodable as error:
            answer = receipts.quarantined(error.reason, error.detail)
            envelope = error.envelope
            place = f"{record.topic}/{record.partition}/{record.offset}"
            if envelope is None:
                return Arrival(Seen(district or "", place, ""), "", record, None, answer)
            key = Seen(district or "", envelope.id, envelope.source)
            return Arrival(key, envelope.type, record, None, answer, time_us=microseconds(envelope.time))
        except Invalid as error:
            key = Seen(district or "", error.envelope.id, error.envelope.source)
            answer = receipts.rejected("invalid_data", error.detail)
            if district is None:  # a fact of ours that we cannot read: a mistake to be mended, not the sender's
                answer = receipts.quarantined("invalid_data", error.detail)
            elif source_district(error.envelope.source) != district:
                answer = receipts.rejected("district_mismatch")
            return Arrival(key, error.envelope.type, record, None, answer, time_us=microseconds(error.envelope.time))
        envelope = event.envelope
        if district is None and envelope.type not in self._handlers:
            return None
        clock = None if district is None else judge_clock(event.time_us, record.taken_us)
        refusal = self._refuse(event, district)
        if refusal is None and clock == TIME_IN_FUTURE:
            refusal = receipts.rejected(TIME_IN_FUTURE)
        key = Seen(district or "", envelope.id, envelope.source)
        return Arrival(key, envelope.type, record, event, refusal, clock, time_us=event.time_us)

    def _refuse(self, event: Event, district: str | None) -> Answer | None:
        """What is wrong with an event before anyone looks into its data."""
        if district is None:
            return None
        if source_district(event.envelope.source) != district:
            return receipts.rejected("district_mismatch")
        if event.envelope.type not in self._handlers:
            return receipts.rejected("wrong_topic")
        ref = getattr(event.data, "district_ref", None)
        if ref is not None and ref != event.envelope.subject:
            return receipts.rejected("subject_mismatch")
        return None

    async def _answer(self, session: AsyncSession, arrivals: Sequence[Arrival]) -> list[tuple[Arrival, Answer]]:
        """One answer per arrival, in their order. Types are applied in the order of the service's map of handlers."""
        by_type: dict[str, list[int]] = defaultdict(list)
        answers: list[Answer | None] = [arrival.answer for arrival in arrivals]
        for place, arrival in enumerate(arrivals):
            if arrival.answer is None:
                by_type[arrival.type].append(place)
        for name, handler in self._handlers.items():
            if places := by_type.get(name):
                events = [event for place in places if (event := arrivals[place].event) is not None]
                for place, answer in zip(places, await handler(session, events), strict=True):
                    answers[place] = answer
        return [
            (arrival, _warned(answer, arrival.warning) if arrival.warning else answer)
            for arrival, answer in zip(arrivals, answers, strict=True)
            if answer is not None
        ]

    async def _release(self, session: AsyncSession, number: int, record: Record, state: str) -> None:
        """What is no longer held keeps no content: it may be a person's, and the log has it for as long as it may."""
        await run(
            session,
            "UPDATE quarantine SET state = :state, value = NULL, headers = :none WHERE id = :id",
            state=state,
            none=b"[]",
            id=number,
        )
        if record.key is not None:
            held = await rows.blocked_keys(session, {record.topic})
            if (record.topic, record.key) not in held:
                await wake(session, [rows.quarantine_key(record)])

    def _count(self, answered: Sequence[tuple[Arrival, Answer]]) -> None:
        self._metrics.count("events_applied_total", len(answered))
        self._metrics.count("quarantined_total", sum(answer.verdict is Verdict.quarantined for _, answer in answered))


async def wake(session: AsyncSession, waited_for: Iterable[str]) -> None:
    """Set free the events that wait for these, e.g. `beneficiary/<id>`. They are applied by the next drain."""
    names = [(name,) for name in sorted(set(waited_for))]
    if names:
        await set_wise(
            session,
            "UPDATE waiting SET ready = true WHERE NOT ready AND waits_for IN (SELECT r.name FROM {rows})",
            {"name": "text"},
            names,
        )


def _warned(answer: Answer, code: str) -> Answer:
    """A rejection warns of nothing: it says what is wrong itself."""
    if answer.verdict is Verdict.rejected:
        return answer
    return msgspec.structs.replace(answer, warnings=(*answer.warnings, code))


async def _hold_back(session: AsyncSession, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Events behind a quarantined one of their key wait, whether that came in an earlier batch or in this one."""
    blocked = await rows.blocked_keys(session, {arrival.record.topic for arrival in arrivals})
    kept = []
    for arrival in arrivals:
        place = (arrival.record.topic, arrival.record.key)
        if arrival.answer is None and place in blocked:
            behind = receipts.waiting("behind_quarantine", rows.quarantine_key(arrival.record))
            kept.append(arrival._replace(answer=behind))
            continue
        if arrival.answer is not None and arrival.answer.verdict is Verdict.quarantined and place[1] is not None:
            blocked.add(place)
        kept.append(arrival)
    return kept


def _others(arrivals: Sequence[Arrival]) -> list[Arrival]:
    return [arrival for arrival in arrivals if arrival.type != MANIFEST]


def _manifests(arrivals: Sequence[Arrival]) -> list[Arrival]:
    return [arrival for arrival in arrivals if arrival.type == MANIFEST]


def _districts(arrivals: Sequence[Arrival]) -> set[str]:
    """The districts that these events touch. A fact that names none may touch any."""
    found = {code for arrival in arrivals for code in _districts_of(arrival)}
    return set(DISTRICTS) if "" in found else found


def _districts_of(arrival: Arrival) -> Collection[str]:
    if arrival.key.district:
        return (arrival.key.district,)
    fact = arrival.event and arrival.event.data
    if isinstance(fact, DuplicateDecided):
        return ("",)  # rare, and the person may have a third record anywhere
    return getattr(fact, "districts", None) or (getattr(fact, "district", ""),)


def _district_or_all(seen: Seen) -> Collection[str]:
    """What to lock for an event that may not be readable, so that none is parked behind it while it is released."""
    return {seen.district} if seen.district else DISTRICTS
