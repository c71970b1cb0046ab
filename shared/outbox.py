"""Facts and receipts are rows of the caller's transaction first; the relay brings them to the log, in order.

`emit` never commits: the row lives or dies with the caller's transaction.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database, insert, now, run, set_wise
from shared.events.catalogue import NAMES, facts_topic, receipts_topic
from shared.events.envelope import Envelope, Outgoing, format_time, to_headers
from shared.events.facts import Fact
from shared.events.receipts import Receipt
from shared.failpoint import reached
from shared.log import Log
from shared.telemetry import Metrics

RECEIPT = NAMES[Receipt]
KEPT = timedelta(days=7)
"""How long a published row is kept, for looking at; the log has it for ever."""

_RECORDS_PER_ROUND = 2000
_PRUNED_AT_ONCE = 10_000
_PRUNE_SECONDS = 60.0
_STAND_BACK_SECONDS = 1.0
_OTHERS_SECONDS = 1.0
_RELAY_LOCK = 0x6265726461796101
_envelope = msgspec.json.Decoder(Envelope)

_NEXT = """
SELECT id, aggregatetype, aggregateid, type, payload, envelope FROM (
    SELECT o.*, sum(records) OVER (ORDER BY id) - records AS before FROM (
        SELECT * FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT :most
    ) o
) counted WHERE before < :most ORDER BY id
"""
_COLUMNS = {
    "aggregatetype": "text",
    "aggregateid": "text",
    "type": "text",
    "payload": "text",
    "records": "int",
    "envelope": "text",
    "created_at": "timestamptz",
}


class _Alike(msgspec.Struct, array_like=True):
    """Receipts that differ in their event id alone."""

    receipt: msgspec.Raw
    """With an empty event id."""
    ids: list[str]


class _Bundle(msgspec.Struct):
    """The receipts of one district and batch: what they have in common is written once."""

    at: datetime
    alike: list[_Alike]


_bundle = msgspec.json.Decoder(_Bundle)
_NO_ID = b'""'


async def emit(session: AsyncSession, service: str, facts: Iterable[tuple[str, Fact, datetime]]) -> None:
    """Put facts into the outbox: (key, fact, time of what happened). Lock the aggregate's row before, or keys reorder.

    A fact's id is derived from its key and version, so a fact sent twice is recognised.
    """
    moment = now()
    rows = []
    for key, fact, time in facts:
        name = NAMES[type(fact)]
        aggregate = _aggregate(fact, key)
        envelope = Envelope(
            id=f"{name}/{aggregate}/{fact.version}",
            source=f"/service/{service}",
            type=name,
            time=time,
            subject=aggregate,
        )
        rows.append(
            (
                facts_topic(service),
                key,
                name,
                msgspec.json.encode(fact).decode(),
                1,
                msgspec.json.encode(envelope).decode(),
                moment,
            )
        )
    await insert(session, "outbox", _COLUMNS, rows)


async def emit_event(session: AsyncSession, topic: str, envelope: Envelope, data: bytes) -> None:
    """Put an event that somebody of a district brings, by a page, into the outbox; it is keyed by its subject."""
    packed = msgspec.json.encode(envelope).decode()
    await insert(
        session, "outbox", _COLUMNS, [(topic, envelope.subject, envelope.type, data.decode(), 1, packed, now())]
    )


async def emit_receipts(
    session: AsyncSession, by_district: Mapping[str, Sequence[tuple[Receipt, Sequence[str]]]]
) -> None:
    """Put receipts into the outbox: for each district, a receipt without event id and the events that it answers.

    One row per district, unfolded into one record per event by the relay.
    """
    moment = now()
    rows = []
    for code, alike in sorted(by_district.items()):
        bundle = _Bundle(moment, [_Alike(msgspec.Raw(msgspec.json.encode(blank)), list(ids)) for blank, ids in alike])
        payload = msgspec.json.encode(bundle).decode()
        count = sum(len(ids) for _, ids in alike)
        rows.append((receipts_topic(code), code, RECEIPT, payload, count, "", moment))
    await insert(session, "outbox", _COLUMNS, rows)


class Relay:
    """Brings the outbox to the log. One per service at a time, whatever the number of processes."""

    def __init__(self, service: str, database: Database, log: Log, metrics: Metrics) -> None:
        self._service = service
        self._database = database
        self._log = log
        self._metrics = metrics
        self._looked: tuple[int, float] | None = None

    async def round(self) -> int:
        """Send what is waiting, up to a bound. Returns the number of rows sent; 0 when there was nothing to do.

        1 lock out the other relays, 2 read in order, 3 send and wait, 4 mark as sent. A crash between 3 and 4 sends
        the rows again, which the reader drops. Raises LogUnavailable with nothing marked: the order is kept.
        """
        if not await self._anything():
            return 0
        async with self._database.transaction() as session:
            if not await self._alone(session):
                return 0
            rows = (await run(session, _NEXT, most=_RECORDS_PER_ROUND)).all()
            if not rows:
                return 0
            records = [record for row in rows for record in self._unfold(*row)]
            await self._log.append(records)
            reached("sent")
            await set_wise(
                session,
                "UPDATE outbox SET published_at = :at WHERE id IN (SELECT r.id FROM {rows})",
                {"id": "bigint"},
                [(row.id,) for row in rows],
                at=now(),
            )
        self._metrics.count("outbox_published_total", len(records))
        return len(rows)

    async def prune(self) -> None:
        """Forget rows published long ago, and answers that no client will ask for again; a bounded part of each."""
        async with self._database.transaction() as session:
            await run(
                session,
                "DELETE FROM outbox WHERE id IN "
                "(SELECT id FROM outbox WHERE published_at < :before ORDER BY id LIMIT :most)",
                before=now() - KEPT,
                most=_PRUNED_AT_ONCE,
            )
            await run(session, "DELETE FROM reply WHERE at < :before", before=now() - KEPT)

    async def _anything(self) -> bool:
        """A look that takes no lock, so that an idle relay costs nothing.

        A SQLite file is written by this process, unless an operator's command runs beside it: then after a second.
        """
        commits, moment = self._database.commits, monotonic()
        if self._database.is_sqlite and self._looked is not None:
            known, looked = self._looked
            if commits == known and moment - looked < _OTHERS_SECONDS:
                return False
        async with self._database.reading() as session:
            found = (await run(session, "SELECT 1 FROM outbox WHERE published_at IS NULL LIMIT 1")).first() is not None
        self._looked = None if found else (commits, moment)
        return found

    async def _alone(self, session: AsyncSession) -> bool:
        if self._database.is_sqlite:
            return True  # BEGIN IMMEDIATE lets one writer in
        found = await run(session, "SELECT pg_try_advisory_xact_lock(:lock)", lock=_RELAY_LOCK)
        return bool(found.scalar_one())

    def _unfold(self, number: int, topic: str, key: str, name: str, payload: str, envelope: str) -> Sequence[Outgoing]:
        if name != RECEIPT:
            return (Outgoing(topic, key.encode(), payload.encode(), to_headers(_envelope.decode(envelope))),)
        at, receipts = unfold(payload)
        shared = (
            ("ce_source", f"/service/{self._service}".encode()),
            ("ce_type", RECEIPT.encode()),
            ("ce_specversion", b"1.0"),
            ("ce_time", format_time(at).encode()),
            ("content-type", b"application/json"),
        )
        return [
            Outgoing(
                topic,
                event_id.encode(),
                receipt,
                (("ce_id", b"%d-%d" % (number, place)), ("ce_subject", event_id[:64].encode()), *shared),
            )
            for place, (event_id, receipt) in enumerate(receipts)
        ]


def unfold(bundle: str) -> tuple[datetime, list[tuple[str, bytes]]]:
    """When the receipts of a row were made, and each with its event id."""
    found = _bundle.decode(bundle)
    receipts = []
    for alike in found.alike:
        before, after = bytes(alike.receipt).split(_NO_ID, 1)
        receipts += [(event_id, before + msgspec.json.encode(event_id) + after) for event_id in alike.ids]
    return found.at, receipts


async def run_relay(
    relay: Relay, stopping: asyncio.Event, *, idle_seconds: float = 0.05, stand_back: Callable[[], bool] = lambda: False
) -> None:
    """Relay until told to stop; full rounds follow each other at once.

    `stand_back`: is there more urgent work in this process? Then a round a second, so that nothing stops altogether.
    """
    pruned = asyncio.get_running_loop().time()
    while not stopping.is_set():
        if not await relay.round():
            await asyncio.sleep(idle_seconds)
        elif stand_back():
            await asyncio.sleep(_STAND_BACK_SECONDS)
        if asyncio.get_running_loop().time() - pruned > _PRUNE_SECONDS:
            pruned = asyncio.get_running_loop().time()
            await relay.prune()


def _aggregate(fact: Fact, key: str) -> str:
    for name in ("grant_id", "duplicate_id", "beneficiary_id"):
        found = getattr(fact, name, None)
        if found is not None:
            return str(found)
    return f"{key}/{getattr(fact, 'fiscal_year', '')}"
