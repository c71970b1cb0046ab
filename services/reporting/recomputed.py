"""Every view as a query over the stored facts. What `views` counts by differences, this counts from the beginning."""

from collections.abc import Iterable, Mapping

from services.reporting.views import (
    CLASSES,
    COHORT_MONTHS,
    COHORT_PEOPLE,
    COMMITTED,
    COUNTED,
    DISBURSED,
    GRANT_STATUSES,
    IDLE,
    MONTHS,
    PEOPLE,
    STATUSES,
    YEARS,
    View,
)


def quoted(names: Iterable[str]) -> str:
    """Words of ours as a list in SQL."""
    return ", ".join(f"'{name}'" for name in sorted(names))


def count(condition: str) -> str:
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _sum(condition: str, value: str) -> str:
    return f"CAST(coalesce(sum(CASE WHEN {condition} THEN {value} END), 0) AS BIGINT)"


def _named(columns: Iterable[str], expressions: Iterable[str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in zip(columns, expressions, strict=True))


IS_IDLE = f"t.asset_use IN ({quoted(IDLE)})"
IS_COMMITTED = f"g.status IN ({quoted(COMMITTED)})"
IS_DISBURSED = f"g.status IN ({quoted(DISBURSED)})"
INCOME_OF = (
    "count(*)",
    *(f"CAST(coalesce(sum(t.{name}), 0) AS BIGINT)" for name in ("turnover", "net_profit", "employees")),
    count(IS_IDLE),
)
"""The columns of MONTHS and COHORT_MONTHS over reports t."""
MONEY_OF = (_sum(IS_COMMITTED, "g.amount"), _sum(IS_DISBURSED, "g.amount"))
"""Committed and disbursed over grants g, in rupiah."""

_PEOPLE = (
    *(count(f"p.status = '{name}'") for name in STATUSES),
    *(count(f"p.status = '{COUNTED}' AND p.growth_class = '{name}'") for name in CLASSES),
)
_YEARS = [f"CAST(sum({name}) AS BIGINT)" for name in YEARS.columns]
_GRANTS = (*(count(f"g.status = '{name}'") for name in GRANT_STATUSES), "0", *MONEY_OF)

RECOMPUTED: Mapping[View, str] = {
    PEOPLE: f"SELECT p.district, {_named(PEOPLE.columns, _PEOPLE)} FROM person p GROUP BY p.district",
    YEARS: f"""
        SELECT district, fiscal_year, {_named(YEARS.columns, _YEARS)} FROM (
            SELECT g.district, g.fiscal_year, {_named(YEARS.columns, _GRANTS)}
            FROM grant_now g GROUP BY g.district, g.fiscal_year
            UNION ALL
            SELECT district, fiscal_year, {", ".join("0" for _ in GRANT_STATUSES)}, amount, 0, 0 FROM budget
        ) parts GROUP BY district, fiscal_year""",
    MONTHS: f"""
        SELECT p.district, t.month, {_named(MONTHS.columns, INCOME_OF)}
        FROM report t JOIN person p ON p.no = t.person_no WHERE p.status = '{COUNTED}' GROUP BY p.district, t.month""",
    COHORT_PEOPLE: """
        SELECT p.cohort, p.growth_class, count(*) AS people FROM person p GROUP BY p.cohort, p.growth_class""",
    COHORT_MONTHS: f"""
        SELECT t.month, p.cohort, {_named(COHORT_MONTHS.columns, INCOME_OF)}
        FROM report t JOIN person p ON p.no = t.person_no GROUP BY t.month, p.cohort""",
}
"""The columns of each are those of its view, keys first. Whether people are in their cohorts is proved apart."""
