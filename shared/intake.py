"""The door for districts without a Kafka client: the same log, the same checks, the same receipts.

It looks at the envelope only. What concerns the data is answered by receipt, as on Kafka.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import json
from typing_extensions import TypedDict

from shared import manifests
from shared.database import run
from shared.events import receipts
from shared.events.catalogue import CATALOGUE, intake_topic
from shared.events.control import MANIFEST
from shared.events.envelope import (
    BATCH,
    STRUCTURED,
    Envelope,
    Malformed,
    Outgoing,
    read_structured,
    read_structured_batch,
    source_district,
    to_headers,
)
from shared.openapi import problems
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.shapes import Code, Count, EventId, EventType, Words
from shared.web import Context, allow, context, problem

MAX_EVENTS = 1000

router = APIRouter(tags=["intake"])
Here = Annotated[Context, Depends(context)]
_EVENT = {
    "type": "object",
    "description": "CloudEvents 1.0; `data` as docs/events has it for each type.",
    "required": ["specversion", "id", "source", "type", "time", "subject", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "pattern": "^[!-~]{1,128}$", "example": "2026-000123"},
        "source": {
            "type": "string",
            "pattern": "^/district/35[0-9]{2}/[A-Za-z0-9._-]{1,64}$",
            "description": "Of the token's district.",
        },
        "type": {
            "description": "Each is taken by one service, as docs/events has it; the others refuse it: `unknown_type`.",
            "enum": sorted(name for name, entry in CATALOGUE.items() if entry.family == "intake"),
        },
        "time": {"type": "string", "format": "date-time", "description": "Of the years 2000 to 2100."},
        "subject": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object"},
    },
}
_SENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "2026-000123",
    "source": "/district/3522/simdu",
    "type": "berdaya.district.income-reported.v1",
    "time": "2026-11-05T09:00:00+07:00",
    "subject": "W-0001",
    "datacontenttype": "application/json",
    "data": {
        "district_ref": "W-0001",
        "month": "2026-10",
        "revision": 1,
        "turnover": 5_000_000,
        "materials": 2_000_000,
        "production": 500_000,
        "wages": 0,
        "employees": 1,
        "orders": 12,
        "asset_use": "in_use",
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _EVENT, "example": _SENT},
            BATCH: {
                "schema": {"type": "array", "items": _EVENT, "maxItems": MAX_EVENTS},
                "example": [_SENT],
            },
        },
    }
}


class Taken(TypedDict):
    index: int
    id: EventId
    status: Literal["taken"]


class Receipt(TypedDict):
    """`reason` and `warnings` are stable codes; `deliveries`: how often the event came."""

    event_id: EventId
    event_type: EventType
    verdict: receipts.Verdict
    reason: Code
    message: Words
    warnings: list[str]
    at: datetime
    deliveries: Count


class BadEvent(Exception):
    """The event cannot be taken, so none of its company is."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


@router.post(
    "/v1/events",
    status_code=202,
    summary="Publish one event, or a batch of up to 1,000",
    openapi_extra=_BODY,
    responses={
        202: {"model": list[Taken]},
        **problems("invalid_request", "unknown_type", "district_mismatch", "unsupported_media_type"),
    },
)
async def publish(
    request: Request, here: Here, who: Annotated[Caller, Depends(allow(Role.district_system))]
) -> Response:
    """202 once the log has taken all of them durably; else a problem that names the index, and nothing is taken."""
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (STRUCTURED, BATCH):
        return problem("unsupported_media_type")
    try:
        parts = [body] if kind == STRUCTURED else list(read_structured_batch(body))
    except Malformed as error:
        return problem("malformed", {"detail": error.detail})
    if len(parts) > MAX_EVENTS:
        return problem("too_large", {"detail": f"{len(parts)} events, at most {MAX_EVENTS}"})
    records: list[tuple[str, Outgoing]] = []
    try:
        for part in parts:
            records.append(_record(here.service, who, part))  # noqa: PERF401 - their number tells which one is bad
    except BadEvent as error:
        return problem(error.code, {"detail": error.detail, "index": len(records)})
    await here.log.append([record for _, record in records])
    taken = [{"index": index, "id": name, "status": "taken"} for index, (name, _) in enumerate(records)]
    return Response(json.encode(taken), status_code=202, media_type="application/json")


@router.get(
    "/v1/receipts/{event_id:path}",
    summary="The verdict on one event of the asking district",
    responses={200: {"model": Receipt}},
)
async def receipt(
    event_id: str,
    here: Here,
    who: Annotated[Caller, Depends(allow(Role.district_system, Role.district_officer))],
    source: Annotated[str | None, Query(max_length=128, examples=["/district/3522/simdu"])] = None,
) -> Response:
    """404 until there is one. `deliveries` says how often the event came.

    Ids are unique per source: of two systems with one id, `source` says whose is meant; without it the later receipt
    is shown.
    """
    if not f"{event_id}{source or ''}".isprintable():
        raise Refused("not_found")
    async with here.database.reading() as session:
        found = await run(
            session,
            "SELECT source, type, verdict, reason, detail, warnings, at, deliveries FROM inbox "
            "WHERE district = :district AND event_id = :event_id AND source = coalesce(:source, source) "
            "ORDER BY at DESC, source LIMIT 1",
            district=who.district,
            event_id=event_id,
            source=source,
        )
        row = found.first()
        if row is None:
            raise Refused("not_found")
        verdict, warnings = receipts.Verdict(row.verdict), tuple(row.warnings.split())
        answer = receipts.Answer(verdict, row.reason, row.detail, warnings)
        if row.type == MANIFEST:
            named = {"district": str(who.district), "source": row.source, "event_id": event_id}
            answer = await manifests.present_answer(session, answer, **named)
    body = {
        "event_id": event_id,
        "event_type": row.type,
        "verdict": answer.verdict,
        "reason": answer.reason,
        "message": receipts.message(answer),
        "warnings": answer.warnings,
        "at": row.at,
        "deliveries": row.deliveries,
    }
    return Response(json.encode(body), media_type="application/json")


def _record(service: str, who: Caller, part: bytes) -> tuple[str, Outgoing]:
    """The id and the record of one event. Raises BadEvent."""
    try:
        envelope, data = read_structured(part)
    except Malformed as error:
        code = {"too_large": "too_large", "not_json": "malformed"}.get(error.reason, "invalid_request")
        raise BadEvent(code, error.detail) from None
    return envelope.id, record_of(service, who.district, envelope, data)


def record_of(service: str, district: str | None, envelope: Envelope, data: bytes) -> Outgoing:
    """The record of an event that somebody of this district brings to this service. Raises BadEvent."""
    entry = CATALOGUE.get(envelope.type)
    if entry is None or entry.family != "intake" or service not in entry.services:
        where = f"send it to {entry.service}" if entry and entry.family == "intake" else "see the list in the contract"
        raise BadEvent("unknown_type", where)
    if district is None or source_district(envelope.source) != district:
        raise BadEvent("district_mismatch", "source must name the district of the token")
    return Outgoing(intake_topic(service, district), envelope.subject.encode(), data, to_headers(envelope))
