"""What the services tell each other. No NIK, name, address, phone or birth date, ever: only the registry has them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shared.events.district import Disability, FiscalYear, GrantKind, PpksGroup, Ref, Rupiah, Sex, Slug, Status, Text

District = Annotated[str, Meta(pattern=r"^[0-9]{4}(?![\s\S])")]
Version = Annotated[int, Meta(ge=1)]
Moment = Annotated[datetime, Meta(tz=True)]
Districts = Annotated[tuple[District, ...], Meta(max_length=2)]
"""Of the two people of a pair, each once. Empty where it was not told: then it may concern any."""


GrowthClass = Literal["growing", "ordinary", "stagnant", "declining", "insufficient"]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """`version` rises by one per aggregate: the reader keeps the greatest and drops the rest."""

    version: Version


class Beneficiary(Fact, frozen=True, kw_only=True):
    """`consent_withdrawn_at`: when the person withdrew consent (UU 27/2022 Art. 9); left out while it is given."""

    beneficiary_id: UUID
    district: District
    district_ref: Ref
    status: Status
    ppks_group: PpksGroup
    sex: Sex
    birth_year: Annotated[int, Meta(ge=1900, le=2100)]
    disabilities: tuple[Disability, ...]
    skills: tuple[Slug, ...]
    unit: Text | None
    leaves_unit_on: date | None = None
    consent_withdrawn_at: Moment | UnsetType = UNSET


class BeneficiaryRegistered(Beneficiary, frozen=True, kw_only=True):
    """`berdaya.registry.beneficiary-registered.v1`: first seen."""


class BeneficiaryUpdated(Beneficiary, frozen=True, kw_only=True):
    """`berdaya.registry.beneficiary-updated.v1`: the whole state after a change."""


class DuplicateSuspected(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`berdaya.registry.duplicate-suspected.v1`: two records may be one person; a human decides.

    Keyed and versioned by `duplicate_id`. `beneficiary_ids` are two, sorted by their text.
    """

    duplicate_id: UUID
    beneficiary_ids: tuple[UUID, UUID]
    because: Literal["same_nik", "similar"]
    districts: Districts = ()


class DuplicateDecided(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`berdaya.registry.duplicate-decided.v1`. `withdrawn`: a correction took the ground of the suspicion away."""

    duplicate_id: UUID
    beneficiary_ids: tuple[UUID, UUID]
    decision: Literal["same", "different", "withdrawn"]
    districts: Districts = ()


class FundAmount(msgspec.Struct, frozen=True, kw_only=True):
    """What one source of funds gives, in rupiah."""

    fund: Slug
    amount: Rupiah


class BudgetSet(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`berdaya.grants.budget-set.v1`. Keyed by district, versioned by (district, fiscal_year).

    `amount` is that of all sources of funds; `funds` is what it is made of, and empty where that was not told.
    """

    district: District
    fiscal_year: FiscalYear
    amount: Rupiah
    funds: tuple[FundAmount, ...] = ()


class Grant(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """One step in the life of a grant; `on` is the day the step was taken.

    `fund`: which source of funds it is committed to, while it is, where that was told.
    """

    grant_id: UUID
    beneficiary_id: UUID
    district: District
    kind: GrantKind
    amount: Rupiah
    fiscal_year: FiscalYear
    on: date
    fund: Slug | None = None


class GrantRequested(Grant, frozen=True, kw_only=True):
    """`berdaya.grants.grant-requested.v1`"""


class GrantVerified(Grant, frozen=True, kw_only=True):
    """`berdaya.grants.grant-verified.v1`"""


class GrantApproved(Grant, frozen=True, kw_only=True):
    """`berdaya.grants.grant-approved.v1`: committed to the budget."""


class GrantRejected(Grant, frozen=True, kw_only=True):
    """`berdaya.grants.grant-rejected.v1`"""


class GrantDisbursed(Grant, frozen=True, kw_only=True):
    """`berdaya.grants.grant-disbursed.v1`"""


class GrantHandedOver(Grant, frozen=True, kw_only=True):
    """`berdaya.grants.grant-handed-over.v1`"""


class GrantCancelled(Grant, frozen=True, kw_only=True):
    """`berdaya.grants.grant-cancelled.v1`: frees the budget."""


class KeptAsset(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that a handover names. `value` in rupiah, where it is known; `on`: the day of the newest entry about it.

    `holder_id`: who has it. `contested`: the serial is also in other hands. None has what was `returned`.
    """

    asset_id: UUID
    name: Text
    serial: Text
    value: Rupiah | None
    status: Literal["held", "contested", "returned"]
    condition: Literal["good", "worn", "broken", "lost"]
    holder_id: UUID | None
    on: date


class AssetsKept(Fact, frozen=True, kw_only=True):
    """`berdaya.grants.assets-kept.v1`: all things that the handover of one grant names, as they are after a change.

    Versioned by `grant_id`, apart from the versions of the grant's own steps. `beneficiary_id` and `district` are the
    grant's.
    """

    grant_id: UUID
    beneficiary_id: UUID
    district: District
    assets: tuple[KeptAsset, ...]


class GrowthChanged(Fact, frozen=True, kw_only=True):
    """`berdaya.reporting.growth-changed.v1`. `from_` is None for the first class of a business."""

    beneficiary_id: UUID
    district: District
    from_: GrowthClass | None = msgspec.field(name="from")
    to: GrowthClass
    rule_version: int
    evidence: dict[str, Any]
