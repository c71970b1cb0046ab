"""SQLite among several processes: what it refuses at once although waiting would do."""

import asyncio
import sqlite3
from random import uniform
from time import monotonic

import aiosqlite

PATIENCE = 30.0
"""Seconds for which a writer of SQLite waits until it is its turn."""


async def enter_wal(connection: aiosqlite.Connection) -> None:
    """Write ahead from now on. Raises sqlite3.OperationalError as `patiently` does.

    Whoever loses the race for a new file is told "database is locked" at once: two who both read and both wait to
    convert would wait for ever.
    """
    await patiently(connection, "PRAGMA journal_mode=WAL")


async def patiently(connection: aiosqlite.Connection, statement: str) -> None:
    """Run a statement that takes a lock; raises sqlite3.OperationalError when others hold it for longer than PATIENCE.

    SQLite does not wait by itself while the last other connection closes and puts the write-ahead log away.
    """
    until = monotonic() + PATIENCE
    while True:
        try:
            await connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > until:
                raise
            await asyncio.sleep(uniform(0.01, 0.05))
