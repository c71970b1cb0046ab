"""Who is one person with whom, where officers decided it pair by pair: also over several pairs."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import set_wise
from shared.events.district import Status

Pairs = Callable[[Collection[UUID]], Awaitable[Iterable[tuple[UUID, UUID]]]]
"""All pairs decided to be the same in which one of these people is."""

_FIRST = (Status.ex_client, Status.client, Status.deceased, Status.graduated, Status.withdrawn, Status.moved)
"""By which of several records a person counts (decision 32): by one that is in the programme, so that nobody vanishes
because another record has ended; where all have ended by that which nothing follows, and at last by one that only says
that the person went elsewhere."""


async def pairs_of(session: AsyncSession, statement: str, people: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """`Pairs` as a table has them. `statement` selects both ids from a table `p` with first_id, second_id and same."""
    rows = [(who,) for who in sorted(people)]
    if not rows:
        return []
    found = await set_wise(
        session,
        " UNION ".join(
            f"{statement} JOIN {{rows}} ON p.{column} = r.id WHERE p.same" for column in ("first_id", "second_id")
        ),
        {"id": "uuid"},
        rows,
    )
    return [(UUID(str(first)), UUID(str(second))) for first, second in found]


async def groups(people: Collection[UUID], pairs_of: Pairs) -> dict[UUID, frozenset[UUID]]:
    """Of each of these people all records that are the same person; who is the same as nobody else is left out."""
    same: dict[UUID, set[UUID]] = defaultdict(set)
    asked, new = set[UUID](), set(people)
    while new:
        for first, second in await pairs_of(new):
            same[first].add(second)
            same[second].add(first)
        asked |= new
        new = same.keys() - asked
    found: dict[UUID, frozenset[UUID]] = {}
    for who in people:
        if who in same and who not in found:
            group = frozenset(_reached(who, same))
            found |= dict.fromkeys(group, group)
    return {who: found[who] for who in people if who in found}


def stands_for(group: Mapping[UUID, str]) -> UUID:
    """The record by which a person counts, of all theirs with their statuses; of several alike the first by id."""
    return min(group, key=lambda who: (_FIRST.index(Status(group[who])), str(who)))


def _reached(who: UUID, same: Mapping[UUID, Collection[UUID]]) -> set[UUID]:
    found, left = {who}, [who]
    while left:
        others = set(same[left.pop()]) - found
        found |= others
        left += others
    return found
