"""The rows of what people were before, and the receipts that an unusual step changes after their verdict."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.life import UNUSUAL, Life, Standing
from services.registry.tables import STANDING, standing_of
from shared.database import set_wise
from shared.revisions import Group


async def past_of(session: AsyncSession, people: Collection[UUID]) -> Mapping[UUID, Life]:
    """What these people were by revisions below the one in force; nothing where there was none."""
    if not people:
        return {}
    found = await session.execute(select(STANDING).where(STANDING.c.beneficiary_id.in_(sorted(people))))
    lives: dict[UUID, dict[int, Standing]] = defaultdict(dict)
    for row in found:
        lives[row.beneficiary_id][row.revision] = standing_of(row)
    return lives


_COLUMNS = {
    "beneficiary_id": "uuid",
    "revision": "int",
    "status": "text",
    "event_time": "timestamptz",
    "event_id": "text",
    "source": "text",
    "content": "text",
}


async def keep_past(session: AsyncSession, standings: Sequence[tuple[UUID, Standing]]) -> None:
    """Their people are saved already."""
    if standings:
        await set_wise(
            session,
            f"""INSERT INTO standing ({", ".join(_COLUMNS)}) SELECT {", ".join(f"r.{name}" for name in _COLUMNS)}
                FROM {{rows}} WHERE true ON CONFLICT (beneficiary_id, revision) DO UPDATE SET
                {", ".join(f"{name} = excluded.{name}" for name in list(_COLUMNS)[2:])}""",
            _COLUMNS,
            [(who, s.revision, s.status.value, *s[2:]) for who, s in standings],
        )


async def amend_receipts(session: AsyncSession, amended: Mapping[Group, str]) -> None:
    """Let the receipts of these groups warn of an unusual step, or (by an empty text) no longer.

    As of a conflict, `GET /v1/receipts` shows it; the topic keeps what it said first.
    """
    if amended:
        await set_wise(
            session,
            f"""UPDATE inbox SET
                warnings = trim(replace(' ' || inbox.warnings || ' ', ' {UNUSUAL} ', ' ') || r.warning)
                FROM {{rows}}
                JOIN heard h ON h.thing = r.thing AND h.revision = r.revision AND h.content = r.content
                WHERE inbox.district = r.district AND inbox.event_id = h.event_id AND inbox.source = h.source
                  AND inbox.verdict IN ('accepted', 'superseded', 'duplicate')""",
            {"district": "text", "thing": "text", "revision": "int", "content": "text", "warning": "text"},
            [(*group, warning) for group, warning in sorted(amended.items())],
        )
