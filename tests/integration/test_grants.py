"""Who receives what: from the district's request to the handover, through the inbox and over HTTP."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from unittest.mock import Mock
from uuid import UUID, uuid4

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from services.grants import commands
from services.grants.__main__ import app as command_line
from services.grants.app import TOPICS, build
from services.grants.tables import METADATA
from shared.database import Database, run
from shared.embedded import EmbeddedLog
from shared.events import facts
from shared.events.district import Asset, GrantHandedOver, GrantKind, GrantRequested, Item, PpksGroup, Sex, Status
from shared.events.envelope import Record, beneficiary_id, grant_id
from shared.refusals import Refused
from shared.runtime import Node
from shared.security import Caller, Role
from shared.settings import Settings
from shared.tables import Chassis
from tests.conflicts import SOURCES
from tests.helpers import again, bearer, from_district, from_service
from tests.integration.conftest import DatabaseFor

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


def pair(*refs: str, version: int, decision: Literal["same", "different", "withdrawn"] | None = None) -> Record:
    """Two people of Bojonegoro who may be one: suspected, or decided when there is a decision."""
    first, second = sorted((beneficiary_id(BOJONEGORO, ref) for ref in refs), key=str)
    number = UUID(int=first.int ^ second.int)
    common: dict[str, Any] = {"version": version, "duplicate_id": number, "beneficiary_ids": (first, second)}
    fact = (
        facts.DuplicateDecided(**common, decision=decision)
        if decision
        else facts.DuplicateSuspected(**common, because="same_nik")
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


class Office:
    """The grants service over one database, without its background tasks: events are applied when a test says so."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.database = node.database
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=node.app), base_url="http://grants")

    @classmethod
    def over(cls, database: Database, folder: Path) -> "Office":
        return cls(build(Settings(service="grants", var=folder), EmbeddedLog(folder / "log.db"), database))

    async def hear(self, *records: Record) -> None:
        """One batch, in one transaction, as the consumer does it."""
        async with self.database.transaction() as session:
            await self.node.inbox.apply(session, records)

    async def drain(self) -> None:
        """What the consumer does when it is idle."""
        async with self.database.transaction() as session:
            await self.node.inbox.drain(session)

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

    async def rows(self, statement: str) -> list[Any]:
        async with self.database.reading() as session:
            return list((await run(session, statement)).all())

    async def value(self, statement: str) -> Any:
        return (await self.rows(statement))[0][0]

    async def money(self) -> tuple[int, int, int]:
        """(amount, committed, disbursed) of the one budget there is."""
        (row,) = await self.rows("SELECT amount, committed, disbursed FROM budgets")
        return tuple(row)


@pytest.fixture
async def office(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    async with AsyncExitStack() as stack:
        found = Office.over(await database_for("grants", METADATA), tmp_path)
        stack.push_async_callback(found.node.log.close)
        stack.push_async_callback(found.client.aclose)
        yield found


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# Requests


async def test_a_request_for_a_known_ex_client_becomes_a_grant_that_fails_no_criterion(office: Office) -> None:
    await office.hear(person(), request(event_id="r1"))
    assert await office.grant() == {
        "grant_id": str(GRANT),
        "beneficiary_id": str(SEAMSTRESS),
        "district": "3522",
        "grant_ref": "B-1",
        "kind": "equipment",
        "amount": 3_000_000,
        "fiscal_year": 2026,
        "status": "requested",
        "assessment": {"failed": [], "criteria_version": 1},
        "history": [
            {
                "step": "request",
                "who": "/district/3522/test",
                "when": "2026-11-10T02:00:00Z",
                "on": "2026-11-10",
                "note": "",
            }
        ],
    }
    assert await office.verdicts() == {"r1": ("accepted", "accepted")}
    assert await office.told() == [
        (
            "grant-requested.v1",
            str(SEAMSTRESS),
            {
                "version": 1,
                "grant_id": str(GRANT),
                "beneficiary_id": str(SEAMSTRESS),
                "district": "3522",
                "kind": "equipment",
                "amount": 3_000_000,
                "fiscal_year": 2026,
                "on": "2026-11-10",
            },
        )
    ]


async def test_the_day_of_a_request_is_the_day_in_east_java(office: Office) -> None:
    await office.hear(person(), request(after=timedelta(hours=15)))  # 17:00 UTC is midnight there
    assert (await office.told())[0][2]["on"] == "2026-11-11"


async def test_a_request_for_an_unknown_person_waits_until_the_registry_tells_of_them(office: Office) -> None:
    await office.hear(request(event_id="r1"))
    assert await office.verdicts() == {"r1": ("waiting", "unknown_beneficiary")}
    assert await office.told() == []
    await office.hear(person())
    assert await office.verdicts() == {"r1": ("accepted", "accepted")}
    assert (await office.grant())["status"] == "requested"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"items": ()}, "no_items"),
        ({"amount": 2_999_999}, "amount_mismatch"),
        ({"subject": "BJN-2"}, "subject_mismatch"),
        ({"items": (MACHINE, OBRAS), "amount": 4_000_000}, "amount_mismatch"),
    ],
)
async def test_a_request_that_cannot_be_right_is_rejected_at_once(
    office: Office, more: dict[str, Any], reason: str
) -> None:
    await office.hear(request(event_id="r1", **more))
    assert await office.verdicts() == {"r1": ("rejected", reason)}
    assert await office.rows("SELECT * FROM grants") == []


async def test_the_amount_of_equipment_is_the_sum_of_its_items(office: Office) -> None:
    await office.hear(person(), request(items=(MACHINE, OBRAS), amount=5_000_000))
    assert (await office.grant())["amount"] == 5_000_000


