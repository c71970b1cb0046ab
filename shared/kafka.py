"""The log on Kafka, the only importer of aiokafka. After any error the outcome of a send is unknown: send again.

aiokafka's defaults lose or repeat records, and its producer can hang or stay dead; each setting and time-out here
answers one of these.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import groupby

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, MessageSizeTooLargeError, ProducerClosed
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import ConsumerRecord

from shared import kafka_records
from shared.events.envelope import Outgoing, Record
from shared.log import LogUnavailable, Partition, Positions, TooLarge, check_sizes
from shared.settings import KafkaLogin

_MAX_BATCH_BYTES = 5 * 1024 * 1024
_SEND_SECONDS = 15.0
_STOP_SECONDS = 4.0
_ENDS_SECONDS = 5.0
_LOG_APPEND_TIME = 1
_NEW_TOPIC_SECONDS = 3.0
"""How long a topic just made may be unknown to a broker."""

kafka_records.install()


class KafkaLog:
    def __init__(self, servers: str, *, login: KafkaLogin | None = None, session_timeout: float = 30.0) -> None:
        """`session_timeout`: seconds without a sign of life after which the broker gives a member's partitions away."""
        self._servers = servers
        self._login = login
        self._session_ms = int(session_timeout * 1000)
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()
        self._partitioner = DefaultPartitioner()
        self._topics: frozenset[str] = frozenset()

    async def append(self, records: Sequence[Outgoing]) -> None:
        check_sizes(records)
        if not records:
            return
        producer = None
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                producer = await self._start()
                await self._require(producer, {record.topic for record in records})
                sent = [await self._send(producer, part) for part in await self._split(producer, records)]
                await asyncio.gather(*sent)
        except MessageSizeTooLargeError as error:
            raise TooLarge(str(error)) from error
        except (KafkaError, TimeoutError, OSError) as error:
            await self._drop(producer)
            raise LogUnavailable(f"Kafka at {self._servers} did not take the records: {error!r}") from error

    @asynccontextmanager
    async def subscribe(
        self, group: str, topics: Sequence[str], positions: Positions
    ) -> AsyncIterator["KafkaSubscription"]:
        consumer = AIOKafkaConsumer(
            **self._broker(),
            group_id=group,
            enable_auto_commit=False,  # the default commits records not yet applied
            auto_offset_reset="earliest",  # the default, latest, skips what came before the first start
            max_poll_interval_ms=600_000,
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=min(1_000, self._session_ms // 10),  # a rebalance waits for the slowest
            max_partition_fetch_bytes=2 * 1024 * 1024,
            fetch_max_wait_ms=100,
            retry_backoff_ms=1_000,
            metadata_max_age_ms=60_000,
        )
        listener = _Flag()
        consumer.subscribe(list(topics), listener=listener)
        try:
            async with self._answering():
                await self._require(await self._start(), topics)
            # To join is to wait for members that died without a word, as long as their session lasts. Who gave up
            # sooner would leave one more such member behind, and the group would never come together.
            async with self._answering(self._session_ms / 1000):
                await consumer.start()
            yield KafkaSubscription(consumer, listener, positions)
        finally:
            await _stop(consumer)

    async def ends(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        consumer = AIOKafkaConsumer(**self._broker())
        try:
            async with self._answering():
                producer = await self._start()
                await self._require(producer, topics)
                known = [
                    TopicPartition(topic, number) for topic in topics for number in await producer.partitions_for(topic)
                ]
                consumer.assign(known)  # or it would learn of one topic after another, pausing 0.1 s before each
                consumer.pause(*known)  # asked where they end, never read
                await consumer.start()
                found = await consumer.end_offsets(known)
        finally:
            await _stop(consumer)
        return {Partition(partition.topic, partition.partition): end for partition, end in found.items()}

    async def taken_at(self, places: Mapping[Partition, int]) -> Mapping[Partition, int]:
        wanted = {TopicPartition(*partition): offset for partition, offset in places.items()}
        found: dict[Partition, int] = {}
        if not wanted:
            return found
        consumer = AIOKafkaConsumer(
            **self._broker(),
            enable_auto_commit=False,
            max_partition_fetch_bytes=64 * 1024,  # a larger batch that holds the record comes whole all the same
        )
        try:
            async with self._answering():
                consumer.assign(list(wanted))
                await consumer.start()
                first, end = await consumer.beginning_offsets(wanted), await consumer.end_offsets(wanted)
                left = {
                    partition for partition, offset in wanted.items() if first[partition] <= offset < end[partition]
                }
                consumer.pause(*(wanted.keys() - left))
                for partition in left:
                    consumer.seek(partition, wanted[partition])
                while left:
                    for partition, records in (await consumer.getmany(*left, timeout_ms=1000)).items():
                        left.discard(partition)
                        consumer.pause(partition)
                        taken_us = _taken_us(records[0])
                        if records[0].offset == wanted[partition] and taken_us is not None:
                            found[Partition(partition.topic, partition.partition)] = taken_us
        finally:
            await _stop(consumer)
        return found

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(3):
                producer = await self._start()
                await producer.client.fetch_all_metadata()
        except (LogUnavailable, KafkaError, TimeoutError, OSError):
            return False
        return True

    async def close(self) -> None:
        await self._drop(self._producer)

    def _broker(self) -> dict[str, str]:
        """Where it is and who we are. Raises LogUnavailable when the password cannot be read."""
        where = {"bootstrap_servers": self._servers}
        if self._login is None:
            return where
        try:
            password = self._login.password()
        except OSError as error:
            raise LogUnavailable(f"no password for Kafka's user {self._login.user}: {error}") from error
        return where | {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self._login.user,
            "sasl_plain_password": password,
        }

    @asynccontextmanager
    async def _answering(self, waiting: float = 0) -> AsyncIterator[None]:
        """Raises LogUnavailable when Kafka does not answer within bounded time, `waiting` seconds for others apart."""
        try:
            async with asyncio.timeout(_SEND_SECONDS + waiting):
                yield
        except (KafkaError, TimeoutError, OSError) as error:
            raise LogUnavailable(f"Kafka at {self._servers}: {error!r}") from error

    async def _require(self, producer: AIOKafkaProducer, topics: Iterable[str]) -> None:
        """Raises LogUnavailable soon for a topic that nobody made; aiokafka would wait for it and not name it."""
        deadline = time.monotonic() + _NEW_TOPIC_SECONDS
        while missing := set(topics) - self._topics:
            self._topics = frozenset((await producer.client.fetch_all_metadata()).topics())
            if not missing - self._topics:
                return
            if time.monotonic() > deadline:
                seen = f" that {self._login.user} may see" if self._login else ""
                raise LogUnavailable(f"Kafka at {self._servers} has no topic {', '.join(sorted(missing))}{seen}")
            await asyncio.sleep(0.1)

    async def _start(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._broker(),
                    acks="all",
                    enable_idempotence=True,
                    max_request_size=_MAX_BATCH_BYTES + 64 * 1024,
                    max_batch_size=_MAX_BATCH_BYTES,
                    request_timeout_ms=10_000,
                    retry_backoff_ms=1_000,
                )
                try:
                    await producer.start()
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _drop(self, producer: AIOKafkaProducer | None) -> None:
        """After an error the producer may be fenced or out of sequence for ever: the next append builds a new one.

        Another caller may have built that already: only the one that failed is dropped.
        """
        if producer is not None and self._producer is producer:
            self._producer = None
            await _stop(producer)

    async def _split(
        self, producer: AIOKafkaProducer, records: Sequence[Outgoing]
    ) -> list[tuple[Partition, list[Outgoing]]]:
        parts: dict[Partition, list[Outgoing]] = {}
        for topic, same in groupby(records, key=lambda record: record.topic):
            numbers = sorted(await producer.partitions_for(topic))
            for record in same:
                number = numbers[0] if len(numbers) == 1 else self._partitioner(record.key, numbers, numbers)
                parts.setdefault(Partition(topic, number), []).append(record)
        return list(parts.items())

    async def _send(
        self, producer: AIOKafkaProducer, part: tuple[Partition, list[Outgoing]]
    ) -> asyncio.Future[list[object]]:
        """Put the records of one partition into as few batches as fit. The future is done when all are durable."""
        partition, records = part
        sent: list[asyncio.Future[object]] = []
        batch = producer.create_batch()
        for record in records:
            if batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers)) is None:
                sent.append(await producer.send_batch(batch, partition.topic, partition=partition.number))
                batch = producer.create_batch()
                batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers))
        sent.append(await producer.send_batch(batch, partition.topic, partition=partition.number))
        return asyncio.gather(*sent)


