"""What became of it: facts and income reports through the inbox, and every number of the dashboard by hand."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.reporting.app import build
from services.reporting.dashboard import build as build_dashboard
from services.reporting.dashboard import build_next
from services.reporting.growth import Classes
from services.reporting.reconcile import rebuild, reconcile
from services.reporting.tables import METADATA
from shared.database import Database, run
from shared.embedded import EmbeddedLog
from shared.events import facts
from shared.events.district import AssetUse, GrantKind, IncomeReported, PpksGroup, Sex, Status
from shared.events.envelope import Record, beneficiary_id, grant_id, microseconds
from shared.runtime import Node
from shared.security import Caller, Role
from shared.settings import Settings
from shared.tables import Chassis
from tests.helpers import again, bearer, from_district, from_service
from tests.integration.conftest import DatabaseFor

BOJONEGORO, TUBAN, SURABAYA = "3522", "3523", "3578"
DISTRICTS = [f"35{number:02}" for number in (*range(1, 30), *range(71, 80))]
"""29 kabupaten and 9 kota."""
NOVEMBER = datetime(2026, 11, 5, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
VIEWER = Caller("wati", Role.viewer, None)
OFFICER = Caller("ratna", Role.district_officer, BOJONEGORO)
MILLION = 1_000_000

EMPTY_CELL = {
    "beneficiaries": {"client": 0, "ex_client": 0, "graduated": 0, "withdrawn": 0, "moved": 0, "deceased": 0},
    "grants": {
        "requested": 0,
        "verified": 0,
        "approved": 0,
        "rejected": 0,
        "disbursed": 0,
        "handed_over": 0,
        "cancelled": 0,
    },
    "rupiah": {"budget": 0, "committed": 0, "disbursed": 0, "remaining": 0},
    "income": {
        "reports": 0,
        "reporting_rate": 0,
        "turnover": 0,
        "net_profit": 0,
        "net_profit_median": 0,
        "employees": 0,
        "idle_assets": 0,
    },
    "growth": {"growing": 0, "ordinary": 0, "stagnant": 0, "declining": 0, "insufficient": 0},
}


def person(
    ref: str = "B-1",
    status: str = "ex_client",
    *,
    version: int = 1,
    district: str = BOJONEGORO,
    event_id: str | None = None,
) -> Record:
    """The registry's fact about a person."""
    number = beneficiary_id(district, ref)
    kind = facts.BeneficiaryRegistered if version == 1 else facts.BeneficiaryUpdated
    fact = kind(
        version=version,
        beneficiary_id=number,
        district=district,
        district_ref=ref,
        status=Status(status),
        ppks_group=PpksGroup.disability,
        sex=Sex.female,
        birth_year=1990,
        disabilities=(),
        skills=("sewing",),
        unit=None,
    )
    return from_service(
        "registry", fact, event_id=event_id or f"person/{number}/{version}", time=NOVEMBER, key=str(number)
    )


def report(
    ref: str = "B-1",
    month: str = "2026-10",
    net: int = MILLION,
    *,
    revision: int = 1,
    district: str = BOJONEGORO,
    event_id: str | None = None,
    time: datetime = NOVEMBER,
    **more: Any,
) -> Record:
    """A report of this net profit, all of it turnover where that can be, unless the amounts are told."""
    values: dict[str, Any] = {
        "turnover": max(net, 0),
        "materials": max(-net, 0),
        "production": 0,
        "wages": 0,
        "employees": 1,
        "orders": 5,
        "asset_use": AssetUse.in_use,
        **more,
    }
    data = IncomeReported(district_ref=ref, month=month, revision=revision, **values)
    return from_district(
        district, data, event_id=event_id or f"{ref}/{month}/{revision}/{time.isoformat()}", time=time, subject=ref
    )


_GRANT_FACTS = {
    "requested": facts.GrantRequested,
    "verified": facts.GrantVerified,
    "approved": facts.GrantApproved,
    "rejected": facts.GrantRejected,
    "disbursed": facts.GrantDisbursed,
    "handed_over": facts.GrantHandedOver,
    "cancelled": facts.GrantCancelled,
}


def grant(
    ref: str = "G-1",
    status: str = "requested",
    amount: int = MILLION,
    *,
    version: int = 1,
    year: int = 2026,
    district: str = BOJONEGORO,
    to: str = "B-1",
) -> Record:
    number = grant_id(district, ref)
    whose = beneficiary_id(district, to)
    fact = _GRANT_FACTS[status](
        version=version,
        grant_id=number,
        beneficiary_id=whose,
        district=district,
        kind=GrantKind.equipment,
        amount=amount,
        fiscal_year=year,
        on=date(2026, 11, 4),
    )
    return from_service("grants", fact, event_id=f"grant/{number}/{version}", time=NOVEMBER, key=str(whose))


def budget(amount: int, *, version: int = 1, year: int = 2026, district: str = BOJONEGORO) -> Record:
    fact = facts.BudgetSet(version=version, district=district, fiscal_year=year, amount=amount)
    return from_service("grants", fact, event_id=f"budget/{district}/{year}/{version}", time=NOVEMBER, key=district)


class Office:
    """The reporting service over one database, without its background tasks: events are applied when a test says so."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.database = node.database
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=node.app), base_url="http://reporting")

    @classmethod
    def over(cls, database: Database, folder: Path) -> "Office":
        return cls(build(Settings(service="reporting", var=folder), EmbeddedLog(folder / "log.db"), database))

    async def hear(self, *records: Record) -> None:
        """One batch, in one transaction, with the classes it makes due, as the consumer does it."""
        async with self.database.transaction() as session:
            await self.node.inbox.apply(session, records)
            await Classes().settle(session)

    async def call(
        self, path: str, who: Caller | None = VIEWER, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        shown = bearer(self.node.settings, who.role, who.sub, who.district) if who else {}
        return await self.client.get(path, headers={**shown, **(headers or {})})

    async def dashboard(self, month: str | None = None, who: Caller = VIEWER) -> dict[str, Any]:
        found = await self.call(f"/v1/dashboard?month={month}" if month else "/v1/dashboard", who)
        assert found.status_code == 200
        body: dict[str, Any] = found.json()
        return body

    async def cell(self, month: str | None = "2026-10", district: str | None = BOJONEGORO) -> dict[str, Any]:
        """Of a district, or with None the province."""
        body = await self.dashboard(month)
        found: dict[str, Any] = body["districts"][district] if district else body["province"]
        return found

    async def income(self, month: str = "2026-10", district: str | None = BOJONEGORO) -> tuple[int, int]:
        """(reports, net profit)"""
        income = (await self.cell(month, district))["income"]
        return income["reports"], income["net_profit"]

    async def business(self, ref: str = "B-1") -> dict[str, Any]:
        found = await self.call(f"/v1/businesses/{beneficiary_id(BOJONEGORO, ref)}")
        assert found.status_code == 200
        body: dict[str, Any] = found.json()
        return body

    async def receipts(self) -> dict[str, tuple[str, str, str]]:
        """(verdict, reason, warnings) by event id, of the districts' events."""
        found = await self.rows("SELECT event_id, verdict, reason, warnings FROM inbox WHERE district <> ''")
        return {row[0]: (row[1], row[2], row[3]) for row in found}

    async def told(self) -> list[dict[str, Any]]:
        """The growth-changed facts in the outbox, in order."""
        found = await self.rows("SELECT payload FROM outbox WHERE aggregatetype = 'facts.reporting' ORDER BY id")
        return [json.loads(row[0]) for row in found]

    async def rows(self, statement: str) -> list[Any]:
        async with self.database.reading() as session:
            return list((await run(session, statement)).all())

    async def change(self, statement: str) -> None:
        async with self.database.transaction() as session:
            await run(session, statement)


