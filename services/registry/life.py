"""The life of a person, step by step: told by the revisions in their order, so that no order of arrival changes it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from services.registry.rules import usual
from shared.events.district import Status
from shared.events.envelope import microseconds
from shared.events.receipts import Answer
from shared.revisions import Group, Mark

UNUSUAL = "unusual_transition"


class Standing(NamedTuple):
    """The status that one revision gives a person: of its events, the one that ranks highest.

    `content` stands for all that the event says, as in `shared.revisions`.
    """

    revision: int
    status: Status
    event_time: datetime
    event_id: str
    source: str
    content: str

    @property
    def mark(self) -> Mark:
        return Mark(self.revision, microseconds(self.event_time), self.event_id, self.source)


class Step(NamedTuple):
    """A change of status, by the revision that first has it. `before` is None for the first thing known of a person."""

    before: Status | None
    now: Standing
    unusual: bool


Life = Mapping[int, Standing]
"""By revision."""


def steps(standings: Iterable[Standing]) -> list[Step]:
    """From the lowest revision to the highest, whatever the times of their events."""
    found: list[Step] = []
    for now in sorted(standings, key=lambda standing: standing.revision):
        before = found[-1].now.status if found else None
        if now.status is not before:
            found.append(Step(before, now, before is not None and not usual(before, now.status)))
    return found


def thing_of(who: UUID) -> str:
    return f"person/{who}"


class Lives:
    """What is heard of those of whom more than one thing is known. Before this batch: `past` and what was in force.

    Warned is what says the same as the standing that makes an unusual step, in its revision. As that is a matter of all
    the revisions, a late one warns, or unwarns, what was answered before.
    """

    def __init__(self, past: Mapping[UUID, Life], in_force: Mapping[UUID, Standing]) -> None:
        self._past = past
        self._known = {who: {**past.get(who, {}), standing.revision: standing} for who, standing in in_force.items()}
        self._now: dict[UUID, dict[int, Standing]] = {}
        self._districts: dict[UUID, str] = {}
        self._places: dict[Group, set[int]] = defaultdict(set)

    def hear(self, who: UUID, district: str, standing: Standing, place: int | None) -> None:
        """`place`: of its answer in this batch; None for what earlier ones had."""
        life = self._now.setdefault(who, dict(self._known.get(who, {})))
        self._districts[who] = district
        there = life.get(standing.revision)
        if there is None or standing.mark > there.mark:
            life[standing.revision] = standing
        if place is not None:
            self._places[_group(who, district, standing)].add(place)

    def past(self) -> list[tuple[UUID, Standing]]:
        """What is to be kept beside the records in force: of lower revisions, new or of a higher rank."""
        return [
            (who, life[revision])
            for who, life in sorted(self._now.items())
            for revision in sorted(life)[:-1]
            if life[revision] != self._past.get(who, {}).get(revision)
        ]

    def warn(self, answers: list[Answer]) -> dict[Group, str]:
        """Warn those of this batch in `answers`. Returns what earlier receipts are to say: the warning, or nothing."""
        amended: dict[Group, str] = {}
        for who, life in self._now.items():
            district = self._districts[who]
            warned = _unusual(who, district, life)
            for group in warned:
                for place in self._places[group]:
                    answers[place] = replace(answers[place], warnings=(*answers[place].warnings, UNUSUAL))
            before = _unusual(who, district, self._known.get(who, {}))
            amended |= dict.fromkeys(before - warned, "") | dict.fromkeys(warned - before, UNUSUAL)
        return amended


def _unusual(who: UUID, district: str, life: Life) -> set[Group]:
    return {_group(who, district, step.now) for step in steps(life.values()) if step.unusual}


def _group(who: UUID, district: str, standing: Standing) -> Group:
    return Group(district, thing_of(who), standing.revision, standing.content)
