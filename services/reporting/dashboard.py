"""The provincial dashboard, from the views to bytes. Each number is defined in `views`; here they are only laid out."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.completeness import COMPARED_MONTHS, OVER_MONTHS, newest_complete
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


class Snapshot(msgspec.Struct, frozen=True, dict=True):
    """The dashboard of one month at one version: cells already encoded, so that a read only joins bytes."""

    version: int
    month: str | None
    built_at: datetime
    province: msgspec.Raw
    districts: dict[str, msgspec.Raw]
    months: tuple[str, ...]
    """All months that have a report, oldest first."""
    content_sha256: str
    complete: str | None = None
    """The newest month that is complete enough to be judged by; None while there is none."""
    opening: "Snapshot | None" = None
    """The dashboard of that month, beside the newest month where that is another one: pages open on it."""

    @property
    def opens(self) -> "Snapshot":
        """What a page shows when it is asked for no month."""
        return self.opening or self

    @property
    def is_unfinished(self) -> bool:
        return self.month is not None and (self.complete is None or self.month > self.complete)

    def body(self, lag: "Lag", only: str | None) -> bytes:
        """The answer of `GET /v1/dashboard`; `only` names the one district its reader may see.

        The cells for a reader are joined once; after that only the lag between them and the version is new.
        """
        cells = self._joined.get(only)
        if cells is None:
            shown = self.districts if only is None else {only: self.districts[only]}
            cells = msgspec.json.encode({"province": self.province, "districts": shown})[1:]
            self._joined[only] = cells
        start = {"version": self.version, "as_of": lag.moment, "month": self.month, "lag": lag.shown}
        return b"".join((msgspec.json.encode(start)[:-1], b",", cells))

    @cached_property
    def _joined(self) -> dict[str | None, bytes]:
        return {}


class Lag(msgspec.Struct, frozen=True, dict=True):
    """How far the dashboard is behind the log: events not applied yet, and the age of the oldest in seconds."""

    as_of: datetime
    events: int
    seconds: float

    @cached_property
    def moment(self) -> str:
        return milliseconds(self.as_of)

    @cached_property
    def shown(self) -> dict[str, int | float]:
        return {"events": self.events, "seconds": round(self.seconds, 1)}


def milliseconds(moment: datetime) -> str:
    return format_time(moment)[:-4] + "Z"


async def build(session: AsyncSession, month: str | None = None) -> Snapshot:
    """The dashboard of a month, by default the newest that has a report, as the session sees it now.

    Before the first report there is no month; the money is then that of the newest fiscal year.
    """
    months = await _months(session)
    complete = await _complete(session, months)
    if month is not None or not months or complete in (None, months[-1]):
        return await _build(session, month or (months[-1] if months else None), months, complete)
    newest, opening = [await _build(session, one, months, complete) for one in (months[-1], complete)]
    digest = hashlib.sha256((newest.content_sha256 + opening.content_sha256).encode()).hexdigest()
    return msgspec.structs.replace(newest, opening=opening, content_sha256=digest)


async def _build(session: AsyncSession, month: str | None, months: Sequence[str], complete: str | None) -> Snapshot:
    totals = await _totals(session, month)
    medians = await _medians(session, month_index(month)) if month else {}
    encoded = {
        code: msgspec.Raw(msgspec.json.encode(_cell(totals[code], medians.get(code, 0))))
        for code in (PROVINCE, *DISTRICTS)
    }
    state = (await run(session, "SELECT version FROM view_state WHERE one = 1")).one()
    digest = hashlib.sha256(
        f"{month or ''}/{complete or ''}".encode() + b"".join(bytes(raw) for raw in encoded.values())
    ).hexdigest()
    return Snapshot(
        version=state.version,
        month=month,
        built_at=now(),
        province=encoded.pop(PROVINCE),
        districts=encoded,
        months=tuple(months),
        content_sha256=digest,
        complete=complete,
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
    opening = snapshot.opening and msgspec.structs.replace(snapshot.opening, version=version)
    return msgspec.structs.replace(snapshot, version=version, opening=opening)


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


async def _complete(session: AsyncSession, months: Sequence[str]) -> str | None:
    """The newest complete month by the reports of all districts."""
    if not months:
        return None
    last = month_index(months[-1])
    found = await run(
        session,
        """SELECT month, CAST(sum(reports) AS BIGINT) AS reports FROM district_month
           WHERE month BETWEEN :first AND :last GROUP BY month""",
        first=last - OVER_MONTHS - COMPARED_MONTHS,
        last=last,
    )
    counted = {row.month: row.reports for row in found}
    people = (
        await run(session, f"SELECT CAST(coalesce(sum({COUNTED}), 0) AS BIGINT) FROM district_people")
    ).scalar_one()
    complete = newest_complete({month: counted.get(month, 0) for month in map(month_index, months)}, people)
    return None if complete is None else month_name(complete)


_COLUMNS = (*PEOPLE.columns, *YEARS.columns, *MONTHS.columns)
_TOTALS = """
SELECT d.district, {columns} FROM (
    SELECT district FROM district_people
    UNION SELECT district FROM district_year
    UNION SELECT district FROM district_month
) d
LEFT JOIN district_people p ON p.district = d.district
LEFT JOIN district_year y ON y.district = d.district
      AND y.fiscal_year = coalesce(:year, (SELECT max(fiscal_year) FROM district_year))
