"""Real services over real components. Each test has databases of its own, which begin where the log ends.

Topic names are fixed, so tests share one Kafka; a database that says "all before is applied" reads nothing of others.
"""

import secrets
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import msgspec
from redis import Redis
from sqlalchemy import MetaData

import services.grants.app
import services.reporting.app
import services.reporting.handlers
from deploy.stack.components import Handle, start_kafka, start_postgres, start_redis
from deploy.stack.passwords import ADMIN
from deploy.stack.settings import kafka_environment
from services.grants.tables import METADATA as GRANTS
from services.reporting.reconcile import reconcile
from services.reporting.tables import METADATA as REPORTING
from shared.database import Database
from shared.events.districts import DISTRICTS
from shared.events.envelope import Record
from shared.inbox import Inbox
from shared.migrate import upgrade
from shared.security import Role
from shared.settings import ServiceName, Settings
from shared.telemetry import Metrics
from tests.helpers import bearer
from tests.locked import Locked
from tests.scenarios.books import Books, Total, people
from tests.scenarios.processes import Service, eventually
from tests.scenarios.topics import Place, Topics

_READ: dict[str, tuple[str, ...]] = {
    "grants": services.grants.app.TOPICS,
    "reporting": services.reporting.app.TOPICS,
}
_TABLES: dict[ServiceName, MetaData] = {"grants": GRANTS, "reporting": REPORTING}
SESSION_SECONDS = 3.0
"""So soon Kafka gives the partitions of a silent worker to another."""


class Ground:
    """The components, and a migrated database of each service to be copied: reporting's already knows the people."""

    def __init__(self, folder: Path) -> None:
        self.kafka: Handle = start_kafka(folder / "kafka", locks=True)
        self.postgres: Handle = start_postgres(folder / "postgres")
        self.redis: Handle = start_redis(folder / "redis")
        self.locked = Locked(self.kafka, folder / "kafka")
        self.districts = self.locked.open(sorted(DISTRICTS))

    async def prepare(self) -> None:
        for name, metadata in _TABLES.items():
            database = Database(_driver(self.postgres.addresses[name]))
            await upgrade(database, name, metadata)
            if name == "reporting":
                inbox = Inbox(services.reporting.handlers.handlers(), Metrics(name))
                async with database.transaction() as session:
                    await inbox.apply(session, people())
            await database.close()

    def heal(self) -> None:
        """Whatever the last test did to them."""
        for component in (self.kafka, self.postgres, self.redis):
            if component.running:
                component.thaw()
            component.start()
        with Redis.from_url(self.redis.address) as redis:
            redis.flushall()

    def stop(self) -> None:
        for component in (self.kafka, self.postgres, self.redis):
            component.stop()


