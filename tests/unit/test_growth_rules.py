"""The growth class against values worked by hand, against laws, and against a second, slow implementation."""

import statistics
from datetime import datetime
from fractions import Fraction
from itertools import combinations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.reporting import rules
from services.reporting.rule_versions import RULES
from services.reporting.rules import Growth, GrowthClass, later_month, month_index, month_name
from shared.events.envelope import microseconds
from shared.events.receipts import Sentence

MILLION = 1_000_000
Reports = list[tuple[str, int]]


def growth(reports: Reports) -> Growth:
    return rules.growth([(month_index(month), net) for month, net in reports], RULES[1])


def classify(reports: Reports) -> GrowthClass:
    return rules.classify([(month_index(month), net) for month, net in reports], RULES[1])


def year_2026(**nets: int) -> Reports:
    """`year_2026(jan=5)` is one report, of January 2026."""
    names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    return [(f"2026-{names.index(name) + 1:02d}", net) for name, net in nets.items()]


# The examples of the rule itself.


def test_a_business_that_earns_100_000_more_each_month_on_two_million_is_growing() -> None:
    result = growth(year_2026(jan=2_000_000, feb=2_100_000, mar=2_200_000, apr=2_300_000, may=2_400_000, jun=2_500_000))
    assert msgspec.structs.asdict(result) == {
        "growth_class": "growing",
        "window": ("2026-01", "2026-06"),
        "months": ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06"),
        "nets": (2_000_000, 2_100_000, 2_200_000, 2_300_000, 2_400_000, 2_500_000),
        "level": 2_400_000,
        "trend": 100_000,
        "scale": 2_250_000,
        "rate": 0.0444,
        "because": "rate >= 0.03",
        "rule_version": 1,
        "sentence": Sentence(
            "Laba bersih naik rata-rata 4,4 % per bulan dari 6 laporan (Jan-Jun 2026)",
            "Net profit rises by 4.4 % a month on average, from 6 reports (Jan-Jun 2026)",
        ),
    }


def test_a_steady_900_000_is_stagnant() -> None:
    result = growth(year_2026(jan=900_000, feb=900_000, mar=900_000))
    assert result.growth_class is GrowthClass.stagnant
    assert (result.rate, result.level, result.because) == (0, 900_000, "level < 1500000")


def test_a_steady_three_million_is_ordinary() -> None:
    result = growth(year_2026(jan=3 * MILLION, feb=3 * MILLION, mar=3 * MILLION))
    assert result.growth_class is GrowthClass.ordinary
    assert (result.rate, result.level, result.because) == (0, 3 * MILLION, "level >= 1500000")


def test_a_business_that_slid_into_losses_is_declining() -> None:
    result = growth(year_2026(jan=1_000_000, feb=-200_000, mar=-100_000))
    assert result.growth_class is GrowthClass.declining
    assert (result.level, result.because) == (-100_000, "level <= 0")


def test_months_without_a_report_stretch_the_slope() -> None:
    result = growth(year_2026(jan=1_000_000, mar=1_200_000, jun=1_500_000))
    assert result.growth_class is GrowthClass.growing
    assert (result.trend, result.scale, result.rate) == (100_000, 1_200_000, 0.0833)
    assert result.window == ("2026-01", "2026-06")
    assert result.months == ("2026-01", "2026-03", "2026-06")


# Each threshold, from both sides.


def test_a_rate_of_exactly_3_percent_is_growing() -> None:
    # Pairs 30,000, 30,000, 60,000 / 2; scale 1,000,000.
    result = growth(year_2026(jan=970_000, feb=1_000_000, mar=1_030_000))
    assert (result.growth_class, result.rate, result.because) == ("growing", 0.03, "rate >= 0.03")


def test_one_rupiah_short_of_3_percent_is_not_growing_and_does_not_read_as_3_percent() -> None:
    # Pairs 30,000, 29,999, 59,999 / 2 = 29,999.5; scale 1,000,000; rate 0.0299995.
    result = growth(year_2026(jan=970_000, feb=1_000_000, mar=1_029_999))
    assert (result.growth_class, result.trend, result.rate) == ("stagnant", 29_999.5, 0.0299)
    assert "naik 2,9 %" in result.sentence.id


