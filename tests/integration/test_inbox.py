"""Each event comes to one verdict, whatever its order, its repetitions and its neighbours."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.database import run
from shared.events import envelope
from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Record, microseconds
from shared.events.receipts import Answer, Verdict
from tests.helpers import again, from_service
from tests.integration.conftest import DatabaseFor
from tests.integration.tiny import (
    BOJONEGORO,
    INTAKE,
    NOON,
    PERSONS,
    SURABAYA,
    WITHDRAWAL_TYPE,
    WITHDRAWALS,
    Row,
    Tiny,
    handover,
    person,
    request,
    with_header,
    withdrawal,
)

PERSON = "64b52eb6-0c08-584e-b266-f03d9871c939"
"""The id of W-1 of Bojonegoro."""
ACCEPTED, DUPLICATE = ("accepted", "accepted"), ("duplicate", "duplicate")
BEHIND = ("waiting", "behind_quarantine")


@pytest.fixture
async def tiny(database_for: DatabaseFor) -> Tiny:
    return await Tiny.over(database_for)


def unreadable(event_id: str, ref: str = "W-1") -> Record:
    return request(event_id, "G-0", ref)._replace(value=b'{"grant_ref": "G-0", ')


# --- duplicates


async def test_an_event_is_applied_once_however_often_it_comes_in_one_batch(tiny: Tiny) -> None:
    event = request("e-1", "G-1")
    await tiny.receive(person(), event, again(event), again(event))
    assert await tiny.effects() == Counter({f"person {PERSON}": 1, "request G-1": 1})
    assert (await tiny.rows())["e-1"] == Row("accepted", "accepted", 3)
    assert await tiny.receipts("e-1") == [ACCEPTED, DUPLICATE, DUPLICATE]


async def test_an_event_is_applied_once_however_often_it_comes_in_later_batches(tiny: Tiny) -> None:
    event = request("e-1", "G-1")
    await tiny.receive(person(), event)
    for _ in range(2):
        await tiny.receive(again(event), again(event))
    assert (await tiny.effects())["request G-1"] == 1
    assert (await tiny.rows())["e-1"] == Row("accepted", "accepted", 5)
    assert await tiny.receipts("e-1") == [ACCEPTED, *[DUPLICATE] * 4]


async def test_other_content_under_a_known_id_is_a_duplicate_and_not_applied(tiny: Tiny) -> None:
    await tiny.receive(person(), request("e-1", "G-1"))
    await tiny.receive(request("e-1", "G-2"))
    assert await tiny.receipts("e-1") == [ACCEPTED, DUPLICATE]
    assert "request G-2" not in await tiny.effects()


async def test_another_source_or_district_may_use_the_same_id(tiny: Tiny) -> None:
    await tiny.receive(person(), request("e-1", "G-1"), request("e-1", "G-2", source="/district/3522/other"))
    assert await tiny.receipts("e-1") == [ACCEPTED, ACCEPTED]
    assert await tiny.count("inbox") == 3


async def test_a_fact_is_judged_by_its_id_too_and_gets_no_receipt(tiny: Tiny) -> None:
    fact = person()
    await tiny.receive(fact, again(fact))
    await tiny.receive(again(fact))
    assert sum((await tiny.effects()).values()) == 1
    assert await tiny.receipts() == []
    assert [row.deliveries for row in (await tiny.rows()).values()] == [3]


# --- waiting


async def test_what_refers_to_something_unknown_waits_and_is_applied_once_when_that_comes(tiny: Tiny) -> None:
    event = handover("h-1", "G-1")
    await tiny.receive(event)
    assert await tiny.receipts("h-1") == [("waiting", "unknown_grant")]
    await tiny.receive(again(event))
    await tiny.receive(request("e-1", "G-1"))
    assert "handover G-1" not in await tiny.effects()
    await tiny.receive(person())
    assert (await tiny.effects())["handover G-1"] == 1
    assert (await tiny.effects())["request G-1"] == 1
    await tiny.receive(again(event), request("e-2", "G-1"))
    assert (await tiny.effects())["handover G-1"] == 1
    assert await tiny.receipts("h-1") == [("waiting", "unknown_grant"), DUPLICATE, ACCEPTED, DUPLICATE]
    assert (await tiny.rows())["h-1"] == Row("accepted", "accepted", 3)
    assert await tiny.count("waiting") == 0


async def test_the_order_within_a_batch_is_that_of_the_types(tiny: Tiny) -> None:
    await tiny.receive(handover("h-1", "G-1"), request("e-1", "G-1"), person())
    assert await tiny.receipts("e-1") == await tiny.receipts("h-1") == [ACCEPTED]


async def test_many_wait_for_one(tiny: Tiny) -> None:
    await tiny.receive(*(request(f"e-{n}", f"G-{n}") for n in range(1200)))
    assert await tiny.count("waiting") == 1200
    await tiny.receive(person())
    assert sum((await tiny.effects()).values()) == 1201
    assert await tiny.count("waiting") == 0


# --- quarantine


async def test_what_cannot_be_read_is_kept_to_the_byte(tiny: Tiny) -> None:
    poison = request("e-1", "G-1")._replace(
        key=b"\x00\xff", value=b"\xff\x00 not JSON", headers=(("ce_id", b"\xfe"), ("x", b""), ("x", b"\x00"))
    )
    await tiny.receive(poison)
    (row,) = await tiny.held()
    assert (row.topic, row.partition, row.offset) == (INTAKE, 0, poison.offset)
    assert (bytes(row.key), bytes(row.value)) == (poison.key, poison.value)
    assert msgspec.json.decode(row.headers, type=tuple[tuple[str, bytes], ...]) == poison.headers
    assert (row.event_id, row.reason) == (f"{INTAKE}/0/{poison.offset}", "invalid_envelope")
    assert await tiny.receipts() == [("quarantined", "invalid_envelope")]


async def test_later_events_of_its_key_wait_behind_it_and_all_others_go_on(tiny: Tiny) -> None:
    await tiny.receive(person("W-1"), person("W-2"), request("before", "G-1"))
    await tiny.receive(unreadable("poison"))
    await tiny.receive(request("behind", "G-2"), request("other key", "G-3", "W-2"), handover("behind too", "G-1"))
    assert await tiny.receipts("behind") == await tiny.receipts("behind too") == [BEHIND]
    assert await tiny.receipts("other key") == [ACCEPTED]
    assert {"request G-1", "request G-3"} < set(await tiny.effects())
    assert "request G-2" not in await tiny.effects()


async def test_those_in_the_same_batch_wait_behind_it_too(tiny: Tiny) -> None:
    await tiny.receive(person(), request("before", "G-1"), unreadable("poison"), request("behind", "G-2"))
    assert await tiny.receipts("before") == [ACCEPTED]
    assert await tiny.receipts("behind") == [BEHIND]


async def test_what_still_cannot_be_read_stays_in_quarantine(tiny: Tiny) -> None:
    await tiny.receive(person(), unreadable("poison"), request("behind", "G-2"))
    (row,) = await tiny.held()
    answer = await tiny.redrive(row.id)
    assert answer is not None
    assert (answer.verdict, answer.reason) == (Verdict.quarantined, "not_json")
    assert [held.id for held in await tiny.held()] == [row.id]
    assert await tiny.receipts("behind") == [BEHIND]
    assert await tiny.receipts("poison") == [("quarantined", "not_json")]


async def test_redrive_applies_once_and_lets_those_behind_go(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    poison = withdrawal("poison", "G-1")
    await tiny.receive(person(), request("e-1", "G-1"), poison, request("behind", "G-2"), handover("behind too", "G-2"))
    await tiny.receive(again(poison))
    (row,) = await tiny.held()
    monkeypatch.setitem(CATALOGUE, WITHDRAWALS, WITHDRAWAL_TYPE)

    assert await tiny.redrive(row.id, inbox=tiny.next_version) == Answer(Verdict.accepted, "accepted")
    assert await tiny.redrive(row.id, inbox=tiny.next_version) is None
    assert not await tiny.discard(row.id)

    assert (await tiny.effects())["withdrawal G-1"] == 1
    assert (await tiny.effects())["request G-2"] == 1
    assert (await tiny.effects())["handover G-2"] == 1
    assert await tiny.receipts("poison") == [("quarantined", "unknown_type"), DUPLICATE, ACCEPTED]
    assert await tiny.receipts("behind") == [BEHIND, ACCEPTED]
    assert (await tiny.rows())["poison"] == Row("accepted", "accepted", 2)
    await tiny.receive(again(poison))
    assert (await tiny.effects())["withdrawal G-1"] == 1
    assert await tiny.held() == []


async def test_an_event_readable_only_now_is_known_by_its_id_from_then_on(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = request("large", "G-1")
    large = large._replace(value=(large.value or b"") + b" " * envelope.MAX_DATA_BYTES)
    await tiny.receive(person(), large)
    (row,) = await tiny.held()
    assert row.reason == "too_large"
    monkeypatch.setattr(envelope, "MAX_DATA_BYTES", 2 * envelope.MAX_DATA_BYTES)

    assert await tiny.redrive(row.id) == Answer(Verdict.accepted, "accepted")
    assert (await tiny.rows())["large"] == Row("accepted", "accepted", 1)
    await tiny.receive(again(large))
    assert (await tiny.effects())["request G-1"] == 1
    assert await tiny.receipts("large") == [ACCEPTED, DUPLICATE]


async def test_an_event_readable_only_now_that_came_again_meanwhile_is_a_duplicate(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = request("e-1", "G-1")
    large = again(small)._replace(value=(small.value or b"") + b" " * envelope.MAX_DATA_BYTES)
    await tiny.receive(person(), large)
    (row,) = await tiny.held()
    monkeypatch.setattr(envelope, "MAX_DATA_BYTES", 2 * envelope.MAX_DATA_BYTES)
    await tiny.receive(small)
    assert await tiny.receipts("e-1") == [BEHIND]

    assert await tiny.redrive(row.id) == Answer(Verdict.duplicate, "duplicate")
    assert (await tiny.effects())["request G-1"] == 1
    assert await tiny.held() == []
    assert (await tiny.rows())["e-1"] == Row("accepted", "accepted", 2)


async def test_a_discarded_record_is_rejected_and_those_behind_go_on(tiny: Tiny) -> None:
    await tiny.receive(person(), unreadable("poison"), request("behind", "G-2"))
    (row,) = await tiny.held()
    assert await tiny.discard(row.id)
    assert not await tiny.discard(row.id)
    assert await tiny.redrive(row.id) is None
    assert await tiny.receipts("poison") == [("quarantined", "not_json"), ("rejected", "discarded")]
    assert await tiny.receipts("behind") == [BEHIND, ACCEPTED]
    async with tiny.database.reading() as session:
        found = await run(session, "SELECT state, value FROM quarantine")
    # Given up, it keeps no content: that may be a person's, and the log still has it.
    assert [(kept.state, kept.value) for kept in found] == [("discarded", None)]


async def test_those_behind_two_wait_for_both(tiny: Tiny) -> None:
    await tiny.receive(person(), unreadable("p-1"), unreadable("p-2"), request("behind", "G-2"))
    first, second = await tiny.held()
    assert await tiny.discard(first.id)
    assert await tiny.receipts("behind") == [BEHIND]
    assert await tiny.discard(second.id)
    assert await tiny.receipts("behind") == [BEHIND, ACCEPTED]


async def test_one_set_free_that_then_waits_for_something_else_says_so(tiny: Tiny) -> None:
    await tiny.receive(unreadable("poison"), request("behind", "G-2"))
    (row,) = await tiny.held()
    assert await tiny.discard(row.id)
    assert (await tiny.rows())["behind"] == Row("waiting", "unknown_beneficiary", 1)
    await tiny.receive(person())
    assert (await tiny.rows())["behind"] == Row("accepted", "accepted", 1)
    assert (await tiny.receipts("behind"))[-1] == ACCEPTED
    assert (await tiny.receipts("behind")).count(ACCEPTED) == 1


async def test_a_record_without_a_key_holds_nobody_up(tiny: Tiny) -> None:
    await tiny.receive(person(), unreadable("poison")._replace(key=None))
    await tiny.receive(request("e-1", "G-1"), request("e-2", "G-2")._replace(key=None))
    assert await tiny.receipts("e-1") == await tiny.receipts("e-2") == [ACCEPTED]


async def test_a_record_without_a_value_is_quarantined(tiny: Tiny) -> None:
    await tiny.receive(request("e-1", "G-1")._replace(value=None))
    (row,) = await tiny.held()
    assert (row.reason, row.value) == ("no_value", None)


# --- refused before anyone looks into the data


# --- the clocks of districts


def taken(record: Record, before_noon: timedelta) -> Record:
    """As a log took it whose clock showed so much less than the event's."""
    return record._replace(taken_us=microseconds(NOON - before_noon))


