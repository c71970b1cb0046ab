"""The tables every service has beside its own: offsets, inbox, outbox, waiting, quarantine, heard, manifests, replies,
uploads.

They live in the service's database because they must change in the same transaction as its rows.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.database import UtcTime


class Chassis(SQLModel, registry=registry()):
    """A base of its own: SQLModel's default metadata is global and would mix the services' tables."""


def serial() -> Any:
    """A column that numbers the rows: 64 bits, and on SQLite the INTEGER that it demands of a rowid."""
    kind = BigInteger().with_variant(Integer(), "sqlite")
    return Field(default=None, sa_column=Column(kind, Identity(), primary_key=True))


class Offset(Chassis, table=True):
    """How far a partition has been applied. This row, not Kafka's bookmark, is the truth."""

    __tablename__ = "log_offset"
    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    next_offset: int = Field(sa_type=BigInteger)
    last_taken_us: int | None = Field(default=None, sa_type=BigInteger)
    """When the log took the last record applied, microseconds since 1970: whether it is still the same log."""


class Inbox(Chassis, table=True):
    """One row per event ever seen: the judge of duplicates, and its receipt. `district` is empty for facts."""

    __tablename__ = "inbox"
    __table_args__ = (Index("inbox_time", "time_us"),)
    district: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    type: str
    verdict: str
    reason: str
    detail: str = ""
    warnings: str = ""
    """Codes, joined by blanks."""
    at: datetime = Field(sa_type=UtcTime)
    deliveries: int = 1
    time_us: int | None = Field(default=None, sa_type=BigInteger)
    """The event's own time; None where none could be read, and in rows older than this column."""
    rupiah: int | None = Field(default=None, sa_type=BigInteger)
    """What it adds to the control totals of its day; None where it has no amount, or none could be read."""


class DistrictHeard(Chassis, table=True):
    """View: the newest event of each type that ever came from a district, by its own time."""

    __tablename__ = "district_heard"
    district: str = Field(primary_key=True)
    type: str = Field(primary_key=True)
    time_us: int = Field(sa_type=BigInteger)


class Manifest(Chassis, table=True):
    """The manifest in force of one system, stream and day: what it says, not what came of it."""

    __tablename__ = "manifest"
    __table_args__ = (UniqueConstraint("district", "source", "event_id", name="manifest_event"),)
    day: str = Field(primary_key=True)
    """YYYY-MM-DD, in Jakarta."""
    district: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    time_us: int = Field(sa_type=BigInteger)
    event_id: str
    events: int
    rupiah: int = Field(sa_type=BigInteger)
    sha256: str


