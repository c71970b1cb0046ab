"""What reporting stores: the newest facts it was told, and the views computed from them.

Views are totals kept by differences; each can be recomputed from the facts above it, and `reconcile` proves it.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, Uuid, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.database import UtcTime
from shared.tables import serial


class Reporting(SQLModel, registry=registry()):
    """A base of its own, so that services can share a process."""


METADATA = Reporting.metadata
_SAME = text("same")
_SUSPECTED = text("open_since_us IS NOT NULL")


class Person(Reporting, table=True):
    """A beneficiary as the registry last said, and the growth class of the business."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("district", "district_ref", name="person_ref"),)
    no: int | None = serial()
    beneficiary_id: UUID = Field(sa_type=Uuid, unique=True)
    district: str
    district_ref: str
    version: int
    status: str
    """As everything counts by: what the registry said, or ALIAS for whom another record stands."""
    said_status: str = Field(default="", sa_column_kwargs={"server_default": ""})
    ppks_group: str
    sex: str
    birth_year: int
    disabilities: str = ""
    """Slugs, joined by blanks."""
    skills: str = ""
    unit: str | None = None
    growth_class: str = "insufficient"
    """The effective one: the override's while it counts, else the computed one."""
    growth_rule: int | None = None
    """The version of the rule that last looked at the reports; None while nothing was ever reported."""
    growth_version: int = 0
    """The version of the last growth-changed fact."""
    withdrawn_us: int | None = Field(default=None, sa_type=BigInteger)
    """When the person withdrew consent, in microseconds; null while it is given. Totals keep what they counted; the
    business is shown to nobody, is in no list and on no worklist, and no report of it is taken."""
    cohort: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    """0 only inside the transaction that first writes the person."""


class Pair(Reporting, table=True):
    """Two records that may be one person, by the newest fact. `same`: an officer decided that they are."""

    __tablename__ = "pair"
    __table_args__ = (
        Index("pair_first", "first_id", sqlite_where=_SAME, postgresql_where=_SAME),
        Index("pair_second", "second_id", sqlite_where=_SAME, postgresql_where=_SAME),
        Index("pair_open", "open_since_us", sqlite_where=_SUSPECTED, postgresql_where=_SUSPECTED),
    )
    duplicate_id: UUID = Field(sa_type=Uuid, primary_key=True)
    version: int
    first_id: UUID = Field(sa_type=Uuid)
    second_id: UUID = Field(sa_type=Uuid)
    same: bool
    open_since_us: int | None = Field(default=None, sa_type=BigInteger)
    """When it was suspected, in microseconds, 0 where nobody kept that; null once it is decided."""


class Grant(Reporting, table=True):
    """A grant as the grants service last said. `amount` in rupiah."""

    __tablename__ = "grant_now"
    __table_args__ = (Index("grant_status", "status", "beneficiary_id"),)
    grant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    beneficiary_id: UUID = Field(sa_type=Uuid, index=True)
    district: str
    kind: str
    amount: int = Field(sa_type=BigInteger)
    fiscal_year: int
    status: str
    version: int
    on: str
    """The day of the newest step, YYYY-MM-DD."""


class AssetList(Reporting, table=True):
    """The version of the newest fact about the things of a grant."""

    __tablename__ = "asset_list"
    grant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    version: int = Field(sa_type=BigInteger)


class Asset(Reporting, table=True):
    """A thing that the handover of a grant names, as the grants service last said. `value` in rupiah."""

    __tablename__ = "asset"
    asset_id: UUID = Field(sa_type=Uuid, primary_key=True)
    grant_id: UUID = Field(sa_type=Uuid, index=True)
    holder_id: UUID | None = Field(default=None, sa_type=Uuid, index=True)
    name: str
    serial: str
    value: int | None = Field(default=None, sa_type=BigInteger)
    status: str
    condition: str
    on: str
    """The day of the newest entry about it, YYYY-MM-DD."""


class Budget(Reporting, table=True):
    """The budget of one district and fiscal year, in rupiah."""

    __tablename__ = "budget"
    district: str = Field(primary_key=True)
    fiscal_year: int = Field(primary_key=True)
    amount: int = Field(sa_type=BigInteger)
    version: int