def test_a_rate_of_exactly_minus_5_percent_is_declining() -> None:
    result = growth(year_2026(jan=1_050_000, feb=1_000_000, mar=950_000))
    assert (result.growth_class, result.rate, result.because) == ("declining", -0.05, "rate <= -0.05")


def test_one_rupiah_short_of_minus_5_percent_is_not_declining_and_does_not_read_as_5_percent() -> None:
    # Pairs -50,000, -49,999, -99,999 / 2 = -49,999.5; scale 1,000,000; rate -0.0499995.
    result = growth(year_2026(jan=1_050_000, feb=1_000_000, mar=950_001))
    assert (result.growth_class, result.trend, result.rate) == ("stagnant", -49_999.5, -0.0499)
    assert "turun 4,9 %" in result.sentence.id


@pytest.mark.parametrize(
    ("net", "expected", "because"),
    [
        (1_500_000, "ordinary", "level >= 1500000"),
        (1_499_999, "stagnant", "level < 1500000"),
        (1, "stagnant", "level < 1500000"),
        (0, "declining", "level <= 0"),
        (-1, "declining", "level <= 0"),
    ],
)
def test_a_steady_profit_is_judged_by_its_level(net: int, expected: str, because: str) -> None:
    result = growth(year_2026(jan=net, feb=net, mar=net))
    assert (result.growth_class, result.level, result.because) == (expected, net, because)


def test_the_level_is_the_median_of_the_last_three_reports_only() -> None:
    # Last three 1,400,000, 1,500,000, 9,000,000. Slopes of Jan-Apr on 1.5: 0, -0.05, 2.5; -0.1, 3.75; 7.6:
    # sorted -0.1, -0.05, 0, 2.5, 3.75, 7.6: trend 1.25 million, so growing; the level is 1,500,000.
    rising = growth(year_2026(jan=1_500_000, feb=1_500_000, mar=1_400_000, apr=9_000_000))
    assert (rising.level, rising.trend, rising.growth_class) == (1_500_000, 1_250_000, "growing")
    # Years of good months do not hold the level up.
    fallen = growth(year_2026(jan=9_000_000, feb=9_000_000, mar=9_000_000, apr=0, may=0, jun=5_000_000))
    assert (fallen.level, fallen.because) == (0, "level <= 0")


def test_a_level_of_zero_is_named_before_a_falling_rate() -> None:
    result = growth(year_2026(jan=500_000, feb=0, mar=-500_000))
    assert (result.level, result.rate, result.because) == (0, -5, "level <= 0")


def test_a_fast_riser_below_the_ordinary_level_is_growing() -> None:
    assert classify(year_2026(jan=200_000, feb=210_000, mar=220_000)) == "growing"


def test_a_high_earner_that_falls_fast_is_declining() -> None:
    assert classify(year_2026(jan=9_000_000, feb=8_000_000, mar=7_000_000)) == "declining"


# Scale, medians, losses.


def test_a_tiny_business_is_measured_against_100_000_rupiah() -> None:
    # 3,000 a month on a median of 53,000 would be 5.7 %; on the floor it is exactly 3 %.
    at_3_percent = growth(year_2026(jan=50_000, feb=53_000, mar=56_000))
    assert (at_3_percent.scale, at_3_percent.rate, at_3_percent.growth_class) == (100_000, 0.03, "growing")
    below = growth(year_2026(jan=50_000, feb=52_999, mar=55_998))
    assert (below.scale, below.trend, below.growth_class) == (100_000, 2_999, "stagnant")


@pytest.mark.parametrize(
    ("middle", "scale"), [(99_999, 100_000), (100_000, 100_000), (100_001, 100_001), (-100_001, 100_001)]
)
def test_the_floor_ends_at_100_000_rupiah_of_profit_or_loss(middle: int, scale: int) -> None:
    assert growth(year_2026(jan=middle, feb=middle, mar=middle)).scale == scale


