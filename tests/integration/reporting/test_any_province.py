"""Whatever is told in whatever order: every cut is what the oracle counts, and every list adds up to its number."""

from itertools import product
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.cuts import CutName, read_cut
from services.reporting.lists import Filters, GrantFilters, Page, read_businesses, read_grants
from services.reporting.reconcile import reconcile
from services.reporting.rules import month_index
from services.reporting.series import read_years
from services.reporting.views import COMMITTED, DISBURSED, GRANT_STATUSES
from tests.integration.reporting.office import BOJONEGORO, DISTRICTS, Office
from tests.integration.reporting.provinces import MONTHS, Province, provinces
from tests.oracle import cuts as oracle

PLACES = (None, BOJONEGORO)
NAMES: tuple[CutName, ...] = get_args(CutName)

many = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
few = settings(many, max_examples=4)
on_sqlite = pytest.mark.parametrize("database_for", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_for", ["postgres"], indirect=True)


@on_sqlite
@many
@given(province=provinces())
async def test_every_cut_is_what_the_oracle_counts(office: Office, province: Province) -> None:
    await every_cut_is_right(office, province)


@on_postgres
@few
@given(province=provinces())
async def test_every_cut_is_what_the_oracle_counts_on_postgresql(office: Office, province: Province) -> None:
    await every_cut_is_right(office, province)


@on_sqlite
@many
@given(province=provinces(), name=st.sampled_from(NAMES), district=st.sampled_from(PLACES))
async def test_every_list_adds_up_to_its_number(
    office: Office, province: Province, name: CutName, district: str | None
) -> None:
    await every_list_adds_up(office, province, name, district)


@on_postgres
@few
@given(province=provinces(), name=st.sampled_from(NAMES), district=st.sampled_from(PLACES))
async def test_every_list_adds_up_to_its_number_on_postgresql(
    office: Office, province: Province, name: CutName, district: str | None
) -> None:
    await every_list_adds_up(office, province, name, district)


async def every_cut_is_right(office: Office, province: Province) -> None:
    await province.tell(office)
    assert await reconcile(office.database) == []
    everybody = oracle.people(province.people, province.grants, province.reports)
    for name in NAMES:
        for month, district in product(MONTHS, PLACES):
            async with office.database.reading() as session:
                found = await read_cut(session, name, month_index(month), district)
            expected = oracle.table(everybody, name, month, district)
            assert found.total == expected["total"], (name, month, district)
            empty = oracle.cell([], month)
            rows = {value: cell for value, cell in found.rows.items() if name != "district" or cell != empty}
            assert rows == expected["rows"], (name, month, district)
            if name == "district" and district is None:
                assert list(found.rows) == DISTRICTS


async def every_list_adds_up(office: Office, province: Province, name: CutName, district: str | None) -> None:
    await province.tell(office)
    month = MONTHS[-1]
    async with office.database.reading() as session:
        found = await read_cut(session, name, month_index(month), district)
        somewhere = {value: cell for value, cell in found.rows.items() if name != "district" or value in PLACES}
        for value, cell in somewhere.items():
            await _is_behind(session, cell, month, **_asked(name, value, district))
        await _is_behind(session, found.total, month, district=district)
        for year in await read_years(session, district):
            await _grants_are_behind(session, year, district)


def _asked(name: CutName, value: str, district: str | None) -> dict[str, Any]:
    return {"district": value} if name == "district" else {"district": district, "cuts": {name: value}}


async def _is_behind(session: AsyncSession, cell: dict[str, dict[str, float]], month: str, **asked: Any) -> None:
    for status, people in cell["beneficiaries"].items():
        assert len(await _all(session, Filters(**asked, status=status))) == people, (asked, status)
    for growth, people in cell["growth"].items():
        assert len(await _all(session, Filters(**asked, growth=growth))) == people, (asked, growth)
    at = month_index(month)
    reports = [item["report"] for item in await _all(session, Filters(**asked, month=at))]
    assert len(reports) == cell["income"]["reports"]
    for figure in ("turnover", "net_profit", "employees"):
        assert sum(report[figure] for report in reports) == cell["income"][figure], (asked, figure)
    idle = await _all(session, Filters(**asked, month=at, asset_use=("idle", "broken")))
    assert len(idle) == cell["income"]["idle_assets"], asked


async def _all(session: AsyncSession, filters: Filters) -> list[dict[str, Any]]:
    """The whole list, two at a time; its total and sums are those of its items."""
    items: list[dict[str, Any]] = []
    after = None
    while True:
        page = await read_businesses(session, filters, after=after, limit=2)
        items += page.items
        after = page.next
        if after is None:
            break
    assert page.total == len(items) == len({item["beneficiary_id"] for item in items})
    if filters.month is not None:
        reports = [item["report"] for item in items]
        sums = {figure: sum(report[figure] for report in reports) for figure in ("turnover", "net_profit", "employees")}
        idle = sum(report["asset_use"] in ("idle", "broken") for report in reports)
        assert page.sums == {"reports": len(items), **sums, "idle_assets": idle}
    return items


async def _grants_are_behind(session: AsyncSession, year: dict[str, Any], district: str | None) -> None:
    asked = {"district": district, "fiscal_year": year["fiscal_year"]}
    for status in GRANT_STATUSES:
        assert (await _granted(session, GrantFilters(**asked, status=(status,)))).total == year["grants"][status]
    for figure, statuses in (("committed", COMMITTED), ("disbursed", DISBURSED)):
        page = await _granted(session, GrantFilters(**asked, status=tuple(statuses)))
        assert page.sums["amount"] == page.sums[figure] == year["rupiah"][figure]


async def _granted(session: AsyncSession, filters: GrantFilters) -> Page:
    """The whole list as one page, read two at a time; its sums are those of its items."""
    items: list[dict[str, Any]] = []
    after: UUID | None = None
    while True:
        page = await read_grants(session, filters, after=after, limit=2)
        items += page.items
        if page.next is None:
            break
        after = UUID(page.next)
    assert page.total == len(items) == len({item["grant_id"] for item in items})
    assert page.sums["amount"] == sum(item["amount"] for item in items)
    return page._replace(items=items)
