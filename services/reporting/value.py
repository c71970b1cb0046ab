"""Value for money, read from the stored facts when it is asked for: grants in hand beside the reports around them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.rules import month_name
from services.reporting.value_rules import (
    CAVEAT,
    JOBS_PLACES,
    MONTHS_BEFORE,
    RATIO_PLACES,
    By,
    Handover,
    Measured,
    Month,
    measure,
    rows_by,
    shown,
)
from shared.database import run

_MONTH = """CAST(substr({day}, 1, 4) AS INTEGER) * 12 + CAST(substr({day}, 6, 2) AS INTEGER) - 1"""
"""The `month_index` of a day YYYY-MM-DD."""


def _month_of(table: str) -> str:
    return _MONTH.format(day=f'{table}."on"')


_BEFORE = range(1, MONTHS_BEFORE + 1)
_HANDOVERS = f"""
SELECT g.kind, g.district, g.amount, coalesce(p.skills, '') AS skills, g.month + :months <= :newest AS due,
       (SELECT sum(o.amount) FROM grant_now o WHERE o.beneficiary_id = g.beneficiary_id AND o.status = 'handed_over'
           AND {_month_of("o")} <= g.month + :months) AS granted,
       a.net_profit AS net_0, a.employees AS employees_0,
       {", ".join(f"b{n}.net_profit AS net_{n}, b{n}.employees AS employees_{n}" for n in _BEFORE)}
FROM (SELECT h.*, {_month_of("h")} AS month FROM grant_now h WHERE h.status = 'handed_over') g
LEFT JOIN person p ON p.beneficiary_id = g.beneficiary_id
LEFT JOIN report a ON a.person_no = p.no AND a.month = g.month + :months
{" ".join(f"LEFT JOIN report b{n} ON b{n}.person_no = p.no AND b{n}.month = g.month - {n}" for n in _BEFORE)}
"""


async def read_value(session: AsyncSession, by: By, *, months: int, district: str | None) -> dict[str, Any]:
    """The answer of `GET /v1/value`: of one district, or of the province."""
    newest = (await run(session, "SELECT max(month) AS month FROM report")).one().month
    found = await _handovers(session, months, newest if newest is not None else -1)
    total, rows = await asyncio.to_thread(_laid_out, found, by, district)  # seconds of work in a large province
    return {
        "months": months,
        "by": by,
        "district": district,
        "newest_month": month_name(newest) if newest is not None else None,
        "caveat": CAVEAT,
        "total": total,
        "rows": rows,
    }


def _laid_out(
    found: Sequence[Handover], by: By, district: str | None
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    chosen = [one for one in found if district in (None, one.district)]
    return _cell(measure(chosen)), {name: _cell(measure(some)) for name, some in rows_by(by, chosen).items()}


async def _handovers(session: AsyncSession, months: int, newest: int) -> list[Handover]:
    found = await run(session, _HANDOVERS, months=months, newest=newest)
    return [
        Handover(
            kind=row["kind"],
            trades=tuple(row["skills"].split()),
            district=row["district"],
            amount=row["amount"],
            granted=int(row["granted"]),
            due=bool(row["due"]),
            after=_month(row, 0),
            before=tuple(month for n in _BEFORE if (month := _month(row, n)) is not None),
        )
        for row in found.mappings()
    ]


def _month(row: Any, place: int) -> Month | None:
    net = row[f"net_{place}"]
    return None if net is None else Month(net, row[f"employees_{place}"])


def _cell(found: Measured) -> dict[str, Any]:
    return {
        "n": found.grants,
        "unmeasured": found.unmeasured,
        "too_early": found.too_early,
        "granted": found.granted,
        "net_profit": shown(found.net_profit, 0),
        "jobs": shown(found.jobs, 1),
        "net_profit_per_rupiah": shown(found.profit_per_rupiah, RATIO_PLACES),
        "jobs_per_rupiah": shown(found.jobs_per_rupiah, JOBS_PLACES),
        "compared": {
            "n": found.compared,
            "net_profit_before": shown(found.profit_before, 0),
            "net_profit_after": shown(found.profit_after, 0),
            "jobs_before": shown(found.jobs_before, 1),
            "jobs_after": shown(found.jobs_after, 1),
        },
    }