async def test_the_later_content_is_in_force_whatever_arrives_first(office: Office) -> None:
    for grant, order in (("B-1", "eln"), ("B-2", "nel"), ("B-3", "len")):
        events = {
            "e": cash(grant, 1_000_000, event_id=f"{grant}-early"),
            "l": cash(grant, 2_000_000, event_id=f"{grant}-late", after=timedelta(hours=1)),
            "n": cash(grant, 3_000_000, event_id=f"{grant}-never", after=timedelta(minutes=59)),
        }
        await office.hear(person(), *(events[letter] for letter in order))
    assert await office.rows("SELECT grant_ref, amount, event_id FROM grants ORDER BY grant_ref") == [
        ("B-1", 2_000_000, "B-1-late"),
        ("B-2", 2_000_000, "B-2-late"),
        ("B-3", 2_000_000, "B-3-late"),
    ]
    assert await office.verdicts() == {
        "B-1-early": ("accepted", "accepted"),
        "B-1-late": ("accepted", "accepted"),
        "B-1-never": ("superseded", "older_revision"),
        "B-2-never": ("accepted", "accepted"),
        "B-2-early": ("superseded", "older_revision"),
        "B-2-late": ("accepted", "accepted"),
        "B-3-late": ("accepted", "accepted"),
        "B-3-early": ("superseded", "older_revision"),
        "B-3-never": ("superseded", "older_revision"),
    }


async def test_of_two_contents_with_the_same_time_the_greater_id_is_in_force(office: Office) -> None:
    await office.hear(person(), cash("B-1", 1_000_000, event_id="b"), cash("B-1", 2_000_000, event_id="a"))
    assert (await office.grant())["amount"] == 1_000_000
    await office.hear(cash("B-1", 3_000_000, event_id="c"))
    assert (await office.grant())["amount"] == 3_000_000


async def test_of_two_systems_with_one_id_and_time_the_greater_source_is_in_force(office: Office) -> None:
    await office.hear(person())
    for grant, order in (("B-1", (0, 1)), ("B-2", (1, 0))):
        said = [cash(grant, amount, event_id=grant, source=SOURCES[place]) for place, amount in enumerate((7, 5))]
        for place in order:
            await office.hear(said[place])
    assert SOURCES[0] > SOURCES[1]
    assert await office.rows("SELECT grant_ref, amount, source FROM grants ORDER BY grant_ref") == [
        ("B-1", 7, SOURCES[0]),
        ("B-2", 7, SOURCES[0]),
    ]


async def test_new_content_is_told_as_the_next_version_and_judged_anew(office: Office) -> None:
    await office.hear(person(), cash("B-1", 1_000_000))
    await office.hear(cash("B-1", 2_000_000, after=timedelta(days=1), desil=6))
    assert [(data["version"], data["amount"], data["on"]) for _, _, data in await office.told()] == [
        (1, 1_000_000, "2026-11-10"),
        (2, 2_000_000, "2026-11-11"),
    ]
    assert await office.failed() == ["desil_above_5"]


async def test_new_content_may_name_another_person(office: Office) -> None:
    await office.hear(person(), person("BJN-2", status=Status.moved), request())
    await office.hear(request(to="BJN-2", after=timedelta(hours=1)))
    assert (await office.grant())["beneficiary_id"] == str(beneficiary_id(BOJONEGORO, "BJN-2"))
    assert await office.failed() == ["not_ex_client"]
    assert [key for _, key, _ in await office.told()] == [
        str(SEAMSTRESS),
        str(beneficiary_id(BOJONEGORO, "BJN-2")),
    ]


async def test_a_verified_grant_keeps_its_content(office: Office) -> None:
    await office.hear(person(), request())
    await office.take("verify")
    await office.hear(
        request(
            event_id="r2",
            amount=4_000_000,
            items=(MACHINE, Item(name="Kain", quantity=1, unit_value=1_000_000)),
            after=timedelta(hours=1),
        )
    )
    assert (await office.verdicts())["r2"] == ("rejected", "already_in_progress")
    assert (await office.grant())["amount"] == 3_000_000


async def test_the_same_request_under_another_id_is_a_duplicate(office: Office) -> None:
    await office.hear(person(), request(event_id="r1"))
    await office.hear(
        request(event_id="r2", after=timedelta(hours=1)), request(event_id="r0", after=timedelta(hours=-1))
    )
    verdicts = await office.verdicts()
    assert verdicts["r2"] == verdicts["r0"] == ("duplicate", "duplicate")
    assert len(await office.told()) == 1
    assert await office.value("SELECT event_id FROM grants") == "r2"


async def test_the_same_request_on_a_later_day_moves_the_day_of_the_request(office: Office) -> None:
    await office.hear(person(), request())
    await office.hear(request(after=timedelta(days=3), event_id="r2"))
    assert [(data["version"], data["on"]) for _, _, data in await office.told()] == [
        (1, "2026-11-10"),
        (2, "2026-11-13"),
    ]
    await office.take("verify")
    await office.hear(request(after=timedelta(days=5), event_id="r3"))
    assert [name for name, _, _ in await office.told()] == [
        "grant-requested.v1",
        "grant-requested.v1",
        "grant-verified.v1",
    ]
    assert await office.value("SELECT event_id FROM grants") == "r3"


# Criteria


@pytest.mark.parametrize(
    ("who", "what", "codes"),
    [
        ({"status": Status.client}, {}, ["not_ex_client"]),
        ({"status": Status.client, "leaves_unit_on": date(2027, 2, 10)}, {}, []),
        ({"birth_year": 2012}, {}, ["under_15"]),
        ({}, {"desil": 6}, ["desil_above_5"]),
        (
            {"status": Status.deceased, "birth_year": 2012},
            {"desil": 10},
            ["not_ex_client", "desil_above_5", "under_15"],
        ),
    ],
)
async def test_the_assessment_names_each_criterion_that_fails(
    office: Office, who: dict[str, Any], what: dict[str, Any], codes: list[str]
) -> None:
    await office.hear(person(**who), request(**what))
    assert await office.failed() == codes


