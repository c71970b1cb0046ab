"""Every type of event: its data, the topic it travels on, what its record is keyed by. The one list of the language."""

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from shared.events import district, facts, receipts
from shared.events.envelope import (
    Envelope,
    Malformed,
    Outgoing,
    Record,
    microseconds,
    read_record,
    to_headers,
    validation_text,
)


class EventType(NamedTuple):
    name: str
    data: type[msgspec.Struct]
    family: str
    """`intake`, `facts` or `receipts`: the first part of its topic."""
    service: str
    """The service that reads it (intake) or writes it (facts)."""
    decoder: msgspec.json.Decoder[Any]
    also: tuple[str, ...] = ()
    """Further services that read it."""

    @property
    def services(self) -> tuple[str, ...]:
        return self.service, *self.also


def _type(name: str, data: type[msgspec.Struct], family: str, service: str, also: tuple[str, ...] = ()) -> EventType:
    return EventType(name, data, family, service, msgspec.json.Decoder(data), also)


CATALOGUE = {
    entry.name: entry
    for entry in (
        _type("berdaya.district.beneficiary-recorded.v1", district.BeneficiaryRecorded, "intake", "registry"),
        _type("berdaya.district.grant-requested.v1", district.GrantRequested, "intake", "grants"),
        _type("berdaya.district.grant-handed-over.v1", district.GrantHandedOver, "intake", "grants"),
        _type("berdaya.district.income-reported.v1", district.IncomeReported, "intake", "reporting"),
        _type(
            "berdaya.district.manifest-closed.v1",
            district.ManifestClosed,
            "intake",
            "reporting",
            also=("registry", "grants"),
        ),
        _type("berdaya.registry.beneficiary-registered.v1", facts.BeneficiaryRegistered, "facts", "registry"),
        _type("berdaya.registry.beneficiary-updated.v1", facts.BeneficiaryUpdated, "facts", "registry"),
        _type("berdaya.registry.duplicate-suspected.v1", facts.DuplicateSuspected, "facts", "registry"),
        _type("berdaya.registry.duplicate-decided.v1", facts.DuplicateDecided, "facts", "registry"),
        _type("berdaya.grants.budget-set.v1", facts.BudgetSet, "facts", "grants"),
        _type("berdaya.grants.grant-requested.v1", facts.GrantRequested, "facts", "grants"),
        _type("berdaya.grants.grant-verified.v1", facts.GrantVerified, "facts", "grants"),
        _type("berdaya.grants.grant-approved.v1", facts.GrantApproved, "facts", "grants"),
        _type("berdaya.grants.grant-rejected.v1", facts.GrantRejected, "facts", "grants"),
        _type("berdaya.grants.grant-disbursed.v1", facts.GrantDisbursed, "facts", "grants"),
        _type("berdaya.grants.grant-handed-over.v1", facts.GrantHandedOver, "facts", "grants"),
        _type("berdaya.grants.grant-cancelled.v1", facts.GrantCancelled, "facts", "grants"),
        _type("berdaya.grants.assets-kept.v1", facts.AssetsKept, "facts", "grants"),
        _type("berdaya.reporting.growth-changed.v1", facts.GrowthChanged, "facts", "reporting"),
        _type("berdaya.receipt.v1", receipts.Receipt, "receipts", ""),
    )
}
NAMES: dict[type[msgspec.Struct], str] = {entry.data: entry.name for entry in CATALOGUE.values()}


class Event(NamedTuple):
    """One decoded event with the place it came from. `district` is that of the topic; None for facts.

    `time_us`: the envelope's time in microseconds since 1970.
    """

    envelope: Envelope
    data: Any
    district: str | None
    record: Record
    time_us: int


class Undecodable(Exception):
    """The record cannot become an event: it goes to quarantine. `envelope` is there when it could be read."""

    def __init__(self, reason: str, detail: str, envelope: Envelope | None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.envelope = envelope


class Invalid(Exception):
    """JSON of a known type that breaks the contract: rejected, the district must mend it."""

    def __init__(self, detail: str, envelope: Envelope) -> None:
        super().__init__(detail)
        self.detail = detail
        self.envelope = envelope


@lru_cache(maxsize=1024)
def topic_district(topic: str) -> str | None:
    """The district of an intake or receipts topic; None for facts."""
    head, _, last = topic.rpartition(".")
    return last if head.startswith("intake.") or head == "receipts" else None


def intake_topic(service: str, code: str) -> str:
    return f"intake.{service}.{code}"


def facts_topic(service: str) -> str:
    return f"facts.{service}"


def receipts_topic(code: str) -> str:
    return f"receipts.{code}"


def decode(record: Record) -> Event:
    """The event in a record. Raises Undecodable (quarantine) or Invalid (reject)."""
    try:
        envelope, data = read_record(record)
    except Malformed as error:
        raise Undecodable(error.reason, error.detail, None) from None
    entry = CATALOGUE.get(envelope.type)
    if entry is None:
        raise Undecodable("unknown_type", "see the list of types in the contract", envelope)
    try:
        decoded = entry.decoder.decode(data)
        holds_nul = b"\\u0000" in data and _has_nul(msgspec.to_builtins(decoded))
    except msgspec.ValidationError as error:
        raise Invalid(validation_text(error), envelope) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Undecodable("not_json", "the data is not JSON", envelope) from None
    if holds_nul:
        raise Invalid("a text holds the character U+0000", envelope)
    return Event(envelope, decoded, topic_district(record.topic), record, microseconds(envelope.time))


def outgoing(topic: str, key: str, envelope: Envelope, data: msgspec.Struct) -> Outgoing:
    """An event ready for the log, in binary mode."""
    return Outgoing(topic, key.encode(), msgspec.json.encode(data), to_headers(envelope))


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple):
        return any(_has_nul(item) for item in value)
    return False
