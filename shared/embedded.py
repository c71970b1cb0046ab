"""The log in one SQLite file: durable, with consumer groups, for several processes on one machine.

Every topic has one partition. A lease says which member of a group reads it; a member that lost its lease without
noticing does no harm, since the reader's own offset row refuses what was applied already.
"""

import asyncio
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiosqlite
import msgspec

from shared.events.envelope import Outgoing, Record
from shared.log import LogUnavailable, Partition, Positions, check_sizes
from shared.wal import PATIENCE, enter_wal

LEASE_SECONDS = 10.0
HEARTBEAT_SECONDS = 1.0
_POLL_SECONDS = 0.05

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    topic TEXT NOT NULL, number INTEGER NOT NULL, key BLOB, value BLOB, headers BLOB NOT NULL,
    taken_us INTEGER,
    PRIMARY KEY (topic, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topic (name TEXT PRIMARY KEY, following INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bookmark (
    team TEXT NOT NULL, topic TEXT NOT NULL, following INTEGER NOT NULL, PRIMARY KEY (team, topic)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS member (
    team TEXT NOT NULL, name TEXT NOT NULL, seen REAL NOT NULL, PRIMARY KEY (team, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lease (
    team TEXT NOT NULL, topic TEXT NOT NULL, member TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (team, topic)
) WITHOUT ROWID;
"""
_headers = msgspec.json.Decoder(tuple[tuple[str, bytes], ...])


class EmbeddedLog:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._connection: aiosqlite.Connection | None = None
        self._appended = asyncio.Event()

    async def append(self, records: Sequence[Outgoing]) -> None:
        check_sizes(records)
        async with self._writing() as connection:
            following = await self._following(connection, sorted({record.topic for record in records}))
            rows = []
            taken_us = time.time_ns() // 1000
            for record in records:
                rows.append(
                    (
                        record.topic,
                        following[record.topic],
                        record.key,
                        record.value,
                        msgspec.json.encode(record.headers),
                        taken_us,
                    )
                )
                following[record.topic] += 1
            await connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", rows)
            await connection.executemany("INSERT OR REPLACE INTO topic VALUES (?, ?)", following.items())
        self._appended.set()

    @asynccontextmanager
    async def subscribe(
        self, group: str, topics: Sequence[str], positions: Positions
    ) -> AsyncIterator["EmbeddedSubscription"]:
        subscription = EmbeddedSubscription(self, group, topics, positions)
        try:
            yield subscription
        finally:
            with suppress(LogUnavailable):
                await subscription.leave()

    async def ends(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        async with self._reading() as connection:
            following = await self._following(connection, list(topics))
        return {Partition(topic, 0): end for topic, end in following.items()}

    async def taken_at(self, places: Mapping[Partition, int]) -> Mapping[Partition, int]:
        async with self._reading() as connection:
            found = await connection.execute_fetchall(
                """SELECT record.topic, record.taken_us FROM json_each(?) place
                   JOIN record ON record.topic = place.value ->> 0 AND record.number = place.value ->> 1
                   WHERE record.taken_us IS NOT NULL""",
                (msgspec.json.encode([(partition.topic, offset) for partition, offset in places.items()]).decode(),),
            )
        return {Partition(topic, 0): taken_us for topic, taken_us in found}

    async def ready(self) -> bool:
        try:
            async with self._reading() as connection:
                await connection.execute("SELECT 1")
        except LogUnavailable:
            return False
        return True

    async def close(self) -> None:
        async with self._lock:
            if self._connection is not None:
                await self._connection.close()
                self._connection = None

    async def wait_for_append(self, seconds: float) -> None:
        """Return when this process appended, or after `seconds`: another process's appends are found by looking."""
        self._appended.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._appended.wait(), seconds)

    async def _following(self, connection: aiosqlite.Connection, topics: Sequence[str]) -> dict[str, int]:
        found = await connection.execute_fetchall(
            "SELECT name, following FROM topic WHERE name IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(topics).decode(),),
        )
        return dict.fromkeys(topics, 0) | {row[0]: row[1] for row in found}

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._lock:
            try:
                if self._connection is None:
                    self._connection = await _open(self._path)
                yield self._connection
            except (sqlite3.OperationalError, OSError) as error:
                raise LogUnavailable(f"the log file {self._path} cannot be used: {error}") from error

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._reading() as connection:
            try:
                # Inside: a BEGIN whose caller is cancelled is still carried out, and must be rolled back.
                await connection.execute("BEGIN IMMEDIATE")
                yield connection
                await connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):
                    await connection.execute("ROLLBACK")
                raise


class EmbeddedSubscription:
    def __init__(self, log: EmbeddedLog, group: str, topics: Sequence[str], positions: Positions) -> None:
        self._log = log
        self._group = group
        self._topics = sorted(topics)
        self._positions = positions
        self._name = secrets.token_hex(8)
        self._next: dict[str, int] = {}
        self._halted: set[str] = set()
        self._beat = 0.0

    @property
    def assigned(self) -> frozenset[Partition]:
        return frozenset(Partition(topic, 0) for topic in self._next)

    async def read(self, *, limit: int, timeout: float) -> list[Record]:
        deadline = time.monotonic() + timeout
        while True:
            await self._keep_leases()
            records = await self._fetch(limit)
            left = deadline - time.monotonic()
            if records or left <= 0:
                return records
            await self._log.wait_for_append(min(_POLL_SECONDS, left))

    async def bookmark(self, offsets: Mapping[Partition, int]) -> None:
        rows = [(self._group, partition.topic, following) for partition, following in offsets.items()]
        with suppress(LogUnavailable):
            async with self._log._writing() as connection:
                await connection.executemany("INSERT OR REPLACE INTO bookmark VALUES (?, ?, ?)", rows)

    def seek(self, partition: Partition, offset: int) -> None:
        if partition.topic in self._next:
            self._next[partition.topic] = offset

    def halt(self, partition: Partition) -> None:
        self._halted.add(partition.topic)

    async def behind(self) -> Mapping[Partition, int]:
        async with self._log._reading() as connection:
            following = await self._log._following(connection, list(self._next))
        return {Partition(topic, 0): following[topic] - at for topic, at in self._next.items() if following[topic] > at}

    async def leave(self) -> None:
        async with self._log._writing() as connection:
            await connection.execute("DELETE FROM member WHERE team = ? AND name = ?", (self._group, self._name))
            await connection.execute("DELETE FROM lease WHERE team = ? AND member = ?", (self._group, self._name))
        self._next.clear()

    async def _fetch(self, limit: int) -> list[Record]:
        readable = {topic: at for topic, at in self._next.items() if topic not in self._halted}
        records: list[Record] = []
        async with self._log._reading() as connection:
            following = await self._log._following(connection, list(readable))
            for topic, at in readable.items():
                if following[topic] <= at or len(records) >= limit:
                    continue
                found = await connection.execute_fetchall(
                    "SELECT number, key, value, headers, taken_us FROM record "
                    "WHERE topic = ? AND number >= ? ORDER BY number LIMIT ?",
                    (topic, at, limit - len(records)),
                )
                records += [
                    Record(topic, 0, number, key, value, _headers.decode(headers), taken_us)
                    for number, key, value, headers, taken_us in found
                ]
        for record in records:
            self._next[record.topic] = record.offset + 1
        # A topic that always has more must not starve those behind it: it goes to the end of the line. Only facts
        # stay in front: what an event refers to is then known more often, and fewer events have to wait.
        for topic in dict.fromkeys(record.topic for record in records if not record.topic.startswith("facts.")):
            self._next[topic] = self._next.pop(topic)
        return records

    async def _keep_leases(self) -> None:
        if time.monotonic() - self._beat < HEARTBEAT_SECONDS and self._beat:
            return
        held = await self._renew(time.time())
        self._beat = time.monotonic()
        gained = [topic for topic in held if topic not in self._next]
        start = await self._positions([Partition(topic, 0) for topic in gained]) if gained else {}
        kept = {topic: at for topic, at in self._next.items() if topic in held}
        self._next = kept | {topic: start.get(Partition(topic, 0), 0) for topic in gained}

    async def _renew(self, moment: float) -> set[str]:
        """Say that this member lives, and take the leases of its fair share of the topics. Returns what it holds."""
        team = self._group
        async with self._log._writing() as connection:
            await connection.execute("INSERT OR REPLACE INTO member VALUES (?, ?, ?)", (team, self._name, moment))
            await connection.execute("DELETE FROM member WHERE team = ? AND seen < ?", (team, moment - LEASE_SECONDS))
            found = await connection.execute_fetchall("SELECT name FROM member WHERE team = ? ORDER BY name", (team,))
            members = [row[0] for row in found]
            share = set(self._topics[members.index(self._name) :: len(members)])
            await connection.execute("DELETE FROM lease WHERE team = ? AND member = ?", (team, self._name))
            await connection.executemany(
                """INSERT INTO lease VALUES (?, ?, ?, ?) ON CONFLICT (team, topic) DO UPDATE
                   SET member = excluded.member, until = excluded.until WHERE lease.until < ?""",
                [(team, topic, self._name, moment + LEASE_SECONDS, moment) for topic in share],
            )
            held = await connection.execute_fetchall(
                "SELECT topic FROM lease WHERE team = ? AND member = ?", (team, self._name)
            )
        return {row[0] for row in held}


async def _open(path: Path) -> aiosqlite.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = await aiosqlite.connect(path, isolation_level=None, timeout=PATIENCE)
    try:
        await enter_wal(connection)
        for pragma in ("synchronous=FULL", "cache_size=-32768"):
            await connection.execute(f"PRAGMA {pragma}")
        await connection.executescript(_SCHEMA)
        await _add_time(connection)
    except BaseException:
        await connection.close()  # its thread would keep the process from ever ending
        raise
    return connection


async def _add_time(connection: aiosqlite.Connection) -> None:
    """To a file made before the log kept it; its old records have none. Processes that open it at once take turns."""
    if await _has_time(connection):
        return
    await connection.execute("BEGIN IMMEDIATE")
    if not await _has_time(connection):
        await connection.execute("ALTER TABLE record ADD COLUMN taken_us INTEGER")
    await connection.execute("COMMIT")


async def _has_time(connection: aiosqlite.Connection) -> bool:
    columns = await connection.execute_fetchall("SELECT 1 FROM pragma_table_info('record') WHERE name = 'taken_us'")
    return bool(columns)
