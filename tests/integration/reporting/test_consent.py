"""Who withdrew consent stays in the totals; nothing more is taken of them, and nobody is shown their business."""

from datetime import date
from itertools import permutations
from typing import Any

import pytest

from services.reporting.reconcile import reconcile
from services.reporting.tables import METADATA
from shared.events.envelope import Record, beneficiary_id
from shared.security import Caller, Role
from tests.integration.reporting.office import (
    BOJONEGORO,
    HOUR,
    MILLION,
    NOVEMBER,
    OFFICER,
    Office,
    grant,
    person,
    report,
)

WITHDRAWN_AT = NOVEMBER + 2 * HOUR
BUSINESS = f"/v1/businesses/{beneficiary_id(BOJONEGORO, 'B-1')}"
HISTORY = f"/v1/worklist/{beneficiary_id(BOJONEGORO, 'B-1')}"
PROVINCE = Caller("budi", Role.province_officer, None)


def withdrawn(version: int = 2, ref: str = "B-1", **more: Any) -> Record:
    return person(ref, version=version, consent_withdrawn_at=WITHDRAWN_AT, **more)


def told() -> list[Record]:
    """A falling business with aid, of whom wages are above turnover; and another one."""
    nets = {"2026-08": 3 * MILLION, "2026-09": 2 * MILLION, "2026-10": -MILLION}
    reports = [report(month=month, net=net) for month, net in nets.items()]
    return [person(), person("B-2"), *reports, grant(status="handed_over", on=date(2026, 6, 1)), report("B-2")]


async def test_totals_keep_what_was_counted_and_take_nothing_more(office: Office) -> None:
    await office.hear(*told())
    before = await office.cell()
    await office.hear(withdrawn())
    assert await office.cell() == before
    await office.hear(
        report(month="2026-07", time=WITHDRAWN_AT, event_id="at that moment"),
        report(revision=2, time=WITHDRAWN_AT + HOUR, event_id="a correction"),
        report(month="2026-06", time=WITHDRAWN_AT - HOUR, event_id="made before"),
    )
    assert {
        name: (await office.receipts())[name][:2] for name in ("at that moment", "a correction", "made before")
    } == {
        "at that moment": ("rejected", "no_consent"),
        "a correction": ("rejected", "no_consent"),
        "made before": ("accepted", "accepted"),
    }
    assert (await office.income("2026-07"), await office.income("2026-06")) == ((0, 0), (1, MILLION))
    assert (await office.cell())["income"] == before["income"]
    assert await reconcile(office.database) == []


async def test_nobody_is_shown_the_business_nor_sent_to_visit_it(office: Office) -> None:
    await office.hear(*told())
    assert {line["reason"] for line in await _worklist(office)} == {"declining"}
    await office.hear(withdrawn())
    assert await _worklist(office) == []
    for path in (BUSINESS, f"{BUSINESS}/overrides", HISTORY):
        for who in (OFFICER, PROVINCE):
            assert (await office.call(path, who)).status_code == 404, path
    listed = (await office.call("/v1/businesses?status=ex_client", PROVINCE)).json()
    assert ([item["district_ref"] for item in listed["items"]], listed["total"]) == (["B-2"], 2)
    assert await reconcile(office.database) == []


async def test_silence_and_aid_not_handed_over_are_no_reason_to_visit_who_withdrew(office: Office) -> None:
    await office.hear(
        person(), grant(status="handed_over", on=date(2026, 1, 5)), grant("G-2", "disbursed", on=date(2026, 1, 5))
    )
    assert {line["reason"] for line in await _worklist(office)} == {"silent", "not_handed_over"}
    await office.hear(withdrawn())
    assert await _worklist(office) == []


async def test_consent_given_again_brings_the_business_back(office: Office) -> None:
    await office.hear(*told(), withdrawn())
    await office.hear(person(version=3))
    assert {line["reason"] for line in await _worklist(office)} == {"declining"}
    assert (await office.call(BUSINESS, OFFICER)).status_code == 200
    await office.hear(report(month="2026-07", time=WITHDRAWN_AT + HOUR, event_id="later"))
    assert (await office.receipts())["later"][:2] == ("accepted", "accepted")
    assert await reconcile(office.database) == []


@pytest.mark.parametrize("together", [True, False])
async def test_any_order_of_withdrawal_and_earlier_reports_gives_the_same_numbers(
    office: Office, together: bool
) -> None:
    events = (person(), withdrawn(), report(), report(month="2026-09"), report(revision=2, net=2 * MILLION))
    for order in permutations(events):
        await office.forget_everything(METADATA)
        await office.arrive(together, *order)
        await office.drain()
        await office.hear()
        rows = await office.rows("SELECT month - 2026 * 12, reports, net_profit FROM district_month ORDER BY month")
        assert rows == [(8, 1, MILLION), (9, 1, 2 * MILLION)]
        assert await office.rows("SELECT count(*) FROM work_item WHERE closed_us IS NULL") == [(0,)]
        assert await reconcile(office.database) == []


async def _worklist(office: Office) -> list[dict[str, Any]]:
    """Of the district, in the middle of November."""
    office.node.app.state.today = lambda: date(2026, 11, 15)
    found = (await office.call("/v1/worklist", OFFICER)).json()
    lines: list[dict[str, Any]] = found["items"]
    return lines
