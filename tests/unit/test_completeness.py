"""A month that has hardly begun is not taken for one in which hardly anybody earned anything. Worked out by hand."""

import pytest

from services.reporting.completeness import newest_complete
from services.reporting.rules import month_index, month_name

AUTUMN = {"2026-07": 290, "2026-08": 300, "2026-09": 280, "2026-10": 286}


def _newest(reports: dict[str, int], people: int = 376) -> str | None:
    found = newest_complete({month_index(month): count for month, count in reports.items()}, people)
    return None if found is None else month_name(found)


def test_a_month_hardly_begun_is_unfinished_and_the_one_before_is_the_newest_complete() -> None:
    assert _newest({**AUTUMN, "2026-11": 7}) == "2026-10"


def test_four_fifths_of_the_fullest_of_the_three_months_before_are_enough() -> None:
    # before November stand 300, 280, 286: four fifths of 300 are 240. July, with 340, is too long ago to count
    autumn = {**AUTUMN, "2026-07": 340}
    assert _newest({**autumn, "2026-11": 239}) == "2026-10"
    assert _newest({**autumn, "2026-11": 240}) == "2026-11"


def test_a_month_is_over_when_the_month_after_the_next_is_reported_of() -> None:
    # November and December are both few; of January nothing is known, so November is not over yet
    few = {**AUTUMN, "2026-11": 7, "2026-12": 3}
    assert _newest(few) == "2026-10"
    assert _newest({**few, "2027-01": 1}) == "2026-11"


def test_one_early_report_of_the_next_month_makes_no_month_complete() -> None:
    assert _newest({**AUTUMN, "2026-11": 100, "2026-12": 1}) == "2026-10"


def test_with_a_complete_month_all_before_it_are_complete_too() -> None:
    assert _newest({**AUTUMN, "2026-11": 7, "2026-12": 250}) == "2026-12"


@pytest.mark.parametrize(("reports", "newest"), [(299, None), (300, "2026-10")])
def test_of_the_very_first_month_everybody_is_expected(reports: int, newest: str | None) -> None:
    # four fifths of 375 ex-clients are 300
    assert _newest({"2026-10": reports}, people=375) == newest


def test_after_a_long_silence_everybody_is_expected_again() -> None:
    # of the three months before November nothing is reported; May is over
    assert _newest({"2026-05": 280, "2026-11": 7}) == "2026-05"


def test_where_nobody_is_to_report_nothing_is_missing() -> None:
    assert _newest({"2026-10": 0}, people=0) == "2026-10"


def test_without_a_report_there_is_no_month() -> None:
    assert _newest({}) is None
