"""The port to the log: append durably, subscribe in a group. Kafka and the embedded log behave alike behind it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from shared.events.envelope import Outgoing, Record

MAX_RECORD_BYTES = 5 * 1024 * 1024


class Partition(NamedTuple):
    topic: str
    number: int


Positions = Callable[[Iterable[Partition]], Awaitable[Mapping[Partition, int]]]
"""Tells where to go on in partitions just assigned: the offsets in the reader's own database."""


class LogUnavailable(Exception):
    """The log did not answer in time. Whether the records were taken is unknown: append them again."""


class TooLarge(Exception):
    """One record is larger than the log takes: 5 MiB."""


def check_sizes(records: Iterable[Outgoing]) -> None:
    """Raises TooLarge, before anything is taken."""
    if any(len(record.value) > MAX_RECORD_BYTES for record in records):
        raise TooLarge(f"one record is larger than {MAX_RECORD_BYTES} bytes")


class Subscription(Protocol):
    """A member of a group. One reader, one task: its methods are not to be called concurrently."""

    async def read(self, *, limit: int, timeout: float) -> list[Record]:
        """Up to `limit` records, in order per partition; empty when `timeout` seconds brought none.

        Raises LogUnavailable when the log has been out of reach.
        """
        ...

    async def bookmark(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the log how far this group is. Only a bookmark: a failure is harmless and not raised."""
        ...

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this partition from `offset` next."""
        ...

    def halt(self, partition: Partition) -> None:
        """Read nothing more from this partition while this subscription lives."""
        ...

    async def behind(self) -> Mapping[Partition, int]:
        """How many records the log holds that `read` has not returned, as far as known, where there are any."""
        ...

    @property
    def assigned(self) -> frozenset[Partition]:
        """The partitions this member reads now."""
        ...


class Log(Protocol):
    async def append(self, records: Sequence[Outgoing]) -> None:
        """Return once all records are durable. Records of one partition keep their order.

        Raises LogUnavailable or TooLarge. Records of one topic and key are taken all or none, up to 4 MiB of them.
        """
        ...

    def subscribe(
        self, group: str, topics: Sequence[str], positions: Positions
    ) -> AbstractAsyncContextManager[Subscription]: ...

    async def ends(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        """The offset that the next record of each partition will have. Raises LogUnavailable."""
        ...

    async def taken_at(self, places: Mapping[Partition, int]) -> Mapping[Partition, int]:
        """When the log took the record at each of these places, in microseconds since 1970.

        Left out: a record that is there no more, or not yet, and one of which the log does not say when it took it.
        Raises LogUnavailable.
        """
        ...

    async def ready(self) -> bool:
        """Does the log answer now?"""
        ...

    async def close(self) -> None:
        """Let go of all connections, within bounded time."""
        ...
