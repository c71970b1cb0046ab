"""Which of the events about one thing is in force: the greatest (revision, time, id, source), whatever came first.

Who is warned of a conflict, and who is told to have lost one, follows from the set of events, not from their order.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from shared.events.envelope import Envelope, microseconds
from shared.events.receipts import Answer, accepted, duplicate, superseded

CONFLICT = "revision_conflict"


class Mark(NamedTuple):
    """The rank of one event. `time_us`: its own time in microseconds since 1970. An id is unique per source only."""

    revision: int
    time_us: int
    event_id: str
    source: str


def mark_of(envelope: Envelope, revision: int = 1) -> Mark:
    """The rank of an event; what has no revisions ranks as if all were of the first."""
    return Mark(revision, microseconds(envelope.time), envelope.id, envelope.source)


class Said(NamedTuple):
    """One event about a thing. `content` is equal where two say the same; `place`: its own in the list being judged."""

    mark: Mark
    content: str
    place: int | None = None


class Group(NamedTuple):
    """The events of one revision of a thing that say the same. `thing` is unique in its service."""

    district: str
    thing: str
    revision: int
    content: str


class Ruling(NamedTuple):
    """`answer` is for the event that arrived; `replaces`: its mark is now the one to keep.

    An event alike that is later keeps its mark too: otherwise the order of arrival would show in the next conflict.
    `amended`: by content, those of its revision that came before and are now warned, with the answer they would be
    given today, or None where theirs stands.
    """

    answer: Answer
    replaces: bool
    amended: Mapping[str, Answer | None]


def rule(in_force: Said, arrived: Said, contents: Collection[str]) -> Ruling:
    """Rule of the contract: higher revision replaces, lower is superseded, equal and alike is a duplicate,
    equal and different: the later wins and all of that revision are warned.

    `contents`: all that was said before under the revision of the event that arrived.
    """
    if arrived.mark.revision > in_force.mark.revision:
        return Ruling(accepted(), replaces=True, amended={})
    conflict = any(content != arrived.content for content in contents)
    warnings = (CONFLICT,) if conflict else ()
    # Two contents or more have warned each other already.
    unwarned: dict[str, Answer | None] = dict.fromkeys(contents) if conflict and len(contents) == 1 else {}
    if arrived.mark.revision < in_force.mark.revision:
        return Ruling(superseded("older_revision", *warnings), replaces=False, amended=unwarned)
    later = arrived.mark > in_force.mark
    if arrived.content == in_force.content:
        return Ruling(duplicate(*warnings), replaces=later, amended={})
    if not later:
        return Ruling(superseded(CONFLICT, CONFLICT), replaces=False, amended=unwarned)
    overtaken: dict[str, Answer | None] = {in_force.content: superseded(CONFLICT)}
    if arrived.content in contents:  # it had lost, and is in force again by an event alike
        overtaken[arrived.content] = duplicate()
    return Ruling(accepted(CONFLICT), replaces=True, amended=overtaken)


class Judging:
    """Events judged one after another; `answers` has one for each.

    `known`: by thing, what was said under each revision in earlier lists, as far as there was more than one event.
    `heard` are the events to remember with those. `amended` are the groups whose receipts of earlier lists change, each
    to the answer given here, or to the same with a warning.
    """

    def __init__(self, known: Mapping[str, Iterable[tuple[int, str]]]) -> None:
        self.answers: list[Answer] = []
        self.heard: list[tuple[str, Said]] = []
        self.amended: dict[Group, Answer | None] = {}
        self._contents: dict[str, dict[int, set[str]]] = {}
        for thing, contents in known.items():
            for revision, content in contents:
                self._of(thing)[revision].add(content)
        self._places: dict[Group, list[int]] = defaultdict(list)

    def answer(self, answer: Answer) -> None:
        """The next event is answered without a judgement: it is no good, or waits, or is the first about its thing."""
        self.answers.append(answer)

    def take(self, district: str, thing: str, in_force: Said, arrived: Said, *, warnings: tuple[str, ...] = ()) -> bool:
        """Judge the next event against the one in force. True when it is now the one. `warnings`: its own."""
        arrived = arrived._replace(place=len(self.answers))
        if thing not in self._contents:
            self._hear(district, thing, in_force)
        revision = arrived.mark.revision
        ruling = rule(in_force, arrived, self._of(thing)[revision])
        for content, change in ruling.amended.items():
            self._amend(Group(district, thing, revision, content), change)
        self._hear(district, thing, arrived)
        self.answers.append(replace(ruling.answer, warnings=(*warnings, *ruling.answer.warnings)))
        return ruling.replaces

    def _of(self, thing: str) -> dict[int, set[str]]:
        return self._contents.setdefault(thing, defaultdict(set))

    def _hear(self, district: str, thing: str, said: Said) -> None:
        self.heard.append((thing, said))
        self._of(thing)[said.mark.revision].add(said.content)
        if said.place is not None:
            self._places[Group(district, thing, said.mark.revision, said.content)].append(said.place)

    def _amend(self, group: Group, change: Answer | None) -> None:
        self.amended[group] = change or self.amended.get(group)
        for place in self._places[group]:
            before = self.answers[place]
            warnings = tuple(dict.fromkeys((*before.warnings, CONFLICT)))
            self.answers[place] = replace(change or before, warnings=warnings)
