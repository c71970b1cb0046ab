"""Components die, freeze and lose their memory under services at work; afterwards every rupiah is accounted for."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random

import httpx
import pytest
from redis.asyncio import Redis

from deploy.stack.components import Handle
from shared.database import run
from shared.events.envelope import Record
from shared.security import Role
from shared.settings import Settings
from tests.helpers import stuck_in_copy
from tests.scenarios.books import DISTRICTS, MONTHS, Books, Total, as_batch, parts, seed
from tests.scenarios.history import Call, History, Outcome, call, set_budgets
from tests.scenarios.processes import Service, eventually
from tests.scenarios.world import World, income

IDLE = "idle_in_transaction_session_timeout"
OFFICERS = ("3501", "3502")
"""The districts whose budgets are set while something is broken."""


@pytest.fixture
def random() -> Random:
    return Random(seed())


@pytest.fixture
def books(random: Random) -> Books:
    return Books(random)


@asynccontextmanager
async def officers(world: World, grants: Service, history: History, random: Random) -> AsyncIterator[None]:
    """Budgets are set all the time inside the block."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for code in OFFICERS:
            load = set_budgets(
                history,
                grants.http,
                district=code,
                headers=world.signed(Role.admin),
                random=random,
                stopping=stopping,
            )
            tasks.create_task(load)
        try:
            yield
        finally:
            stopping.set()


async def calls_made(history: History, more: int, *, within: float = 30) -> None:
    """Wait until so many calls more have come to an end."""
    goal = len(history.calls) + more

    async def made() -> None:
        assert len(history.calls) >= goal

    await eventually(made, within=within)


async def post(world: World, reporting: Service, records: Sequence[Record], history: History, what: str) -> Call:
    """A district without a Kafka client sends its reports by the door. All records are of one district."""
    code = records[0].topic.rpartition(".")[2]
    body, kind = as_batch(records)
    headers = {**kind, **world.signed(Role.district_system, code)}
    return await call(history, reporting.http, "POST", "/v1/events", what, headers=headers, body=body)


async def post_until_taken(
    world: World, reporting: Service, records: Sequence[Record], history: History, what: str
) -> None:
    """As a district does it: the same events again until they are taken."""

    async def taken() -> None:
        made = await post(world, reporting, records, history, what)
        assert made.outcome is Outcome.ok, made

    await eventually(taken, within=90)


async def budgets_agree(world: World, reporting: Service, history: History) -> None:
    """Each call that was answered is one fact, told in the order of versions, and the dashboard shows the last."""
    await world.relayed("grants")
    facts: dict[str, dict[str, object]] = {}
    for record in world.facts("grants"):
        facts.setdefault(dict(record.headers)["ce_id"].decode(), json.loads(record.value or b""))
    history.check(f"{fact['district']}/{fact['amount']}" for fact in facts.values())
    last: dict[object, int] = {}
    for code in OFFICERS:
        told = [fact for fact in facts.values() if fact["district"] == code]
        assert [fact["version"] for fact in told] == list(range(1, len(told) + 1)), "versions rise by one, in order"
        last[code] = int(str(told[-1]["amount"]))

    async def shown() -> None:
        districts = (await world.dashboard(reporting, "2026-10"))["districts"]
        assert {code: districts[code]["rupiah"]["budget"] for code in OFFICERS} == last
        assert await world.number("reporting", "SELECT count(*) FROM inbox WHERE source = '/service/grants'") == len(
            facts
        )

    await eventually(shown, within=60)
    assert await world.number("reporting", "SELECT count(*) FROM quarantine") == 0


@asynccontextmanager
async def away(component: Handle, fault: str) -> AsyncIterator[None]:
    """Dead, or standing still, inside the block."""
    if fault == "killed":
        component.kill()
    else:
        component.freeze()
    yield
    if fault == "killed":
        await asyncio.to_thread(component.start)
    else:
        component.thaw()


