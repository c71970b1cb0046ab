"""SQLite for SQLAlchemy in one trip per statement to the thread of its connection.

SQLAlchemy's own cursor over aiosqlite takes four: for the cursor, the statement, its rows and its end. Each is a change
of threads that waits for the interpreter, longer than most statements take (decision 40).
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util import EMPTY_DICT


class Driver(AsyncAdapt_aiosqlite_dbapi):
    """The DBAPI module to give to `create_async_engine`."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        return _Connection(self, super().connect(*arg, **kw)._connection)


class _Answer(NamedTuple):
    """What a cursor knows after a statement, all of its rows fetched."""

    description: Any
    rowcount: int
    lastrowid: int | None
    rows: Sequence[Any]
    arraysize: int = 1

    def close(self) -> None:
        """Nothing is held open."""


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    __slots__ = ()

    _awaitable_cursor_close = False

    def __init__(self, adapt_connection: "_Connection") -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._soft_closed_memoized = EMPTY_DICT
        self._keep(_Answer(None, -1, None, ()))

    async def _execute_async(self, operation: Any, parameters: Any) -> None:
        await self._ask(sqlite3.Cursor.execute, operation, () if parameters is None else parameters)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> None:
        await self._ask(sqlite3.Cursor.executemany, operation, seq_of_parameters)

    async def _ask(self, how: Any, operation: Any, parameters: Any) -> None:
        driver: Any = self._connection
        async with self._adapt_connection._execute_mutex:
            self._keep(await driver._execute(partial(_answer, driver, how, operation, parameters)))

    def _keep(self, answer: _Answer) -> None:
        cursor: Any = answer
        self._cursor = cursor
        self._rows = deque(answer.rows)


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()

    _cursor_cls: type[AsyncAdapt_aiosqlite_cursor] = _Cursor


def _answer(driver: Any, how: Any, operation: str, parameters: Any) -> _Answer:
    """In the connection's thread."""
    cursor: sqlite3.Cursor = driver._conn.cursor()
    try:
        how(cursor, operation, parameters)
        rows = cursor.fetchall() if cursor.description else ()
        return _Answer(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    finally:
        cursor.close()
