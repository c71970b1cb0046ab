"""A reporting service for each test, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.reporting.reconcile import reconcile
from services.reporting.tables import METADATA
from tests.integration.conftest import DatabaseFor
from tests.integration.reporting.office import Office


@pytest.fixture
async def office(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    """After every test the views are those of the facts."""
    async with Office.over(await database_for("reporting", METADATA), tmp_path).open() as found:
        yield found
        assert await reconcile(found.database) == []
