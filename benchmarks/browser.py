"""A reader of the dashboard as its page is one: hears of versions by server-sent events, and reads at each."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
from redis.asyncio import Redis

from benchmarks.place import Place, Process

_TIMES = httpx.Timeout(10, read=60)


class Browser:
    """What was heard and seen so far, by the monotonic clock."""

    def __init__(self, client: httpx.AsyncClient, codes: Sequence[str]) -> None:
        self._client = client
        self._codes = codes
        self._news = asyncio.Event()
        self.heard: dict[int, float] = {}
        """When the message of each version came."""
        self.published: dict[int, float] = {}
        """When Redis passed its word on."""
        self.seen: dict[int, tuple[int, ...]] = {}
        """The turnover of each district in that version: the number of its events."""

    def newest(self) -> tuple[int, ...]:
        """What the newest version says that was both heard of and read."""
        version = max(self.heard.keys() & self.seen.keys(), default=None)
        return (0,) * len(self._codes) if version is None else self.seen[version]

    def shown_at(self, district: int, turn: int) -> float | None:
        """When the message came of the first version that is known to hold this event."""
        versions, counts = self._by_district[district]
        found = bisect_right(counts, turn)
        return self.heard[versions[found]] if found < len(versions) else None

    def settle(self) -> None:
        """Call before `shown_at`. Versions whose content was never read are left out: the next one read stands in."""
        known = sorted(self.heard.keys() & self.seen.keys())
        self._by_district = [
            (known, [self.seen[version][district] for version in known]) for district in range(len(self._codes))
        ]

    async def listen(self) -> None:
        async with self._client.stream("GET", "/v1/dashboard/stream") as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("id:"):
                    self.heard[int(line[3:])] = time.monotonic()
                    self._news.set()
        raise RuntimeError("the stream ended")

    async def read(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            body = (await self._client.get("/v1/dashboard")).raise_for_status().json()
            districts = body["districts"]
            self.seen[body["version"]] = tuple(districts[code]["income"]["turnover"] for code in self._codes)

    async def overhear(self, redis: Redis) -> None:
        async with redis.pubsub() as heard:
            await heard.subscribe("berdaya:dashboard:version")
            async for message in heard.listen():
                if message["type"] == "message":
                    self.published[int(message["data"])] = time.monotonic()


@asynccontextmanager
async def browsing(place: Place, web: Process, codes: Sequence[str]) -> AsyncIterator[Browser]:
    """A browser on the dashboard for as long as the block lasts. Raises what went wrong in it."""
    headers = place.authorization()
    async with (
        httpx.AsyncClient(base_url=web.address, headers=headers, timeout=_TIMES) as client,
        Redis.from_url(place.redis) as redis,
        asyncio.TaskGroup() as tasks,
    ):
        browser = Browser(client, codes)
        works = [tasks.create_task(work) for work in (browser.listen(), browser.read(), browser.overhear(redis))]
        yield browser
        for work in works:
            work.cancel()