class World:
    """What one test works with."""

    def __init__(self, ground: Ground, folder: Path) -> None:
        self.kafka = ground.kafka
        self.postgres = ground.postgres
        self.redis = ground.redis
        self.topics = Topics(ground.locked.as_(ADMIN).settings)
        self._locked = ground.locked
        self.start_of = self.topics.ends()
        self._folder = folder
        self._databases: dict[str, str] = {}
        self._services: list[Service] = []

    async def service(self, name: ServiceName, **settings: object) -> Service:
        """One process, not started; settings by their names, e.g. role="web"."""
        environment = {
            "BERDAYA_LOG": "kafka",
            "BERDAYA_KAFKA": self.kafka.address,
            **kafka_environment(self._locked.login(name)),
            "BERDAYA_DATABASE": _driver(await self._url(name)),
            "BERDAYA_REDIS": self.redis.address,
            "BERDAYA_VAR": str(self._folder),
            "BERDAYA_SESSION_TIMEOUT": str(SESSION_SECONDS),
        } | {f"BERDAYA_{key.upper()}": str(value) for key, value in settings.items()}
        log = self._folder / f"{name}-{len(self._services)}.log"
        self._services.append(Service(name, environment, log))
        return self._services[-1]

    async def started(self, name: ServiceName, **settings: object) -> Service:
        service = await self.service(name, **settings)
        await service.start()
        return service

    def signed(self, role: Role, district: str | None = None) -> dict[str, str]:
        """The headers of a caller of this role."""
        return bearer(Settings(service="grants", var=self._folder), role, role.value, district)

    async def connect(self, name: ServiceName) -> asyncpg.Connection:
        """As the service's own role. To be closed."""
        return await asyncpg.connect(await self._url(name))

    async def rows(self, name: ServiceName, statement: str, *values: object) -> list[asyncpg.Record]:
        connection = await self.connect(name)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def number(self, name: ServiceName, statement: str, *values: object) -> int:
        return int((await self.rows(name, statement, *values))[0][0])

    async def database(self, name: ServiceName) -> Database:
        """As the service itself connects to it. To be closed."""
        return Database(_driver(await self._url(name)))

    async def administer(self, statement: str, *values: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.postgres.address)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    def facts(self, service: str) -> list[Record]:
        """What the service has told the others in this test, with every repetition."""
        return self.topics.read(f"facts.{service}", self.start_of)

    async def applied(self) -> Counter[str]:
        """How often each income report was delivered to reporting, by the id of its event."""
        found = await self.rows("reporting", "SELECT event_id, deliveries FROM inbox WHERE district <> ''")
        return Counter({row["event_id"]: row["deliveries"] for row in found})

    async def shows(self, web: Service, books: Books, *, within: float = 60) -> None:
        """The dashboard comes to show every month as the books have it, in the province and in each district."""
        months = sorted({report.month for _, report in books.sent.values()})

        async def agrees() -> None:
            for month in months:
                shown = await self.dashboard(web, month)
                assert income(shown["province"]) == books.total(month)
                for code, cell in shown["districts"].items():
                    assert income(cell) == books.total(month, code), code

        await eventually(agrees, within=within)

    async def dashboard(self, web: Service, month: str | None = None) -> dict[str, Any]:
        query = {"month": month} if month else {}
        answer = await web.http.get("/v1/dashboard", params=query, headers=self.signed(Role.viewer))
        assert answer.status_code == httpx.codes.OK, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def counted(self, books: Books, *, deliveries: int | None = 1) -> None:
        """Every report of the books has one verdict, one final receipt, and nothing was set aside on the way.

        `deliveries`: how often each must have come; None where clients tried again.
        """
        applied = await self.applied()
        assert applied.keys() == books.sent.keys()
        assert deliveries is None or set(applied.values()) == {deliveries}
        left = await self.rows("reporting", "SELECT (SELECT count(*) FROM waiting), (SELECT count(*) FROM quarantine)")
        assert tuple(left[0]) == (0, 0)
        database = await self.database("reporting")
        assert await reconcile(database) == []
        await database.close()
        await self.relayed("reporting")
        assert self._final_receipts(books) == Counter(list(books.sent))

    async def relayed(self, name: ServiceName, *, within: float = 60) -> None:
        """The outbox comes to be empty."""

        async def empty() -> None:
            assert await self.number(name, "SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0

        await eventually(empty, within=within)

    async def drained(self, name: ServiceName, *, within: float = 60) -> None:
        """The service comes to have applied all that lies in its topics now."""
        ends = {place: end for place, end in self.topics.ends().items() if place[0] in _READ[name]}

        async def applied() -> None:
            found = await self.rows(name, "SELECT topic, partition, next_offset FROM log_offset")
            reached = {(row["topic"], row["partition"]): row["next_offset"] for row in found}
            assert all(reached[place] >= end for place, end in ends.items())

        await eventually(applied, within=within)

    async def close(self) -> None:
        for service in self._services:
            await service.close()
        for service in self._services:
            if service.log.exists():
                print(f"--- {service.log.name}", *service.log.read_text().splitlines()[-60:], sep="\n")

    def _final_receipts(self, books: Books) -> Counter[str]:
        """Receipts that decide, by event; one that was sent twice has the same id and counts once."""
        found: Counter[str] = Counter()
        for code in {district for district, _ in books.sent.values()}:
            receipts = {
                dict(record.headers)["ce_id"]: msgspec.json.decode(record.value or b"")
                for record in self.topics.read(f"receipts.{code}", self.start_of)
            }
            found.update(
                receipt["event_id"] for receipt in receipts.values() if receipt["verdict"] in ("accepted", "superseded")
            )
        return found

    async def _url(self, name: ServiceName) -> str:
        """The address of this test's database of the service, made at first use."""
        if name not in self._databases:
            made = f"{name}_{secrets.token_hex(4)}"
            await self.administer(f'CREATE DATABASE "{made}" TEMPLATE "{name}" OWNER "{name}"')
            self._databases[name] = urlsplit(self.postgres.addresses[name])._replace(path=f"/{made}").geturl()
            await self._begin_at(name, {place: end for place, end in self.start_of.items() if place[0] in _READ[name]})
        return self._databases[name]

    async def _begin_at(self, name: str, ends: Mapping[Place, int]) -> None:
        connection = await asyncpg.connect(self._databases[name])
        await connection.executemany(
            "INSERT INTO log_offset (topic, partition, next_offset) VALUES ($1, $2, $3)",
            [(*place, end) for place, end in ends.items()],
        )
        await connection.close()


def income(cell: Mapping[str, Any]) -> Total:
    return Total(**{name: cell["income"][name] for name in Total._fields})


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)
