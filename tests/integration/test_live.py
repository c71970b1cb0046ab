"""The newest snapshot in every web process, over a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from deploy.stack.components import Handle, StackError, start_redis
from services.reporting.announcer import Announcer
from services.reporting.dashboard import Lag, Snapshot
from services.reporting.live import InProcess, Live, OverRedis, combine
from services.reporting.tables import METADATA
from shared.consumer import Together
from shared.database import Database, now, run
from tests.conftest import absent
from tests.integration.conftest import Templates
from tests.integration.snapshots import BOJONEGORO, MOMENT, snapshot, until

SECOND = timedelta(seconds=1)
LAG = Lag(MOMENT, 0, 0.0)


async def until_async(holds: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await holds():
        assert loop.time() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.02)


class Web:
    """The listening half of a web process: faults are kept, waited out and tried again, as the runtime does it."""

    def __init__(self, url: str) -> None:
        self.live = OverRedis(url)
        self.faults: list[OSError] = []
        self.stopping = asyncio.Event()

    def version(self) -> int | None:
        current = self.live.current()
        return current.version if current else None

    async def run(self) -> None:
        while not self.stopping.is_set():
            try:
                await self.live.listen(self.stopping)
            except OSError as error:
                self.faults.append(error)
                await asyncio.sleep(0.1)


class Place:
    """One Redis, with as many workers and web processes as a test wants."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self._stack = stack

    def worker(self) -> OverRedis:
        live = OverRedis(self.url)
        self._stack.push_async_callback(live._redis.aclose)
        return live

    async def web(self) -> Web:
        web, listeners = Web(self.url), await self.listeners()
        self._stack.push_async_callback(web.live._redis.aclose)
        task = asyncio.create_task(web.run())

        async def stop() -> None:
            web.stopping.set()  # a client of Redis may take a cancellation for a lost connection
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        self._stack.push_async_callback(stop)
        await self.until_listeners(listeners + 1)
        return web

    async def listeners(self) -> int:
        async with Redis.from_url(self.url) as redis:
            return int((await redis.pubsub_numsub("berdaya:dashboard:version"))[0][1])

    async def until_listeners(self, many: int) -> None:
        async def there() -> bool:
            return await self.listeners() >= many

        await until_async(there, 15, f"{many} web processes listen")

    async def until_workers(self, many: int) -> None:
        """So many have said how far they are."""

        async def there() -> bool:
            async with Redis.from_url(self.url) as redis:
                return int(await redis.hlen("berdaya:workers")) >= many

        await until_async(there, 10, f"{many} workers have reported")

    async def empty(self) -> None:
        async with Redis.from_url(self.url) as redis:
            await redis.flushdb()

    async def held(self) -> int | None:
        async with Redis.from_url(self.url) as redis:
            found = await redis.hget("berdaya:dashboard", "version")
        return int(found) if found is not None else None


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Place]:
    """A database of the shared Redis that no other test uses."""
    async with AsyncExitStack() as stack:
        found = Place(f"{redis_url.rpartition('/')[0]}/9", stack)
        await found.empty()
        yield found


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Handle]:
    """A Redis to be killed."""
    try:
        handle = start_redis(tmp_path)
    except StackError as error:
        absent("redis", str(error))
        raise
    with handle:
        yield handle


# Versions


async def test_a_version_published_by_a_worker_reaches_every_web_process_within_a_second(place: Place) -> None:
    worker = place.worker()
    first, second = await place.web(), await place.web()
    assert (first.version(), second.version()) == (None, None)
    for version in (1, 2):
        await worker.publish(snapshot(version))
        await until(lambda v=version: first.version() == second.version() == v, 1, f"version {version} is everywhere")  # type: ignore[misc]
    assert worker.current() is None  # it does not listen, so it does not know whether this is the newest


async def test_a_web_process_that_comes_later_has_the_newest_too(place: Place) -> None:
    await place.worker().publish(snapshot(41))
    web = await place.web()
    await until(lambda: web.version() == 41, 1, "the version that was there before")


