"""Control totals: by what a district and the province count one day of one stream alike.

A day is one of Jakarta (UTC+7, the time of all East Java), by the events' own time.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from shared.events.catalogue import CATALOGUE, NAMES, Event, EventType
from shared.events.district import GrantRequested, IncomeReported, ManifestClosed
from shared.events.envelope import microseconds
from shared.events.receipts import Answer, Sentence, Verdict, accepted

DIFFERS = "manifest_differs"
JAKARTA = timedelta(hours=7)
MANIFEST = NAMES[ManifestClosed]

_RUPIAH: dict[type, Callable[[Any], int]] = {
    IncomeReported: attrgetter("turnover"),
    GrantRequested: attrgetter("amount"),
}


def stream_of(type_name: str) -> str:
    """`income-reported` of `berdaya.district.income-reported.v1`."""
    return type_name.removeprefix("berdaya.district.").rpartition(".")[0]


STREAMS: dict[str, EventType] = {
    stream_of(name): entry for name, entry in CATALOGUE.items() if entry.family == "intake" and name != MANIFEST
}
"""What a manifest may speak of, by its name there."""


def rupiah_of(event: Event | None) -> int | None:
    """What an event adds to `sum_rupiah`: an income report its turnover, a request its amount, all else nothing."""
    money = _RUPIAH.get(type(event.data)) if event else None
    return money(event.data) if money and event else None


def day_of(moment: datetime) -> date:
    return (moment.astimezone(UTC).replace(tzinfo=None) + JAKARTA).date()


def bounds(day: date) -> tuple[int, int]:
    """The first microsecond of a day in Jakarta and the first after it, since 1970."""
    since = microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC) - JAKARTA)
    return since, since + 86_400_000_000


def digest(event_ids: Iterable[str]) -> str:
    """SHA-256 in hex of the ids, sorted by code point and joined by line feeds, in UTF-8."""
    return hashlib.sha256("\n".join(sorted(event_ids)).encode()).hexdigest()


class Totals(NamedTuple):
    """Of the events of one source, stream and day."""

    events: int
    rupiah: int
    sha256: str


class Comparison(msgspec.Struct, frozen=True):
    """What a district said it sent, and what came, whatever verdict it was given.

    `missing` and `extra` are the fewest that explain the difference: where as many are missing as are too many, the
    counts hide both, and one of each is certain.
    """

    expected: Totals
    received: Totals

    @property
    def missing(self) -> int:
        return max(self.expected.events - self.received.events, self._other_ids)

    @property
    def extra(self) -> int:
        return max(self.received.events - self.expected.events, self._other_ids)

    @property
    def _other_ids(self) -> int:
        return int(self.expected.events == self.received.events and self.expected.sha256 != self.received.sha256)

    @property
    def verdict(self) -> str:
        """`complete` (lengkap) or `differs` (selisih)."""
        return "complete" if self.expected == self.received else "differs"

    @property
    def sentence(self) -> Sentence:
        came, named = self.received.events, self.expected.events
        if came < named:
            return Sentence(
                f"{came} dari {named} diterima; {self.missing} belum sampai",
                f"{came} of {named} received; {self.missing} {_have(self.missing)} not arrived",
            )
        if came > named:
            return Sentence(
                f"{came} diterima, manifes menyebut {named}; {self.extra} lebih",
                f"{came} received, the manifest says {named}; {self.extra} too many",
            )
        if self._other_ids:
            return Sentence(
                f"{came} dari {named} diterima, tetapi id-nya bukan yang disebut manifes",
                f"{came} of {named} received, but their ids are not those of the manifest",
            )
        if self.expected.rupiah != self.received.rupiah:
            return Sentence(
                f"{came} dari {named} diterima, tetapi jumlahnya Rp {self.received.rupiah}, "
                f"bukan Rp {self.expected.rupiah}",
                f"{came} of {named} received, but they add up to Rp {self.received.rupiah}, "
                f"not Rp {self.expected.rupiah}",
            )
        return Sentence(f"{came} dari {named} diterima; lengkap", f"{came} of {named} received; complete")

    @property
    def answer(self) -> Answer:
        """What the receipt of the manifest says."""
        if self.verdict == "complete":
            return msgspec.structs.replace(accepted(), note=self.sentence)
        return Answer(Verdict.accepted, DIFFERS, warnings=(DIFFERS,), note=self.sentence)


def _have(many: int) -> str:
    return "has" if many == 1 else "have"
