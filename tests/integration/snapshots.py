"""Snapshots made up for tests, and waiting for what must come true."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from services.reporting.dashboard import Snapshot

BOJONEGORO = "3522"
MOMENT = datetime(2026, 11, 24, 7, 0, 0, 123_000, tzinfo=UTC)


def snapshot(version: int, text: str = "") -> Snapshot:
    """A snapshot that is told from others by what its cells say."""
    cell = msgspec.Raw(msgspec.json.encode({"version": version, "net_profit_median": 849_999.5, "é": text}))
    return Snapshot(
        version=version,
        month="2026-10",
        built_at=MOMENT,
        province=cell,
        districts={BOJONEGORO: cell, "3523": msgspec.Raw(b'{"spaced" :  1.0}')},
        months=("2026-09", "2026-10"),
        content_sha256=f"{version:064x}",
    )


async def until(holds: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until it holds; fails when that takes longer."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while not holds():
        assert loop.time() - started < seconds, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)
