"""Offsets, effects and receipts change together or not at all, whoever dies, sleeps or lies."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy.exc import DBAPIError

from deploy.stack import ports
from deploy.stack.files import ROOT
from deploy.stack.topics import provision_topics
from services.grants.tables import METADATA
from shared.consumer import Consumer, Stalled
from shared.database import Database, run
from shared.embedded import EmbeddedLog
from shared.events.envelope import Outgoing, Record, beneficiary_id, format_time
from shared.inbox import wake
from shared.log import Partition, Positions, Subscription
from shared.migrate import upgrade
from shared.runtime import Node
from shared.settings import Settings
from shared.telemetry import Metrics, logger
from tests.conftest import Components
from tests.integration.conftest import DatabaseFor
from tests.integration.logs import PATIENCE_SECONDS, Logs, from_the_start, make_topic, take, until
from tests.integration.tiny import BOJONEGORO, Tiny, handover, person, request, with_header


class World:
    """One tiny service on a log: the embedded one beside SQLite, Kafka beside PostgreSQL."""

    def __init__(self, tiny: Tiny, logs: Logs, folder: Path) -> None:
        self.tiny = tiny
        self.logs = logs
        self.folder = folder
        self.log = logs.open()
        self.intake = logs.topic("intake.grants", end=f".{BOJONEGORO}")
        self.facts = logs.topic("facts.registry")

    @property
    def database(self) -> Database:
        return self.tiny.database

    def consumer(self, *, group: str = "", kind: type[Consumer] = Consumer, **more: Any) -> Consumer:
        return kind(
            group or self.logs.group,
            [self.intake, self.facts],
            log=more.pop("log", self.log),
            database=self.database,
            inbox=self.tiny.inbox,
            metrics=self.tiny.metrics,
            logger=logger("grants"),
            **more,
        )

    async def append(self, *records: Record) -> None:
        """Facts to the topic of facts, all else to that of the district."""
        await self.log.append(
            [
                Outgoing(
                    self.facts if record.topic.startswith("facts.") else self.intake,
                    record.key or b"",
                    record.value or b"",
                    record.headers,
                )
                for record in records
            ]
        )

    async def offsets(self) -> dict[str, int]:
        async with self.database.reading() as session:
            found = await run(session, "SELECT topic, next_offset FROM log_offset")
            return {
                "intake" if row.topic == self.intake else "facts": row.next_offset for row in found if row.next_offset
            }

    async def set_offset(self, topic: str, offset: int) -> None:
        async with self.database.transaction() as session:
            await run(session, "DELETE FROM log_offset WHERE topic = :topic", topic=topic)
            await run(
                session,
                "INSERT INTO log_offset (topic, partition, next_offset) VALUES (:topic, 0, :offset)",
                topic=topic,
                offset=offset,
            )

    async def applied(self, count: int) -> bool:
        return sum((await self.tiny.effects()).values()) == count

    def lose_the_first(self, topic: str, count: int) -> None:
        """As a retention that was set too short does."""
        if self.logs.kind == "kafka":
            admin = AdminClient({"bootstrap.servers": self.logs.address, "log_level": 0})
            place = TopicPartition(topic, 0, count)
            admin.delete_records([place], request_timeout=PATIENCE_SECONDS)[place].result()
        else:
            with closing(sqlite3.connect(self.logs.address, isolation_level=None)) as file:
                file.execute("DELETE FROM record WHERE topic = ? AND number < ?", (topic, count))

    async def cut(self, topic: str, end: int) -> None:
        """The log holds only its first records any more, taken at other moments."""
        if self.logs.kind == "kafka":
            async with self.log.subscribe(self.logs.other_group, [topic], from_the_start) as subscription:
                kept = (await take(subscription, end))[:end]
            admin = AdminClient({"bootstrap.servers": self.logs.address, "log_level": 0})
            admin.delete_topics([topic], operation_timeout=PATIENCE_SECONDS)[topic].result()
            make_topic(self.logs.address, topic)
            await until(lambda: self._is_empty(topic))
            await self.log.append([Outgoing(topic, one.key or b"", one.value or b"", one.headers) for one in kept])
        else:
            with closing(sqlite3.connect(self.logs.address, isolation_level=None)) as file:
                file.execute("DELETE FROM record WHERE topic = ? AND number >= ?", (topic, end))
                file.execute("UPDATE topic SET following = ? WHERE name = ?", (end, topic))

    async def _is_empty(self, topic: str) -> bool:
        return set((await self.log.ends([topic])).values()) == {0}

    def metric(self, name: str) -> float:
        found = self.tiny.metrics.registry.get_sample_value(f"berdaya_{name}", {"service": "grants"})
        assert found is not None
        return found


@pytest.fixture
async def world(database_for: DatabaseFor, components: Components, tmp_path: Path) -> AsyncIterator[World]:
    tiny = await Tiny.over(database_for)
    logs = (
        Logs("embedded", str(tmp_path / "log.db"))
        if tiny.database.is_sqlite
        else Logs("kafka", components.address("kafka"))
    )
    if logs.kind == "kafka":
        await asyncio.to_thread(provision_topics, logs.address, [BOJONEGORO])
    yield World(tiny, logs, tmp_path)
    await logs.close()


@asynccontextmanager
async def at_work(consumer: Consumer) -> AsyncIterator[asyncio.Task[None]]:
    """The consumer runs, as long as it can."""
    stopping = asyncio.Event()
    task = asyncio.ensure_future(consumer.run(stopping))
    try:
        yield task
    finally:
        stopping.set()
        async with asyncio.timeout(10):
            await asyncio.wait([task])


async def test_what_the_log_holds_is_applied_once_with_its_offset_and_its_receipt(world: World) -> None:
    await world.append(person(), request("e-1", "G-1"), handover("h-1", "G-1"))
    async with at_work(world.consumer()):
        await until(lambda: world.applied(3))
        await world.append(request("e-2", "G-2"))
        await until(lambda: world.applied(4))
    assert await world.offsets() == {"facts": 1, "intake": 3}
    assert set((await world.tiny.effects()).values()) == {1}
    assert (await world.tiny.receipts("e-2")) == [("accepted", "accepted")]


async def test_the_clock_of_a_district_is_judged_by_that_of_the_log(world: World) -> None:
    ahead = {"right": timedelta(minutes=9), "ahead": timedelta(hours=23), "wrong": timedelta(hours=25)}
    ahead |= {"late": timedelta(days=-400), "absurd": timedelta(days=20_000)}
    began = datetime.now(UTC)
    await world.append(
        person(),
        *(
            with_header(request(name, f"G-{name}"), ce_time=format_time(began + by).encode())
            for name, by in ahead.items()
        ),
    )
    async with at_work(world.consumer()):
        await until(lambda: verdicts_of(world, len(ahead) + 1))
    told = {
        receipt.event_id: (receipt.verdict, receipt.reason, receipt.warnings) for _, receipt in await world.tiny.told()
    }
    assert told == {
        "late": ("accepted", "accepted", ()),
        "right": ("accepted", "accepted", ()),
        "ahead": ("accepted", "accepted", ("clock_ahead",)),
        "wrong": ("rejected", "time_in_future", ()),
        "absurd": ("rejected", "time_in_future", ()),
    }
    assert sorted(await world.tiny.effects()) == [
        f"person {beneficiary_id(BOJONEGORO, 'W-1')}",
        "request G-ahead",
        "request G-late",
        "request G-right",
    ]


async def verdicts_of(world: World, count: int) -> bool:
    return await world.tiny.count("inbox") == count


async def test_a_handler_that_fails_undoes_all_of_its_batch_and_nothing_is_skipped(world: World) -> None:
    await world.append(person(), request("e-1", "G-1"), request("e-2", "G-2"))
    world.tiny.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await world.consumer().run(asyncio.Event())
    # A batch before the one that failed may have been committed, but never a part of one.
    assert len(await world.tiny.rows()) == sum((await world.offsets()).values())
    assert sum((await world.tiny.effects()).values()) <= len(await world.tiny.rows())
    async with at_work(world.consumer()):
        await until(lambda: world.applied(3))
    assert set((await world.tiny.effects()).values()) == {1}
    assert await world.offsets() == {"facts": 1, "intake": 2}


class Forgetful(Consumer):
    """Was told to read from the start, as one that asked before its sister committed."""

    async def positions(self, partitions: Any) -> Mapping[Partition, int]:
        return await from_the_start(partitions)


async def test_records_read_again_are_dropped(world: World) -> None:
    await world.append(person(), request("e-1", "G-1"), handover("h-1", "G-1"))
    async with at_work(world.consumer()):
        await until(lambda: world.applied(3))
    rows = await world.tiny.rows()
    async with at_work(world.consumer(group=world.logs.other_group, kind=Forgetful)):
        await until(lambda: world.metric("events_dropped_total") == 3)
        await world.append(request("e-2", "G-2"))
        await until(lambda: world.applied(4))
    assert {name: row for name, row in (await world.tiny.rows()).items() if name != "e-2"} == rows
    assert set((await world.tiny.effects()).values()) == {1}


async def test_the_offset_row_says_where_to_go_on_and_not_the_bookmark(world: World) -> None:
    await world.append(*(person(f"W-{n}") for n in range(4)))
    async with at_work(world.consumer()):
        await until(lambda: world.applied(4))
    await world.tiny.wipe()  # a backup from before the first event was put back
    async with at_work(world.consumer()):
        await until(lambda: world.applied(4))
    assert await world.offsets() == {"facts": 4}


async def test_lost_records_stop_their_partition_with_an_alarm_and_the_others_go_on(world: World) -> None:
    await world.append(*(request(f"e-{n}", f"G-{n}") for n in range(6)), *(person(f"W-{n}") for n in range(6)))
    await world.set_offset(world.intake, 2)
    world.lose_the_first(world.intake, 4)
    consumer = world.consumer()
    async with at_work(consumer):
        await until(lambda: bool(consumer.progress.gaps))
        await until(lambda: world.applied(6))
        await world.append(person("W-7"), request("e-7", "G-7"))
        await until(lambda: world.applied(7))
    assert consumer.progress.gaps == {Partition(world.intake, 0)}
    assert world.metric("gaps") == 1
    assert await world.offsets() == {"facts": 7, "intake": 2}
    assert all(name.startswith("person") for name in await world.tiny.effects())


async def test_a_log_that_ends_before_what_was_applied_stops_that_partition_with_an_alarm(world: World) -> None:
    """It was replaced by an older copy or made anew: what comes next would be taken for known and be lost."""
    await world.append(*(request(f"e-{n}", f"G-{n}") for n in range(3)), person("W-2"))
    await world.set_offset(world.intake, 5)
    consumer = world.consumer()
    async with at_work(consumer):
        await until(lambda: bool(consumer.progress.gaps))
        await world.append(*(request(f"e-{n}", f"G-{n}") for n in range(3, 8)), person("W-3"))
        await until(lambda: world.applied(2))
    assert consumer.progress.gaps == {Partition(world.intake, 0)}
    assert world.metric("gaps") == 1
    assert await world.offsets() == {"facts": 2, "intake": 5}


async def test_a_log_cut_short_while_the_service_was_down_and_grown_past_it_stops_that_partition(world: World) -> None:
    """An older copy was put back and new events came: the new ones below the offset were never applied."""
    await world.append(*(person(f"W-{n}") for n in range(4)), request("e-1", "G-1", "W-1"))
    async with at_work(world.consumer()):
        await until(lambda: world.applied(5))
    async with at_work(world.consumer()) as task:
        await world.append(person("W-5"))
        await until(lambda: world.applied(6))
        assert not task.done()
    await world.cut(world.facts, 2)
    await world.append(*(person(f"W-{n}") for n in range(10, 20)))

    consumer = world.consumer()
    async with at_work(consumer):
        await until(lambda: bool(consumer.progress.gaps))
        await world.append(request("e-2", "G-2", "W-2"))
        await until(lambda: world.applied(7))
    assert consumer.progress.gaps == {Partition(world.facts, 0)}
    assert world.metric("gaps") == 1
    assert await world.offsets() == {"facts": 5, "intake": 2}


async def test_the_same_log_with_its_beginning_gone_is_no_other_log(world: World) -> None:
    await world.append(*(person(f"W-{n}") for n in range(4)))
    async with at_work(world.consumer()):
        await until(lambda: world.applied(4))
    world.lose_the_first(world.facts, 4)
    await world.append(person("W-5"))
    consumer = world.consumer()
    async with at_work(consumer):
        await until(lambda: world.applied(5))
    assert consumer.progress.gaps == set()


async def test_a_gap_that_was_mended_is_none_any_more(world: World) -> None:
    await world.append(person("W-1"), person("W-2"))
    await world.set_offset(world.facts, 5)
    consumer = world.consumer()
    async with at_work(consumer):
        await until(lambda: world.metric("gaps") == 1)
    await world.set_offset(world.facts, 1)
    async with at_work(consumer):
        await until(lambda: world.applied(1))
    assert consumer.progress.gaps == set()
    assert world.metric("gaps") == 0


async def test_the_readiness_names_the_partition_that_is_stopped(world: World) -> None:
    await world.append(person("W-1"), person("W-2"))
    await world.set_offset(world.facts, 5)
    async with a_node(world) as node:
        await until(lambda: bool(node.progress.gaps))
        found = await node.readiness()
    assert found["status"] == "degraded"
    assert found["gaps"] == [f"{world.facts}/0"]


@asynccontextmanager
async def a_node(world: World) -> AsyncIterator[Node]:
    settings = Settings(service="grants", var=world.folder, batch=20)
    node = Node(
        settings,
        world.log,
        title="tiny",
        handlers=world.tiny.inbox._handlers,
        topics=[world.intake, world.facts],
        database=Database(world.database.url),
    )
    async with node.running():
        yield node


class Sleeper(Consumer):
    """Falls asleep between reading and its transaction."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.read = asyncio.Event()
        self.woken = asyncio.Event()

    async def _commit(self, *arguments: Any, **more: Any) -> bool:
        self.read.set()
        await self.woken.wait()
        return await super()._commit(*arguments, **more)