def test_the_median_of_an_even_count_is_the_mean_of_the_middle_two() -> None:
    # Nets 1, 1, 2, 2 million: median 1.5. Slopes 0, 1/2, 1/3, 1, 1/2, 0 million: middle two 1/3 and 1/2,
    # mean 5/12 million = 416,666.67; rate (5/12) / 1.5 = 0.27777...
    result = growth(year_2026(jan=1_000_000, feb=1_000_000, mar=2_000_000, apr=2_000_000))
    assert (result.scale, result.level, result.rate) == (1_500_000, 2_000_000, 0.2778)
    assert result.trend == pytest.approx(416_666.6666667, abs=1e-6)


def test_a_scale_may_end_in_half_a_rupiah() -> None:
    result = growth(year_2026(jan=200_000, feb=200_000, mar=200_001, apr=200_001))
    assert result.scale == 200_000.5


def test_whole_numbers_in_the_evidence_are_ints() -> None:
    result = growth(year_2026(jan=1_000_000, feb=1_000_000, mar=1_000_000, apr=1_000_000))
    assert [type(number) for number in (result.level, result.trend, result.scale)] == [int, int, int]


def test_a_business_that_climbed_out_of_losses_is_measured_by_the_size_of_its_losses() -> None:
    # In 100,000: -9, -8, -7, -6, 1, 2. The 15 slopes: 1 seven times, then 2.2, 2.5, 2.5, 3, 3, 4, 4, 7.
    # Median of the nets -6.5, of the last three 1.
    result = growth(year_2026(jan=-900_000, feb=-800_000, mar=-700_000, apr=-600_000, may=100_000, jun=200_000))
    assert (result.level, result.trend, result.scale, result.rate) == (100_000, 220_000, 650_000, 0.3385)
    assert result.growth_class is GrowthClass.growing


def test_a_smaller_loss_each_month_is_still_declining() -> None:
    assert classify(year_2026(jan=-900_000, feb=-500_000, mar=-100_000)) == "declining"


def test_one_extra_zero_does_not_make_a_business_grow() -> None:
    # Slopes with March ten times too high: 0 (ten pairs), 9, 4.5 up; -9, -4.5, -3 down, in millions.
    steady = year_2026(jan=1_000_000, feb=1_000_000, mar=10_000_000, apr=1_000_000, may=1_000_000, jun=1_000_000)
    result = growth(steady)
    assert (result.trend, result.growth_class) == (0, "stagnant")


# The window.


def test_without_any_report_nothing_can_be_said() -> None:
    result = growth([])
    assert (result.growth_class, result.window, result.months, result.nets) == ("insufficient", None, (), ())
    assert (result.level, result.trend, result.scale, result.rate, result.because) == (None,) * 5
    assert classify([]) == "insufficient"


def test_two_reports_are_not_enough_and_a_third_is() -> None:
    two = growth(year_2026(jan=2_000_000, mar=2_000_000))
    assert two.growth_class is GrowthClass.insufficient
    assert (two.window, two.months) == (("2025-10", "2026-03"), ("2026-01", "2026-03"))
    assert two.nets == (2_000_000, 2_000_000)
    assert (two.level, two.trend, two.scale, two.rate, two.because) == (None,) * 5
    assert classify(year_2026(jan=2_000_000, feb=2_000_000, mar=2_000_000)) == "ordinary"


def test_the_sixth_month_back_counts_and_the_seventh_does_not() -> None:
    assert classify(year_2026(jan=2_000_000, may=2_000_000, jun=2_000_000)) == "ordinary"
    late = growth(year_2026(jan=2_000_000, may=2_000_000, jul=2_000_000))
    assert (late.growth_class, late.window) == ("insufficient", ("2026-02", "2026-07"))
    assert late.months == ("2026-05", "2026-07")


def test_old_riches_do_not_make_a_business_decline() -> None:
    old = [("2025-11", 90_000_000), ("2025-12", 80_000_000)]
    now = year_2026(jan=2_000_000, feb=2_000_000, mar=2_000_000, apr=2_000_000, may=2_000_000, jun=2_000_000)
    assert growth(old + now) == growth(now)
    assert classify(old + now) == "ordinary"


