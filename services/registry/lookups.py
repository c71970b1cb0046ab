"""What an officer may learn of a NIK: of the own district who it is, of another's only that, and which aid."""

from typing import Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.aid import aid_of
from services.registry.aliases import same_as
from services.registry.keys import NikKeys
from services.registry.proof import prove
from services.registry.tables import PERSON
from services.registry.views import View
from shared.events.district import GrantKind
from shared.security import Caller


class Aid(View):
    kind: GrantKind
    fiscal_year: int = Field(examples=[2026])
    state: Literal["given", "in_progress"] = Field(description="Disbursed or handed over; or only asked for so far.")


class Known(View):
    """Whether a NIK is on record, and the aid of its holder by kind and year, wherever that was."""

    known: bool
    elsewhere: bool = Field(description="Another district has it on record; which one, the province knows.")
    districts: list[str] = Field(
        description="Those that have it on record: of an officer's own district that alone.", examples=[["3522"]]
    )
    beneficiary_ids: list[UUID] = Field(description="Of the own district; for the province, of all.")
    aid: list[Aid] = Field(description="The newest year first; each kind, year and state once.")

    @property
    def result(self) -> str:
        """For the trail."""
        if not self.known:
            return "unknown"
        if not self.beneficiary_ids:
            return "elsewhere"
        return "own_and_elsewhere" if self.elsewhere else "own"


async def look_up(session: AsyncSession, keys: NikKeys, who: Caller, nik: str) -> Known:
    """Compared by token: the NIK asked for is neither stored nor logged. Raises WrongSecret before it would lie."""
    await prove(session, keys)
    found = await session.execute(
        select(PERSON.c.district, PERSON.c.beneficiary_id)
        .where(PERSON.c.nik_token == keys.token(nik))
        .order_by(PERSON.c.district, PERSON.c.beneficiary_id)
    )
    holders = found.all()
    seen = [row for row in holders if who.sees(row.district)]
    records = {row.beneficiary_id for row in holders}
    aliases = await same_as(session, records)
    helped = await aid_of(session, records.union(*aliases.values()))
    return Known(
        known=bool(holders),
        elsewhere=any(row.district != who.district for row in holders) if who.district else False,
        districts=list(dict.fromkeys(row.district for row in seen)),
        beneficiary_ids=[row.beneficiary_id for row in seen],
        aid=[Aid(**each._asdict()) for each in helped],
    )
