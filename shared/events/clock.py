"""A district's clock is believed as far as the clock of the log bears it out; the past is never refused.

The time at which the log took a record is part of the record, so a replay on any machine comes to the same answer.
"""

CLOCK_AHEAD = "clock_ahead"
"""A warning; the event counts."""
TIME_IN_FUTURE = "time_in_future"
"""A rejection."""
AHEAD_US = 10 * 60 * 1_000_000
"""More than this before the log's time is warned of."""
FUTURE_US = 24 * 60 * 60 * 1_000_000
"""More than this is rejected."""


def judge_clock(time_us: int, taken_us: int | None) -> str | None:
    """What to say of an event's own time: CLOCK_AHEAD, TIME_IN_FUTURE or nothing.

    Both in microseconds since 1970. `taken_us`: when the log took it; None where it does not say, and nothing is said.
    """
    if taken_us is None:
        return None
    ahead = time_us - taken_us
    if ahead <= AHEAD_US:
        return None
    return CLOCK_AHEAD if ahead <= FUTURE_US else TIME_IN_FUTURE


def happened_by(time_us: int, taken_us: int | None) -> int:
    """The earlier of an event's own time and the log's, in microseconds since 1970."""
    return time_us if taken_us is None or time_us <= taken_us else taken_us