def test_the_window_runs_across_the_new_year() -> None:
    # One month apart in November-December and in December-January alike.
    result = growth([("2026-11", 1_000_000), ("2026-12", 1_100_000), ("2027-01", 1_200_000)])
    assert (result.window, result.trend) == (("2026-08", "2027-01"), 100_000)
    assert result.sentence.id == "Laba bersih naik rata-rata 9,1 % per bulan dari 3 laporan (Agu 2026-Jan 2027)"


def test_a_month_given_twice_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="twice"):
        classify([("2026-01", 1), ("2026-02", 1), ("2026-02", 2)])
    with pytest.raises(ValueError, match="twice"):
        growth([("2026-02", 1), ("2026-02", 1)])


# What the officer reads.

FIVE_REPORTS = year_2026(may=916_000, jun=958_000, jul=1_000_000, aug=1_042_000, oct=1_126_000)


@pytest.mark.parametrize(
    ("reports", "bahasa", "english"),
    [
        (
            FIVE_REPORTS,
            "Laba bersih naik rata-rata 4,2 % per bulan dari 5 laporan (Mei-Okt 2026)",
            "Net profit rises by 4.2 % a month on average, from 5 reports (May-Oct 2026)",
        ),
        (
            year_2026(oct=1_100_000, nov=1_000_000, dec=900_000),
            "Laba bersih turun rata-rata 10,0 % per bulan dari 3 laporan (Jul-Des 2026)",
            "Net profit falls by 10.0 % a month on average, from 3 reports (Jul-Dec 2026)",
        ),
        (
            year_2026(jan=1_000_000, feb=-200_000, mar=-100_000),
            "Usaha tidak untung: laba bersih -Rp 100.000 per bulan (nilai tengah 3 laporan terakhir), "
            "dari 3 laporan (Okt 2025-Mar 2026)",
            "The business makes no profit: -Rp 100,000 net a month (median of the last 3 reports), "
            "from 3 reports (Oct 2025-Mar 2026)",
        ),
        (
            year_2026(apr=0, may=0, jun=0),
            "Usaha tidak untung: laba bersih Rp 0 per bulan (nilai tengah 3 laporan terakhir), "
            "dari 3 laporan (Jan-Jun 2026)",
            "The business makes no profit: Rp 0 net a month (median of the last 3 reports), "
            "from 3 reports (Jan-Jun 2026)",
        ),
        (
            year_2026(apr=3_000_000, may=3_000_000, jun=3_000_000),
            "Laba bersih Rp 3.000.000 per bulan (nilai tengah 3 laporan terakhir), relatif tetap, "
            "dari 3 laporan (Jan-Jun 2026)",
            "Net profit is Rp 3,000,000 a month (median of the last 3 reports), about steady, "
            "from 3 reports (Jan-Jun 2026)",
        ),
        (
            year_2026(apr=1_020_000, may=1_000_000, jun=980_000),
            "Laba bersih hanya Rp 1.000.000 per bulan (nilai tengah 3 laporan terakhir), "
            "turun 2,0 % per bulan, dari 3 laporan (Jan-Jun 2026)",
            "Net profit is only Rp 1,000,000 a month (median of the last 3 reports), "
            "falling by 2.0 % a month, from 3 reports (Jan-Jun 2026)",
        ),
        (
            year_2026(apr=1_980_000, may=2_000_000, jun=2_020_000),
            "Laba bersih Rp 2.000.000 per bulan (nilai tengah 3 laporan terakhir), naik 1,0 % per bulan, "
            "dari 3 laporan (Jan-Jun 2026)",
            "Net profit is Rp 2,000,000 a month (median of the last 3 reports), rising by 1.0 % a month, "
            "from 3 reports (Jan-Jun 2026)",
        ),
        (
            year_2026(apr=0, may=1_000, jun=10_000_000),
            "Laba bersih naik rata-rata 5.000,0 % per bulan dari 3 laporan (Jan-Jun 2026)",
            "Net profit rises by 5,000.0 % a month on average, from 3 reports (Jan-Jun 2026)",
        ),
        (
            year_2026(may=1, jun=1),
            "Belum cukup data: 2 laporan dalam 6 bulan (Jan-Jun 2026), perlu paling sedikit 3",
            "Not enough data yet: 2 reports in 6 months (Jan-Jun 2026), at least 3 are needed",
        ),
        (
            year_2026(jun=1),
            "Belum cukup data: 1 laporan dalam 6 bulan (Jan-Jun 2026), perlu paling sedikit 3",
            "Not enough data yet: 1 report in 6 months (Jan-Jun 2026), at least 3 are needed",
        ),
        ([], "Belum cukup data: belum ada laporan", "Not enough data yet: there is no report"),
    ],
)
def test_every_class_is_explained_in_both_languages(reports: Reports, bahasa: str, english: str) -> None:
    assert growth(reports).sentence == Sentence(bahasa, english)


