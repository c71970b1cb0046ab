"""Each running service is called in every way its OpenAPI document allows, and in ways it does not.

Only when asked for, `BERDAYA_TEST_CALLS=seconds[,seed]`: for how long each is called, and by which seed. It still finds
valid calls that are refused (decision 45 lists them).
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from shared.database import Database
from shared.settings import ServiceName
from tests.integration.conftest import Templates
from tests.integration.openapi import served
from tests.scenarios.processes import Service

HERE = Path(__file__).parent
SECONDS, _, SEED = os.environ.get("BERDAYA_TEST_CALLS", "").partition(",")


@pytest.mark.skipif(not SECONDS, reason="called when BERDAYA_TEST_CALLS says for how many seconds")
@pytest.mark.timeout(int(SECONDS or 0) * 2 + 120)
@pytest.mark.parametrize("service", ["registry", "grants", "reporting"])
async def test_every_answer_is_one_that_the_document_tells_of(
    service: ServiceName, templates: Templates, tmp_path: Path
) -> None:
    url = await templates.postgres(service, served.METADATA[service])
    database = Database(url)
    known = await served.fill(service, database, tmp_path)
    await database.close()
    process = Service(service, served.environment(service, url, tmp_path), tmp_path / "service.log")
    await process.start()
    try:
        found, told = await call(process.url, served.handed_on(known, served.tokens(service, tmp_path)), tmp_path)
    finally:
        await process.close()
        await templates.administer(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)')
    assert found == 0, f"{told}\n{(tmp_path / 'service.log').read_text()[-4000:]}"


async def call(url: str, environment: dict[str, str], folder: Path) -> tuple[int, str]:
    """The exit code of schemathesis, and what it told."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--seed", SEED or "45", "--max-time", SECONDS, "--max-examples", "30"),
        cwd=folder,
        env=os.environ | environment | {"SCHEMATHESIS_HOOKS": "tests.integration.openapi.hooks"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode is not None, "it ended"
    return process.returncode, told.decode()
