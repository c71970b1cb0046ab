"""How facts become totals: one place per number. Every change is a difference, applied with the fact that made it.

All functions work in the caller's transaction, after the inbox has locked the districts concerned.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import set_wise

STATUSES = ("client", "ex_client", "graduated", "withdrawn", "moved", "deceased")
CLASSES = ("growing", "ordinary", "stagnant", "declining", "insufficient")
GRANT_STATUSES = ("requested", "verified", "approved", "rejected", "disbursed", "handed_over", "cancelled")
MONEY = ("rupiah_budget", "rupiah_committed", "rupiah_disbursed")
INCOME = ("reports", "turnover", "net_profit", "employees", "idle_assets")

ALIAS = "alias"
"""The status of a record for which another stands, as an officer decided: it is in no total of people or reports."""
COUNTED = "ex_client"
"""Whose reports and growth the dashboard counts."""
COMMITTED = frozenset({"approved", "disbursed", "handed_over"})
HANDED_OVER = "handed_over"
"""The status of a grant from which its kind is aid that a person has."""
DISBURSED = frozenset({"disbursed", "handed_over"})
IDLE = frozenset({"idle", "broken"})

Differences = Mapping[tuple[Any, ...], Sequence[int]]


class View:
    """A table of totals: its keys, and its columns in the order that differences have."""

    def __init__(self, table: str, keys: Mapping[str, str], columns: Sequence[str]) -> None:
        self.table = table
        self.keys = keys
        self.columns = tuple(columns)
        names = ", ".join((*keys, *columns))
        self._statement = (
            f"INSERT INTO {table} ({names}) SELECT {', '.join(f'r.{name}' for name in (*keys, *columns))} "
            f"FROM {{rows}} WHERE true ON CONFLICT ({', '.join(keys)}) DO UPDATE SET "
            + ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in columns)
        )
        self._types = dict(keys) | dict.fromkeys(columns, "bigint")

    async def add(self, session: AsyncSession, differences: Differences) -> None:
        """Add differences to the totals, in the order of the keys."""
        rows = [(*key, *change) for key, change in sorted(differences.items()) if any(change)]
        if rows:
            await set_wise(session, self._statement, self._types, rows)

    def difference(self) -> defaultdict[tuple[Any, ...], list[int]]:
        """An empty set of differences to add up in memory."""
        return defaultdict(lambda: [0] * len(self.columns))

    def place(self, name: str) -> int:
        """Of a column among the columns."""
        return self.columns.index(name)


PEOPLE = View("district_people", {"district": "text"}, (*STATUSES, *CLASSES))
YEARS = View("district_year", {"district": "text", "fiscal_year": "int"}, (*GRANT_STATUSES, *MONEY))
MONTHS = View("district_month", {"district": "text", "month": "int"}, INCOME)
COHORT_PEOPLE = View("cohort_people", {"cohort": "bigint", "growth_class": "text"}, ("people",))
COHORT_MONTHS = View("cohort_month", {"month": "int", "cohort": "bigint"}, INCOME)
"""All reports of a cohort, whatever its status: those that count are those of the cohorts whose status is COUNTED."""


def count_person(change: list[int], status: str, growth_class: str, sign: int) -> None:
    """One person in (or out of) a row of PEOPLE."""
    if status == ALIAS:
        return
    change[PEOPLE.columns.index(status)] += sign
    if status == COUNTED:
        change[PEOPLE.columns.index(growth_class)] += sign


def count_grant(change: list[int], status: str, amount: int, sign: int) -> None:
    """One grant in (or out of) a row of YEARS."""
    change[YEARS.columns.index(status)] += sign
    if status in COMMITTED:
        change[YEARS.columns.index("rupiah_committed")] += sign * amount
    if status in DISBURSED:
        change[YEARS.columns.index("rupiah_disbursed")] += sign * amount


def count_report(change: list[int], turnover: int, net_profit: int, employees: int, asset_use: str, sign: int) -> None:
    """One report in (or out of) a row of MONTHS."""
    change[0] += sign
    change[1] += sign * turnover
    change[2] += sign * net_profit
    change[3] += sign * employees
    change[4] += sign * (asset_use in IDLE)


def months_of(cohorts: Differences, districts: Mapping[int, str]) -> Differences:
    """The change of MONTHS that goes with one of COHORT_MONTHS. `districts`: of the cohorts that are counted."""
    found = MONTHS.difference()
    for (month, cohort), change in cohorts.items():
        if (district := districts.get(cohort)) is not None:
            total = found[district, month]
            for place, value in enumerate(change):
                total[place] += value
    return found


def reporting_rate(reports: int, people: int) -> float:
    """Reports per person counted, to 3 decimals; 0 where there is nobody."""
    return round(reports / people, 3) if people else 0


def remaining(budget: int, committed: int) -> int:
    """What may still be committed, in rupiah."""
    return budget - committed


async def growth_due(session: AsyncSession, due: Iterable[tuple[int, int]]) -> None:
    """Have these businesses looked at again when the log is drained: (person_no, time of the event in microseconds)."""
    newest: dict[int, int] = {}
    for no, time_us in due:
        newest[no] = max(time_us, newest.get(no, 0))
    if newest:
        await set_wise(
            session,
            """INSERT INTO growth_due (person_no, time_us) SELECT r.no, r.time_us FROM {rows} WHERE true
               ON CONFLICT (person_no) DO UPDATE SET time_us = excluded.time_us
               WHERE excluded.time_us > growth_due.time_us""",
            {"no": "bigint", "time_us": "bigint"},
            sorted(newest.items()),
        )