@pytest.fixture
async def office(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    """After every test the views are those of the facts."""
    async with AsyncExitStack() as stack:
        found = Office.over(await database_for("reporting", METADATA), tmp_path)
        stack.push_async_callback(found.node.log.close)
        stack.push_async_callback(found.client.aclose)
        yield found
        assert await reconcile(found.database) == []


def names(value: Any) -> Any:
    """The keys of an object and of those in it, in their order."""
    return [(key, names(inner)) for key, inner in value.items()] if isinstance(value, dict) else None


def like(cell: dict[str, Any], **changed: dict[str, Any]) -> dict[str, Any]:
    """The cell with some of its numbers changed."""
    return {name: {**numbers, **changed.get(name, {})} for name, numbers in cell.items()}


# The shape


async def test_a_dashboard_without_any_event_has_all_38_districts_and_no_month(office: Office) -> None:
    body = await office.dashboard()
    assert list(body) == ["version", "as_of", "month", "lag", "province", "districts"]
    assert (body["version"], body["month"]) == (0, None)
    assert list(body["lag"]) == ["events", "seconds"]
    assert datetime.fromisoformat(body["as_of"]).tzinfo is not None
    assert body["as_of"].endswith("Z")
    assert list(body["districts"]) == DISTRICTS
    assert body["province"] == EMPTY_CELL
    assert all(cell == EMPTY_CELL for cell in body["districts"].values())


async def test_every_cell_has_the_keys_of_the_contract_in_its_order(office: Office) -> None:
    await office.hear(person(), report(), grant(), budget(MILLION))
    body = await office.dashboard()
    for cell in (body["province"], *body["districts"].values()):
        assert names(cell) == names(EMPTY_CELL)


# The numbers


def _tiny_province() -> list[Record]:
    """Ten people in three districts, eight grants, three budgets; the figures below are worked out from it by hand."""
    steady, rising = [2 * MILLION] * 2, [500_000, MILLION]
    loss, small = [-1, -1], [900_000] * 2
    earlier = {"B-1": steady, "B-2": small, "T-1": rising, "T-2": loss, "T-3": small}
    return [
        *(person(ref) for ref in ("B-1", "B-2", "B-3")),
        person("B-4", "client"),
        person("B-5", "graduated"),
        *(person(ref, district=TUBAN) for ref in ("T-1", "T-2", "T-3")),
        person("S-1", "moved", district=SURABAYA),
        person("S-2", "deceased", district=SURABAYA),
        person("S-3", "withdrawn", district=SURABAYA),
        *(
            report(ref, month, net, district=BOJONEGORO if ref.startswith("B") else TUBAN)
            for ref, nets in earlier.items()
            for month, net in zip(("2026-08", "2026-09"), nets, strict=True)
        ),
        report("B-1", turnover=5 * MILLION, materials=2 * MILLION, production=500_000, wages=500_000, employees=2),
        report(
            "B-2",
            turnover=MILLION,
            materials=600_000,
            production=300_001,
            wages=400_000,
            employees=1,
            asset_use=AssetUse.idle,
        ),
        report("B-4", turnover=9 * MILLION, employees=9, asset_use=AssetUse.broken),
        report(
            "T-1",
            turnover=3 * MILLION,
            materials=MILLION,
            production=500_000,
            employees=3,
            asset_use=AssetUse.broken,
            district=TUBAN,
        ),
        report("T-2", turnover=700_000, employees=0, asset_use=AssetUse.none, district=TUBAN),
        report("T-3", turnover=900_000, employees=1, district=TUBAN),
        grant("G-1", "requested", 1 * MILLION),
        grant("G-2", "approved", 2 * MILLION),
        grant("G-3", "disbursed", 4 * MILLION),
        grant("G-4", "cancelled", 8 * MILLION),
        grant("G-5", "handed_over", 16 * MILLION, district=TUBAN),
        grant("G-6", "verified", 32 * MILLION, district=TUBAN),
        grant("G-7", "rejected", 64 * MILLION, district=TUBAN),
        grant("G-8", "approved", 128 * MILLION, year=2027),
        budget(10 * MILLION),
        budget(20 * MILLION, district=TUBAN),
        budget(500 * MILLION, year=2027),
    ]


BOJONEGORO_CELL = {
    "beneficiaries": {"client": 1, "ex_client": 3, "graduated": 1, "withdrawn": 0, "moved": 0, "deceased": 0},
    "grants": {
        "requested": 1,
        "verified": 0,
        "approved": 1,
        "rejected": 0,
        "disbursed": 1,
        "handed_over": 0,
        "cancelled": 1,
    },
    "rupiah": {"budget": 10_000_000, "committed": 6_000_000, "disbursed": 4_000_000, "remaining": 4_000_000},
    "income": {
        "reports": 2,
        "reporting_rate": 0.667,
        "turnover": 6_000_000,
        "net_profit": 1_699_999,
        "net_profit_median": 849_999.5,
        "employees": 3,
        "idle_assets": 1,
    },
    "growth": {"growing": 0, "ordinary": 1, "stagnant": 0, "declining": 1, "insufficient": 1},
}
TUBAN_CELL = {
    "beneficiaries": {"client": 0, "ex_client": 3, "graduated": 0, "withdrawn": 0, "moved": 0, "deceased": 0},
    "grants": {
        "requested": 0,
        "verified": 1,
        "approved": 0,
        "rejected": 1,
        "disbursed": 0,
        "handed_over": 1,
        "cancelled": 0,
    },
    "rupiah": {"budget": 20_000_000, "committed": 16_000_000, "disbursed": 16_000_000, "remaining": 4_000_000},
    "income": {
        "reports": 3,
        "reporting_rate": 1.0,
        "turnover": 4_600_000,
        "net_profit": 3_100_000,
        "net_profit_median": 900_000,
        "employees": 4,
        "idle_assets": 1,
    },
    "growth": {"growing": 1, "ordinary": 0, "stagnant": 1, "declining": 1, "insufficient": 0},
}
SURABAYA_CELL = like(EMPTY_CELL, beneficiaries={"withdrawn": 1, "moved": 1, "deceased": 1})
PROVINCE_CELL = {
    "beneficiaries": {"client": 1, "ex_client": 6, "graduated": 1, "withdrawn": 1, "moved": 1, "deceased": 1},
    "grants": {
        "requested": 1,
        "verified": 1,
        "approved": 1,
        "rejected": 1,
        "disbursed": 1,
        "handed_over": 1,
        "cancelled": 1,
    },
    "rupiah": {"budget": 30_000_000, "committed": 22_000_000, "disbursed": 20_000_000, "remaining": 8_000_000},
    "income": {
        "reports": 5,
        "reporting_rate": 0.833,
        "turnover": 10_600_000,
        "net_profit": 4_799_999,
        "net_profit_median": 900_000,
        "employees": 7,
        "idle_assets": 2,
    },
    "growth": {"growing": 1, "ordinary": 1, "stagnant": 1, "declining": 2, "insufficient": 1},
}


async def test_every_number_of_a_tiny_province_is_the_one_worked_out_by_hand(office: Office) -> None:
    await office.hear(*_tiny_province())
    body = await office.dashboard()
    assert body["month"] == "2026-10"
    assert body["districts"][BOJONEGORO] == BOJONEGORO_CELL
    assert body["districts"][TUBAN] == TUBAN_CELL
    assert body["districts"][SURABAYA] == SURABAYA_CELL
    assert body["province"] == PROVINCE_CELL
    others = set(DISTRICTS) - {BOJONEGORO, TUBAN, SURABAYA}
    assert len(others) == 35
    assert all(body["districts"][code] == EMPTY_CELL for code in others)


async def test_the_numbers_are_the_same_when_every_event_is_a_batch_of_its_own_and_the_last_comes_first(
    office: Office,
) -> None:
    for record in reversed(_tiny_province()):
        await office.hear(record)
    assert (await office.dashboard())["province"] == PROVINCE_CELL


async def test_a_month_without_reports_shows_its_own_year_and_no_income(office: Office) -> None:
    await office.hear(*_tiny_province())
    body = await office.dashboard("2027-01")
    assert body["month"] == "2027-01"
    expected = like(
        BOJONEGORO_CELL,
        grants={"requested": 0, "approved": 1, "disbursed": 0, "cancelled": 0},
        rupiah={"budget": 500 * MILLION, "committed": 128 * MILLION, "disbursed": 0, "remaining": 372 * MILLION},
        income=EMPTY_CELL["income"],
    )
    assert body["districts"][BOJONEGORO] == expected
    assert body["province"]["income"] == EMPTY_CELL["income"]
    assert body["province"]["growth"] == PROVINCE_CELL["growth"]


async def test_the_dashboard_of_the_session_and_that_of_http_are_the_same_cells(office: Office) -> None:
    await office.hear(*_tiny_province())
    async with office.database.reading() as session:
        snapshot = await build_dashboard(session)
    assert json.loads(bytes(snapshot.province)) == PROVINCE_CELL
    assert list(snapshot.districts) == DISTRICTS
    assert snapshot.months == ("2026-08", "2026-09", "2026-10")


MEDIANS: Sequence[tuple[list[int], float]] = [
    ([], 0),
    ([-5], -5),
    ([3, 1, 2], 2),
    ([1, 3], 2),
    ([1, 2], 1.5),
    ([-3, 0], -1.5),
    ([-2, -1], -1.5),
    ([-1, 0], -0.5),
    ([-1, 1], 0),
    ([4, 1, 1, 4], 2.5),
    ([5, 5, 5, -100, 900], 5),
    ([1_000_000_000_000, 999_999_999_999], 999_999_999_999.5),
]
"""The nets of one district each, and their median."""


async def test_the_median_is_exact_to_half_a_rupiah(office: Office) -> None:
    for district, (nets, _) in zip(DISTRICTS, MEDIANS, strict=False):
        for place, net in enumerate(nets):
            ref = f"P-{place}"
            await office.hear(person(ref, district=district), report(ref, net=net, district=district))
    cells = (await office.dashboard())["districts"]
    for district, (nets, median) in zip(DISTRICTS, MEDIANS, strict=False):
        assert cells[district]["income"]["net_profit_median"] == median, nets


async def test_the_median_of_the_province_is_over_all_its_reports(office: Office) -> None:
    await office.hear(
        *(person(ref) for ref in ("B-1", "B-2", "B-3")),
        person("T-1", district=TUBAN),
        *(report(ref, net=net) for ref, net in (("B-1", 1), ("B-2", 2), ("B-3", 9))),
        report("T-1", net=100, district=TUBAN),
    )
    body = await office.dashboard()
    medians = [
        cell["income"]["net_profit_median"]
        for cell in (body["districts"][BOJONEGORO], body["districts"][TUBAN], body["province"])
    ]
    assert medians == [2, 100, 5.5]


RATES = [(0, 0, 0), (0, 2, 0), (1, 3, 0.333), (2, 3, 0.667), (1, 7, 0.143), (2, 2, 1)]
"""Reports and ex-clients of one district each, and the rate."""


async def test_the_reporting_rate_has_three_decimals_and_is_0_where_nobody_is(office: Office) -> None:
    for district, (reporting, people, _) in zip(DISTRICTS, RATES, strict=False):
        refs = [f"P-{place}" for place in range(people)]
        await office.hear(
            *(person(ref, district=district) for ref in refs),
            *(report(ref, district=district) for ref in refs[:reporting]),
        )
    cells = (await office.dashboard())["districts"]
    rates = [cells[district]["income"]["reporting_rate"] for district in DISTRICTS[: len(RATES)]]
    assert rates == [rate for _, _, rate in RATES]


async def test_only_reports_of_ex_clients_count(office: Office) -> None:
    others = ("client", "graduated", "withdrawn", "moved", "deceased")
    for status in others:
        await office.hear(
            person(status, status), *(report(status, month) for month in ("2026-08", "2026-09", "2026-10"))
        )
    cell = await office.cell()
    assert cell["beneficiaries"] == {"ex_client": 0, **dict.fromkeys(others, 1)}
    assert cell["income"] == EMPTY_CELL["income"]
    assert cell["growth"] == EMPTY_CELL["growth"]


async def test_idle_assets_are_those_that_say_idle_or_broken(office: Office) -> None:
    uses = [AssetUse.in_use, AssetUse.idle, AssetUse.broken, AssetUse.none, AssetUse.idle]
    for place, use in enumerate(uses):
        await office.hear(person(f"B-{place}"), report(f"B-{place}", asset_use=use))
    assert (await office.cell())["income"]["idle_assets"] == 3


async def test_an_ex_client_who_never_reported_is_insufficient(office: Office) -> None:
    await office.hear(person("B-1"), person("B-2"), person("B-3", "client"))
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "insufficient": 2}


