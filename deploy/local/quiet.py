"""Is anything still on its way? Told by the log's ends and the offsets in the databases, not by anybody's word."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from services.reporting.dashboard import is_published
from shared.database import Database, run
from shared.log import Log

_SERVICES = ("registry", "grants", "reporting")


class NotQuietError(Exception):
    """What is still on its way after the time allowed."""


async def until_quiet(
    log: Log,
    databases: Mapping[str, Database],
    topics: Mapping[str, Sequence[str]],
    *,
    published: bool = True,
    seconds: float = 120,
) -> None:
    """Return when every record is applied, every fact sent, every class computed, and the dashboard says so, unless
    that is of no interest yet. Raises NotQuietError.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = await _on_its_way(log, databases, topics, published)
        # Facts travel from service to service: only a second look at the same rest says that none was in between.
        if not left and not await _on_its_way(log, databases, topics, published):
            return
        if time.monotonic() > deadline:
            raise NotQuietError(f"after {seconds:.0f} s: {left or 'records came while looking'}")
        await asyncio.sleep(0.05)


async def _on_its_way(
    log: Log, databases: Mapping[str, Database], topics: Mapping[str, Sequence[str]], published: bool
) -> str:
    for name in _SERVICES:
        if rest := await _unsettled(databases[name], reporting=name == "reporting"):
            return f"{name}: {rest}"
    for name in _SERVICES:
        ends = await log.ends(topics[name])
        async with databases[name].reading() as session:
            found = await run(session, "SELECT topic, partition, next_offset FROM log_offset")
            applied = {(row.topic, row.partition): row.next_offset for row in found}
        behind = sum(max(0, end - applied.get(partition, 0)) for partition, end in ends.items())
        if behind:
            return f"{name}: {behind} records not applied"
    if published:
        async with databases["reporting"].reading(still=True) as session:
            if not await is_published(session):
                return "the newest dashboard is not published yet"
    return ""


async def _unsettled(database: Database, *, reporting: bool) -> str:
    due = "(SELECT count(*) FROM growth_due)" if reporting else "0"
    async with database.reading(still=True) as session:
        found = await run(
            session,
            f"""SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS unsent,
                       (SELECT count(*) FROM waiting WHERE ready) AS ready, {due} AS due""",
        )
        row = found.one()
    return (
        f"{row.unsent} unsent, {row.ready} set free, {row.due} classes due"
        if row.unsent or row.ready or row.due
        else ""
    )
