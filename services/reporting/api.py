"""Reporting over HTTP: the dashboard, its stream, one business."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.dashboard import Lag, Snapshot, build
from services.reporting.live import Live
from services.reporting.months import Months
from services.reporting.overrides import read_counting
from services.reporting.rule_versions import FIRST, RULES, GrowthRule
from services.reporting.rules import growth, month_index, month_name
from services.reporting.stream import Streams
from shared.database import Database, now, run
from shared.openapi import file_of, problems
from shared.refusals import Refused
from shared.security import READERS, Caller, Role, Verified
from shared.web import BEARER, Context, context, who_is_signed_in

LAST_EVENT_ID = "last-event-id"
"""With it a browser that comes again says which version it was told of last."""

router = APIRouter(tags=["dashboard"])
Here = Annotated[Context, Depends(context)]


async def reader(
    request: Request,
    here: Here,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,  # only for the OpenAPI document
) -> Verified:
    return who_reads(request, here)


def who_reads(request: Request, here: Context) -> Verified:
    """Who reads, as `signed_in` knows. Raises Refused `forbidden` for a role that reads nothing."""
    who = who_is_signed_in(request, here)
    if who.caller.role not in READERS:
        raise Refused("forbidden", role=who.caller.role.value)
    return who


async def reading_caller(who: Annotated[Verified, Depends(reader)]) -> Caller:
    return who.caller


Reader = Annotated[Caller, Depends(reading_caller)]


class Dashboards:
    """Where the pages and the API take the dashboard from: the snapshot at hand, else the database."""

    def __init__(self, database: Database, live: Live, streams: Streams) -> None:
        self._database = database
        self._began = now()
        self._months = Months(self._build)
        self._built: Snapshot | None = None
        self.live = live
        self.streams = streams

    def at_hand(self, month: str | None) -> Snapshot | None:
        """The newest snapshot, or the one that pages open on, if it is of this month; None when only the database can
        say."""
        current = self.live.current()
        if current is not None and self._is_older(current):
            return None
        if current is None or month in (None, current.month):
            return current
        return current.opening if current.opening and current.opening.month == month else None

    async def snapshot(self, month: str | None) -> Snapshot:
        found = self.at_hand(month)
        if found is not None:
            return found
        current = self.live.current()
        return await self._months.snapshot(month, current.version if current else None)

    async def lag(self) -> Lag:
        """As the workers say; the age of their last word when they have gone silent.

        While this process has heard none, nothing is known since it began: an age that grows, never "up to date".
        """
        lag = await self.live.lag()
        return lag if lag is not None else Lag(self._began, 0, (now() - self._began).total_seconds())

    def _is_older(self, current: Snapshot) -> bool:
        """Than what readers were given from the database while none was at hand: of changes that have no version."""
        built = self._built
        other = built is not None and current.content_sha256 != built.content_sha256
        return built is not None and other and current.version <= built.version

    async def _build(self, month: str | None) -> Snapshot:
        async with self._database.reading(still=True) as session:
            snapshot = await build(session, month)
        if month is None:
            self._built = snapshot
        return snapshot


async def dashboards(request: Request) -> Dashboards:
    found: Dashboards = request.app.state.dashboards
    return found


From = Annotated[Dashboards, Depends(dashboards)]
MonthQuery = Annotated[str | None, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-10"])]


@router.head("/v1/dashboard", include_in_schema=False)
@router.get("/v1/dashboard", summary="The province and its districts, for one month")
async def dashboard(request: Request, who: Reader, source: From, month: MonthQuery = None) -> Response:
    """`month` is by default the newest with a report. A district officer sees the province and the own district."""
    return answer(request, await source.snapshot(month), await source.lag(), who)


def answer(request: Request, snapshot: Snapshot, lag: Lag, who: Caller) -> Response:
    """What `GET /v1/dashboard` answers, by whichever way the call came.

    The tag is weak, for `as_of` is not in it: 304 says that every number, and how far behind they are, is still as
    the caller has it.
    """
    behind = "-".join(str(value) for value in lag.shown.values())
    tag = f'"{snapshot.content_sha256[:16]}-{snapshot.version}-{behind}-{who.district or "all"}"'
    headers = {"ETag": f"W/{tag}", "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    body = snapshot.body(lag, who.district)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(len(body))}, media_type="application/json")
    return Response(body, media_type="application/json", headers=headers)


def _matches(known: str, tag: str) -> bool:
    """Does `If-None-Match` name this tag? Compared weakly, as RFC 9110, 13.1.2 has it."""
    return known == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]


@router.get(
    "/v1/dashboard/stream",
    summary="Server-sent events: which version of the dashboard is ready",
    response_class=Response,
    responses={
        **file_of(
            "text/event-stream; charset=utf-8", description="Until it ends.", like="id: 8\nevent: version\ndata: 8\n\n"
        ),
        **problems("too_many_streams"),
    },
)
async def stream(
    who: Annotated[Verified, Depends(reader)],
    source: From,
    last: Annotated[str | None, Header(alias=LAST_EVENT_ID, description="The version told of last.")] = None,
) -> Response:
    """Each message names a version and carries no data: read `GET /v1/dashboard` then.

    After some minutes, and before the token ends, the message `renew` asks to come again.
    """
    return source.streams.stream(who, last)


@router.get("/v1/businesses/{beneficiary_id}", summary="One business: its growth class with the evidence, its reports")
async def business(beneficiary_id: UUID, who: Reader, here: Here) -> Response:
    """404 when unknown, of another district, or of somebody who withdrew consent."""
    async with here.database.reading() as session:
        found = await read_business(session, who, beneficiary_id)
    return Response(msgspec.json.encode(found), media_type="application/json")


async def read_business(session: AsyncSession, who: Caller, beneficiary_id: UUID) -> dict[str, Any]:
    """One business as the contract shapes it. Raises Refused `not_found`.

    Why an officer overrode a class, and which, is not for those who only view.
    """
    found = await run(
        session,
        "SELECT no, district, growth_rule FROM person WHERE beneficiary_id = :id AND withdrawn_us IS NULL",
        id=beneficiary_id,
    )
    person = found.first()
    if person is None or not who.sees(person.district):
        raise Refused("not_found")
    rows = await run(
        session,
        """SELECT month, revision, turnover, materials, production, wages, net_profit, employees, orders, asset_use
           FROM report WHERE person_no = :no ORDER BY month""",
        no=person.no,
    )
    found_rows = rows.mappings().all()
    newest = found_rows[-1]["month"] if found_rows else None
    reports = [{**row, "month": month_name(row["month"])} for row in found_rows]
    rule = RULES[person.growth_rule or FIRST.version]
    override = await read_counting(session, person.no, newest)
    if override is not None and who.role is Role.viewer:
        override = {"class": override["class"], "until": override["until"]}
    return {
        "beneficiary_id": str(beneficiary_id),
        "district": person.district,
        "growth": _evidence(
            [(month_index(report["month"]), report["net_profit"]) for report in reports], rule, override
        ),
        "reports": reports,
    }


def _evidence(reports: list[tuple[int, int]], rule: GrowthRule, override: dict[str, Any] | None) -> dict[str, Any]:
    """The effective class, and beside it the computed one with its evidence."""
    found = growth(reports, rule)
    return {
        "class": override["class"] if override else found.growth_class,
        "computed": found.growth_class,
        "override": override,
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
