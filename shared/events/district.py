"""What districts say. A field may be added as optional; none is ever removed, renamed or given another meaning."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

# `(?![\s\S])` is "end of text" in Python and in ECMA alike; `$` would let a line feed pass.
Ref = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}(?![\s\S])")]
Month = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])(?![\s\S])")]
Slug = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}(?![\s\S])")]
Rupiah = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Revision = Annotated[int, Meta(ge=1, le=1_000_000_000)]
FiscalYear = Annotated[int, Meta(ge=2000, le=2100)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class Sex(StrEnum):
    female = "female"
    male = "male"


class Status(StrEnum):
    """Where a person stands. The order is that of the dashboard."""

    client = "client"
    ex_client = "ex_client"
    graduated = "graduated"
    withdrawn = "withdrawn"
    moved = "moved"
    deceased = "deceased"


class Disability(StrEnum):
    physical = "physical"
    visual = "visual"
    hearing = "hearing"
    speech = "speech"
    intellectual = "intellectual"
    mental = "mental"


class Ppks(StrEnum):
    """The 26 categories of Permensos 8/2012, in its order."""

    neglected_toddler = "neglected_toddler"
    neglected_child = "neglected_child"
    child_in_conflict_with_law = "child_in_conflict_with_law"
    street_child = "street_child"
    child_with_disability = "child_with_disability"
    child_victim_of_violence = "child_victim_of_violence"
    child_needing_special_protection = "child_needing_special_protection"
    neglected_elderly = "neglected_elderly"
    person_with_disability = "person_with_disability"
    sex_worker = "sex_worker"
    homeless = "homeless"
    beggar = "beggar"
    scavenger = "scavenger"
    minority_group = "minority_group"
    former_prisoner = "former_prisoner"
    person_with_hiv = "person_with_hiv"
    drug_abuse_victim = "drug_abuse_victim"
    trafficking_victim = "trafficking_victim"
    violence_victim = "violence_victim"
    troubled_migrant_worker = "troubled_migrant_worker"
    natural_disaster_victim = "natural_disaster_victim"
    social_disaster_victim = "social_disaster_victim"
    vulnerable_woman = "vulnerable_woman"
    poor = "poor"
    troubled_family = "troubled_family"
    remote_indigenous_community = "remote_indigenous_community"


class PpksGroup(StrEnum):
    """All that leaves the registry of a PPKS category."""

    child = "child"
    elderly = "elderly"
    disability = "disability"
    social = "social"
    disaster = "disaster"
    poverty = "poverty"


class GrantKind(StrEnum):
    equipment = "equipment"
    cash = "cash"
    training = "training"
    marketing = "marketing"


class AssetUse(StrEnum):
    in_use = "in_use"
    idle = "idle"
    broken = "broken"
    none = "none"


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """UU 27/2022 Art. 24 and 26: provable, by the person or guardian, in a form they can use."""

    given: bool
    by: Literal["self", "guardian"]
    form: Literal["written", "recorded", "braille", "sign_language", "easy_read"]
    on: date


class BeneficiaryRecorded(msgspec.Struct, frozen=True, kw_only=True):
    """`berdaya.district.beneficiary-recorded.v1`: a person as the district knows them now."""

    district_ref: Ref
    revision: Revision
    name: Text
    sex: Sex
    birth_date: date
    nik: Annotated[str, Meta(max_length=64)] | None
    ppks: Ppks
    disabilities: Annotated[tuple[Disability, ...], Meta(max_length=6)]
    status: Status
    unit: Text | None
    skills: Annotated[tuple[Slug, ...], Meta(max_length=10)]
    consent: Consent
    leaves_unit_on: date | None = None
    """When a client is to leave the UPT: a client within 3 months of leaving may already be given aid."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    name: Text
    quantity: Annotated[int, Meta(ge=1, le=10_000)]
    unit_value: Rupiah


class GrantRequested(msgspec.Struct, frozen=True, kw_only=True):
    """`berdaya.district.grant-requested.v1`. `amount` in rupiah."""

    grant_ref: Ref
    district_ref: Ref
    kind: GrantKind
    items: Annotated[tuple[Item, ...], Meta(max_length=100)]
    amount: Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
    fiscal_year: FiscalYear
    purpose: Annotated[str, Meta(min_length=1, max_length=500)]
    desil: Annotated[int, Meta(ge=1, le=10)] | None


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    name: Text
    serial: Text


class GrantHandedOver(msgspec.Struct, frozen=True, kw_only=True):
    """`berdaya.district.grant-handed-over.v1`: the BAST, evidence that aid reached the person."""

    grant_ref: Ref
    on: date
    received_by: Literal["beneficiary", "guardian"]
    witness: Text
    evidence_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?![\s\S])")]
    assets: Annotated[tuple[Asset, ...], Meta(max_length=100)]


class IncomeReported(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`berdaya.district.income-reported.v1`: one business, one month, in rupiah."""

    district_ref: Ref
    month: Month
    revision: Revision
    turnover: Rupiah
    materials: Rupiah
    production: Rupiah
    wages: Rupiah
    employees: Count
    orders: Count
    asset_use: AssetUse

    @property
    def net_profit(self) -> int:
        """Rupiah; may be negative."""
        return self.turnover - self.materials - self.production - self.wages


class ManifestClosed(msgspec.Struct, frozen=True, kw_only=True):
    """`berdaya.district.manifest-closed.v1`: what one system sent of one stream on one day, in control totals.

    The system is that of the envelope's `source`; `subject` is the day. `shared/events/control` defines the totals.
    """

    stream: Annotated[str, Meta(pattern=r"^[a-z][a-z-]{0,63}(?![\s\S])")]
    """The event type it speaks of, in short: `income-reported`."""
    day: date
    """The day in Jakarta (UTC+7) on which the events happened, by their own `time`."""
    count: Annotated[int, Meta(ge=0, le=1_000_000)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?![\s\S])")]
    sum_rupiah: Annotated[int, Meta(ge=0, le=1_000_000_000_000_000)] = 0
