"""The reporting application over a small province, for tests that read its pages as a browser would."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest

from services.reporting.app import build
from services.reporting.pages import sign_in_link
from services.reporting.rules import month_index
from services.reporting.tables import METADATA
from services.reporting.views import MONTHS, PEOPLE, YEARS
from shared import last_heard
from shared.database import Database, run
from shared.embedded import EmbeddedLog
from shared.events.envelope import beneficiary_id, microseconds
from shared.runtime import Node
from shared.security import LocalKey, Role
from shared.settings import Settings
from tests.helpers import bearer

BOJONEGORO, SURABAYA, KEDIRI = "3522", "3578", "3571"
HOSTILE_UNIT = "<script>alert(1)</script>"
HOSTILE_REF = '"><img src=x onerror=alert(2)>'
TAILOR = beneficiary_id(BOJONEGORO, "BJN-0001")
HOSTILE = beneficiary_id(BOJONEGORO, HOSTILE_REF)
FOREIGN = beneficiary_id(SURABAYA, "SBY-0001")
PROVINCE_ROLES = (Role.province_officer, Role.treasurer, Role.viewer, Role.auditor, Role.admin)
PAGES = ("/", f"/district/{BOJONEGORO}", f"/business/{TAILOR}")


class Site(NamedTuple):
    node: Node
    settings: Settings
    client: httpx.AsyncClient

    def signs_in_as(self, role: Role, district: str | None = None) -> None:
        self.client.headers.update(bearer(self.settings, role, "siti", district))

    async def page(self, address: str, status: int = 200, **headers: str) -> str:
        answer = await self.client.get(address, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return answer.text

    def ticket(self, role: Role = Role.province_officer, district: str | None = None) -> str:
        link = sign_in_link(self.settings, "http://test/", sub="siti", role=role, district=district)
        return parse_qs(urlsplit(link).query)["ticket"][0]

    def token(self, role: Role = Role.province_officer, district: str | None = None, **other: Any) -> str:
        claims = {"issuer": self.settings.issuer, "audience": self.settings.audience, **other}
        return LocalKey.at(self.settings.keys).sign(sub="siti", role=role, district=district, **claims)


@asynccontextmanager
async def opened(database: Database, folder: Path) -> AsyncIterator[Site]:
    settings = Settings(service="reporting", var=folder)
    node = build(settings, EmbeddedLog(folder / "log.db"), database)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(node.app), base_url="http://test", headers={"Origin": "http://test"}
    ) as client:
        yield Site(node, settings, client)
    await node.log.close()


@pytest.fixture
async def empty(templates: Any, tmp_path: Path) -> AsyncIterator[Site]:
    """A site before the first event."""
    database = Database(await templates.sqlite("reporting", METADATA, tmp_path / "reporting.db"))
    async with opened(database, tmp_path) as site:
        yield site
    await database.close()


@pytest.fixture
async def site(empty: Site) -> Site:
    """Three districts, two months, two businesses."""
    await fill(empty.node.database)
    return empty


@pytest.fixture
async def site_on_either(database_for: Any, tmp_path: Path) -> AsyncIterator[Site]:
    """The same on both databases, for what the pages themselves read and write."""
    async with opened(await database_for("reporting", METADATA), tmp_path) as site:
        await fill(site.node.database)
        yield site


def as_read(html: str) -> str:
    """As a person reads it: without marks, on one line."""
    visible = re.sub(r"<noscript.*?</noscript>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", visible).replace("\u00a0", " ").split())


def districts(html: str) -> list[str]:
    return re.findall(r'<a id="to-[0-9]{4}"[^>]*>([^<]*)</a>', html)


def row(html: str, code: str) -> str:
    """The row of a district in the table of who was last heard of when."""
    found = re.search(rf'<tr id="heard-{code}">.*?</tr>', html, re.DOTALL)
    assert found is not None, code
    return found[0]


async def hear(database: Database, code: str, moment: datetime) -> None:
    async with database.transaction() as session:
        await last_heard.note(session, [(code, "berdaya.district.income-reported.v1", microseconds(moment))])


async def fill(database: Database) -> None:
    """Bojonegoro by hand; of the two others only totals that would be recognised anywhere."""
    people, years, months = PEOPLE.difference(), YEARS.difference(), MONTHS.difference()
    for code, ex_clients, budget in (
        (BOJONEGORO, 13, 151_000_000),
        (SURABAYA, 4111, 611_100_000),
        (KEDIRI, 5222, 611_200_000),
    ):
        put(PEOPLE.columns, people[(code,)], ex_client=ex_clients, growing=code == BOJONEGORO)
        people[(code,)][PEOPLE.columns.index("insufficient")] = ex_clients - (code == BOJONEGORO)
        put(
            YEARS.columns,
            years[code, 2026],
            requested=1,
            approved=1,
            handed_over=1,
            rupiah_budget=budget,
            rupiah_committed=budget // 2,
            rupiah_disbursed=budget // 4,
        )
    put(MONTHS.columns, months[BOJONEGORO, month_index("2026-09")], reports=1, turnover=8_500_000, net_profit=2_500_000)
    put(
        MONTHS.columns,
        months[BOJONEGORO, month_index("2026-10")],
        reports=1,
        turnover=9_000_000,
        net_profit=3_000_000,
        employees=4,
    )
    async with database.transaction() as session:
        await PEOPLE.add(session, people)
        await YEARS.add(session, years)
        await MONTHS.add(session, months)
    await add_people(database, BOJONEGORO, ["BJN-0001"])
    await add_people(database, BOJONEGORO, [HOSTILE_REF], unit=HOSTILE_UNIT)
    await add_people(database, SURABAYA, ["SBY-0001"])
    await report(database, TAILOR, month="2026-09", turnover=8_500_000, wages=2_000_000)
    await report(database, TAILOR, month="2026-10", turnover=9_000_000, wages=2_000_000)


def put(columns: tuple[str, ...], row: list[int], **values: int) -> None:
    for name, value in values.items():
        row[columns.index(name)] = int(value)


async def add_people(database: Database, district: str, refs: list[str], unit: str | None = None) -> None:
    async with database.transaction() as session:
        for ref in refs:
            await run(
                session,
                """INSERT INTO person (beneficiary_id, district, district_ref, version, status, said_status, ppks_group,
                                       sex, birth_year, disabilities, skills, unit, growth_class, growth_version)
                   VALUES (:id, :district, :ref, 1, 'ex_client', 'ex_client', 'disability', 'female', 1985, '',
                           'sewing', :unit, 'insufficient', 0)""",
                id=beneficiary_id(district, ref),
                district=district,
                ref=ref,
                unit=unit,
            )


async def report(database: Database, person: UUID, *, month: str, turnover: int, wages: int) -> None:
    materials, production = 3_000_000, 1_000_000
    async with database.transaction() as session:
        await run(
            session,
            """INSERT INTO report (person_no, month, revision, time_us, event_id, source, turnover, materials,
                                   production, wages, net_profit, employees, orders, asset_use)
               SELECT no, :month, 2, 0, 'e', '/district/3522/e', :turnover, :materials, :production, :wages, :net,
                      4, 12, 'in_use'
               FROM person WHERE beneficiary_id = :person""",
            person=person,
            month=month_index(month),
            turnover=turnover,
            materials=materials,
            production=production,
            wages=wages,
            net=turnover - materials - production - wages,
        )