async def test_an_older_version_never_replaces_a_newer_one(place: Place) -> None:
    web = await place.web()
    await place.worker().publish(snapshot(10, "newer"))
    await until(lambda: web.version() == 10, 1, "version 10")
    await place.worker().publish(snapshot(9, "older"))
    assert not await place.worker().keep(snapshot(8, "older still"))
    assert await place.held() == 10
    late = await place.web()
    await until(lambda: late.version() == 10, 1, "version 10 in a process that came later")
    assert late.live.current() == web.live.current() == snapshot(10, "newer")


async def test_versions_are_compared_as_numbers(place: Place) -> None:
    await place.worker().publish(snapshot(99))
    await place.worker().publish(snapshot(100))
    await place.worker().publish(snapshot(20))
    assert await place.held() == 100


async def test_a_snapshot_is_the_same_to_the_byte_on_the_other_side(place: Place) -> None:
    sent = snapshot(3, "“Mesin jahit” \u0000 €")
    web = await place.web()
    await place.worker().publish(sent)
    await until(lambda: web.version() == 3, 1, "version 3")
    received = web.live.current()
    assert received == sent
    lag = Lag(MOMENT, 7, 1.25)
    for only in (None, BOJONEGORO):
        assert received.body(lag, only) == sent.body(lag, only)
    assert b'"as_of":"2026-11-24T07:00:00.123Z"' in received.body(lag, None)
    assert b'"3523":{"spaced" :  1.0}' in received.body(lag, None)


async def test_a_reader_is_told_the_present_version_and_then_each_newer_one(place: Place) -> None:
    worker = place.worker()
    await worker.publish(snapshot(5))
    web = await place.web()
    versions = web.live.versions()
    assert await asyncio.wait_for(anext(versions), 1) == 5
    following = asyncio.ensure_future(anext(versions))
    await worker.publish(snapshot(4))
    await worker.publish(snapshot(6))
    assert await asyncio.wait_for(following, 1) == 6


async def test_a_slow_reader_skips_versions_and_ends_with_the_newest() -> None:
    live = InProcess()
    versions = live.versions()
    await live.publish(snapshot(1))
    assert await anext(versions) == 1
    for version in range(2, 50):
        await live.publish(snapshot(version))
    assert await anext(versions) == 49
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(versions), 0.05)


# Redis flushed, killed, restarted empty


async def test_an_emptied_redis_is_never_read_as_zero_and_is_filled_again(place: Place) -> None:
    worker, web = place.worker(), await place.web()
    await worker.publish(snapshot(7))
    await until(lambda: web.version() == 7, 1, "version 7")
    async with Redis.from_url(place.url) as redis:
        await redis.flushdb()
    await until(lambda: web.live.current() is None, 2, "nothing is known any more")
    assert not web.faults
    assert await worker.keep(snapshot(7))
    await until(lambda: web.version() == 7, 2, "version 7 again")
    assert not await worker.keep(snapshot(7))


async def test_a_killed_redis_is_known_to_be_away_and_a_new_empty_one_is_filled_again(own_redis: Handle) -> None:
    async with AsyncExitStack() as stack:
        place = Place(own_redis.address, stack)
        worker, web = place.worker(), await place.web()
        await worker.report(Lag(now(), 3, 0.5))
        await worker.publish(snapshot(7))
        await until(lambda: web.version() == 7, 1, "version 7")
        last = await web.live.lag()

        own_redis.kill()
        await until(lambda: web.live.current() is None, 5.5, "what Redis last said is too old to be used")
        await until(lambda: web.faults, 15, "listening fails as a fault that is waited out")
        for call in (worker.publish(snapshot(8)), worker.keep(snapshot(8)), worker.report(Lag(now(), 0, 0.0))):
            with pytest.raises(OSError, match="Redis"):
                await call
        silent = await web.live.lag()
        assert last is not None
        assert silent is not None
        assert (silent.as_of, silent.events) == (last.as_of, 3)
        assert silent.seconds >= 5

        await asyncio.to_thread(own_redis.start)
        before = len(web.faults)
        await place.until_listeners(1)
        assert web.live.current() is None
        assert await worker.keep(snapshot(8))
        await until(lambda: web.version() == 8, 2, "the newest version")
        assert len(web.faults) <= before + 1


