"""How far the clock of a district may be ahead of the log's, at each limit and a microsecond beyond it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.events.clock import happened_by, judge_clock
from shared.events.envelope import microseconds

TAKEN = datetime(2026, 10, 31, 16, 59, 59, tzinfo=UTC)
TAKEN_US = 1_793_465_999_000_000
"""The same moment, worked out by `date -d 2026-10-31T16:59:59Z +%s`."""
ONE = timedelta(microseconds=1)
WIB = timezone(timedelta(hours=7))


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (timedelta(days=-40 * 365), None),
        (timedelta(0), None),
        (timedelta(minutes=10), None),
        (timedelta(minutes=10) + ONE, "clock_ahead"),
        (timedelta(days=1), "clock_ahead"),
        (timedelta(days=1) + ONE, "time_in_future"),
        (timedelta(days=2), "time_in_future"),
        (timedelta(days=73 * 365), "time_in_future"),
    ],
)
def test_ten_minutes_ahead_are_let_pass_a_day_is_warned_of_and_more_is_rejected(
    ahead: timedelta, said: str | None
) -> None:
    assert judge_clock(microseconds(TAKEN + ahead), TAKEN_US) == said
    assert judge_clock(microseconds((TAKEN + ahead).astimezone(WIB)), TAKEN_US) == said


def test_where_the_log_does_not_say_when_it_took_a_record_nothing_is_said() -> None:
    assert judge_clock(microseconds(datetime(2099, 1, 1, tzinfo=UTC)), None) is None
    assert happened_by(TAKEN_US + 24 * 3600 * 1_000_000, None) == TAKEN_US + 24 * 3600 * 1_000_000


def test_an_event_happened_by_the_earlier_of_the_two_clocks() -> None:
    assert happened_by(TAKEN_US + 3600 * 1_000_000, TAKEN_US) == TAKEN_US
    assert happened_by(TAKEN_US - 1_000_000, TAKEN_US) == TAKEN_US - 1_000_000