async def test_an_open_grant_follows_the_facts_about_the_person(office: Office) -> None:
    await office.hear(person(status=Status.client), request())
    assert await office.failed() == ["not_ex_client"]
    await office.hear(person(version=3))
    assert await office.failed() == []
    await office.hear(person(version=2, status=Status.deceased))  # older: dropped
    assert await office.failed() == []
    await office.take("verify")
    await office.hear(person(version=4, status=Status.moved))
    assert await office.failed() == ["not_ex_client"]


async def test_a_decided_grant_keeps_the_assessment_it_was_decided_by(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "approved")
    await office.hear(person(version=2, status=Status.deceased))
    assert await office.failed() == []


async def test_nobody_is_given_things_while_any_suspicion_about_them_is_undecided(office: Office) -> None:
    await office.hear(person(), person("BJN-2"), request(), request("B-2", kind=GrantKind.training, items=()))
    await office.hear(pair("BJN-1", "BJN-2", version=1), pair("BJN-1", "BJN-3", version=1))
    assert await office.failed() == ["duplicate_suspected"]
    assert await office.failed(grant_id(BOJONEGORO, "B-2")) == []
    await office.hear(pair("BJN-1", "BJN-2", version=2, decision="different"))
    assert await office.failed() == ["duplicate_suspected"]
    await office.hear(pair("BJN-1", "BJN-3", version=4, decision="withdrawn"))
    assert await office.failed() == []
    await office.hear(pair("BJN-1", "BJN-3", version=3))  # older: dropped
    assert await office.failed() == []
    await office.hear(pair("BJN-1", "BJN-3", version=5))
    assert await office.failed() == ["duplicate_suspected"]


async def test_a_suspicion_told_before_the_person_counts(office: Office) -> None:
    await office.hear(pair("BJN-1", "BJN-2", version=1))
    await office.hear(person(), request())
    assert await office.failed() == ["duplicate_suspected"]


async def test_a_person_gets_one_grant_of_things_or_money_in_a_fiscal_year(office: Office) -> None:
    second, training, next_year = (grant_id(BOJONEGORO, ref) for ref in ("B-2", "B-3", "B-4"))
    await office.budget(100_000_000)
    await office.hear(
        person(),
        request(),
        cash("B-2", 1_000_000),
        request("B-3", kind=GrantKind.training, items=()),
        request("B-4", fiscal_year=2027),
    )
    await office.bring(GRANT, "verified")
    assert await office.failed(second) == []
    await office.take("approve")
    assert await office.failed() == []
    assert [await office.failed(number) for number in (second, training, next_year)] == [["already_aided"], [], []]
    await office.take("cancel")
    assert await office.failed(second) == []


# Officers


async def test_a_grant_goes_from_request_to_handover_with_one_fact_for_each_step(office: Office) -> None:
    await office.budget(10_000_000)
    await office.hear(person(), request())
    for action, status, money in (
        ("verify", "verified", (10_000_000, 0, 0)),
        ("approve", "approved", (10_000_000, 3_000_000, 0)),
        ("disburse", "disbursed", (10_000_000, 3_000_000, 3_000_000)),
    ):
        answer = await office.take(action)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert await office.money() == money
        assert answer.json() == await office.grant()
    await office.hear(handover())
    history = (await office.grant())["history"]
    assert [(entry["step"], entry["who"], entry["note"]) for entry in history] == [
        ("request", "/district/3522/test", ""),
        ("verify", "ratna", "checked"),
        ("approve", "budi", "checked"),
        ("disburse", "tono", "SP2D-17"),
        ("hand_over", "/district/3522/test", ""),
    ]
    assert [entry["on"] for entry in history[3:]] == ["2026-11-20", "2026-11-25"]
    told = await office.told()
    assert [name for name, _, _ in told] == [
        "budget-set.v1",
        "grant-requested.v1",
        "grant-verified.v1",
        "grant-approved.v1",
        "grant-disbursed.v1",
        "grant-handed-over.v1",
    ]
    assert [data["version"] for _, _, data in told[1:]] == [1, 2, 3, 4, 5]
    assert [data["on"] for _, _, data in told[-2:]] == ["2026-11-20", "2026-11-25"]
    assert told[0][1:] == ("3522", {"version": 1, "district": "3522", "fiscal_year": 2026, "amount": 10_000_000})


async def test_a_step_is_refused_in_every_status_it_does_not_start_from(office: Office) -> None:
    allowed = {
        ("requested", "verify"),
        ("requested", "reject"),
        ("requested", "cancel"),
        ("verified", "approve"),
        ("verified", "reject"),
        ("verified", "cancel"),
        ("approved", "disburse"),
        ("approved", "cancel"),
    }
    await office.budget(1_000_000_000)
    for place, status in enumerate(PATHS):
        ref = f"S-{place}"
        number = grant_id(BOJONEGORO, ref)
        await office.hear(person(), request(ref, kind=GrantKind.training, items=()))
        await office.bring(number, status)
        assert (await office.grant(number))["status"] == status
        told = len(await office.told())
        for action in STEPS:
            if (status, action) in allowed:
                continue
            who = Caller("someone", STEPS[action][0].role, STEPS[action][0].district)
            who = PROVINCE_TOO if action == "reject" else who
            answer = await office.take(action, number, who=who)
            assert problem(answer) == (409, "illegal_transition"), (status, action)
            assert answer.json()["status"] == 409
            assert answer.json()["present"] == status
        assert len(await office.told()) == told


