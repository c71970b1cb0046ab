"""The rows that say how far each partition is applied, and by which record: the truth, changed with what it applied."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import run, set_wise
from shared.events.envelope import Record
from shared.log import Partition

_PLACE = {"topic": "text", "partition": "int"}


async def begin(session: AsyncSession, partitions: Sequence[Partition]) -> None:
    """A row for each partition that has none yet, so that it can be locked."""
    await set_wise(
        session,
        "INSERT INTO log_offset (topic, partition, next_offset) SELECT r.topic, r.partition, 0 FROM {rows} "
        "WHERE true ON CONFLICT DO NOTHING",
        _PLACE,
        partitions,
    )


async def following(session: AsyncSession, partitions: Sequence[Partition], *, lock: bool) -> Mapping[Partition, int]:
    """The next offset of each partition; 0 where nothing was applied. On SQLite a writer is alone without a lock."""
    locking = "FOR UPDATE OF o" if lock and session.get_bind().dialect.name != "sqlite" else ""
    found = await set_wise(
        session,
        f"""SELECT o.topic, o.partition, o.next_offset FROM log_offset o
            JOIN {{rows}} ON o.topic = r.topic AND o.partition = r.partition ORDER BY o.topic, o.partition {locking}""",
        _PLACE,
        partitions,
    )
    return dict.fromkeys(partitions, 0) | {Partition(row.topic, row.partition): row.next_offset for row in found}


async def every(session: AsyncSession) -> Mapping[Partition, int]:
    found = await run(session, "SELECT topic, partition, next_offset FROM log_offset")
    return {Partition(row.topic, row.partition): row.next_offset for row in found}


async def last_applied(session: AsyncSession, topics: Collection[str]) -> Mapping[Partition, tuple[int, int]]:
    """Offset and time (microseconds since 1970) of the last record applied, where its time is known."""
    found = await run(
        session,
        "SELECT topic, partition, next_offset - 1 AS last, last_taken_us FROM log_offset "
        "WHERE last_taken_us IS NOT NULL",
    )
    return {Partition(row.topic, row.partition): (row.last, row.last_taken_us) for row in found if row.topic in topics}


async def save(
    session: AsyncSession, following: Mapping[Partition, int], applied: Sequence[Record]
) -> Mapping[Partition, int | None]:
    """`applied`: the last of each partition says which log they came from. Returns when the log took those."""
    last = {Partition(record.topic, record.partition): record.taken_us for record in applied}
    await set_wise(
        session,
        """UPDATE log_offset SET next_offset = r.next, last_taken_us = r.taken_us FROM {rows}
           WHERE log_offset.topic = r.topic AND log_offset.partition = r.partition""",
        {**_PLACE, "next": "bigint", "taken_us": "bigint"},
        [(*partition, following[partition], taken_us) for partition, taken_us in last.items()],
    )
    return last
