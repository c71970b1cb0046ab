"""SQLite's write-ahead log, entered by several who open one new file at the same moment."""

import asyncio
import sqlite3
from random import uniform
from time import monotonic

import aiosqlite

PATIENCE = 30.0
"""Seconds for which a writer of SQLite waits until it is its turn."""


async def enter_wal(connection: aiosqlite.Connection) -> None:
    """Write ahead from now on. Raises sqlite3.OperationalError when others hold the file for longer than PATIENCE.

    Whoever loses the race for a new file is told "database is locked" at once: here SQLite does not wait by itself,
    as two who both read and both wait to convert would wait for ever.
    """
    until = monotonic() + PATIENCE
    while True:
        try:
            await connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if monotonic() > until:
                raise
            await asyncio.sleep(uniform(0.01, 0.05))
