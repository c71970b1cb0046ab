"""Which of two events about the same thing is in force: the greatest (revision, time, id), whatever came first."""

from typing import NamedTuple

from shared.events.receipts import Answer, accepted, duplicate, superseded

CONFLICT = "revision_conflict"


class Mark(NamedTuple):
    """The rank of one event. `time_us`: its own time in microseconds since 1970; ties go to the greater id."""

    revision: int
    time_us: int
    event_id: str


class Judgement(NamedTuple):
    """`answer` is for the event that arrived; `replaces`: its mark is now the one to keep; `conflict`: warn the other.

    An event alike that is later keeps its mark too: otherwise the order of arrival would show in the next conflict.
    """

    answer: Answer
    replaces: bool
    conflict: bool


def judge(stored: Mark | None, arrived: Mark, *, alike: bool) -> Judgement:
    """Rule of the contract: higher revision replaces, lower is superseded, equal and alike is a duplicate,
    equal and different: the later wins and both are warned."""
    if stored is None or arrived.revision > stored.revision:
        return Judgement(accepted(), replaces=True, conflict=False)
    if arrived.revision < stored.revision:
        return Judgement(superseded(), replaces=False, conflict=False)
    later = arrived > stored
    if alike:
        return Judgement(duplicate(), replaces=later, conflict=False)
    answer = accepted(CONFLICT) if later else superseded(CONFLICT, CONFLICT)
    return Judgement(answer, replaces=later, conflict=True)
