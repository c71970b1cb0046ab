"""Is the NIK key the one this registry's rows were made with? With another, every known NIK would look unknown."""

from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.keys import NikKeys
from shared.database import run
from shared.security import WrongSecret


async def prove(session: AsyncSession, keys: NikKeys) -> bool:
    """Raises WrongSecret when another key is on record. False when none is: there is nothing to contradict."""
    found = (await run(session, "SELECT fingerprint FROM nik_key WHERE one = 1")).scalar_one_or_none()
    if found not in (None, keys.fingerprint):
        raise _wrong()
    return found is not None


async def adopt(session: AsyncSession, keys: NikKeys) -> None:
    """As `prove`, and the first to come puts its key on record; others wait for it here. Never commits."""
    if await prove(session, keys):
        return
    await _open_one(session, keys)
    await run(
        session,
        "INSERT INTO nik_key (one, fingerprint) VALUES (1, :fingerprint) ON CONFLICT DO NOTHING",
        fingerprint=keys.fingerprint,
    )
    await prove(session, keys)


async def _open_one(session: AsyncSession, keys: NikKeys) -> None:
    """A registry of before fingerprints were kept: a NIK that it holds must open. Raises WrongSecret."""
    found = await run(
        session, "SELECT beneficiary_id AS who, nik_sealed FROM person WHERE nik_token IS NOT NULL LIMIT 1"
    )
    row = found.first()
    if row is None:
        return
    try:
        keys.last_four(row.nik_sealed, row.who if isinstance(row.who, UUID) else UUID(row.who))
    except InvalidTag:
        raise _wrong() from None


def _wrong() -> WrongSecret:
    return WrongSecret(
        "nik.key is not the key that the NIKs of this registry were stored with: put the old file back from backup "
        "into the folder of keys; with another key every known NIK would look unknown"
    )
