"""The numbered loop: offsets, rows, facts and receipts of a batch change in one transaction, or not at all."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession
from structlog.typing import FilteringBoundLogger

from shared import offsets
from shared.database import Database, now, run
from shared.events.catalogue import topic_district
from shared.events.envelope import Record, microseconds
from shared.failpoint import reached
from shared.inbox import Inbox
from shared.log import Log, Partition, Subscription
from shared.telemetry import Metrics


class Deferred(Protocol):
    """Work a service puts off while the log is full, e.g. the growth classes: done set-wise when it is drained."""

    async def due(self, session: AsyncSession, districts: Collection[str]) -> bool:
        """Is there any in these districts? Takes no lock."""
        ...

    async def settle(self, session: AsyncSession, districts: Collection[str]) -> bool:
        """Do a bounded part of it in the caller's transaction. True when more is left."""
        ...


IDLE_SECONDS = 0.5
SETTLE_SECONDS = (0.2, 5.0)
"""While events come, what was put off is done this often; while the log is full, a part of it this often."""
SETTLE_AT_ONCE_SECONDS = 5.0
"""Then the log is looked at again, however much is left: what came meanwhile must not wait, nor pass for lost."""
BOOKMARK_SECONDS = 1.0
"""The bookmark costs a call to the broker, as long as a small batch takes: while events come, one a second."""

UNSURE_SECONDS = 5.0
"""Ten times the pause between two looks at the log."""


class Stalled(Exception):
    """The log has more, and this worker gets none of it: only a new process helps (aiokafka#703, #1187)."""


class Progress:
    """How far a consumer is, for the dashboard's `lag`, the metrics and the readiness."""

    def __init__(self) -> None:
        self.gaps: set[Partition] = set()
        self._began_us = microseconds(now())
        self._looked_us: int | None = None
        self._left: Mapping[Partition, int] = {}
        self._since_us: dict[Partition, int | None] = {}
        """Of partitions with something left: all of it came to the log after this moment, as far as known."""

    @property
    def behind(self) -> int:
        return sum(self._left.values())

    @property
    def moving(self) -> int:
        """What is left in partitions that are not halted: there standing still is a fault."""
        return sum(count for partition, count in self._left.items() if partition not in self.gaps)

    @property
    def seconds(self) -> float:
        """0 when all is applied. A worker that could not look lately, the log being away, does not know that it is."""
        known = [self._since_us[partition] or self._began_us for partition in self._left]
        oldest_us = min(known, default=self._looked_us or self._began_us)
        age = max(0.0, (microseconds(now()) - oldest_us) / 1e6)
        return age if self._left or age > UNSURE_SECONDS else 0.0

    def note(self, left: Mapping[Partition, int], applied: Mapping[Partition, int | None]) -> None:
        """`left` is what the log holds beyond what is applied; `applied`: when it took the last of that, if it says."""
        since_us = {partition: self._since_us.get(partition, self._looked_us) for partition in left}
        for partition, taken_us in applied.items():
            if partition in since_us and taken_us is not None:
                since_us[partition] = max(since_us[partition] or 0, taken_us)
        self._left, self._since_us = left, since_us
        self._looked_us = microseconds(now())


class Together:
    """How far all consumers of this process are."""

    def __init__(self) -> None:
        self.parts: list[Progress] = []

    @property
    def behind(self) -> int:
        return sum(part.behind for part in self.parts)

    @property
    def moving(self) -> int:
        return sum(part.moving for part in self.parts)

    @property
    def seconds(self) -> float:
        return max((part.seconds for part in self.parts), default=0.0)

    @property
    def gaps(self) -> set[Partition]:
        return {gap for part in self.parts for gap in part.gaps}


class _NothingDeferred:
    async def due(self, _session: AsyncSession, _districts: Collection[str]) -> bool:
        return False

    async def settle(self, _session: AsyncSession, _districts: Collection[str]) -> bool:
        return False


async def _silence() -> None:
    return None


