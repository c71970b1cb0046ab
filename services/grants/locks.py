"""What grants locks beside the districts, and in which order: who has a later one never waits for an earlier one.

1. The districts concerned, all in one go (`shared.database.lock_districts`).
2. The aliases: whoever judges somebody who is on record twice, or changes who is.
3. The serials: whoever changes assets. They cross districts, as aliases do.
4. Rows: of grants by id, of budgets by district and fund, of assets by id, and the receipts of handovers.

What a batch sets free is applied in its transaction, after its handovers, and may be of somebody on record twice: so
the aliases are taken before the serials. A grant's row is locked only by who has its district, or has the aliases and
it is of somebody on record twice; so a batch may come to 2 and 3 with rows of its earlier events in hand.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import is_alone, run

_SERIALS = 0x6265726461796105
_ALIASES = 0x6265726461796106


async def lock_aliases(session: AsyncSession) -> None:
    """Until the transaction ends."""
    await _lock(session, _ALIASES)


async def lock_serials(session: AsyncSession) -> None:
    """And the aliases; until the transaction ends."""
    await lock_aliases(session)
    await _lock(session, _SERIALS)


async def _lock(session: AsyncSession, number: int) -> None:
    if not is_alone(session):
        await run(session, "SELECT pg_advisory_xact_lock(:lock)", lock=number)
