"""Every topic, its partitions and how long it is kept: made here only, the broker makes none by itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it offers them, without saying so in types
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from deploy.stack import access
from deploy.stack.errors import StackError
from deploy.stack.principals import SERVICES
from shared.settings import KafkaLogin

FACTS_PARTITIONS = 6  # bounds the consumers of one group; raising it later moves keys, so never on a used topic

# Change retention here and run `python -m deploy.stack up` again: it is applied to existing topics too.
# -1 keeps everything: a service restored from a backup reads what came since. Shorten an intake topic only once its
# events are archived elsewhere.
# LogAppendTime: the time of a record is the broker's, by which the clocks of the districts are judged.
TOPIC_CONFIG = {
    "max.message.bytes": str(6 * 1024 * 1024),
    "retention.ms": "-1",
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
}

_PATIENCE = 60.0


@dataclass(frozen=True)
class Topic:
    name: str
    partitions: int


def wanted(codes: Iterable[str], prefix: str = "") -> list[Topic]:
    """One partition per district and direction keeps a district's events in order."""
    districts = [
        Topic(f"{prefix}{kind}.{code}", 1)
        for code in codes
        for kind in (*(f"intake.{service}" for service in SERVICES), "receipts")
    ]
    return [*districts, *(Topic(f"{prefix}facts.{service}", FACTS_PARTITIONS) for service in SERVICES)]


def provision_topics(bootstrap: str, codes: Iterable[str], prefix: str = "", *, login: KafkaLogin | None = None) -> int:
    """Makes what is missing, brings what exists to TOPIC_CONFIG; returns how many were made.

    Safe to run again and by several at once. An existing topic with another number of partitions is refused:
    growing it would send a key's later events to another partition than its earlier ones.
    """
    admin = access.administrator(bootstrap, login)
    topics = wanted(codes, prefix)
    existing = {name: len(found.partitions) for name, found in admin.list_topics(timeout=_PATIENCE).topics.items()}
    _refuse_other_partitions(topics, existing)
    made = _create(admin, [topic for topic in topics if topic.name not in existing])
    _configure(admin, [topic for topic in topics if topic.name in existing])
    return made


def _refuse_other_partitions(topics: Sequence[Topic], existing: dict[str, int]) -> None:
    for topic in topics:
        found = existing.get(topic.name, topic.partitions)
        if found != topic.partitions:
            raise StackError(f"topic {topic.name} has {found} partitions and should have {topic.partitions}")


def _create(admin: AdminClient, topics: Sequence[Topic]) -> int:
    if not topics:
        return 0
    new = [
        NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=1, config=TOPIC_CONFIG)
        for topic in topics
    ]
    futures = admin.create_topics(new, operation_timeout=_PATIENCE, request_timeout=_PATIENCE)
    return sum(_created(future.exception()) for future in futures.values())


def _created(error: BaseException | None) -> bool:
    if error is None:
        return True
    if isinstance(error, KafkaException) and error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
        return False  # somebody else made it at the same time
    raise error


def _configure(admin: AdminClient, topics: Sequence[Topic]) -> None:
    if not topics:
        return
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in TOPIC_CONFIG.items()
    ]
    resources = [ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries) for topic in topics]
    for future in admin.incremental_alter_configs(resources, request_timeout=_PATIENCE).values():
        future.result()
