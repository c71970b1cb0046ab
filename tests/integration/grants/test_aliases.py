"""Two records that an officer decided to be one person are given aid as one person."""

import asyncio
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.grants import commands
from services.grants.tables import METADATA
from shared.database import lock_districts
from shared.events.envelope import Record, beneficiary_id, grant_id
from shared.security import Caller, Role
from tests.integration.grants.office import (
    BOJONEGORO,
    GRANT,
    OFFICER,
    PROVINCE,
    TUBAN,
    Office,
    cash,
    handover,
    pair,
    person,
    problem,
    request,
)
from tests.integration.grants.test_assets import of, relocate
from tests.integration.logs import until

SECOND = grant_id(BOJONEGORO, "B-2")
THIRD = grant_id(TUBAN, "T-1")
TUBAN_OFFICER = Caller("sari", Role.district_officer, TUBAN)


def known() -> list[Record]:
    """Three records, two of Bojonegoro and one of Tuban, each with a request."""
    return [
        person(),
        person("BJN-2"),
        person("TBN-1", district=TUBAN),
        request(),
        cash("B-2", 1_000_000, to="BJN-2"),
        cash("T-1", 2_000_000, to="TBN-1", district=TUBAN),
    ]


def far(version: int, decision: Any = None) -> Record:
    """Of the second record of Bojonegoro and that of Tuban."""
    return pair("BJN-2", "TBN-1", version=version, decision=decision, districts=(BOJONEGORO, TUBAN))


async def approved(office: Office, number: UUID = GRANT) -> None:
    await office.budget(10_000_000)
    await office.bring(number, "approved")


@pytest.mark.parametrize("decided_first", [True, False])
async def test_aid_under_one_record_counts_under_the_other_whichever_was_known_first(
    office: Office, decided_first: bool
) -> None:
    await office.hear(*known())
    if decided_first:
        await office.hear(pair("BJN-1", "BJN-2", version=2, decision="same"))
    await approved(office)
    if not decided_first:
        assert await office.failed(SECOND) == []
        await office.hear(pair("BJN-1", "BJN-2", version=2, decision="same"))
    assert await office.failed(SECOND) == ["already_aided"]
    await office.take("verify", SECOND)
    assert problem(await office.take("approve", SECOND)) == (409, "criteria_not_met")
    assert await office.failed() == []
    assert await office.failed(THIRD) == []
    assert (await office.take("cancel")).status_code == 200
    assert await office.failed(SECOND) == []


async def test_a_decision_that_is_undone_makes_them_two_again(office: Office) -> None:
    await office.hear(*known(), pair("BJN-1", "BJN-2", version=2, decision="same"))
    await approved(office)
    await office.hear(pair("BJN-1", "BJN-2", version=3))  # undone: the question is open again
    assert await office.failed(SECOND) == ["duplicate_suspected"]
    await office.hear(pair("BJN-1", "BJN-2", version=2, decision="same"))  # older: dropped
    assert await office.failed(SECOND) == ["duplicate_suspected"]
    await office.hear(pair("BJN-1", "BJN-2", version=4, decision="different"))
    assert await office.failed(SECOND) == []


async def test_one_person_may_be_on_record_in_two_districts_and_over_several_pairs(office: Office) -> None:
    await office.hear(*known(), pair("BJN-1", "BJN-2", version=2, decision="same"))
    await approved(office)
    await office.hear(far(1))
    assert [await office.failed(number) for number in (SECOND, THIRD)] == [
        ["already_aided", "duplicate_suspected"],
        ["duplicate_suspected"],
    ]
    await office.hear(far(2, "same"))
    assert [await office.failed(number) for number in (SECOND, THIRD)] == [["already_aided"], ["already_aided"]]
    await office.hear(pair("BJN-1", "BJN-2", version=3, decision="withdrawn"))
    assert [await office.failed(number) for number in (SECOND, THIRD)] == [[], []]


async def test_what_was_decided_over_two_pairs_is_no_open_question_about_the_third(office: Office) -> None:
    await office.hear(*known(), pair("BJN-1", "TBN-1", version=1, districts=(BOJONEGORO, TUBAN)))
    assert await office.failed() == ["duplicate_suspected"]
    await office.hear(pair("BJN-1", "BJN-2", version=2, decision="same"), far(2, "same"))
    assert await office.failed() == []


async def test_whoever_is_in_question_under_another_record_is_given_nothing(office: Office) -> None:
    await office.hear(*known(), person("BJN-3"), cash("B-3", 1_000_000, to="BJN-3"))
    await approved(office)
    await office.take("disburse")
    await office.hear(handover(), far(2, "same"), pair("BJN-3", "BJN-2", version=1))
    refused = await relocate(office, await of(office), beneficiary_id(TUBAN, "TBN-1"), who=PROVINCE)
    assert problem(refused) == (409, "duplicate_suspected")


