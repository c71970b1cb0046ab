"""Invented load: monthly reports as districts send them, a twentieth are corrections, half of which come too late."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from random import Random
from typing import NamedTuple

from shared.events.catalogue import NAMES, intake_topic, outgoing
from shared.events.district import AssetUse, IncomeReported
from shared.events.districts import DISTRICTS
from shared.events.envelope import Envelope, Outgoing
from shared.log import Log

SENT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
_FIRST_MONTH = 2022 * 12
_APPEND = 5000
_USES = (AssetUse.in_use, AssetUse.in_use, AssetUse.in_use, AssetUse.idle, AssetUse.broken)


class Sent(NamedTuple):
    """One event. The time of all is the same: the revision decides which of two is in force."""

    district: str
    event_id: str
    report: IncomeReported


def districts(count: int) -> tuple[str, ...]:
    return tuple(DISTRICTS)[:count]


def ref(district: str, number: int) -> str:
    """A district's own number for a business."""
    return f"{district}-{number:06}"


def reports(count: int, *, businesses: int, codes: tuple[str, ...], seed: int = 1) -> Iterator[Sent]:
    """`count` reports of `businesses`, spread over the districts, month by month in a shuffled order.

    The first report of a business and month is its revision 2. After every nineteenth one comes a correction of an
    earlier report of that month: revision 3, which replaces it, or revision 1, which comes too late.
    """
    rng = Random(seed)
    made, month = 0, 0
    while made < count:
        order = list(range(businesses))
        rng.shuffle(order)
        for place, number in enumerate(order):
            steps = [(number, 2)]
            if place % 19 == 18:
                steps.append((order[place - 18], rng.choice((1, 3))))
            for business, revision in steps:
                if made < count:
                    yield _report(codes[business % len(codes)], business, month, revision, f"r{made:09}", rng)
                    made += 1
        month += 1


def _report(district: str, business: int, month: int, revision: int, event_id: str, rng: Random) -> Sent:
    year, index = divmod(_FIRST_MONTH + month, 12)
    turnover = rng.randrange(1_000_000, 9_000_000)
    report = IncomeReported(
        district_ref=ref(district, business),
        month=f"{year}-{index + 1:02}",
        revision=revision,
        turnover=turnover,
        materials=turnover // 3,
        production=turnover // 10,
        wages=turnover // 5,
        employees=rng.randrange(5),
        orders=rng.randrange(40),
        asset_use=rng.choice(_USES),
    )
    return Sent(district, event_id, report)


def record(sent: Sent) -> Outgoing:
    report = sent.report
    envelope = Envelope(
        id=sent.event_id,
        source=f"/district/{sent.district}/bench",
        type=NAMES[IncomeReported],
        time=SENT,
        subject=report.district_ref,
    )
    return outgoing(intake_topic("reporting", sent.district), report.district_ref, envelope, report)


async def append(log: Log, sent: Iterable[Sent]) -> None:
    """All of them, durably, each district's in their order."""
    records = map(record, sent)
    while part := list(islice(records, _APPEND)):
        await log.append(sorted(part, key=lambda one: one.topic))
