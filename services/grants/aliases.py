"""Which records are one person, as the registry's officers decided: aid is judged over all of them together.

They may be of several districts. So whoever judges somebody who has aliases, or changes who has them, takes turns with
all others that do (`locks`). Whether a person has aliases at all changes only in
the hands of who holds that person's district.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants.locks import lock_aliases
from services.grants.tables import Grant
from shared.aliases import groups, pairs_of
from shared.database import is_alone


async def hold(session: AsyncSession, people: Collection[UUID]) -> None:
    """Take the lock if any of these people, whose districts the caller holds, is on record under another id too."""
    if not is_alone(session) and await _pairs_of(session, people):
        await lock_aliases(session)


async def hold_of(session: AsyncSession, grants: Collection[UUID]) -> None:
    """As `hold`, of the people of these grants."""
    if is_alone(session):
        return
    found = await session.scalars(select(col(Grant.beneficiary_id)).where(col(Grant.id).in_(grants)).distinct())
    await hold(session, found.all())


async def same_as(session: AsyncSession, people: Collection[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Of each of these people all records that are the same person, at least the own one."""

    async def pairs(some: Collection[UUID]) -> Iterable[tuple[UUID, UUID]]:
        return await _pairs_of(session, some)

    return {who: frozenset((who,)) for who in people} | await groups(people, pairs)


async def _pairs_of(session: AsyncSession, people: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    return await pairs_of(session, "SELECT p.first_id, p.second_id FROM suspicions p", people)
