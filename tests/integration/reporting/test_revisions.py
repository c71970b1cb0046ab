"""Which report is in force, and what the receipts say of the others."""

from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting.tables import METADATA
from shared.events.district import AssetUse
from shared.events.envelope import Record, microseconds
from tests.conflicts import SOURCES, Told, arrivals, in_force, wrong_receipts
from tests.helpers import again
from tests.integration.reporting.office import HOUR, MILLION, NOVEMBER, Office, person, report


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
    await office.arrive(together, newer, older)
    assert await office.income() == (1, 2 * MILLION)
    assert await office.receipts() == {
        "newer": ("accepted", "accepted", ""),
        "older": ("superseded", "older_revision", ""),
    }


@pytest.mark.parametrize("together", [True, False])
async def test_the_same_report_under_another_id_is_a_duplicate(office: Office, together: bool) -> None:
    await office.hear(person())
    await office.arrive(together, report(event_id="first"), report(event_id="again", time=NOVEMBER + HOUR))
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
        await office.arrive(together, *((later, earlier) if turned else (earlier, later)))
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
        await office.arrive(together, *((greater, lesser) if turned else (lesser, greater)))
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
    await office.arrive(
        together,
        report(net=2 * MILLION, event_id="first", time=NOVEMBER + HOUR),
        report(net=2 * MILLION, event_id="like it", time=NOVEMBER + 3 * HOUR),
        report(net=MILLION, event_id="other", time=NOVEMBER + 2 * HOUR),
    )
    receipts = await office.receipts()
    assert receipts["other"] == ("superseded", "revision_conflict", "revision_conflict")
    assert receipts["like it"] == ("duplicate", "duplicate", "revision_conflict")
    assert await office.income() == (1, 2 * MILLION)


@pytest.mark.parametrize("together", [True, False])
async def test_every_event_alike_is_told_that_it_lost(office: Office, together: bool) -> None:
    await office.hear(person())
    await office.arrive(
        together,
        report(net=1, event_id="first"),
        report(net=1, event_id="like it", time=NOVEMBER + HOUR),
        report(net=2, event_id="other", time=NOVEMBER + 2 * HOUR),
    )
    receipts = await office.receipts()
    assert receipts["other"] == ("accepted", "accepted", "revision_conflict")
    assert receipts["first"] == receipts["like it"] == ("superseded", "revision_conflict", "revision_conflict")


@pytest.mark.parametrize("together", [True, False])
async def test_a_conflict_under_an_older_revision_warns_both_all_the_same(office: Office, together: bool) -> None:
    await office.hear(person(), report(revision=2, event_id="newer"))
    await office.arrive(together, report(net=1, event_id="one"), report(net=2, event_id="two"))
    assert await office.receipts() == {
        "newer": ("accepted", "accepted", ""),
        "one": ("superseded", "older_revision", "revision_conflict"),
        "two": ("superseded", "older_revision", "revision_conflict"),
    }


@pytest.mark.parametrize("together", [True, False])
async def test_a_conflict_leaves_the_receipt_of_another_system_with_the_same_id_alone(
    office: Office, together: bool
) -> None:
    await office.hear(person())
    await office.arrive(
        together,
        report(month="2026-09", event_id="7", source=SOURCES[0]),
        report(net=1, event_id="7", source=SOURCES[1]),
        report(net=2, event_id="8", source=SOURCES[1], time=NOVEMBER + HOUR),
    )
    assert await office.receipts_by_source() == {
        ("7", SOURCES[0]): ("accepted", "accepted", frozenset()),
        ("7", SOURCES[1]): ("superseded", "revision_conflict", frozenset({"revision_conflict"})),
        ("8", SOURCES[1]): ("accepted", "accepted", frozenset({"revision_conflict"})),
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arriving=arrivals(), known_after=st.integers(0, 4))
async def test_any_order_of_what_two_systems_say_of_one_month_ends_in_the_same_report_and_warnings(
    office: Office, arriving: tuple[list[Told], list[list[Told]]], known_after: int
) -> None:
    """What comes before the person is known waits, and is then judged with what comes after."""
    told, batches = arriving
    heard = [[_reported(each) for each in batch] for batch in batches]
    heard.insert(known_after, [person()])
    await office.forget_everything(METADATA, but="view_state")
    for records in heard:
        await office.hear(*records)
    ruling = in_force(told)
    assert await office.rows("SELECT revision, time_us, event_id, source, net_profit FROM report") == [
        (ruling.revision, microseconds(_minute(ruling)), *ruling.key, ruling.content)
    ]
    assert wrong_receipts(told, await office.receipts_by_source()) == []


def _reported(told: Told) -> Record:
    return report(
        net=told.content,
        revision=told.revision,
        event_id=told.event_id,
        source=told.source,
        time=_minute(told),
    )


def _minute(told: Told) -> datetime:
    return NOVEMBER + timedelta(minutes=told.minute)


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
