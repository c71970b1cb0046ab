"""Which of several events about one thing is in force does not depend on the order in which they arrive."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.receipts import accepted
from shared.revisions import Group, Judging, Mark, Said, rule
from tests.conflicts import SOURCES, Told, in_force, tellings, wrong_receipts

STORED = Mark(revision=2, time_us=1_000, event_id="m", source="/m")


def _ruling(mark: Mark, content: str, *more: str) -> tuple[str, bool, bool]:
    """(verdict, replaces, warned) of an event after one of STORED's rank that says `x`. `more`: said before, too."""
    contents = {"x", *more} if mark.revision == STORED.revision else set(more)
    ruling = rule(Said(STORED, "x"), Said(mark, content), contents)
    warned = ruling.answer.warnings == ("revision_conflict",)
    assert warned or ruling.answer.warnings == ()
    return ruling.answer.verdict, ruling.replaces, warned


@pytest.mark.parametrize(
    ("arrived", "content", "verdict", "replaces", "warned"),
    [
        (Mark(3, 0, "a", "/a"), "y", "accepted", True, False),
        (Mark(3, 0, "a", "/a"), "x", "accepted", True, False),
        (Mark(1, 9_000, "z", "/z"), "y", "superseded", False, False),
        (Mark(1, 9_000, "z", "/z"), "x", "superseded", False, False),
        (Mark(2, 9_000, "a", "/a"), "x", "duplicate", True, False),
        (Mark(2, 500, "z", "/z"), "x", "duplicate", False, False),
        (Mark(2, 1_001, "a", "/a"), "y", "accepted", True, True),
        (Mark(2, 999, "z", "/z"), "y", "superseded", False, True),
        (Mark(2, 1_000, "n", "/a"), "y", "accepted", True, True),
        (Mark(2, 1_000, "l", "/z"), "y", "superseded", False, True),
        (Mark(2, 1_000, "m", "/n"), "y", "accepted", True, True),
        (Mark(2, 1_000, "m", "/l"), "y", "superseded", False, True),
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
        "of two systems with one id at the same moment the greater source is in force",
        "of two systems with one id at the same moment the lesser source is not",
    ],
)
def test_the_rule_of_revisions(arrived: Mark, content: str, verdict: str, replaces: bool, warned: bool) -> None:
    assert _ruling(arrived, content) == (verdict, replaces, warned)


def test_a_duplicate_in_a_conflict_is_warned_too() -> None:
    assert _ruling(Mark(2, 500, "a", "/a"), "x", "y") == ("duplicate", False, True)


def test_a_lower_revision_is_warned_of_what_else_was_said_under_it() -> None:
    assert _ruling(Mark(1, 0, "a", "/a"), "y", "z") == ("superseded", False, True)
    assert _ruling(Mark(1, 0, "a", "/a"), "z", "z") == ("superseded", False, False)


def test_the_loser_of_a_conflict_is_told_why() -> None:
    stored = Said(STORED, "x")
    assert rule(stored, Said(Mark(2, 1, "a", "/a"), "y"), {"x"}).answer.reason == "revision_conflict"
    assert rule(stored, Said(Mark(1, 1, "a", "/a"), "y"), set()).answer.reason == "older_revision"


def _judge(events: Sequence[Told]) -> tuple[Told, Judging]:
    """What is in force after these came in one list, as a service keeps it, and their answers."""
    judging = Judging({})
    kept, place = events[0], 0
    judging.answer(accepted())
    for number, event in enumerate(events[1:], 1):
        if judging.take("3522", "thing", _said(kept, place), _said(event, None)):
            kept, place = event, number
    return kept, judging


def _said(told: Told, place: int | None) -> Said:
    return Said(Mark(told.revision, told.minute, told.event_id, told.source), str(told.content), place)


@given(told=tellings, data=st.data())
def test_any_order_ends_in_the_same_content_mark_and_warnings(told: list[Told], data: st.DataObject) -> None:
    order = data.draw(st.permutations(told))
    kept, judging = _judge(order)
    assert kept == in_force(told)
    answers = zip(order, judging.answers, strict=True)
    shown = {each.key: (str(answer.verdict), answer.reason, frozenset(answer.warnings)) for each, answer in answers}
    assert wrong_receipts(told, shown) == []


@given(told=tellings)
def test_every_event_is_remembered_once_as_soon_as_there_are_two(told: list[Told]) -> None:
    _, judging = _judge(told)
    heard = [(said.mark.event_id, said.mark.source, said.content) for _, said in judging.heard]
    assert sorted(heard) == sorted((*each.key, str(each.content)) for each in told)


def test_a_conflict_that_is_known_amends_no_receipt_a_second_time() -> None:
    judging = Judging({"thing": [(2, "x"), (2, "y")]})
    for event_id in "abc":
        judging.take("3522", "thing", Said(STORED, "x"), Said(Mark(2, 1, event_id, SOURCES[0]), "y"))
        judging.take("3522", "thing", Said(STORED, "x"), Said(Mark(2, 2, event_id, SOURCES[0]), "x"))
    assert judging.amended == {}


def test_content_that_comes_back_into_force_makes_its_earlier_like_a_duplicate() -> None:
    judging = Judging({"thing": [(2, "x"), (2, "y")]})
    judging.take("3522", "thing", Said(STORED, "x"), Said(Mark(2, 2_000, "n", "/n"), "y"))
    amended = {group: answer.verdict for group, answer in judging.amended.items() if answer}
    assert amended == {Group("3522", "thing", 2, "x"): "superseded", Group("3522", "thing", 2, "y"): "duplicate"}
