"""The grants service under test, what is told to it, and the officers."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx

from services.grants.app import build
from shared.database import Database
from shared.embedded import EmbeddedLog
from shared.events import facts
from shared.events.district import Asset, GrantHandedOver, GrantKind, GrantRequested, Item, PpksGroup, Sex, Status
from shared.events.envelope import Record, beneficiary_id, grant_id
from shared.security import Caller, Role
from shared.settings import Settings
from tests.helpers import bearer, from_district, from_service
from tests.integration import office as base

BOJONEGORO, TUBAN = "3522", "3523"
MACHINE = Item(name="Mesin jahit", quantity=1, unit_value=3_000_000)
OBRAS = Item(name="Mesin obras", quantity=2, unit_value=1_000_000)
START = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)
SEAMSTRESS = beneficiary_id(BOJONEGORO, "BJN-1")
GRANT = grant_id(BOJONEGORO, "B-1")
WITNESS = "Pak Lurah Sukowati"

OFFICER = Caller("ratna", Role.district_officer, BOJONEGORO)
PROVINCE = Caller("budi", Role.province_officer, None)
PROVINCE_TOO = Caller("dewi", Role.province_officer, None)
TREASURER = Caller("tono", Role.treasurer, None)
ADMIN = Caller("admin", Role.admin, None)
NOTE, REASON, PAYMENT = {"note": "checked"}, {"reason": "moved away"}, {"reference": "SP2D-17", "on": "2026-11-20"}
STEPS: Mapping[str, tuple[Caller, dict[str, str]]] = {
    "verify": (OFFICER, NOTE),
    "approve": (PROVINCE, NOTE),
    "reject": (OFFICER, REASON),
    "disburse": (TREASURER, PAYMENT),
    "cancel": (PROVINCE, REASON),
}
PATHS = {
    "requested": (),
    "verified": ("verify",),
    "approved": ("verify", "approve"),
    "rejected": ("reject",),
    "disbursed": ("verify", "approve", "disburse"),
    "handed_over": ("verify", "approve", "disburse"),
    "cancelled": ("cancel",),
}
"""How officers bring a grant into each status; the handover is the district's."""


def person(ref: str = "BJN-1", *, version: int = 1, district: str = BOJONEGORO, **more: Any) -> Record:
    number = beneficiary_id(district, ref)
    values = {"status": Status.ex_client, "birth_year": 1990, "leaves_unit_on": None, **more}
    kind = facts.BeneficiaryRegistered if version == 1 else facts.BeneficiaryUpdated
    fact = kind(
        version=version,
        beneficiary_id=number,
        district=district,
        district_ref=ref,
        ppks_group=PpksGroup.disability,
        sex=Sex.female,
        disabilities=(),
        skills=("sewing",),
        unit=None,
        **values,
    )
    return from_service("registry", fact, event_id=f"person/{number}/{version}", time=START, key=str(number))


def pair(
    *refs: str,
    version: int,
    decision: Literal["same", "different", "withdrawn"] | None = None,
    because: Literal["same_nik", "similar"] = "same_nik",
    districts: tuple[str, str] = (BOJONEGORO, BOJONEGORO),
) -> Record:
    """Two people, of Bojonegoro unless told, who may be one: suspected, or decided when there is a decision."""
    first, second = sorted((beneficiary_id(*who) for who in zip(districts, refs, strict=True)), key=str)
    number = UUID(int=first.int ^ second.int)
    common: dict[str, Any] = {
        "version": version,
        "duplicate_id": number,
        "beneficiary_ids": (first, second),
        "districts": tuple(sorted(set(districts))),
    }
    fact = (
        facts.DuplicateDecided(**common, decision=decision)
        if decision
        else facts.DuplicateSuspected(**common, because=because)
    )
    return from_service("registry", fact, event_id=f"pair/{number}/{version}", time=START, key=str(number))


