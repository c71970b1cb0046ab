"""One suite that both logs pass, as real as they are: what it says, the rest of Berdaya relies on."""

import asyncio
import secrets
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from confluent_kafka import Producer

from deploy.stack.components import Handle, StackError, start_kafka
from shared.events.envelope import Outgoing, Record
from shared.log import Log, LogUnavailable, Partition, TooLarge
from tests.conftest import Components, absent
from tests.integration.logs import (
    PATIENCE_SECONDS,
    SESSION_SECONDS,
    Logs,
    Member,
    append_elsewhere,
    delete_group,
    from_the_start,
    nothing_more,
    numbered,
    numbers,
    positions_at,
    take,
    until,
)

MIB = 1024 * 1024


@pytest.fixture(params=["embedded", "kafka"])
async def logs(request: pytest.FixtureRequest, tmp_path: Path, components: Components) -> AsyncIterator[Logs]:
    kind = request.param
    found = Logs(kind, components.address("kafka") if kind == "kafka" else str(tmp_path / "log.db"))
    yield found
    await found.close()


async def test_what_was_appended_comes_back_in_order_as_it_was(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    headers = (("ce_id", b"a-1"), ("ce_subject", "Bu Wāyan ⠃⠑ 🙂".encode()), ("empty", b""))
    await log.append([Outgoing(topic, b"first", b"\x00\xff\x80 bytes", headers), Outgoing(topic, b"", b"", ())])
    await log.append([Outgoing(topic, "kunci-é".encode(), '{"nama": "Dèwi"}'.encode(), (("n", b"\x00"),))])

    async with log.subscribe(logs.group, [topic], from_the_start) as subscription:
        found = await take(subscription, 3)

    assert [record[:6] for record in found] == [
        (topic, 0, 0, b"first", b"\x00\xff\x80 bytes", headers),
        (topic, 0, 1, b"", b"", ()),
        (topic, 0, 2, "kunci-é".encode(), '{"nama": "Dèwi"}'.encode(), (("n", b"\x00"),)),
    ]


async def test_a_record_carries_the_time_at_which_the_log_took_it_to_every_reader(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    before = time.time_ns() // 1_000_000 * 1000  # Kafka tells milliseconds
    await log.append(numbered(topic, [1]))
    between = time.time_ns() // 1000
    await log.append(numbered(topic, [2]))
    after = time.time_ns() // 1000

    async with log.subscribe(logs.group, [topic], from_the_start) as subscription:
        first, second = await take(subscription, 2)
    assert first.taken_us is not None and second.taken_us is not None
    assert before <= first.taken_us <= between
    assert between // 1000 * 1000 <= second.taken_us <= after
    async with logs.open().subscribe(logs.other_group, [topic], from_the_start) as subscription:
        assert await take(subscription, 2) == [first, second]


async def test_each_partition_keeps_its_order_and_counts_from_zero(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic("facts", partitions=3)
    await log.append([record for n in range(50) for key in "abcdefgh" for record in numbered(topic, [n], key=key)])

    async with log.subscribe(logs.group, [topic], from_the_start) as subscription:
        found = await take(subscription, 400)

    for key in "abcdefgh":
        mine = [record for record in found if record.key == key.encode()]
        assert numbers(mine) == list(range(50))
        assert len({record.partition for record in mine}) == 1, "a key stays in one partition"
    for partition in {record.partition for record in found}:
        offsets = [record.offset for record in found if record.partition == partition]
        assert offsets == list(range(len(offsets)))


async def test_ten_thousand_records_in_one_append_keep_their_order(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    await log.append(numbered(topic, range(10_000)))
    async with log.subscribe(logs.group, [topic], from_the_start) as subscription:
        assert numbers(await take(subscription, 10_000)) == list(range(10_000))


async def test_one_append_reaches_many_topics(logs: Logs) -> None:
    log, first, second = logs.open(), logs.topic("one"), logs.topic("two")
    await log.append([*numbered(first, [1, 2]), *numbered(second, [3]), *numbered(first, [4])])
    async with log.subscribe(logs.group, [first, second], from_the_start) as subscription:
        found = await take(subscription, 4)
    assert numbers([record for record in found if record.topic == first]) == [1, 2, 4]
    assert numbers([record for record in found if record.topic == second]) == [3]


async def test_a_reader_that_waits_is_told_soon(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    async with log.subscribe(logs.group, [topic], from_the_start) as subscription:
        await until(lambda: _read_nothing(subscription.read(limit=1, timeout=0.2), subscription.assigned))
        reading = asyncio.ensure_future(subscription.read(limit=10, timeout=20))
        await log.append(numbered(topic, [1]))
        async with asyncio.timeout(2):
            assert numbers(await reading) == [1]


async def _read_nothing(reading: object, assigned: frozenset[Partition]) -> bool:
    """Read once; true when the member had a partition before it."""
    assert await reading == []  # type: ignore[misc]
    return bool(assigned)


async def test_an_empty_read_takes_the_time_it_was_given_and_no_more(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    async with log.subscribe(logs.group, [topic], from_the_start) as subscription:
        await until(lambda: _read_nothing(subscription.read(limit=1, timeout=0.2), subscription.assigned))
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await subscription.read(limit=10, timeout=0.5) == []
        assert 0.4 <= loop.time() - started < 2


async def test_a_read_gives_no_more_than_its_limit(logs: Logs) -> None:
    log, topic, other = logs.open(), logs.topic("one"), logs.topic("two")
    await log.append([*numbered(topic, range(10)), *numbered(other, range(10))])
    async with log.subscribe(logs.group, [topic, other], from_the_start) as subscription:
        found = 0
        while found < 20:
            records = await subscription.read(limit=7, timeout=0.2)
            assert len(records) <= 7
            found += len(records)
        assert found == 20


async def test_processes_append_and_read_side_by_side(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    async with Member(logs, [topic]) as elsewhere:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(append_elsewhere(logs, numbered(topic, range(100), key="theirs")))
            for n in range(100):
                await log.append(numbered(topic, [n], key="mine"))
        found = await elsewhere.take(200)

    assert [record.offset for record in found] == list(range(200))
    assert numbers([record for record in found if record.key == b"mine"]) == list(range(100))
    assert numbers([record for record in found if record.key == b"theirs"]) == list(range(100))


async def test_records_outlive_the_one_who_appended_them(logs: Logs) -> None:
    topic = logs.topic()
    log = logs.open()
    await log.append(numbered(topic, [1, 2]))
    await log.close()
    await log.append(numbered(topic, [3]))
    await log.close()

    async with logs.open().subscribe(logs.group, [topic], from_the_start) as subscription:
        found = await take(subscription, 3)
    assert [record.offset for record in found] == [0, 1, 2]
    assert numbers(found) == [1, 2, 3]


async def test_two_groups_each_get_everything(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    await log.append(numbered(topic, range(20)))
    async with (
        log.subscribe(logs.group, [topic], from_the_start) as one,
        log.subscribe(logs.other_group, [topic], from_the_start) as other,
    ):
        assert numbers(await take(one, 20)) == list(range(20))
        assert numbers(await take(other, 20)) == list(range(20))


async def test_two_members_share_and_each_record_goes_to_one_of_them(logs: Logs) -> None:
    topics = [logs.topic(name) for name in ("one", "two", "three", "four")]
    log = logs.open()
    async with (
        log.subscribe(logs.group, topics, from_the_start) as first,
        logs.open().subscribe(logs.group, topics, from_the_start) as second,
    ):

        async def shared() -> bool:
            await asyncio.gather(nothing_more(first, rounds=1), nothing_more(second, rounds=1))
            return bool(first.assigned and second.assigned and not first.assigned & second.assigned)

        await until(shared)
        assert {partition.topic for partition in first.assigned | second.assigned} == set(topics)
        await log.append([record for topic in topics for record in numbered(topic, range(25))])
        read: list[Record] = []
        while len(read) < 100:
            for some in await asyncio.gather(first.read(limit=9, timeout=0.2), second.read(limit=9, timeout=0.2)):
                read += some
        await nothing_more(first)
        await nothing_more(second)
        assert sorted((record.topic, record.offset) for record in read) == sorted(
            (topic, offset) for topic in topics for offset in range(25)
        )


async def test_a_member_that_leaves_hands_over_at_once(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    async with AsyncExitStack() as stack:
        stays = await stack.enter_async_context(log.subscribe(logs.group, [topic], from_the_start))
        async with logs.open().subscribe(logs.group, [topic], from_the_start) as leaves:

            async def one_of_them_has_it() -> bool:
                await asyncio.gather(stays.read(limit=1, timeout=0.1), leaves.read(limit=1, timeout=0.1))
                return len(stays.assigned) + len(leaves.assigned) == 1

            await until(one_of_them_has_it)
        await log.append(numbered(topic, [1]))
        async with asyncio.timeout(8):
            assert numbers(await take(stays, 1)) == [1]


async def test_a_member_that_dies_is_replaced(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    await log.append(numbered(topic, [0]))
    async with Member(logs, [topic]) as dies:
        assert numbers(await dies.take(1)) == [0]
        async with logs.open().subscribe(logs.group, [topic], positions_at({Partition(topic, 0): 1})) as lives:
            dies.kill()
            await log.append(numbered(topic, [1]))
            assert numbers(await take(lives, 1)) == [1]


async def test_who_comes_after_a_death_waits_as_long_as_the_dead_is_taken_for_alive(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gives up sooner, and comes again, is one more of the dead: a group that never comes together."""
    log, topic = logs.open(), logs.topic()
    await log.append(numbered(topic, [0]))
    async with Member(logs, [topic]) as dies:
        assert numbers(await dies.take(1)) == [0]
        dies.kill()
        monkeypatch.setattr("shared.kafka._SEND_SECONDS", SESSION_SECONDS * 2 / 3)
        async with log.subscribe(logs.group, [topic], from_the_start) as lives:
            assert numbers(await take(lives, 1)) == [0]


@pytest.mark.parametrize("database", [2, 7], ids=["the database is behind", "the database is ahead"])
async def test_the_position_of_the_database_wins_over_the_bookmark(logs: Logs, database: int) -> None:
    log, topic = logs.open(), logs.topic()
    place = Partition(topic, 0)
    await log.append(numbered(topic, range(10)))
    async with log.subscribe(logs.group, [topic], from_the_start) as before:
        assert len(await take(before, 5, limit=5)) == 5
        await before.bookmark({place: 5})

    async with log.subscribe(logs.group, [topic], positions_at({place: database})) as after:
        assert numbers(await take(after, 10 - database)) == list(range(database, 10))


async def test_lost_bookmarks_change_nothing(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    place = Partition(topic, 0)
    await log.append(numbered(topic, range(10)))
    async with log.subscribe(logs.group, [topic], from_the_start) as before:
        await take(before, 5, limit=5)
        await before.bookmark({place: 5})
    if logs.kind == "kafka":
        delete_group(logs.address, logs.group)
    else:
        with closing(sqlite3.connect(logs.address, isolation_level=None)) as file:
            file.execute("DELETE FROM bookmark")

    async with log.subscribe(logs.group, [topic], positions_at({place: 5})) as after:
        assert numbers(await take(after, 5)) == [5, 6, 7, 8, 9]


async def test_seek_goes_back_and_forth(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    await log.append(numbered(topic, range(10)))
    async with log.subscribe(logs.group, [topic], from_the_start) as subscription:
        await take(subscription, 4, limit=4)
        subscription.seek(Partition(topic, 0), 1)
        assert numbers(await take(subscription, 3, limit=3)) == [1, 2, 3]
        subscription.seek(Partition(topic, 0), 8)
        assert numbers(await take(subscription, 2)) == [8, 9]
        subscription.seek(Partition("of somebody else", 0), 8)
        await nothing_more(subscription)


async def test_a_halted_partition_is_read_no_more_and_the_others_are(logs: Logs) -> None:
    log, stopped, goes_on = logs.open(), logs.topic("stopped"), logs.topic("goes-on")
    await log.append([*numbered(stopped, range(10)), *numbered(goes_on, range(10))])
    async with log.subscribe(logs.group, [stopped, goes_on], from_the_start) as subscription:
        await take(subscription, 4, limit=4)
        subscription.halt(Partition(stopped, 0))
        await log.append([*numbered(stopped, [10]), *numbered(goes_on, [10])])
        found: list[Record] = []
        while 10 not in numbers(found):
            found += await subscription.read(limit=3, timeout=0.2)
        await nothing_more(subscription)
        assert {record.topic for record in found} == {goes_on}
        assert Partition(stopped, 0) in subscription.assigned


async def test_behind_says_how_much_was_not_read_yet(logs: Logs) -> None:
    log, topic, other = logs.open(), logs.topic("one"), logs.topic("two")
    async with log.subscribe(logs.group, [topic, other], from_the_start) as subscription:

        async def behind(expected: int) -> bool:
            await nothing_more(subscription, rounds=1)
            return await subscription.behind() == {Partition(other, 0): expected}

        await log.append(numbered(topic, range(10)))
        await take(subscription, 4, limit=4)
        assert await subscription.behind() == {Partition(topic, 0): 6}
        await take(subscription, 6)
        assert await subscription.behind() == {}
        subscription.halt(Partition(other, 0))
        await log.append(numbered(other, range(3)))
        await until(lambda: behind(3))


async def test_ends_are_where_the_next_record_goes(logs: Logs) -> None:
    log, topic, empty = logs.open(), logs.topic(), logs.topic("empty")
    await log.append(numbered(topic, range(3)))
    assert await log.ends([topic, empty]) == {Partition(topic, 0): 3, Partition(empty, 0): 0}
    await log.append(numbered(topic, range(4)))
    assert await log.ends([topic]) == {Partition(topic, 0): 7}


async def test_it_says_when_it_took_the_records_that_are_there_and_nothing_of_others(logs: Logs) -> None:
    log = logs.open()
    topics = [logs.topic(f"of-{n}") for n in range(12)]
    empty, large = logs.topic("empty"), logs.topic("large")
    await log.append([record for topic in topics for record in numbered(topic, range(3))])
    await log.append([Outgoing(large, b"k", b"x" * 3 * MIB, ()), *numbered(large, [1])])
    async with log.subscribe(logs.group, [*topics, large], from_the_start) as subscription:
        found = await take(subscription, 38)
    known = {(record.topic, record.offset): record.taken_us for record in found}
    asked = {Partition(topic, 0): n % 3 for n, topic in enumerate(topics)} | {Partition(large, 0): 1}
    beyond = {Partition(empty, 0): 0, Partition(topics[0], 0): 3}
    expected = {partition: known[partition.topic, offset] for partition, offset in asked.items()}
    assert await log.taken_at(asked) == expected
    assert await log.taken_at(asked | {Partition(empty, 0): 0}) == expected
    assert await log.taken_at(beyond) == {}
    assert await log.taken_at({}) == {}


async def test_a_record_of_four_mebibytes_passes(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    big = secrets.token_bytes(4 * MIB)
    await log.append([Outgoing(topic, b"before", b"", ()), Outgoing(topic, b"big", big, (("a", b"b"),))])
    await log.append([Outgoing(topic, b"after", b"", ())])
    async with log.subscribe(logs.group, [topic], from_the_start) as subscription:
        found = await take(subscription, 3)
    assert [record.key for record in found] == [b"before", b"big", b"after"]
    assert found[1].value == big


async def test_a_record_above_five_mebibytes_is_too_large_and_nothing_beside_it_is_taken(logs: Logs) -> None:
    log, topic, other = logs.open(), logs.topic("one"), logs.topic("two")
    too_large = Outgoing(topic, b"", secrets.token_bytes(5 * MIB + 1), ())
    with pytest.raises(TooLarge):
        await log.append([*numbered(other, [1]), *numbered(topic, [1]), too_large, *numbered(other, [2])])
    assert await log.ends([topic, other]) == {Partition(topic, 0): 0, Partition(other, 0): 0}
    await log.append(numbered(topic, [1]))
    assert await log.ends([topic]) == {Partition(topic, 0): 1}


async def test_many_large_records_in_one_append_keep_their_order(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    large = [Outgoing(topic, str(n).encode(), secrets.token_bytes(MIB), ()) for n in range(12)]
    await log.append(large)
    async with log.subscribe(logs.group, [topic], from_the_start) as subscription:
        found = await take(subscription, 12)
    assert [(record.key, record.value) for record in found] == [(record.key, record.value) for record in large]


async def test_appending_nothing_does_nothing(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    await log.append([])
    assert await log.ends([topic]) == {Partition(topic, 0): 0}


async def test_the_log_is_ready_and_can_be_closed_twice(logs: Logs) -> None:
    log = logs.open()
    assert await log.ready()
    await log.close()
    await log.close()
    assert await log.ready()


async def test_an_append_given_up_in_the_middle_leaves_the_log_usable(logs: Logs) -> None:
    log, topic = logs.open(), logs.topic()
    await log.append(numbered(topic, [0]))
    for delay in (0, 0.0005, 0.001, 0.002, 0.004, 0.008):
        task = asyncio.ensure_future(log.append(numbered(topic, range(1000))))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.wait([task])
        async with asyncio.timeout(5):
            await log.append(numbered(topic, [1]))


async def test_an_embedded_log_given_up_while_it_opens_leaves_no_thread_behind(tmp_path: Path) -> None:
    threads = threading.active_count()
    for n, delay in enumerate((0, 0.0005, 0.001, 0.002, 0.004, 0.008)):
        logs = Logs("embedded", str(tmp_path / f"{n}.db"))
        task = asyncio.ensure_future(logs.open().append(numbered("topic", [1])))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.wait([task])
        await logs.close()
    await until(lambda: threading.active_count() == threads)


async def test_the_embedded_log_works_again_by_itself_when_its_file_can_be_used_again(tmp_path: Path) -> None:
    logs = Logs("embedded", str(tmp_path / "folder" / "log.db"))
    log = logs.open()
    (tmp_path / "folder").write_text("a file where the folder should be")
    with pytest.raises(LogUnavailable):
        await log.append(numbered("topic", [1]))
    assert not await log.ready()
    (tmp_path / "folder").unlink()
    await log.append(numbered("topic", [1]))
    assert await log.ready()
    await logs.close()


async def test_an_embedded_log_of_before_it_kept_the_time_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute(
            """CREATE TABLE record (
                topic TEXT NOT NULL, number INTEGER NOT NULL, key BLOB, value BLOB, headers BLOB NOT NULL,
                PRIMARY KEY (topic, number)
            ) WITHOUT ROWID"""
        )
        file.execute("CREATE TABLE topic (name TEXT PRIMARY KEY, following INTEGER NOT NULL) WITHOUT ROWID")
        file.execute("INSERT INTO record VALUES ('t', 0, x'6b', x'31', '[]')")
        file.execute("INSERT INTO topic VALUES ('t', 1)")
    logs = Logs("embedded", str(path))
    await asyncio.gather(*(logs.open().append(numbered("t", [n])) for n in (2, 3, 4)))  # each opens it, all at once
    async with logs.open().subscribe(logs.group, ["t"], from_the_start) as subscription:
        found = await take(subscription, 4)
    assert sorted(numbers(found)) == [1, 2, 3, 4]
    assert [record.taken_us is None for record in found] == [True, False, False, False]
    await logs.close()


@pytest.mark.parametrize(
    ("kind", "says", "told"),
    [("LogAppendTime", 4_070_908_800_000, True), ("CreateTime", 1_000_000_000_000, False)],
    ids=["of 2099", "of 2001, in a topic that keeps it"],
)
async def test_what_a_sender_says_of_the_time_is_not_taken_for_the_log_s_word(
    kafka: str, kind: str, says: int, told: bool
) -> None:
    logs = Logs("kafka", kafka)
    topic = logs.topic(config={"message.timestamp.type": kind})
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic, value=b"1", key=b"k", timestamp=says)
    producer.flush(PATIENCE_SECONDS)
    async with logs.open().subscribe(logs.group, [topic], from_the_start) as subscription:
        (record,) = await take(subscription, 1)
    if told:
        assert record.taken_us is not None and abs(record.taken_us - time.time_ns() // 1000) < 60_000_000
    else:
        assert record.taken_us is None
    await logs.close()


async def test_a_topic_that_nobody_made_is_named_soon(kafka: str) -> None:
    logs = Logs("kafka", kafka)
    log = logs.open()
    async with asyncio.timeout(15):
        with pytest.raises(LogUnavailable, match=r"has no topic misspelt\.one"):
            await log.append(numbered("misspelt.one", [1]))
        with pytest.raises(LogUnavailable, match=r"has no topic misspelt\.one"):
            await log.ends(["misspelt.one"])
        with pytest.raises(LogUnavailable, match=r"has no topic misspelt\.one"):
            async with log.subscribe(logs.group, ["misspelt.one"], from_the_start):
                pass
    await logs.close()


async def test_what_other_programs_leave_out_reads_as_null_or_empty(kafka: str) -> None:
    logs = Logs("kafka", kafka)
    topic = logs.topic()
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic, value=None, key=None)
    producer.produce(topic, value=b"v", key=b"k", headers=[("null", None), ("twice", b"1"), ("twice", b"2")])
    producer.flush(PATIENCE_SECONDS)
    async with logs.open().subscribe(logs.group, [topic], from_the_start) as subscription:
        assert [record[:6] for record in await take(subscription, 2)] == [
            (topic, 0, 0, None, None, ()),
            (topic, 0, 1, b"k", b"v", (("null", b""), ("twice", b"1"), ("twice", b"2"))),
        ]
    await logs.close()


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_may_come_compressed(kafka: str, codec: str) -> None:
    logs = Logs("kafka", kafka)
    topic = logs.topic()
    producer = Producer({"bootstrap.servers": kafka, "compression.type": codec, "linger.ms": 50})
    for n in range(100):
        producer.produce(topic, key=b"k", value=str(n).zfill(1000).encode())
    producer.flush(PATIENCE_SECONDS)
    async with logs.open().subscribe(logs.group, [topic], from_the_start) as subscription:
        assert numbers(await take(subscription, 100)) == list(range(100))
    await logs.close()


@pytest.mark.parametrize("codec", [0, 1], ids=["plain", "gzip"])
async def test_a_header_whose_name_is_no_text_stops_nobody(kafka: str, codec: int) -> None:
    logs = Logs("kafka", kafka)
    topic = logs.topic()
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, codec, False, -1, -1, -1, MIB)
        batch.append(key=b"k", value=b"0", timestamp=None, headers=[("good", b"1")])
        batch.append(key=b"k", value=b"1", timestamp=None, headers=[("a", b"b"), (NoText(), b"\xfe"), ("c", b"d")])
        batch.append(key=b"k", value=b"2", timestamp=None, headers=[])
        await (await producer.send_batch(batch, topic, partition=0))
        await producer.send_and_wait(topic, b"3", key=b"k")
    async with logs.open().subscribe(logs.group, [topic], from_the_start) as subscription:
        found = await take(subscription, 4, limit=2)
    assert numbers(found) == [0, 1, 2, 3]
    assert [record.offset for record in found] == [0, 1, 2, 3]
    assert found[0].headers == (("good", b"1"),)
    assert found[1].headers == (("a", b"b"), ("\\xff\\xfename", b"\xfe"), ("c", b"d"))
    await logs.close()


class NoText(str):
    """A header name that is sent as bytes that are not UTF-8, as programs in other languages can."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfename"


@pytest.fixture
async def mortals(tmp_path: Path) -> AsyncIterator[list[Handle]]:
    """Two Kafkas of its own, to be killed and frozen."""
    starting = (asyncio.to_thread(start_kafka, tmp_path / name) for name in ("killed", "frozen"))
    found = await asyncio.gather(*starting, return_exceptions=True)
    handles = [handle for handle in found if isinstance(handle, Handle)]
    try:
        for error in found:
            if isinstance(error, StackError):
                absent("kafka", str(error))
        yield handles
    finally:
        for handle in handles:
            handle.stop()


async def refused_in_time(log: Log, topic: str) -> None:
    """The append is refused, within bounded time."""
    async with asyncio.timeout(25):
        with pytest.raises(LogUnavailable):
            await log.append(numbered(topic, [-1]))


async def reader(logs: Logs, topic: str, read: list[int], stop: asyncio.Event) -> None:
    """Reads as a worker does: after LogUnavailable it subscribes again, from where its database says."""
    log = logs.open()
    while not stop.is_set():
        with suppress(LogUnavailable):
            async with log.subscribe(logs.group, [topic], positions_at({Partition(topic, 0): len(read)})) as found:
                while not stop.is_set():
                    read += [record.offset for record in await found.read(limit=100, timeout=0.2)]
                    await found.behind()
        await asyncio.sleep(0.1)


async def test_a_broker_that_is_killed_or_frozen_is_waited_out_and_nothing_is_left_running(
    mortals: list[Handle],
) -> None:
    before = asyncio.all_tasks()
    killed, frozen = mortals
    await asyncio.gather(
        waited_out(killed, killed.kill, killed.start),
        waited_out(frozen, frozen.freeze, frozen.thaw),
    )
    left = [task.get_coro() for task in asyncio.all_tasks() - before]
    assert left == [], "what was given up goes on sending, or holding partitions"


async def waited_out(mortal: Handle, away: Callable[[], None], back: Callable[[], None]) -> None:
    logs = Logs("kafka", mortal.address)
    topic = logs.topic()
    warm, cold, leaver = logs.open(), logs.open(), logs.open()
    await warm.append(numbered(topic, range(10)))
    read: list[int] = []
    stop = asyncio.Event()
    reading = asyncio.ensure_future(reader(logs, topic, read, stop))
    await until(lambda: read == list(range(10)))

    async with leaver.subscribe(logs.other_group, [topic], from_the_start) as leaving:
        await take(leaving, 10)
        away()
        loop = asyncio.get_running_loop()
        left = loop.time()
    assert loop.time() - left < 10, "leaving is bounded"
    await asyncio.gather(refused_in_time(warm, topic), refused_in_time(cold, topic))
    async with asyncio.timeout(10):
        assert not await warm.ready()
    async with asyncio.timeout(10):
        await asyncio.gather(warm.close(), leaver.close())

    await asyncio.to_thread(back)

    async def appended() -> bool:
        try:
            await cold.append(numbered(topic, [1]))
        except LogUnavailable:
            return False
        return True

    await until(appended)
    await until(warm.ready)
    (end,) = (await cold.ends([topic])).values()
    assert 11 <= end <= 14, "ten, one, and those refused may have come nevertheless"
    await until(lambda: read == list(range(end)), seconds=60)
    stop.set()
    await reading
    await logs.close()
