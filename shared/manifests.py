"""Manifests: what a district's system says it sent of a stream on a day, against what the inbox has of it.

The comparison is never stored: it is computed from the inbox when it is asked for, so no order of arrival shows in it.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import TypedDict

from shared.database import run, set_wise
from shared.events import receipts
from shared.events.catalogue import Event
from shared.events.control import STREAMS, Comparison, Totals, bounds, day_of, digest
from shared.events.envelope import format_time, from_microseconds
from shared.events.receipts import Answer, Verdict
from shared.inbox import Handler
from shared.openapi import problems
from shared.refusals import Refused
from shared.revisions import Mark, mark_of
from shared.security import Caller
from shared.shapes import DISTRICT, STORABLE, Count, District, EventId, Rupiah, Sha256, Source, Words
from shared.web import Context, caller, context

router = APIRouter(tags=["manifests"])
MAX_PAGE = 500


class Closed(NamedTuple):
    """A manifest, as it is stored: the first four are its key."""

    day: str
    district: str
    source: str
    stream: str
    time_us: int
    event_id: str
    events: int
    rupiah: int
    sha256: str

    @property
    def mark(self) -> Mark:
        return Mark(1, self.time_us, self.event_id, self.source)

    @property
    def totals(self) -> Totals:
        return Totals(self.events, self.rupiah, self.sha256)


class TotalsView(TypedDict):
    count: Count
    sum_rupiah: Rupiah
    sha256: Sha256


class ReceivedView(TotalsView):
    """`verdicts`: how many of them read what."""

    verdicts: dict[str, int]


class ManifestView(TypedDict):
    district: District
    source: Source
    stream: Annotated[str, Field(examples=["income-reported"])]
    day: date
    event_id: EventId
    closed_at: datetime
    verdict: Literal["complete", "differs"]
    expected: TotalsView
    received: ReceivedView
    missing: int
    extra: int
    message: Words


class ManifestsView(TypedDict):
    """`next` goes into `after` for the following page; null on the last."""

    day: date
    manifests: list[ManifestView]
    next: Annotated[str | None, Field(examples=["3522 income-reported /district/3522/simdu"])]


class Compared(NamedTuple):
    closed: Closed
    comparison: Comparison
    verdicts: Mapping[str, int]
    """How many of the received read what."""


def taking(service: str) -> Handler:
    """The handler of the manifests of one service's streams. Of several for one day the latest is in force."""

    async def take_manifests(session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
        refused = [_refuse(event, service) for event in events]
        said = [_closed(event) if answer is None else None for event, answer in zip(events, refused, strict=True)]
        arrived = [closed for closed in said if closed is not None]
        newest = {closed[:4]: closed for closed in await _in_force(session, arrived)}
        for closed in arrived:
            if closed[:4] not in newest or newest[closed[:4]].mark < closed.mark:
                newest[closed[:4]] = closed
        counting = [closed for closed in arrived if newest[closed[:4]] is closed]
        await _write(session, counting)
        answers = {found.closed: found.comparison.answer for found in await _compare(session, counting)}
        older = receipts.superseded("newer_manifest")
        return [
            answer or (answers.get(closed, older) if closed else older)
            for answer, closed in zip(refused, said, strict=True)
        ]

    return take_manifests


async def present_answer(session: AsyncSession, answer: Answer, *, district: str, source: str, event_id: str) -> Answer:
    """What the receipt of a manifest says today: events and later manifests may have come since `answer` was given."""
    if answer.verdict not in (Verdict.accepted, Verdict.superseded):
        return answer
    found = await run(
        session,
        f"SELECT {_COLUMNS} FROM manifest WHERE district = :district AND source = :source AND event_id = :event_id",
        district=district,
        source=source,
        event_id=event_id,
    )
    compared = await _compare(session, [Closed(*row) for row in found])
    return compared[0].comparison.answer if compared else receipts.superseded("newer_manifest")


@router.get(
    "/v1/manifests",
    summary="Control totals of a day: what districts say they sent, and what came",
    responses={200: {"model": ManifestsView}, **problems("not_found")},
)
async def manifests(
    day: date,
    here: Annotated[Context, Depends(context)],
    who: Annotated[Caller, Depends(caller)],
    district: Annotated[str | None, Query(pattern=DISTRICT, examples=["3522"])] = None,
    after: Annotated[str, Query(max_length=300, pattern=STORABLE, description="The `next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
) -> Response:
    """Of this service's streams. A district sees its own only; another's is 404."""
    if district is not None and not who.sees(district):
        raise Refused("not_found")
    async with here.database.reading(still=True) as session:
        found = await read_day(session, day, district or who.district, after=after, limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    following = last and " ".join(last[part] for part in ("district", "stream", "source"))
    body = {"day": day, "manifests": found[:limit], "next": following}
    return Response(msgspec.json.encode(body), media_type="application/json")


async def read_day(
    session: AsyncSession, day: date, district: str | None, *, after: str = "", limit: int | None = None
) -> list[dict[str, Any]]:
    """The manifests in force of a day, of one district or of all, each with what has come by now.

    After the one named by its district, stream and source.
    """
    named = dict(zip(("at", "stream", "source"), [*after.split(" ", 2), "", "", ""], strict=False))
    found = await run(
        session,
        f"SELECT {_COLUMNS} FROM manifest WHERE day = :day AND district = coalesce(:district, district) "
        "AND (district, stream, source) > (:at, :stream, :source) "
        f"ORDER BY district, stream, source {'' if limit is None else 'LIMIT :limit'}",
        day=day.isoformat(),
        district=district,
        **named,
        **({} if limit is None else {"limit": limit}),
    )
    return [_shown(compared) for compared in await _compare(session, [Closed(*row) for row in found])]


def _refuse(event: Event, service: str) -> Answer | None:
    stream = STREAMS.get(event.data.stream)
    if stream is None:
        return receipts.rejected("unknown_stream")
    if stream.service != service:
        return receipts.rejected("wrong_topic")
    if event.data.day > day_of(event.envelope.time):
        return receipts.rejected("future_day")
    return None


def _closed(event: Event) -> Closed:
    data, mark = event.data, mark_of(event.envelope)
    key = data.day.isoformat(), event.district or "", mark.source, data.stream
    return Closed(*key, mark.time_us, mark.event_id, data.count, data.sum_rupiah, data.sha256)


async def _in_force(session: AsyncSession, arrived: Sequence[Closed]) -> list[Closed]:
    if not arrived:
        return []
    found = await set_wise(
        session,
        f"""SELECT {", ".join(f"m.{name}" for name in Closed._fields)} FROM {{rows}} JOIN manifest m
            ON m.day = r.day AND m.district = r.district AND m.source = r.source AND m.stream = r.stream""",
        _KEY_TYPES,
        sorted({closed[:4] for closed in arrived}),
    )
    return [Closed(*row) for row in found]


async def _write(session: AsyncSession, counting: Sequence[Closed]) -> None:
    if counting:
        await set_wise(session, _WRITE, _TYPES, sorted(counting))


async def _compare(session: AsyncSession, counted: Sequence[Closed]) -> list[Compared]:
    """What the inbox has of each, in the order given; every day is read once, however many close it."""
    came: dict[tuple[str, str, str, str], list[_Came]] = defaultdict(list)
    for day in sorted({closed.day for closed in counted}):
        since, until = bounds(date.fromisoformat(day))
        found = await set_wise(
            session,
            """SELECT r.district, r.source, r.stream, i.event_id, i.rupiah, i.verdict FROM inbox i JOIN {rows}
               ON i.district = r.district AND i.source = r.source AND i.type = r.type
               WHERE i.time_us >= :since AND i.time_us < :until""",
            {"district": "text", "source": "text", "stream": "text", "type": "text"},
            [(*closed[1:4], STREAMS[closed.stream].name) for closed in counted if closed.day == day],
            since=since,
            until=until,
        )
        for district, source, stream, event_id, rupiah, verdict in found:
            came[day, district, source, stream].append(_Came(event_id, rupiah or 0, verdict))
    return [_compared(closed, came[closed[:4]]) for closed in counted]


class _Came(NamedTuple):
    """An event of a day, whatever it was answered."""

    event_id: str
    rupiah: int
    verdict: str


def _compared(closed: Closed, came: Sequence[_Came]) -> Compared:
    received = Totals(len(came), sum(event.rupiah for event in came), digest(event.event_id for event in came))
    return Compared(closed, Comparison(closed.totals, received), Counter(event.verdict for event in came))


def _shown(compared: Compared) -> dict[str, Any]:
    closed, comparison = compared.closed, compared.comparison
    return {
        "district": closed.district,
        "source": closed.source,
        "stream": closed.stream,
        "day": closed.day,
        "event_id": closed.event_id,
        "closed_at": format_time(from_microseconds(closed.time_us)),
        "verdict": comparison.verdict,
        "expected": _totals(comparison.expected),
        "received": {**_totals(comparison.received), "verdicts": dict(sorted(compared.verdicts.items()))},
        "missing": comparison.missing,
        "extra": comparison.extra,
        "message": comparison.sentence,
    }


def _totals(totals: Totals) -> dict[str, int | str]:
    return {"count": totals.events, "sum_rupiah": totals.rupiah, "sha256": totals.sha256}


_COLUMNS = ", ".join(Closed._fields)
_KEY_TYPES = {"day": "text", "district": "text", "source": "text", "stream": "text"}
_TYPES = _KEY_TYPES | {"time_us": "bigint", "event_id": "text", "events": "int", "rupiah": "bigint", "sha256": "text"}
_WRITE = f"""INSERT INTO manifest ({_COLUMNS}) SELECT {", ".join(f"r.{name}" for name in Closed._fields)} FROM {{rows}}
    WHERE true ON CONFLICT (day, district, source, stream) DO UPDATE SET time_us = excluded.time_us,
        event_id = excluded.event_id, events = excluded.events, rupiah = excluded.rupiah, sha256 = excluded.sha256"""