async def test_one_that_slept_while_another_took_over_is_refused_by_the_offset_row(world: World) -> None:
    await world.append(person(), request("e-1", "G-1"), handover("h-1", "G-1"))
    sleeper = world.consumer(kind=Sleeper)
    assert isinstance(sleeper, Sleeper)
    async with at_work(sleeper):
        await sleeper.read.wait()
        async with at_work(world.consumer(group=world.logs.other_group)):
            await until(lambda: world.applied(3))
        rows = await world.tiny.rows()
        sleeper.woken.set()
        await until(lambda: world.metric("events_dropped_total") > 0)
        await world.append(request("e-2", "G-2"))
        await until(lambda: world.applied(4))
    assert set((await world.tiny.effects()).values()) == {1}
    assert {name: row for name, row in (await world.tiny.rows()).items() if name != "e-2"} == rows


async def test_two_side_by_side_on_the_same_partition_apply_each_record_once(world: World) -> None:
    await world.append(*(person(f"W-{n}") for n in range(300)))
    world.tiny.slow = 0.005
    async with (
        at_work(world.consumer(batch=10)) as one,
        at_work(world.consumer(batch=7, group=world.logs.other_group)) as other,
    ):
        await until(lambda: world.applied(300))
        assert not one.done() and not other.done()
    assert set((await world.tiny.effects()).values()) == {1}


