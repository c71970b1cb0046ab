"""Public numbers: a fixed set of tables about ex-clients, frozen once a day and kept for ever.

Nothing that is hidden is stored in a release, so nothing that serves it can give it away.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.dashboard import Snapshot, build
from services.reporting.privacy import chain, suppress
from services.reporting.rules import month_index
from services.reporting.views import CLASSES, COUNTED
from services.reporting.worklist_rules import jakarta_day
from shared.database import Database, now, run
from shared.events.district import PpksGroup, Sex
from shared.events.districts import DISTRICTS

LAYERS = ("reported", "district", "growth", "group", "sex")
LEAST: Mapping[str, int] = {"reported": 10, "district": 5, "growth": 10, "group": 10, "sex": 5}
"""10 where income, growth or disability is concerned (a group is that of people with a disability), 5 elsewhere."""
REPORTED = ("yes", "no")
ROUNDED = 50_000
"""Rupiah: of an odd number of reports the median is one person's profit, to the rupiah."""

Shown = int | str


class Release(NamedTuple):
    day: str
    month: str
    body: dict[str, Any]
    sha256: str
    released_at: datetime


async def freeze(database: Database, moment: datetime) -> bool:
    """Release the day of this moment, unless it was, or no month is complete yet. True when it did.

    Raises NotPrivate rather than publish what can be worked out.
    """
    day = jakarta_day(moment).isoformat()
    async with database.reading(still=True) as session:
        if await read_release(session, day) is not None:
            return False
        snapshot = (await build(session)).opens
        if snapshot.month is None or snapshot.is_unfinished:
            return False
        tables = await _read_tables(session, snapshot.month)
    body = await asyncio.to_thread(lay_out, snapshot, tables)
    text = msgspec.json.encode(body).decode()
    async with database.transaction() as session:
        written = await run(
            session,
            """INSERT INTO public_release (day, month, body, sha256, released_at)
               VALUES (:day, :month, :body, :sha256, :moment) ON CONFLICT (day) DO NOTHING RETURNING day""",
            day=day,
            month=snapshot.month,
            body=text,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            moment=now(),
        )
        return written.first() is not None


async def read_release(session: AsyncSession, day: str | None, month: str | None = None) -> Release | None:
    """Of a day, by default the newest; of a month of reports, by default whichever."""
    found = await run(
        session,
        """SELECT day, month, body, sha256, released_at FROM public_release
           WHERE (day = :day OR :day IS NULL) AND (month = :month OR :month IS NULL) ORDER BY day DESC LIMIT 1""",
        day=day,
        month=month,
    )
    row = found.first()
    if row is None:
        return None
    at = row.released_at if isinstance(row.released_at, datetime) else datetime.fromisoformat(row.released_at)
    return Release(row.day, row.month, msgspec.json.decode(row.body), row.sha256, at)


def published(release: Release) -> bytes:
    """The release as JSON; `sha256` is of what was frozen, in it everything but day, moment and itself."""
    body = {"day": release.day, "released_at": release.released_at, "sha256": release.sha256, **release.body}
    return msgspec.json.encode(body)


async def read_days(session: AsyncSession) -> list[str]:
    """Of all releases, newest first."""
    return [row.day for row in await run(session, "SELECT day FROM public_release ORDER BY day DESC")]


class Tables(NamedTuple):
    """Ex-clients by two layers each: those beside each other in LAYERS."""

    reported: dict[tuple[str, str], int]
    growth: dict[tuple[str, str], int]
    group: dict[tuple[str, str], int]
    sex: dict[tuple[str, str], int]


