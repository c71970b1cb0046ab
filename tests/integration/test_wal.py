"""One new SQLite file, opened by several processes at the same moment."""

import asyncio
import sys
from pathlib import Path
from time import time

import aiosqlite

from shared.wal import PATIENCE, enter_wal, patiently

_FILES = 30
_APART = 0.03


async def test_all_who_open_a_new_file_at_the_same_moment_may_write_to_it(tmp_path: Path) -> None:
    begin = time() + 2
    racing = [
        await asyncio.create_subprocess_exec(
            sys.executable, __file__, str(tmp_path), str(begin), stderr=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    said = [(await process.communicate())[1].decode() for process in racing]
    assert [process.returncode for process in racing] == [0] * 4, said


async def _race(folder: Path, begin: float) -> None:
    for number in range(_FILES):
        connection = await aiosqlite.connect(folder / f"{number}.db", isolation_level=None, timeout=PATIENCE)
        try:
            while time() < begin + number * _APART:
                pass
            await enter_wal(connection)
            await patiently(connection, "BEGIN IMMEDIATE")
            await connection.execute("CREATE TABLE IF NOT EXISTS seen (process INTEGER)")
            await connection.execute("COMMIT")
        finally:
            await connection.close()  # its thread would keep the process from ever ending


if __name__ == "__main__":
    asyncio.run(_race(Path(sys.argv[1]), float(sys.argv[2])))