def request(
    ref: str = "B-1",
    *,
    to: str = "BJN-1",
    district: str = BOJONEGORO,
    event_id: str = "",
    after: timedelta = timedelta(),
    subject: str | None = None,
    source: str | None = None,
    **more: Any,
) -> Record:
    """A sewing machine unless told otherwise; `after` is the time since START."""
    values = {
        "kind": GrantKind.equipment,
        "items": (MACHINE,),
        "amount": 3_000_000,
        "fiscal_year": 2026,
        "purpose": "to sew",
        "desil": 3,
        **more,
    }
    data = GrantRequested(grant_ref=ref, district_ref=to, **values)
    name = event_id or f"r-{uuid4()}"
    return from_district(district, data, event_id=name, time=START + after, subject=subject or to, source=source)


def cash(ref: str, amount: int, **more: Any) -> Record:
    return request(ref, kind=GrantKind.cash, items=(), amount=amount, **more)


def handover(
    ref: str = "B-1",
    *,
    by: str = "BJN-1",
    event_id: str = "",
    after: timedelta = timedelta(days=20),
    district: str = BOJONEGORO,
    **more: Any,
) -> Record:
    values = {
        "on": date(2026, 11, 25),
        "received_by": "beneficiary",
        "witness": WITNESS,
        "evidence_sha256": "ab" * 32,
        "assets": (Asset(name="Mesin jahit", serial="SN-1"),),
        **more,
    }
    data = GrantHandedOver(grant_ref=ref, **values)
    return from_district(district, data, event_id=event_id or f"h-{uuid4()}", time=START + after, subject=by)


class Office(base.Office):
    """The grants service."""

    @classmethod
    def over(cls, database: Database, folder: Path) -> "Office":
        return cls(build(Settings(service="grants", var=folder), EmbeddedLog(folder / "log.db"), database))

    async def call(
        self, method: str, path: str, who: Caller, body: object = None, *, key: str | None = None
    ) -> httpx.Response:
        headers = bearer(self.node.settings, who.role, who.sub, who.district)
        if method != "GET":
            headers["Idempotency-Key"] = key or str(uuid4())
            headers["Content-Type"] = "application/json"
        content = None if method == "GET" else json.dumps(body)
        return await self.client.request(method, path, headers=headers, content=content)

    async def take(self, action: str, number: UUID = GRANT, **more: Any) -> httpx.Response:
        """The step by the officer who usually takes it, or by `who`."""
        who, body = STEPS[action]
        body = more.pop("body", body)
        return await self.call("POST", f"/v1/grants/{number}/{action}", more.pop("who", who), body, **more)

    async def bring(self, number: UUID, status: str) -> None:
        for action in PATHS[status]:
            assert (await self.take(action, number)).status_code == 200
        if status == "handed_over":
            grant = await self.grant(number)
            await self.hear(handover(grant["grant_ref"], by=await self.value("SELECT district_ref FROM grants")))

    async def budget(self, amount: int, *, district: str = BOJONEGORO, year: int = 2026) -> httpx.Response:
        return await self.call("PUT", f"/v1/budgets/{year}/{district}", ADMIN, {"amount": amount})

    async def grant(self, number: UUID = GRANT) -> dict[str, Any]:
        found = await self.call("GET", f"/v1/grants/{number}", PROVINCE)
        assert found.status_code == 200
        body: dict[str, Any] = found.json()
        return body

    async def failed(self, number: UUID = GRANT) -> list[str]:
        found: list[str] = (await self.grant(number))["assessment"]["failed"]
        return found

    async def verdicts(self) -> dict[str, tuple[str, str]]:
        """(verdict, reason) by event id, of the districts' events."""
        found = await self.rows("SELECT event_id, verdict, reason FROM inbox WHERE district <> '' ORDER BY event_id")
        return {row[0]: (row[1], row[2]) for row in found}

    async def told(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(name, key, data) of the facts in the outbox, in order."""
        found = await self.rows(
            "SELECT type, aggregateid, payload FROM outbox WHERE aggregatetype = 'facts.grants' ORDER BY id"
        )
        return [(row[0].removeprefix("berdaya.grants."), row[1], json.loads(row[2])) for row in found]

    async def money(self) -> tuple[int, int, int]:
        """(amount, committed, disbursed) of the one budget there is."""
        (row,) = await self.rows("SELECT amount, committed, disbursed FROM budgets")
        return tuple(row)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