@pytest.mark.parametrize(("fault", "seconds"), [("killed", 1), ("frozen", 16)])
async def test_kafka_is_away_while_officers_and_districts_go_on(
    world: World, books: Books, random: Random, fault: str, seconds: float
) -> None:
    grants, reporting = await world.started("grants"), await world.started("reporting")
    history, doors = History(), History()
    async with officers(world, grants, history, random):
        world.topics.send(books.reports(200))
        await calls_made(history, 20)
        async with away(world.kafka, fault):
            began = time.monotonic()
            by_door = books.reports(20, districts=("3503",))
            taken = asyncio.ensure_future(post_until_taken(world, reporting, by_door, doors, "all 20"))
            await asyncio.gather(grants.is_("degraded"), reporting.is_("degraded"))
            await knows_that_it_does_not_know(world, reporting)
            await calls_made(history, 20)
            await asyncio.sleep(began + seconds - time.monotonic())
        world.topics.send(books.reports(200))
        await taken
        await calls_made(history, 10)

    assert {made.outcome for made in history.calls} == {Outcome.ok}, "what can be stored is answered"
    await budgets_agree(world, reporting, history)
    await world.shows(reporting, books)
    await world.counted(books, deliveries=None)  # what was posted without an answer was posted again
    if fault == "killed":
        await asyncio.gather(grants.is_("ready"), reporting.is_("ready"))


async def knows_that_it_does_not_know(world: World, reporting: Service) -> None:
    """The dashboard is shown, with a growing age: nobody can say that there is nothing new."""

    async def aged() -> None:
        assert (await world.dashboard(reporting))["lag"]["seconds"] > 5
        assert await reporting.metric("seconds_behind") > 5

    await eventually(aged)


@pytest.mark.parametrize("fault", ["killed", "frozen"])
async def test_a_service_stops_in_time_while_all_it_needs_is_away(world: World, fault: str) -> None:
    reporting = await world.started("reporting")
    async with away(world.kafka, fault), away(world.redis, fault), away(world.postgres, fault):
        await reporting.is_("unavailable")
        assert await reporting.stop(within=20) == 0  # so long the supervisor waits before it kills


async def test_postgres_is_frozen_under_load_and_everything_goes_on(world: World, books: Books, random: Random) -> None:
    grants = await world.started("grants")
    reporting = await world.started("reporting", batch=100)
    history = History()
    async with officers(world, grants, history, random):
        world.topics.send(books.reports(300))
        await calls_made(history, 10)
        async with away(world.postgres, "frozen"):
            began = time.monotonic()
            await asyncio.gather(grants.is_("unavailable"), reporting.is_("unavailable"))
            world.topics.send(books.reports(300))
            await asyncio.sleep(began + 8 - time.monotonic())
        await calls_made(history, 10)
    await world.shows(reporting, books)
    await world.counted(books)
    await budgets_agree(world, reporting, history)


async def test_calls_that_meet_a_frozen_postgres_are_answered_in_time_and_an_open_stream_goes_on(
    world: World, books: Books
) -> None:
    grants, reporting = await world.started("grants"), await world.started("reporting")
    world.topics.send(books.reports(50))
    await world.shows(reporting, books)
    viewer = world.signed(Role.viewer)
    async with reporting.http.stream("GET", "/v1/dashboard/stream", headers=viewer, timeout=60) as stream:
        versions = (int(line.removeprefix("data: ")) async for line in stream.aiter_lines() if line.startswith("data:"))
        seen = await anext(versions)
        async with away(world.postgres, "frozen"):
            began = time.monotonic()
            await refuses_for_now(world, grants, reporting)
            assert time.monotonic() - began < 12
        world.topics.send(books.reports(40))  # so many that some are of the newest month: others raise no version
        await world.shows(reporting, books)
        async with asyncio.timeout(60):
            assert await anext(versions) > seen
    await world.counted(books)


async def test_postgres_crashes_under_load_and_nothing_is_quarantined(
    world: World, books: Books, random: Random
) -> None:
    grants = await world.started("grants")
    reporting = await world.started("reporting", batch=100)
    history, doors = History(), History()

    async def reports() -> None:
        for part in parts(books.reports(2000), 50):
            await asyncio.to_thread(world.topics.send, part)
            await asyncio.sleep(0.1)

    async with officers(world, grants, history, random):
        load = asyncio.ensure_future(reports())
        for _ in range(3):
            await calls_made(history, random.randrange(5, 15))
            await world.administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> 'postgres'")
        await calls_made(history, 10)
        os.kill(world.postgres.pid, signal.SIGQUIT)  # as `pg_ctl stop -m immediate`: no checkpoint, no farewell
        await asyncio.to_thread(world.postgres.ended, 20)
        await asyncio.gather(grants.is_("unavailable"), reporting.is_("unavailable"))
        assert (await reporting.http.get("/health/ready")).status_code == httpx.codes.SERVICE_UNAVAILABLE
        await refuses_for_now(world, grants, reporting)
        through = await post(world, reporting, books.reports(20, districts=("3504",)), doors, "while away")
        assert through.outcome is Outcome.ok, "the door needs only the log"
        await asyncio.to_thread(world.postgres.start)
        await load
        await calls_made(history, 20)

    assert history.count(Outcome.ok) > 30
    await world.shows(reporting, books)
    await world.counted(books)
    await budgets_agree(world, reporting, history)
    await asyncio.gather(grants.is_("ready"), reporting.is_("ready"))