# Which month


async def test_the_month_is_by_default_the_newest_that_has_a_report(office: Office) -> None:
    await office.hear(person(), report(month="2026-10"), report(month="2025-12"), report(month="2026-02"))
    assert (await office.dashboard())["month"] == "2026-10"


async def test_a_report_that_does_not_count_makes_its_month_the_newest_all_the_same(office: Office) -> None:
    await office.hear(person("B-1"), person("B-2", "graduated"), report("B-1", "2026-09"), report("B-2", "2026-10"))
    body = await office.dashboard()
    assert (body["month"], body["province"]["income"]["reports"]) == ("2026-10", 0)


async def test_a_report_that_waits_is_in_no_month(office: Office) -> None:
    await office.hear(person("B-1"), report("B-1", "2026-09"), report("B-2", "2026-10"))
    assert (await office.dashboard())["month"] == "2026-09"


async def test_a_month_that_is_none_is_422(office: Office) -> None:
    for month in ("2026-1", "2026-13", "2026-00", "26-10", "2026-10-01", "oktober", "2026-10%0A", ""):
        found = await office.call(f"/v1/dashboard?month={month}")
        assert (found.status_code, found.json()["code"]) == (422, "invalid_request"), month


async def test_a_month_far_away_is_an_empty_one(office: Office) -> None:
    await office.hear(person(), report())
    for month in ("0000-01", "0001-12", "9999-12"):
        body = await office.dashboard(month)
        assert (body["month"], body["province"]["income"]) == (month, EMPTY_CELL["income"])


