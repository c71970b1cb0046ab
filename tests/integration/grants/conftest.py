"""A grants service for each test, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.grants.tables import METADATA
from tests.integration.conftest import DatabaseFor
from tests.integration.grants.office import Office


@pytest.fixture
async def office(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    async with Office.over(await database_for("grants", METADATA), tmp_path).open() as found:
        yield found
