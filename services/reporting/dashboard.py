"""The provincial dashboard, from the views to bytes. Each number is defined in `views`; here they are only laid out."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.rules import month_index, month_name
from services.reporting.views import (
    CLASSES,
    COUNTED,
    GRANT_STATUSES,
    MONTHS,
    PEOPLE,
    STATUSES,
    YEARS,
    remaining,
    reporting_rate,
)
from shared.database import Database, now, run
from shared.events.districts import DISTRICTS
from shared.events.envelope import format_time

PROVINCE = ""
"""The key of the province among the districts."""


class Snapshot(msgspec.Struct, frozen=True):
    """The dashboard of one month at one version: cells already encoded, so that a read only joins bytes."""

    version: int
    month: str | None
    built_at: datetime
    province: msgspec.Raw
    districts: dict[str, msgspec.Raw]
    months: tuple[str, ...]
    """All months that have a report, oldest first."""
    content_sha256: str

    def body(self, lag: "Lag", only: str | None) -> bytes:
        """The answer of `GET /v1/dashboard`; `only` names the one district its reader may see."""
        shown = self.districts if only is None else {only: self.districts[only]}
        return msgspec.json.encode(
            {
                "version": self.version,
                "as_of": milliseconds(lag.as_of),
                "month": self.month,
                "lag": {"events": lag.events, "seconds": round(lag.seconds, 1)},
                "province": self.province,
                "districts": shown,
            }
        )


class Lag(msgspec.Struct, frozen=True):
    """How far the dashboard is behind the log: events not applied yet, and the age of the oldest in seconds."""

    as_of: datetime
    events: int
    seconds: float


def milliseconds(moment: datetime) -> str:
    return format_time(moment)[:-4] + "Z"


async def build(session: AsyncSession, month: str | None = None) -> Snapshot:
    """The dashboard of a month, by default the newest that has a report, as the session sees it now.

    Before the first report there is no month; the money is then that of the newest fiscal year.
    """
    months = await _months(session)
    chosen = month or (months[-1] if months else None)
    people = await _totals(session, "SELECT * FROM district_people")
    years = await _totals(
        session,
        "SELECT * FROM district_year WHERE fiscal_year = coalesce(:at, (SELECT max(fiscal_year) FROM district_year))",
        at=int(chosen[:4]) if chosen else None,
    )
    income = await _totals(
        session, "SELECT * FROM district_month WHERE month = :at", at=month_index(chosen) if chosen else 0
    )
    medians = await _medians(session, month_index(chosen)) if chosen else {}
    cells = {
        code: _cell(people[code], years[code], income[code], medians.get(code, 0)) for code in (PROVINCE, *DISTRICTS)
    }
    encoded = {code: msgspec.Raw(msgspec.json.encode(cell)) for code, cell in cells.items()}
    state = (await run(session, "SELECT version FROM view_state WHERE one = 1")).one()
    digest = hashlib.sha256((chosen or "").encode() + b"".join(bytes(raw) for raw in encoded.values())).hexdigest()
    return Snapshot(
        version=state.version,
        month=chosen,
        built_at=now(),
        province=encoded.pop(PROVINCE),
        districts=encoded,
        months=tuple(months),
        content_sha256=digest,
    )


async def build_next(database: Database) -> Snapshot | None:
    """The newest snapshot under a new version, or None when nothing it shows has changed.

    Builders take turns on the version's row: what a later version shows is never older.
    """
    async with database.transaction() as session:
        lock = "" if database.is_sqlite else " FOR UPDATE"
        state = (await run(session, f"SELECT version, content_sha256 FROM view_state WHERE one = 1{lock}")).one()
        snapshot = await build(session)
        if snapshot.content_sha256 == state.content_sha256:
            return None
        version = state.version + 1
        await run(
            session,
            "UPDATE view_state SET version = :version, content_sha256 = :digest WHERE one = 1",
            version=version,
            digest=snapshot.content_sha256,
        )
    return msgspec.structs.replace(snapshot, version=version)


async def forget(session: AsyncSession) -> None:
    """Have a worker build the dashboard again within a second or two: the views were changed by no event."""
    await run(session, "UPDATE view_state SET content_sha256 = '' WHERE one = 1")


async def is_forgotten(session: AsyncSession) -> bool:
    found = await run(session, "SELECT 1 FROM view_state WHERE one = 1 AND content_sha256 = ''")
    return found.first() is not None


async def is_published(session: AsyncSession) -> bool:
    """Has what the views say now been given a version already?"""
    state = (await run(session, "SELECT content_sha256 FROM view_state WHERE one = 1")).one()
    return bool((await build(session)).content_sha256 == state.content_sha256)


async def _months(session: AsyncSession) -> list[str]:
    """Every month that has a report, counted or not: one look into the index for each, however many reports."""
    found = await run(
        session,
        """WITH RECURSIVE known (month) AS (
               SELECT min(month) FROM report
               UNION ALL
               SELECT (SELECT min(r.month) FROM report r WHERE r.month > known.month) FROM known
               WHERE known.month IS NOT NULL
           ) SELECT month FROM known WHERE month IS NOT NULL ORDER BY month""",
    )
    return [month_name(row.month) for row in found]


async def _totals(session: AsyncSession, statement: str, **parameters: Any) -> defaultdict[str, defaultdict[str, int]]:
    """Rows of a view by district, and their sum as the province's."""
    totals: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in (await run(session, statement, **parameters)).mappings():
        for name in (*PEOPLE.columns, *YEARS.columns, *MONTHS.columns):
            if name in row:
                totals[row["district"]][name] = row[name]
                totals[PROVINCE][name] += row[name]
    return totals


_MEDIANS = """
SELECT district, sum(net_profit) AS middle, count(*) AS many FROM (
    SELECT {district} AS district, t.net_profit,
           row_number() OVER (PARTITION BY {district} ORDER BY t.net_profit) AS place,
           count(*) OVER (PARTITION BY {district}) AS total
    FROM report t JOIN person p ON p.no = t.person_no WHERE t.month = :month AND p.status = :counted
) ranked WHERE place IN ((total + 1) / 2, (total + 2) / 2) GROUP BY district
"""
"""The one or two middle reports of each district, and of all."""


async def _medians(session: AsyncSession, month: int) -> dict[str, int | float]:
    medians: dict[str, int | float] = {}
    for district in ("p.district", "''"):
        found = await run(session, _MEDIANS.format(district=district), month=month, counted=COUNTED)
        for row in found:
            half, odd = divmod(int(row.middle), int(row.many))
            medians[row.district] = half + 0.5 if odd else half
    return medians


def _cell(
    people: dict[str, int], years: dict[str, int], income: dict[str, int], median: int | float
) -> dict[str, dict[str, int | float]]:
    reports, ex_clients = income["reports"], people[COUNTED]
    return {
        "beneficiaries": _pick(people, STATUSES),
        "grants": _pick(years, GRANT_STATUSES),
        "rupiah": {
            "budget": years["rupiah_budget"],
            "committed": years["rupiah_committed"],
            "disbursed": years["rupiah_disbursed"],
            "remaining": remaining(years["rupiah_budget"], years["rupiah_committed"]),
        },
        "income": {
            "reports": reports,
            "reporting_rate": reporting_rate(reports, ex_clients),
            "turnover": income["turnover"],
            "net_profit": income["net_profit"],
            "net_profit_median": median,
            "employees": income["employees"],
            "idle_assets": income["idle_assets"],
        },
        "growth": _pick(people, CLASSES),
    }


def _pick(totals: dict[str, int], names: Sequence[str]) -> dict[str, int | float]:
    return {name: totals[name] for name in names}
