"""From the moment an event is due to be published in Kafka to the message that tells a browser of the version with it.

Worker, web, publisher and browser are processes of their own (the browser: this one), on real components.
"""

import asyncio
import re
import statistics
import time
from dataclasses import dataclass
from itertools import pairwise

import httpx

from benchmarks import producer, stored
from benchmarks.browser import Browser, browsing
from benchmarks.load import districts
from benchmarks.place import Place, Process, full, service
from benchmarks.results import Bench, Figure
from services.reporting.dashboard import build

_WARM_UP = 0.2
"""Of the events: not counted."""
_PATIENCE = 300


@dataclass(frozen=True)
class Held:
    """What was seen while a rate was held; times in ms."""

    p50: float
    p99: float
    between_versions: float
    redis_to_browser: float
    batch: float
    batch_events: float


@dataclass(frozen=True)
class Run:
    saturation: float
    steady: Held
    half: Held
    build: float
    """ms, with nothing else at work."""


async def measure(bench: Bench) -> list[Figure]:
    runs = [await _run(bench) for _ in range(bench.repeat)]
    rate = f"{bench.sizes.rate:,} events/s"
    return [
        *_figures(f"publish → browser at {rate}", [it.steady for it in runs], "p99 40 ms"),
        Figure(
            "saturation: from the first of a burst until all of it is shown", [it.saturation for it in runs], "events/s"
        ),
        *_figures("publish → browser at half of saturation", [it.half for it in runs], ""),
        Figure("· building a snapshot, all else at rest", [it.build for it in runs], "ms"),
    ]


def _figures(name: str, held: list[Held], goal: str) -> list[Figure]:
    return [
        Figure(f"{name}, p50", [it.p50 for it in held], "ms"),
        Figure(f"{name}, p99", [it.p99 for it in held], "ms", goal=goal),
        Figure("· between two versions", [it.between_versions for it in held], "ms"),
        Figure("· from Redis to the browser", [it.redis_to_browser for it in held], "ms"),
        Figure("· a batch, from read to commit", [it.batch for it in held], "ms"),
        Figure("· events in a batch", [it.batch_events for it in held], ""),
    ]


async def _run(bench: Bench) -> Run:
    bench.say("starting components")
    async with full() as place:
        return await _Scene(bench, place).play()


class _Scene:
    """One set of components; events are numbered on through all its rates."""

    def __init__(self, bench: Bench, place: Place) -> None:
        self._bench = bench
        self._place = place
        self._codes = districts(bench.sizes.districts)
        self._businesses = bench.sizes.businesses // len(self._codes) * len(self._codes)
        self._sent = 0

    async def play(self) -> Run:
        sizes = self._bench.sizes
        await stored.people(self._place.database, self._codes, until=self._businesses)
        async with service(self._place, "worker") as worker, service(self._place, "web") as web:
            await worker.ready()
            await web.ready()
            async with browsing(self._place, web, self._codes) as browser:
                await self._publish(browser, self._businesses, None)  # so that every business has a report
                burst = self._businesses
                began = await self._publish(browser, burst, None)
                saturation = burst / (max(browser.heard.values()) - began)
                steady = await self._hold(browser, worker, sizes.rate)
                half = await self._hold(browser, worker, saturation / 2)
        return Run(saturation, steady, half, await self._build())

    async def _hold(self, browser: Browser, worker: Process, rate: float) -> Held:
        first, count = self._sent, int(rate * self._bench.sizes.seconds)
        before = await _batches(worker)
        began = await self._publish(browser, count, rate)
        seconds, batches, events = (now - then for now, then in zip(await _batches(worker), before, strict=True))
        browser.settle()
        late = []
        for number in range(first + int(count * _WARM_UP), first + count):
            shown = browser.shown_at(*producer.place(number, len(self._codes)))
            if shown is None:
                raise RuntimeError(f"event {number} was never shown")
            late.append((shown - began - (number - first) / rate) * 1000)
        versions = [at for at in browser.heard.values() if at > began]
        passed = [browser.heard[it] - at for it, at in browser.published.items() if at > began and it in browser.heard]
        percent = statistics.quantiles(late, n=100, method="inclusive")
        return Held(
            p50=percent[49],
            p99=percent[98],
            between_versions=statistics.median(b - a for a, b in pairwise(versions)) * 1000,
            redis_to_browser=statistics.median(passed) * 1000,
            batch=seconds / batches * 1000,
            batch_events=events / batches,
        )

    async def _publish(self, browser: Browser, count: int, rate: float | None) -> float:
        """Publish, and wait until the browser has seen all. Returns when it began."""
        publishing = asyncio.ensure_future(
            producer.publish(
                self._place.kafka, self._codes, businesses=self._businesses, first=self._sent, count=count, rate=rate
            )
        )
        self._sent += count
        wanted = tuple(len(range(place, self._sent, len(self._codes))) for place in range(len(self._codes)))
        deadline = time.monotonic() + _PATIENCE + (count / rate if rate else 0)
        while not publishing.done() or browser.newest() != wanted:
            at = "at once" if rate is None else f"at {rate:,.0f} events/s"
            self._bench.say(f"{count:,} {at}: {sum(browser.newest()) - self._sent + count:,} shown")
            if time.monotonic() > deadline:
                raise TimeoutError(f"the dashboard shows {browser.newest()} instead of {wanted}")
            await asyncio.sleep(0.02)
        return await publishing

    async def _build(self) -> float:
        took = []
        for _ in range(9):
            async with self._place.database.reading() as session:
                started = time.monotonic()
                await build(session)
                took.append(time.monotonic() - started)
        return statistics.median(took) * 1000


async def _batches(worker: Process) -> tuple[float, float, float]:
    """By the worker's own count so far: seconds in batches, batches, events."""
    async with httpx.AsyncClient(base_url=worker.address) as client:
        text = (await client.get("/metrics")).text
    names = ("batch_seconds_sum", "batch_seconds_count", "events_applied_total")
    found = [re.search(rf"^berdaya_{name}\{{.*\}} (\S+)$", text, re.MULTILINE) for name in names]
    seconds, batches, events = (float(it[1]) for it in found if it is not None)
    return seconds, batches, events