# Revisions


async def test_a_higher_revision_replaces_the_report_in_every_number(office: Office) -> None:
    await office.hear(person(), report(net=5 * MILLION, employees=4, asset_use=AssetUse.broken))
    await office.hear(
        report(revision=2, turnover=3 * MILLION, materials=MILLION, wages=500_000, employees=2, event_id="second")
    )
    assert (await office.cell())["income"] == {
        "reports": 1,
        "reporting_rate": 1.0,
        "turnover": 3 * MILLION,
        "net_profit": 1_500_000,
        "net_profit_median": 1_500_000,
        "employees": 2,
        "idle_assets": 0,
    }
    (kept,) = (await office.business())["reports"]
    assert (kept["revision"], kept["net_profit"], kept["asset_use"]) == (2, 1_500_000, "in_use")
    assert (await office.receipts())["second"] == ("accepted", "accepted", "")


@pytest.mark.parametrize("together", [True, False])
async def test_a_lower_revision_is_superseded_though_it_is_later(office: Office, together: bool) -> None:
    await office.hear(person())
    newer = report(net=2 * MILLION, revision=3, event_id="newer")
    older = report(net=9 * MILLION, revision=2, event_id="older", time=NOVEMBER + HOUR)
    await _arrive(office, together, newer, older)
    assert await office.income() == (1, 2 * MILLION)
    assert await office.receipts() == {
        "newer": ("accepted", "accepted", ""),
        "older": ("superseded", "older_revision", ""),
    }


@pytest.mark.parametrize("together", [True, False])
async def test_the_same_report_under_another_id_is_a_duplicate(office: Office, together: bool) -> None:
    await office.hear(person())
    await _arrive(office, together, report(event_id="first"), report(event_id="again", time=NOVEMBER + HOUR))
    assert await office.income() == (1, MILLION)
    assert await office.receipts() == {
        "first": ("accepted", "accepted", ""),
        "again": ("duplicate", "duplicate", ""),
    }


WAYS = {f"B-{place}": way for place, way in enumerate(product((True, False), repeat=2))}
"""By person: do two events come in one batch, and does the later come first?"""


async def test_of_two_reports_that_differ_the_later_is_in_force_and_both_are_warned(office: Office) -> None:
    for ref, (together, turned) in WAYS.items():
        earlier = report(ref, net=MILLION, event_id=f"{ref} z-earlier", asset_use=AssetUse.idle)
        later = report(ref, net=2 * MILLION, event_id=f"{ref} a-later", time=NOVEMBER + timedelta(microseconds=1))
        await office.hear(person(ref))
        await _arrive(office, together, *((later, earlier) if turned else (earlier, later)))
    assert await office.income() == (4, 8 * MILLION)
    assert (await office.cell())["income"]["idle_assets"] == 0
    receipts = await office.receipts()
    for ref in WAYS:
        assert receipts[f"{ref} z-earlier"] == ("superseded", "revision_conflict", "revision_conflict")
        assert receipts[f"{ref} a-later"] == ("accepted", "accepted", "revision_conflict")


async def test_of_two_reports_of_the_same_moment_the_greater_id_is_in_force(office: Office) -> None:
    for ref, (together, turned) in WAYS.items():
        lesser = report(ref, net=MILLION, event_id=f"{ref} a")
        greater = report(ref, net=2 * MILLION, event_id=f"{ref} b")
        await office.hear(person(ref))
        await _arrive(office, together, *((greater, lesser) if turned else (lesser, greater)))
    assert await office.income() == (4, 8 * MILLION)
    receipts = await office.receipts()
    for ref in WAYS:
        assert receipts[f"{ref} a"] == ("superseded", "revision_conflict", "revision_conflict")
        assert receipts[f"{ref} b"] == ("accepted", "accepted", "revision_conflict")


@pytest.mark.parametrize("together", [True, False])
async def test_a_duplicate_that_is_the_latest_to_say_so_is_warned_as_the_accepted_one_would_be(
    office: Office, together: bool
) -> None:
    await office.hear(person())
    await _arrive(
        office,
        together,
        report(net=2 * MILLION, event_id="first", time=NOVEMBER + HOUR),
        report(net=2 * MILLION, event_id="like it", time=NOVEMBER + 3 * HOUR),
        report(net=MILLION, event_id="other", time=NOVEMBER + 2 * HOUR),
    )
    receipts = await office.receipts()
    assert receipts["other"] == ("superseded", "revision_conflict", "revision_conflict")
    assert receipts["like it"] == ("duplicate", "duplicate", "revision_conflict")
    assert await office.income() == (1, 2 * MILLION)


async def test_a_conflict_is_over_with_a_higher_revision(office: Office) -> None:
    await office.hear(
        person(),
        report(net=1, event_id="one"),
        report(net=2, event_id="two"),
        report(net=3, revision=2, event_id="three"),
    )
    assert (await office.receipts())["three"] == ("accepted", "accepted", "")
    assert await office.income() == (1, 3)


