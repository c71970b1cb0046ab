"""Reports follow the people they are of, whatever is heard late or again."""

from datetime import datetime
from uuid import UUID

import pytest

from shared.events.district import AssetUse
from shared.events.envelope import beneficiary_id, microseconds
from tests.helpers import again
from tests.integration.reporting.office import (
    BOJONEGORO,
    EMPTY_CELL,
    HOUR,
    MILLION,
    NOVEMBER,
    TUBAN,
    Office,
    budget,
    grant,
    person,
    report,
)

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

    await office.arrive(together, person(), again(waiting))
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
    await office.arrive(together, person(), report())
    await office.arrive(
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
    await office.arrive(
        together, *(grant(status=status, amount=6, version=step) for step, status in enumerate(steps, start=1))
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
    await office.arrive(together, grant(amount=5, year=2026), grant(amount=7, year=2027, version=2, to="B-2"))
    assert (await office.cell("2026-10"))["grants"]["requested"] == 0
    assert (await office.cell("2027-01"))["grants"]["requested"] == 1
    ((whose, amount),) = await office.rows("SELECT beneficiary_id, amount FROM grant_now")
    assert (UUID(str(whose)), amount) == (beneficiary_id(BOJONEGORO, "B-2"), 7)


@pytest.mark.parametrize("together", [True, False])
async def test_a_budget_may_be_lowered_and_is_of_its_year(office: Office, together: bool) -> None:
    await office.arrive(
        together, budget(100), budget(9, year=2027), grant(status="approved", amount=30), budget(40, version=2)
    )
    assert (await office.cell("2026-10"))["rupiah"] == {"budget": 40, "committed": 30, "disbursed": 0, "remaining": 10}
    assert (await office.cell("2027-10"))["rupiah"] == {"budget": 9, "committed": 0, "disbursed": 0, "remaining": 9}
