"""A service as small as can be over a real database: it counts what was applied, so that nothing hides."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.grants.tables import METADATA
from shared.database import Database, run, set_wise
from shared.events import receipts
from shared.events.catalogue import Event, EventType
from shared.events.district import GrantHandedOver, GrantKind, GrantRequested, PpksGroup, Ref, Sex, Status
from shared.events.envelope import Record, beneficiary_id
from shared.events.facts import BeneficiaryRegistered
from shared.events.receipts import Answer, Receipt
from shared.inbox import Handler, Inbox, wake
from shared.outbox import unfold
from shared.telemetry import Metrics
from tests.helpers import from_district, from_service
from tests.integration.conftest import DatabaseFor

BOJONEGORO, SURABAYA = "3522", "3578"
INTAKE = "intake.grants.3522"
PERSONS, REQUESTS, HANDOVERS = (
    "berdaya.registry.beneficiary-registered.v1",
    "berdaya.district.grant-requested.v1",
    "berdaya.district.grant-handed-over.v1",
)
WITHDRAWALS = "berdaya.district.grant-withdrawn.v1"
"""A type that only a later version of the program knows."""
NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)


class GrantWithdrawn(msgspec.Struct, frozen=True, kw_only=True):
    grant_ref: Ref


WITHDRAWAL_TYPE = EventType(WITHDRAWALS, GrantWithdrawn, "intake", "grants", msgspec.json.Decoder(GrantWithdrawn))


class Row(NamedTuple):
    """What the inbox keeps of one event."""

    verdict: str
    reason: str
    deliveries: int


class Tiny:
    """Knows persons by fact, requests of known persons, handovers of known requests. Each effect is one row, always."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.metrics = Metrics("grants")
        self.fault: BaseException | None = None
        """Raised by the next handler that runs, after its effects."""
        self.slow = 0.0
        self.inbox = self.inbox_of({PERSONS: self._person, REQUESTS: self._request, HANDOVERS: self._handover})
        self.next_version = self.inbox_of(
            {PERSONS: self._person, REQUESTS: self._request, HANDOVERS: self._handover, WITHDRAWALS: self._withdrawal}
        )

    @classmethod
    async def over(cls, database_for: DatabaseFor) -> "Tiny":
        database = await database_for("grants", METADATA)
        async with database.transaction() as session:
            await run(session, "CREATE TABLE effect (kind VARCHAR NOT NULL, name VARCHAR NOT NULL)")
        return cls(database)

    def inbox_of(self, handlers: Mapping[str, Handler]) -> Inbox:
        return Inbox(handlers, self.metrics)

    async def receive(self, *records: Record) -> None:
        """One batch, one transaction."""
        async with self.database.transaction() as session:
            await self.inbox.apply(session, records)

    async def effects(self) -> Counter[str]:
        """How often each effect happened: `kind name`."""
        async with self.database.reading() as session:
            found = await run(session, "SELECT kind, name FROM effect")
            return Counter(f"{row.kind} {row.name}" for row in found)

    async def rows(self) -> dict[str, Row]:
        """The inbox, by the event's id."""
        async with self.database.reading() as session:
            found = await run(session, "SELECT event_id, verdict, reason, deliveries FROM inbox")
            return {row.event_id: Row(row.verdict, row.reason, row.deliveries) for row in found}

    async def receipts(self, event_id: str | None = None) -> list[tuple[str, str]]:
        """Verdict and reason of all receipts on their way to the districts, in order."""
        return [
            (receipt.verdict.value, receipt.reason)
            for _, receipt in await self.told()
            if event_id is None or receipt.event_id == event_id
        ]

    async def told(self) -> list[tuple[str, Receipt]]:
        """Every receipt with its topic."""
        async with self.database.reading() as session:
            found = await run(session, "SELECT aggregatetype, payload FROM outbox ORDER BY id")
            return [
                (row.aggregatetype, msgspec.json.decode(receipt, type=Receipt))
                for row in found
                for _, receipt in unfold(row.payload)[1]
            ]

    async def held(self) -> list[Any]:
        """The quarantine."""
        async with self.database.reading() as session:
            found = await run(session, "SELECT * FROM quarantine WHERE state = 'held' ORDER BY id")
            return list(found.all())

    async def count(self, table: str) -> int:
        async with self.database.reading() as session:
            return int((await run(session, f"SELECT count(*) FROM {table}")).scalar_one())

    async def redrive(self, number: int, *, inbox: Inbox | None = None) -> Answer | None:
        async with self.database.transaction() as session:
            return await (inbox or self.inbox).redrive(session, number)

    async def discard(self, number: int) -> bool:
        async with self.database.transaction() as session:
            return await self.inbox.discard(session, number)

    async def wipe(self) -> None:
        async with self.database.transaction() as session:
            for table in ("effect", "inbox", "outbox", "waiting", "quarantine", "log_offset"):
                await run(session, f"DELETE FROM {table}")

    async def _person(self, session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
        await self._happened(session, "person", [str(event.data.beneficiary_id) for event in events])
        await wake(session, [f"beneficiary/{event.data.beneficiary_id}" for event in events])
        return [receipts.accepted()] * len(events)

    async def _request(self, session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
        known = await self._known(session, "person")
        answers = [self._judged(event, known) for event in events]
        applied = [
            event.data.grant_ref for event, answer in zip(events, answers, strict=True) if answer.waits_for is None
        ]
        await self._happened(session, "request", applied)
        await wake(session, [f"grant/{ref}" for ref in applied])
        return answers

    def _judged(self, event: Event, known: set[str]) -> Answer:
        person = str(beneficiary_id(event.district or "", event.data.district_ref))
        if person in known:
            return receipts.accepted()
        return receipts.waiting("unknown_beneficiary", f"beneficiary/{person}")

    async def _handover(self, session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
        known = await self._known(session, "request")
        refs = [event.data.grant_ref for event in events]
        await self._happened(session, "handover", [ref for ref in refs if ref in known])
        return [
            receipts.accepted() if ref in known else receipts.waiting("unknown_grant", f"grant/{ref}") for ref in refs
        ]

    async def _withdrawal(self, session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
        await self._happened(session, "withdrawal", [event.data.grant_ref for event in events])
        return [receipts.accepted()] * len(events)

    async def _happened(self, session: AsyncSession, kind: str, names: Sequence[str]) -> None:
        if names:
            await set_wise(
                session,
                "INSERT INTO effect (kind, name) SELECT r.kind, r.name FROM {rows}",
                {"kind": "text", "name": "text"},
                [(kind, name) for name in names],
            )
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault

    async def _known(self, session: AsyncSession, kind: str) -> set[str]:
        found = await run(session, "SELECT name FROM effect WHERE kind = :kind", kind=kind)
        return {row.name for row in found}


def person(ref: str = "W-1", *, version: int = 1, district: str = BOJONEGORO) -> Record:
    """The registry's fact that this person is known."""
    data = BeneficiaryRegistered(
        version=version,
        beneficiary_id=beneficiary_id(district, ref),
        district=district,
        district_ref=ref,
        status=Status.ex_client,
        ppks_group=PpksGroup.disability,
        sex=Sex.female,
        birth_year=1990,
        disabilities=(),
        skills=(),
        unit=None,
    )
    key = str(data.beneficiary_id)
    return from_service("registry", data, event_id=f"{PERSONS}/{key}/{version}", time=NOON, key=key)


def request(event_id: str, grant: str, ref: str = "W-1", **more: Any) -> Record:
    data = GrantRequested(
        grant_ref=grant,
        district_ref=ref,
        kind=GrantKind.cash,
        items=(),
        amount=1_000_000,
        fiscal_year=2026,
        purpose="modal usaha",
        desil=None,
    )
    return from_district(BOJONEGORO, data, event_id=event_id, time=NOON, **{"subject": ref, **more})


def handover(event_id: str, grant: str, ref: str = "W-1") -> Record:
    data = GrantHandedOver(
        grant_ref=grant,
        on=date(2026, 4, 7),
        received_by="beneficiary",
        witness="Pak Lurah",
        evidence_sha256="a" * 64,
        assets=(),
    )
    return from_district(BOJONEGORO, data, event_id=event_id, time=NOON + timedelta(days=1), subject=ref)


def withdrawal(event_id: str, grant: str, ref: str = "W-1") -> Record:
    """An event of a type that is not known yet: it goes to quarantine."""
    return with_header(
        request(event_id, grant, ref)._replace(value=msgspec.json.encode(GrantWithdrawn(grant_ref=grant))),
        ce_type=WITHDRAWALS.encode(),
    )


def with_header(record: Record, **changed: bytes | None) -> Record:
    """The same record with some headers changed, or left out where None."""
    headers = dict(record.headers) | changed
    return record._replace(headers=tuple((name, value) for name, value in headers.items() if value is not None))
