"""Which month is complete enough to be judged by: reports about a month come during the next one.

No clock is read: that a month has begun is known by a report about it.
"""

from collections.abc import Mapping
from fractions import Fraction

ENOUGH = Fraction(4, 5)
"""Of the reports that are expected: with so many in, a month can be compared with others."""
COMPARED_MONTHS = 3
"""Expected are as many reports as came about the fullest of so many months before."""
OVER_MONTHS = 2
"""With a report about the month after the next, the time for a month's reports is over, however few came."""


def newest_complete(reports: Mapping[int, int], people: int) -> int | None:
    """The newest complete month; None while there is none. Every later one is unfinished.

    `reports`: how many are counted, of every month that has a report, counted or not. `people`: who are to report.
    """
    newest = max(reports, default=0)
    for month in sorted(reports, reverse=True):
        if month <= newest - OVER_MONTHS or reports[month] >= ENOUGH * _expected(reports, month, people):
            return month
    return None


def _expected(reports: Mapping[int, int], month: int, people: int) -> int:
    """Before the first month one report of everybody is expected."""
    return max(reports.get(month - back, 0) for back in range(1, COMPARED_MONTHS + 1)) or people
