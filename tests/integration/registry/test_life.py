"""The life of a person, as officials read it, and the warnings on the way: the same in any order of arrival."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError

from shared.database import run
from shared.events.district import Status
from shared.events.envelope import Record
from shared.security import Role
from tests.conflicts import CONFLICT, Told, batches, in_force, tellings, wrong_receipts
from tests.helpers import again
from tests.integration.registry.office import BOJONEGORO, SITI, SITI_ID, SURABAYA, Office, at, event

UNUSUAL = "unusual_transition"


def said(revision: int, status: Status, event_id: str, minute: int = 0) -> Record:
    return event(replace(SITI, revision=revision, status=status), event_id, minute=minute)


async def history(office: Office) -> list[dict[str, Any]]:
    answer = await office.get(f"/v1/beneficiaries/{SITI_ID}", Role.auditor)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["history"]
    return found


async def steps(office: Office) -> list[tuple[str | None, str, int, bool]]:
    return [(step["from"], step["to"], step["revision"], step["unusual"]) for step in await history(office)]


async def test_officials_read_each_change_with_its_day_and_its_event(office: Office) -> None:
    await office.receive(said(1, Status.client, "e1"), said(2, Status.ex_client, "e2", 5))
    assert await history(office) == [
        {
            "from": None,
            "to": "client",
            "on": "2026-04-07T12:00:00Z",
            "revision": 1,
            "event_id": "e1",
            "source": "/district/3522/test",
            "unusual": False,
        },
        {
            "from": "client",
            "to": "ex_client",
            "on": "2026-04-07T12:05:00Z",
            "revision": 2,
            "event_id": "e2",
            "source": "/district/3522/test",
            "unusual": False,
        },
    ]


async def test_a_foreign_district_reads_no_history(office: Office) -> None:
    await office.receive(said(1, Status.client, "e1"))
    answer = await office.get(f"/v1/beneficiaries/{SITI_ID}", Role.district_officer, SURABAYA)
    assert answer.status_code == 404


async def test_what_comes_late_takes_its_place_in_the_history_and_changes_nothing_else(office: Office) -> None:
    await office.receive(said(3, Status.graduated, "e3", 3))
    await office.receive(said(1, Status.client, "e1", 1))
    assert await steps(office) == [(None, "client", 1, False), ("client", "graduated", 3, True)]
    await office.receive(said(2, Status.ex_client, "e2", 2))
    assert await steps(office) == [
        (None, "client", 1, False),
        ("client", "ex_client", 2, False),
        ("ex_client", "graduated", 3, False),
    ]
    assert (await office.person()).record.status is Status.graduated
    assert [(await office.verdict(name))[:2] for name in ("e1", "e2")] == [("superseded", "older_revision")] * 2


async def test_who_returns_from_the_dead_is_believed_and_warned_of(office: Office) -> None:
    await office.receive(said(1, Status.deceased, "e1"))
    await office.receive(said(2, Status.client, "e2", 1))
    assert await office.verdict("e2") == ("accepted", "accepted", [UNUSUAL])
    assert (await office.person()).record.status is Status.client


async def test_a_late_revision_warns_what_was_accepted_and_another_takes_the_warning_back(office: Office) -> None:
    await office.receive(said(3, Status.graduated, "e3", 3))
    assert await office.verdict("e3") == ("accepted", "accepted", [])
    await office.receive(said(1, Status.client, "e1", 1))
    assert await office.verdict("e3") == ("accepted", "accepted", [UNUSUAL])
    await office.receive(said(2, Status.ex_client, "e2", 2))
    assert await office.verdict("e3") == ("accepted", "accepted", [])


async def test_what_says_the_same_is_warned_alike_and_what_lost_a_conflict_is_not(office: Office) -> None:
    await office.receive(said(1, Status.deceased, "e1"))
    await office.receive(said(2, Status.client, "e2", 1), said(2, Status.client, "e3", 2))
    assert [(await office.verdict(name))[2] for name in ("e2", "e3")] == [[UNUSUAL]] * 2
    await office.receive(said(2, Status.deceased, "e4", 3))
    assert [(await office.verdict(name))[2] for name in ("e2", "e3", "e4")] == [[CONFLICT]] * 3


async def test_a_standing_needs_its_person_and_a_status_that_there_is(office: Office) -> None:
    await office.receive(said(1, Status.client, "e1"), said(2, Status.ex_client, "e2", 1))
    for mistake in ("UPDATE standing SET status = 'lost'", "UPDATE standing SET revision = 0", "DELETE FROM person"):
        with pytest.raises(IntegrityError):
            async with office.node.database.transaction() as session:
                await run(session, mistake)


STATUSES = (Status.client, Status.graduated, Status.deceased)
"""What the contents 1, 2 and 3 of `tests.conflicts` say. Only client to graduated, and what leaves deceased, is not
usual among these."""
ODD = {(1, 2), (3, 1), (3, 2)}


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Told], list[list[Told]]]:
    """As `arrivals`, of up to four revisions."""
    told = draw(tellings)
    told = [each._replace(revision=draw(st.integers(1, 4))) for each in told]
    repeated = draw(st.lists(st.sampled_from(told), max_size=2))
    return told, draw(batches([*told, *repeated]))


@given(arriving=lives())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_ends_in_the_same_history_and_the_same_warnings(
    office: Office, arriving: tuple[list[Told], list[list[Told]]]
) -> None:
    told, batched = arriving
    await office.forget_everything()
    for batch in batched:
        await office.receive(*(again(_recorded(each)) for each in batch))
    winners = [in_force(each for each in told if each.revision == revision) for revision in _revisions(told)]
    changes = [
        (before, now)
        for before, now in zip([None, *winners], winners, strict=False)
        if before is None or before.content != now.content
    ]
    assert [
        (step["from"], step["to"], step["revision"], step["event_id"], step["source"], _moment(step), step["unusual"])
        for step in await history(office)
    ] == [
        (
            before and STATUSES[before.content - 1],
            STATUSES[now.content - 1],
            now.revision,
            *now.key,
            at(now.minute),
            _odd(before, now),
        )
        for before, now in changes
    ]
    odd = {(now.revision, now.content) for before, now in changes if _odd(before, now)}
    receipts = await office.receipts()
    warned = {key for key, (_, _, warnings) in receipts.items() if UNUSUAL in warnings}
    assert warned == {each.key for each in told if (each.revision, each.content) in odd}
    plain = {key: (verdict, reason, warnings - {UNUSUAL}) for key, (verdict, reason, warnings) in receipts.items()}
    assert wrong_receipts(told, plain) == []


def _revisions(told: Sequence[Told]) -> list[int]:
    return sorted({each.revision for each in told})


def _odd(before: Told | None, now: Told) -> bool:
    return before is not None and (before.content, now.content) in ODD


def _moment(step: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(step["on"]).astimezone(UTC)


def _recorded(told: Told) -> Record:
    data = replace(SITI, revision=told.revision, status=STATUSES[told.content - 1])
    return event(data, told.event_id, minute=told.minute, district=BOJONEGORO, source=told.source)