async def refuses_for_now(world: World, grants: Service, reporting: Service) -> None:
    """What needs the database is answered with 503, and with when to come again."""
    officer = {**world.signed(Role.admin), "Idempotency-Key": "while-away"}
    answers = await asyncio.gather(
        grants.http.put("/v1/budgets/2027/3509", json={"amount": 1}, headers=officer),
        grants.http.get("/v1/budgets/2026", headers=world.signed(Role.admin)),
        reporting.http.get("/v1/receipts/any", headers=world.signed(Role.district_system, "3501")),
        reporting.http.get("/v1/dashboard?month=2020-01", headers=world.signed(Role.viewer)),
    )
    for answer in answers:
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["code"] == "unavailable"


async def test_redis_is_flushed_killed_and_restarted_empty_and_the_numbers_stay_right(
    world: World, books: Books
) -> None:
    web = await world.started("reporting", role="web")
    await world.started("reporting", role="worker")
    world.topics.send(books.reports(300))
    await world.shows(web, books)
    true = [books.total("2026-10")]
    seen: list[tuple[int, Total]] = []
    stopping = asyncio.Event()

    async def look() -> None:
        while not stopping.is_set():
            shown = await world.dashboard(web)
            seen.append((shown["version"], income(shown["province"])))
            await asyncio.sleep(0.05)

    async def more() -> None:
        world.topics.send(books.reports(1))
        true.append(books.total("2026-10"))
        await world.shows(web, books)

    looking = asyncio.ensure_future(look())
    async with Redis.from_url(world.redis.address) as redis:
        await redis.flushall()
        await snapshot_in(world, redis, books)
    await more()
    world.redis.kill()
    await more()
    await more()
    await asyncio.to_thread(world.redis.start)
    async with Redis.from_url(world.redis.address) as redis:
        await snapshot_in(world, redis, books)
    await more()
    stopping.set()
    await looking
    assert {total for _, total in seen} <= set(true), "every answer was a truth"
    assert seen == sorted(seen, key=lambda found: (found[0], true.index(found[1]))), (
        "and none was followed by an older one"
    )
    await world.counted(books)


async def snapshot_in(world: World, redis: Redis, books: Books) -> None:
    """The worker comes to put the newest snapshot into Redis."""

    async def there() -> None:
        packed = await redis.hget("berdaya:dashboard", "snapshot")
        assert packed is not None
        assert income(json.loads(packed)["province"]) == books.total("2026-10")

    await eventually(there)


async def test_a_whole_topic_delivered_three_times_changes_nothing(world: World, books: Books) -> None:
    records = books.reports(500)
    world.topics.send(records)
    reporting = await world.started("reporting", batch=200)
    await world.shows(reporting, books)
    once = await settled_months(world, reporting)

    world.topics.send(records)
    world.topics.send(records)

    async def delivered() -> None:
        assert set((await world.applied()).values()) == {3}

    await eventually(delivered, within=60)
    await world.shows(reporting, books)
    assert await settled_months(world, reporting) == once
    await world.counted(books, deliveries=3)


async def settled_months(world: World, reporting: Service) -> list[tuple[object, object]]:
    """All numbers of every month but the newest, whose snapshot comes a little later, with the growth classes done."""

    async def classified() -> None:
        assert await world.number("reporting", "SELECT count(*) FROM growth_due") == 0

    await eventually(classified)
    shown = [await world.dashboard(reporting, month) for month in MONTHS[:-1]]
    return [(month["province"], month["districts"]) for month in shown]


