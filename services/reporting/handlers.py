"""What reporting listens to. The order is that in which the types of one batch are applied: people first."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import following, records
from services.reporting.income import report_income
from services.reporting.views import GRANT_STATUSES
from shared.events import district, facts
from shared.events.catalogue import NAMES, Event
from shared.events.receipts import Answer
from shared.inbox import Handler

_STEPS: dict[str, type[facts.Grant]] = {
    "requested": facts.GrantRequested,
    "verified": facts.GrantVerified,
    "approved": facts.GrantApproved,
    "rejected": facts.GrantRejected,
    "disbursed": facts.GrantDisbursed,
    "handed_over": facts.GrantHandedOver,
    "cancelled": facts.GrantCancelled,
}


def handlers() -> Mapping[str, Handler]:
    return {
        NAMES[facts.BeneficiaryRegistered]: following.follow_people,
        NAMES[facts.BeneficiaryUpdated]: following.follow_people,
        NAMES[facts.DuplicateSuspected]: records.follow_pairs,
        NAMES[facts.DuplicateDecided]: records.follow_pairs,
        NAMES[facts.BudgetSet]: following.follow_budgets,
        **{NAMES[_STEPS[status]]: _grants(status) for status in GRANT_STATUSES},
        NAMES[facts.AssetsKept]: following.follow_assets,
        NAMES[district.IncomeReported]: report_income,
    }


def _grants(status: str) -> Handler:
    async def follow(session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
        return await following.follow_grants(session, events, status)

    return follow
