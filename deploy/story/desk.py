"""Where all that is said and done is collected, and bound into chapters: a month's publications, then its officers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import msgspec

from deploy.story.model import Chapter, Habit, OfficerStep, Publication
from deploy.story.months import FIRST, LAST, month_of, span
from deploy.story.places import source_of
from deploy.story.titles import TITLES
from shared.events.catalogue import CATALOGUE, NAMES, intake_topic
from shared.events.district import IncomeReported
from shared.events.envelope import Envelope, Outgoing, to_headers

_NO_JSON = b'{"district_ref": "'
"""A line that broke off."""


@dataclass(eq=False)
class Draft:
    """One event before it has an id. `arrives` says when it is put on the log, `time` when it was written."""

    district: str
    subject: str
    data: msgspec.Struct
    time: datetime
    arrives: datetime
    habit: Habit | None = None
    says_district: str | None = None
    """The district its source names, when that is another one."""

    @property
    def type(self) -> str:
        return NAMES[type(self.data)]

    @property
    def place(self) -> tuple[str, str]:
        """Whose event it is: district and district_ref."""
        return self.district, self.subject

    @property
    def report(self) -> IncomeReported | None:
        return self.data if isinstance(self.data, IncomeReported) else None


class Desk:
    """Collects drafts and calls. Nothing has an id or a place before all are there."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self._again: list[tuple[datetime, Draft]] = []
        self._calls: list[tuple[date, OfficerStep]] = []

    def publish(
        self,
        district: str,
        subject: str,
        data: msgspec.Struct,
        time: datetime,
        *,
        arrives: datetime | None = None,
        habit: Habit | None = None,
        says_district: str | None = None,
    ) -> Draft:
        draft = Draft(district, subject, data, time, arrives or time, habit, says_district)
        self.drafts.append(draft)
        return draft

    def repeat(self, draft: Draft, arrives: datetime) -> None:
        """The same event once more, under the same id."""
        self._again.append((arrives, draft))

    def call(self, day: date, step: OfficerStep) -> None:
        self._calls.append((day, step))

    def chapters(self) -> tuple[Chapter, ...]:
        said: dict[str, list[Publication | OfficerStep]] = {month: [] for month in span(FIRST, LAST)}
        for arrives, publication in self._publications():
            said[month_of(arrives)].append(publication)
        for day, step in sorted(self._calls, key=lambda call: call[0]):
            said[month_of(day)].append(step)
        return tuple(Chapter(*TITLES[month], tuple(steps)) for month, steps in said.items())

    def _publications(self) -> Iterator[tuple[datetime, Publication]]:
        """In the order of arrival."""
        count: dict[str, int] = {}
        bound: dict[Draft, Publication] = {}
        for draft in sorted(self.drafts, key=lambda draft: draft.time):
            count[draft.district] = count.get(draft.district, 0) + 1
            bound[draft] = _bind(draft, f"{draft.district}-{count[draft.district]:06d}")
        once = [(draft.arrives, bound[draft]) for draft in self.drafts]
        again = [(arrives, replace(bound[draft], habit=Habit.duplicate)) for arrives, draft in self._again]
        yield from sorted(once + again, key=lambda each: each[0])


def _bind(draft: Draft, event_id: str) -> Publication:
    service = CATALOGUE[draft.type].service
    envelope = Envelope(
        id=event_id,
        source=source_of(draft.says_district or draft.district, service),
        type=draft.type,
        time=draft.time,
        subject=draft.subject,
    )
    data = msgspec.json.encode(draft.data)
    raw = _broken(draft, envelope, service) if draft.habit is Habit.poison else None
    return Publication(draft.district, envelope, data, service, raw, draft.habit)


def _broken(draft: Draft, envelope: Envelope, service: str) -> Outgoing:
    """The record of a system that fell over while writing: half of the envelope, a line that breaks off."""
    headers = to_headers(envelope)
    half = tuple(header for header in headers if header[0] in ("ce_id", "ce_source", "ce_type", "ce_specversion"))
    return Outgoing(
        intake_topic(service, draft.district), draft.subject.encode(), _NO_JSON + draft.subject.encode(), half
    )