class Consumer:
    """Reads the topics of one service in one group, several processes sharing the partitions."""

    def __init__(
        self,
        group: str,
        topics: Sequence[str],
        *,
        log: Log,
        database: Database,
        inbox: Inbox,
        metrics: Metrics,
        logger: FilteringBoundLogger,
        batch: int = 2000,
        stall: float = 60.0,
        deferred: Deferred | None = None,
        announce: Callable[[], Awaitable[None]] = _silence,
        together: Together | None = None,
    ) -> None:
        self._group = group
        self._topics = topics
        self._log = log
        self._database = database
        self._inbox = inbox
        self._metrics = metrics
        self._logger = logger
        self._batch = batch
        self._stall = stall
        self._deferred = deferred or _NothingDeferred()
        self._announce = announce
        self._doubted: dict[Partition, int] = {}
        self._unsettled = False
        self._bookmarked = 0.0
        self._following: dict[Partition, int] = {}
        self._applied: Mapping[Partition, int | None] = {}
        self._moved = 0.0
        self._settled = 0.0
        self.progress = Progress()
        self._together = together or Together()
        self._together.parts.append(self.progress)

    async def run(self, stopping: asyncio.Event) -> None:
        """Read and apply until told to stop.

        Raises LogUnavailable or a transient database error, after which `run` may be called again: the offsets in the
        database say where to go on. Raises Stalled when only a new process helps.
        """
        self._moved = time.monotonic()
        self._doubted.clear()
        self._following.clear()
        self.progress.gaps.clear()  # a new subscription looks again, and halts again what is still lost
        self._metrics.gauge("gaps", len(self._together.gaps))
        async with self._log.subscribe(self._group, self._topics, self.positions) as subscription:
            await self._look_for_lost_ends(subscription)
            await self._look_for_another_log(subscription)
            while not stopping.is_set():
                await self._step(subscription, stopping)

    async def positions(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """The next offset of each partition, by the database: the truth."""
        async with self._database.reading() as session:
            return await offsets.following(session, list(partitions), lock=False)

    async def _step(self, subscription: Subscription, stopping: asyncio.Event) -> None:
        timeout = SETTLE_SECONDS[0] if self._unsettled else IDLE_SECONDS
        records = await subscription.read(limit=self._batch, timeout=timeout)  # 1 read a batch
        started = time.monotonic()
        full = len(records) >= self._batch
        changed = await self._commit(subscription, records) if records else False
        if not records:
            await self._bookmark(subscription)
        busy = full or self._together.moving >= self._batch  # another consumer's full log counts as much as one's own
        self._unsettled = (busy or bool(records)) and started - self._settled < SETTLE_SECONDS[busy]
        if not self._unsettled:
            before = time.monotonic()
            changed = await self._settle(subscription, stopping, everything=not busy) or changed
            self._settled = time.monotonic()
            self._moved += self._settled - before  # work as well: the watchdog's clock stands still meanwhile
        if changed:
            await self._announce()  # 7
            self._metrics.batch_seconds.observe(time.monotonic() - started)
        self.progress.note(await subscription.behind(), self._applied)
        self._watch(subscription, moved=bool(records))

    async def _commit(self, subscription: Subscription, records: Sequence[Record]) -> bool:
        reached("read")
        async with self._database.transaction() as session:  # 2 begin
            fresh, following = await self._lock_offsets(session, subscription, records)  # 3 drop what is not new
            if fresh:
                await self._inbox.apply(session, fresh)  # 4 apply
                reached("row saved")
                self._applied = await offsets.save(session, following, fresh)
            reached("applied")
        # 5 the transaction is committed
        reached("committed")
        self._following |= following
        if time.monotonic() - self._bookmarked > BOOKMARK_SECONDS:
            await self._bookmark(subscription)  # 6
        reached("bookmarked")
        if len(fresh) < len(records):
            self._metrics.count("events_dropped_total", len(records) - len(fresh))
            await self._look_for_lost_ends(subscription)
        return bool(fresh)

    async def _bookmark(self, subscription: Subscription) -> None:
        if self._following:
            await subscription.bookmark(self._following)
            self._following = {}
            self._bookmarked = time.monotonic()

    async def _settle(self, subscription: Subscription, stopping: asyncio.Event, *, everything: bool) -> bool:
        """Apply what was set free by an officer's call or another worker, and do what was put off: all or one part.

        True: some was.

        Each in a transaction of its own: whoever holds some districts and then asks for others deadlocks with a peer
        that does the same. What was put off is shared as the intake is: nobody waits for the districts of a peer.
        """
        districts = {code for partition in subscription.assigned if (code := topic_district(partition.topic))}
        began = time.monotonic()
        changed = False
        while not stopping.is_set():
            ready, due = await self._anything_due(districts)
            if not (ready or due):
                break
            more = False
            if ready:
                async with self._database.transaction() as session:
                    more = await self._inbox.drain(session) > 0
            if due:
                async with self._database.transaction() as session:
                    more = await self._deferred.settle(session, districts) or more
            changed = True
            if not everything or not more or time.monotonic() - began > SETTLE_AT_ONCE_SECONDS:
                break
        return changed

    async def _anything_due(self, districts: Collection[str]) -> tuple[bool, bool]:
        """Of what waited, and of what was put off. A look that takes no lock, so that an idle worker costs nothing."""
        async with self._database.reading() as session:
            ready = await run(session, "SELECT 1 FROM waiting WHERE ready LIMIT 1")
            return ready.first() is not None, await self._deferred.due(session, districts)

    async def _lock_offsets(
        self, session: AsyncSession, subscription: Subscription, records: Sequence[Record]
    ) -> tuple[list[Record], dict[Partition, int]]:
        """The records not applied yet, and where each partition goes on after them.

        Whoever holds the row applies; a worker that was frozen and lost its partitions finds them moved on.
        """
        partitions = sorted({Partition(record.topic, record.partition) for record in records})
        await offsets.begin(session, partitions)
        following = dict(await offsets.following(session, partitions, lock=True))
        fresh = []
        doubted: set[Partition] = set()
        for record in records:
            partition = Partition(record.topic, record.partition)
            expected = following[partition]
            if partition in self.progress.gaps or partition in doubted:
                continue
            if record.offset > expected:
                doubted.add(partition)
                self._doubt(subscription, partition, expected, record.offset)
            elif record.offset == expected:
                following[partition] = expected + 1
                fresh.append(record)
        return fresh, following

    def _doubt(self, subscription: Subscription, partition: Partition, expected: int, found: int) -> None:
        """Records are missing. Read again from where they should be; if they are gone, stop and call for a human."""
        if self._doubted.get(partition) == expected:
            self._stop(subscription, partition, expected, found)
        else:
            self._doubted[partition] = expected
            subscription.seek(partition, expected)

    async def _look_for_lost_ends(self, subscription: Subscription) -> None:
        """A log that ends before what was applied was cut or replaced: its new records would be taken for old ones."""
        async with self._database.reading() as session:
            applied = await offsets.every(session)
        ends = await self._log.ends(self._topics)  # asked last: others append and apply meanwhile
        for partition, end in ends.items():
            if end < applied.get(partition, 0):
                self._stop(subscription, partition, applied[partition], end)

    async def _look_for_another_log(self, subscription: Subscription) -> None:
        """A log cut short that has since grown past what was applied shows it by the record that was applied last.

        It was taken at another moment. Where it is gone, or nothing is known of its time, no statement can be made.
        """
        async with self._database.reading() as session:
            applied = await offsets.last_applied(session, self._topics)
        there = await self._log.taken_at({partition: offset for partition, (offset, _) in applied.items()})
        for partition, taken_us in there.items():
            offset, expected_us = applied[partition]
            if taken_us != expected_us:
                self._stop(subscription, partition, offset, offset, taken_us=taken_us, expected_taken_us=expected_us)

    def _stop(
        self, subscription: Subscription, partition: Partition, expected: int, found: int, **more: object
    ) -> None:
        if partition in self.progress.gaps:
            return
        self.progress.gaps.add(partition)
        subscription.halt(partition)
        self._metrics.gauge("gaps", len(self._together.gaps))
        self._logger.error(
            "the log has lost records; the partition is stopped",
            topic=partition.topic,
            partition=partition.number,
            expected=expected,
            found=found,
            **more,
        )

    def _watch(self, subscription: Subscription, *, moved: bool) -> None:
        self._metrics.gauge("events_behind", self._together.behind)
        self._metrics.gauge("seconds_behind", self._together.seconds)
        stuck = self.progress.moving > 0 or not subscription.assigned
        if moved or not stuck:
            self._moved = time.monotonic()
        elif time.monotonic() - self._moved > self._stall:
            raise Stalled(
                f"{self._group}: {self.progress.behind} events behind, {len(subscription.assigned)} partitions, "
                f"no progress for {self._stall:.0f} s"
            )
