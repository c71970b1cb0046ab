"""When the public is told: once a day, after a night's proof that found nothing, and while nothing is on its way."""

import asyncio
from contextlib import suppress
from datetime import datetime

from structlog.typing import FilteringBoundLogger

from services.reporting.live import Live
from services.reporting.nightly import read_proof
from services.reporting.privacy import NotPrivate
from services.reporting.public import freeze
from services.reporting.worklist_rules import jakarta_day
from shared.database import Database, now, run
from shared.telemetry import Metrics

_LOOK_SECONDS = 60.0
_KNOWN_SECONDS = 5.0
"""An older word of the workers on how far they are says nothing of now."""


class Releasing:
    """A background task of every worker; the first to release a day does, the others find it done."""

    def __init__(
        self,
        database: Database,
        live: Live,
        metrics: Metrics,
        logger: FilteringBoundLogger,
    ) -> None:
        self._database = database
        self._live = live
        self._metrics = metrics
        self._logger = logger
        self._calm = False
        self._refused: str | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Look every minute until stopped. Raises a database error when that is away."""
        while not stopping.is_set():
            await self.look(now())
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)

    async def look(self, moment: datetime) -> None:
        """Release the day of this moment, if all workers were drained at two looks in a row: not in the middle of what
        is being told. What could not be made private is tried again the next day.
        """
        calm, self._calm = self._calm, await self._is_drained()
        day = jakarta_day(moment).isoformat()
        if not (calm and self._calm and self._refused != day and await self._is_proved(day)):
            return
        try:
            if await freeze(self._database, moment):
                self._logger.info("public numbers released")
            self._refused = None
        except NotPrivate as error:
            self._refused = day
            self._metrics.count("releases_refused_total")
            self._logger.warning("public numbers not released", day=day, why=str(error))  # names cells, no numbers

    def alarm(self) -> str | None:
        """For the readiness: None unless a day could not be released."""
        return None if self._refused is None else f"the public numbers of {self._refused} could not be released"

    async def _is_drained(self) -> bool:
        lag = await self._live.lag()
        return lag is not None and not lag.events and lag.seconds < _KNOWN_SECONDS

    async def _is_proved(self, day: str) -> bool:
        """Is the proof of this very night there? Before two o'clock there is none yet.

        One of an empty province, as on the day of its installation, says nothing of what came since.
        """
        async with self._database.reading() as session:
            proof = await read_proof(session, day)
            if proof is None or proof.differences:
                return False
            found = await run(session, "SELECT 1 FROM inbox WHERE at < :ended LIMIT 1", ended=proof.ended_at)
            return found.first() is not None