def test_the_classes_stand_in_the_order_of_the_dashboard() -> None:
    assert list(GrowthClass) == ["growing", "ordinary", "stagnant", "declining", "insufficient"]


def test_the_evidence_can_be_sent_as_json() -> None:
    encoded = msgspec.json.encode(growth(year_2026(jan=900_000, feb=900_000, mar=900_000)))
    assert b'"level":900000,"trend":0,"scale":900000,"rate":0.0,' in encoded


# Laws.

nets = st.one_of(
    st.integers(-3_000_000_000_000, 1_000_000_000_000),
    st.integers(-400_000, 4_000_000),
    st.integers(-8, 16).map(lambda steps: 250_000 * steps),
)


@st.composite
def some_reports(draw: st.DrawFn, least: int = 0) -> Reports:
    """Up to 12 reports of different months within 14 months, in any order."""
    start = draw(st.integers(month_index("2024-01"), month_index("2026-12")))
    months = draw(st.lists(st.integers(0, 13), min_size=least, max_size=12, unique=True))
    return [(month_name(start + month), draw(nets)) for month in months]


@st.composite
def reports_near_a_threshold(draw: st.DrawFn) -> Reports:
    """A straight line whose slope is 3 % up or 5 % down of its middle, bent by at most 2 rupiah."""
    middle, slope = draw(st.sampled_from([(1_000_000, 30_000), (1_500_000, 45_000), (1_000_000, -50_000)]))
    count = draw(st.integers(3, 6))
    return [
        (
            f"2026-{month + 1:02d}",
            middle + slope * month - slope * (count - 1) // 2 + draw(st.integers(-2, 2)),
        )
        for month in range(count)
    ]


any_reports = some_reports() | reports_near_a_threshold()


def oracle(reports: Reports) -> tuple[str, Fraction | None, Fraction | None, Fraction | None]:
    """The rule read aloud, in fractions: class, level, trend, scale."""
    if not reports:
        return "insufficient", None, None, None

    def position(month: str) -> int:
        year, number = month.split("-")
        return 12 * int(year) + int(number)

    newest = max(position(month) for month, _ in reports)
    used = sorted((position(month), Fraction(net)) for month, net in reports if position(month) > newest - 6)
    if len(used) < 3:
        return "insufficient", None, None, None
    level = statistics.median([net for _, net in used[-3:]])
    trend = statistics.median([(b_net - a_net) / (b - a) for (a, a_net), (b, b_net) in combinations(used, 2)])
    scale = max(abs(statistics.median([net for _, net in used])), Fraction(100_000))
    rate = trend / scale
    if level <= 0 or rate <= Fraction("-0.05"):
        verdict = "declining"
    elif rate >= Fraction("0.03"):
        verdict = "growing"
    elif level >= 1_500_000:
        verdict = "ordinary"
    else:
        verdict = "stagnant"
    return verdict, level, trend, scale


@given(any_reports)
def test_the_class_and_its_evidence_are_those_of_the_rule_read_aloud(reports: Reports) -> None:
    verdict, level, trend, scale = oracle(reports)
    result = growth(reports)
    assert result.growth_class == verdict
    assert result.level == level
    if trend is None or scale is None:
        assert (result.trend, result.scale, result.rate) == (None, None, None)
    else:
        assert result.rate is not None
        assert result.scale == float(scale)
        assert result.trend == float(trend)
        rate = trend / scale
        rounded = abs(Fraction(result.rate) - rate) <= Fraction(1, 20_000) + Fraction(1, 10**9) * abs(rate)
        assert rounded or result.rate in (0.0299, -0.0499)


