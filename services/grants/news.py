"""The facts that grants tell: each step of a grant once, in the order of its version, keyed by the person; and what its
things are like, after each change."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.grants.tables import COMMITTED, Grant
from shared.events import facts
from shared.events.district import GrantKind
from shared.outbox import emit

SERVICE = "grants"
_JAKARTA = timezone(timedelta(hours=7), "WIB")
FACTS: dict[str, type[facts.Grant]] = {
    "request": facts.GrantRequested,
    "verify": facts.GrantVerified,
    "approve": facts.GrantApproved,
    "reject": facts.GrantRejected,
    "disburse": facts.GrantDisbursed,
    "hand_over": facts.GrantHandedOver,
    "cancel": facts.GrantCancelled,
}
"""Of each step."""


def local_day(moment: datetime) -> date:
    """The day it is in East Java at that moment."""
    return moment.astimezone(_JAKARTA).date()


def next_fact(grant: Grant, action: str, on: date) -> facts.Grant:
    """The fact of this step, with the grant's next version."""
    grant.version += 1
    return FACTS[action](
        version=grant.version,
        grant_id=grant.id,
        beneficiary_id=grant.beneficiary_id,
        district=grant.district,
        kind=GrantKind(grant.kind),
        amount=grant.amount,
        fiscal_year=grant.fiscal_year,
        on=on,
        fund=grant.fund if grant.status in COMMITTED else None,
    )


async def tell(session: AsyncSession, news: Iterable[tuple[facts.Grant | facts.AssetsKept, datetime]]) -> None:
    """Each fact with the time of what happened, keyed by the person."""
    await emit(session, SERVICE, [(str(fact.beneficiary_id), fact, moment) for fact, moment in news])


def handover_waits_for(grant: UUID) -> str:
    return f"grant/{grant}"
