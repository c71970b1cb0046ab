"""Which aid each person is given, or is asked for, as the facts of grants say: what a lookup may tell of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.tables import AID
from shared.database import set_wise
from shared.events import facts
from shared.events.catalogue import NAMES, Event
from shared.events.district import GrantKind
from shared.events.receipts import Answer, accepted, superseded
from shared.inbox import Handler

STATES: Mapping[type[facts.Grant], str] = {
    facts.GrantRequested: "in_progress",
    facts.GrantVerified: "in_progress",
    facts.GrantApproved: "in_progress",
    facts.GrantRejected: "none",
    facts.GrantDisbursed: "given",
    facts.GrantHandedOver: "given",
    facts.GrantCancelled: "none",
}
"""What each step of a grant makes of it for who asks whether somebody was helped."""


class Helped(NamedTuple):
    """`given` once it was disbursed; before that it is asked for."""

    kind: GrantKind
    fiscal_year: int
    state: Literal["given", "in_progress"]


def following() -> Mapping[str, Handler]:
    """The handlers of the facts of grants."""
    return {NAMES[fact]: _following(state) for fact, state in STATES.items()}


def _following(state: str) -> Handler:
    async def follow(session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
        """Of each grant the fact of the greatest version is kept, in whatever order they come."""
        newest: dict[UUID, Any] = {}
        for event in events:
            before = newest.get(event.data.grant_id)
            if before is None or before.version < event.data.version:
                newest[event.data.grant_id] = event.data
        kept = await set_wise(
            session,
            _KEEP,
            _COLUMNS,
            [
                (fact.grant_id, fact.beneficiary_id, fact.kind.value, fact.fiscal_year, state, fact.version)
                for fact in newest.values()
            ],
        )
        used = {UUID(str(row.grant_id)) for row in kept}
        return [
            accepted() if event.data.grant_id in used and newest[event.data.grant_id] is event.data else superseded()
            for event in events
        ]

    return follow


async def aid_of(session: AsyncSession, people: Collection[UUID]) -> list[Helped]:
    """The aid of all of these together, each kind and year once; what was rejected or cancelled is none."""
    found = await session.execute(
        select(AID.c.kind, AID.c.fiscal_year, AID.c.state)
        .where(AID.c.beneficiary_id.in_(sorted(people)), AID.c.state != "none")
        .distinct()
        .order_by(AID.c.fiscal_year.desc(), AID.c.kind, AID.c.state)
    )
    return [Helped(GrantKind(row.kind), row.fiscal_year, row.state) for row in found]


_COLUMNS = {
    "grant_id": "uuid",
    "beneficiary_id": "uuid",
    "kind": "text",
    "fiscal_year": "int",
    "state": "text",
    "version": "int",
}
_KEEP = f"""INSERT INTO aid ({", ".join(_COLUMNS)}) SELECT {", ".join(f"r.{name}" for name in _COLUMNS)} FROM {{rows}}
    WHERE true ON CONFLICT (grant_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in list(_COLUMNS)[1:])}
    WHERE excluded.version > aid.version RETURNING grant_id"""
