"""What a story is made of. Plain values: who publishes them, and how, is not their business."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from shared.events.envelope import Envelope, Outgoing

StepKind = Literal["set_budget", "verify", "approve", "reject", "disburse", "cancel"]


class Habit(StrEnum):
    """What a district system did that a tidy one would not have done."""

    duplicate = "duplicate"
    """The same event, to the byte, once more."""
    correction = "correction"
    """A higher revision mends what was sent before."""
    late = "late"
    """A month reported about 40 days after its end, behind newer months."""
    offline = "offline"
    """Kept while the district had no line, then sent newest first; `time` is that of writing."""
    report_before_person = "report_before_person"
    request_before_person = "request_before_person"
    handover_before_request = "handover_before_request"
    handover_before_disbursement = "handover_before_disbursement"
    request_changed = "request_changed"
    """The same grant_ref with other content while the grant is still `requested`."""
    already_in_progress = "already_in_progress"
    """The same, after it was verified."""
    revision_conflict = "revision_conflict"
    """The same revision with other content."""
    superseded = "superseded"
    """A lower revision that arrives after the higher one."""
    same_nik = "same_nik"
    """A person whom another district already has."""
    extra_zero = "extra_zero"
    """A turnover ten times too big that nobody has mended."""
    wages_exceed_turnover = "wages_exceed_turnover"
    future_month = "future_month"
    amount_mismatch = "amount_mismatch"
    no_consent = "no_consent"
    invalid_nik = "invalid_nik"
    district_mismatch = "district_mismatch"
    """`source` names another district than the publisher. The HTTP door refuses it; on the log it is rejected."""
    invalid_data = "invalid_data"
    """A negative rupiah."""
    poison = "poison"
    """Not JSON, half an envelope, under a key that nobody else uses."""


REFUSED = frozenset(
    {
        Habit.already_in_progress,
        Habit.future_month,
        Habit.amount_mismatch,
        Habit.no_consent,
        Habit.invalid_nik,
        Habit.district_mismatch,
        Habit.invalid_data,
    }
)
"""Habits whose event the province is to reject, with the reason of the same name."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One event a district system publishes. The key of its record is `envelope.subject`.

    With `raw`, that record is put on the log as it is; `envelope` and `data` are then what it was meant to be.
    """

    district: str
    envelope: Envelope
    data: bytes
    service: str
    raw: Outgoing | None = None
    habit: Habit | None = None


@dataclass(frozen=True, slots=True)
class OfficerStep:
    """One call of an officer, and the answer the story counts on: `expect`, and for a refusal its code."""

    kind: StepKind
    sub: str
    role: str
    district: str
    fiscal_year: int
    grant_ref: str | None
    body: dict[str, str | int]
    expect: int = 200
    expect_code: str | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """One month. Publications first; the officers start when each of them has a receipt."""

    title_id: str
    title_en: str
    steps: tuple[Publication | OfficerStep, ...]


@dataclass(frozen=True, slots=True)
class Story:
    seed: int
    chapters: tuple[Chapter, ...]
