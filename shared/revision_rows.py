"""What was heard of things with revisions, and the receipts that a conflict changes after their verdict."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import insert, set_wise
from shared.events.receipts import Answer
from shared.revisions import CONFLICT, Group, Judging


async def known_of(session: AsyncSession, things: Collection[str]) -> Mapping[str, set[tuple[int, str]]]:
    """What was said of each of these things under which revision; nothing where there was one event at most."""
    known: dict[str, set[tuple[int, str]]] = defaultdict(set)
    if things:
        found = await set_wise(
            session,
            "SELECT DISTINCT h.thing, h.revision, h.content FROM {rows} JOIN heard h ON h.thing = r.thing",
            {"thing": "text"},
            [(thing,) for thing in sorted(things)],
        )
        for thing, revision, content in found:
            known[thing].add((revision, content))
    return known


async def keep(session: AsyncSession, judging: Judging) -> None:
    """Remember the events, then amend the receipts of earlier ones; those of this list have none yet."""
    await insert(
        session,
        "heard",
        _HEARD_COLUMNS,
        [
            (thing, said.mark.revision, said.mark.event_id, said.mark.source, said.content)
            for thing, said in judging.heard
        ],
    )
    await _amend_receipts(session, judging.amended)


_HEARD_COLUMNS = {"thing": "text", "revision": "int", "event_id": "text", "source": "text", "content": "text"}


async def _amend_receipts(session: AsyncSession, amended: Mapping[Group, Answer | None]) -> None:
    """The amended receipt is what `GET /v1/receipts` shows; the topic keeps one final verdict per event."""
    if not amended:
        return
    await set_wise(
        session,
        f"""UPDATE inbox SET
            warnings = trim(replace(' ' || inbox.warnings || ' ', ' {CONFLICT} ', ' ') || '{CONFLICT}'),
            verdict = CASE WHEN r.verdict = '' THEN inbox.verdict ELSE r.verdict END,
            reason = CASE WHEN r.verdict = '' THEN inbox.reason ELSE r.reason END
            FROM {{rows}}
            JOIN heard h ON h.thing = r.thing AND h.revision = r.revision AND h.content = r.content
            WHERE inbox.district = r.district AND inbox.event_id = h.event_id AND inbox.source = h.source
              AND inbox.verdict IN ('accepted', 'superseded', 'duplicate')""",
        {
            "district": "text",
            "thing": "text",
            "revision": "int",
            "content": "text",
            "verdict": "text",
            "reason": "text",
        },
        [
            (*group, change.verdict if change else "", change.reason if change else "")
            for group, change in sorted(amended.items(), key=lambda item: item[0])
        ],
    )
