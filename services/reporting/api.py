"""Reporting over HTTP: the dashboard, its stream, one business."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from services.reporting.dashboard import Lag, Snapshot, build
from services.reporting.live import Live
from services.reporting.rules import growth, month_name
from shared.database import Database, now, run
from shared.refusals import Refused
from shared.security import READERS, Caller
from shared.web import Context, caller, context

SESSION_COOKIE = "berdaya_session"
HEARTBEAT_SECONDS = 15
SLOW_SECONDS = 10
"""A client that takes nothing for so long is cut."""

router = APIRouter(tags=["dashboard"])
Here = Annotated[Context, Depends(context)]


def reader(request: Request, here: Here) -> Caller:
    """Who reads: by bearer token, or by the page's session cookie. Raises Unauthenticated or Refused."""
    cookie = request.cookies.get(SESSION_COOKIE)
    who = here.verifier.verify(cookie) if cookie and "authorization" not in request.headers else caller(request, here)
    if who.role not in READERS:
        raise Refused("forbidden", role=who.role.value)
    return who


Reader = Annotated[Caller, Depends(reader)]


class Dashboards:
    """Where the pages and the API take the dashboard from: the snapshot at hand, else the database."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._began = now()
        self.live = live

    async def snapshot(self, month: str | None) -> Snapshot:
        current = self.live.current()
        if current is not None and month in (None, current.month):
            return current
        async with self._database.reading() as session:
            return await build(session, month)

    async def lag(self) -> Lag:
        """As the workers say; the age of their last word when they have gone silent.

        While this process has heard none, nothing is known since it began: an age that grows, never "up to date".
        """
        lag = await self.live.lag()
        return lag if lag is not None else Lag(self._began, 0, (now() - self._began).total_seconds())


def dashboards(request: Request) -> Dashboards:
    found: Dashboards = request.app.state.dashboards
    return found


From = Annotated[Dashboards, Depends(dashboards)]
MonthQuery = Annotated[str | None, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-10"])]


@router.get("/v1/dashboard", summary="The province and its districts, for one month")
async def dashboard(request: Request, who: Reader, source: From, month: MonthQuery = None) -> Response:
    """`month` is by default the newest with a report. A district officer sees the province and the own district."""
    snapshot = await source.snapshot(month)
    lag = await source.lag()
    tag = f'"{snapshot.content_sha256[:16]}-{snapshot.version}-{lag.events}-{who.district or "all"}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(snapshot.body(lag, who.district), media_type="application/json", headers=headers)


def _matches(known: str, tag: str) -> bool:
    """Does `If-None-Match` name this tag? Compared weakly, for gateways that compress weaken it (RFC 9110, 13.1.2)."""
    return known == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]


@router.get("/v1/dashboard/stream", summary="Server-sent events: which version of the dashboard is ready")
async def stream(_: Reader, source: From) -> EventSourceResponse:
    """Each message names a version and carries no data: read `GET /v1/dashboard` then."""
    return _Stream(_messages(source.live.versions), ping=HEARTBEAT_SECONDS, send_timeout=SLOW_SECONDS)


class _Stream(EventSourceResponse):
    """A client that does not read is cut, and that is all: its SendTimeoutError, an OSError, would pass for a fault."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except* SendTimeoutError:
            pass


async def _messages(versions: Callable[[], AsyncIterator[int]]) -> AsyncIterator[ServerSentEvent]:
    async for version in versions():
        yield ServerSentEvent(id=str(version), event="version", data=str(version), retry=2000)


@router.get("/v1/businesses/{beneficiary_id}", summary="One business: its growth class with the evidence, its reports")
async def business(beneficiary_id: UUID, who: Reader, here: Here) -> Response:
    """404 when unknown or of another district."""
    async with here.database.reading() as session:
        found = await read_business(session, beneficiary_id)
    if found is None or not who.sees(found["district"]):
        raise Refused("not_found")
    return Response(msgspec.json.encode(found), media_type="application/json")


async def read_business(session: AsyncSession, beneficiary_id: UUID) -> dict[str, Any] | None:
    """One business as the contract shapes it, or None."""
    found = await run(session, "SELECT no, district FROM person WHERE beneficiary_id = :id", id=beneficiary_id)
    person = found.first()
    if person is None:
        return None
    rows = await run(
        session,
        """SELECT month, revision, turnover, materials, production, wages, net_profit, employees, orders, asset_use
           FROM report WHERE person_no = :no ORDER BY month""",
        no=person.no,
    )
    reports = [{**row, "month": month_name(row["month"])} for row in rows.mappings()]
    return {
        "beneficiary_id": str(beneficiary_id),
        "district": person.district,
        "growth": _evidence([(report["month"], report["net_profit"]) for report in reports]),
        "reports": reports,
    }


def _evidence(reports: list[tuple[str, int]]) -> dict[str, Any]:
    found = growth(reports)
    return {
        "class": found.growth_class,
        "computed": found.growth_class,
        "override": None,
        "rule_version": found.rule_version,
        "window": found.window,
        "months": found.months,
        "nets": found.nets,
        "level": found.level,
        "trend": found.trend,
        "scale": found.scale,
        "rate": found.rate,
        "because": found.because,
        "sentence": found.sentence,
    }
