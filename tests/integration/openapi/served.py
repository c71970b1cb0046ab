"""A running service with a little of everything in it, and what a caller may know of it."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
from msgspec.structs import replace

import services.grants.tables
import services.registry.app
import services.registry.tables
import services.reporting.tables
from services.registry.proof import adopt
from services.reporting.public import freeze
from shared.database import Database
from shared.embedded import EmbeddedLog
from shared.events.district import GrantKind, Status
from shared.events.envelope import beneficiary_id, grant_id
from shared.security import DISTRICT_ROLES, Role
from shared.settings import ServiceName, Settings
from tests.helpers import bearer
from tests.integration.grants import office as grants
from tests.integration.registry import office as registry
from tests.integration.reporting import office as reporting

BOJONEGORO = "3522"
METADATA = {
    "registry": services.registry.tables.METADATA,
    "grants": services.grants.tables.METADATA,
    "reporting": services.reporting.tables.METADATA,
}
Known = Mapping[str, list[str]]
"""By the name of a parameter: values that are there."""


def environment(service: ServiceName, url: str, folder: Path) -> dict[str, str]:
    return os.environ | {
        "BERDAYA_VAR": str(folder),
        "BERDAYA_DATABASE": url,
        "BERDAYA_LOOKUPS": "1000000",
        "BERDAYA_LOG_LEVEL": "ERROR",
    }


def tokens(service: ServiceName, folder: Path) -> dict[str, str]:
    """Of each role, a header."""
    settings = Settings(service=service, var=folder)
    return {
        role.value: bearer(settings, role, role.value, BOJONEGORO if role in DISTRICT_ROLES else None)["Authorization"]
        for role in Role
    }


async def fill(service: ServiceName, database: Database, folder: Path) -> Known:
    """What is known of it then."""
    return await {"registry": _people, "grants": _grants, "reporting": _businesses}[service](database, folder)


async def _people(database: Database, folder: Path) -> Known:
    node = services.registry.app.build(
        Settings(service="registry", var=folder), EmbeddedLog(folder / "log.db"), database
    )
    async with node.database.transaction() as session:
        await adopt(session, node.app.state.nik_keys)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(node.app), base_url="http://registry") as client:
        office = registry.Office(node, client)
        people = [replace(registry.SITI, district_ref=f"W-{n:04}") for n in range(1, 6)]
        others = [replace(registry.SITI, district_ref=f"X-{n:04}", nik=None, name=f"Nama {n}") for n in range(1, 4)]
        await office.receive(
            *(registry.event(person, f"e-{person.district_ref}") for person in (*people, *others)),
            registry.event(registry.SITI, "e-elsewhere", district=registry.SURABAYA),
            registry.event(replace(registry.SITI, revision=2, status=Status.ex_client), "e-later", minute=5),
        )
        found = await office.get("/v1/duplicates", Role.province_officer)
    await node.log.close()
    return {
        "beneficiary_id": [str(beneficiary_id(BOJONEGORO, person.district_ref)) for person in people],
        "duplicate_id": [each["duplicate_id"] for each in found.json()["items"]],
        "district": [BOJONEGORO],
        "event_id": ["e-later", "e-W-0001"],
        "kind": ["people"],
        "type": ["berdaya.district.beneficiary-recorded.v1"],
    }


async def _grants(database: Database, folder: Path) -> Known:
    async with grants.Office.over(database, folder).open() as office:
        for number in range(1, 9):
            await office.hear(grants.person(f"BJN-{number}"))
            await office.hear(grants.request(f"B-{number}", to=f"BJN-{number}"))
        await office.hear(
            grants.person("BJN-T"),
            grants.request("B-T", to="BJN-T", kind=GrantKind.training, items=(), amount=1_000_000),
        )
        await office.budget(1_000_000_000)
        for ref, status in {"B-2": "verified", "B-3": "approved", "B-4": "disbursed", "B-5": "rejected"}.items():
            await office.bring(grant_id(BOJONEGORO, ref), status)
        await office.bring(grant_id(BOJONEGORO, "B-T"), "disbursed")
        paid = grant_id(BOJONEGORO, "B-6")
        await office.bring(paid, "disbursed")
        await office.hear(grants.handover("B-6", by="BJN-6"))
        verified = grant_id(BOJONEGORO, "B-7")
        await office.bring(verified, "verified")
        batch = await office.call(
            "POST",
            "/v1/batches",
            grants.PROVINCE,
            {"fiscal_year": 2026, "district": BOJONEGORO, "grant_ids": [str(verified)], "total": 3_000_000},
        )
        assets = (await office.call("GET", "/v1/assets", grants.PROVINCE)).json()["items"]
    return {
        "grant_id": [str(grant_id(BOJONEGORO, f"B-{number}")) for number in (*range(1, 9), "T")],
        "grant": [str(paid)],
        "beneficiary_id": [str(beneficiary_id(BOJONEGORO, "BJN-1"))],
        "to": [str(beneficiary_id(BOJONEGORO, f"BJN-{number}")) for number in (1, 2)],
        "asset_id": [each["asset_id"] for each in assets],
        "batch_id": [batch.json()["batch_id"]],
        "fiscal_year": ["2026"],
        "district": [BOJONEGORO],
        "kind": ["requests"],
        "type": ["berdaya.district.grant-requested.v1"],
    }


async def _businesses(database: Database, folder: Path) -> Known:
    async with reporting.Office.over(database, folder).open() as office:
        people = [f"B-{number}" for number in range(1, 25)]
        await office.hear(*(reporting.person(ref) for ref in people), reporting.budget(10**9))
        for month in range(4, 11):
            await office.hear(
                *(
                    reporting.report(ref, f"2026-{month:02}", 10**6 + 10**5 * month * (number % 3))
                    for number, ref in enumerate(people)
                )
            )
        await office.hear(reporting.report("B-1", "2026-10", 10**9, revision=2, time=reporting.NOVEMBER))
        await office.hear(reporting.grant("G-1"), reporting.grant("G-2", "handed_over", on=date(2026, 4, 4)))
        await freeze(database, datetime(2026, 11, 6, tzinfo=UTC))
    return {
        "beneficiary_id": [str(beneficiary_id(BOJONEGORO, ref)) for ref in people[:4]],
        "district": [BOJONEGORO],
        "month": ["2026-10"],
        "kind": ["income"],
        "type": ["berdaya.district.income-reported.v1"],
    }


def handed_on(known: Known, roles: Mapping[str, str]) -> dict[str, str]:
    """To the process that calls: see `hooks`."""
    return {"CALLS_KNOWN": json.dumps(known), "CALLS_TOKENS": json.dumps(roles)}
