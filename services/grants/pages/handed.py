"""The handover as an officer of the district tells it: the district's own event, and what it was answered."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.grants.tables import Grant
from shared.database import run
from shared.events.district import GrantKind
from shared.events.receipts import Answer, Sentence, Verdict, message

LOOK_SECONDS = 2
"""Between two looks at whether an event was answered."""
_MOST_ASSETS = 100


class Answered(NamedTuple):
    verdict: Verdict
    sentence: Sentence


def source_of(district: str) -> str:
    return f"/district/{district}/officer"


def rows_of(grant: Grant) -> list[str]:
    """The things of a grant one by one, each to be named with its serial number."""
    if grant.kind != GrantKind.equipment:
        return []
    return [item.name for item in grant.item_list for _ in range(item.quantity)][:_MOST_ASSETS]


async def answer_to(session: AsyncSession, district: str, event_id: str) -> Answered | None:
    """None as long as the event has not been read from the log."""
    if not event_id.isprintable():
        return None
    found = await run(
        session,
        "SELECT verdict, reason, detail FROM inbox WHERE district = :district AND source = :source AND event_id = :id",
        district=district,
        source=source_of(district),
        id=event_id,
    )
    row = found.first()
    if row is None:
        return None
    verdict = Verdict(row.verdict)
    return Answered(verdict, message(Answer(verdict, row.reason, row.detail)))
