"""Data quality: who is silent, what does not add up with what districts say they sent, what could not be read."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import rules
from services.reporting.api import Reader
from services.reporting.freshness import longest_silent_first, read_freshness
from services.reporting.nightly import read_proof
from services.reporting.pages.present import From, Here, snapshot_of, standing
from services.reporting.worklist_rules import jakarta_day
from shared.database import now, run
from shared.events.catalogue import intake_topic
from shared.events.districts import DISTRICTS
from shared.manifests import read_day
from shared.pages.answers import Page, render
from shared.refusals import Refused

DAYS = 7
"""Manifests of so many days are on the page."""

router = APIRouter(route_class=Page, include_in_schema=False)


class Unread(NamedTuple):
    """Of one district: records in quarantine, and events that wait for something not yet known."""

    code: str
    held: int
    waiting: int


class Suspected(NamedTuple):
    """Of one district: open suspicions that concern one of its people. `since`: of the oldest, where that is known."""

    code: str
    pairs: int
    since: date | None


@router.get("/quality")
async def quality(request: Request, who: Reader, source: From, here: Here, day: str = "") -> Response:
    """Of the districts the reader sees; `day` chooses the day of the manifests, by default yesterday."""
    today = jakarta_day(now())
    days = [today - timedelta(days=back) for back in range(DAYS)]
    chosen = _chosen(day, days)
    seen = [code for code in DISTRICTS if who.sees(code)]
    async with here.database.reading(still=True) as session:
        heard = longest_silent_first(await read_freshness(session, seen, now()))
        proof = await read_proof(session)
        manifests = await read_day(session, chosen, who.district)
        unread = await _unread(session, seen)
        suspected = await _suspected(session, seen)
        pairs = await _pairs(session, who.district)
    return render(
        request,
        "quality.html",
        heard=heard,
        silent_days=rules.SILENT_DAYS,
        proof=proof,
        manifests=manifests,
        apart=[found for found in manifests if _differs(found)],
        chosen=chosen,
        days=days,
        unread=unread,
        suspected=suspected,
        pairs=pairs,
        today=today,
        **await standing(request, source, await snapshot_of(source, None), who) | {"stream": False},
    )


def _chosen(day: str, days: list[date]) -> date:
    """Raises Refused `not_found` for a day that is not on the page."""
    if not day:
        return days[1]
    for known in days:
        if known.isoformat() == day:
            return known
    raise Refused("not_found")


def _differs(found: dict[str, Any]) -> bool:
    expected, received = found["expected"], found["received"]
    return any(expected[name] != received[name] for name in expected)


async def _unread(session: AsyncSession, seen: list[str]) -> list[Unread]:
    """Districts with something unread, of what is sent to reporting."""
    held = await _by_topic(
        session, "SELECT topic, count(*) AS records FROM quarantine WHERE state = 'held' GROUP BY topic"
    )
    waiting = await _by_topic(session, "SELECT topic, count(*) AS records FROM waiting GROUP BY topic")
    found = [
        Unread(code, held.get(topic, 0), waiting.get(topic, 0))
        for code, topic in ((code, intake_topic("reporting", code)) for code in seen)
    ]
    return [one for one in found if one.held or one.waiting]


_OF_PAIR = (
    "FROM pair o JOIN person p ON p.beneficiary_id IN (o.first_id, o.second_id) WHERE o.open_since_us IS NOT NULL"
)
"""A pair of two districts concerns both. Somebody not yet known has no district."""


async def _suspected(session: AsyncSession, seen: list[str]) -> list[Suspected]:
    """Districts with an open suspicion, the oldest first."""
    found = await run(
        session,
        f"""SELECT p.district, count(DISTINCT o.duplicate_id) AS pairs, min(o.open_since_us) AS since {_OF_PAIR}
            GROUP BY p.district ORDER BY min(o.open_since_us), p.district""",
    )
    return [
        Suspected(row.district, row.pairs, jakarta_day(_moment(row.since)) if row.since else None)
        for row in found
        if row.district in seen
    ]


async def _pairs(session: AsyncSession, district: str | None) -> int:
    """Open suspicions, each once, of all districts or of one."""
    of = "AND p.district = :district" if district else ""
    named = {"district": district} if district else {}
    found = await run(session, f"SELECT count(DISTINCT o.duplicate_id) {_OF_PAIR} {of}", **named)
    pairs: int = found.scalar_one()
    return pairs


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


async def _by_topic(session: AsyncSession, statement: str) -> dict[str, int]:
    return {row.topic: row.records for row in await run(session, statement)}
