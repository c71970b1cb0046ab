"""The registry at hand."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.registry.app import build
from services.registry.proof import adopt
from services.registry.tables import METADATA
from shared.embedded import EmbeddedLog
from shared.settings import Settings
from tests.integration.conftest import DatabaseFor
from tests.integration.registry.office import Office


@pytest.fixture
async def office(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    log = EmbeddedLog(tmp_path / "log.db")
    node = build(Settings(service="registry", var=tmp_path), log, await database_for("registry", METADATA))
    async with node.database.transaction() as session:
        await adopt(session, node.app.state.nik_keys)  # as at its first start
    async with httpx.AsyncClient(transport=httpx.ASGITransport(node.app), base_url="http://registry") as client:
        yield Office(node, client)
    await log.close()
