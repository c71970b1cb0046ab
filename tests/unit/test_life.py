"""The life of a person: which steps are usual, and that only revisions put them in order."""

from datetime import UTC, datetime, timedelta

import pytest

from services.registry.life import Standing, steps
from services.registry.rules import usual
from shared.events.district import Status

C, E, G, W, M, D = Status

USUAL = {
    # from: client, ex_client, graduated, withdrawn, moved, deceased
    C: (True, True, False, True, True, True),
    E: (True, True, True, True, True, True),
    G: (True, True, True, False, True, True),
    W: (True, True, False, True, True, True),
    M: (True, True, False, False, True, True),
    D: (False, False, False, False, False, True),
}


@pytest.mark.parametrize("before", Status)
def test_what_may_follow_what(before: Status) -> None:
    assert tuple(usual(before, after) for after in Status) == USUAL[before]


def standing(revision: int, status: Status, day: int = 1) -> Standing:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return Standing(revision, status, moment, f"e{revision}", "/district/3522/office", str(revision))


def told(*standings: Standing) -> list[tuple[str | None, str, int, bool]]:
    return [(step.before, step.now.status, step.now.revision, step.unusual) for step in steps(standings)]


def test_a_life_is_told_by_revision_and_only_of_its_changes() -> None:
    assert told(standing(4, G), standing(2, C), standing(1, C), standing(3, E)) == [
        (None, "client", 1, False),
        ("client", "ex_client", 3, False),
        ("ex_client", "graduated", 4, False),
    ]


def test_a_later_time_does_not_outrank_a_higher_revision() -> None:
    assert told(standing(1, C, day=9), standing(2, E, day=1)) == [
        (None, "client", 1, False),
        ("client", "ex_client", 2, False),
    ]


def test_nothing_follows_death_and_what_is_said_after_it_is_judged_from_there() -> None:
    assert told(standing(1, C), standing(2, D), standing(3, C), standing(4, E), standing(5, D)) == [
        (None, "client", 1, False),
        ("client", "deceased", 2, False),
        ("deceased", "client", 3, True),
        ("client", "ex_client", 4, False),
        ("ex_client", "deceased", 5, False),
    ]


def test_the_first_that_is_known_may_be_anything() -> None:
    assert [told(standing(1, status)) for status in Status] == [[(None, status.value, 1, False)] for status in Status]