async def test_what_an_officer_set_free_is_applied_by_the_idle_consumer(world: World) -> None:
    async with at_work(world.consumer()):
        await world.append(handover("h-1", "G-1"))
        await until(lambda: waits(world))
        async with world.database.transaction() as session:
            await run(session, "INSERT INTO effect (kind, name) VALUES ('request', 'G-1')")
            await wake(session, ["grant/G-1"])
        await until(lambda: world.applied(2))
    assert (await world.tiny.receipts("h-1"))[-1] == ("accepted", "accepted")


async def waits(world: World) -> bool:
    return await world.tiny.count("waiting") == 1


async def test_backends_that_are_terminated_are_waited_out_and_nothing_is_quarantined(world: World) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has no backends")
    world.tiny.slow = 0.02
    await world.append(*(person(f"W-{n}") for n in range(200)))
    await world.append(*(request(f"e-{n}", f"G-{n}", f"W-{n}") for n in range(200)))
    async with a_node(world) as node:
        await until(lambda: undisturbed(world, at_least=1))
        administrator = await asyncpg.connect(node.database.url.replace("+asyncpg", ""))

        async def disturbed_twice() -> bool:
            await administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND state <> 'idle' AND xact_start < now() - interval '20 ms'"
            )
            return (node.metrics.registry.get_sample_value("berdaya_faults_total", {"service": "grants"}) or 0) >= 2

        await until(disturbed_twice)
        await administrator.close()
        await until(lambda: undisturbed(world, at_least=400))
        await until(lambda: relayed(world))
    assert set((await world.tiny.effects()).values()) == {1}
    assert await world.tiny.count("quarantine") == 0


