"""The engine and `transaction()`, the only place in Berdaya that commits."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from copy import copy
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from weakref import WeakSet

import asyncpg
import msgspec
from sqlalchemy import CursorResult, Dialect, String, TextClause, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.types import DateTime, TypeDecorator, TypeEngine
from sqlalchemy.util import await_only

from shared.events.envelope import format_time
from shared.sqlite import Driver
from shared.wal import PATIENCE, enter_wal, patiently

_SERVER_SETTINGS = {
    "application_name": "berdaya",
    "timezone": "UTC",
    "statement_timeout": "60000",
    "lock_timeout": "10000",
    # As long as Kafka waits for a silent worker: a frozen one must not keep its heir from the offsets' rows for longer.
    "idle_in_transaction_session_timeout": "30000",
}
# Classes: 08 connection, 53 resources, 57 operator, 58 system, 40 serialization and deadlock; lock time-outs.
_TRANSIENT_STATES = ("08", "53", "57", "58", "40", "55P03", "25P03")
FAULTS = (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a database raises, by whichever way it is spoken to."""


DISTRICT_LOCKS = 35
"""The space of the advisory locks on districts: 35 is East Java."""
_FROZEN_SECONDS = 20.0
"""No COPY of Berdaya waits so long for its own next row."""
# Types that JSON would carry in another spelling than the one SQLite stores.
_SPELLED = frozenset({"uuid", "timestamptz"})


