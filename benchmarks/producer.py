"""Publishes reports at a steady rate, whatever the answers: what comes late counts from when it was due.

Every report raises the turnover of its business by one rupiah and is the only thing that does: so the turnover of a
district on the dashboard is the number of its events in it, and an event is told by its district and its place there.
"""

import asyncio
import time
from typing import Any

from benchmarks import helper
from benchmarks.load import Sent, record, ref
from shared.events.district import AssetUse, IncomeReported
from shared.kafka import KafkaLog

_MONTH = "2026-10"
_MOST = 5000
_PAUSE_SECONDS = 0.001


async def publish(
    kafka: str, codes: tuple[str, ...], *, businesses: int, first: int, count: int, rate: float | None
) -> float:
    """Events `first` to `first + count`, by `rate` per second or, if None, all at once.

    Returns when it began, by the monotonic clock all processes of a machine share: event n was due at
    that + (n - first) / rate.
    """
    told = {"kafka": kafka, "codes": codes, "businesses": businesses, "first": first, "count": count, "rate": rate}
    answer = await helper.ask_module("benchmarks.producer", **told)
    return float(answer["began"])


def place(number: int, codes: int) -> tuple[int, int]:
    """Event n belongs to which district, and is its how-manieth there (from 0)."""
    return number % codes, number // codes


def _event(number: int, codes: list[str], businesses: int) -> Sent:
    district, turn = place(number, len(codes))
    code = codes[district]
    revision, business = divmod(turn, businesses // len(codes))
    # As `benchmarks.stored` numbers them: business n is in district n % codes.
    report = IncomeReported(
        district_ref=ref(code, business * len(codes) + district),
        month=_MONTH,
        revision=revision + 1,
        turnover=revision + 1,
        materials=0,
        production=0,
        wages=0,
        employees=1,
        orders=1,
        asset_use=AssetUse.in_use,
    )
    return Sent(code, f"e{number:09}", report)


async def _publish(
    kafka: str, codes: list[str], businesses: int, first: int, count: int, rate: float | None
) -> dict[str, Any]:
    log = KafkaLog(kafka)
    await log.ready()
    sent, began = 0, time.monotonic()
    try:
        while sent < count:
            due = count if rate is None else min(count, int((time.monotonic() - began) * rate) + 1)
            if due == sent:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            until = min(due, sent + _MOST)
            await log.append([record(_event(first + number, codes, businesses)) for number in range(sent, until)])
            sent = until
    finally:
        await log.close()
    return {"began": began}


if __name__ == "__main__":
    helper.answer(_publish(**helper.told()))