def lay_out(snapshot: Snapshot, tables: Tables) -> dict[str, Any]:
    """The release as it is published: every number of people, or the mark of a hidden one."""
    cells = chain(LAYERS, tables, LEAST)
    hidden = suppress(cells)

    def shown(*name: str) -> Shown:
        arc = cells[name]
        return f"<{arc.least}" if name in hidden else arc.value

    province, districts = _decoded(snapshot.province), {code: _decoded(raw) for code, raw in snapshot.districts.items()}
    return {
        "month": snapshot.month,
        "people": shown(),
        "districts": {
            code: {
                "people": shown("district", code),
                **{f"reported_{value}": shown("reported", value, "district", code) for value in REPORTED},
                **{name: shown("district", code, "growth", name) for name in CLASSES},
                "net_profit_median": _median(districts[code], shown("reported", "yes", "district", code)),
            }
            for code in DISTRICTS
        },
        "total": {
            "people": shown(),
            **{f"reported_{value}": shown("reported", value) for value in REPORTED},
            **{name: shown("growth", name) for name in CLASSES},
            "net_profit_median": _median(province, shown("reported", "yes")),
        },
        "groups": {
            group.value: {
                "people": shown("group", group),
                **{name: shown("growth", name, "group", group) for name in CLASSES},
                **{sex.value: shown("group", group, "sex", sex) for sex in Sex},
            }
            for group in PpksGroup
        },
        "sexes": {sex.value: shown("sex", sex) for sex in Sex},
        "rupiah": _rupiah(province),
    }


def _median(cell: dict[str, dict[str, Any]], reports: Shown) -> Shown:
    """Shown where the number of reports is, to ROUNDED rupiah."""
    if isinstance(reports, str):
        return reports
    median: float = cell["income"]["net_profit_median"]
    return ROUNDED * round(median / ROUNDED)


def _rupiah(province: dict[str, dict[str, Any]]) -> dict[str, Shown]:
    """The budget is public; what was granted is shown where it is that of five grants or more."""
    grants, rupiah = province["grants"], province["rupiah"]
    counted = {
        "committed": ("approved", "disbursed", "handed_over"),
        "disbursed": ("disbursed", "handed_over"),
    }
    few = any(0 < sum(grants[status] for status in statuses) < 5 for statuses in counted.values())
    undisbursed = 0 < grants["approved"] < 5  # committed less disbursed would tell of these
    return {
        "budget": rupiah["budget"],
        "committed": "<5" if few else rupiah["committed"],
        "disbursed": "<5" if few or undisbursed else rupiah["disbursed"],
    }


def _decoded(raw: msgspec.Raw) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = msgspec.json.decode(raw)
    return found


_PEOPLE = f"""
SELECT c.district, c.ppks_group, c.sex, v.growth_class, CAST(sum(v.people) AS BIGINT) AS people
FROM cohort_people v JOIN cohort c ON c.no = v.cohort WHERE c.status = '{COUNTED}' AND v.people <> 0
GROUP BY c.district, c.ppks_group, c.sex, v.growth_class
"""
_REPORTS = f"""
SELECT c.district, CAST(sum(v.reports) AS BIGINT) AS reports
FROM cohort_month v JOIN cohort c ON c.no = v.cohort WHERE c.status = '{COUNTED}' AND v.month = :month
GROUP BY c.district
"""


async def _read_tables(session: AsyncSession, month: str) -> Tables:
    """With a cell for every pair of values, also where nobody is."""
    growth = {(code, name): 0 for code in DISTRICTS for name in CLASSES}
    group = {(name, one.value): 0 for name in CLASSES for one in PpksGroup}
    sex = {(one.value, other.value): 0 for one in PpksGroup for other in Sex}
    people: defaultdict[str, int] = defaultdict(int)
    for row in await run(session, _PEOPLE):
        growth[row.district, row.growth_class] += row.people
        group[row.growth_class, row.ppks_group] += row.people
        sex[row.ppks_group, row.sex] += row.people
        people[row.district] += row.people
    reports = {row.district: row.reports for row in await run(session, _REPORTS, month=month_index(month))}
    yes = {code: reports.get(code, 0) for code in DISTRICTS}
    reported = {("yes", code): yes[code] for code in DISTRICTS}
    return Tables(reported | {("no", code): people[code] - yes[code] for code in DISTRICTS}, growth, group, sex)
