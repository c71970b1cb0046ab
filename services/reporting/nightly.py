"""The proof of every night: the views recomputed from the facts. A difference is an alarm until a proof finds none."""

import asyncio
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession
from structlog.typing import FilteringBoundLogger

from services.reporting.reconcile import reconcile
from shared.database import Database, now, run
from shared.telemetry import Metrics

WIB = timezone(timedelta(hours=7))
"""The time of all East Java."""
AT = time(2, 0)
_LOOK_SECONDS = 60.0
_LOST = timedelta(hours=2)
"""A proof that began so long ago and has not ended was lost with its process: another may begin."""
_MOST_LINES = 1000
_LOGGED_LINES = 20


class Result(NamedTuple):
    """The newest proof that was ended."""

    day: str
    ended_at: datetime
    differences: int
    lines: tuple[str, ...]


class Nightly:
    """A background task: among all workers one proves each night, and every process tells what the newest proof found.

    What was not proved at 02:00, because nothing ran, is proved when a worker comes back.
    """

    def __init__(self, database: Database, metrics: Metrics, logger: FilteringBoundLogger, *, proves: bool) -> None:
        self._database = database
        self._proves = proves
        self._metrics = metrics
        self._logger = logger
        self.newest: Result | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Look every minute until stopped. Raises a database error when that is away."""
        while not stopping.is_set():
            await self.look(now())
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)

    async def look(self, moment: datetime) -> None:
        """Prove when the night of this moment has not been proved yet, and say what the newest proof found."""
        day = night_of(moment)
        if self._proves and await self._is_ours(day, moment):
            await self._prove(day)
        async with self._database.reading() as session:
            self.newest = await read_proof(session)
        self._metrics.gauge("reconcile_differences", self.newest.differences if self.newest else 0)

    async def _is_ours(self, day: str, moment: datetime) -> bool:
        """Is it for this worker to prove this night? A look that takes no lock comes first."""
        async with self._database.reading() as session:
            known = await run(
                session,
                "SELECT 1 FROM proof WHERE day = :day AND (ended_at IS NOT NULL OR started_at >= :lost)",
                day=day,
                lost=moment - _LOST,
            )
            if known.first() is not None:
                return False
        async with self._database.transaction() as session:
            return await _begin(session, day, moment)

    async def _prove(self, day: str) -> None:
        found = await reconcile(self._database)
        async with self._database.transaction() as session:
            await keep(session, day, found)
        if found:
            # A line names views, districts and numbers of businesses, and no person.
            self._logger.error(
                "views differ from the facts", day=day, differences=len(found), lines=found[:_LOGGED_LINES]
            )

    def alarm(self) -> str | None:
        """For the readiness: None when the newest proof found nothing."""
        if self.newest is None or not self.newest.differences:
            return None
        return f"{self.newest.differences} differences between views and facts, by the proof of {self.newest.day}"


def night_of(moment: datetime) -> str:
    """The day, YYYY-MM-DD, at whose 02:00 in East Java the newest proof was due."""
    local = moment.astimezone(WIB)
    day: date = local.date() if local.time() >= AT else local.date() - timedelta(days=1)
    return day.isoformat()


async def read_proof(session: AsyncSession, day: str | None = None) -> Result | None:
    """Of the night of a day, by default the newest that was ended."""
    found = await run(
        session,
        """SELECT day, ended_at, differences, lines FROM proof
           WHERE ended_at IS NOT NULL AND (day = :day OR :day IS NULL) ORDER BY day DESC LIMIT 1""",
        day=day,
    )
    row = found.first()
    if row is None:
        return None
    ended = row.ended_at if isinstance(row.ended_at, datetime) else datetime.fromisoformat(row.ended_at)
    return Result(row.day, ended, row.differences, tuple(row.lines.splitlines()))


async def keep(session: AsyncSession, day: str, found: list[str]) -> None:
    """The result of a proof, in place of what that day had."""
    await run(
        session,
        """INSERT INTO proof (day, started_at, ended_at, differences, lines)
           VALUES (:day, :moment, :moment, :differences, :lines)
           ON CONFLICT (day) DO UPDATE SET ended_at = excluded.ended_at, differences = excluded.differences,
             lines = excluded.lines""",
        day=day,
        moment=now(),
        differences=len(found),
        lines="\n".join(found[:_MOST_LINES]),
    )


async def _begin(session: AsyncSession, day: str, moment: datetime) -> bool:
    """True for the one worker that is to prove this night."""
    taken = await run(
        session,
        """INSERT INTO proof (day, started_at, differences, lines) VALUES (:day, :moment, 0, '')
           ON CONFLICT (day) DO UPDATE SET started_at = excluded.started_at
           WHERE proof.ended_at IS NULL AND proof.started_at < :lost RETURNING day""",
        day=day,
        moment=moment,
        lost=moment - _LOST,
    )
    return taken.first() is not None
