"""Months, office hours and Lebaran. All time in a story comes from here and from the seed, never from a clock."""

from calendar import monthrange
from datetime import date, datetime, time, timedelta, timezone
from random import Random

WIB = timezone(timedelta(hours=7))
FIRST, LAST = "2024-11", "2026-10"
END = date(2026, 10, 31)
"""The last day of the story."""

_LEBARAN_2025 = date(2025, 3, 31)
_LUNAR_YEAR = 354.367
_RUN_UP = 30


def month_of(day: date) -> str:
    return f"{day:%Y-%m}"


def plus(month: str, count: int) -> str:
    """The month `count` months later (earlier when negative)."""
    year, index = divmod(_number(month) + count, 12)
    return f"{year:04d}-{index + 1:02d}"


def between(first: str, last: str) -> int:
    """Months from `first` to `last`; negative when `last` is earlier."""
    return _number(last) - _number(first)


def span(first: str, last: str) -> list[str]:
    """Every month from `first` to `last`, both included."""
    return [plus(first, count) for count in range(between(first, last) + 1)]


def day_in(month: str, day: int) -> date:
    """That day of the month, or its last when it is shorter."""
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, min(day, monthrange(year, number)[1]))


def last_day(month: str) -> date:
    return day_in(month, 31)


def at_work(rng: Random, day: date) -> datetime:
    """A moment of that day in office hours, which is the same day in UTC."""
    return datetime.combine(day, time(7, 30), WIB) + timedelta(seconds=rng.randrange(8 * 3600))


def month_end(rng: Random, month: str) -> datetime:
    """A moment in the last week of the month, when monthly reports are written."""
    return at_work(rng, last_day(month) - timedelta(days=rng.randrange(7)))


def lebaran_run_up(month: str) -> float:
    """The share of the 30 days before Lebaran that lies in this month: 31 March 2025, 20 March 2026, and so on."""
    years = round(between("2025-03", month) * 30.44 / _LUNAR_YEAR)
    return min(1.0, sum(_overlap(month, _lebaran(year)) for year in (years - 1, years, years + 1)) / _RUN_UP)


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _lebaran(years: int) -> date:
    return _LEBARAN_2025 + timedelta(days=round(years * _LUNAR_YEAR))


def _overlap(month: str, feast: date) -> int:
    first = max(day_in(month, 1), feast - timedelta(days=_RUN_UP))
    last = min(last_day(month), feast - timedelta(days=1))
    return max(0, (last - first).days + 1)