async def undisturbed(world: World, *, at_least: int) -> bool:
    try:
        return await world.tiny.count("effect") >= at_least
    except (DBAPIError, OSError):  # this connection was terminated too
        return False


async def relayed(world: World) -> bool:
    async with world.database.reading() as session:
        found = await run(session, "SELECT count(*) FROM outbox WHERE published_at IS NULL")
        return int(found.scalar_one()) == 0


# --- the watchdog


class Slow:
    """Work put off that takes longer than a worker may stand still, and is never at its end."""

    def __init__(self) -> None:
        self.parts = 0

    async def due(self, *_: object) -> bool:
        return self.parts < 6

    async def settle(self, *_: object) -> bool:
        await asyncio.sleep(0.4)
        self.parts += 1
        return True


async def test_work_that_was_put_off_passes_for_no_standstill(world: World) -> None:
    slow = Slow()
    consumer = world.consumer(stall=1, deferred=slow)
    async with at_work(consumer):
        await until(lambda: slow.parts > 0)
        await world.append(person())  # comes while the worker is at it
        await until(lambda: slow.parts == 6)
        await until(lambda: world.applied(1))


NOWHERE = Partition("facts.registry", 0)


class Silent:
    """A subscription that knows of records and never gets one, as aiokafka's can be after a rebalance (#712)."""

    def __init__(self, behind: int, assigned: frozenset[Partition]) -> None:
        self._behind = behind
        self.assigned = assigned

    async def read(self, *, limit: int, timeout: float) -> list[Record]:
        await asyncio.sleep(0.05)
        return []

    async def bookmark(self, offsets: Mapping[Partition, int]) -> None: ...

    def seek(self, partition: Partition, offset: int) -> None: ...

    def halt(self, partition: Partition) -> None: ...

    async def behind(self) -> Mapping[Partition, int]:
        return dict.fromkeys(self.assigned or {NOWHERE}, self._behind) if self._behind else {}


