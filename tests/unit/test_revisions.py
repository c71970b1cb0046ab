"""Which of several events about one thing is in force does not depend on the order in which they arrive."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.receipts import Verdict
from shared.revisions import Mark, judge

STORED = Mark(revision=2, time_us=1_000, event_id="m")


class Said(NamedTuple):
    mark: Mark
    content: str


def _fold(events: Sequence[Said]) -> Said:
    """What is kept after these arrived one by one, as every handler keeps it."""
    kept: Said | None = None
    for event in events:
        verdict = judge(
            kept.mark if kept else None, event.mark, alike=kept is not None and kept.content == event.content
        )
        if verdict.replaces:
            kept = event
    assert kept is not None
    return kept


@pytest.mark.parametrize(
    ("arrived", "alike", "verdict", "replaces", "warned"),
    [
        (Mark(3, 0, "a"), False, "accepted", True, False),
        (Mark(3, 0, "a"), True, "accepted", True, False),
        (Mark(1, 9_000, "z"), False, "superseded", False, False),
        (Mark(1, 9_000, "z"), True, "superseded", False, False),
        (Mark(2, 9_000, "a"), True, "duplicate", True, False),
        (Mark(2, 500, "z"), True, "duplicate", False, False),
        (Mark(2, 1_001, "a"), False, "accepted", True, True),
        (Mark(2, 999, "z"), False, "superseded", False, True),
        (Mark(2, 1_000, "n"), False, "accepted", True, True),
        (Mark(2, 1_000, "l"), False, "superseded", False, True),
    ],
    ids=[
        "a higher revision replaces though its time is earlier",
        "a higher revision replaces though it says the same",
        "a lower revision is superseded though its time is later",
        "a lower revision is superseded though it says the same",
        "equal and alike is a duplicate and its later time is kept",
        "equal and alike is a duplicate and the later time stays",
        "of two equal and different the later is in force",
        "of two equal and different the earlier is not",
        "of two at the same moment the greater id is in force",
        "of two at the same moment the lesser id is not",
    ],
)
def test_the_rule_of_revisions(arrived: Mark, alike: bool, verdict: str, replaces: bool, warned: bool) -> None:
    judgement = judge(STORED, arrived, alike=alike)
    assert (judgement.answer.verdict, judgement.replaces, judgement.conflict) == (verdict, replaces, warned)
    assert judgement.answer.warnings == (("revision_conflict",) if warned else ())


def test_the_first_event_is_accepted_whatever_its_revision() -> None:
    judgement = judge(None, Mark(7, 0, "a"), alike=False)
    assert (judgement.answer.verdict, judgement.replaces, judgement.conflict) == (Verdict.accepted, True, False)


def test_the_loser_of_a_conflict_is_told_why() -> None:
    assert judge(STORED, Mark(2, 1, "a"), alike=False).answer.reason == "revision_conflict"
    assert judge(STORED, Mark(1, 1, "a"), alike=False).answer.reason == "older_revision"


_marks = st.builds(Mark, st.integers(1, 3), st.integers(-2, 2), st.sampled_from(["", "a", "b", "B", "é", "aa"]))
_events = st.lists(st.builds(Said, _marks, st.sampled_from("xyz")), min_size=1, max_size=8, unique_by=lambda e: e.mark)


@given(events=_events, data=st.data())
def test_any_order_with_any_repetition_ends_in_the_same_content_and_mark(
    events: list[Said], data: st.DataObject
) -> None:
    repeated = [*events, *data.draw(st.lists(st.sampled_from(events), max_size=4))]
    assert _fold(data.draw(st.permutations(repeated))) == max(events)


@given(first=st.builds(Said, _marks, st.sampled_from("xy")), second=st.builds(Said, _marks, st.sampled_from("xy")))
def test_two_events_agree_on_who_is_in_force_and_whether_both_are_warned(first: Said, second: Said) -> None:
    alike = first.content == second.content
    one, other = judge(first.mark, second.mark, alike=alike), judge(second.mark, first.mark, alike=alike)
    assert one.conflict == other.conflict
    assert one.conflict == (first.mark.revision == second.mark.revision and not alike)
    if first.mark != second.mark:
        assert one.replaces != other.replaces
