"""The same load, topics and fold on Quix Streams: exactly once, its state in RocksDB and in changelog topics.

Quix keeps totals only. What Berdaya does besides, and is timed with, is receipts, duplicates by event id, growth
classes, unknown persons and the snapshot in Redis.
"""

import asyncio
import json
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks import helper, peers
from benchmarks.catchup import catch_up, prepare
from benchmarks.load import districts
from benchmarks.place import Place, full
from benchmarks.results import Bench, Figure, ratio
from benchmarks.totals import Totals, require_same
from services.reporting.rules import month_index
from shared.events.catalogue import intake_topic

_TOTALS = TopicPartition("peer.totals", 0)


async def measure(bench: Bench) -> list[Figure]:
    bench.say("installing Quix Streams")
    interpreter = await asyncio.to_thread(peers.python, "quix")
    ours, theirs = [], []
    for _ in range(bench.repeat):
        bench.say("starting components")
        async with full() as place:
            expected = await prepare(bench, place, bench.sizes.events)
            ours.append(await catch_up(bench, place, expected, events=bench.sizes.events))
            theirs.append(await _run_quix(bench, place, str(interpreter), expected))
    speed = [it.per_second for it in ours]
    quix = [bench.sizes.events / found["seconds"] for found in theirs]
    return [
        Figure("catch-up, beside Quix", speed, "events/s", ratio(speed, quix), "1.8 x"),
        Figure("· Quix Streams, exactly once, changelog topics", quix, "events/s", 1),
        Figure("· CPU per event of Berdaya's worker", [it.cpu_per_event for it in ours], "µs"),
        Figure("· CPU per event of Quix Streams", [it["cpu"] / bench.sizes.events * 1e6 for it in theirs], "µs"),
        Figure("· memory of Berdaya at most", [it.peak for it in ours], "MiB"),
        Figure("· memory of Quix Streams at most", [found["memory"] for found in theirs], "MiB"),
    ]


async def _run_quix(bench: Bench, place: Place, interpreter: str, expected: Totals) -> dict[str, float]:
    """Seconds of clock and of CPU from its first event to its last commit, and MiB. Raises Disagreement."""
    started = time.monotonic()
    told = {
        "kafka": place.kafka,
        "topics": [intake_topic("reporting", code) for code in districts(bench.sizes.districts)],
        "events": bench.sizes.events,
        "state_dir": str(place.folder / "quix"),
    }
    answering = asyncio.ensure_future(helper.ask(interpreter, str(peers.program("quix")), told=told))
    while not answering.done():
        bench.say(f"Quix Streams at work, {time.monotonic() - started:.0f} s with its start")
        await asyncio.wait({answering}, timeout=1)
    answer: dict[str, float] = await answering
    require_same("totals of Quix Streams", await _totals(place.kafka), expected)
    return answer


async def _totals(kafka: str) -> Totals:
    """The last committed total of each district and month, as Quix published it."""
    totals: Totals = {}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    consumer.assign([_TOTALS])
    await consumer.start()
    try:
        end = (await consumer.end_offsets([_TOTALS]))[_TOTALS]
        while await consumer.position(_TOTALS) < end:
            for record in (await consumer.getmany(timeout_ms=1000)).get(_TOTALS, ()):
                total = json.loads(record.value)
                totals[total["district"], month_index(total["month"])] = tuple(total["total"])
    finally:
        await consumer.stop()
    return totals
