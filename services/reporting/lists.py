"""The list behind every number: the businesses or grants it counts, whose sum is the number."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.cuts import CUTS, CutName
from services.reporting.recomputed import INCOME_OF, MONEY_OF
from services.reporting.rules import month_name
from services.reporting.views import ALIAS, COUNTED, INCOME
from shared.database import run

REPORTED = ("turnover", "materials", "production", "wages", "net_profit", "employees", "orders", "asset_use")


class Filters(NamedTuple):
    """Which people. Of those with `growth` or `month` only the ones whom the dashboard counts, as it does."""

    district: str | None = None
    status: str | None = None
    growth: str | None = None
    month: int | None = None
    """Those with a report of it."""
    asset_use: Sequence[str] = ()
    """Any of these, in that report."""
    cuts: Mapping[CutName, str] = {}
    """A value, or "" for those who have none."""


class GrantFilters(NamedTuple):
    district: str | None = None
    fiscal_year: int | None = None
    status: Sequence[str] = ()
    """Any of these."""
    kind: str | None = None


class Page(NamedTuple):
    """`total` and `sums` are of the whole list."""

    total: int
    sums: dict[str, int]
    items: list[dict[str, Any]]
    next: str | None


class _Query(NamedTuple):
    source: str
    conditions: list[str]
    values: dict[str, Any]

    def where(self, *more: str) -> str:
        return f"{self.source} WHERE {' AND '.join(('true', *self.conditions, *more))}"


async def read_businesses(session: AsyncSession, filters: Filters, *, after: str | None, limit: int) -> Page:
    """A page in the order of district and number. `after` is the `next` of the page before, `district/number`.

    Who withdrew consent is in the totals, as in the number, and is not listed.
    """
    query = _people(filters)
    sums = f", {_named(INCOME[1:], INCOME_OF[1:])}" if filters.month is not None else ""
    whole = (await run(session, f"SELECT count(*) AS total{sums} {query.where()}", **query.values)).mappings().one()
    district, _, ref = (after or "").partition("/")
    report = "".join(f", t.{name}" for name in REPORTED) if filters.month is not None else ""
    found = await run(
        session,
        f"""SELECT p.beneficiary_id, p.district, p.district_ref, p.status, p.growth_class, p.sex, p.ppks_group,
                   p.disabilities, p.skills, p.unit, c.kinds{report}
            {query.where("p.withdrawn_us IS NULL", "(p.district, p.district_ref) > (:after_district, :after_ref)")}
            ORDER BY p.district, p.district_ref LIMIT :most""",
        **query.values,
        after_district=district,
        after_ref=ref,
        most=limit + 1,
    )
    rows = found.mappings().all()
    items = [_business(row, filters.month) for row in rows[:limit]]
    following = f"{items[-1]['district']}/{items[-1]['district_ref']}" if len(rows) > limit else None
    counted = {"reports": whole["total"], **{name: whole[name] for name in INCOME[1:]}} if sums else {}
    return Page(whole["total"], counted, items, following)


async def read_grants(session: AsyncSession, filters: GrantFilters, *, after: UUID | None, limit: int) -> Page:
    """A page of grants as the grants service last told of them, in the order of their ids."""
    query = _grants(filters)
    totals = await run(
        session,
        f"""SELECT count(*) AS total, CAST(coalesce(sum(g.amount), 0) AS BIGINT) AS amount,
                   {_named(("committed", "disbursed"), MONEY_OF)} {query.where()}""",
        **query.values,
    )
    whole = totals.mappings().one()
    found = await run(
        session,
        f"""SELECT g.grant_id, g.beneficiary_id, g.district, g.kind, g.amount, g.fiscal_year, g.status, g."on"
            {query.where(*(["g.grant_id > :after"] if after else []))} ORDER BY g.grant_id LIMIT :most""",
        **query.values,
        **({"after": after} if after else {}),
        most=limit + 1,
    )
    rows = found.mappings().all()
    items = [{**row, "grant_id": _id(row["grant_id"]), "beneficiary_id": _id(row["beneficiary_id"])} for row in rows]
    following = items[limit - 1]["grant_id"] if len(items) > limit else None
    sums = {name: whole[name] for name in ("amount", "committed", "disbursed")}
    return Page(whole["total"], sums, items[:limit], following)


def _people(filters: Filters) -> _Query:
    query = _Query("FROM person p JOIN cohort c ON c.no = p.cohort", [f"p.status <> '{ALIAS}'"], {})
    _equal(query, "p.district", "district", filters.district)
    _equal(query, "p.status", "status", filters.status)
    _equal(query, "p.growth_class", "growth", filters.growth)
    if filters.growth is not None or filters.month is not None:
        _equal(query, "p.status", "counted", COUNTED)
    if filters.month is not None:
        query = query._replace(source=f"{query.source} JOIN report t ON t.person_no = p.no")
        _equal(query, "t.month", "month", filters.month)
        _any_of(query, "t.asset_use", "use", filters.asset_use)
    for name, value in filters.cuts.items():
        column = f"c.{CUTS[name].column}"
        if CUTS[name].several and value:
            query.conditions.append(f"' ' || {column} || ' ' LIKE :{name} ESCAPE '!'")
            query.values[name] = f"% {value.replace('_', '!_')} %"
        else:
            _equal(query, column, name, value)
    return query


def _grants(filters: GrantFilters) -> _Query:
    query = _Query("FROM grant_now g", [], {})
    _equal(query, "g.district", "district", filters.district)
    _equal(query, "g.fiscal_year", "fiscal_year", filters.fiscal_year)
    _equal(query, "g.kind", "kind", filters.kind)
    _any_of(query, "g.status", "status", filters.status)
    return query


def _equal(query: _Query, column: str, name: str, value: str | int | None) -> None:
    if value is not None:
        query.conditions.append(f"{column} = :{name}")
        query.values[name] = value


def _any_of(query: _Query, column: str, name: str, values: Sequence[str]) -> None:
    if values:
        named = {f"{name}_{place}": value for place, value in enumerate(values)}
        query.conditions.append(f"{column} IN ({', '.join(f':{each}' for each in named)})")
        query.values.update(named)


def _named(names: Sequence[str], expressions: Sequence[str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in zip(names, expressions, strict=True))


def _business(row: RowMapping, month: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "beneficiary_id": _id(row["beneficiary_id"]),
        "district": row["district"],
        "district_ref": row["district_ref"],
        "status": row["status"],
        "growth": row["growth_class"],
        "sex": row["sex"],
        "ppks": row["ppks_group"],
        "disabilities": row["disabilities"].split(),
        "trades": row["skills"].split(),
        "unit": row["unit"],
        "kinds": row["kinds"].split(),
    }
    if month is not None:
        found["report"] = {"month": month_name(month), **{name: row[name] for name in REPORTED}}
    return found


def _id(value: Any) -> str:
    """An id as raw SQL returns it: a UUID from PostgreSQL, 32 hex digits from SQLite."""
    return str(UUID(str(value)))
