"""The last years month by month, of every district at once: what charts and sparklines are drawn from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.rules import month_index, month_name
from services.reporting.views import INCOME, MONTHS
from shared.database import run

YEAR = 12
SHOWN = 36
"""Months of a chart; each stands beside the same month of the year before."""

Number = int | float | None


class Track(NamedTuple):
    """One district, or the province, in the order of `History.months`. Money in rupiah."""

    reports: Sequence[int]
    turnover: Sequence[int]
    net_profit: Sequence[int]
    employees: Sequence[int]
    idle_assets: Sequence[int]

    @property
    def mean_profit(self) -> list[Number]:
        """Net profit per report, whole rupiah; None where there is no report."""
        return [round(net / count) if count else None for net, count in zip(self.net_profit, self.reports, strict=True)]


class History(NamedTuple):
    """`tracks` has every district with a counted report, and under "" their sum."""

    months: Sequence[str]
    tracks: Mapping[str, Track]

    def track(self, code: str) -> Track:
        return self.tracks.get(code) or Track(*([0] * len(self.months) for _ in INCOME))


async def read_history(session: AsyncSession, last: str) -> History:
    """The SHOWN months up to `last` (YYYY-MM) and the year before them, oldest first."""
    end = month_index(last)
    first = max(end - SHOWN - YEAR + 1, 0)
    found = await run(
        session,
        f"SELECT district, month, {', '.join(MONTHS.columns)} FROM district_month WHERE month BETWEEN :first AND :last",
        first=first,
        last=end,
    )
    length = end - first + 1
    totals: defaultdict[str, list[list[int]]] = defaultdict(lambda: [[0] * length for _ in INCOME])
    for district, month, *values in found:
        for code in (district, ""):
            for column, value in zip(totals[code], values, strict=True):
                column[month - first] += value
    months = [month_name(month) for month in range(first, end + 1)]
    return History(months, {code: Track(*columns) for code, columns in totals.items()})