async def test_a_report_delivered_twice_is_counted_once(office: Office) -> None:
    await office.hear(person(), first := report(event_id="r"), again(first))
    await office.hear(again(first))
    assert await office.income() == (1, MILLION)
    assert await office.rows("SELECT deliveries FROM inbox WHERE event_id = 'r'") == [(3,)]


async def _arrive(office: Office, together: bool, *records: Record) -> None:
    if together:
        await office.hear(*records)
    else:
        for record in records:
            await office.hear(record)


# People


async def test_a_change_of_status_moves_all_reports_of_the_person_out_and_in_again(office: Office) -> None:
    months = ("2026-08", "2026-09", "2026-10")
    await office.hear(person("B-1"), person("B-2"), *(report("B-1", month, MILLION) for month in months))
    await office.hear(report("B-2", "2026-10", 7, asset_use=AssetUse.idle))

    await office.hear(person("B-1", "graduated", version=2))
    assert [await office.income(month) for month in months] == [(0, 0), (0, 0), (1, 7)]
    cell = await office.cell()
    assert (cell["beneficiaries"]["ex_client"], cell["beneficiaries"]["graduated"]) == (1, 1)
    assert cell["growth"] == {**EMPTY_CELL["growth"], "insufficient": 1}
    assert cell["income"]["reporting_rate"] == 1

    await office.hear(report("B-1", "2026-09", 2 * MILLION, revision=2))
    await office.hear(person("B-1", "ex_client", version=3))
    assert [await office.income(month) for month in months] == [(1, MILLION), (1, 2 * MILLION), (2, MILLION + 7)]
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "stagnant": 1, "insufficient": 1}


async def test_a_status_and_a_report_in_one_batch_are_counted_once(office: Office) -> None:
    await office.hear(person("B-1", "client"), report(month="2026-09"))
    await office.hear(report(month="2026-10"), report(month="2026-09", net=5, revision=2), person(version=2))
    assert await office.income("2026-09") == (1, 5)
    assert await office.income("2026-10") == (1, MILLION)


@pytest.mark.parametrize("together", [True, False])
async def test_a_report_of_an_unknown_person_waits_and_is_then_counted_once(office: Office, together: bool) -> None:
    waiting = report(event_id="r")
    await office.hear(waiting, report("B-9", event_id="of another"))
    assert (await office.receipts())["r"] == ("waiting", "unknown_beneficiary", "")
    assert (await office.cell())["income"] == EMPTY_CELL["income"]

    await _arrive(office, together, person(), again(waiting))
    assert await office.receipts() == {
        "r": ("accepted", "accepted", ""),
        "of another": ("waiting", "unknown_beneficiary", ""),
    }
    assert await office.income() == (1, MILLION)
    await office.hear(person(version=2), again(waiting))
    assert await office.income() == (1, MILLION)


async def test_revisions_that_waited_are_judged_as_if_they_had_not(office: Office) -> None:
    await office.hear(report(net=3, revision=2, event_id="newer"))
    await office.hear(report(net=2, event_id="late", time=NOVEMBER + HOUR), report(net=1, event_id="early"))
    await office.hear(person())
    assert await office.income() == (1, 3)
    assert {name: row[0] for name, row in (await office.receipts()).items()} == {
        "newer": "accepted",
        "late": "superseded",
        "early": "superseded",
    }


async def test_a_person_of_another_district_with_the_same_ref_is_another_person(office: Office) -> None:
    await office.hear(person("1"), report("1", net=10), report("1", net=200, district=TUBAN, event_id="t"))
    assert await office.income(district=None) == (1, 10)
    await office.hear(person("1", district=TUBAN))
    assert await office.income(district=TUBAN) == (1, 200)
    assert await office.income(district=None) == (2, 210)


MONTHS_AND_TIMES = [
    ("2026-11", "2026-10-31T16:59:59.999999+00:00", "rejected"),
    ("2026-11", "2026-10-31T17:00:00+00:00", "accepted"),
    ("2026-11", "2026-10-31T23:59:59+07:00", "rejected"),
    ("2026-11", "2026-11-01T00:00:00+07:00", "accepted"),
    ("2026-12", "2026-11-30T10:00:00+07:00", "rejected"),
    ("2027-01", "2026-12-31T17:00:00+00:00", "accepted"),
    ("2026-10", "2026-11-05T02:00:00+00:00", "accepted"),
]


async def test_a_month_begins_at_midnight_in_jakarta_and_none_is_reported_before(office: Office) -> None:
    for place, (month, time, _) in enumerate(MONTHS_AND_TIMES):
        ref = f"B-{place}"
        await office.hear(person(ref), report(ref, month, event_id=ref, time=datetime.fromisoformat(time)))
    verdicts = [row[0] for _, row in sorted((await office.receipts()).items())]
    assert verdicts == [verdict for _, _, verdict in MONTHS_AND_TIMES]
    assert [(await office.income(month))[0] for month in ("2026-10", "2026-11", "2026-12", "2027-01")] == [1, 2, 0, 1]


async def test_a_future_month_is_rejected_at_once_also_of_an_unknown_person(office: Office) -> None:
    await office.hear(report("B-9", "2026-12", event_id="r"))
    assert (await office.receipts())["r"] == ("rejected", "future_month", "")


@pytest.mark.parametrize(
    ("taken", "verdict"), [("2026-10-31T16:59:59+00:00", "rejected"), ("2026-10-31T17:00:00+00:00", "accepted")]
)
async def test_a_month_that_has_begun_only_by_the_clock_of_the_sender_has_not_begun(
    office: Office, taken: str, verdict: str
) -> None:
    """The sender's clock shows one minute past the beginning of November in Jakarta."""
    sent = report("B-1", "2026-11", event_id="r", time=datetime.fromisoformat("2026-11-01T00:01:00+07:00"))
    await office.hear(person(), sent._replace(taken_us=microseconds(datetime.fromisoformat(taken))))
    assert (await office.receipts())["r"][0] == verdict


# Facts that come late or again


@pytest.mark.parametrize("together", [True, False])
async def test_an_older_version_of_a_fact_changes_nothing(office: Office, together: bool) -> None:
    await _arrive(office, together, person(), report())
    await _arrive(
        office,
        together,
        person("B-1", "moved", version=3),
        person("B-1", "client", version=2),
        grant(status="disbursed", version=4, amount=5),
        grant(status="cancelled", version=3, amount=4),
        grant(status="requested", version=1, amount=1),
        budget(30, version=3),
        budget(20, version=2),
        budget(10, version=1),
    )
    cell = await office.cell()
    assert cell["beneficiaries"] == {**EMPTY_CELL["beneficiaries"], "moved": 1}
    assert cell["grants"] == {**EMPTY_CELL["grants"], "disbursed": 1}
    assert cell["rupiah"] == {"budget": 30, "committed": 5, "disbursed": 5, "remaining": 25}
    assert cell["income"]["reports"] == 0


