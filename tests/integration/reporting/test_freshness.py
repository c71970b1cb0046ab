"""Which district was heard of when, and what is said of one that is silent."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.reporting.reconcile import rebuild, reconcile
from shared.database import now, run
from shared.events.envelope import format_time
from shared.security import Caller, Role
from tests.integration.reporting.office import (
    BOJONEGORO,
    DISTRICTS,
    MILLION,
    OFFICER,
    SURABAYA,
    TUBAN,
    VIEWER,
    Office,
    grant,
    person,
    report,
)
from tests.integration.reporting.test_manifests import manifest

DAY = timedelta(days=1)


async def freshness(office: Office, who: Caller = VIEWER) -> dict[str, Any]:
    answer = await office.call("/v1/freshness", who)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-cache"
    body: dict[str, Any] = answer.json()
    return body


async def of(office: Office, code: str = BOJONEGORO) -> dict[str, Any]:
    found: dict[str, Any] = (await freshness(office))["districts"][code]
    return found


def milliseconds(moment: datetime) -> str:
    return format_time(moment)[:-4] + "Z"


async def test_a_district_is_as_fresh_as_its_newest_event(office: Office) -> None:
    moment = now()
    await office.hear(
        person(),
        report(event_id="newest", time=moment - 12 * DAY),
        report(event_id="older", time=moment - 20 * DAY),
        report(event_id="today", time=moment, district=TUBAN),  # of a person nobody knows: it waits, and was heard
    )
    found = await freshness(office)
    assert list(found["districts"]) == DISTRICTS
    assert found["silent_after_days"] == 7
    assert found["lag"]["events"] == 0
    assert found["districts"][BOJONEGORO] == {
        "last_event_at": milliseconds(moment - 12 * DAY),
        "age_days": 12,
        "silent": True,
        "streams": {"income-reported": milliseconds(moment - 12 * DAY)},
        "sentence": {
            "id": "Kab. Bojonegoro diam selama 12 hari.",
            "en": "Kab. Bojonegoro has been silent for 12 days.",
        },
    }
    assert (found["districts"][TUBAN]["age_days"], found["districts"][TUBAN]["silent"]) == (0, False)
    never = found["districts"][SURABAYA]
    assert (never["last_event_at"], never["age_days"], never["silent"], never["streams"]) == (None, None, True, {})


async def test_an_event_of_the_far_future_does_not_end_the_watch_for_silence(office: Office) -> None:
    moment = now()
    wrong = report(event_id="wrong", time=moment + 20_000 * DAY)
    taken = int((moment - 30 * DAY).timestamp() * 1_000_000)
    await office.hear(person(), report(event_id="right", time=moment - 30 * DAY), wrong._replace(taken_us=taken))
    assert (await office.receipts())["wrong"][:2] == ("rejected", "time_in_future")
    found = await of(office)
    assert (found["age_days"], found["silent"]) == (30, True)
    await rebuild(office.database)
    assert await of(office) == found


async def test_what_other_services_tell_of_a_district_is_not_the_district_speaking(office: Office) -> None:
    await office.hear(person(), grant())
    assert (await of(office))["last_event_at"] is None


async def test_an_older_event_that_comes_later_makes_nobody_older_and_every_answer_counts(office: Office) -> None:
    moment = now()
    await office.hear(report(event_id="new", time=moment - DAY, month="2099-01"))  # rejected, and heard all the same
    await office.hear(report(event_id="old", time=moment - 9 * DAY))
    assert (await of(office))["age_days"] == 1
    await office.hear(manifest([], time=moment, day=(moment - 2 * DAY).date()))
    found = await of(office)
    assert found["age_days"] == 0
    assert found["streams"].keys() == {"income-reported", "manifest-closed"}


async def test_a_clock_that_is_ahead_is_named_and_called_neither_silent_nor_fresh(office: Office) -> None:
    await office.hear(report(event_id="ahead", time=now() + 300 * DAY))
    found = await of(office)
    assert (found["silent"], found["age_days"]) == (None, None)
    assert "periksa jam" in found["sentence"]["id"]


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (
            "UPDATE district_heard SET time_us = time_us + 1",
            "district_heard 3522 berdaya.district.income-reported.v1: 1793844000000001, by the inbox 1793844000000000",
        ),
        (
            "DELETE FROM district_heard",
            "district_heard 3522 berdaya.district.income-reported.v1: None, by the inbox 1793844000000000",
        ),
        (
            "INSERT INTO district_heard VALUES ('3523', 'berdaya.district.income-reported.v1', 1)",
            "district_heard 3523 berdaya.district.income-reported.v1: 1, by the inbox None",
        ),
    ],
)
async def test_what_is_kept_of_the_last_event_is_proved_and_mended(office: Office, damage: str, line: str) -> None:
    await office.hear(report())  # on 5 November 2026 at 2 o'clock in UTC: 1,793,844,000 seconds after 1970
    await office.change(damage)
    assert await reconcile(office.database) == [line]
    await rebuild(office.database)
    assert await reconcile(office.database) == []


async def test_a_record_that_can_be_read_only_later_counts_with_its_money_then(office: Office) -> None:
    """Its envelope could be read at once, its data only by a later version: here, with the bytes mended."""
    good = report(event_id="mended", time=now() - DAY)
    await office.hear(person(), good._replace(value=b"{"))
    assert (await of(office))["age_days"] == 1
    assert await office.rows("SELECT verdict, rupiah FROM inbox WHERE district <> ''") == [("quarantined", None)]
    async with office.database.transaction() as session:
        await run(session, "UPDATE quarantine SET value = :value", value=good.value)
        await office.node.inbox.redrive(session, (await run(session, "SELECT id FROM quarantine")).one().id)
    assert await office.rows("SELECT verdict, rupiah FROM inbox WHERE district <> ''") == [("accepted", MILLION)]


async def test_a_record_whose_envelope_cannot_be_read_says_nothing_of_a_day(office: Office) -> None:
    good = report(event_id="mended", time=now() - DAY)
    await office.hear(person(), good._replace(headers=()))
    assert (await of(office))["last_event_at"] is None
    async with office.database.transaction() as session:
        await run(session, "UPDATE quarantine SET headers = :headers", headers=msgspec.json.encode(good.headers))
        await office.node.inbox.redrive(session, (await run(session, "SELECT id FROM quarantine")).one().id)
    assert (await of(office))["age_days"] == 1


async def test_what_is_given_up_was_heard_all_the_same(office: Office) -> None:
    await office.hear(report(event_id="poison", time=now() - DAY)._replace(value=b"{"))
    async with office.database.transaction() as session:
        assert await office.node.inbox.discard(session, (await run(session, "SELECT id FROM quarantine")).one().id)
    assert (await of(office))["age_days"] == 1


async def test_a_district_officer_sees_the_own_district_and_systems_none(office: Office) -> None:
    assert (await freshness(office, OFFICER))["districts"].keys() == {BOJONEGORO}
    system = await office.call("/v1/freshness", Caller("simdu", Role.district_system, BOJONEGORO))
    assert (system.status_code, system.json()["code"]) == (403, "forbidden")
    assert (await office.call("/v1/freshness", None)).status_code == 401