async def test_an_event_of_the_future_is_rejected_and_one_a_little_ahead_is_warned_of(tiny: Tiny) -> None:
    await tiny.receive(
        person(),
        taken(request("in time", "G-1"), timedelta(minutes=10)),
        taken(request("ahead", "G-2"), timedelta(hours=24)),
        taken(request("of tomorrow", "G-3"), timedelta(hours=24, microseconds=1)),
        request("taken who knows when", "G-4"),
    )
    assert await warned(tiny) == {
        "in time": ("accepted", "accepted", ()),
        "ahead": ("accepted", "accepted", ("clock_ahead",)),
        "of tomorrow": ("rejected", "time_in_future", ()),
        "taken who knows when": ("accepted", "accepted", ()),
    }
    assert (await tiny.rows())["of tomorrow"] == Row("rejected", "time_in_future", 1)
    assert not (await tiny.effects())["request G-3"]


async def warned(tiny: Tiny) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """The last receipt of each event."""
    return {
        receipt.event_id: (receipt.verdict.value, receipt.reason, receipt.warnings) for _, receipt in await tiny.told()
    }


async def test_the_facts_of_services_are_not_judged_by_the_clock(tiny: Tiny) -> None:
    await tiny.receive(taken(person(), timedelta(days=9)))
    assert (await tiny.effects())[f"person {PERSON}"] == 1


