"""Kafka as a test sees it, by another client than the services use."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it offers them, without saying so in types
    AdminClient,
    OffsetSpec,
)

from shared.events.envelope import Outgoing, Record

Place = tuple[str, int]
"""(topic, partition)"""

_PATIENCE = 30.0


class Topics:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(settings)
        self._admin = AdminClient(self._settings)  # kept: without it its futures never come true

    def ends(self) -> dict[Place, int]:
        """Where each partition ends now; waits for partitions that have no leader yet."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._ends()
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _ends(self) -> dict[Place, int]:
        admin = self._admin
        found = admin.list_topics(timeout=_PATIENCE).topics
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {
            TopicPartition(topic, number): latest
            for topic in found
            if not topic.startswith("__")
            for number in found[topic].partitions
        }
        futures = admin.list_offsets(wanted, request_timeout=_PATIENCE)
        return {(place.topic, place.partition): future.result().offset for place, future in futures.items()}

    def send(self, records: Iterable[Record | Outgoing]) -> None:
        """Returns when all lie in the log; each partition keeps their order."""
        producer = Producer({**self._settings, "acks": "all", "enable.idempotence": True, "linger.ms": 1})
        failures: list[object] = []
        for record in records:
            producer.produce(
                record.topic,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
            producer.poll(0)
        left = producer.flush(_PATIENCE)
        assert not failures, failures
        assert not left, f"{left} records not sent"

    def read(self, topic: str, since: Mapping[Place, int]) -> list[Record]:
        """All that came to a topic since then, in the order of each partition."""
        ends = {place: end for place, end in self.ends().items() if place[0] == topic and end > since[place]}
        if not ends:
            return []
        consumer = Consumer({**self._settings, "group.id": "a test looks", "enable.auto.commit": False})
        records: list[Record] = []
        try:
            consumer.assign([TopicPartition(*place, since[place]) for place in ends])
            missing = sum(end - since[place] for place, end in ends.items())
            deadline = time.monotonic() + _PATIENCE
            while len(records) < missing:
                assert time.monotonic() < deadline, f"{len(records)} of {missing} records of {topic} could be read"
                for message in consumer.consume(missing - len(records), timeout=0.5):
                    assert message.error() is None, message.error()
                    records.append(_record(message))
        finally:
            consumer.close()
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def bookmarks(self, group: str) -> dict[Place, int]:
        """How far the group told Kafka that it is."""
        request = ConsumerGroupTopicPartitions(group)
        futures = self._admin.list_consumer_group_offsets([request], request_timeout=_PATIENCE)
        found = futures[group].result().topic_partitions
        return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}

    def forget(self, group: str) -> None:
        """Delete the group with all its bookmarks. It must have no member."""
        self._admin.delete_consumer_groups([group], request_timeout=_PATIENCE)[group].result()


def _record(message: Message) -> Record:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None
    headers: Any = message.headers() or ()  # in types a mapping too, in truth a list of pairs
    return Record(topic, partition, offset, message.key(), message.value(), tuple(headers))
