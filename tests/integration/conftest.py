"""Migrated, empty databases: on SQLite always, on PostgreSQL where a server can be had."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import MetaData

from shared.database import Database
from shared.migrate import upgrade
from shared.settings import ServiceName
from tests.conftest import Components
from tests.integration.sites import empty, site, site_on_either  # noqa: F401 - fixtures of several modules

DatabaseFor = Callable[[ServiceName, MetaData], Awaitable[Database]]


class Templates:
    """One migrated database per kind and service, copied for each test: migrating every time would take longer."""

    def __init__(self, folder: Path, components: Components) -> None:
        self._folder = folder
        self._components = components
        self._names: dict[ServiceName, str] = {}

    async def sqlite(self, service: ServiceName, metadata: MetaData, path: Path) -> str:
        template = self._folder / f"{service}.db"
        if not template.exists():
            await _migrate(f"sqlite+aiosqlite:///{template}", service, metadata)
        shutil.copyfile(template, path)
        return f"sqlite+aiosqlite:///{path}"

    async def postgres(self, service: ServiceName, metadata: MetaData) -> str:
        if service not in self._names:
            name = f"template_{service}_{secrets.token_hex(4)}"
            await self.administer(f'CREATE DATABASE "{name}"')
            await _migrate(self._url(name), service, metadata)
            self._names[service] = name
        name = f"test_{service}_{secrets.token_hex(4)}"
        await self.administer(f'CREATE DATABASE "{name}" TEMPLATE "{self._names[service]}"')
        return self._url(name)

    async def drop(self) -> None:
        for name in self._names.values():
            await self.administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self._components.address("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _url(self, name: str) -> str:
        admin = urlsplit(self._components.address("postgres"))
        return admin._replace(scheme="postgresql+asyncpg", path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory, components: Components) -> Iterator[Templates]:
    found = Templates(tmp_path_factory.mktemp("templates"), components)
    yield found
    asyncio.run(found.drop())


@pytest.fixture(params=["sqlite", "postgres"])
async def database_for(
    request: pytest.FixtureRequest, tmp_path: Path, templates: Templates
) -> AsyncIterator[DatabaseFor]:
    """`await database_for("grants", METADATA)` is a migrated, empty database, gone after the test."""
    made: list[Database] = []

    async def make(service: ServiceName, metadata: MetaData) -> Database:
        if request.param == "sqlite":
            url = await templates.sqlite(service, metadata, tmp_path / f"{service}-{len(made)}.db")
        else:
            url = await templates.postgres(service, metadata)
        made.append(Database(url))
        return made[-1]

    yield make
    for database in made:
        await database.close()
        if not database.is_sqlite:
            await templates.administer(f'DROP DATABASE "{database.url.rpartition("/")[2]}" WITH (FORCE)')


async def _migrate(url: str, service: ServiceName, metadata: MetaData) -> None:
    database = Database(url)
    await upgrade(database, service, metadata)
    await database.close()