async def test_what_is_wrong_with_its_sender_is_said_before_what_is_wrong_with_its_clock(tiny: Tiny) -> None:
    stranger = request("e-1", "G-1", source=f"/district/{SURABAYA}/test")
    await tiny.receive(taken(stranger, timedelta(days=9)))
    assert await tiny.receipts("e-1") == [("rejected", "district_mismatch")]


async def test_one_that_waited_is_warned_of_by_the_time_at_which_the_log_took_it(tiny: Tiny) -> None:
    await tiny.receive(taken(request("e-1", "G-1"), timedelta(hours=1)))
    assert await warned(tiny) == {"e-1": ("waiting", "unknown_beneficiary", ("clock_ahead",))}
    await tiny.receive(person())
    assert await warned(tiny) == {"e-1": ("accepted", "accepted", ("clock_ahead",))}


async def test_a_redriven_event_is_judged_by_the_time_at_which_the_log_took_it(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day later, by the clock of the operator, it would no longer be of the future."""
    await tiny.receive(person(), request("e-1", "G-1"), taken(withdrawal("w-1", "G-1"), timedelta(days=2)))
    await tiny.receive(taken(withdrawal("w-2", "G-1", "W-2"), timedelta(hours=2)))
    monkeypatch.setitem(CATALOGUE, WITHDRAWALS, WITHDRAWAL_TYPE)
    for row in await tiny.held():
        assert await tiny.redrive(row.id, inbox=tiny.next_version) is not None
    found = await warned(tiny)
    assert found["w-1"] == ("rejected", "time_in_future", ())
    assert found["w-2"] == ("accepted", "accepted", ("clock_ahead",))
    assert (await tiny.effects())["withdrawal G-1"] == 1


async def test_an_event_in_the_topic_of_another_service_is_rejected(tiny: Tiny) -> None:
    stray = with_header(request("e-1", "G-1"), ce_type=b"berdaya.district.income-reported.v1")._replace(
        value=b'{"district_ref":"W-1","month":"2026-04","revision":1,"turnover":1,"materials":0,"production":0,'
        b'"wages":0,"employees":1,"orders":1,"asset_use":"in_use"}'
    )
    await tiny.receive(person(), stray)
    assert await tiny.receipts("e-1") == [("rejected", "wrong_topic")]
    assert await tiny.held() == []


async def test_a_service_type_in_the_topic_of_a_district_changes_nothing(tiny: Tiny) -> None:
    forged = person()._replace(topic=INTAKE)
    await tiny.receive(forged, with_header(again(forged), ce_source=b"/district/3522/test", ce_id=b"forged"))
    assert sum((await tiny.effects()).values()) == 0
    assert ("rejected", "district_mismatch") in await tiny.receipts()


async def test_the_district_is_that_of_the_topic_whatever_the_source_says(tiny: Tiny) -> None:
    await tiny.receive(person(), person(district=SURABAYA), request("e-1", "G-1", source="/district/3578/test"))
    assert await tiny.told() != []
    assert [(topic, receipt.reason) for topic, receipt in await tiny.told()] == [("receipts.3522", "district_mismatch")]
    assert await tiny.count("effect") == 2


async def test_an_invalid_event_of_another_district_is_a_mismatch_and_tells_nothing_of_its_data(tiny: Tiny) -> None:
    invalid = request("e-1", "G-1", source="/district/3578/test")._replace(value=b'{"grant_ref": 5}')
    await tiny.receive(invalid)
    assert await tiny.receipts() == [("rejected", "district_mismatch")]


async def test_the_subject_must_be_that_of_the_data(tiny: Tiny) -> None:
    await tiny.receive(person(), request("e-1", "G-1", subject="W-2"))
    assert await tiny.receipts() == [("rejected", "subject_mismatch")]
    assert "request G-1" not in await tiny.effects()


async def test_a_broken_contract_is_rejected_with_the_place_and_without_the_value(tiny: Tiny) -> None:
    value = (request("e-1", "G-1").value or b"").replace(b'"amount":1000000', b'"amount":-5551234')
    assert b"-5551234" in value
    await tiny.receive(person(), request("e-1", "G-1")._replace(value=value), request("e-2", "G-2"))
    assert await tiny.receipts("e-1") == [("rejected", "invalid_data")]
    assert await tiny.receipts("e-2") == [ACCEPTED]
    (_, receipt) = (await tiny.told())[0]
    assert "$.amount" in receipt.message.en
    assert "5551234" not in receipt.message.en + receipt.message.id


# --- facts


async def test_a_fact_that_cannot_be_read_is_kept_and_those_of_its_key_wait(tiny: Tiny) -> None:
    fact = person()
    await tiny.receive(fact._replace(value=b"{"), person(version=2), person("W-2"))
    assert [row.reason for row in await tiny.held()] == ["not_json"]
    assert sum((await tiny.effects()).values()) == 1
    assert await tiny.receipts() == []


async def test_a_fact_that_breaks_the_contract_is_kept_too(tiny: Tiny) -> None:
    await tiny.receive(person()._replace(value=b'{"version": 0}'))
    assert [row.reason for row in await tiny.held()] == ["invalid_data"]


async def test_facts_that_this_service_does_not_follow_leave_no_trace(tiny: Tiny) -> None:
    await tiny.receive(_budget())
    assert await tiny.count("inbox") == 0


async def test_a_fact_of_a_type_known_only_now_and_not_followed_can_be_redriven_and_discarded(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "berdaya.registry.beneficiary-merged.v1"
    unknown = with_header(person(), ce_type=name.encode(), ce_id=b"m-1")
    await tiny.receive(unknown, with_header(again(unknown), ce_id=b"m-2"), person())
    first, second = await tiny.held()
    assert sum((await tiny.effects()).values()) == 0, "the person waits behind them"
    data = CATALOGUE[PERSONS]
    monkeypatch.setitem(CATALOGUE, name, data._replace(name=name))

    answer = await tiny.redrive(first.id)
    assert answer is not None
    assert answer.verdict is not Verdict.quarantined
    assert await tiny.discard(second.id)
    assert await tiny.held() == []
    assert sum((await tiny.effects()).values()) == 1, "and is known when they are gone"


def _budget() -> Record:
    from shared.events.facts import BudgetSet

    return from_service(
        "grants",
        BudgetSet(version=1, district=BOJONEGORO, fiscal_year=2026, amount=1),
        event_id="b-1",
        time=NOON,
        key=BOJONEGORO,
    )


# --- any order


CAST: dict[str, Record] = {
    "person": person("W-1"),
    "person 2": person("W-2"),
    "request": request("request", "G-1"),
    "request again": request("request", "G-1"),
    "handover": handover("handover", "G-1"),
    "request 2": request("request 2", "G-2", "W-2"),
    "withdrawal": withdrawal("withdrawal", "G-1"),
    "mismatch": request("mismatch", "G-9", source="/district/3578/test"),
    "invalid": request("invalid", "G-8")._replace(value=b'{"grant_ref": 8}'),
}
OUTCOME = {
    "request": Row("accepted", "accepted", 2),
    "handover": Row("accepted", "accepted", 1),
    "request 2": Row("accepted", "accepted", 1),
    "withdrawal": Row("accepted", "accepted", 1),
    "mismatch": Row("rejected", "district_mismatch", 1),
    "invalid": Row("rejected", "invalid_data", 1),
}


@st.composite
def arrivals(draw: st.DrawFn) -> list[Sequence[str]]:
    """All events in any order, cut into batches anywhere."""
    order = draw(st.permutations(list(CAST)))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1))))
    return [order[start:end] for start, end in pairwise([0, *cuts, len(order)])]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=arrivals())
async def test_any_order_ends_the_same_a_quarantined_event_included(tiny: Tiny, batches: list[Sequence[str]]) -> None:
    await tiny.wipe()
    for batch in batches:
        await tiny.receive(*(again(CAST[name]) for name in batch))
    (held,) = await tiny.held()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CATALOGUE, WITHDRAWALS, WITHDRAWAL_TYPE)
        assert await tiny.redrive(held.id, inbox=tiny.next_version) is not None

    effects = await tiny.effects()
    assert Counter(name.partition(" ")[0] for name in effects.elements()) == {
        "person": 2,
        "request": 2,
        "handover": 1,
        "withdrawal": 1,
    }
    rows = await tiny.rows()
    assert {name: row for name, row in rows.items() if not name.startswith("berdaya.")} == OUTCOME
    assert await tiny.count("waiting") == 0
    for event_id, row in OUTCOME.items():
        final = [found for found in await tiny.receipts(event_id) if found[0] not in ("waiting", "quarantined")]
        assert len(final) == row.deliveries, "one verdict, and `duplicate` for each further delivery"


# --- an operator beside the consumer


async def test_an_event_parked_while_the_one_before_it_is_discarded_is_set_free(tiny: Tiny) -> None:
    if tiny.database.is_sqlite:
        pytest.skip("one writer at a time: the two cannot meet")
    await tiny.receive(person(), unreadable("poison"))
    (row,) = await tiny.held()
    async with tiny.database.transaction() as session:
        await tiny.inbox.apply(session, [request("behind", "G-2")])
        discarding = asyncio.ensure_future(tiny.discard(row.id))
        await asyncio.wait([discarding], timeout=0.3)
    assert await discarding
    assert await tiny.receipts("behind") == [BEHIND, ACCEPTED]
    assert await tiny.count("waiting") == 0


async def test_what_waited_and_cannot_be_read_any_more_goes_to_quarantine(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version parked it, and an earlier one was put back."""
    await tiny.receive(unreadable("poison"))
    with monkeypatch.context() as later:
        later.setitem(CATALOGUE, WITHDRAWALS, WITHDRAWAL_TYPE)
        async with tiny.database.transaction() as session:
            await tiny.next_version.apply(session, [parked := withdrawal("parked", "G-1")])
    (row,) = await tiny.held()
    assert await tiny.discard(row.id)
    (kept,) = await tiny.held()
    assert (kept.event_id, kept.reason, bytes(kept.value)) == ("parked", "unknown_type", parked.value)
    assert (await tiny.rows())["parked"] == Row("quarantined", "unknown_type", 1)
    assert await tiny.count("waiting") == 0