class Report(Reporting, table=True):
    """The newest revision of one business and month. Money in rupiah; `month` counts months since year 0."""

    __tablename__ = "report"
    __table_args__ = (
        Index("report_month", "month"),
        CheckConstraint("net_profit = turnover - materials - production - wages", name="report_net"),
    )
    person_no: int = Field(primary_key=True, sa_type=BigInteger)
    month: int = Field(primary_key=True)
    revision: int
    time_us: int = Field(sa_type=BigInteger)
    event_id: str
    source: str
    turnover: int = Field(sa_type=BigInteger)
    materials: int = Field(sa_type=BigInteger)
    production: int = Field(sa_type=BigInteger)
    wages: int = Field(sa_type=BigInteger)
    net_profit: int = Field(sa_type=BigInteger)
    employees: int
    orders: int
    asset_use: str


class GrowthDue(Reporting, table=True):
    """Businesses whose class and worklist lines are to be computed again, once the log is drained."""

    __tablename__ = "growth_due"
    person_no: int = Field(primary_key=True, sa_type=BigInteger)
    time_us: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    """The time of the newest event that made it due; 0 when none did."""


_IN_FORCE = text("ended_at IS NULL")
_OPEN = text("closed_us IS NULL")


class GrowthOverride(Reporting, table=True):
    """A class an officer put in place of the computed one. Rows stay: at most one per business has not ended."""

    __tablename__ = "growth_override"
    __table_args__ = (
        Index("override_history", "person_no", "id"),
        Index("override_in_force", "person_no", unique=True, sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE),
        CheckConstraint(
            "growth_class IN ('growing', 'ordinary', 'stagnant', 'declining', 'insufficient')", name="override_class"
        ),
        CheckConstraint("until >= placed", name="override_until"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="override_ended"),
    )
    id: int | None = serial()
    person_no: int = Field(sa_type=BigInteger)
    growth_class: str
    reason: str
    until: int
    """The last month, as the months of `report`, whose window it counts for."""
    placed: int
    """The newest reported month when it was placed."""
    placed_by: str
    placed_at: datetime = Field(sa_type=UtcTime)
    ended_by: str | None = None
    """Who removed or replaced it."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)
    ended_because: str | None = None


class WorkItem(Reporting, table=True):
    """A line of the worklist that follows from a business's reports, open or closed.

    Opened and closed by events: `opened_us` and `closed_us` are times of those, in microseconds.
    """

    __tablename__ = "work_item"
    __table_args__ = (
        Index("work_item_history", "person_no", "id"),
        Index("work_item_open", "person_no", "reason", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        CheckConstraint(
            "reason IN ('declining', 'idle_asset', 'wages_exceed_turnover', 'suspicious_report')",
            name="work_item_reason",
        ),
        CheckConstraint("(closed_us IS NULL) = (closed_by IS NULL)", name="work_item_closed"),
    )
    id: int | None = serial()
    person_no: int = Field(sa_type=BigInteger)
    reason: str
    since: int
    """A month, as those of `report`."""
    evidence: str
    """JSON."""
    opened_us: int = Field(sa_type=BigInteger)
    closed_us: int | None = Field(default=None, sa_type=BigInteger)
    closed_by: str | None = None
    """`report`, `confirmed`, `override` or `status`."""


class Assignment(Reporting, table=True):
    """Who sees to a line of the worklist, until when. `about` names the occasion: a later one starts anew."""

    __tablename__ = "assignment"
    person_no: int = Field(primary_key=True, sa_type=BigInteger)
    reason: str = Field(primary_key=True)
    about: int = Field(primary_key=True, sa_type=BigInteger)
    owner: str | None = None
    due: str | None = None
    """YYYY-MM-DD."""
    note: str = ""
    set_by: str
    set_at: datetime = Field(sa_type=UtcTime)


class ConfirmedReport(Reporting, table=True):
    """An officer has checked a suspicious turnover: this amount of this month is right. Another amount is not."""

    __tablename__ = "confirmed_report"
    person_no: int = Field(primary_key=True, sa_type=BigInteger)
    month: int = Field(primary_key=True)
    turnover: int = Field(primary_key=True, sa_type=BigInteger)
    note: str
    confirmed_by: str
    confirmed_at: datetime = Field(sa_type=UtcTime)


class DistrictPeople(Reporting, table=True):
    """View: people by status, and ex-clients by growth class."""

    __tablename__ = "district_people"
    district: str = Field(primary_key=True)
    client: int = 0
    ex_client: int = 0
    graduated: int = 0
    withdrawn: int = 0
    moved: int = 0
    deceased: int = 0
    growing: int = 0
    ordinary: int = 0
    stagnant: int = 0
    declining: int = 0
    insufficient: int = 0


class DistrictYear(Reporting, table=True):
    """View: grants by present status, and the money of one fiscal year, in rupiah."""

    __tablename__ = "district_year"
    district: str = Field(primary_key=True)
    fiscal_year: int = Field(primary_key=True)
    requested: int = 0
    verified: int = 0
    approved: int = 0
    rejected: int = 0
    disbursed: int = 0
    handed_over: int = 0
    cancelled: int = 0
    rupiah_budget: int = Field(default=0, sa_type=BigInteger)
    rupiah_committed: int = Field(default=0, sa_type=BigInteger)
    rupiah_disbursed: int = Field(default=0, sa_type=BigInteger)


class DistrictMonth(Reporting, table=True):
    """View: the reports of ex-clients for one month. Money in rupiah."""

    __tablename__ = "district_month"
    district: str = Field(primary_key=True)
    month: int = Field(primary_key=True)
    reports: int = 0
    turnover: int = Field(default=0, sa_type=BigInteger)
    net_profit: int = Field(default=0, sa_type=BigInteger)
    employees: int = Field(default=0, sa_type=BigInteger)
    idle_assets: int = 0


class Cohort(Reporting, table=True):
    """Everybody alike in all that totals are cut by. The texts of several hold slugs, joined by blanks."""

    __tablename__ = "cohort"
    __table_args__ = (
        UniqueConstraint(
            "district",
            "status",
            "sex",
            "ppks_group",
            "unit",
            "skills",
            "disabilities",
            "kinds",
            name="cohort_attributes",
        ),
    )
    no: int | None = serial()
    district: str
    status: str
    sex: str
    ppks_group: str
    unit: str
    """Empty: of none."""
    skills: str
    disabilities: str
    kinds: str
    """Of aid handed over."""


class CohortPeople(Reporting, table=True):
    """View: people of a cohort by growth class."""

    __tablename__ = "cohort_people"
    cohort: int = Field(primary_key=True, sa_type=BigInteger)
    growth_class: str = Field(primary_key=True)
    people: int = 0


class CohortMonth(Reporting, table=True):
    """View: the reports of a cohort's people for one month, counted or not. Money in rupiah."""

    __tablename__ = "cohort_month"
    month: int = Field(primary_key=True)
    cohort: int = Field(primary_key=True, sa_type=BigInteger)
    reports: int = 0
    turnover: int = Field(default=0, sa_type=BigInteger)
    net_profit: int = Field(default=0, sa_type=BigInteger)
    employees: int = Field(default=0, sa_type=BigInteger)
    idle_assets: int = 0


