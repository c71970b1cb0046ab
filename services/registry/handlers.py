"""What the registry listens to: the records of the districts, and which aid people were given."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.aid import following
from services.registry.commands import RecordBeneficiary, record_beneficiaries
from services.registry.keys import NikKeys
from shared.events.catalogue import NAMES, Event
from shared.events.district import BeneficiaryRecorded
from shared.events.receipts import Answer
from shared.inbox import Handler


def handlers(keys: NikKeys) -> Mapping[str, Handler]:
    async def beneficiary_recorded(session: AsyncSession, events: Sequence[Event]) -> list[Answer]:
        return await record_beneficiaries(session, keys, [_record_beneficiary(event) for event in events])

    return {NAMES[BeneficiaryRecorded]: beneficiary_recorded, **following()}


def _record_beneficiary(event: Event) -> RecordBeneficiary:
    assert event.district is not None, "beneficiary-recorded travels on intake topics only"
    envelope = event.envelope
    return RecordBeneficiary(event.district, event.data, envelope.time, envelope.id, envelope.source)
