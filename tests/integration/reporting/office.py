"""The reporting service under test, and what is told to it."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from services.reporting.api import Dashboards
from services.reporting.app import build
from services.reporting.dashboard import Lag
from services.reporting.growth import Classes
from shared.database import Database
from shared.embedded import EmbeddedLog
from shared.events import facts
from shared.events.district import AssetUse, GrantKind, IncomeReported, PpksGroup, Sex, Status
from shared.events.envelope import Record, beneficiary_id, grant_id
from shared.security import Caller, Role
from shared.settings import Settings
from tests.helpers import bearer, from_district, from_service
from tests.integration import office as base

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
    **more: Any,
) -> Record:
    """The registry's fact about a person: a woman with a disability who sews, unless more is told."""
    number = beneficiary_id(district, ref)
    kind = facts.BeneficiaryRegistered if version == 1 else facts.BeneficiaryUpdated
    attributes: dict[str, Any] = {
        "ppks_group": PpksGroup.disability,
        "sex": Sex.female,
        "disabilities": (),
        "skills": ("sewing",),
        "unit": None,
        **more,
    }
    fact = kind(
        version=version,
        beneficiary_id=number,
        district=district,
        district_ref=ref,
        status=Status(status),
        birth_year=1990,
        **attributes,
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
    source: str | None = None,
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
    name = event_id or f"{ref}/{month}/{revision}/{time.isoformat()}"
    return from_district(district, data, event_id=name, time=time, subject=ref, source=source)


GRANT_FACTS = {
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
    kind: str = "equipment",
    on: date = date(2026, 11, 4),
) -> Record:
    number = grant_id(district, ref)
    whose = beneficiary_id(district, to)
    fact = GRANT_FACTS[status](
        version=version,
        grant_id=number,
        beneficiary_id=whose,
        district=district,
        kind=GrantKind(kind),
        amount=amount,
        fiscal_year=year,
        on=on,
    )
    return from_service("grants", fact, event_id=f"grant/{number}/{version}", time=NOVEMBER, key=str(whose))


def budget(amount: int, *, version: int = 1, year: int = 2026, district: str = BOJONEGORO) -> Record:
    fact = facts.BudgetSet(version=version, district=district, fiscal_year=year, amount=amount)
    return from_service("grants", fact, event_id=f"budget/{district}/{year}/{version}", time=NOVEMBER, key=district)


class Office(base.Office):
    """The reporting service."""

    @classmethod
    def over(cls, database: Database, folder: Path) -> "Office":
        return cls(build(Settings(service="reporting", var=folder), EmbeddedLog(folder / "log.db"), database))

    async def hear(self, *records: Record) -> None:
        """One batch, in one transaction, with the classes it makes due, as the consumer does it."""
        async with self.database.transaction() as session:
            await self.node.inbox.apply(session, records)
            await Classes().settle(session, DISTRICTS)

    async def say(self, lag: Lag) -> None:
        """As a worker says how far it is."""
        source: Dashboards = self.node.app.state.dashboards
        await source.live.report(lag)

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

    async def business(self, ref: str = "B-1", who: Caller = OFFICER) -> dict[str, Any]:
        found = await self.call(f"/v1/businesses/{beneficiary_id(BOJONEGORO, ref)}", who)
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


def names(value: Any) -> Any:
    """The keys of an object and of those in it, in their order."""
    return [(key, names(inner)) for key, inner in value.items()] if isinstance(value, dict) else None


def like(cell: dict[str, Any], **changed: dict[str, Any]) -> dict[str, Any]:
    """The cell with some of its numbers changed."""
    return {name: {**numbers, **changed.get(name, {})} for name, numbers in cell.items()}
