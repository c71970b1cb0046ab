"""How long each district has been silent: the age of its newest event, by the event's own time, in days of Jakarta.

What is heard here is what districts send to reporting; the registry and grants hear the rest.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.rules import SILENT_DAYS
from shared import last_heard
from shared.events.control import day_of, stream_of
from shared.events.districts import DISTRICTS
from shared.events.envelope import from_microseconds
from shared.events.receipts import Sentence


class State(StrEnum):
    heard = "heard"
    silent = "silent"
    never = "never"
    ahead = "ahead"
    """Its newest event lies in the future: the clock of its system is wrong, and nobody knows its age."""


class Freshness(msgspec.Struct, frozen=True):
    """Of one district. `age_days` and `silent` are None where they cannot be known."""

    code: str
    state: State
    last_event_at: datetime | None
    age_days: int | None
    streams: dict[str, datetime]
    """The newest event of each stream."""

    @property
    def silent(self) -> bool | None:
        return None if self.state is State.ahead else self.state in (State.silent, State.never)

    @property
    def sentence(self) -> Sentence:
        title, days = DISTRICTS[self.code].title, self.age_days or 0
        if self.state is State.never:
            return Sentence(f"{title} belum pernah mengirim.", f"{title} has never sent anything.")
        if self.state is State.ahead:
            return Sentence(
                f"Waktu peristiwa terakhir {title} ada di masa depan: periksa jam sistemnya.",
                f"The newest event of {title} lies in the future: check its system's clock.",
            )
        if self.state is State.silent:
            return Sentence(f"{title} diam selama {days} hari.", f"{title} has been silent for {days} days.")
        if not days:
            return Sentence(f"{title} mengirim hari ini.", f"{title} sent something today.")
        ago = "1 day" if days == 1 else f"{days} days"
        return Sentence(f"{title} terakhir mengirim {days} hari yang lalu.", f"{title} last sent something {ago} ago.")


def judge(code: str, streams: dict[str, datetime], moment: datetime) -> Freshness:
    """The freshness of a district at a moment, by the newest event of each of its streams."""
    newest = max(streams.values(), default=None)
    if newest is None:
        return Freshness(code, State.never, None, None, streams)
    age = (day_of(moment) - day_of(newest)).days
    if age < 0:
        return Freshness(code, State.ahead, newest, None, streams)
    return Freshness(code, State.silent if age > SILENT_DAYS else State.heard, newest, age, streams)


async def read_freshness(session: AsyncSession, codes: Iterable[str], moment: datetime) -> list[Freshness]:
    """Of these districts, in the order given."""
    streams: dict[str, dict[str, datetime]] = {code: {} for code in codes}
    for (code, type_name), time_us in sorted((await last_heard.heard(session)).items()):
        if code in streams:
            streams[code][stream_of(type_name)] = from_microseconds(time_us)
    return [judge(code, found, moment) for code, found in streams.items()]


def longest_silent_first(found: Collection[Freshness]) -> list[Freshness]:
    """Who was never heard of, then by age, then by code; a clock that is ahead comes before those that are fine."""
    order = (State.never, State.silent, State.ahead, State.heard)
    return sorted(found, key=lambda one: (order.index(one.state), -(one.age_days or 0), one.code))