async def test_the_same_version_under_another_id_changes_nothing(office: Office) -> None:
    await office.hear(person())
    await office.hear(person("B-1", "moved", event_id="the same version, told differently"))
    assert (await office.cell())["beneficiaries"]["ex_client"] == 1


@pytest.mark.parametrize("together", [True, False])
async def test_a_grant_is_counted_once_under_its_present_status(office: Office, together: bool) -> None:
    await office.hear(budget(10))
    steps = ["requested", "verified", "approved", "disbursed", "handed_over"]
    await _arrive(
        office, together, *(grant(status=status, amount=6, version=step) for step, status in enumerate(steps, start=1))
    )
    cell = await office.cell()
    assert cell["grants"] == {**EMPTY_CELL["grants"], "handed_over": 1}
    assert cell["rupiah"] == {"budget": 10, "committed": 6, "disbursed": 6, "remaining": 4}


async def test_a_cancelled_grant_is_committed_no_more(office: Office) -> None:
    await office.hear(budget(10), grant(status="approved", amount=6))
    assert (await office.cell())["rupiah"] == {"budget": 10, "committed": 6, "disbursed": 0, "remaining": 4}
    await office.hear(grant(status="cancelled", amount=6, version=2))
    assert (await office.cell())["rupiah"] == {"budget": 10, "committed": 0, "disbursed": 0, "remaining": 10}


@pytest.mark.parametrize("together", [True, False])
async def test_a_grant_whose_content_changed_is_that_of_its_new_year_amount_and_person(
    office: Office, together: bool
) -> None:
    await _arrive(office, together, grant(amount=5, year=2026), grant(amount=7, year=2027, version=2, to="B-2"))
    assert (await office.cell("2026-10"))["grants"]["requested"] == 0
    assert (await office.cell("2027-01"))["grants"]["requested"] == 1
    ((whose, amount),) = await office.rows("SELECT beneficiary_id, amount FROM grant_now")
    assert (UUID(str(whose)), amount) == (beneficiary_id(BOJONEGORO, "B-2"), 7)


@pytest.mark.parametrize("together", [True, False])
async def test_a_budget_may_be_lowered_and_is_of_its_year(office: Office, together: bool) -> None:
    await _arrive(
        office, together, budget(100), budget(9, year=2027), grant(status="approved", amount=30), budget(40, version=2)
    )
    assert (await office.cell("2026-10"))["rupiah"] == {"budget": 40, "committed": 30, "disbursed": 0, "remaining": 10}
    assert (await office.cell("2027-10"))["rupiah"] == {"budget": 9, "committed": 0, "disbursed": 0, "remaining": 9}


# Growth


async def test_each_change_of_class_is_told_once_with_its_evidence_and_the_next_version(office: Office) -> None:
    await office.hear(person(), report(month="2026-01", net=MILLION), report(month="2026-02", net=MILLION))
    assert await office.told() == []
    await office.hear(report(month="2026-03", net=MILLION))
    await office.hear(report(month="2026-04", net=MILLION))
    await office.hear(report(month="2026-04", net=-MILLION, revision=2), report(month="2026-03", net=-1, revision=2))
    told = await office.told()
    assert [(fact["version"], fact["from"], fact["to"]) for fact in told] == [
        (1, None, "stagnant"),
        (2, "stagnant", "declining"),
    ]
    for fact in told:
        assert fact["beneficiary_id"] == str(beneficiary_id(BOJONEGORO, "B-1"))
        assert (fact["district"], fact["rule_version"]) == (BOJONEGORO, 1)
    evidence = told[1]["evidence"]
    assert evidence["window"] == ["2025-11", "2026-04"]
    assert evidence["months"] == ["2026-01", "2026-02", "2026-03", "2026-04"]
    assert evidence["nets"] == [MILLION, MILLION, -1, -MILLION]
    assert (evidence["level"], evidence["because"]) == (-1, "level <= 0")
    rows = await office.rows("SELECT aggregateid, type FROM outbox WHERE aggregatetype = 'facts.reporting'")
    assert set(rows) == {(str(beneficiary_id(BOJONEGORO, "B-1")), "berdaya.reporting.growth-changed.v1")}


async def test_a_class_follows_only_the_six_months_up_to_the_newest_report(office: Office) -> None:
    months = ("2026-01", "2026-02", "2026-03")
    await office.hear(person(), *(report(month=month, net=3 * MILLION) for month in months))
    assert (await office.cell())["growth"]["ordinary"] == 1
    await office.hear(report(month="2026-09", net=3 * MILLION))
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "insufficient": 1}
    assert [(fact["from"], fact["to"]) for fact in await office.told()] == [
        (None, "ordinary"),
        ("ordinary", "insufficient"),
    ]


async def test_a_report_that_came_in_late_belongs_to_its_month_and_its_window(office: Office) -> None:
    await office.hear(person(), report(month="2026-08", net=MILLION), report(month="2026-10", net=MILLION))
    await office.hear(report(month="2026-09", net=MILLION))
    assert (await office.cell("2026-09"))["income"]["reports"] == 1
    assert (await office.cell())["growth"]["stagnant"] == 1


async def test_the_class_of_one_who_is_no_ex_client_is_told_and_counted_when_they_become_one(office: Office) -> None:
    months = ("2026-08", "2026-09", "2026-10")
    await office.hear(person("B-1", "client"), *(report(month=month, net=3 * MILLION) for month in months))
    assert [fact["to"] for fact in await office.told()] == ["ordinary"]
    assert (await office.cell())["growth"] == EMPTY_CELL["growth"]
    await office.hear(person(version=2))
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "ordinary": 1}
    assert len(await office.told()) == 1


async def test_a_class_put_off_is_no_difference_and_follows_when_it_is_settled(office: Office) -> None:
    records = [person(), *(report(month=month, net=3 * MILLION) for month in ("2026-08", "2026-09", "2026-10"))]
    async with office.database.transaction() as session:
        await office.node.inbox.apply(session, records)
        assert await Classes().due(session)
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "insufficient": 1}
    assert await reconcile(office.database) == []
    await office.hear()
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "ordinary": 1}


# One business


