"""The crash table of ARCHITECTURE.md, row by row: processes die there by SIGKILL, and start again on what was left."""

import json
from random import Random
from typing import Any

import httpx
import pytest

from shared.events.envelope import Record
from shared.security import Role
from tests.scenarios.books import Books, seed
from tests.scenarios.processes import Service, eventually
from tests.scenarios.world import World

BUDGET = "/v1/budgets/2026/3501"
AMOUNT = 750_000_000
REPORTS = 60
MONTH = "2026-10"


@pytest.fixture
def books() -> Books:
    return Books(Random(seed()))


async def set_budget(world: World, grants: Service, *, key: str = "a-key", amount: int = AMOUNT) -> httpx.Response:
    headers = {**world.signed(Role.admin), "Idempotency-Key": key}
    return await grants.http.put(BUDGET, json={"amount": amount}, headers=headers)


async def set_budget_unanswered(world: World, grants: Service) -> None:
    with pytest.raises(httpx.TransportError):
        await set_budget(world, grants)


async def budgets(world: World) -> list[tuple[int, int]]:
    """(amount, version) of every budget that grants holds."""
    found = await world.rows("grants", "SELECT amount, version FROM budgets")
    return [(row["amount"], row["version"]) for row in found]


def told(facts: list[Record]) -> list[tuple[int, int]]:
    """(amount, version) of each budget-set fact, in the order of the topic."""
    data: list[dict[str, Any]] = [json.loads(fact.value or b"") for fact in facts]
    return [(fact["amount"], fact["version"]) for fact in data]


async def bookmarked(world: World) -> int:
    """How many of this test's reports of district 3501 Kafka believes to be applied."""
    place = ("intake.reporting.3501", 0)
    return world.topics.bookmarks("reporting").get(place, 0) - world.start_of[place]


async def applied_offset(world: World) -> int:
    """How many of this test's reports of district 3501 the database says are applied."""
    place = ("intake.reporting.3501", 0)
    found = await world.number(
        "reporting", "SELECT next_offset FROM log_offset WHERE topic = $1 AND partition = $2", *place
    )
    return found - world.start_of[place]


async def test_row_saved_before_commit_a_call_left_nothing_and_its_retry_has_one_effect(world: World) -> None:
    grants = await world.service("grants")
    await grants.start(dies_at="row saved")
    await grants.serving()
    await set_budget_unanswered(world, grants)
    await grants.died()
    assert await budgets(world) == []
    assert await world.number("grants", "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM reply)") == 0

    await grants.start()
    first = await set_budget(world, grants)
    again = await set_budget(world, grants)

    assert first.status_code == httpx.codes.OK
    assert first.json()["amount"] == AMOUNT
    assert again.content == first.content
    assert await budgets(world) == [(AMOUNT, 1)]
    await world.relayed("grants")
    assert told(world.facts("grants")) == [(AMOUNT, 1)]


@pytest.mark.parametrize("place", ["row saved", "applied"])
async def test_applied_before_commit_nothing_is_applied_and_the_batch_is_read_again(
    world: World, books: Books, place: Any
) -> None:
    world.topics.send(books.reports(REPORTS, districts=("3501",)))
    reporting = await world.service("reporting")
    await reporting.start(dies_at=place)
    await reporting.died()
    assert await world.applied() == {}
    assert await world.number("reporting", "SELECT count(*) FROM report") == 0
    assert await applied_offset(world) == 0

    await reporting.start()

    await world.shows(reporting, books)
    await world.counted(books)


async def test_commit_before_relay_the_fact_waits_in_the_outbox_and_is_sent(world: World) -> None:
    web = await world.started("grants", role="web")  # it has no relay
    assert (await set_budget(world, web)).status_code == httpx.codes.OK
    web.kill()
    assert await world.number("grants", "SELECT count(*) FROM outbox WHERE published_at IS NULL") == 1
    assert world.facts("grants") == []

    await world.started("grants")

    await world.relayed("grants")
    assert told(world.facts("grants")) == [(AMOUNT, 1)]


async def test_sent_not_marked_sent_the_fact_lies_in_the_topic_twice_and_is_counted_once(world: World) -> None:
    web = await world.started("grants", role="web")
    assert (await set_budget(world, web)).status_code == httpx.codes.OK
    worker = await world.service("grants", role="worker")
    await worker.start(dies_at="sent")
    await worker.died()
    assert told(world.facts("grants")) == [(AMOUNT, 1)]
    assert await world.number("grants", "SELECT count(*) FROM outbox WHERE published_at IS NULL") == 1

    await worker.start()
    await world.relayed("grants")
    facts = world.facts("grants")
    assert told(facts) == [(AMOUNT, 1), (AMOUNT, 1)]
    assert facts[0].headers == facts[1].headers, "the same fact has the same id"

    reporting = await world.started("reporting")

    async def counted() -> None:
        found = await world.rows("reporting", "SELECT deliveries FROM inbox WHERE source = '/service/grants'")
        assert [row["deliveries"] for row in found] == [2]
        rupiah = (await world.dashboard(reporting, MONTH))["districts"]["3501"]["rupiah"]
        assert (rupiah["budget"], rupiah["remaining"]) == (AMOUNT, AMOUNT)

    await eventually(counted)


