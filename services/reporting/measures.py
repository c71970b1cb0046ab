"""Reporting over HTTP, beside the dashboard: how long districts have been silent, and what came of the money."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from services.reporting.api import Dashboards, From, Reader
from services.reporting.dashboard import milliseconds
from services.reporting.freshness import Freshness, read_freshness
from services.reporting.rules import SILENT_DAYS
from services.reporting.value import read_value
from services.reporting.value_rules import After, By
from shared.database import now
from shared.events.districts import DISTRICTS
from shared.openapi import problems
from shared.refusals import Refused
from shared.security import Role
from shared.web import Context, context

router = APIRouter(tags=["measures"])
Here = Annotated[Context, Depends(context)]
_encoder = msgspec.json.Encoder(decimal_format="number")


@router.get("/v1/freshness", summary="The newest event of each district, and who has been silent")
async def freshness(who: Reader, source: From, here: Here) -> Response:
    """A district officer sees the own district. Ages are in days of Jakarta; the lag is that of the dashboard."""
    async with here.database.reading() as session:
        found = await read_freshness(session, [code for code in DISTRICTS if who.sees(code)], now())
    districts = {one.code: _shown(one) for one in found}
    return _answer({**await _standing(source), "silent_after_days": SILENT_DAYS, "districts": districts})


@router.get(
    "/v1/value",
    summary="Monthly net profit and jobs per rupiah granted, some months after the handover",
    responses=problems("not_found"),
)
async def value(
    who: Reader,
    source: From,
    here: Here,
    by: By = By.kind,
    months: After = After.half_a_year,
    district: Annotated[str | None, Query(pattern="^[0-9]{4}$", examples=["3522"])] = None,
) -> Response:
    """Aggregates only. A district officer sees the province's totals and of districts the own one; by kind or trade,
    where a row may be one person, of the own district only. A viewer sees it by district only."""
    if who.role is Role.viewer and by is not By.district:
        raise Refused("forbidden", role=who.role.value)
    if district is not None and (district not in DISTRICTS or not who.sees(district)):
        raise Refused("not_found")
    if by is not By.district:
        district = district or who.district
    async with here.database.reading(still=True) as session:
        found = await read_value(session, by, months=months, district=district)
    if by is By.district:
        found["rows"] = {code: cell for code, cell in found["rows"].items() if who.sees(code)}
    return _answer({**await _standing(source), **found})


async def _standing(source: Dashboards) -> dict[str, object]:
    """How fresh an answer is, as the dashboard says it."""
    snapshot, lag = await source.snapshot(None), await source.lag()
    return {
        "version": snapshot.version,
        "as_of": milliseconds(lag.as_of),
        "lag": {"events": lag.events, "seconds": round(lag.seconds, 1)},
    }


def _shown(one: Freshness) -> dict[str, object]:
    return {
        "last_event_at": one.last_event_at and milliseconds(one.last_event_at),
        "age_days": one.age_days,
        "silent": one.silent,
        "streams": {stream: milliseconds(moment) for stream, moment in one.streams.items()},
        "sentence": one.sentence,
    }


def _answer(body: object) -> Response:
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    return Response(_encoder.encode(body), media_type="application/json", headers=headers)
