"""Value for money over the whole service: which report measures which grant, and who may read it."""

from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any

import pytest

from services.reporting.tables import METADATA
from shared.events.envelope import Record
from shared.security import Caller, Role
from tests.integration.reporting.office import (
    BOJONEGORO,
    MILLION,
    OFFICER,
    TUBAN,
    VIEWER,
    Office,
    grant,
    person,
    report,
)

PROVINCE = Caller("agus", Role.province_officer, None)
FEBRUARY = datetime(2027, 2, 27, 5, 0, tzinfo=UTC)
NOTHING = {
    "n": 0,
    "unmeasured": 0,
    "too_early": 0,
    "granted": 0,
    "net_profit": 0,
    "jobs": 0.0,
    "net_profit_per_rupiah": None,
    "jobs_per_rupiah": None,
    "compared": {"n": 0, "net_profit_before": 0, "net_profit_after": 0, "jobs_before": 0.0, "jobs_after": 0.0},
}


def handed_over(ref: str = "G-1", on: str = "2026-02-27", amount: int = 8 * MILLION, **more: Any) -> Record:
    return grant(ref, "handed_over", amount, on=date.fromisoformat(on), **more)


async def value(office: Office, query: str = "", who: Caller = PROVINCE) -> dict[str, Any]:
    answer = await office.call(f"/v1/value{query}", who)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def total(office: Office, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = (await value(office, query))["total"]
    return found


async def test_before_anything_is_handed_over_nothing_is_measured(office: Office) -> None:
    found = await value(office)
    assert found["total"] == NOTHING
    assert (found["rows"], found["months"], found["by"], found["newest_month"]) == ({}, 6, "kind", None)
    assert list(found)[:3] == ["version", "as_of", "lag"]
    await office.hear(person(), grant("G-1", "disbursed"), report(month="2026-08"))
    assert await total(office) == NOTHING


async def test_the_sixth_and_the_twelfth_month_after_the_handover_measure_it_and_those_before_are_beside_it(
    office: Office,
) -> None:
    nets = {
        "2025-10": 9,  # four months before: not counted
        "2025-11": 100_000,
        "2026-01": 300_001,
        "2026-02": 7,  # the month of the handover itself is neither before nor after
        "2026-07": 11,
        "2026-08": 2 * MILLION,
        "2026-09": 13,
        "2027-02": 4 * MILLION,
    }
    reports = [
        report(month=month, net=net, employees=place, event_id=month, time=FEBRUARY)
        for place, (month, net) in enumerate(nets.items())
    ]
    await office.hear(person(), handed_over(), *reports)
    half = await value(office)
    assert half["newest_month"] == "2027-02"
    assert half["total"] == {
        "n": 1,
        "unmeasured": 0,
        "too_early": 0,
        "granted": 8 * MILLION,
        "net_profit": 2 * MILLION,
        "jobs": 5.0,
        "net_profit_per_rupiah": 0.25,
        "jobs_per_rupiah": 0.000000625,
        "compared": {
            "n": 1,
            "net_profit_before": 200_000,  # the mean of 100,000 and 300,001 is 200,000.5: half to even
            "net_profit_after": 2 * MILLION,
            "jobs_before": 1.5,
            "jobs_after": 5.0,
        },
    }
    year = await total(office, "?months=12")
    assert (year["net_profit"], year["net_profit_per_rupiah"], year["jobs"]) == (4 * MILLION, 0.5, 7.0)


async def test_a_month_without_a_report_leaves_the_grant_unmeasured_whatever_is_reported_beside_it(
    office: Office,
) -> None:
    await office.hear(
        person(),
        person("B-2"),
        handed_over(),
        handed_over("G-2", to="B-2"),
        handed_over("G-3", "2026-06-01", to="B-9"),
        *(report(month=month) for month in ("2026-07", "2026-09")),
        report("B-2", "2026-08", 2 * MILLION),
    )
    found = await total(office)
    assert (found["n"], found["unmeasured"], found["too_early"]) == (1, 1, 1)
    assert (found["granted"], found["net_profit"]) == (8 * MILLION, 2 * MILLION)
    assert (await total(office, "?months=12"))["too_early"] == 3


async def test_two_grants_share_the_profit_of_their_one_business(office: Office) -> None:
    """The machine of January is measured in July, before the training was given; the training in November, by its
    share of a fifth."""
    await office.hear(
        person(),
        handed_over("G-1", "2026-01-05"),
        handed_over("G-2", "2026-05-30", 2 * MILLION, kind="training"),
        handed_over("G-3", "2026-12-01", 90 * MILLION, kind="cash"),
        report(month="2026-07", net=MILLION, employees=1),
        report(month="2026-11", net=2 * MILLION, employees=2),
    )
    rows = (await value(office))["rows"]
    assert rows["equipment"]["net_profit"] == 800_000  # of one million, 8 of the 10 million in hand in July
    assert rows["training"]["net_profit"] == 400_000
    assert rows["training"]["jobs"] == 0.4
    assert (rows["cash"]["n"], rows["cash"]["too_early"]) == (0, 1)
    assert (await total(office))["net_profit"] == 1_200_000


async def test_rows_are_by_kind_trade_or_district_and_the_total_counts_each_grant_once(office: Office) -> None:
    await office.hear(
        person(skills=("sewing", "cooking")),
        person("T-1", district=TUBAN, skills=()),
        handed_over(),
        handed_over("G-2", amount=2 * MILLION, to="T-1", district=TUBAN, kind="cash"),
        report(month="2026-08", net=MILLION),
        report("T-1", "2026-08", 3 * MILLION, district=TUBAN),
    )
    by_kind, by_trade, by_district = [await value(office, f"?by={by}") for by in ("kind", "trade", "district")]
    assert {key: cell["net_profit"] for key, cell in by_kind["rows"].items()} == {
        "cash": 3 * MILLION,
        "equipment": MILLION,
    }
    assert {key: cell["net_profit"] for key, cell in by_trade["rows"].items()} == {
        "": 3 * MILLION,
        "cooking": MILLION,
        "sewing": MILLION,
    }
    assert {key: cell["n"] for key, cell in by_district["rows"].items()} == {BOJONEGORO: 1, TUBAN: 1}
    assert by_kind["total"] == by_trade["total"] == by_district["total"]
    assert by_kind["total"]["net_profit_per_rupiah"] == 0.4
    assert "tidak membuktikan" in by_kind["caveat"]["id"] and "do not prove" in by_kind["caveat"]["en"]


async def test_a_correction_replaces_what_was_measured_and_any_order_ends_in_the_same_numbers(office: Office) -> None:
    facts = [
        person(),
        handed_over(),
        report(month="2026-08", net=1, revision=1),
        report(month="2026-08", net=3 * MILLION, revision=2),
    ]
    for order in permutations(facts):
        await office.forget_everything(METADATA, but="view_state")
        for record in order:
            await office.hear(record)
        assert (await total(office))["net_profit"] == 3 * MILLION


async def test_a_district_officer_sees_the_totals_of_the_province_and_the_own_district(office: Office) -> None:
    await office.hear(
        person(),
        person("T-1", district=TUBAN),
        handed_over(),
        handed_over("G-2", to="T-1", district=TUBAN),
        report(month="2026-08"),
        report("T-1", "2026-08", district=TUBAN),
    )
    province = await value(office, "?by=district", OFFICER)
    assert province["total"]["n"] == 2
    assert province["rows"].keys() == {BOJONEGORO}
    own = await value(office, f"?district={BOJONEGORO}", OFFICER)
    assert (own["district"], own["total"]["n"]) == (BOJONEGORO, 1)
    foreign = await office.call(f"/v1/value?district={TUBAN}", OFFICER)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")
    assert (await value(office, f"?district={TUBAN}"))["total"]["n"] == 1
    assert (await value(office, "?by=kind", OFFICER))["total"]["n"] == 1, "a row may be one person of elsewhere"


@pytest.mark.parametrize("by", ["kind", "trade"])
async def test_a_viewer_sees_no_row_that_may_be_one_person(office: Office, by: str) -> None:
    assert (await office.call(f"/v1/value?by={by}", VIEWER)).status_code == 403
    assert (await office.call("/v1/value?by=district", VIEWER)).status_code == 200


@pytest.mark.parametrize("query", ["by=sex", "months=7", "months=six", "district=Tuban"])
async def test_another_question_is_refused(office: Office, query: str) -> None:
    answer = await office.call(f"/v1/value?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_value_is_for_readers_of_live_numbers(office: Office) -> None:
    assert (await office.call("/v1/value", None)).status_code == 401
    system = await office.call("/v1/value", Caller("simdu", Role.district_system, BOJONEGORO))
    assert (system.status_code, system.json()["code"]) == (403, "forbidden")
    assert (await office.call("/v1/value?by=district&district=9999")).status_code == 404