class SilentLog(EmbeddedLog):
    """No real log can be brought to it at will."""

    def __init__(self, path: Path, subscription: Silent) -> None:
        super().__init__(path)
        self._subscription = subscription

    @asynccontextmanager
    async def subscribe(  # type: ignore[override]
        self, group: str, topics: Sequence[str], positions: Positions
    ) -> AsyncIterator[Subscription]:
        yield self._subscription


PLACE = frozenset({Partition("intake.grants.3522", 0)})


@pytest.mark.parametrize(("behind", "assigned"), [(3, PLACE), (0, frozenset())], ids=["behind", "without partitions"])
async def test_a_worker_that_gets_nothing_while_there_is_more_ends_to_be_restarted(
    world: World, behind: int, assigned: frozenset[Partition]
) -> None:
    log = SilentLog(world.folder / "silent.db", Silent(behind, assigned))
    async with asyncio.timeout(10):
        with pytest.raises(Stalled):
            await world.consumer(log=log, stall=0.3).run(asyncio.Event())
    await log.close()


async def test_a_worker_with_nothing_to_do_stays(world: World) -> None:
    log = SilentLog(world.folder / "silent.db", Silent(0, PLACE))
    async with at_work(world.consumer(log=log, stall=0.3)) as task:
        await asyncio.wait([task], timeout=1)
        assert not task.done()
    await log.close()