async def test_a_business_is_shown_with_its_evidence_and_its_reports(office: Office) -> None:
    nets = [2_000_000, 2_100_000, 2_200_000, 2_300_000, 2_400_000, 2_500_000]
    months = ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"]
    await office.hear(person(), *(report(month=month, net=net) for month, net in zip(months, nets, strict=True)))
    await office.hear(
        report(
            month="2026-05",
            revision=2,
            turnover=5_000_000,
            materials=2_000_000,
            production=600_000,
            wages=400_000,
            employees=2,
            orders=40,
            asset_use=AssetUse.idle,
        )
    )
    business = await office.business()
    sentence = business["growth"].pop("sentence")
    assert list(sentence) == ["id", "en"]
    assert "4,4 %" in sentence["id"]
    assert business == {
        "beneficiary_id": str(beneficiary_id(BOJONEGORO, "B-1")),
        "district": "3522",
        "growth": {
            "class": "growing",
            "computed": "growing",
            "override": None,
            "rule_version": 1,
            "window": ["2026-05", "2026-10"],
            "months": months,
            "nets": nets,
            "level": 2_400_000,
            "trend": 100_000,
            "scale": 2_250_000,
            "rate": 0.0444,
            "because": "rate >= 0.03",
        },
        "reports": [
            {
                "month": "2026-05",
                "revision": 2,
                "turnover": 5_000_000,
                "materials": 2_000_000,
                "production": 600_000,
                "wages": 400_000,
                "net_profit": 2_000_000,
                "employees": 2,
                "orders": 40,
                "asset_use": "idle",
            },
            *(
                {
                    "month": month,
                    "revision": 1,
                    "turnover": net,
                    "materials": 0,
                    "production": 0,
                    "wages": 0,
                    "net_profit": net,
                    "employees": 1,
                    "orders": 5,
                    "asset_use": "in_use",
                }
                for month, net in zip(months[1:], nets[1:], strict=True)
            ),
        ],
    }
    assert list(business) == ["beneficiary_id", "district", "growth", "reports"]


async def test_the_keys_of_a_business_are_in_the_order_of_the_contract(office: Office) -> None:
    await office.hear(person(), report())
    business = await office.business()
    assert list(business["growth"]) == [
        "class",
        "computed",
        "override",
        "rule_version",
        "window",
        "months",
        "nets",
        "level",
        "trend",
        "scale",
        "rate",
        "because",
        "sentence",
    ]
    assert list(business["reports"][0]) == [
        "month",
        "revision",
        "turnover",
        "materials",
        "production",
        "wages",
        "net_profit",
        "employees",
        "orders",
        "asset_use",
    ]


async def test_a_business_with_too_few_reports_has_nulls_for_what_nobody_knows(office: Office) -> None:
    cases: Sequence[tuple[str, list[str], list[str] | None]] = [
        ("B-1", [], None),
        ("B-2", ["2026-10"], ["2026-05", "2026-10"]),
        ("B-3", ["2026-01", "2026-02"], ["2025-09", "2026-02"]),
    ]
    for ref, reported, window in cases:
        await office.hear(person(ref), *(report(ref, month) for month in reported))
        growth = (await office.business(ref))["growth"]
        assert (growth["class"], growth["computed"], growth["override"]) == ("insufficient", "insufficient", None)
        assert (growth["window"], growth["months"], growth["nets"]) == (window, reported, [MILLION] * len(reported))
        assert [growth[name] for name in ("level", "trend", "scale", "rate", "because")] == [None] * 5
        assert growth["sentence"]["id"].startswith("Belum cukup data")


async def test_a_business_unknown_or_of_another_district_is_not_found(office: Office) -> None:
    await office.hear(person("B-1"), person("T-1", district=TUBAN))
    own, foreign = beneficiary_id(BOJONEGORO, "B-1"), beneficiary_id(TUBAN, "T-1")
    unknown = beneficiary_id(BOJONEGORO, "B-2")
    assert [(await office.call(f"/v1/businesses/{number}", OFFICER)).status_code for number in (own, foreign)] == [
        200,
        404,
    ]
    foreign_answer = (await office.call(f"/v1/businesses/{foreign}", OFFICER)).json()
    unknown_answer = (await office.call(f"/v1/businesses/{unknown}", OFFICER)).json()
    assert foreign_answer["code"] == "not_found"
    assert foreign_answer == unknown_answer
    assert [(await office.call(f"/v1/businesses/{number}")).status_code for number in (foreign, unknown)] == [200, 404]
    assert (await office.call("/v1/businesses/B-1")).status_code == 422


# Who may see what


async def test_nobody_reads_without_a_token_and_no_system_of_a_district_reads_live_numbers(office: Office) -> None:
    await office.hear(person())
    for path in ("dashboard", f"businesses/{beneficiary_id(BOJONEGORO, 'B-1')}", "dashboard/stream"):
        nobody = await office.call(f"/v1/{path}", None)
        assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthenticated")
        wrong = await office.call(f"/v1/{path}", None, {"Authorization": "Bearer no.such.token"})
        assert wrong.status_code == 401
        system = await office.call(f"/v1/{path}", Caller("simpel", Role.district_system, BOJONEGORO))
        assert (system.status_code, system.json()["code"]) == (403, "forbidden")


async def test_roles_of_the_province_see_all_districts(office: Office) -> None:
    for role in (Role.viewer, Role.auditor, Role.treasurer, Role.province_officer, Role.admin):
        assert list((await office.dashboard(who=Caller("x", role, None)))["districts"]) == DISTRICTS


async def test_a_district_officer_sees_the_province_and_the_own_district(office: Office) -> None:
    await office.hear(*_tiny_province())
    body = await office.dashboard(who=OFFICER)
    assert body["province"] == PROVINCE_CELL
    assert body["districts"] == {BOJONEGORO: BOJONEGORO_CELL}
    assert (await office.dashboard("2026-09", OFFICER))["districts"].keys() == {BOJONEGORO}


