"""python -m benchmarks: every measurement of docs/performance.md, on components of its own."""

import asyncio
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.catchup import Place, Rate, measure
from deploy.stack.components import Handle, start_kafka, start_postgres, start_redis
from deploy.stack.topics import provision_topics
from shared.database import Database
from shared.embedded import EmbeddedLog
from shared.events.districts import DISTRICTS
from shared.kafka import KafkaLog

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console()


@app.command()
def main(
    events: Annotated[int, typer.Option(help="Income reports to catch up with.")] = 100_000,
    businesses: Annotated[int, typer.Option(help="Whose reports they are.")] = 10_000,
    single: Annotated[int, typer.Option(help="Reports for the run with one event per transaction.")] = 3_000,
    repeat: Annotated[int, typer.Option(help="Runs of each; the median counts.")] = 1,
) -> None:
    """Catch-up through Kafka, PostgreSQL and Redis, and embedded; each against one event per transaction."""
    asyncio.run(_main(events, businesses, single, repeat))


async def _main(events: int, businesses: int, single: int, repeat: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="berdaya-bench-"))
    handles: list[Handle] = []
    try:
        table = Table("", "events/s", "events", "memory MiB", "ratio", title="catch-up, exactly once, one worker")
        for name, places in (("Kafka, PostgreSQL, Redis", _full), ("embedded", _embedded)):
            batched = [await places(folder, handles, events, businesses, 2000) for _ in range(repeat)]
            alone = [await places(folder, handles, single, businesses, 1) for _ in range(repeat)]
            fast, slow = (_median(rates) for rates in (batched, alone))
            table.add_row(name, f"{fast.per_second:,.0f}", f"{fast.events:,}", f"{fast.memory:.0f}", _ratio(fast, slow))
            table.add_row(
                "  one event per transaction", f"{slow.per_second:,.0f}", f"{slow.events:,}", f"{slow.memory:.0f}", "1"
            )
        console.print(table)
    finally:
        for handle in handles:
            handle.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _median(rates: list[Rate]) -> Rate:
    middle = statistics.median_low(rate.per_second for rate in rates)
    return next(rate for rate in rates if rate.per_second == middle)


def _ratio(fast: Rate, slow: Rate) -> str:
    return f"{fast.per_second / slow.per_second:.0f} x"


async def _full(folder: Path, handles: list[Handle], events: int, businesses: int, batch: int) -> Rate:
    """Fresh components each time: nobody's cache is warm, nobody's table is full."""
    place = Path(tempfile.mkdtemp(dir=folder))
    kafka, postgres, redis = (
        start(place / name)
        for name, start in (("kafka", start_kafka), ("postgres", start_postgres), ("redis", start_redis))
    )
    handles += [kafka, postgres, redis]
    provision_topics(kafka.address, tuple(DISTRICTS))
    url = await _scratch(postgres.address)
    database, log = Database(url), KafkaLog(kafka.address)
    environment = {
        "BERDAYA_VAR": str(place),
        "BERDAYA_LOG": "kafka",
        "BERDAYA_KAFKA": kafka.address,
        "BERDAYA_DATABASE": url,
        "BERDAYA_REDIS": redis.address,
        "BERDAYA_ROLE": "worker",
        "BERDAYA_PORT": "18123",
    }
    try:
        return await measure(Place(log, database, environment), count=events, businesses=businesses, batch=batch)
    finally:
        await log.close()
        await database.close()
        for handle in (kafka, postgres, redis):
            handle.stop()
            handles.remove(handle)


async def _embedded(folder: Path, _: list[Handle], events: int, businesses: int, batch: int) -> Rate:
    place = Path(tempfile.mkdtemp(dir=folder))
    url = f"sqlite+aiosqlite:///{place / 'reporting.db'}"
    log, database = EmbeddedLog(place / "log.db"), Database(url)
    environment = {"BERDAYA_VAR": str(place), "BERDAYA_LOG": "embedded", "BERDAYA_PORT": "18123"}
    try:
        return await measure(Place(log, database, environment), count=events, businesses=businesses, batch=batch)
    finally:
        await log.close()
        await database.close()


async def _scratch(admin: str) -> str:
    connection = await asyncpg.connect(admin)
    await connection.execute("CREATE DATABASE bench")
    await connection.close()
    return urlsplit(admin)._replace(scheme="postgresql+asyncpg", path="/bench").geturl()


if __name__ == "__main__":
    app()