class _Flag(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """An exception in a listener is swallowed by aiokafka, so it only sets a flag that `read` acts on."""

    def __init__(self) -> None:
        self.raised = False

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.raised = True

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.raised = True


class KafkaSubscription:
    def __init__(self, consumer: AIOKafkaConsumer, flag: _Flag, positions: Positions) -> None:
        self._consumer = consumer
        self._flag = flag
        self._positions = positions
        self._halted: set[TopicPartition] = set()
        self._ends: Mapping[TopicPartition, int] = {}
        self._ends_asked = 0.0

    @property
    def assigned(self) -> frozenset[Partition]:
        return frozenset(Partition(found.topic, found.partition) for found in self._consumer.assignment())

    async def read(self, *, limit: int, timeout: float) -> list[Record]:
        if self._flag.raised:
            await self._seek_all()
        try:
            found = await self._consumer.getmany(timeout_ms=int(timeout * 1000), max_records=limit)
        except (KafkaError, OSError) as error:
            raise LogUnavailable(repr(error)) from error
        if self._flag.raised:  # assigned meanwhile: these were read from the bookmark, which may be wrong
            return []
        return [
            Record(
                partition.topic,
                partition.partition,
                record.offset,
                record.key,
                record.value,
                _headers(record.headers),
                _taken_us(record),
            )
            for partition, records in found.items()
            for record in records
        ]

    async def bookmark(self, offsets: Mapping[Partition, int]) -> None:
        mine = self._consumer.assignment()
        ours = {TopicPartition(*partition): offset for partition, offset in offsets.items() if partition in mine}
        if ours:
            with suppress(KafkaError, TimeoutError):  # only a bookmark: the database's offsets win
                await asyncio.wait_for(self._consumer.commit(ours), _STOP_SECONDS)

    def seek(self, partition: Partition, offset: int) -> None:
        found = TopicPartition(*partition)
        if found in self._consumer.assignment():
            self._consumer.seek(found, offset)

    def halt(self, partition: Partition) -> None:
        found = TopicPartition(*partition)
        if found in self._consumer.assignment():
            self._halted.add(found)
            self._consumer.pause(found)

    async def behind(self) -> Mapping[Partition, int]:
        """Asks for the ends now and then: what fetching has seen stands still when fetching silently has (#712)."""
        assigned = self._consumer.assignment()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                if time.monotonic() - self._ends_asked > _ENDS_SECONDS:
                    self._ends = await self._consumer.end_offsets(assigned)
                    self._ends_asked = time.monotonic()
                left = {Partition(*partition): await self._left(partition) for partition in assigned}
        except (KafkaError, TimeoutError, OSError) as error:
            raise LogUnavailable(repr(error)) from error
        return {partition: count for partition, count in left.items() if count}

    async def _left(self, partition: TopicPartition) -> int:
        """Nothing for a partition that a rebalance took away meanwhile."""
        if partition not in self._consumer.assignment():
            return 0
        end = max(self._consumer.highwater(partition) or 0, self._ends.get(partition, 0))
        try:
            return max(0, end - int(await self._consumer.position(partition))) if end else 0
        except IllegalStateError:
            return 0

    async def _seek_all(self) -> None:
        self._flag.raised = False
        assigned = self._consumer.assignment()
        start = await self._positions([Partition(found.topic, found.partition) for found in assigned])
        still = assigned & self._consumer.assignment()  # a rebalance may have come while the positions were read
        for found in still:
            self._consumer.seek(found, start.get(Partition(found.topic, found.partition), 0))
        self._halted &= still
        if self._halted:
            self._consumer.pause(*self._halted)


def _headers(found: Iterable[tuple[str, bytes | None]]) -> tuple[tuple[str, bytes], ...]:
    """A header may be null on Kafka; none of ours ever is, so it reads as empty."""
    return tuple([(name, value or b"") for name, value in found])


def _taken_us(record: ConsumerRecord) -> int | None:
    """None in a topic that keeps the producer's time: that is the sender's word, and not the broker's."""
    return record.timestamp * 1000 if record.timestamp_type == _LOG_APPEND_TIME else None


async def _stop(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """aiokafka's stop() can wait for ever for a broker that is gone, or end as if cancelled. Its tasks then stay at
    work: they would go on sending, and go on holding partitions that nobody reads. So they are ended here."""
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if stopping.done() and not stopping.cancelled() and stopping.exception() is None:
        return
    if isinstance(client, AIOKafkaProducer):
        tasks, connections = [client._sender.sender_task], client.client
        client._message_accumulator.fail_all(ProducerClosed())  # else they are kept, and waited for, for ever
    else:
        coordinator, fetcher, connections = client._coordinator, client._fetcher, client._client
        tasks = [coordinator._coordination_task, coordinator._heartbeat_task, coordinator._commit_refresh_task]
        tasks += [fetcher._fetch_task, *fetcher._pending_tasks]
    ending = [stopping, *filter(None, tasks)]
    for task in ending:
        task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS):
            await asyncio.gather(connections.close(), *ending, return_exceptions=True)
