"""Charts as shapes: expected places are worked out by hand."""

import re

import pytest

from services.reporting.pages.charts import axis, january, sparkline, trend


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 0, [0]),
        (0, 1, [0, 1]),
        (0, 9, [0, 5, 10]),
        (0, 279, [0, 100, 200, 300]),
        (3, 2_360_000, [0, 1_000_000, 2_000_000, 3_000_000]),
        (-3_000_000, 2_400_000, [-4_000_000, -2_000_000, 0, 2_000_000, 4_000_000]),
        (-7, -1, [-8, -6, -4, -2, 0]),
    ],
)
def test_an_axis_has_round_whole_numbers_zero_and_room_for_all(low: float, high: float, ticks: list[float]) -> None:
    assert list(axis(low, high)) == ticks


def test_a_sparkline_is_lifted_over_a_month_without_a_value() -> None:
    svg = sparkline([10, 20, None, 10], "naik")
    assert 'aria-label="naik"' in svg
    assert '<path d="M12 18L36 2M84 18h0"/>' in svg
    assert '<path class="end" d="M84 18h0"/>' in svg


def test_nothing_is_drawn_of_nothing() -> None:
    assert sparkline([None, None], "x") == ""


def test_what_is_said_of_a_chart_is_text() -> None:
    assert "<img" not in sparkline([1, 2], '"><img>')
    assert "<img" not in trend([1, 2], [None, 1], [(0, "<img>")], "<img>{}".format, '"><img>')


def test_a_trend_draws_a_month_above_the_same_month_of_the_year_before() -> None:
    svg = trend([0, 4], [None, 2], [], str, "laporan")
    assert re.findall(r'<path class="(before|now|end)" d="([^"]*)"/>', svg) == [
        ("before", "M750 500h0"),
        ("now", "M250 1000L750 0"),
        ("end", "M750 0h0"),
    ]


def test_a_year_begins_in_january_and_is_not_written_over_the_edge() -> None:
    months = (
        [f"2025-{month:02}" for month in range(11, 13)] + [f"2026-{month:02}" for month in range(1, 13)] + ["2027-01"]
    )
    assert january(months) == [(2, "2026")]


def test_an_unfinished_month_is_a_hollow_point_at_the_end_of_a_line_of_its_own() -> None:
    drawn = r'<path class="(now|running|end|hole)" d="([^"]*)"/>'
    assert re.findall(drawn, trend([0, 4, 2], [None, None, None], [], str, "laporan", 1)) == [
        ("now", "M167 1000L500 0"),
        ("running", "M500 0L833 500"),
        ("end", "M833 500h0"),
        ("hole", "M833 500h0"),
    ]
    alone = trend([None, 4], [None, None], [], str, "laporan", 1)
    assert re.findall(drawn, alone) == [
        ("now", ""),
        ("running", "M750 0h0"),
        ("end", "M750 0h0"),
        ("hole", "M750 0h0"),
    ]
