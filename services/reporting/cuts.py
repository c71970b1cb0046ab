"""The province cut by trade, aid, unit and more: sums over cohorts, each number with the meaning of the dashboard's."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.views import (
    CLASSES,
    COHORT_MONTHS,
    COUNTED,
    INCOME,
    STATUSES,
    reporting_rate,
)
from shared.database import run
from shared.events.districts import DISTRICTS

CutName = Literal["district", "trade", "kind", "unit", "sex", "ppks", "disability"]
Cell = dict[str, dict[str, int | float]]


class Cut(NamedTuple):
    """The attribute of a cohort that tells its people apart."""

    column: str
    several: bool = False
    """One person may have several of its values and then counts under each: such rows add up to more than the total."""


CUTS: Mapping[CutName, Cut] = {
    "district": Cut("district"),
    "trade": Cut("skills", several=True),
    "kind": Cut("kinds", several=True),
    "unit": Cut("unit"),
    "sex": Cut("sex"),
    "ppks": Cut("ppks_group"),
    "disability": Cut("disabilities", several=True),
}


class Counts:
    """What is counted of some people: their status, the classes of those who count, and the reports of one month."""

    def __init__(self) -> None:
        self.people: Counter[str] = Counter()
        self.growth: Counter[str] = Counter()
        self.income: Counter[str] = Counter()

    def cell(self) -> Cell:
        return {
            "beneficiaries": {status: self.people[status] for status in STATUSES},
            "income": income_cell(self.income, self.people[COUNTED]),
            "growth": {growth_class: self.growth[growth_class] for growth_class in CLASSES},
        }


class CutTable(NamedTuple):
    total: Cell
    rows: dict[str, Cell]
    """By value, in its order; under "" those who have none, last."""


def income_cell(totals: Mapping[str, int], people: int) -> dict[str, int | float]:
    """The figures of one month's reports of `people` people who count. All money in rupiah."""
    return {
        "reports": totals["reports"],
        "reporting_rate": reporting_rate(totals["reports"], people),
        **{name: totals[name] for name in INCOME if name != "reports"},
    }


async def read_cut(session: AsyncSession, name: CutName, month: int, district: str | None) -> CutTable:
    """One cut of the province or of one district, with the reports of `month`."""
    cut = CUTS[name]
    total = Counts()
    rows: defaultdict[str, Counts] = defaultdict(Counts)
    if name == "district":
        rows |= {code: Counts() for code in DISTRICTS if district in (None, code)}
    where = "AND c.district = :district" if district else ""
    here = {"district": district} if district else {}
    for row in await run(session, _PEOPLE.format(column=cut.column, where=where), **here):
        for counts in _counted_under(row.held, cut, total, rows):
            counts.people[row.status] += row.people
            if row.status == COUNTED:
                counts.growth[row.growth_class] += row.people
    for row in await run(session, _REPORTS.format(column=cut.column, where=where), month=month, **here):
        for counts in _counted_under(row.held, cut, total, rows):
            for column in COHORT_MONTHS.columns:
                counts.income[column] += getattr(row, column)
    ordered = sorted(rows, key=lambda value: (value == "", value))
    return CutTable(total.cell(), {value: rows[value].cell() for value in ordered})


_PEOPLE = """
SELECT c.{column} AS held, c.status, v.growth_class, CAST(sum(v.people) AS BIGINT) AS people
FROM cohort_people v JOIN cohort c ON c.no = v.cohort WHERE v.people <> 0 {where}
GROUP BY c.{column}, c.status, v.growth_class
"""
_SUMS = ", ".join(f"CAST(sum(v.{name}) AS BIGINT) AS {name}" for name in COHORT_MONTHS.columns)
_REPORTS = f"""
SELECT c.{{column}} AS held, {_SUMS} FROM cohort_month v JOIN cohort c ON c.no = v.cohort
WHERE v.month = :month AND v.reports <> 0 AND c.status = '{COUNTED}' {{where}} GROUP BY c.{{column}}
"""


def _counted_under(held: str, cut: Cut, total: Counts, rows: Mapping[str, Counts]) -> Iterable[Counts]:
    """Once in the total, and once under each value."""
    values: Any = set(held.split()) or {""} if cut.several else {held}
    return (total, *(rows[value] for value in values))