async def test_a_dashboard_unchanged_is_not_sent_again(office: Office) -> None:
    await office.hear(person(), report())
    first = await office.call("/v1/dashboard")
    tag = first.headers["etag"]
    same = await office.call("/v1/dashboard", headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    for way in (f"W/{tag}", f'"another", {tag}', "*"):
        assert (await office.call("/v1/dashboard", headers={"If-None-Match": way})).status_code == 304, way
    assert (await office.call("/v1/dashboard", headers={"If-None-Match": '"another"'})).status_code == 200
    assert (await office.call("/v1/dashboard", OFFICER, headers={"If-None-Match": tag})).status_code == 200
    assert (await office.call("/v1/dashboard?month=2026-09", headers={"If-None-Match": tag})).status_code == 200
    await office.hear(report(net=5, revision=2))
    changed = await office.call("/v1/dashboard", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert first.headers["cache-control"] == "private, no-cache"


# Versions, proof and repair


async def test_a_snapshot_has_the_next_version_when_it_shows_something_new(office: Office) -> None:
    first = await build_next(office.database)
    assert first is not None
    assert first.version == 1
    assert await build_next(office.database) is None
    await office.hear(person())
    second = await build_next(office.database)
    assert second is not None
    assert second.version == 2
    assert (await office.dashboard())["version"] == 2
    await office.hear(person(version=2), report("B-9"))  # nothing that the dashboard shows
    assert await build_next(office.database) is None


DAMAGE = [
    (
        "UPDATE district_people SET client = client + 1 WHERE district = '3522'",
        "district_people 3522 client: 2, by the facts 1",
    ),
    (
        "UPDATE district_year SET rupiah_committed = 0 WHERE district = '3523'",
        "district_year 3523 2026 rupiah_committed: 0, by the facts 16000000",
    ),
    (
        "UPDATE district_month SET net_profit = net_profit + 1 WHERE district = '3522' AND month = 24321",
        "district_month 3522 2026-10 net_profit: 1700000, by the facts 1699999",
    ),
    (
        "DELETE FROM district_month WHERE district = '3522' AND month = 24321",
        "district_month 3522 2026-10 reports: 0, by the facts 2",
    ),
    (
        "INSERT INTO district_year (district, fiscal_year, requested, verified, approved, rejected, disbursed, "
        "handed_over, cancelled, rupiah_budget, rupiah_committed, rupiah_disbursed) "
        "VALUES ('3579', 2026, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
        "district_year 3579 2026 requested: 1, by the facts 0",
    ),
]
"""What is done to the views, and the line that names it. October 2026 is stored as 2026 * 12 + 9 = 24321."""


async def test_a_number_that_is_not_the_sum_of_its_facts_is_found_and_rebuilt(office: Office) -> None:
    await office.hear(*_tiny_province())
    right = await office.dashboard()
    for damage, line in DAMAGE:
        assert await reconcile(office.database) == []
        await office.change(damage)
        assert line in await reconcile(office.database)
        assert await rebuild(office.database) == 0
        after = await office.dashboard()
        assert (after["province"], after["districts"]) == (right["province"], right["districts"])


async def test_a_class_that_is_not_that_of_its_reports_is_found_and_rebuilt(office: Office) -> None:
    await office.hear(*_tiny_province())
    await office.change("UPDATE person SET growth_class = 'growing' WHERE district_ref = 'B-1'")
    found = await reconcile(office.database)
    assert any(line.endswith("growing, by its reports ordinary") for line in found)
    assert await rebuild(office.database) == 1
    assert await reconcile(office.database) == []
    assert (await office.dashboard())["province"] == PROVINCE_CELL


async def test_a_rebuild_swallows_no_change_of_class_that_is_still_to_be_told(office: Office) -> None:
    months = ("2026-08", "2026-09", "2026-10")
    async with office.database.transaction() as session:
        await office.node.inbox.apply(session, [person(), *(report(month=month, net=2_000_000) for month in months)])
    assert await rebuild(office.database) == 0
    await office.hear()
    assert [(fact["version"], fact["from"], fact["to"]) for fact in await office.told()] == [(1, None, "ordinary")]
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "ordinary": 1}


async def test_a_rebuild_has_the_next_snapshot_built_though_no_event_came(office: Office) -> None:
    await office.hear(person())
    assert await build_next(office.database) is not None
    await rebuild(office.database)
    rebuilt = await build_next(office.database)
    assert rebuilt is not None
    assert rebuilt.version == 2


# Any order


class Telling(NamedTuple):
    """All that is said, the order in which it arrives, and where the batches end."""

    said: list[Record]
    order: list[Record]
    cuts: list[int]


_MONTHS = ("2026-03", "2026-04", "2026-05", "2026-09")
_NETS = st.sampled_from([-MILLION, 0, 900_000, MILLION, 2 * MILLION, 3 * MILLION])


@st.composite
def _tellings(draw: st.DrawFn) -> Telling:
    refs = ("B-1", "B-2", "B-3")
    said = []
    for ref in refs:
        statuses = draw(st.lists(st.sampled_from(["client", "ex_client", "graduated"]), max_size=3))
        said += [person(ref, status, version=version) for version, status in enumerate(statuses, start=1)]
    for ref in ("G-1", "G-2"):
        steps = draw(st.lists(st.sampled_from(sorted(_GRANT_FACTS)), max_size=4))
        years = draw(st.lists(st.sampled_from([2026, 2027]), min_size=4, max_size=4))
        said += [
            grant(ref, status, version * MILLION, version=version, year=year)
            for version, (status, year) in enumerate(zip(steps, years, strict=False), start=1)
        ]
    amounts = draw(st.lists(st.integers(0, 9), max_size=3))
    said += [budget(amount, version=version) for version, amount in enumerate(amounts, start=1)]
    reports = draw(
        st.lists(
            st.tuples(
                st.sampled_from(refs),
                st.sampled_from(_MONTHS),
                _NETS,
                st.integers(1, 2),
                st.integers(0, 2),
                st.sampled_from(sorted(AssetUse)),
            ),
            max_size=12,
        )
    )
    said += [
        report(ref, month, net, revision=revision, time=NOVEMBER + hours * HOUR, event_id=f"r{place}", asset_use=use)
        for place, (ref, month, net, revision, hours, use) in enumerate(reports)
    ]
    repeated = draw(st.lists(st.sampled_from(said), max_size=3)) if said else []
    order = draw(st.permutations([*said, *map(again, repeated)]))
    cuts = draw(st.sets(st.integers(1, max(len(order), 2) - 1), max_size=5))
    return Telling(said, order, sorted(cuts))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(telling=_tellings())
async def test_any_facts_and_reports_in_any_batches_end_in_the_same_numbers_and_these_are_their_sums(
    office: Office, telling: Telling
) -> None:
    await _empty(office.database)
    for start, end in pairwise([0, *telling.cuts, len(telling.order)]):
        await office.hear(*telling.order[start:end])
        assert await reconcile(office.database) == []
    shown = await _shown(office)
    await _empty(office.database)
    await office.hear(*telling.said)
    assert await _shown(office) == shown


async def _empty(database: Database) -> None:
    tables = [table.name for metadata in (METADATA, Chassis.metadata) for table in reversed(metadata.sorted_tables)]
    async with database.transaction() as session:
        for name in tables:
            if name != "view_state":
                await session.execute(text(f"DELETE FROM {name}"))


async def _shown(office: Office) -> Sequence[bytes]:
    """The cells of the months concerned, and what is kept of each report."""
    async with office.database.reading() as session:
        cells = [
            bytes((await build_dashboard(session, month)).districts[BOJONEGORO]) for month in (*_MONTHS, "2027-01")
        ]
    kept = await office.rows(
        "SELECT p.district_ref, t.month, t.revision, t.time_us, t.event_id, t.net_profit, t.asset_use "
        "FROM report t JOIN person p ON p.no = t.person_no"
    )
    return [*cells, *sorted(repr(tuple(row)).encode() for row in kept)]
