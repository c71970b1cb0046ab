"""The story told to a province that runs, whatever it runs on, and what can be asked of it afterwards."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from deploy.local.gateway import Gateway
from deploy.local.province import TOPICS, Province, embedded
from deploy.local.quiet import until_quiet
from deploy.story.driver import Appender, Doors, tell
from deploy.story.generate import Publication, Story
from services.grants.reconcile import differences
from services.reporting.reconcile import reconcile
from shared.database import run
from shared.events.catalogue import intake_topic, receipts_topic
from shared.events.districts import DISTRICTS
from shared.events.envelope import Outgoing, Record, to_headers
from shared.log import Log, Partition
from shared.security import LocalKey, Role
from shared.settings import Settings
from tests.oracle import Office
from tests.scenarios.processes import eventually

FINAL = frozenset({"accepted", "superseded", "rejected", "quarantined"})
"""`waiting` is followed by one of these; `duplicate` answers a further delivery."""
PATIENCE = 120.0


@dataclass
class Told:
    """A running province, reached through its one address. `start` is where the log ended before the story."""

    client: httpx.AsyncClient
    province: Province
    log: Log
    publishers: Appender | None = None
    """The districts' own clients of the log; without, they share ours."""
    by_log: frozenset[str] = frozenset()
    start: Mapping[Partition, int] = field(default_factory=dict)
    times: int = 0
    """How often the story was told."""

    def __post_init__(self) -> None:
        settings = Settings(service="reporting", var=self.province.var)
        self.again: Counter[tuple[str, str]] = Counter()
        """Events published once more, apart from the story: by district and id."""
        publishers = self.publishers or self.log
        self.doors = Doors(self.client, publishers, LocalKey.at(settings.keys), settings, by_log=self.by_log)

    async def tell(self, story: Story, progress: Callable[[str, int], None] = lambda _title, _many: None) -> None:
        self.doors.retelling = self.times > 0
        await tell(story, self.doors, lambda: self.quiet(published=False), progress)
        await self.quiet()
        self.times += 1

    async def publish_again(self, publication: Publication) -> None:
        """One event of the story once more."""
        self.again[publication.district, publication.envelope.id] += 1
        await self.doors.publish([publication])
        await self.quiet()

    def deliveries(self, office: Office, key: tuple[str, str, str]) -> int:
        """How often that event has come by now."""
        return self.times * office.deliveries[key] + self.again[key[0], key[2]]

    async def quiet(self, *, published: bool = True) -> None:
        await until_quiet(self.province.log, self.province.databases, TOPICS, published=published, seconds=PATIENCE)

    async def get(self, path: str, role: Role = Role.auditor, district: str | None = None) -> httpx.Response:
        return await self.client.get(path, headers=self.doors.token(role.value, role.value, district))

    async def dashboard(self, month: str | None = None) -> bytes:
        """As its readers get it, once they get the newest version and nothing is on its way."""
        await self.quiet()
        path = f"/reporting/v1/dashboard{'' if month is None else f'?month={month}'}"

        async def newest() -> bytes:
            async with self.province.databases["reporting"].reading() as session:
                version = (await run(session, "SELECT version FROM view_state WHERE one = 1")).scalar_one()
            answer = await self.get(path)
            assert answer.status_code == httpx.codes.OK, answer.text
            shown = answer.json()
            assert (shown["version"], shown["lag"]["events"]) == (version, 0)
            return answer.content

        return await eventually(newest)

    async def reconcile(self) -> list[str]:
        """What differs between totals and facts, in reporting and in the budgets."""
        databases = self.province.databases
        async with databases["grants"].reading(still=True) as session:
            budgets = await differences(session)
        return [*await reconcile(databases["reporting"]), *map(str, budgets)]

    async def receipts(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """All receipts on the topics, by district and event, in order. One that a relay sent twice is there once."""
        topics = [receipts_topic(code) for code in DISTRICTS]
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        sent: set[tuple[bytes, bytes]] = set()
        for record in await read_all(self.log, topics, self.start):
            headers = dict(record.headers)
            name = headers["ce_source"], headers["ce_id"]
            if name not in sent:
                sent.add(name)
                receipt = msgspec.json.decode(record.value or b"")
                found.setdefault((record.topic.rpartition(".")[2], receipt["event_id"]), []).append(receipt)
        return found

    async def receipt(self, district: str, service: str, event_id: str) -> dict[str, Any]:
        """As the district reads it over HTTP."""
        answer = await self.get(f"/{service}/v1/receipts/{event_id}", Role.district_system, district)
        assert answer.status_code == httpx.codes.OK, f"{event_id}: {answer.status_code}"
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def embedded_run(folder: Path) -> AsyncIterator[Told]:
    """All services in this process, on files under `folder`."""
    async with embedded(folder) as province:
        services = {name: node.served for name, node in province.nodes.items()}
        transport = httpx.ASGITransport(app=Gateway(services, services["reporting"]))
        async with httpx.AsyncClient(transport=transport, base_url="http://province", timeout=60) as client:
            yield Told(client, province, province.log)


async def read_all(log: Log, topics: Sequence[str], start: Mapping[Partition, int]) -> list[Record]:
    """Every record of these topics from `start` to their present ends."""

    async def from_start(partitions: Any) -> Mapping[Partition, int]:
        return {partition: start.get(partition, 0) for partition in partitions}

    ends = await log.ends(topics)
    missing = sum(end - start.get(partition, 0) for partition, end in ends.items())
    found: list[Record] = []
    deadline = time.monotonic() + PATIENCE
    async with log.subscribe(f"reader-{secrets.token_hex(4)}", topics, from_start) as subscription:
        while len(found) < missing:
            assert time.monotonic() < deadline, f"{len(found)} of {missing} records could be read"
            found += await subscription.read(limit=5000, timeout=1)
    return found


def publications(story: Story) -> Iterator[Publication]:
    return (step for chapter in story.chapters for step in chapter.steps if isinstance(step, Publication))


def as_record(publication: Publication) -> Outgoing:
    """As the district puts it into the log."""
    if publication.raw is not None:
        return publication.raw
    envelope = publication.envelope
    topic = intake_topic(publication.service, publication.district)
    return Outgoing(topic, envelope.subject.encode(), publication.data, to_headers(envelope))


def without_moment(body: bytes) -> bytes:
    """A dashboard's bytes apart from `version`, `as_of` and `lag`: what two runs of one story must share."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: raw for name, raw in fields.items() if name not in ("version", "as_of", "lag")})


async def in_turns(calls: Sequence[Any], *, at_once: int = 8) -> list[Any]:
    """The results of these coroutines, a few running at a time."""
    turn = asyncio.Semaphore(at_once)

    async def one(call: Any) -> Any:
        async with turn:
            return await call

    return await asyncio.gather(*map(one, calls))
