"""The rows of the inbox, the waiting and the quarantine: read and written set-wise, decided elsewhere."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from shared import last_heard
from shared.database import insert, now, run, run_many, set_wise
from shared.events import receipts
from shared.events.catalogue import Event, topic_district
from shared.events.clock import TIME_IN_FUTURE
from shared.events.control import rupiah_of
from shared.events.districts import DISTRICTS
from shared.events.envelope import Record
from shared.events.receipts import Answer, Receipt
from shared.outbox import emit_receipts

_DRAIN = 1000
_record_headers = msgspec.json.Decoder(tuple[tuple[str, bytes], ...])


class Seen(NamedTuple):
    district: str
    event_id: str
    source: str


class Arrival(NamedTuple):
    """A record on its way to a verdict. Exactly one of `event` and `answer` is set at first.

    `warning`: a code for the receipt, whatever the handlers say of the event.
    `time_us`: the event's own time in microseconds since 1970, where it could be read.
    """

    key: Seen
    type: str
    record: Record
    event: Event | None
    answer: Answer | None
    warning: str | None = None
    time_us: int | None = None


async def split_seen(session: AsyncSession, arrivals: Sequence[Arrival]) -> tuple[list[Arrival], list[Arrival]]:
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


async def blocked_keys(session: AsyncSession, topics: set[str]) -> set[tuple[str, bytes | None]]:
    found = await set_wise(
        session,
        "SELECT DISTINCT q.topic, q.key FROM quarantine q JOIN {rows} ON q.topic = r.topic "
        "WHERE q.state = 'held' AND q.key IS NOT NULL",
        {"topic": "text"},
        [(topic,) for topic in sorted(topics)],
    )
    return {(row.topic, bytes(row.key)) for row in found}


def quarantine_key(record: Record) -> str:
    return f"quarantine/{record.topic}/{(record.key or b'').hex()}"


async def quarantine(session: AsyncSession, answered: Sequence[tuple[Arrival, Answer]]) -> None:
    await run_many(
        session,
        """INSERT INTO quarantine (state, topic, partition, "offset", key, value, headers, taken_us,
                                   event_id, source, reason, detail, at)
           VALUES ('held', :topic, :partition, :offset, :key, :value, :headers, :taken_us,
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


async def park(session: AsyncSession, answered: Sequence[tuple[Arrival, Answer]]) -> None:
    await run_many(
        session,
        """INSERT INTO waiting (waits_for, ready, topic, partition, "offset", key, value, headers, taken_us)
           VALUES (:waits_for, false, :topic, :partition, :offset, :key, :value, :headers, :taken_us)""",
        [{**_stored(arrival.record), "waits_for": answer.waits_for} for arrival, answer in answered],
    )


async def park_again(session: AsyncSession, still: Sequence[tuple[int, Answer]]) -> None:
    if not still:
        return
    await set_wise(
        session,
        """UPDATE waiting SET ready = false, waits_for = r.waits_for FROM {rows} WHERE waiting.id = r.id""",
        {"id": "bigint", "waits_for": "text"},
        [(number, answer.waits_for) for number, answer in still],
    )


async def take_ready(session: AsyncSession, held: Collection[str] | None) -> list[tuple[int, Record]]:
    """Ready ones, of these districts or of any, locked: another worker that drains takes others."""
    everywhere = held is None or len(held) == len(DISTRICTS)
    found = await set_wise(
        session,
        f"""SELECT w.id, w.topic, w.partition, w."offset", w.key, w.value, w.headers, w.taken_us FROM waiting w
            WHERE w.ready AND (:everywhere OR substr(w.topic, length(w.topic) - 3) IN (SELECT r.code FROM {{rows}}))
            ORDER BY w.id LIMIT :most {"" if _is_sqlite(session) else "FOR UPDATE OF w SKIP LOCKED"}""",
        {"code": "text"},
        [(code,) for code in sorted(held or ())],
        everywhere=everywhere,
        most=_DRAIN,
    )
    return [(row[0], _restored(*row[1:])) for row in found]


async def leave_waiting(session: AsyncSession, numbers: Collection[int]) -> None:
    if not numbers:
        return
    await set_wise(
        session,
        "DELETE FROM waiting WHERE id IN (SELECT r.id FROM {rows})",
        {"id": "bigint"},
        [(number,) for number in numbers],
    )


async def take_held(session: AsyncSession, number: int) -> tuple[Record, Seen] | None:
    """The record, locked, and what the inbox knows it as."""
    lock = "" if _is_sqlite(session) else " FOR UPDATE"
    found = await run(
        session,
        f"""SELECT topic, partition, "offset", key, value, headers, taken_us, event_id, source FROM quarantine
            WHERE id = :id AND state = 'held'{lock}""",
        id=number,
    )
    row = found.first()
    if row is None:
        return None
    return _restored(*row[:7]), Seen(topic_district(row.topic) or "", row.event_id, row.source)


async def record_new(session: AsyncSession, answered: Sequence[tuple[Arrival, Answer]]) -> None:
    if not answered:
        return
    moment = now()
    await insert(
        session,
        "inbox",
        {**_VERDICT_COLUMNS, "at": "timestamptz", "deliveries": "int"},
        [(*_verdict_row(arrival, answer), moment, 1) for arrival, answer in answered],
    )
    await _note_heard(session, answered)
    await _publish(session, answered)


async def record_verdicts(session: AsyncSession, answered: Sequence[tuple[Arrival, Answer]]) -> None:
    """The final verdicts of events that had been waiting or quarantined, which perhaps could not be read at first."""
    await amend(session, answered)
    await _note_heard(session, answered)
    await _publish(session, answered)


async def amend(session: AsyncSession, answered: Sequence[tuple[Arrival, Answer]]) -> None:
    """Change what `GET /v1/receipts` shows."""
    if not answered:
        return
    await set_wise(
        session,
        """UPDATE inbox SET verdict = r.verdict, reason = r.reason, detail = r.detail, warnings = r.warnings, at = :at,
               time_us = coalesce(inbox.time_us, r.time_us), rupiah = coalesce(inbox.rupiah, r.rupiah)
           FROM {rows} WHERE inbox.district = r.district AND inbox.event_id = r.event_id AND inbox.source = r.source""",
        _VERDICT_COLUMNS,
        [_verdict_row(arrival, answer) for arrival, answer in answered],
        at=now(),
    )


async def forget(session: AsyncSession, seen: Seen) -> None:
    await run(
        session,
        "DELETE FROM inbox WHERE district = :district AND event_id = :event_id AND source = :source",
        **seen._asdict(),
    )


async def record_again(session: AsyncSession, again: Sequence[Arrival]) -> None:
    """Count further deliveries and answer each; nothing else changes."""
    if not again:
        return
    counts: dict[Seen, int] = defaultdict(int)
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


async def _publish(session: AsyncSession, answered: Sequence[tuple[Arrival, Answer]]) -> None:
    moment = now()
    alike: dict[tuple[str, str, Answer], list[str]] = defaultdict(list)
    for arrival, answer in answered:
        alike[arrival.key.district, arrival.type, answer].append(arrival.key.event_id)
    by_district: dict[str, list[tuple[Receipt, list[str]]]] = defaultdict(list)
    for (district, event_type, answer), ids in alike.items():
        if district:
            receipt = Receipt(
                event_id="",
                event_type=event_type,
                verdict=answer.verdict,
                reason=answer.reason,
                message=receipts.message(answer),
                warnings=answer.warnings,
                at=moment,
            )
            by_district[district].append((receipt, ids))
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
    "time_us": "bigint",
    "rupiah": "bigint",
}


def _verdict_row(arrival: Arrival, answer: Answer) -> tuple[Any, ...]:
    return (
        *arrival.key,
        arrival.type,
        answer.verdict,
        answer.reason,
        answer.detail,
        " ".join(answer.warnings),
        arrival.time_us,
        rupiah_of(arrival.event),
    )


async def _note_heard(session: AsyncSession, answered: Sequence[tuple[Arrival, Answer]]) -> None:
    heard = [
        (arrival.key.district, arrival.type, arrival.time_us)
        for arrival, answer in answered
        if answer.reason != TIME_IN_FUTURE
    ]
    await last_heard.note(session, heard)


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
        "taken_us": record.taken_us,
    }


def _restored(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: bytes,
    taken_us: int | None,
) -> Record:
    return Record(topic, partition, offset, key, value, _record_headers.decode(headers), taken_us)