async def test_a_second_worker_on_one_partition_is_a_worker_without_partitions(world: World) -> None:
    """The real thing: it ends, and its supervisor starts it again, ready to take over."""
    async with AsyncExitStack() as stack:
        logs = world.logs
        consumers = [
            Consumer(
                logs.group,
                [world.intake],
                log=logs.open(),
                database=world.database,
                inbox=world.tiny.inbox,
                metrics=Metrics("grants"),
                logger=logger("grants"),
                stall=2.5,
            )
            for _ in range(2)
        ]
        tasks = [await stack.enter_async_context(at_work(consumer)) for consumer in consumers]
        done, left = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        assert (len(done), len(left)) == (1, 1)
        assert isinstance(done.pop().exception(), Stalled)


# --- a real process


@asynccontextmanager
async def process(name: str, folder: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = {"BERDAYA_VAR": str(folder), "BERDAYA_PORT": str(ports.choose()), "BERDAYA_LOG_LEVEL": "WARNING"}
    found = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{name}", "serve"), cwd=ROOT, env=os.environ | settings | environment
    )
    try:
        yield found
    finally:
        if found.returncode is None:
            found.kill()
        await found.wait()


@pytest.fixture
async def grants_folder(tmp_path: Path) -> Path:
    """The state of a grants service whose log has 6,000 events to be applied."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'grants.db'}")
    await upgrade(database, "grants", METADATA)
    await database.close()
    log = EmbeddedLog(tmp_path / "log.db")
    for start in range(0, 6000, 1000):
        records = [request(f"e-{n}", f"G-{n}", f"W-{n}") for n in range(start, start + 1000)]
        await log.append(
            [Outgoing(record.topic, record.key or b"", record.value or b"", record.headers) for record in records]
        )
    await log.close()
    return tmp_path


def _count(folder: Path, statement: str) -> int:
    with closing(sqlite3.connect(folder / "grants.db", timeout=30)) as file:
        return int(file.execute(statement).fetchone()[0] or 0)


async def test_a_process_told_to_stop_under_load_ends_well_within_ten_seconds(grants_folder: Path) -> None:
    inbox = "SELECT count(*) FROM inbox"
    offset = "SELECT sum(next_offset) FROM log_offset"
    async with process("grants", grants_folder, BERDAYA_BATCH="50") as service:
        await until(lambda: _count(grants_folder, inbox) > 100)
        service.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await service.wait() == 0
    stopped_at = _count(grants_folder, inbox)
    assert 100 < stopped_at < 6000, "it was stopped under load"
    assert _count(grants_folder, offset) == stopped_at
    async with process("grants", grants_folder) as service:
        await until(lambda: _count(grants_folder, inbox) == 6000)
        assert _count(grants_folder, "SELECT max(deliveries) FROM inbox") == 1
        service.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await service.wait() == 0


async def test_a_process_that_meets_a_mistake_of_its_own_ends_loudly(grants_folder: Path) -> None:
    with closing(sqlite3.connect(grants_folder / "grants.db", isolation_level=None)) as file:
        file.execute("DROP TABLE waiting")
    async with process("grants", grants_folder) as service, asyncio.timeout(15):
        assert await service.wait() not in (0, None)
