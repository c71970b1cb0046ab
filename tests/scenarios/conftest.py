"""Components of its own for each module that kills them, and a world per test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.stack.errors import Unavailable
from tests.conftest import absent, present
from tests.scenarios.world import Ground, World


@pytest.fixture(scope="package")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Kafka, PostgreSQL and Redis for tests that kill them: never those that other tests use."""
    try:
        found = Ground(tmp_path_factory.mktemp("ground"))
    except Unavailable as error:
        absent(error.component, error.why)
    for name in ("kafka", "postgres", "redis"):
        present(name, "real, a process of its own")
    asyncio.run(found.prepare())
    yield found
    found.stop()


@pytest.fixture
async def world(ground: Ground, tmp_path: Path) -> AsyncIterator[World]:
    ground.heal()
    found = World(ground, tmp_path)
    yield found
    await found.close()
