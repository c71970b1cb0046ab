"""What the districts of a test said, and what must come of it: added up here, apart from the code under test."""

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import NamedTuple

import msgspec

from shared.events.district import AssetUse, IncomeReported, PpksGroup, Sex, Status
from shared.events.envelope import BATCH, Record, beneficiary_id, read_record, write_structured
from shared.events.facts import BeneficiaryRegistered
from tests.helpers import from_district, from_service

DISTRICTS = ("3501", "3502", "3503", "3504")
PEOPLE = tuple(f"P-{number}" for number in range(1, 11))
"""The businesses of each of these districts, all of former clients."""
MONTHS = ("2026-07", "2026-08", "2026-09", "2026-10")
REPORTED_AT = datetime(2026, 11, 2, 8, tzinfo=UTC)

Income = Mapping[str, int]


class Total(NamedTuple):
    reports: int
    turnover: int
    net_profit: int
    employees: int
    idle_assets: int


def people() -> list[Record]:
    """Everybody, as the registry tells of them."""
    return [_person(code, ref) for code in DISTRICTS for ref in PEOPLE]


def seed() -> int:
    """A new one each time, printed; BERDAYA_SEED gives an old one again."""
    found = int(os.environ.get("BERDAYA_SEED") or SystemRandom().randrange(1_000_000))
    print(f"BERDAYA_SEED={found}")
    return found


class Books:
    """Every report that was sent, by the id of its event. A later revision replaces an earlier one."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._revisions: dict[tuple[str, str, str], int] = {}
        self.sent: dict[str, tuple[str, IncomeReported]] = {}

    def reports(self, count: int, *, districts: tuple[str, ...] = DISTRICTS) -> list[Record]:
        """New reports and corrections of anybody, for any month, in an order that a district could send them."""
        return [self._report(self._random.choice(districts)) for _ in range(count)]

    def drop(self, event_ids: Iterable[str]) -> None:
        """These were never taken."""
        for event_id in event_ids:
            del self.sent[event_id]

    def total(self, month: str, code: str | None = None) -> Total:
        """Of the province, or of one district."""
        newest: dict[tuple[str, str], IncomeReported] = {}
        for district, report in self.sent.values():
            place = (district, report.district_ref)
            if (
                report.month == month
                and code in (None, district)
                and (place not in newest or newest[place].revision < report.revision)
            ):
                newest[place] = report
        return Total(
            reports=len(newest),
            turnover=sum(report.turnover for report in newest.values()),
            net_profit=sum(
                report.turnover - report.materials - report.production - report.wages for report in newest.values()
            ),
            employees=sum(report.employees for report in newest.values()),
            idle_assets=sum(report.asset_use in ("idle", "broken") for report in newest.values()),
        )

    def _report(self, code: str) -> Record:
        draw = self._random
        ref, month = draw.choice(PEOPLE), draw.choice(MONTHS)
        revision = self._revisions.get((code, ref, month), 0) + 1
        self._revisions[code, ref, month] = revision
        report = IncomeReported(
            district_ref=ref,
            month=month,
            revision=revision,
            turnover=draw.randrange(1_000_000, 9_000_000),
            materials=draw.randrange(3_000_000),
            production=draw.randrange(1_000_000),
            wages=draw.randrange(1_000_000),
            employees=draw.randrange(5),
            orders=draw.randrange(100),
            asset_use=draw.choice(list(AssetUse)),
        )
        event_id = f"{code}-{ref}-{month}-{revision}"
        self.sent[event_id] = (code, report)
        return from_district(code, report, event_id=event_id, time=REPORTED_AT, subject=ref)


def as_batch(records: Iterable[Record]) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of `POST /v1/events` for these records."""
    events = [msgspec.Raw(write_structured(*read_record(record))) for record in records]
    return msgspec.json.encode(events), {"content-type": BATCH}


def parts(records: list[Record], size: int) -> Iterator[list[Record]]:
    for first in range(0, len(records), size):
        yield records[first : first + size]


def _person(code: str, ref: str) -> Record:
    number = beneficiary_id(code, ref)
    fact = BeneficiaryRegistered(
        version=1,
        beneficiary_id=number,
        district=code,
        district_ref=ref,
        status=Status.ex_client,
        ppks_group=PpksGroup.disability,
        sex=Sex.female,
        birth_year=1990,
        disabilities=(),
        skills=("sewing",),
        unit=None,
    )
    return from_service("registry", fact, event_id=f"{number}/1", time=REPORTED_AT, key=str(number))
