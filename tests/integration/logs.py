"""The two logs as tests use them: topics and groups with names of their own, and members that are real processes."""

import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it offers them, without saying so in types
    AdminClient,
    NewTopic,
)

from deploy.stack.files import ROOT
from deploy.stack.topics import TOPIC_CONFIG
from shared.embedded import EmbeddedLog
from shared.events.envelope import Outgoing, Record
from shared.kafka import KafkaLog
from shared.log import Log, Partition, Positions, Subscription

T = TypeVar("T")
Kind = Literal["embedded", "kafka"]

SESSION_SECONDS = 3.0
"""How long Kafka takes a silent member for alive, in tests."""
PATIENCE_SECONDS = 30.0


class Logs:
    """One log of one kind. Kafka is shared by the whole session, so topics and groups have names of their own."""

    def __init__(self, kind: Kind, address: str) -> None:
        self.kind = kind
        self.address = address
        self.group = f"group-{secrets.token_hex(4)}"
        self.other_group = f"group-{secrets.token_hex(4)}"
        self._open: list[Log] = []

    def open(self) -> Log:
        """A connection of its own, closed after the test."""
        self._open.append(open_log(self.kind, self.address))
        return self._open[-1]

    async def close(self) -> None:
        for log in self._open:
            await log.close()

    def topic(
        self, name: str = "topic", *, partitions: int = 1, end: str = "", config: Mapping[str, str] | None = None
    ) -> str:
        """The embedded log has one partition whatever is asked for."""
        unique = f"{name}-{secrets.token_hex(4)}{end}"
        if self.kind == "kafka":
            make_topic(self.address, unique, partitions=partitions, config=config or {})
        return unique


def open_log(kind: str, address: str) -> Log:
    if kind == "kafka":
        return KafkaLog(address, session_timeout=SESSION_SECONDS)
    return EmbeddedLog(Path(address))


def make_topic(address: str, name: str, *, partitions: int = 1, config: Mapping[str, str] = {}) -> None:
    """As Berdaya makes its topics, but for what `config` changes."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    new = NewTopic(name, num_partitions=partitions, replication_factor=1, config={**TOPIC_CONFIG, **config})
    admin.create_topics([new], operation_timeout=PATIENCE_SECONDS)[name].result()


def delete_group(address: str, group: str) -> None:
    """With all its bookmarks. It must have no member."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    admin.delete_consumer_groups([group], request_timeout=PATIENCE_SECONDS)[group].result()


async def from_the_start(_: Iterable[Partition]) -> Mapping[Partition, int]:
    """The positions of a reader whose database is empty."""
    return {}


def positions_at(offsets: Mapping[Partition, int]) -> Positions:
    async def positions(_: Iterable[Partition]) -> Mapping[Partition, int]:
        return offsets

    return positions


def numbered(topic: str, numbers: Iterable[int], *, key: str = "key") -> list[Outgoing]:
    return [Outgoing(topic, key.encode(), str(number).encode(), ()) for number in numbers]


def numbers(records: Sequence[Record]) -> list[int]:
    return [int(record.value or b"") for record in records]


async def take(subscription: Subscription, count: int, *, limit: int = 1000) -> list[Record]:
    """The next `count` records."""
    found: list[Record] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records came"
        found += await subscription.read(limit=min(limit, count - len(found)), timeout=0.2)
    return found


async def nothing_more(subscription: Subscription, *, rounds: int = 3) -> None:
    for _ in range(rounds):
        assert await subscription.read(limit=1000, timeout=0.2) == []


async def until(what: Callable[[], Awaitable[bool]] | Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while True:
        found = what()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return
        assert time.monotonic() < deadline, f"still not so after {seconds:.0f} s"
        await asyncio.sleep(0.05)


class Seen(msgspec.Struct):
    """What a member in another process says about one record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    taken_us: int | None


class Member:
    """A member of a group in a process of its own: it tells every record it reads."""

    def __init__(self, logs: Logs, topics: Sequence[str]) -> None:
        self._command = ("read", logs.kind, logs.address, logs.group, *topics)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Member":
        self._process = await another_process(*self._command)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()
        await self._alive().wait()
        # The pipe's transport closes itself only once its end was read.
        await self._output().read()

    async def take(self, count: int) -> list[Record]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            lines = [await self._output().readline() for _ in range(count)]
        return [Record(**msgspec.structs.asdict(msgspec.json.decode(line, type=Seen))) for line in lines]

    def kill(self) -> None:
        """SIGKILL: it says goodbye to nobody."""
        if self._alive().returncode is None:
            self._alive().kill()

    def _alive(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    def _output(self) -> asyncio.StreamReader:
        output = self._alive().stdout
        assert output is not None
        return output


async def another_process(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.logs", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


async def append_elsewhere(logs: Logs, records: Sequence[Outgoing]) -> None:
    """Another process appends them, one after another, and ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.logs",
        *("append", logs.kind, logs.address),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
    )
    await process.communicate(msgspec.json.encode(records))
    assert process.returncode == 0


async def _read(log: Log, group: str, topics: Sequence[str]) -> None:
    async with log.subscribe(group, topics, from_the_start) as subscription:
        while True:
            for record in await subscription.read(limit=1000, timeout=0.2):
                print(msgspec.json.encode(Seen(*record)).decode(), flush=True)


async def _append(log: Log, records: Sequence[Outgoing]) -> None:
    for record in records:
        await log.append([record])
    await log.close()


def _main(what: str, kind: str, address: str, *rest: str) -> None:
    if what == "read":
        asyncio.run(_read(open_log(kind, address), rest[0], rest[1:]))
    else:
        asyncio.run(_append(open_log(kind, address), msgspec.json.decode(sys.stdin.buffer.read(), type=list[Outgoing])))


if __name__ == "__main__":
    _main(*sys.argv[1:])