class Proof(Reporting, table=True):
    """The nightly proof of the views from the facts, one for each day in East Java. No `ended_at`: not done."""

    __tablename__ = "proof"
    day: str = Field(primary_key=True)
    """YYYY-MM-DD."""
    started_at: datetime = Field(sa_type=UtcTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)
    differences: int = 0
    lines: str = ""
    """What differs, one line each; the first thousand of them."""


class ViewState(Reporting, table=True):
    """One row: the version of the newest snapshot. Its builder locks it: version and content rise together."""

    __tablename__ = "view_state"
    one: int = Field(default=1, primary_key=True)
    version: int = Field(default=0, sa_type=BigInteger)
    content_sha256: str = ""


class UsedTicket(Reporting, table=True):
    """A sign-in link that was used, by the SHA-256 of its ticket: it works once."""

    __tablename__ = "used_ticket"
    ticket_sha256: str = Field(primary_key=True)
    expires: int = Field(sa_type=BigInteger)


class SignedIn(Reporting, table=True):
    """A session of somebody on the pages. Moments are whole seconds since 1970."""

    __tablename__ = "session"
    __table_args__ = (
        CheckConstraint("(ended IS NULL) = (ending IS NULL)", name="session_ending"),
        Index("session_sub", "sub"),
        Index("session_ended", "ended"),
    )
    id: str = Field(primary_key=True)
    sub: str
    role: str
    district: str | None = None
    began: int = Field(sa_type=BigInteger)
    used: int = Field(sa_type=BigInteger)
    """By a person; what a page fetches by itself is no use."""
    ends: int = Field(sa_type=BigInteger)
    turn: str
    previous: str | None = None
    renewed: int = Field(sa_type=BigInteger)
    ended: int | None = Field(default=None, sa_type=BigInteger)
    ending: str | None = None
    id_token: str | None = None
    """For the identity provider to end its own session by; gone when this one ends."""


class PublicRelease(Reporting, table=True):
    """What the public is told of one day, frozen: rows are never changed. Only what is published is in it."""

    __tablename__ = "public_release"
    day: str = Field(primary_key=True)
    """YYYY-MM-DD, in East Java."""
    month: str
    body: str
    """JSON; a hidden number is the text `<10` or `<5`."""
    sha256: str
    released_at: datetime = Field(sa_type=UtcTime)