class UtcTime(TypeDecorator[datetime]):
    """A moment. timestamptz on PostgreSQL; on SQLite the text of `format_time`, whose order is time order."""

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else format_time(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


class Database:
    """One service's database, PostgreSQL or one SQLite file."""

    def __init__(self, url: str, *, pool: int = 8) -> None:
        self.url = url
        self.engine: AsyncEngine = _postgres(url, pool) if url.startswith("postgresql") else _sqlite(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # Writers of one process take turns here: SQLite's own waiting is sleeping and trying again.
        self._turn: AbstractAsyncContextManager[object] = asyncio.Lock() if self.is_sqlite else nullcontext()
        self._limit: float | None = None
        self.commits = 0
        """By this object, so far."""
        self._open: WeakSet[Any] = WeakSet()
        if not self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", lambda made, _: self._open.add(made.driver_connection))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose work is committed when the block ends, and undone when it raises."""
        async with (
            asyncio.timeout(self._limit),
            self._turn,
            AsyncSession(self.engine, expire_on_commit=False) as session,
        ):
            await session.connection(execution_options={"berdaya_write": True})
            yield session
            try:
                await session.commit()
            except BaseException:
                # After a failed COMMIT SQLAlchemy takes the transaction for ended and would pool the connection as it
                # is: still open, it would carry this work into the commit of whoever comes next.
                await session.invalidate()
                raise
            self.commits += 1

    @asynccontextmanager
    async def reading(self, *, still: bool = False) -> AsyncIterator[AsyncSession]:
        """A session that only reads: whatever was done in it is undone. `still`: all its reads see one moment."""
        async with asyncio.timeout(self._limit), AsyncSession(self.engine, expire_on_commit=False) as session:
            if still and not self.is_sqlite:  # on SQLite a transaction sees one moment anyway
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    def within(self, seconds: float) -> "Database":
        """The same database for those whom somebody waits for: a session open for longer raises TimeoutError.

        It may come two seconds later: so long SQLAlchemy gives a server that stands still to say farewell. Of a COMMIT
        that was on its way nobody knows whether it happened. SQLite is a file, and does not stand still.
        """
        if self.is_sqlite:
            return self
        limited = copy(self)
        limited._limit = seconds
        return limited

    def cut(self) -> None:
        """Drop every connection at once, as a crash would: what is not committed is undone by the server.

        For the end of a process whose database stands still: SQLAlchemy shields the ROLLBACK of a cancelled session,
        which would wait for an answer for as long as a command may take.
        """
        for connection in list(self._open):
            connection.terminate()

    async def end_frozen(self, seconds: float = _FROZEN_SECONDS) -> int:
        """End the sessions of clients that froze in the middle of a COPY: how many.

        PostgreSQL waits for the next row for ever: neither its statement time-out nor that of an idle transaction
        counts there, and what such a client has locked is locked for everybody.
        """
        if self.is_sqlite:
            return 0
        async with self.reading() as session:
            found = await run(
                session,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = current_user AND state = 'active' "
                "AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - make_interval(secs => :seconds)",
                seconds=seconds,
            )
            return len(found.all())

    async def close(self) -> None:
        await self.engine.dispose()


def is_transient(error: BaseException) -> bool:
    """Is it the database being away, rather than a mistake of ours? A transient fault is waited out, for ever."""
    if isinstance(error, OSError | asyncio.TimeoutError | PoolTimeout):
        return True
    if isinstance(error, InterfaceError | asyncpg.InterfaceError) and "clos" in str(error):
        return True  # a closed connection; the others are mistakes of ours, e.g. too many arguments
    if isinstance(error, asyncpg.InternalClientError):
        return True  # "cannot switch to state": the connection was cut while a statement was on its way
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if state := _sql_state(error):
        return state.startswith(_TRANSIENT_STATES)
    return isinstance(error, OperationalError) and _sqlite_transient(error.orig)


def is_unstorable(error: BaseException) -> bool:
    """Did a caller send U+0000, which PostgreSQL keeps in no text?"""
    return _sql_state(error) in ("22021", "22P05")


def _sql_state(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


async def set_wise(
    session: AsyncSession,
    statement: str,
    columns: Mapping[str, str],
    rows: Sequence[Sequence[Any]],
    **parameters: Any,
) -> CursorResult[*tuple[Any, ...]]:
    """Run one statement over many rows; `{rows}` in it stands for a table `r` of them.

    `columns` gives each column's PostgreSQL type, in the order of the rows' values. On PostgreSQL the rows travel as
    one array per column (`unnest`), on SQLite as one JSON text, so both need one round trip whatever the count.
    """
    sqlite = session.get_bind().dialect.name == "sqlite"
    source, values = (_json_rows if sqlite else _unnest_rows)(columns, rows)
    return await run(session, statement.replace("{rows}", source), **parameters, **values)


async def run(session: AsyncSession, statement: str, **parameters: Any) -> CursorResult[*tuple[Any, ...]]:
    """Run one statement of plain SQL, its parameters spelled as the database at hand stores them."""
    if session.get_bind().dialect.name == "sqlite":
        parameters = {name: _plain_value(value) for name, value in parameters.items()}
    result: CursorResult[*tuple[Any, ...]] = await session.execute(_parsed(statement), parameters)  # type: ignore[assignment]
    return result


@lru_cache(maxsize=2048)
def _parsed(statement: str) -> TextClause:
    """Most statements are run over and over, and looking for their parameters takes longer than a small one itself."""
    return text(statement)


def _unnest_rows(columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> tuple[str, dict[str, Any]]:
    arrays = ", ".join(f"CAST(:r_{name} AS {kind}[])" for name, kind in columns.items())
    transposed = zip(*rows, strict=True) if rows else ((),) * len(columns)
    values = {f"r_{name}": list(column) for name, column in zip(columns, transposed, strict=True)}
    return f"unnest({arrays}) AS r({', '.join(columns)})", values


def _json_rows(columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> tuple[str, dict[str, Any]]:
    if not _SPELLED.isdisjoint(columns.values()):
        rows = [[_plain_value(value) for value in row] for row in rows]
    picks = ", ".join(f"json_extract(j.value, '$[{index}]') AS {name}" for index, name in enumerate(columns))
    return f"(SELECT {picks} FROM json_each(:r_rows) AS j) AS r", {"r_rows": msgspec.json.encode(rows).decode()}


def _plain_value(value: Any) -> Any:
    """As SQLite stores it: moments as the text of `format_time`, ids as 32 hex digits."""
    if isinstance(value, datetime):
        return format_time(value)
    return value.hex if isinstance(value, UUID) else value


def _postgres(url: str, pool: int) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,  # an error is logged, and the data of a person must not be
        connect_args={"server_settings": _SERVER_SETTINGS, "timeout": 5, "command_timeout": 70},
    )


def _sqlite(url: str) -> AsyncEngine:
    """SQLite as one writer and many readers: WAL, writers begin IMMEDIATE so that they queue instead of failing."""
    engine = create_async_engine(url, module=Driver(), hide_parameters=True, connect_args={"timeout": PATIENCE})

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        await_only(enter_wal(connection.driver_connection))
        cursor = connection.cursor()
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        write = connection.get_execution_options().get("berdaya_write", False)
        driver = connection.connection.driver_connection
        await_only(patiently(driver, "BEGIN IMMEDIATE" if write else "BEGIN"))

    return engine


def _sqlite_transient(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) and any(
        word in str(error) for word in ("locked", "busy", "disk I/O", "disk is full", "full", "unable to open")
    )


def now() -> datetime:
    return datetime.now(UTC)


def format_now() -> str:
    """This moment as text, in the one spelling of `format_time`."""
    return format_time(now())


async def insert(session: AsyncSession, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows that are known to be new: by COPY on PostgreSQL, a fourth of the work of an INSERT from arrays.

    A row that is there already breaks the transaction. `columns` as for `set_wise`.
    """
    if not rows:
        return
    if session.get_bind().dialect.name == "sqlite":
        picks = ", ".join(f"r.{name}" for name in columns)
        await set_wise(
            session, f"INSERT INTO {table} ({', '.join(columns)}) SELECT {picks} FROM {{rows}}", columns, rows
        )
        return
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    if not driver.is_in_transaction():  # SQLAlchemy begins with its first statement, which COPY is not
        await run(session, "SELECT 1")
    try:
        await driver.copy_records_to_table(table, records=rows, columns=list(columns))
    except BaseException:
        # SQLAlchemy knows nothing of this fault: its rollback would fail over it, and tell of that failure instead.
        await session.invalidate()
        raise


async def run_many(session: AsyncSession, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run one statement once per row, in one round trip: for rows with bytes, which JSON cannot carry."""
    if rows:
        sqlite = session.get_bind().dialect.name == "sqlite"
        await session.execute(
            _parsed(statement),
            [{name: _plain_value(value) if sqlite else value for name, value in row.items()} for row in rows],
        )


def is_alone(session: AsyncSession) -> bool:
    """Does nobody else write as long as this transaction does? So it is on SQLite: there is nothing to lock."""
    return session.get_bind().dialect.name == "sqlite"


async def lock_districts(session: AsyncSession, codes: Iterable[str]) -> None:
    """Hold these districts until the transaction ends: who decides from a person's state and who changes it take turns.

    Taken in order, before anything is read.
    """
    if is_alone(session):
        return
    await run(
        session,
        "SELECT pg_advisory_xact_lock(:space, code) FROM unnest(CAST(:codes AS int[])) AS code",
        space=DISTRICT_LOCKS,
        codes=sorted({int(code) for code in codes}),
    )


async def try_lock_districts(session: AsyncSession, codes: Iterable[str]) -> bool:
    """Hold these districts too, as far as nobody else does: False when one is in other hands. Never waits."""
    if is_alone(session):
        return True
    held = await run(
        session,
        "SELECT pg_try_advisory_xact_lock(:space, code) AS held FROM unnest(CAST(:codes AS int[])) AS code",
        space=DISTRICT_LOCKS,
        codes=sorted({int(code) for code in codes}),
    )
    return all(row.held for row in held.all())
