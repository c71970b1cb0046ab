"""The same numbers over time: month after month beside the year before, and fiscal year after fiscal year."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.cuts import income_cell
from services.reporting.rules import month_name
from services.reporting.views import COUNTED, GRANT_STATUSES, INCOME, MONEY, MONTHS, YEARS, View, remaining
from shared.database import run

_YEAR_MONTHS = 12
SUMMED = ("reports", "turnover", "net_profit")
"""What may be added up over months: an employee of twelve months is one, not twelve."""


async def newest_month(session: AsyncSession) -> int | None:
    """The newest month that has a report, counted or not: the one the dashboard shows."""
    found = await run(session, "SELECT max(month) AS newest FROM report")
    month: int | None = found.one().newest
    return month


async def read_series(session: AsyncSession, district: str | None, months: int) -> list[dict[str, Any]]:
    """The last months up to the newest with a report, oldest first, each beside the same month of the year before.

    Rates are of today's ex-clients, as everywhere; where `reports` is 0 there is nothing to measure.
    """
    newest = await newest_month(session)
    if newest is None:
        return []
    people = await _ex_clients(session, district)
    found = await run(
        session,
        f"SELECT month AS at, {_sums(MONTHS)} FROM district_month WHERE month BETWEEN :first AND :last "
        f"{_of(district)} GROUP BY month",
        first=newest - months - _YEAR_MONTHS + 1,
        last=newest,
        **_named(district),
    )
    totals: dict[int, Any] = {row["at"]: row for row in found.mappings()}
    nothing = dict.fromkeys(INCOME, 0)
    return [
        {
            "month": month_name(month),
            **income_cell(totals.get(month, nothing), people),
            "year_before": income_cell(totals.get(month - _YEAR_MONTHS, nothing), people),
        }
        for month in range(max(newest - months + 1, 0), newest + 1)
    ]


async def read_years(session: AsyncSession, district: str | None) -> list[dict[str, Any]]:
    """Each fiscal year that has a grant, a budget or a counted report, oldest first."""
    grants = await run(
        session,
        f"SELECT fiscal_year AS at, {_sums(YEARS)} FROM district_year WHERE true {_of(district)} GROUP BY fiscal_year",
        **_named(district),
    )
    income = await run(
        session,
        f"SELECT month / {_YEAR_MONTHS} AS at, {_sums(MONTHS)} FROM district_month WHERE reports <> 0 {_of(district)} "
        f"GROUP BY month / {_YEAR_MONTHS}",
        **_named(district),
    )
    money = {row["at"]: row for row in grants.mappings()}
    reports = {row["at"]: row for row in income.mappings()}
    no_money, no_reports = dict.fromkeys((*GRANT_STATUSES, *MONEY), 0), dict.fromkeys(INCOME, 0)
    return [_year(at, money.get(at, no_money), reports.get(at, no_reports)) for at in sorted({*money, *reports})]


def _year(fiscal_year: int, money: Any, reports: Any) -> dict[str, Any]:
    return {
        "fiscal_year": fiscal_year,
        "grants": {name: money[name] for name in GRANT_STATUSES},
        "rupiah": {
            "budget": money["rupiah_budget"],
            "committed": money["rupiah_committed"],
            "disbursed": money["rupiah_disbursed"],
            "remaining": remaining(money["rupiah_budget"], money["rupiah_committed"]),
        },
        "income": {name: reports[name] for name in SUMMED},
    }


async def _ex_clients(session: AsyncSession, district: str | None) -> int:
    found = await run(
        session,
        f"SELECT CAST(coalesce(sum({COUNTED}), 0) AS BIGINT) AS people FROM district_people WHERE true {_of(district)}",
        **_named(district),
    )
    people: int = found.one().people
    return people


def _sums(view: View) -> str:
    return ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in view.columns)


def _of(district: str | None) -> str:
    return "AND district = :district" if district else ""


def _named(district: str | None) -> dict[str, str]:
    return {"district": district} if district else {}
