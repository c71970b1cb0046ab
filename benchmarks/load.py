"""Invented load: people as the registry tells of them, and their monthly reports as districts send them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from random import Random

from shared.events import facts
from shared.events.catalogue import NAMES, facts_topic, intake_topic, outgoing
from shared.events.district import AssetUse, Disability, IncomeReported, PpksGroup, Sex, Status
from shared.events.districts import DISTRICTS
from shared.events.envelope import Envelope, Outgoing, beneficiary_id
from shared.log import Log

SENT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
_CODES = tuple(DISTRICTS)
_TRADES = ("sewing", "massage", "cooking", "workshop", "barber", "handicraft", "farming", "printing")
_UNITS = (None, "UPT Bojonegoro", "UPT Malang", "UPT Pasuruan")
_APPEND = 5000


def people(count: int) -> Iterator[Outgoing]:
    """One fact each, spread over all districts; hardly two alike in all that totals are cut by."""
    rng = Random(2)
    for number in range(count):
        code, ref = _owner(number)
        person = beneficiary_id(code, ref)
        fact = facts.BeneficiaryRegistered(
            version=1,
            beneficiary_id=person,
            district=code,
            district_ref=ref,
            status=Status.ex_client,
            ppks_group=rng.choice(list(PpksGroup)),
            sex=rng.choice(list(Sex)),
            birth_year=1990,
            disabilities=(rng.choice(list(Disability)),),
            skills=(rng.choice(_TRADES),),
            unit=rng.choice(_UNITS),
        )
        envelope = Envelope(
            id=f"person-{number}", source="/service/registry", type=NAMES[type(fact)], time=SENT, subject=str(person)
        )
        yield outgoing(facts_topic("registry"), str(person), envelope, fact)


def reports(count: int, *, businesses: int, seed: int = 1, first: int = 0) -> Iterator[Outgoing]:
    """`count` reports of `businesses`, month by month, each month in a shuffled order of businesses."""
    rng = Random(seed)
    made = 0
    month = 0
    while made < count:
        order = list(range(businesses))
        rng.shuffle(order)
        for number in order[: count - made]:
            yield _report(number, month, f"r{first + made:09}", rng)
            made += 1
        month += 1


async def append(log: Log, records: Iterator[Outgoing]) -> int:
    """All of them, durably; returns how many."""
    total = 0
    while part := list(islice(records, _APPEND)):
        await log.append(sorted(part, key=lambda record: record.topic))
        total += len(part)
    return total


def _owner(number: int) -> tuple[str, str]:
    return _CODES[number % len(_CODES)], f"{_CODES[number % len(_CODES)]}-{number:06}"


def _report(number: int, month: int, event_id: str, rng: Random) -> Outgoing:
    code, ref = _owner(number)
    year, index = divmod(2024 * 12 + month, 12)
    turnover = rng.randrange(1_000_000, 9_000_000)
    report = IncomeReported(
        district_ref=ref,
        month=f"{year}-{index + 1:02}",
        revision=1,
        turnover=turnover,
        materials=turnover // 3,
        production=turnover // 10,
        wages=turnover // 5,
        employees=rng.randrange(5),
        orders=rng.randrange(40),
        asset_use=AssetUse.in_use,
    )
    envelope = Envelope(id=event_id, source=f"/district/{code}/bench", type=NAMES[type(report)], time=SENT, subject=ref)
    return outgoing(intake_topic("reporting", code), ref, envelope, report)
