"""The locked broker of `make stack`, and clients that sign in to it; by another library than the services use."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it offers them, without saying so in types
    AdminClient,
    OffsetSpec,
)

from deploy.stack import access, doors, passwords
from deploy.stack.components import Handle
from deploy.stack.topics import provision_topics
from shared.events.districts import DISTRICTS
from shared.events.envelope import Outgoing
from shared.settings import KafkaLogin

PATIENCE = 30.0


@dataclass(frozen=True)
class Locked:
    handle: Handle
    state_dir: Path

    @property
    def address(self) -> str:
        return self.handle.address

    def login(self, user: str) -> KafkaLogin:
        return passwords.login(self.state_dir, user)

    def open(self, codes: Sequence[str]) -> Mapping[str, KafkaLogin]:
        """All topics, the services, and these districts, as `make stack` and `make district` do it."""
        provision_topics(self.address, DISTRICTS, login=self.login(passwords.ADMIN))
        doors.open_services(self.address, self.state_dir)
        return doors.open_districts(self.address, self.state_dir, codes)

    def as_(self, user: str) -> "Client":
        return Client(access.client_settings(self.address, self.login(user)))

    def ends(self) -> dict[str, int]:
        """How many records came to each topic of Berdaya, ever."""
        return self.as_(passwords.ADMIN).ends()


@dataclass(frozen=True)
class Client:
    """Each method does one thing; where the broker refuses, it returns the code of its answer, and None where not."""

    settings: Mapping[str, Any]

    @property
    def admin(self) -> AdminClient:
        return AdminClient(dict(self.settings))

    def write(self, topic: str, value: bytes = b"{}", *, settings: Mapping[str, Any] | None = None) -> int | None:
        return self.send(Outgoing(topic, b"key", value, ()), settings=settings)

    def send(self, record: Outgoing, *, settings: Mapping[str, Any] | None = None) -> int | None:
        codes: list[int | None] = []
        producer = Producer({**self.settings, "enable.idempotence": True, **(settings or {})})
        producer.produce(
            record.topic,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            on_delivery=lambda error, _: codes.append(error.code() if error else None),
        )
        assert producer.flush(PATIENCE) == 0, "no answer"
        return codes[0]

    def read(self, topic: str, group: str) -> int | None:
        """As a member of a group, from the beginning."""
        deadline = time.monotonic() + PATIENCE
        with self._consumer(group) as consumer:
            consumer.subscribe([topic])
            while time.monotonic() < deadline:
                message = consumer.poll(1.0)
                if message is not None:
                    error = message.error()
                    return error.code() if error else None
        raise AssertionError("neither a record nor a refusal")

    def find(self, topic: str, group: str, what: bytes) -> bytes:
        """The first record with these bytes in it, read as a member of a group."""
        deadline = time.monotonic() + PATIENCE
        with self._consumer(group) as consumer:
            consumer.subscribe([topic])
            while time.monotonic() < deadline:
                for message in consumer.consume(100, timeout=0.5):
                    assert message.error() is None, message.error()
                    if what in (value := message.value() or b""):
                        return value
        raise AssertionError(f"nothing with {what!r} came to {topic}")

    def topics(self) -> set[str]:
        return set(self.admin.list_topics(timeout=PATIENCE).topics)

    def ends(self) -> dict[str, int]:
        admin = self.admin
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {
            TopicPartition(topic, number): latest
            for topic, found in admin.list_topics(timeout=PATIENCE).topics.items()
            if not topic.startswith("__")
            for number in found.partitions
        }
        counts: dict[str, int] = {}
        for place, future in admin.list_offsets(wanted, request_timeout=PATIENCE).items():
            counts[place.topic] = counts.get(place.topic, 0) + future.result().offset
        return counts

    def signs_in(self) -> bool:
        """False when the broker said no; anything else that keeps us out is an error."""
        codes: list[int] = []
        settings: dict[str, Any] = {**self.settings, "error_cb": lambda error: codes.append(error.code())}
        admin = AdminClient(settings)
        try:
            admin.list_topics(timeout=3)
        except KafkaException:
            admin.poll(0)
            assert KafkaError._AUTHENTICATION in codes, codes
            return False
        return True

    @contextmanager
    def _consumer(self, group: str) -> Iterator[Consumer]:
        consumer = Consumer(
            {**self.settings, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        )
        try:
            yield consumer
        finally:
            consumer.close()


def refused(what: Callable[[], object]) -> int:
    """The code of the broker's no."""
    try:
        what()
    except KafkaException as error:
        return int(error.args[0].code())
    raise AssertionError("it was not refused")
