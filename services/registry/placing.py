"""Who was recorded before people were compared by likeness is placed among the others, some at a time."""

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.keys import NikKeys
from services.registry.likeness import born_key, name_key
from services.registry.suspicions import revise_pairs
from services.registry.tables import PERSON, person_of
from shared.database import lock_districts, set_wise

AT_ONCE = 500


async def place_some(session: AsyncSession, keys: NikKeys) -> bool:
    """Place up to AT_ONCE people; false when all are. Two processes that do it take turns, by the districts."""
    unplaced = select(PERSON).where(PERSON.c.born_block.is_(None)).order_by(PERSON.c.beneficiary_id).limit(AT_ONCE)
    found = [person_of(row) for row in await session.execute(unplaced)]
    if not found:
        return False
    await lock_districts(session, {person.district for person in found})
    ids = [person.beneficiary_id for person in found]
    again = await session.execute(unplaced.where(PERSON.c.beneficiary_id.in_(ids)))
    before = {person.beneficiary_id: person for person in map(person_of, again)}
    now = {
        who: replace(
            person,
            born_block=keys.block(born_key(person.record.birth_date, person.record.sex)),
            name_block=keys.block(name_key(person.record.name, person.record.birth_date)),
        )
        for who, person in before.items()
    }
    if now:
        await set_wise(
            session,
            """UPDATE person SET born_block = r.born_block, name_block = r.name_block FROM {rows}
               WHERE person.beneficiary_id = r.beneficiary_id""",
            {"beneficiary_id": "uuid", "born_block": "text", "name_block": "text"},
            [(who, person.born_block, person.name_block) for who, person in now.items()],
        )
        await revise_pairs(
            session,
            {who: person.traits for who, person in before.items()},
            {who: person.traits for who, person in now.items()},
            {who: person.event_time for who, person in now.items()},
        )
    return True