class Outbox(Chassis, table=True):
    """What the relay has still to bring to the log. The columns are those of Debezium's outbox router.

    A row of receipts holds all those of one district and batch, bundled; any other row is one event.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "outbox_unpublished",
            "id",
            postgresql_where=text("published_at IS NULL"),
            sqlite_where=text("published_at IS NULL"),
        ),
    )
    id: int | None = serial()
    aggregatetype: str
    """The topic."""
    aggregateid: str
    """The key."""
    type: str
    payload: str = Field(sa_type=Text)
    records: int = 1
    """How many records the relay makes of it."""
    envelope: str = Field(sa_type=Text)
    """The CloudEvents attributes as JSON; empty for receipts."""
    created_at: datetime = Field(sa_type=UtcTime)
    published_at: datetime | None = Field(default=None, sa_type=UtcTime)


class Waiting(Chassis, table=True):
    """An event that refers to something not yet known. It is applied when that is, in the order of `id`."""

    __tablename__ = "waiting"
    __table_args__ = (
        UniqueConstraint("topic", "partition", "offset", name="waiting_record"),
        Index("waiting_for", "waits_for"),
        Index("waiting_ready", "id", postgresql_where=text("ready"), sqlite_where=text("ready")),
    )
    id: int | None = serial()
    waits_for: str
    ready: bool = False
    topic: str
    partition: int
    offset: int = Field(sa_type=BigInteger)
    key: bytes | None = Field(default=None, sa_type=LargeBinary)
    value: bytes = Field(sa_type=LargeBinary)
    headers: bytes = Field(sa_type=LargeBinary)
    taken_us: int | None = Field(default=None, sa_type=BigInteger)
    """When the log took it, microseconds since 1970: what it is judged by whenever it is applied."""


class Quarantine(Chassis, table=True):
    """A record that cannot be read, with its bytes. Later records of its key wait until it is redriven or discarded."""

    __tablename__ = "quarantine"
    __table_args__ = (
        UniqueConstraint("topic", "partition", "offset", name="quarantine_record"),
        CheckConstraint("state IN ('held', 'redriven', 'discarded')", name="quarantine_state"),
        Index("quarantine_held", "topic", postgresql_where=text("state = 'held'"), sqlite_where=text("state = 'held'")),
    )
    id: int | None = serial()
    state: str = "held"
    topic: str
    partition: int
    offset: int = Field(sa_type=BigInteger)
    key: bytes | None = Field(default=None, sa_type=LargeBinary)
    value: bytes | None = Field(default=None, sa_type=LargeBinary)
    headers: bytes = Field(sa_type=LargeBinary)
    taken_us: int | None = Field(default=None, sa_type=BigInteger)
    event_id: str
    source: str
    reason: str
    detail: str
    at: datetime = Field(sa_type=UtcTime)


class Heard(Chassis, table=True):
    """An event about something with revisions, once there was a second one about it: all that were judged, in force or
    not. So a conflict finds everyone it concerns, in any order of arrival."""

    __tablename__ = "heard"
    thing: str = Field(primary_key=True)
    """As the service numbers it."""
    revision: int = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    content: str
    """Equal where two events say the same; a text or a keyed hash of it."""


class Reply(Chassis, table=True):
    """The answer to a writing call, kept so that a retry with the same Idempotency-Key gets it again."""

    __tablename__ = "reply"
    sub: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    status: int = 0
    body: str = Field(default="", sa_type=Text)
    at: datetime = Field(sa_type=UtcTime)


class Upload(Chassis, table=True):
    """A file that somebody sent of a district: what became of it. `mode`: only to check it, all or none, or the valid.

    Its bytes are kept in parts until it is done with, so that a crash in between loses nothing.
    """

    __tablename__ = "upload"
    __table_args__ = (
        CheckConstraint("mode IN ('check', 'all', 'valid')", name="upload_mode"),
        CheckConstraint(
            "state IN ('received', 'checking', 'sending', 'checked', 'refused', 'sent')", name="upload_state"
        ),
        Index("upload_page", "district", "at"),
        Index(
            "upload_open",
            "at",
            postgresql_where=text("state IN ('received', 'checking', 'sending')"),
            sqlite_where=text("state IN ('received', 'checking', 'sending')"),
        ),
    )
    upload_id: UUID = Field(primary_key=True)
    kind: str
    district: str
    mode: str
    sha256: str
    size: int
    """Bytes."""
    sub: str
    """Who sent it."""
    at: datetime = Field(sa_type=UtcTime)
    """When; also the time of its events."""
    state: str = "received"
    rows_read: int = 0
    rows_refused: int = 0
    rows_sent: int = 0
    errors: str = Field(default="[]", sa_type=Text)
    """The first of them, as JSON: places, codes and cures, never what was written."""
    errors_total: int = 0
    lease_by: str | None = None
    """Who works at it, until `lease_until`; then another may."""
    lease_until: datetime | None = Field(default=None, sa_type=UtcTime)


class UploadPart(Chassis, table=True):
    """A piece of a file not yet done with."""

    __tablename__ = "upload_part"
    upload_id: UUID = Field(primary_key=True, foreign_key="upload.upload_id")
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    content: bytes = Field(sa_type=LargeBinary)