async def test_committed_before_bookmark_the_offsets_in_the_database_win(world: World, books: Books) -> None:
    before = await bookmarked(world)
    world.topics.send(books.reports(REPORTS, districts=("3501",)))
    reporting = await world.service("reporting")
    await reporting.start(dies_at="committed")
    await reporting.died()
    assert await applied_offset(world) == REPORTS
    assert await bookmarked(world) == before, "the bookmark in Kafka is old"

    await reporting.start()
    world.topics.send(books.reports(5, districts=("3501",)))

    await world.shows(reporting, books)
    await world.counted(books)

    async def caught_up() -> None:
        assert await bookmarked(world) == REPORTS + 5

    await eventually(caught_up)


async def test_bookmarked_before_announce_the_open_page_is_told_after_the_restart(world: World, books: Books) -> None:
    web = await world.started("reporting", role="web")
    worker = await world.started("reporting", role="worker")
    headers = world.signed(Role.viewer)
    async with web.http.stream("GET", "/v1/dashboard/stream", headers=headers) as page:
        versions = (line.removeprefix("data: ") async for line in page.aiter_lines() if line.startswith("data: "))
        empty = int(await anext(versions))
        worker.kill()
        world.topics.send(books.reports(REPORTS, districts=("3501",)))
        await worker.start(dies_at="bookmarked")
        await worker.died()
        assert await applied_offset(world) == REPORTS
        assert await bookmarked(world) == REPORTS
        before = await world.dashboard(web)
        assert before["version"] == empty, "the page was not told"

        await worker.start()

        assert int(await anext(versions)) > empty
        await world.shows(web, books)
    assert (await world.dashboard(web))["month"] == max(report.month for _, report in books.sent.values())
    await world.counted(books)


async def test_frozen_past_the_session_timeout_then_woken_its_write_is_refused_by_the_offset_row(
    world: World, books: Books
) -> None:
    world.topics.send(books.reports(REPORTS, districts=("3501",)))
    zombie = await world.service("reporting")
    await zombie.start(freezes_at="read")
    await zombie.frozen()  # with a batch in its hands
    heir = await world.started("reporting")
    await world.shows(heir, books)
    world.topics.send(books.reports(5, districts=("3501",)))
    await world.shows(heir, books)

    zombie.wake()

    async def refused() -> None:
        assert await zombie.metric("events_dropped_total") >= REPORTS

    await eventually(refused)
    world.topics.send(books.reports(REPORTS))
    await world.shows(heir, books)
    await world.counted(books)


async def test_frozen_in_its_transaction_it_holds_the_offset_row_and_its_heir_drops_what_it_applied(
    world: World, books: Books
) -> None:
    world.topics.send(books.reports(REPORTS, districts=("3501",)))
    zombie = await world.service("reporting")
    await zombie.start(freezes_at="applied")
    await zombie.frozen()  # nothing is committed, and the offset row is locked
    heir = await world.started("reporting")

    async def waits_for_the_row() -> None:
        blocked = await world.administer(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%log_offset%'"
        )
        assert blocked, "the heir has not taken over yet"

    await eventually(waits_for_the_row)
    assert await world.applied() == {}
    zombie.wake()

    await world.shows(heir, books)

    async def dropped() -> None:
        assert await heir.metric("events_dropped_total") >= REPORTS

    await eventually(dropped)
    world.topics.send(books.reports(REPORTS))
    await world.shows(heir, books)
    await world.counted(books)


async def test_killed_after_commit_before_the_reply_the_retry_gets_the_stored_reply(world: World) -> None:
    grants = await world.service("grants")
    await grants.start(dies_at="replied nothing")
    await grants.serving()
    await set_budget_unanswered(world, grants)
    await grants.died()
    assert await budgets(world) == [(AMOUNT, 1)]
    stored = (await world.rows("grants", "SELECT body FROM reply"))[0]["body"]

    await grants.start()
    reply = await set_budget(world, grants)

    assert reply.status_code == httpx.codes.OK
    assert reply.text == stored
    assert reply.json()["amount"] == AMOUNT
    assert await budgets(world) == [(AMOUNT, 1)]
    await world.relayed("grants")
    assert told(world.facts("grants")) == [(AMOUNT, 1)]