@given(any_reports)
def test_the_evidence_never_contradicts_the_threshold_that_decided(reports: Reports) -> None:
    result = growth(reports)
    if result.because is None:
        assert result.growth_class is GrowthClass.insufficient
        return
    name, sign, bound = result.because.split()
    value = {"rate": result.rate, "level": result.level}[name]
    assert value is not None
    assert {">=": value >= float(bound), "<=": value <= float(bound), "<": value < float(bound)}[sign]
    assert result.rate is not None
    if result.growth_class in ("ordinary", "stagnant"):
        assert -0.05 < result.rate < 0.03


@given(any_reports)
def test_the_quick_class_is_always_the_explained_one(reports: Reports) -> None:
    assert classify(reports) == growth(reports).growth_class


@given(st.data(), any_reports)
def test_the_order_in_which_reports_arrive_does_not_matter(data: st.DataObject, reports: Reports) -> None:
    assert growth(data.draw(st.permutations(reports))) == growth(reports)


@given(any_reports, nets)
def test_a_report_older_than_the_window_changes_nothing(reports: Reports, net: int) -> None:
    if reports:
        older = month_name(max(month_index(month) for month, _ in reports) - 6)
        others = [report for report in reports if report[0] != older]
        assert growth([*others, (older, net)]) == growth(others)


@given(any_reports, st.integers(-300, 300))
def test_the_same_history_in_other_months_gives_the_same_numbers(reports: Reports, later: int) -> None:
    moved = growth([(month_name(month_index(month) + later), net) for month, net in reports])
    here = growth(reports)
    assert (moved.growth_class, moved.nets, moved.because) == (here.growth_class, here.nets, here.because)
    assert (moved.level, moved.trend, moved.scale, moved.rate) == (
        here.level,
        here.trend,
        here.scale,
        here.rate,
    )


@given(some_reports(least=3), st.integers(-10_000_000, 10_000_000))
def test_a_constant_added_to_every_month_moves_the_level_and_leaves_the_trend(reports: Reports, more: int) -> None:
    here = growth(reports)
    there = growth([(month, net + more) for month, net in reports])
    assert there.trend == here.trend
    if here.level is not None:
        assert there.level == here.level + more


@given(any_reports, st.integers(2, 1000))
@example(year_2026(jan=970_000, feb=1_000_000, mar=1_030_000), 7)
def test_in_another_currency_a_business_above_the_floor_has_the_same_rate(reports: Reports, times: int) -> None:
    here = growth(reports)
    if here.scale is not None and here.scale > 100_000:
        assert growth([(month, net * times) for month, net in reports]).rate == here.rate


# Months.


@pytest.mark.parametrize(
    ("month", "moment", "later"),
    [
        ("2026-10", "2026-10-31T23:59:59+07:00", False),
        ("2026-11", "2026-10-31T23:59:59+07:00", True),
        ("2026-11", "2026-11-01T00:00:00+07:00", False),
        # 17:00 in Greenwich is midnight in Jakarta.
        ("2026-11", "2026-10-31T16:59:59+00:00", True),
        ("2026-11", "2026-10-31T17:00:00+00:00", False),
        # In Jayapura November has begun, in Jakarta it has not.
        ("2026-11", "2026-11-01T01:59:59+09:00", True),
        ("2027-01", "2026-12-31T16:59:59+00:00", True),
        ("2027-01", "2026-12-31T17:00:00+00:00", False),
        ("2025-12", "2026-01-01T00:00:00+07:00", False),
        ("2026-01", "2025-12-15T00:00:00+07:00", True),
    ],
)
def test_a_month_has_begun_when_it_has_begun_in_jakarta(month: str, moment: str, later: bool) -> None:
    assert later_month(month, microseconds(datetime.fromisoformat(moment))) is later


def test_months_can_be_counted() -> None:
    assert month_index("2027-01") - month_index("2026-12") == 1
    assert month_index("2026-10") - month_index("2025-10") == 12
    assert month_name(month_index("2026-12") + 1) == "2027-01"
    assert month_name(month_index("2026-01") - 1) == "2025-12"


@given(st.integers(0, 9999 * 12 + 11))
def test_a_month_survives_being_counted(index: int) -> None:
    assert month_index(month_name(index)) == index