async def test_sigterm_under_full_load_ends_with_0_in_time_and_nothing_is_lost(
    world: World, books: Books, random: Random
) -> None:
    grants = await world.started("grants")
    reporting = await world.started("reporting", batch=50)
    history, doors = History(), History()
    unsent = books.reports(3000, districts=DISTRICTS[:3])
    by_door = list(parts(books.reports(400, districts=("3504",)), 10))

    async def reports() -> None:
        for part in parts(unsent, 100):
            await asyncio.to_thread(world.topics.send, part)

    async def door() -> None:
        for number, part in enumerate(by_door):
            await post(world, reporting, part, doors, str(number))

    async def page() -> None:
        with suppress(httpx.TransportError):
            async with reporting.http.stream("GET", "/v1/dashboard/stream", headers=world.signed(Role.viewer)) as open_:
                async for _ in open_.aiter_lines():
                    pass

    async def some() -> None:
        assert len(await world.applied()) > 300

    async with officers(world, grants, history, random):
        loads = asyncio.gather(reports(), door(), page())
        await eventually(some)
        codes = await asyncio.gather(reporting.stop(within=10), grants.stop(within=10))
        await loads
    assert list(codes) == [0, 0]
    assert len(await world.applied()) < len(books.sent), "it was stopped in the middle"

    await asyncio.gather(reporting.start(), grants.start())
    await world.drained("reporting")
    applied = await world.applied()
    doors.check(str(number) for number, part in enumerate(by_door) if all(event_id(one) in applied for one in part))
    for number, part in enumerate(by_door):
        if doors.final()[str(number)] is not Outcome.ok:
            await post_until_taken(world, reporting, part, doors, str(number))
    await world.shows(reporting, books)
    await world.counted(books, deliveries=None)
    await budgets_agree(world, reporting, history)


async def test_group_offsets_deleted_in_kafka_while_stopped_nothing_is_counted_twice(
    world: World, books: Books
) -> None:
    world.topics.send(books.reports(200))
    reporting = await world.started("reporting")
    await world.shows(reporting, books)
    assert await reporting.stop() == 0
    assert world.topics.bookmarks("reporting")

    world.topics.forget("reporting")
    assert not world.topics.bookmarks("reporting")
    world.topics.send(books.reports(50))
    await reporting.start()

    await world.shows(reporting, books)
    await world.counted(books)
    assert await reporting.metric("events_dropped_total") == 0, "not even read again"


async def test_two_workers_share_the_partitions_one_is_killed_one_frozen_and_woken(
    world: World, books: Books, random: Random
) -> None:
    web = await world.started("reporting", role="web")
    first, second = await asyncio.gather(
        world.started("reporting", role="worker", batch=20), world.started("reporting", role="worker", batch=20)
    )
    stopping = asyncio.Event()

    async def reports() -> None:
        while not stopping.is_set():
            await asyncio.to_thread(world.topics.send, books.reports(20))
            await asyncio.sleep(0.1)

    async def both_work() -> None:
        assert await first.metric("events_applied_total") > 0
        assert await second.metric("events_applied_total") > 0

    async def goes_on(worker: Service, more: int) -> None:
        before = await worker.metric("events_applied_total")

        async def applied() -> None:
            assert await worker.metric("events_applied_total") >= before + more

        await eventually(applied)

    load = asyncio.ensure_future(reports())
    await eventually(both_work)
    first.freeze()
    await all_partitions_move_on(world)
    first.wake()
    await goes_on(first, 100)
    second.kill()
    await all_partitions_move_on(world)
    await goes_on(first, 100)
    stopping.set()
    await load
    await world.shows(web, books)
    await world.counted(books)


def event_id(record: Record) -> str:
    return dict(record.headers)["ce_id"].decode()


async def test_a_frozen_worker_keeps_its_rows_no_longer_than_kafka_waits_for_it(world: World) -> None:
    database = await world.database("reporting")
    async with database.reading() as session:
        kept = await run(session, "SELECT extract(epoch FROM CAST(current_setting(:name) AS interval))", name=IDLE)
    await database.close()
    assert 0 < kept.scalar_one() <= Settings(service="reporting").session_timeout


async def test_a_worker_that_froze_while_it_copied_rows_keeps_its_districts_for_some_seconds_only(
    world: World, books: Books
) -> None:
    worker = await world.started("reporting", role="worker")
    async with stuck_in_copy(await world.connect("reporting"), *DISTRICTS):
        world.topics.send(books.reports(20))

        async def applied() -> None:
            assert await worker.metric("events_applied_total") >= 20

        await eventually(applied, within=60)
    await world.counted(books)


async def all_partitions_move_on(world: World) -> None:
    """Whoever reads them now, every district's reports are applied again."""

    async def offsets() -> dict[str, int]:
        found = await world.rows(
            "reporting", "SELECT topic, next_offset FROM log_offset WHERE topic = ANY($1)", intake_topics()
        )
        return {row["topic"]: row["next_offset"] for row in found}

    before = await offsets()

    async def moved() -> None:
        now = await offsets()
        assert all(now[topic] > before[topic] + 20 for topic in intake_topics()), (before, now)

    await eventually(moved, within=60)


def intake_topics() -> list[str]:
    return [f"intake.reporting.{code}" for code in DISTRICTS]