LEFT JOIN district_month m ON m.district = d.district AND m.month = :month
""".format(columns=", ".join(f"coalesce({name}, 0) AS {name}" for name in _COLUMNS))
"""One row per district, from the three views."""


async def _totals(session: AsyncSession, month: str | None) -> defaultdict[str, dict[str, int]]:
    """The totals of each district, and their sum as the province's."""
    found = await run(
        session, _TOTALS, year=int(month[:4]) if month else None, month=month_index(month) if month else 0
    )
    totals: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COLUMNS, 0))
    for district, *values in found:
        totals[district] = dict(zip(_COLUMNS, values, strict=True))
    totals[PROVINCE] = {name: sum(cell[name] for cell in totals.values()) for name in _COLUMNS}
    return totals


_NETS = """
SELECT p.district, {list}(t.net_profit) AS nets FROM report t JOIN person p ON p.no = t.person_no
WHERE t.month = :month AND p.status = :counted GROUP BY p.district
"""


async def _medians(session: AsyncSession, month: int) -> dict[str, int | float]:
    """The median net profit of each district, and of all reports.

    Ranked here: the database would sort the month twice, once for the districts and once for the province.
    """
    sqlite = session.get_bind().dialect.name == "sqlite"
    statement = _NETS.format(list="json_group_array" if sqlite else "array_agg")
    found = await run(session, statement, month=month, counted=COUNTED)
    nets = {row.district: sorted(msgspec.json.decode(row.nets) if sqlite else row.nets) for row in found}
    medians = {district: _median(ranked) for district, ranked in nets.items()}
    if nets:
        medians[PROVINCE] = _median(sorted(chain.from_iterable(nets.values())))
    return medians


def _median(ranked: Sequence[int]) -> int | float:
    """Of an even count the mean of the middle two, exact to half a rupiah."""
    middle = len(ranked) // 2
    if len(ranked) % 2:
        return ranked[middle]
    half, odd = divmod(ranked[middle - 1] + ranked[middle], 2)
    return half + 0.5 if odd else half


def _cell(totals: dict[str, int], median: int | float) -> dict[str, dict[str, int | float]]:
    reports, ex_clients = totals["reports"], totals[COUNTED]
    return {
        "beneficiaries": _pick(totals, STATUSES),
        "grants": _pick(totals, GRANT_STATUSES),
        "rupiah": {
            "budget": totals["rupiah_budget"],
            "committed": totals["rupiah_committed"],
            "disbursed": totals["rupiah_disbursed"],
            "remaining": remaining(totals["rupiah_budget"], totals["rupiah_committed"]),
        },
        "income": {
            "reports": reports,
            "reporting_rate": reporting_rate(reports, ex_clients),
            "turnover": totals["turnover"],
            "net_profit": totals["net_profit"],
            "net_profit_median": median,
            "employees": totals["employees"],
            "idle_assets": totals["idle_assets"],
        },
        "growth": _pick(totals, CLASSES),
    }


def _pick(totals: dict[str, int], names: Sequence[str]) -> dict[str, int | float]:
    return {name: totals[name] for name in names}
