"""Applies records inside the caller's transaction: decode, judge duplicates, let the handlers decide, write receipts.

It never commits. Every permutation and repetition of the same records ends in the same state, because duplicates are
judged by (source, id) and what refers to something unknown waits.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import insert, lock_districts, now, run, run_many, set_wise
from shared.events import receipts
from shared.events.catalogue import Event, Invalid, Undecodable, decode, topic_district
from shared.events.districts import DISTRICTS
from shared.events.envelope import Record, source_district
from shared.events.receipts import Answer, Receipt, Verdict
from shared.outbox import emit_receipts
from shared.telemetry import Metrics

Handler = Callable[[AsyncSession, Sequence[Event]], Awaitable[Sequence[Answer]]]
"""Applies events of one type, in order, set-wise; one answer each. It must come to the same state in any order."""

_DRAIN = 1000
_record_headers = msgspec.json.Decoder(tuple[tuple[str, bytes], ...])


class _Seen(NamedTuple):
    district: str
    event_id: str
    source: str


class _Arrival(NamedTuple):
    """A record on its way to a verdict. Exactly one of `event` and `answer` is set at first."""

    key: _Seen
    type: str
    record: Record
    event: Event | None
    answer: Answer | None


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
        fresh, again = await _split_seen(session, arrivals)
        answered = await self._answer(session, await _hold_back(session, fresh))
        await _quarantine(session, [pair for pair in answered if pair[1].verdict is Verdict.quarantined])
        await _park(session, [pair for pair in answered if pair[1].waits_for is not None])
        await _record_new(session, answered)
        await _record_again(session, again)
        self._count(answered)
        await self.drain(session, held)

    async def drain(self, session: AsyncSession, held: Collection[str] | None = None) -> int:
        """Apply the waiting events that `wake` has set free, until none is left. Returns how many came to a verdict.

        `held`: the districts this transaction has locked; it takes no other's events, for it must lock no more. Without
        it the first events found say which districts are locked.
        """
        total = 0
        while ready := await _take_ready(session, held):
            read = [(number, self._read(record)) for number, record in ready]
            numbers = {id(arrival): number for number, arrival in read}
            arrivals = [arrival for _, arrival in read if arrival is not None]
            if held is None:
                held = _districts(arrivals)
                await lock_districts(session, held)
            answered = await self._answer(session, arrivals)
            still = [pair for pair in answered if pair[1].waits_for]
            done = [pair for pair in answered if not pair[1].waits_for]
            await _park_again(session, [(numbers[id(arrival)], answer) for arrival, answer in still])
            await _amend(session, still)
            await _leave_waiting(
                session, {number for number, _ in ready} - {numbers[id(arrival)] for arrival, _ in still}
            )
            await _quarantine(session, [pair for pair in done if pair[1].verdict is Verdict.quarantined])
            await _record_verdicts(session, done)
            self._count(done)
            total += len(done)
        return total

    async def redrive(self, session: AsyncSession, number: int) -> Answer | None:
        """Apply a quarantined record once. Returns the answer, or None when it is not held (any more).

        A record that still cannot be read stays where it is, with the answer saying why.
        """
        held = await _take_held(session, number)
        if held is None:
            return None
        record, known_as = held
        await lock_districts(session, _district_or_all(known_as))
        arrival = self._read(record)
        if arrival is None:  # a fact whose type was unknown, and by now need not be followed
            arrival = _Arrival(known_as, "", record, None, receipts.accepted())
        _, seen = await _split_seen(session, [arrival] if arrival.key != known_as else [])
        answers = [(arrival, receipts.duplicate())] if seen else await self._answer(session, [arrival])
        answer = answers[0][1]
        if answer.verdict is Verdict.quarantined:
            return answer
        await self._release(session, number, record, "redriven")
        await _park(session, [pair for pair in answers if pair[1].waits_for is not None])
        if arrival.key == known_as:
            await _record_verdicts(session, answers)
        else:  # nobody could read its id until now
            await _forget(session, known_as)
            await (_record_again(session, seen) if seen else _record_new(session, answers))
        await self.drain(session, _district_or_all(known_as))
        return answer

    async def discard(self, session: AsyncSession, number: int) -> bool:
        """Give a quarantined record up, with a receipt that says so. False when it is not held (any more)."""
        held = await _take_held(session, number)
        if held is None:
            return False
        record, known_as = held
        await lock_districts(session, _district_or_all(known_as))
        arrival = self._read(record)
        await self._release(session, number, record, "discarded")
        given_up = _Arrival(known_as, arrival.type if arrival else "", record, None, None)
        await _record_verdicts(session, [(given_up, receipts.rejected("discarded"))])
        await self.drain(session, _district_or_all(known_as))
        return True

    def _read(self, record: Record) -> _Arrival | None:
        """The arrival of a record, or None for a fact that this service does not follow."""
        district = topic_district(record.topic)
        place = f"{record.topic}/{record.partition}/{record.offset}"
        try:
            event = decode(record)
        except Undecodable as error:
            answer = receipts.quarantined(error.reason, error.detail)
            envelope = error.envelope
            key = _Seen(district or "", envelope.id, envelope.source) if envelope else _Seen(district or "", place, "")
            return _Arrival(key, envelope.type if envelope else "", record, None, answer)
        except Invalid as error:
            key = _Seen(district or "", error.envelope.id, error.envelope.source)
            answer = receipts.rejected("invalid_data", error.detail)
            if district is None:  # a fact of ours that we cannot read: a mistake to be mended, not the sender's
                answer = receipts.quarantined("invalid_data", error.detail)
            elif source_district(error.envelope.source) != district:
                answer = receipts.rejected("district_mismatch")
            return _Arrival(key, error.envelope.type, record, None, answer)
        envelope = event.envelope
        if district is None and envelope.type not in self._handlers:
            return None
        return _Arrival(
            _Seen(district or "", envelope.id, envelope.source),
            envelope.type,
            record,
            event,
            self._refuse(event, district),
        )

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

    async def _answer(self, session: AsyncSession, arrivals: Sequence[_Arrival]) -> list[tuple[_Arrival, Answer]]:
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
        return [(arrival, answer) for arrival, answer in zip(arrivals, answers, strict=True) if answer is not None]

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
            held = await _blocked_keys(session, {record.topic})
            if (record.topic, record.key) not in held:
                await wake(session, [_quarantine_key(record)])

    def _count(self, answered: Sequence[tuple[_Arrival, Answer]]) -> None:
        self._metrics.count("events_applied_total", len(answered))
        self._metrics.count("quarantined_total", sum(answer.verdict is Verdict.quarantined for _, answer in answered))


async def wake(session: AsyncSession, waited_for: Iterable[str]) -> None:
    """Set free the events that wait for these, e.g. `beneficiary/<id>`. They are applied by the next drain."""
    rows = [(name,) for name in sorted(set(waited_for))]
    if rows:
        await set_wise(
            session,
            "UPDATE waiting SET ready = true WHERE NOT ready AND waits_for IN (SELECT r.name FROM {rows})",
            {"name": "text"},
            rows,
        )


async def warn_conflict(session: AsyncSession, district: str, event_ids: Sequence[str], *, superseded: bool) -> None:
    """Amend the receipts of events that lost or won against other content of the same revision after their verdict.

    The amended receipt is what `GET /v1/receipts` shows; the topic keeps one final verdict per event.
    """
    if not event_ids:
        return
    verdict = ", verdict = 'superseded', reason = 'revision_conflict'" if superseded else ""
    await set_wise(
        session,
        f"""UPDATE inbox SET
            warnings = trim(replace(' ' || warnings || ' ', ' revision_conflict ', ' ') || 'revision_conflict'){verdict}
            WHERE district = :district AND verdict IN ('accepted', 'superseded', 'duplicate')
              AND event_id IN (SELECT r.id FROM {{rows}})""",
        {"id": "text"},
        [(event_id,) for event_id in sorted(set(event_ids))],
        district=district,
    )


async def _split_seen(session: AsyncSession, arrivals: Sequence[_Arrival]) -> tuple[list[_Arrival], list[_Arrival]]:
    """The arrivals never seen before, and the further deliveries, be they of an earlier batch or of this one."""
    if not arrivals:
        return [], []
    found = await set_wise(
        session,
        "SELECT i.district, i.event_id, i.source FROM {rows} "
        "JOIN inbox i ON i.district = r.district AND i.event_id = r.event_id",
        {"district": "text", "event_id": "text"},
        [arrival.key[:2] for arrival in arrivals],
    )
    seen = {tuple(row) for row in found}
    fresh, again = [], []
    for arrival in arrivals:
        if arrival.key in seen:
            again.append(arrival)
        else:
            seen.add(arrival.key)
            fresh.append(arrival)
    return fresh, again


async def _hold_back(session: AsyncSession, arrivals: Sequence[_Arrival]) -> list[_Arrival]:
    """Events behind a quarantined one of their key wait, whether that came in an earlier batch or in this one."""
    blocked = await _blocked_keys(session, {arrival.record.topic for arrival in arrivals})
    kept = []
    for arrival in arrivals:
        place = (arrival.record.topic, arrival.record.key)
        if arrival.answer is None and place in blocked:
            behind = receipts.waiting("behind_quarantine", _quarantine_key(arrival.record))
            kept.append(arrival._replace(answer=behind))
            continue
        if arrival.answer is not None and arrival.answer.verdict is Verdict.quarantined and place[1] is not None:
            blocked.add(place)
        kept.append(arrival)
    return kept


async def _blocked_keys(session: AsyncSession, topics: set[str]) -> set[tuple[str, bytes | None]]:
    found = await set_wise(
        session,
        "SELECT DISTINCT q.topic, q.key FROM quarantine q JOIN {rows} ON q.topic = r.topic "
        "WHERE q.state = 'held' AND q.key IS NOT NULL",
        {"topic": "text"},
        [(topic,) for topic in sorted(topics)],
    )
    return {(row.topic, bytes(row.key)) for row in found}


def _quarantine_key(record: Record) -> str:
    return f"quarantine/{record.topic}/{(record.key or b'').hex()}"


def _districts(arrivals: Sequence[_Arrival]) -> set[str]:
    """The districts that these events touch. A fact that names none, e.g. of a suspected pair, may touch any."""
    found = {
        arrival.key.district or getattr(arrival.event and arrival.event.data, "district", "") for arrival in arrivals
    }
    return set(DISTRICTS) if "" in found else found


def _district_or_all(seen: _Seen) -> Collection[str]:
    """What to lock for an event that may not be readable, so that none is parked behind it while it is released."""
    return {seen.district} if seen.district else DISTRICTS


async def _quarantine(session: AsyncSession, answered: Sequence[tuple[_Arrival, Answer]]) -> None:
    await run_many(
        session,
        """INSERT INTO quarantine (state, topic, partition, "offset", key, value, headers,
                                   event_id, source, reason, detail, at)
           VALUES ('held', :topic, :partition, :offset, :key, :value, :headers,
                   :event_id, :source, :reason, :detail, :at)""",
        [
            {
                **_stored(arrival.record),
                "event_id": arrival.key.event_id,
                "source": arrival.key.source,
                "reason": answer.reason,
                "detail": answer.detail,
                "at": now(),
            }
            for arrival, answer in answered
        ],
    )


async def _park(session: AsyncSession, answered: Sequence[tuple[_Arrival, Answer]]) -> None:
    await run_many(
        session,
        """INSERT INTO waiting (waits_for, ready, topic, partition, "offset", key, value, headers)
           VALUES (:waits_for, false, :topic, :partition, :offset, :key, :value, :headers)""",
        [{**_stored(arrival.record), "waits_for": answer.waits_for} for arrival, answer in answered],
    )


async def _park_again(session: AsyncSession, still: Sequence[tuple[int, Answer]]) -> None:
    if not still:
        return
    await set_wise(
        session,
        """UPDATE waiting SET ready = false, waits_for = r.waits_for FROM {rows} WHERE waiting.id = r.id""",
        {"id": "bigint", "waits_for": "text"},
        [(number, answer.waits_for) for number, answer in still],
    )


async def _take_ready(session: AsyncSession, held: Collection[str] | None) -> list[tuple[int, Record]]:
    """Ready ones, of these districts or of any, locked: another worker that drains takes others."""
    everywhere = held is None or len(held) == len(DISTRICTS)
    found = await set_wise(
        session,
        f"""SELECT w.id, w.topic, w.partition, w."offset", w.key, w.value, w.headers FROM waiting w
            WHERE w.ready AND (:everywhere OR substr(w.topic, length(w.topic) - 3) IN (SELECT r.code FROM {{rows}}))
            ORDER BY w.id LIMIT :most {"" if _is_sqlite(session) else "FOR UPDATE OF w SKIP LOCKED"}""",
        {"code": "text"},
        [(code,) for code in sorted(held or ())],
        everywhere=everywhere,
        most=_DRAIN,
    )
    return [(row[0], _restored(*row[1:])) for row in found]


async def _leave_waiting(session: AsyncSession, numbers: Collection[int]) -> None:
    if not numbers:
        return
    await set_wise(
        session,
        "DELETE FROM waiting WHERE id IN (SELECT r.id FROM {rows})",
        {"id": "bigint"},
        [(number,) for number in numbers],
    )


async def _take_held(session: AsyncSession, number: int) -> tuple[Record, _Seen] | None:
    """The record, locked, and what the inbox knows it as."""
    lock = "" if _is_sqlite(session) else " FOR UPDATE"
    found = await run(
        session,
        f"""SELECT topic, partition, "offset", key, value, headers, event_id, source FROM quarantine
            WHERE id = :id AND state = 'held'{lock}""",
        id=number,
    )
    row = found.first()
    if row is None:
        return None
    return _restored(*row[:6]), _Seen(topic_district(row.topic) or "", row.event_id, row.source)


async def _record_new(session: AsyncSession, answered: Sequence[tuple[_Arrival, Answer]]) -> None:
    if not answered:
        return
    moment = now()
    await insert(
        session,
        "inbox",
        {**_VERDICT_COLUMNS, "at": "timestamptz", "deliveries": "int"},
        [(*_verdict_row(arrival, answer), moment, 1) for arrival, answer in answered],
    )
    await _publish(session, answered)


async def _record_verdicts(session: AsyncSession, answered: Sequence[tuple[_Arrival, Answer]]) -> None:
    """The final verdicts of events that had been waiting or quarantined."""
    await _amend(session, answered)
    await _publish(session, answered)


async def _amend(session: AsyncSession, answered: Sequence[tuple[_Arrival, Answer]]) -> None:
    """Change what `GET /v1/receipts` shows."""
    if not answered:
        return
    await set_wise(
        session,
        """UPDATE inbox SET verdict = r.verdict, reason = r.reason, detail = r.detail, warnings = r.warnings, at = :at
           FROM {rows} WHERE inbox.district = r.district AND inbox.event_id = r.event_id AND inbox.source = r.source""",
        _VERDICT_COLUMNS,
        [_verdict_row(arrival, answer) for arrival, answer in answered],
        at=now(),
    )


async def _forget(session: AsyncSession, seen: _Seen) -> None:
    await run(
        session,
        "DELETE FROM inbox WHERE district = :district AND event_id = :event_id AND source = :source",
        **seen._asdict(),
    )


async def _record_again(session: AsyncSession, again: Sequence[_Arrival]) -> None:
    """Count further deliveries and answer each; nothing else changes."""
    if not again:
        return
    counts: dict[_Seen, int] = defaultdict(int)
    for arrival in again:
        counts[arrival.key] += 1
    await set_wise(
        session,
        """UPDATE inbox SET deliveries = deliveries + r.more FROM {rows}
           WHERE inbox.district = r.district AND inbox.event_id = r.event_id AND inbox.source = r.source""",
        {"district": "text", "event_id": "text", "source": "text", "more": "int"},
        [(*key, more) for key, more in counts.items()],
    )
    await _publish(session, [(arrival, receipts.duplicate()) for arrival in again])


async def _publish(session: AsyncSession, answered: Sequence[tuple[_Arrival, Answer]]) -> None:
    moment = now()
    by_district: dict[str, list[Receipt]] = defaultdict(list)
    for arrival, answer in answered:
        if arrival.key.district:
            by_district[arrival.key.district].append(
                Receipt(
                    event_id=arrival.key.event_id,
                    event_type=arrival.type,
                    verdict=answer.verdict,
                    reason=answer.reason,
                    message=receipts.message(answer),
                    warnings=answer.warnings,
                    at=moment,
                )
            )
    await emit_receipts(session, by_district)


_VERDICT_COLUMNS = {
    "district": "text",
    "event_id": "text",
    "source": "text",
    "type": "text",
    "verdict": "text",
    "reason": "text",
    "detail": "text",
    "warnings": "text",
}


def _verdict_row(arrival: _Arrival, answer: Answer) -> tuple[Any, ...]:
    return (*arrival.key, arrival.type, answer.verdict, answer.reason, answer.detail, " ".join(answer.warnings))


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _stored(record: Record) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value,
        "headers": msgspec.json.encode(record.headers),
    }


def _restored(
    topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None, headers: bytes
) -> Record:
    return Record(topic, partition, offset, key, value, _record_headers.decode(headers))
