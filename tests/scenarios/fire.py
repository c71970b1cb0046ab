"""Kills processes as the story is told: each service several times, the broker and the database once in the middle."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import NamedTuple

from tests.scenarios.processes import Service
from tests.scenarios.world import Ground

TIMES = 3
"""Each service."""
MOST_DOWN_SECONDS = 1.0
LATEST_SECONDS = 0.5
"""After the step at which it is due: so that it falls into the work that the step makes."""


class _Strike(NamedTuple):
    due: float
    """When that share of the story has been told."""
    whom: str


class Fire:
    """Told how far the story is, by `progress`; strikes at shares of it that chance has chosen."""

    def __init__(self, random: Random, ground: Ground, services: Mapping[str, Service], steps: int) -> None:
        self._random = random
        self._ground = ground
        self._services = services
        self._steps = steps
        self._told = 0
        self._further = asyncio.Event()
        self._strikes = sorted(
            [
                *(_Strike(random.uniform(0.02, 0.98), name) for name in services for _ in range(TIMES)),
                _Strike(random.uniform(0.3, 0.7), "kafka"),
                _Strike(random.uniform(0.3, 0.7), "postgres"),
            ]
        )
        self.struck: list[str] = []

    def progress(self, _title: str, many: int) -> None:
        self._told += many
        self._further.set()

    @asynccontextmanager
    async def burning(self) -> AsyncIterator[None]:
        """Strikes while the block runs. At its end all have been struck, and all run again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._burn())
            yield

    async def _burn(self) -> None:
        for strike in self._strikes:
            while self._told < strike.due * self._steps:
                self._further.clear()
                await self._further.wait()
            await asyncio.sleep(self._random.uniform(0, LATEST_SECONDS))
            kill, start = self._grip(strike.whom)
            await asyncio.to_thread(kill)
            self.struck.append(strike.whom)
            await asyncio.sleep(self._random.uniform(0, MOST_DOWN_SECONDS))
            await start()

    def _grip(self, whom: str) -> tuple[Callable[[], None], Callable[[], Awaitable[None]]]:
        if whom in self._services:
            service = self._services[whom]
            return service.kill, service.start
        component = {"kafka": self._ground.kafka, "postgres": self._ground.postgres}[whom]
        return component.kill, lambda: asyncio.to_thread(component.start)