async def test_a_step_may_start_from_every_status_the_rules_name(office: Office) -> None:
    await office.budget(1_000_000_000)
    for place, (status, action, becomes) in enumerate(
        (
            ("verified", "cancel", "cancelled"),
            ("approved", "cancel", "cancelled"),
            ("requested", "cancel", "cancelled"),
            ("requested", "reject", "rejected"),
            ("verified", "reject", "rejected"),
        )
    ):
        ref = f"S-{place}"
        number = grant_id(BOJONEGORO, ref)
        await office.hear(person(), request(ref, kind=GrantKind.training, items=()))
        await office.bring(number, status)
        who = PROVINCE if status == "verified" else STEPS[action][0]
        assert (await office.take(action, number, who=who)).json()["status"] == becomes
        assert (await office.told())[-1][0] == f"grant-{becomes}.v1"
    assert await office.money() == (1_000_000_000, 0, 0)


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("verify", {"district_officer"}),
        ("approve", {"province_officer"}),
        ("reject", {"district_officer", "province_officer"}),
        ("disburse", {"treasurer"}),
        ("cancel", {"district_officer", "province_officer"}),
    ],
)
async def test_a_step_is_only_for_its_roles(office: Office, action: str, roles: set[str]) -> None:
    await office.hear(person(), request())
    for role in Role:
        district = BOJONEGORO if role.value.startswith("district") else None
        answer = await office.take(action, who=Caller("x", role, district), body={})
        assert (answer.status_code == 403) == (role.value not in roles)
    assert (await office.grant())["status"] == "requested"


async def test_a_district_officer_cannot_reject_what_was_verified(office: Office) -> None:
    await office.hear(person(), request())
    await office.take("verify")
    assert problem(await office.take("reject")) == (403, "forbidden")
    assert (await office.take("reject", who=PROVINCE)).status_code == 200