async def test_a_worker_that_fills_an_emptied_redis_does_so_with_what_the_database_says_now(
    place: Place, templates: Templates, tmp_path: Path
) -> None:
    database = Database(await templates.sqlite("reporting", METADATA, tmp_path / "reporting.db"))
    await _people(database, 1)
    async with _announcing(database, place.worker()) as left:
        await _until_held(place, 1)
        async with _announcing(database, place.worker()):  # of its own accord it will never see more than version 1
            await place.until_workers(2)
            await _people(database, 2)
            await left.announcer.announce()
            await _until_held(place, 2)
            await left.stop()
            await place.empty()
            await _until_held(place, 2)
    await database.close()


async def test_while_nobody_looks_a_dashboard_is_built_once_a_second_and_the_last_one_is_right(
    templates: Templates, tmp_path: Path
) -> None:
    database = Database(await templates.sqlite("reporting", METADATA, tmp_path / "reporting.db"))
    live = _Counting()
    async with _announcing(database, live, watched=lambda: False) as worker:
        began = asyncio.get_running_loop().time()
        for clients in range(1, 41):
            await _people(database, clients)
            await worker.announcer.announce()
            await asyncio.sleep(0.05)

        async def last() -> bool:
            current = live.current()
            return (
                current is not None and current.version == live.published and b'"client":40' in current.body(LAG, None)
            )

        await until_async(last, 8, "the last of forty changes is published")
        seconds = asyncio.get_running_loop().time() - began
    await database.close()
    assert 2 <= live.published <= seconds + 1


class _Counting(InProcess):
    published = 0

    async def publish(self, snapshot: Snapshot) -> None:
        self.published += 1
        await super().publish(snapshot)


async def _people(database: Database, clients: int) -> None:
    """The province has so many clients."""
    async with database.transaction() as session:
        await run(session, "DELETE FROM district_people")
        await run(
            session,
            "INSERT INTO district_people VALUES ('3522', :clients, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
            clients=clients,
        )


async def _until_held(place: Place, version: int) -> None:
    async def there() -> bool:
        return await place.held() == version

    await until_async(there, 8, f"Redis holds version {version}")


class _Worker:
    """The announcing half of a worker."""

    def __init__(self, database: Database, live: Live, watched: Callable[[], bool]) -> None:
        self.announcer = Announcer(database, live, Together, watched)
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self.announcer.run(self._stopping))

    async def stop(self) -> None:
        self._stopping.set()
        await asyncio.wait_for(self._task, 10)


@asynccontextmanager
async def _announcing(
    database: Database, live: Live, *, watched: Callable[[], bool] = lambda: True
) -> AsyncIterator[_Worker]:
    worker = _Worker(database, live, watched)
    try:
        yield worker
    finally:
        await worker.stop()


# Lag


def test_the_lag_of_several_workers_is_all_their_events_and_the_greatest_age() -> None:
    moment = now()
    reports = [Lag(moment - SECOND, 5, 2.0), Lag(moment, 10, 0.5), Lag(moment, 0, 0.0)]
    assert combine(reports) == Lag(moment - SECOND, 15, 2.0)


def test_a_worker_that_has_gone_silent_is_left_out_while_another_speaks() -> None:
    moment = now()
    assert combine([Lag(moment - 60 * SECOND, 900, 100.0), Lag(moment, 1, 0.1)]) == Lag(moment, 1, 0.1)


@pytest.mark.parametrize(
    "silent", [timedelta(seconds=10), timedelta(minutes=9), timedelta(minutes=11), timedelta(days=3)]
)
def test_when_all_are_silent_the_lag_is_the_age_of_the_last_word_however_old(silent: timedelta) -> None:
    last = now() - silent
    found = combine([Lag(last - 60 * SECOND, 900, 0.0), Lag(last, 4, 0.1)])
    assert found is not None
    assert (found.as_of, found.events) == (last, 4)
    assert found.seconds == pytest.approx(silent.total_seconds(), abs=2)


def test_of_workers_that_never_said_anything_nothing_is_known() -> None:
    assert combine([]) is None


async def test_web_processes_hear_the_lag_of_all_workers(place: Place) -> None:
    web = await place.web()
    moment = now()
    await place.worker().report(Lag(moment, 3, 0.5))
    await place.worker().report(Lag(moment, 4, 1.5))

    async def heard() -> bool:
        return await web.live.lag() == Lag(moment, 7, 1.5)

    await until_async(heard, 3, "both reports are heard")
