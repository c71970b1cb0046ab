"""The dashboard: its shape, every number by hand, and which month it shows."""

import json
from collections.abc import Sequence
from datetime import datetime

from services.reporting.dashboard import build as build_dashboard
from shared.events.district import AssetUse
from tests.integration.reporting.office import (
    BOJONEGORO,
    DISTRICTS,
    EMPTY_CELL,
    MILLION,
    SURABAYA,
    TUBAN,
    Office,
    budget,
    grant,
    like,
    names,
    person,
    report,
)
from tests.integration.reporting.province import (
    BOJONEGORO_CELL,
    PROVINCE_CELL,
    SURABAYA_CELL,
    TUBAN_CELL,
    tiny_province,
)

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


async def test_every_number_of_a_tiny_province_is_the_one_worked_out_by_hand(office: Office) -> None:
    await office.hear(*tiny_province())
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
    for record in reversed(tiny_province()):
        await office.hear(record)
    assert (await office.dashboard())["province"] == PROVINCE_CELL


async def test_a_month_without_reports_shows_its_own_year_and_no_income(office: Office) -> None:
    await office.hear(*tiny_province())
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
    await office.hear(*tiny_province())
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