async def test_the_same_person_never_takes_two_of_the_three_steps(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.take("verify")
    assert problem(await office.take("approve", who=PROVINCE._replace(sub="ratna"))) == (409, "four_eyes")
    await office.take("approve")
    for sub in ("ratna", "budi"):
        assert problem(await office.take("disburse", who=TREASURER._replace(sub=sub))) == (409, "four_eyes")
    assert await office.money() == (3_000_000, 3_000_000, 0)


async def test_the_schema_itself_knows_that_maker_is_never_checker(office: Office) -> None:
    await office.hear(person(), request())
    await office.take("verify")
    with pytest.raises(IntegrityError):
        async with office.database.transaction() as session:
            await session.execute(
                text(
                    "INSERT INTO steps (grant_id, step, sub, at, day, note) "
                    "SELECT grant_id, 'approve', sub, at, day, note FROM steps"
                )
            )


async def test_fifty_million_needs_two_different_approvers(office: Office) -> None:
    await office.budget(60_000_000)
    await office.hear(person(), cash("B-1", 50_000_000))
    await office.take("verify")
    first = await office.take("approve")
    assert (first.status_code, first.json()["status"]) == (200, "verified")
    assert [entry["step"] for entry in first.json()["history"]] == ["request", "verify", "approve"]
    assert await office.money() == (60_000_000, 0, 0)
    assert problem(await office.take("approve")) == (409, "four_eyes")
    assert [name for name, _, _ in await office.told()][-1] == "grant-verified.v1"
    second = await office.take("approve", who=PROVINCE_TOO)
    assert second.json()["status"] == "approved"
    assert await office.money() == (60_000_000, 50_000_000, 0)
    assert [name for name, _, _ in await office.told()][-1] == "grant-approved.v1"


async def test_one_rupiah_less_needs_one_approver(office: Office) -> None:
    await office.budget(60_000_000)
    await office.hear(person(), cash("B-1", 49_999_999))
    await office.bring(GRANT, "approved")
    assert await office.money() == (60_000_000, 49_999_999, 0)


async def test_an_approval_is_refused_with_the_criteria_that_fail_now(office: Office) -> None:
    await office.budget(10_000_000)
    await office.hear(person(), request(desil=5))
    await office.take("verify")
    await office.hear(pair("BJN-1", "BJN-2", version=1))
    answer = await office.take("approve")
    assert problem(answer) == (409, "duplicate_suspected")
    assert answer.json()["failed"] == ["duplicate_suspected"]
    await office.hear(person(version=2, status=Status.withdrawn))
    answer = await office.take("approve")
    assert problem(answer) == (409, "criteria_not_met")
    assert answer.json()["failed"] == ["not_ex_client", "duplicate_suspected"]
    assert await office.money() == (10_000_000, 0, 0)
    await office.hear(pair("BJN-1", "BJN-2", version=2, decision="same"), person(version=3))
    assert (await office.take("approve")).status_code == 200


async def test_an_approval_judges_anew_and_trusts_no_kept_assessment(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.take("verify")
    async with office.database.transaction() as session:
        await session.execute(text("UPDATE beneficiaries SET status = 'moved'"))
    assert await office.failed() == []
    assert problem(await office.take("approve")) == (409, "criteria_not_met")


async def test_a_first_of_two_approvals_is_refused_too_when_a_criterion_fails(office: Office) -> None:
    await office.hear(person(), cash("B-1", 50_000_000, desil=6))
    await office.take("verify")
    assert problem(await office.take("approve")) == (409, "criteria_not_met")
    assert len((await office.grant())["history"]) == 2


# Budgets


async def test_an_approval_beyond_the_budget_changes_nothing(office: Office) -> None:
    await office.hear(person(), person("BJN-2"), request(), request("B-2", to="BJN-2"))
    second = grant_id(BOJONEGORO, "B-2")
    await office.bring(GRANT, "verified")
    await office.bring(second, "verified")
    answer = await office.take("approve")
    assert problem(answer) == (409, "budget_exceeded")
    assert (answer.json()["budget"], answer.json()["committed"], answer.json()["amount"]) == (0, 0, 3_000_000)
    await office.budget(5_999_999)
    assert (await office.take("approve")).status_code == 200
    before = await office.told()
    answer = await office.take("approve", second)
    assert problem(answer) == (409, "budget_exceeded")
    assert (answer.json()["budget"], answer.json()["committed"]) == (5_999_999, 3_000_000)
    assert (await office.grant(second))["status"] == "verified"
    assert await office.told() == before
    await office.budget(6_000_000)
    assert (await office.take("approve", second)).status_code == 200
    assert await office.money() == (6_000_000, 6_000_000, 0)


async def test_a_grant_is_paid_from_the_budget_of_its_own_district_and_year(office: Office) -> None:
    await office.budget(9_000_000, district=TUBAN)
    await office.budget(9_000_000, year=2027)
    await office.hear(person(), request())
    await office.take("verify")
    assert problem(await office.take("approve")) == (409, "budget_exceeded")


async def test_a_cancelled_grant_frees_its_budget(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), person("BJN-2"), request(), request("B-2", to="BJN-2"))
    second = grant_id(BOJONEGORO, "B-2")
    await office.bring(GRANT, "approved")
    await office.bring(second, "verified")
    assert problem(await office.take("approve", second)) == (409, "budget_exceeded")
    assert (await office.take("cancel")).json()["status"] == "cancelled"
    assert await office.money() == (3_000_000, 0, 0)
    assert (await office.take("approve", second)).status_code == 200


async def test_a_budget_is_never_set_below_what_is_committed(office: Office) -> None:
    await office.budget(5_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "approved")
    answer = await office.budget(2_999_999)
    assert problem(answer) == (409, "budget_below_committed")
    assert (answer.json()["amount"], answer.json()["committed"]) == (2_999_999, 3_000_000)
    assert (await office.budget(3_000_000)).json() == {
        "district": "3522",
        "fiscal_year": 2026,
        "amount": 3_000_000,
        "committed": 3_000_000,
        "disbursed": 0,
        "remaining": 0,
    }
    assert [data["version"] for name, _, data in await office.told() if name == "budget-set.v1"] == [1, 2]


async def test_the_schema_itself_refuses_a_budget_that_is_exceeded(office: Office) -> None:
    await office.budget(1)
    with pytest.raises(IntegrityError):
        async with office.database.transaction() as session:
            await session.execute(text("UPDATE budgets SET committed = 2"))


async def test_budgets_are_shown_by_district_and_a_district_sees_its_own(office: Office) -> None:
    await office.budget(4_000_000)
    await office.budget(7_000_000, district=TUBAN)
    await office.budget(1, year=2027)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    bojonegoro = {
        "district": "3522",
        "fiscal_year": 2026,
        "amount": 4_000_000,
        "committed": 3_000_000,
        "disbursed": 3_000_000,
        "remaining": 1_000_000,
    }
    tuban = {**bojonegoro, "district": "3523", "amount": 7_000_000, "committed": 0, "disbursed": 0}
    tuban["remaining"] = 7_000_000
    everyone = await office.call("GET", "/v1/budgets/2026", Caller("v", Role.viewer, None))
    assert everyone.json() == {"fiscal_year": 2026, "items": [bojonegoro, tuban]}
    own = await office.call("GET", "/v1/budgets/2026", OFFICER)
    assert own.json() == {"fiscal_year": 2026, "items": [bojonegoro]}


async def test_only_an_admin_sets_a_budget_and_only_of_a_district_of_east_java(office: Office) -> None:
    for who in (OFFICER, PROVINCE, TREASURER):
        answer = await office.call("PUT", "/v1/budgets/2026/3522", who, {"amount": 1})
        assert problem(answer) == (403, "forbidden")
    assert problem(await office.budget(1, district="3399")) == (404, "not_found")


@pytest.mark.parametrize("amount", [-1, 1_000_000_000_001, 1.5, "1", True, None])
async def test_a_budget_is_whole_rupiah_up_to_a_trillion(office: Office, amount: object) -> None:
    answer = await office.call("PUT", "/v1/budgets/2026/3522", ADMIN, {"amount": amount})
    assert problem(answer) == (422, "invalid_request")


# Handovers


async def test_a_handover_waits_for_the_grant_and_then_for_its_disbursement(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(handover(event_id="h1"))
    assert await office.verdicts() == {"h1": ("waiting", "unknown_grant")}
    await office.hear(person(), request(event_id="r1"), handover(event_id="h2"))
    assert (await office.verdicts())["h2"] == ("waiting", "not_disbursed")
    await office.bring(GRANT, "approved")
    await office.drain()
    assert {key: verdict for key, (verdict, _) in (await office.verdicts()).items()} == {
        "h1": "waiting",
        "h2": "waiting",
        "r1": "accepted",
    }
    await office.take("disburse")
    await office.drain()
    verdicts = await office.verdicts()
    assert verdicts["h1"] == ("accepted", "accepted")
    assert verdicts["h2"] == ("duplicate", "duplicate")
    assert (await office.grant())["status"] == "handed_over"
    assert await office.rows("SELECT * FROM waiting") == []
    assert await office.rows("SELECT received_by, evidence_sha256, assets FROM handovers") == [
        ("beneficiary", "ab" * 32, '[{"name":"Mesin jahit","serial":"SN-1"}]')
    ]


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
async def test_nothing_is_handed_over_of_a_closed_grant(office: Office, status: str) -> None:
    await office.hear(person(), request(), handover(event_id="h1"))
    assert (await office.verdicts())["h1"] == ("waiting", "not_disbursed")
    await office.bring(GRANT, status)
    await office.drain()
    await office.hear(handover(event_id="h2"))
    verdicts = await office.verdicts()
    assert verdicts["h1"] == verdicts["h2"] == ("rejected", "grant_closed")
    assert (await office.grant())["status"] == status


async def test_a_handover_names_the_person_of_the_grant(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    await office.hear(handover(event_id="h1", by="BJN-2"))
    assert (await office.verdicts())["h1"] == ("rejected", "subject_mismatch")
    assert (await office.grant())["status"] == "disbursed"


async def test_a_second_different_handover_is_rejected_and_its_like_is_a_duplicate(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    later = timedelta(days=21)
    await office.hear(
        handover(event_id="h1"),
        handover(event_id="h2", after=later, evidence_sha256="cd" * 32),
        handover(event_id="h3", after=later),
    )
    await office.hear(handover(event_id="h4", after=later, received_by="guardian"))
    verdicts = await office.verdicts()
    assert [verdicts[f"h{number}"] for number in (1, 2, 3, 4)] == [
        ("accepted", "accepted"),
        ("rejected", "already_handed_over"),
        ("duplicate", "duplicate"),
        ("rejected", "already_handed_over"),
    ]
    assert await office.rows("SELECT evidence_sha256, event_id FROM handovers") == [("ab" * 32, "h1")]
    assert [name for name, _, _ in await office.told()].count("grant-handed-over.v1") == 1


async def test_the_earlier_of_two_different_handovers_stands_when_it_arrives_second(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    await office.hear(
        handover(event_id="h2", after=timedelta(days=21), on=date(2026, 12, 1), evidence_sha256="cd" * 32)
    )
    await office.hear(handover(event_id="h1"))
    verdicts = await office.verdicts()
    assert (verdicts["h1"], verdicts["h2"]) == (("accepted", "accepted"), ("rejected", "already_handed_over"))
    assert await office.rows("SELECT evidence_sha256, event_id FROM handovers") == [("ab" * 32, "h1")]
    handed_over = [data for name, _, data in await office.told() if name == "grant-handed-over.v1"]
    assert [(data["version"], data["on"]) for data in handed_over] == [(5, "2026-12-01"), (6, "2026-11-25")]


async def test_no_name_is_kept_once_a_grant_is_handed_over(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(handover(), person(), request())
    await office.bring(GRANT, "disbursed")
    await office.drain()
    assert (await office.grant())["status"] == "handed_over"
    for table in [*METADATA.tables, *Chassis.metadata.tables]:
        rows = await office.rows(f"SELECT * FROM {table}")
        assert "Lurah" not in str(
            [[bytes(value) if isinstance(value, bytes) else value for value in row] for row in rows]
        )


# Calls


async def test_the_same_key_gives_the_same_answer_and_does_nothing_twice(office: Office) -> None:
    await office.hear(person(), request(), request("B-2", kind=GrantKind.training, items=()))
    calls: list[tuple[str, str, Caller, object]] = [("PUT", "/v1/budgets/2026/3522", ADMIN, {"amount": 3_000_000})]
    calls += [("POST", f"/v1/grants/{GRANT}/{action}", *STEPS[action]) for action in ("verify", "approve", "disburse")]
    other = grant_id(BOJONEGORO, "B-2")
    calls += [("POST", f"/v1/grants/{other}/cancel", PROVINCE, REASON)]
    for place, (method, path, who, body) in enumerate(calls):
        first = await office.call(method, path, who, body, key=f"key-{place}")
        assert first.status_code == 200, first.text
        told = await office.told()
        second = await office.call(method, path, who, body, key=f"key-{place}")
        assert (second.status_code, second.content) == (200, first.content)
        assert await office.told() == told
    assert await office.money() == (3_000_000, 3_000_000, 3_000_000)
    assert await office.value("SELECT count(*) FROM steps") == 4


async def test_a_rejection_is_done_once_for_its_key(office: Office) -> None:
    await office.hear(person(), request())
    first = await office.take("reject", key="k")
    assert (await office.take("reject", key="k")).content == first.content
    assert problem(await office.take("reject", who=PROVINCE)) == (409, "illegal_transition")


async def test_a_key_is_of_one_caller_and_one_call(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.take("verify", key="k")
    assert problem(await office.take("verify", key="k", body={"note": "other"})) == (422, "idempotency_key_reused")
    assert (await office.take("approve", key="k")).status_code == 200


async def test_a_refused_call_may_be_tried_again_with_its_key(office: Office) -> None:
    await office.hear(person(), request())
    await office.take("verify")
    assert problem(await office.take("approve", key="k")) == (409, "budget_exceeded")
    await office.budget(3_000_000)
    assert (await office.take("approve", key="k")).status_code == 200


async def test_a_step_taken_again_without_its_key_is_refused(office: Office) -> None:
    await office.hear(person(), request())
    await office.take("verify")
    answer = await office.take("verify")
    assert problem(answer) == (409, "illegal_transition")
    assert (answer.json()["present"], answer.json()["action"]) == ("verified", "verify")


async def test_a_commit_that_fails_is_no_success_and_leaves_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.take("verify")
    before = await office.told()

    fault = sqlite3.OperationalError("disk is full") if office.database.is_sqlite else ConnectionResetError("away")
    monkeypatch.setattr(office.database.engine.sync_engine.dialect, "do_commit", Mock(side_effect=fault))
    answer = await office.take("approve", key="k")
    monkeypatch.undo()
    assert problem(answer) == (503, "unavailable")
    assert ((await office.grant())["status"], await office.money()) == ("verified", (3_000_000, 0, 0))
    assert await office.told() == before
    assert (await office.take("approve", key="k")).status_code == 200


async def test_a_call_needs_a_token_a_key_and_a_body_by_the_contract(office: Office) -> None:
    await office.hear(person(), request())
    path = f"/v1/grants/{GRANT}/verify"
    assert problem(await office.client.post(path, json=NOTE)) == (401, "unauthenticated")
    headers = bearer(office.node.settings, OFFICER.role, OFFICER.sub, OFFICER.district)
    assert problem(await office.client.post(path, json=NOTE, headers=headers)) == (400, "idempotency_key_missing")
    wrong: Mapping[str, Sequence[object]] = {
        "verify": ({}, {"note": None}, {"note": "x" * 501}, {"note": "a\0b"}, {"note": "\ud800"}, [], "note"),
        "reject": ({}, {"reason": ""}, {"reason": 1}),
        "disburse": ({"reference": "x"}, {"reference": "", "on": "2026-11-20"}, {"reference": "x", "on": "2026-13-01"}),
    }
    for action, bodies in wrong.items():
        for body in bodies:
            assert problem(await office.take(action, body=body)) == (422, "invalid_request")
    assert (await office.grant())["status"] == "requested"


async def test_a_grant_of_another_district_is_not_found(office: Office) -> None:
    await office.hear(person(), request())
    for who in (Caller("x", Role.district_officer, TUBAN), Caller("y", Role.district_system, TUBAN)):
        assert problem(await office.call("GET", f"/v1/grants/{GRANT}", who)) == (404, "not_found")
        assert (await office.call("GET", "/v1/grants", who)).json() == {"items": [], "next": None}
        assert problem(await office.call("GET", "/v1/grants?district=3522", who)) == (404, "not_found")
    for action in ("verify", "reject", "cancel"):
        answer = await office.take(action, who=Caller("x", Role.district_officer, TUBAN))
        assert problem(answer) == (404, "not_found")
    assert problem(await office.take("verify", uuid4())) == (404, "not_found")
    assert problem(await office.call("GET", f"/v1/grants/{uuid4()}", PROVINCE)) == (404, "not_found")


async def test_grants_are_listed_a_page_at_a_time_and_by_what_they_are(office: Office) -> None:
    refs = [f"B-{number}" for number in range(7)]
    await office.hear(person(), person("T-1", district=TUBAN))
    await office.hear(
        *(request(ref, kind=GrantKind.training, items=()) for ref in refs),
        cash("B-9", 1_000_000, to="T-1", district=TUBAN, fiscal_year=2027),
    )
    await office.take("verify")
    pages, after = [], ""
    while True:
        page = (await office.call("GET", f"/v1/grants?limit=3{after}", PROVINCE)).json()
        pages.append([grant["grant_ref"] for grant in page["items"]])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert [len(page) for page in pages] == [3, 3, 2]
    assert sorted(ref for page in pages for ref in page) == [*refs, "B-9"]
    for filters, expected in (
        ("district=3523", ["B-9"]),
        ("district=3522&status=verified", ["B-1"]),
        ("kind=cash", ["B-9"]),
        ("fiscal_year=2027", ["B-9"]),
        ("fiscal_year=2025", []),
        ("status=requested&kind=training&limit=500", ["B-0", *refs[2:]]),
    ):
        found = (await office.call("GET", f"/v1/grants?{filters}", PROVINCE)).json()["items"]
        assert sorted(grant["grant_ref"] for grant in found) == expected
    one = (await office.call("GET", "/v1/grants?status=verified", OFFICER)).json()["items"]
    assert one == [await office.grant()]
    for wrong in ("limit=0", "limit=501", "status=paid", "after=x", "district=35"):
        assert problem(await office.call("GET", f"/v1/grants?{wrong}", PROVINCE)) == (422, "invalid_request")


async def test_every_answer_of_the_service_is_in_its_openapi_description(office: Office) -> None:
    described = (await office.client.get("/openapi.json")).json()["paths"]
    for action in STEPS:
        operation = described[f"/v1/grants/{{grant_id}}/{action}"]["post"]
        assert set(operation["responses"]) >= {"200", "400", "401", "403", "404", "409", "422", "503"}


def test_the_service_reads_its_intake_of_all_districts_and_the_facts_of_the_registry() -> None:
    assert len(TOPICS) == 39
    assert TOPICS[0] == "intake.grants.3501"
    assert TOPICS[-1] == "facts.registry"


# Proof


async def test_reconcile_proves_the_budgets_from_the_grants(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BERDAYA_DATABASE", office.database.url)
    await office.budget(9_000_000)
    await office.budget(1_000_000, district=TUBAN)
    await office.hear(
        person(), person("BJN-2"), request(), request("B-2", to="BJN-2"), request("B-3", fiscal_year=2027)
    )
    await office.bring(GRANT, "disbursed")
    await office.bring(grant_id(BOJONEGORO, "B-2"), "approved")
    proof = await asyncio.to_thread(CliRunner().invoke, command_line, ["reconcile"])
    assert (proof.exit_code, proof.output) == (0, "0 budgets differ from their grants\n")
    async with office.database.transaction() as session:
        await session.execute(text("UPDATE budgets SET committed = 5000000, disbursed = 1 WHERE district = '3522'"))
        await session.execute(text("UPDATE grants SET status = 'approved' WHERE grant_ref = 'B-3'"))
    proof = await asyncio.to_thread(CliRunner().invoke, command_line, ["reconcile"])
    assert proof.exit_code == 1
    assert proof.output.splitlines() == [
        "3522 2026: committed 5000000, by grants 6000000; disbursed 1, by grants 3000000",
        "3522 2027: committed 0, by grants 3000000; disbursed 0, by grants 0",
        "2 budgets differ from their grants",
    ]


async def test_the_migrations_make_the_tables_that_the_service_declares(office: Office) -> None:
    def difference(connection: Connection) -> list[Any]:
        migration = MigrationContext.configure(connection, opts={"compare_type": False})
        both = [METADATA, Chassis.metadata]
        together = MetaData()
        for metadata in both:
            for table in metadata.sorted_tables:
                table.to_metadata(together)
        found: list[Any] = compare_metadata(migration, together)
        return [one for one in found if "alembic_version" not in str(one)]

    async with office.database.engine.connect() as connection:
        assert await connection.run_sync(difference) == []


# Any order


def _scenario() -> list[Record]:
    """All that is told of two people and four grants, in one of its possible orders."""
    hour, day = timedelta(hours=1), timedelta(days=1)
    return [
        person(status=Status.client),
        person(version=2),
        person(version=3, birth_year=1991),
        person("BJN-2", status=Status.ex_client),
        pair("BJN-1", "BJN-2", version=1),
        pair("BJN-1", "BJN-2", version=2, decision="different"),
        request(event_id="r1"),
        request(event_id="r1-like", after=day),
        cash("B-2", 1_000_000, event_id="r2-first"),
        cash("B-2", 2_000_000, event_id="r2-other", after=hour, fiscal_year=2027),
        cash("B-2", 1_000_000, event_id="r2-first-again", after=2 * day),
        request("B-3", to="BJN-2", event_id="r3"),
        cash("B-4", 4_000_000, to="BJN-9", event_id="r4"),
        handover(event_id="h1"),
        handover(event_id="h1-like", after=timedelta(days=22)),
        handover(event_id="h2", after=timedelta(days=21), evidence_sha256="cd" * 32),
        handover("B-3", by="BJN-2", event_id="h3"),
        handover("B-5", event_id="h5"),
    ]


async def _try_officers(office: Office) -> None:
    """Each step as soon as it is possible."""
    for ref, actions in (("B-1", ("verify", "approve", "disburse")), ("B-3", ("verify", "approve", "cancel"))):
        number = grant_id(BOJONEGORO, ref)
        for action in actions:
            try:
                async with office.database.transaction() as session:
                    match action:
                        case "verify":
                            await commands.verify(session, OFFICER, number, "")
                        case "approve":
                            await commands.approve(session, PROVINCE, number, "")
                        case "disburse":
                            on = date(2026, 11, 20)
                            await commands.disburse(session, TREASURER, number, reference="", on=on)
                        case "cancel" if await _is_approved(session, number):
                            await commands.cancel(session, PROVINCE, number, "")
            except Refused:
                continue


async def _is_approved(session: Any, number: UUID) -> bool:
    found = await run(session, "SELECT 1 FROM grants WHERE id = :id AND status = 'approved'", id=number)
    return found.first() is not None


async def _empty(database: Database) -> None:
    tables = [table.name for metadata in (METADATA, Chassis.metadata) for table in reversed(metadata.sorted_tables)]
    async with database.transaction() as session:
        for name in tables:
            await session.execute(text(f"DELETE FROM {name}"))
        await commands.set_budget(session, fiscal_year=2026, district=BOJONEGORO, amount=6_000_000)


async def _state(office: Office) -> dict[str, Any]:
    """All rows, but for what counts arrivals or reads the officers' clocks: versions, serial numbers, moments."""
    columns = {
        "beneficiaries": "id, version, district, status, birth_year, leaves_unit_on",
        "suspicions": "id, version, first_id, second_id, undecided",
        "budgets": "fiscal_year, district, amount, committed, disbursed",
        "grants": """id, district, grant_ref, beneficiary_id, district_ref, kind, items, amount, fiscal_year, purpose,
                     desil, requested_at, event_id, source, status, failed, criteria_version""",
        "steps": "grant_id, step, sub, note",
        "handovers": "grant_id, day, received_by, evidence_sha256, assets, at, event_id, source",
        "waiting": "waits_for, ready",
    }
    state: dict[str, Any] = {
        table: sorted(map(str, await office.rows(f"SELECT {names} FROM {table}"))) for table, names in columns.items()
    }
    last: dict[str, Any] = {}
    for name, key, data in await office.told():
        last[data.get("grant_id", key)] = (name, {**data, "version": 0})
    for name, data in last.values():
        if name in ("grant-verified.v1", "grant-cancelled.v1"):
            data.pop("on")
    return {**state, "told": last}


_expected: dict[str, Any] = {}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(18)),
    repeated=st.lists(st.tuples(st.integers(0, 17), st.integers(0, 18)), max_size=4),
    cuts=st.sets(st.integers(1, 21)),
)
async def test_any_order_and_repetition_of_the_same_events_ends_in_the_same_rows(
    office: Office, order: list[int], repeated: list[tuple[int, int]], cuts: set[int]
) -> None:
    await _empty(office.database)
    events = _scenario()
    deliveries = [events[place] for place in order]
    for event_place, at in repeated:
        deliveries.insert(at, again(events[event_place]))
    bounds = [0, *sorted(cuts), len(deliveries)]
    for start, end in pairwise(bounds):
        await office.hear(*deliveries[start:end])
        await _try_officers(office)
        await office.drain()
        async with office.database.reading() as session:
            assert await commands.differences(session) == []
    state = await _state(office)
    assert state == _expected.setdefault(str(office.database.is_sqlite), state)
    statuses = await office.rows("SELECT grant_ref, status, failed, event_id FROM grants ORDER BY grant_ref")
    assert statuses == [
        ("B-1", "handed_over", "", "r1-like"),
        ("B-2", "requested", "already_aided", "r2-first-again"),
        ("B-3", "cancelled", "", "r3"),
    ]
    assert await office.rows("SELECT event_id FROM handovers") == [("h1",)]
    assert await office.money() == (6_000_000, 3_000_000, 3_000_000)
    waits = sorted(row[0] for row in await office.rows("SELECT waits_for FROM waiting"))
    assert waits == sorted(
        (f"beneficiary/{beneficiary_id(BOJONEGORO, 'BJN-9')}", f"grant/{grant_id(BOJONEGORO, 'B-5')}")
    )
    verdicts = await office.verdicts()
    assert verdicts["h2"] == ("rejected", "already_handed_over")
    assert verdicts["h3"] == ("rejected", "grant_closed")
