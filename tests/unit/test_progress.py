"""How old is the oldest event that is not applied yet? Told from what was applied, never from hope."""

from datetime import UTC, datetime, timedelta

import pytest

from shared import consumer
from shared.consumer import Progress
from shared.events.envelope import microseconds
from shared.log import Partition

ONE, TWO = Partition("intake.reporting.3522", 0), Partition("intake.reporting.3578", 0)
START = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.moment = START

    def pass_seconds(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(consumer, "now", lambda: made.moment)
    return made


def taken(seconds: float) -> int:
    return microseconds(START + timedelta(seconds=seconds))


def test_nothing_is_left_after_the_last_is_applied(clock: Clock) -> None:
    progress = Progress()
    progress.note({}, {ONE: taken(-100)})
    clock.pass_seconds(1)
    assert (progress.behind, progress.seconds) == (0, 0.0)


def test_under_a_steady_load_the_age_is_that_of_what_just_came(clock: Clock) -> None:
    """Something is always left, yet it is never old."""
    progress = Progress()
    for second in range(100):
        clock.pass_seconds(1)
        progress.note({ONE: 3}, {ONE: taken(second + 0.9)})
    assert progress.behind == 3
    assert progress.seconds == pytest.approx(0.1)


def test_a_backlog_is_as_old_as_what_was_applied_last(clock: Clock) -> None:
    progress = Progress()
    clock.pass_seconds(2)
    progress.note({ONE: 5000}, {ONE: taken(-3600)})
    assert progress.seconds == pytest.approx(3602)


def test_what_came_after_a_quiet_day_is_not_a_day_old(clock: Clock) -> None:
    progress = Progress()
    progress.note({}, {ONE: taken(0)})
    clock.pass_seconds(86_400)
    progress.note({}, {})
    clock.pass_seconds(2)
    progress.note({ONE: 1}, {})
    assert progress.seconds == pytest.approx(2)


def test_a_partition_that_stands_still_sets_the_age_however_busy_the_others(clock: Clock) -> None:
    progress = Progress()
    progress.note({}, {})
    for second in range(60):
        clock.pass_seconds(1)
        progress.note({ONE: 1, TWO: 7}, {TWO: taken(second + 1)})
    assert progress.seconds == pytest.approx(60)


def test_a_halted_partition_is_behind_but_its_standing_still_is_known(clock: Clock) -> None:
    progress = Progress()
    progress.gaps.add(ONE)
    progress.note({ONE: 4, TWO: 2}, {})
    assert (progress.behind, progress.moving) == (6, 2)


def test_who_could_not_look_for_some_seconds_does_not_claim_to_be_up_to_date(clock: Clock) -> None:
    progress = Progress()
    progress.note({}, {})
    clock.pass_seconds(30)
    assert (progress.behind, progress.seconds) == (0, 30.0)