async def test_two_grants_of_one_person_in_one_list_are_one_too_many_whatever_their_records(office: Office) -> None:
    await office.hear(*known(), pair("BJN-1", "BJN-2", version=2, decision="same"))
    await office.budget(10_000_000)
    for number in (GRANT, SECOND):
        await office.bring(number, "verified")
    batch = {
        "fiscal_year": 2026,
        "district": BOJONEGORO,
        "grant_ids": [str(GRANT), str(SECOND)],
        "total": 4_000_000,
    }
    refused = await office.call("POST", "/v1/batches", PROVINCE, batch)
    assert problem(refused) == (409, "batch_refused")
    assert refused.json()["refusals"] == [
        {"grant_id": str(SECOND), "code": "criteria_not_met", "failed": ["already_aided"]}
    ]


async def test_of_the_records_of_one_person_in_two_districts_one_is_aided_when_all_are_approved_at_once(
    office: Office,
) -> None:
    people = range(12)
    events = []
    for place in people:
        ref = f"P-{place}"
        events += [person(ref), person(ref, district=TUBAN)]
        events += [cash(ref, 1_000_000, to=ref), cash(ref, 1_000_000, to=ref, district=TUBAN)]
        events += [pair(ref, ref, version=1, decision="same", districts=(BOJONEGORO, TUBAN))]
    await office.hear(*events)
    for district in (BOJONEGORO, TUBAN):
        await office.budget(100_000_000, district=district)
    numbers = [grant_id(district, f"P-{place}") for place in people for district in (BOJONEGORO, TUBAN)]
    async with office.database.transaction() as session:
        for number, who in zip(numbers, (OFFICER, TUBAN_OFFICER) * len(people), strict=True):
            await commands.verify(session, who, number, "")
    answers = await asyncio.gather(*(office.take("approve", number) for number in numbers))
    assert [answer.status_code for answer in answers].count(200) == len(people)
    assert {problem(answer) for answer in answers if answer.status_code != 200} == {(409, "criteria_not_met")}
    left = await office.rows("SELECT DISTINCT failed FROM grants WHERE status = 'verified'")
    assert left == [("already_aided",)]


async def test_a_pair_holds_up_its_own_districts_and_no_other(office: Office) -> None:
    if office.database.is_sqlite:
        pytest.skip("one writer at a time: nobody is beside another")
    await office.hear(*known())
    async with office.database.transaction() as session:
        await lock_districts(session, [TUBAN])
        await asyncio.wait_for(office.hear(pair("BJN-1", "BJN-2", version=1)), timeout=5)
        other = asyncio.create_task(office.hear(far(1)))
        done, _ = await asyncio.wait({other}, timeout=0.3)
        assert not done
    await other
    assert await office.failed(THIRD) == ["duplicate_suspected"]


async def test_two_that_need_serials_and_aliases_in_opposite_order_do_not_lock_up(office: Office) -> None:
    """In Tuban a request of somebody on record twice comes before a handover, in Bojonegoro after one."""
    if office.database.is_sqlite:
        pytest.skip("one writer at a time: nobody is beside another")
    await office.hear(*known(), pair("BJN-9", "TBN-1", version=1, decision="same", districts=(BOJONEGORO, TUBAN)))
    await office.budget(10_000_000)
    await office.budget(10_000_000, district=TUBAN)
    await office.bring(GRANT, "disbursed")
    async with office.database.transaction() as session:
        await commands.verify(session, TUBAN_OFFICER, THIRD, "")
    for step in ("approve", "disburse"):
        assert (await office.take(step, THIRD)).status_code == 200
    await office.hear(cash("B-9", 1_000_000, to="BJN-9", event_id="waits"))
    async with office.database.transaction() as tuban:
        await office.node.inbox.apply(tuban, [cash("T-2", 1_000_000, to="TBN-1", district=TUBAN)])
        bojonegoro = asyncio.create_task(office.hear(person("BJN-9"), handover()))
        await until(lambda: _somebody_waits(office))
        await office.node.inbox.apply(tuban, [handover("T-1", by="TBN-1", district=TUBAN, event_id="tuban")])
    await bojonegoro
    verdicts = await office.verdicts()
    assert (verdicts["waits"], verdicts["tuban"]) == (("accepted", "accepted"), ("accepted", "accepted"))
    assert await office.rows("SELECT count(*) FROM assets") == [(2,)]


async def _somebody_waits(office: Office) -> bool:
    """For a lock that another session has."""
    waiting = await office.value(
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted"
    )
    return bool(waiting)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(11)), cuts=st.sets(st.integers(1, 10)))
async def test_any_order_of_facts_and_requests_ends_in_the_same_assessments(
    office: Office, order: list[int], cuts: set[int]
) -> None:
    await office.forget_everything(METADATA)
    await office.hear(person("BJN-1"), request("B-1"))
    await approved(office)
    events = [
        *known()[1:3],
        *known()[4:],
        pair("BJN-1", "BJN-2", version=1),
        pair("BJN-1", "BJN-2", version=2, decision="same"),
        far(1),
        far(2, "same"),
        far(3),
        far(4, "same"),
        person("BJN-2", version=2),
    ]
    deliveries = [events[place] for place in order]
    bounds = [0, *sorted(cuts), len(deliveries)]
    for start, end in pairwise(bounds):
        await office.hear(*deliveries[start:end])
    await office.drain()
    assert [await office.failed(number) for number in (GRANT, SECOND, THIRD)] == [
        [],
        ["already_aided"],
        ["already_aided"],
    ]
