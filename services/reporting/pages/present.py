"""What every page of figures needs besides its figures: the month, how fresh it is, its lines and the month before."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from services.reporting.api import Dashboards, dashboards
from services.reporting.dashboard import Snapshot
from services.reporting.pages.figures import GRANT_ORDER, read_cell, segments
from services.reporting.pages.past import Past
from services.reporting.views import COUNTED
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


class Running(NamedTuple):
    """The newest month while it is unfinished: so many reports of so many ex-clients, of the province or a district."""

    month: str
    reports: int
    people: int


async def snapshot_of(source: Dashboards, month: str | None) -> Snapshot:
    """Of a month that has reports, else Refused `not_found`. An empty `month`, as a form may send it, is the one that
    pages open on: the newest complete one.
    """
    newest = await source.snapshot(None)
    if not month or month == newest.opens.month:
        return newest.opens
    if month == newest.month:
        return newest
    if month not in newest.months:
        raise Refused("not_found")
    return await source.snapshot(month)


async def running(source: Dashboards, code: str) -> Running | None:
    newest = await source.snapshot(None)
    if newest.month is None or not newest.is_unfinished:
        return None
    cell = read_cell(newest.districts[code] if code else newest.province)
    return Running(newest.month, cell["income"]["reports"], cell["beneficiaries"][COUNTED])


def beside(request: Request, past: Past | None, snapshot: Snapshot, code: str) -> dict[str, object]:
    """Of the province (""), or of a district: its lines, and its cell of the month before. An unfinished month is
    compared with nothing.
    """
    before = past.before if past and not snapshot.is_unfinished else None
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
