"""When the public is told: once a day, after a night's proof that found nothing, and while nothing is on its way."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from structlog.typing import FilteringBoundLogger

from services.reporting.nightly import night_of, read_newest
from services.reporting.privacy import NotPrivate
from services.reporting.public import freeze
from shared.consumer import Together
from shared.database import Database, now
from shared.telemetry import Metrics

_LOOK_SECONDS = 60.0


class Releasing:
    """A background task of every worker; the first to release a day does, the others find it done."""

    def __init__(
        self,
        database: Database,
        progress: Callable[[], Together],
        metrics: Metrics,
        logger: FilteringBoundLogger,
    ) -> None:
        self._database = database
        self._progress = progress
        self._metrics = metrics
        self._logger = logger
        self._calm = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Look every minute until stopped. Raises a database error when that is away."""
        while not stopping.is_set():
            await self.look()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)

    async def look(self) -> None:
        """Release today, if the log was drained at two looks in a row: not in the middle of what is being told."""
        calm, self._calm = self._calm, not self._progress().behind
        if not (calm and self._calm and await self._is_proved()):
            return
        try:
            if await freeze(self._database, now()):
                self._logger.info("public numbers released")
        except NotPrivate as error:
            self._metrics.count("releases_refused_total")
            self._logger.exception("public numbers not released", why=str(error))  # names cells, no numbers

    async def _is_proved(self) -> bool:
        async with self._database.reading() as session:
            proof = await read_newest(session)
        return proof is not None and proof.day == night_of(now()) and not proof.differences
