"""A registry without its worker, and Siti, of whom districts say this and that."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from msgspec.structs import replace
from sqlalchemy import select

from services.registry.decisions import Person
from services.registry.tables import DUPLICATE, PERSON, person_of
from shared.database import run
from shared.events import facts
from shared.events.catalogue import CATALOGUE
from shared.events.district import BeneficiaryRecorded, Consent, Disability, Ppks, Sex, Status
from shared.events.envelope import Record, beneficiary_id
from shared.runtime import Node
from shared.security import Role
from tests.conflicts import Receipt
from tests.helpers import bearer, from_district

BOJONEGORO, SURABAYA = "3522", "3578"
NIK = "3522014105900001"
"""Issued in Bojonegoro to a woman born on 1 May 1990."""
OTHER_NIK = "3522014105900002"
NAME = "Siti Contoh"

SITI = BeneficiaryRecorded(
    district_ref="W-0001",
    revision=1,
    name=NAME,
    sex=Sex.female,
    birth_date=date(1990, 5, 1),
    nik=NIK,
    ppks=Ppks.person_with_disability,
    disabilities=(Disability.physical, Disability.hearing),
    status=Status.client,
    unit="UPT Rehabilitasi Sosial Contoh",
    skills=("sewing", "handicraft"),
    consent=Consent(given=True, by="self", form="braille", on=date(2026, 1, 15)),
    leaves_unit_on=date(2026, 6, 30),
)
SITI_ID = beneficiary_id(BOJONEGORO, "W-0001")

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def event(
    data: BeneficiaryRecorded,
    event_id: str,
    *,
    minute: int = 0,
    district: str = BOJONEGORO,
    source: str | None = None,
) -> Record:
    return from_district(district, data, event_id=event_id, time=at(minute), subject=data.district_ref, source=source)


class Office:
    """A registry without its worker: records are handed to its inbox, calls to its application."""

    def __init__(self, node: Node, client: httpx.AsyncClient) -> None:
        self.node = node
        self.client = client

    async def receive(self, *records: Record) -> None:
        """One batch, one transaction."""
        async with self.node.database.transaction() as session:
            await self.node.inbox.apply(session, records)

    async def receipt(self, event_id: str, district: str = BOJONEGORO) -> dict[str, Any]:
        answer = await self.get(f"/v1/receipts/{event_id}", Role.district_system, district)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    async def verdict(self, event_id: str, district: str = BOJONEGORO) -> tuple[str, str, list[str]]:
        found = await self.receipt(event_id, district)
        return found["verdict"], found["reason"], found["warnings"]

    async def receipts(self) -> dict[tuple[str, str], Receipt]:
        """By (event id, source)."""
        async with self.node.database.reading() as session:
            found = await run(session, "SELECT event_id, source, verdict, reason, warnings FROM inbox")
            return {(row[0], row[1]): (row[2], row[3], frozenset(row[4].split())) for row in found}

    async def facts(self) -> list[facts.Fact]:
        """All that was told to the other services, in order."""
        async with self.node.database.reading() as session:
            found = await run(
                session,
                "SELECT type, payload FROM outbox WHERE aggregatetype = 'facts.registry' ORDER BY id",
            )
            return [CATALOGUE[row.type].decoder.decode(row.payload) for row in found]

    async def person(self, who: UUID = SITI_ID) -> Person:
        async with self.node.database.reading() as session:
            found = await session.execute(select(PERSON).where(PERSON.c.beneficiary_id == who))
            return person_of(found.one())

    async def people(self) -> list[Person]:
        async with self.node.database.reading() as session:
            found = await session.execute(select(PERSON).order_by(PERSON.c.beneficiary_id))
            return [person_of(row) for row in found]

    async def suspicions(self) -> dict[frozenset[UUID], str]:
        async with self.node.database.reading() as session:
            found = await session.execute(select(DUPLICATE))
            return {frozenset((row.first_id, row.second_id)): row.state for row in found}

    def credentials(self, role: Role, district: str | None, sub: str = "somebody") -> dict[str, str]:
        return bearer(self.node.settings, role, sub, district)

    async def get(self, path: str, role: Role, district: str | None = None, /, **query: str | int) -> httpx.Response:
        return await self.client.get(path, headers=self.credentials(role, district), params=query)

    async def look_up(self, nik: str, role: Role, district: str | None = None) -> httpx.Response:
        return await self.client.post("/v1/lookups", headers=self.credentials(role, district), json={"nik": nik})

    async def decide(
        self, duplicate: str, decision: str, *, key: str | None, role: Role = Role.province_officer
    ) -> httpx.Response:
        district = BOJONEGORO if role is Role.district_officer else None
        headers = self.credentials(role, district, "rini") | ({"Idempotency-Key": key} if key else {})
        body = {"decision": decision, "reason": "sudah dicek"}
        return await self.client.post(f"/v1/duplicates/{duplicate}/decision", headers=headers, json=body)

    async def undo(
        self, duplicate: str, *, key: str, role: Role = Role.province_officer, sub: str = "wati"
    ) -> httpx.Response:
        district = BOJONEGORO if role is Role.district_officer else None
        headers = self.credentials(role, district, sub) | {"Idempotency-Key": key}
        return await self.client.post(
            f"/v1/duplicates/{duplicate}/undo", headers=headers, json={"reason": "ternyata keliru"}
        )

    async def open_duplicate(self) -> str:
        """The id of the one suspicion that is open."""
        answer = await self.get("/v1/duplicates", Role.province_officer)
        (item,) = answer.json()["items"]
        return str(item["duplicate_id"])

    async def forget_everything(self) -> None:
        async with self.node.database.transaction() as session:
            for table in ("standing", "duplicate_step", "duplicate", "person", "heard", "inbox", "outbox"):
                await run(session, f"DELETE FROM {table}")


_UNLIKE = ("Endang Palupi", "Katinem", "Wulan Ningtyas", "Suharti", "Rukmi Larasati", "Yuni Pratiwi", "Dewi Mulyani")


def another(ref: str, *, nik: str | None = NIK, revision: int = 1) -> BeneficiaryRecorded:
    """Somebody else with Siti's NIK, whose name is like that of nobody with another last letter in the ref."""
    name = _UNLIKE[ord(ref[-1]) % len(_UNLIKE)]
    return replace(SITI, district_ref=ref, name=name, nik=nik, revision=revision)
