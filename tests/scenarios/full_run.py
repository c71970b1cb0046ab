"""The province as it runs in earnest: three processes on Kafka, PostgreSQL and Redis, behind one address."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg
import httpx
from redis.asyncio import Redis

from deploy.local.province import METADATA, TOPICS, Province
from deploy.local.publishers import Publishers
from deploy.stack.components import Handle
from deploy.stack.passwords import ADMIN
from deploy.stack.settings import kafka_environment
from shared.database import Database, is_transient, set_wise
from shared.events.districts import DISTRICTS
from shared.events.envelope import Outgoing
from shared.kafka import KafkaLog
from shared.log import Log, LogUnavailable, Partition, Positions, Subscription
from shared.migrate import upgrade
from shared.settings import ServiceName
from tests.scenarios.processes import Service
from tests.scenarios.telling import PATIENCE, Told
from tests.scenarios.world import Ground

T = TypeVar("T")

NAMES: tuple[ServiceName, ...] = ("registry", "grants", "reporting")
BY_LOG = frozenset(code for code in DISTRICTS if int(code) % 2)
"""Districts that have a Kafka client; the others use the HTTP door."""
SESSION_SECONDS = 3
"""So soon Kafka gives the partitions of a killed worker to the next one."""
_PAUSE = 0.2
_NO_ANSWER = frozenset({502, 503, 504})


@asynccontextmanager
async def full_run(ground: Ground, folder: Path) -> AsyncIterator[tuple[Told, Mapping[str, Service]]]:
    """Fresh databases that begin where the log ends, and a process of each service. The components stay."""
    log = PatientLog(KafkaLog(ground.kafka.address, login=ground.locked.login(ADMIN)))
    publishers = Publishers(ground.kafka.address, ground.districts)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(log.close)
        stack.push_async_callback(publishers.close)
        await _forget_snapshots(ground.redis.address)
        start = await log.ends(sorted({topic for topics in TOPICS.values() for topic in topics} | _receipts()))
        databases: dict[str, Database] = {}
        services: dict[str, Service] = {}
        for name in NAMES:
            databases[name] = Database(await _fresh(ground.postgres, name), pool=2)
            stack.push_async_callback(databases[name].close)
            await upgrade(databases[name], name, METADATA[name])
            await _begin_at(
                databases[name], {place: end for place, end in start.items() if place.topic in TOPICS[name]}
            )
            services[name] = Service(name, _environment(ground, name, databases[name], folder), folder / f"{name}.log")
            stack.push_async_callback(_end, services[name])
        await asyncio.gather(*(service.start() for service in services.values()))
        gateway = Gateway({name: service.url for name, service in services.items()})
        client = httpx.AsyncClient(transport=gateway, base_url="http://province", timeout=30)
        await stack.enter_async_context(client)
        province = Province(folder, log, databases, {})
        patient = PatientPublishers(publishers)
        yield PatientTold(client, province, log, publishers=patient, by_log=BY_LOG, start=start), services


class PatientTold(Told):
    """Waits out what a component that is down does to the one who looks whether all is quiet."""

    async def quiet(self, *, published: bool = True) -> None:
        quiet = super().quiet
        await patiently(lambda: quiet(published=published))


class PatientLog(Log):
    """Asks again while the broker is away."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def append(self, records: Sequence[Outgoing]) -> None:
        await patiently(lambda: self._log.append(records))

    def subscribe(
        self, group: str, topics: Sequence[str], positions: Positions
    ) -> AbstractAsyncContextManager[Subscription]:
        return self._log.subscribe(group, topics, positions)

    async def ends(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        return await patiently(lambda: self._log.ends(topics))

    async def taken_at(self, places: Mapping[Partition, int]) -> Mapping[Partition, int]:
        return await patiently(lambda: self._log.taken_at(places))

    async def ready(self) -> bool:
        return await self._log.ready()

    async def close(self) -> None:
        await self._log.close()


class PatientPublishers:
    """Each district sends again while the broker is away. What came twice is a duplicate by design."""

    def __init__(self, publishers: Publishers) -> None:
        self._publishers = publishers

    async def append(self, records: Sequence[Outgoing]) -> None:
        await patiently(lambda: self._publishers.append(records))


class Gateway(httpx.AsyncBaseTransport):
    """`/grants/…` goes to the process of grants, as nginx does it. A call that got no answer is made again as it was.

    With its Idempotency-Key, then, so that it has one effect; and an event published again is a duplicate by design.
    """

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _, name, rest = request.url.raw_path.decode().split("/", 2)
        content = await request.aread()
        headers = [(key, value) for key, value in request.headers.raw if key.lower() != b"host"]
        deadline = time.monotonic() + PATIENCE
        while True:
            again = httpx.Request(
                request.method,
                f"{self._urls[name]}/{rest}",
                headers=headers,
                content=content,
                extensions=request.extensions,
            )
            try:
                answer = await self._inner.handle_async_request(again)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            else:
                if answer.status_code not in _NO_ANSWER or time.monotonic() > deadline:
                    return answer
                await answer.aclose()
            await asyncio.sleep(_PAUSE)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do it again while a component is down, up to a bound."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await work()
        except Exception as error:
            away = isinstance(error, LogUnavailable) or is_transient(error)
            if not away or time.monotonic() > deadline:
                raise
            await asyncio.sleep(_PAUSE)


async def _end(service: Service) -> None:
    """With the last words of its log, for whoever reads of a failure."""
    await service.close()
    if service.log.exists():
        print(f"--- {service.log.name}", *service.log.read_text().splitlines()[-20:], sep="\n")


def _environment(ground: Ground, name: str, database: Database, folder: Path) -> dict[str, str]:
    return {
        "BERDAYA_LOG": "kafka",
        "BERDAYA_KAFKA": ground.kafka.address,
        **kafka_environment(ground.locked.login(name)),
        "BERDAYA_DATABASE": database.url,
        "BERDAYA_REDIS": ground.redis.address,
        "BERDAYA_VAR": str(folder),
        "BERDAYA_SESSION_TIMEOUT": str(SESSION_SECONDS),
    }


async def _fresh(postgres: Handle, name: str) -> str:
    """The address of an empty database of the service's own role."""
    made = f"{name}_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(postgres.address)
    try:
        await connection.execute(f'CREATE DATABASE "{made}" OWNER "{name}"')
    finally:
        await connection.close()
    return urlsplit(postgres.addresses[name])._replace(scheme="postgresql+asyncpg", path=f"/{made}").geturl()


async def _begin_at(database: Database, ends: Mapping[Partition, int]) -> None:
    async with database.transaction() as session:
        await set_wise(
            session,
            "INSERT INTO log_offset (topic, partition, next_offset) SELECT r.topic, r.number, r.following FROM {rows}",
            {"topic": "text", "number": "int", "following": "bigint"},
            [(*place, end) for place, end in ends.items()],
        )


async def _forget_snapshots(url: str) -> None:
    """Those of another test's province, whose versions may be higher than ours will be."""
    redis = Redis.from_url(url)
    try:
        await redis.flushall()
    finally:
        await redis.aclose()


def _receipts() -> set[str]:
    return {f"receipts.{code}" for code in DISTRICTS}
