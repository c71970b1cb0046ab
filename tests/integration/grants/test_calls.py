"""Calls over HTTP: retries, refusals, what is listed and described; and the proof of the budgets."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from typer.testing import CliRunner

from services.grants.__main__ import app as command_line
from services.grants.app import TOPICS
from services.grants.tables import METADATA
from shared.events.district import GrantKind
from shared.events.envelope import grant_id
from shared.security import Caller, Role
from shared.tables import Chassis
from tests.helpers import bearer
from tests.integration.grants.office import (
    ADMIN,
    BOJONEGORO,
    GRANT,
    NOTE,
    OFFICER,
    PROVINCE,
    REASON,
    STEPS,
    TREASURER,
    TUBAN,
    Office,
    cash,
    person,
    problem,
    request,
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

DIFFERENCES = "differences between budgets, ledger, grants and facts"


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
    assert (proof.exit_code, proof.output) == (0, f"0 {DIFFERENCES}\n")
    async with office.database.transaction() as session:
        await session.execute(text("UPDATE budgets SET committed = 5000000, disbursed = 1 WHERE district = '3522'"))
        await session.execute(text("UPDATE grants SET status = 'approved' WHERE grant_ref = 'B-3'"))
    proof = await asyncio.to_thread(CliRunner().invoke, command_line, ["reconcile"])
    assert proof.exit_code == 1
    assert proof.output.splitlines() == [
        "3522 2026 apbd_provinsi: amount 9000000, by ledger 9000000; "
        "committed 5000000, by ledger 6000000, by grants 6000000; "
        "disbursed 1, by ledger 3000000, by grants 3000000",
        "3522 2027 apbd_provinsi: amount 0, by ledger 0; committed 0, by ledger 0, by grants 3000000; "
        "disbursed 0, by ledger 0, by grants 0",
        f"grant {grant_id(BOJONEGORO, 'B-3')}: approved 3000000; by ledger reserved 0, disbursed 0",
        f"grant {grant_id(BOJONEGORO, 'B-3')}: version, status and amount (1, 'approved', 3000000), "
        "told as (1, 'requested', 3000000)",
        f"4 {DIFFERENCES}",
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


async def test_every_list_comes_in_pages(office: Office) -> None:
    described = (await office.client.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    lists = set()
    for path, calls in described["paths"].items():
        if "get" not in calls or not path.startswith("/v1/"):
            continue
        answer = calls["get"]["responses"]["200"]["content"].get("application/json", {}).get("schema", {})
        if "items" in schemas.get(answer.get("$ref", "").rpartition("/")[2], {}).get("properties", {}):
            lists.add(path)
            taken = {parameter["name"] for parameter in calls["get"].get("parameters", ())}
            assert {"after", "limit"} <= taken, path
    assert lists == {
        "/v1/assets",
        "/v1/budgets/{fiscal_year}",
        "/v1/budgets/{fiscal_year}/ledger",
        "/v1/documents",
        "/v1/grants",
        "/v1/uploads",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/v1/assets?serial=%00",
        "/v1/assets?serial=SN%001",
        "/v1/assets?district=3522%00",
        "/v1/grants?status=%00",
        "/v1/grants?district=%003522",
        "/v1/grants?after=%00",
        "/v1/budgets/2026/ledger?district=3522%00",
        "/v1/budgets/2026?after=3522%00",
        "/v1/documents?kind=%00",
        "/v1/receipts/%00",
        "/v1/grants/%00",
        "/v1/batches/%00",
    ],
)
async def test_the_character_that_no_database_keeps_is_no_mistake_of_ours(office: Office, path: str) -> None:
    who = OFFICER if "receipts" not in path else Caller("s", Role.district_system, BOJONEGORO)
    answer = await office.call("GET", path, who)
    assert answer.status_code in (200, 404, 422), answer.text
    assert answer.status_code != 200 or answer.json()["items"] == []


async def test_every_step_is_done_once_for_its_key_however_often_it_is_sent(office: Office) -> None:
    await office.hear(person(), request(kind=GrantKind.training, items=(), amount=3_000_000))
    calls = (
        ("PUT", "/v1/budgets/2026/3522", ADMIN, {"amount": 9_000_000, "fund": "csr"}),
        ("POST", f"/v1/grants/{GRANT}/verify", OFFICER, {"note": ""}),
        ("POST", f"/v1/grants/{GRANT}/approve", PROVINCE, {"note": "", "fund": "csr"}),
        ("POST", f"/v1/grants/{GRANT}/disburse", TREASURER, {"reference": "SP2D", "on": "2026-11-20"}),
        (
            "POST",
            f"/v1/grants/{GRANT}/outcome",
            OFFICER,
            {"on": "2026-12-01", "sessions_planned": 2, "sessions_attended": 2, "certificate": "none"},
        ),
    )
    for method, path, who, body in calls:
        answers = [await office.call(method, path, who, body, key=f"key of {path}") for _ in range(3)]
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}, path
    assert await office.value("SELECT count(*) FROM ledger") == 3
    assert await office.value("SELECT count(*) FROM steps") == 3
    assert await office.value("SELECT count(*) FROM outcomes") == 1
    assert len(await office.told()) == 5
