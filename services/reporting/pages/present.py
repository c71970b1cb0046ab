"""What every page of figures needs besides its figures: the month, how fresh it is, its lines and the month before."""

from typing import Annotated

from fastapi import Depends, Request

from services.reporting.api import Dashboards, dashboards
from services.reporting.dashboard import Snapshot
from services.reporting.pages.figures import GRANT_ORDER, read_cell, segments
from services.reporting.pages.past import Past
from services.reporting.wording import WORDS
from services.reporting.worklist_api import rule_in_force
from shared.database import now
from shared.events.districts import DISTRICTS
from shared.pages.answers import language
from shared.refusals import Refused
from shared.security import Caller
from shared.web import Context, context

STALE_SECONDS = 30
"""A dashboard further behind than this says so above its figures."""

From = Annotated[Dashboards, Depends(dashboards)]
Here = Annotated[Context, Depends(context)]


async def snapshot_of(source: Dashboards, month: str | None) -> Snapshot:
    """Of a month that has reports, else Refused `not_found`. An empty `month` is the newest, as a form may send it."""
    snapshot = await source.snapshot(None)
    if not month or month == snapshot.month:
        return snapshot
    if month not in snapshot.months:
        raise Refused("not_found")
    return await source.snapshot(month)


def beside(request: Request, past: Past | None, code: str) -> dict[str, object]:
    """Of the province (""), or of a district: its lines, and its cell of the month before."""
    before = past.before if past else None
    return {
        "lines": past.lines(WORDS[language(request)], code) if past else [],
        "past_away": past is None,
        "before": read_cell(before.districts[code] if code else before.province) if before else None,
        "before_month": before.month if before else None,
    }


async def standing(request: Request, source: Dashboards, snapshot: Snapshot, who: Caller) -> dict[str, object]:
    """What every page of figures needs besides its figures."""
    lag = await source.lag()
    return {
        "who": who,
        "snapshot": snapshot,
        "lag": lag,
        "age": max(lag.seconds, (now() - lag.as_of).total_seconds()),
        "stale_seconds": STALE_SECONDS,
        "stream": True,
        "segments": segments,
        "grant_order": lambda grants: [(status, grants[status]) for status in GRANT_ORDER],
        "rule": rule_in_force(request),
        "districts": DISTRICTS,
    }
