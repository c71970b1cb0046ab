"""The growth class of a business by a versioned rule, in whole numbers: no rounding decides a threshold."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec

from services.reporting.rule_versions import GrowthRule
from shared.events.receipts import Sentence

SILENT_DAYS = 7
"""A district of which nothing was heard for more days than this is silent."""

_EPOCH = date(1970, 1, 1)
_DAY_US = 24 * 60 * 60 * 1_000_000
_JAKARTA_US = 7 * 60 * 60 * 1_000_000
MONTH_NAMES = {
    "id": ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}
TO_INDONESIAN = str.maketrans(",.", ".,")

LEVEL_GONE = "level <= 0"


class GrowthClass(StrEnum):
    """The order is that of the dashboard."""

    growing = "growing"
    ordinary = "ordinary"
    stagnant = "stagnant"
    declining = "declining"
    insufficient = "insufficient"


class Growth(msgspec.Struct, frozen=True):
    """The class with the evidence for it (UU 27/2022 Art. 34). Numbers are ints where they are whole.

    `level`, `nets` and `scale` are rupiah a month, `trend` rupiah a month per month, `rate` its share of
    `scale`, to 4 decimals and never rounded onto a threshold it did not reach. `level`, `trend`, `scale`,
    `rate` and `because` are None when insufficient; `window` is None when there is no report at all.
    """

    growth_class: GrowthClass
    window: tuple[str, str] | None
    months: tuple[str, ...]
    nets: tuple[int, ...]
    level: int | None
    trend: int | float | None
    scale: int | float | None
    rate: float | None
    because: str | None
    rule_version: int
    sentence: Sentence


class Override(NamedTuple):
    """A class an officer put in place of the computed one. Months as `month_index`."""

    growth_class: GrowthClass
    until: int
    """It counts while no later month is reported: its end comes with a report, never with a clock."""
    placed: int
    """The newest reported month when it was placed."""

    def counts(self, newest: int) -> bool:
        """Does it stand beside reports whose newest month this is?"""
        return newest <= self.until


class _Measured(NamedTuple):
    level: int
    """Rupiah."""
    trend: int
    """Halves of 1/`parts` of a rupiah per month: the mean of two slopes may end in a half."""
    scale: int
    """Halves of a rupiah."""
    base: int
    """`scale` in the unit of `trend`: the rate is exactly trend / base."""


def classify(reports: Sequence[tuple[int, int]], rule: GrowthRule) -> GrowthClass:
    """The class alone, for a batch of thousands: always that of `growth`, without the evidence."""
    points = _in_window(reports, rule)
    if len(points) < rule.reports_needed:
        return GrowthClass.insufficient
    return _decide(_measure(points, rule), rule)[0]


def growth(reports: Sequence[tuple[int, int]], rule: GrowthRule) -> Growth:
    """The class of one business with its evidence.

    `reports`: (`month_index`, net profit in rupiah) of the newest revision of each month, in any order.
    ValueError when a month is there twice.
    """
    points = _in_window(reports, rule)
    window = (points[-1][0] - rule.window_months + 1, points[-1][0]) if points else None
    named = (month_name(window[0]), month_name(window[1])) if window else None
    months = tuple([month_name(index) for index, _ in points])
    nets = tuple([net for _, net in points])
    if window is None or len(points) < rule.reports_needed:
        return Growth(
            GrowthClass.insufficient,
            named,
            months,
            nets,
            level=None,
            trend=None,
            scale=None,
            rate=None,
            because=None,
            rule_version=rule.version,
            sentence=_insufficient_sentence(len(points), window, rule),
        )
    measured = _measure(points, rule)
    growth_class, because = _decide(measured, rule)
    return Growth(
        growth_class,
        named,
        months,
        nets,
        level=measured.level,
        trend=_divide(measured.trend, 2 * rule.arithmetic.parts),
        scale=_divide(measured.scale, 2),
        rate=_shown_rate(measured, rule, 10_000) / 10_000,
        because=because,
        rule_version=rule.version,
        sentence=_sentence(growth_class, because, measured, rule, len(points), window),
    )


def later_month(month: str, moment_us: int) -> bool:
    """Is the month after this moment, in microseconds since 1970? Then its report is rejected, `future_month`.

    A month begins at midnight in Jakarta (UTC+7, the time of all East Java), whatever offset was written.
    """
    return month_index(month) > _month_on((moment_us + _JAKARTA_US) // _DAY_US)


@lru_cache(maxsize=4096)
def _month_on(day: int) -> int:
    """The index of the month of a day, in days since 1970."""
    found = _EPOCH + timedelta(days=day)
    return found.year * 12 + found.month - 1


@lru_cache(maxsize=4096)
def month_index(month: str) -> int:
    """Months since January of year 0, so that months can be subtracted. `month` is `YYYY-MM`."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


@lru_cache(maxsize=4096)
def month_name(index: int) -> str:
    """`YYYY-MM`: the month that has this `month_index`."""
    year, month = divmod(index, 12)
    return f"{year:04d}-{month + 1:02d}"


def _in_window(reports: Sequence[tuple[int, int]], rule: GrowthRule) -> list[tuple[int, int]]:
    """(month index, net) of the reports in the window, oldest first."""
    points = sorted(dict(reports).items())
    if len(points) != len(reports):
        raise ValueError("a month is reported twice: pass the newest revision only")
    if not points:
        return points
    start = points[-1][0] - rule.window_months + 1
    return points if points[0][0] >= start else [point for point in points if point[0] >= start]


def _measure(points: list[tuple[int, int]], rule: GrowthRule) -> _Measured:
    parts, parts_over = rule.arithmetic.parts, rule.arithmetic.parts_over
    nets = [net for _, net in points]
    level = sorted(nets[-rule.level_reports :])[rule.level_reports // 2]
    slopes = []
    for position, (later, later_net) in enumerate(points):
        for earlier, earlier_net in points[:position]:
            slopes.append((later_net - earlier_net) * parts_over[later - earlier])
    scale = max(abs(_twice_the_median(nets)), 2 * rule.scale_floor)
    return _Measured(level, _twice_the_median(slopes), scale, parts * scale)


def _twice_the_median(values: list[int]) -> int:
    """Twice, because the mean of the middle two may end in a half. Sorts `values` in place."""
    values.sort()
    return values[(len(values) - 1) // 2] + values[len(values) // 2]


def _decide(measured: _Measured, rule: GrowthRule) -> tuple[GrowthClass, str]:
    """The class and the threshold that decided; where level and rate both say declining, the level."""
    level, trend, _, base = measured
    exact = rule.arithmetic
    if level <= 0:
        return GrowthClass.declining, LEVEL_GONE
    if trend * exact.declining_bottom <= exact.declining_top * base:
        return GrowthClass.declining, rule.thresholds.declining
    if trend * exact.growing_bottom >= exact.growing_top * base:
        return GrowthClass.growing, rule.thresholds.growing
    if level >= rule.ordinary_level:
        return GrowthClass.ordinary, rule.thresholds.ordinary
    return GrowthClass.stagnant, rule.thresholds.stagnant


def _divide(top: int, bottom: int) -> int | float:
    return top / bottom if top % bottom else top // bottom


def _shown_rate(measured: _Measured, rule: GrowthRule, parts: int) -> int:
    """The rate in 1/parts, to the nearest, halves away from zero.

    A rate just short of a threshold stays short of it: 0.03 beside `stagnant` would explain nothing.
    """
    _, trend, _, base = measured
    exact = rule.arithmetic
    size = (2 * abs(trend) * parts + base) // (2 * base)
    if trend >= 0:
        short = trend * exact.growing_bottom < exact.growing_top * base
        return min(size, _below(exact.growing_top, exact.growing_bottom, parts)) if short else size
    short = trend * exact.declining_bottom > exact.declining_top * base
    return -min(size, _below(-exact.declining_top, exact.declining_bottom, parts)) if short else -size


def _below(top: int, bottom: int, parts: int) -> int:
    """The greatest whole number of 1/parts that is less than top/bottom."""
    return (top * parts - 1) // bottom


def _sentence(
    growth_class: GrowthClass,
    because: str,
    measured: _Measured,
    rule: GrowthRule,
    reports: int,
    window: tuple[int, int],
) -> Sentence:
    tenths = _shown_rate(measured, rule, 1000)
    whole, tenth = divmod(abs(tenths), 10)
    percent = f"{whole:,}.{tenth} %"
    rupiah = f"{'-' if measured.level < 0 else ''}Rp {abs(measured.level):,}"
    percent_id, rupiah_id = percent.translate(TO_INDONESIAN), rupiah.translate(TO_INDONESIAN)
    from_id = f"dari {reports} laporan ({_span(window, 'id')})"
    from_en = f"from {reports} reports ({_span(window, 'en')})"
    if because == LEVEL_GONE:
        return Sentence(
            f"Usaha tidak untung: laba bersih {rupiah_id} per bulan "
            f"(nilai tengah {rule.level_reports} laporan terakhir), {from_id}",
            f"The business makes no profit: {rupiah} net a month "
            f"(median of the last {rule.level_reports} reports), {from_en}",
        )
    if because.startswith("rate"):
        moves_id, moves_en = ("naik", "rises") if tenths > 0 else ("turun", "falls")
        return Sentence(
            f"Laba bersih {moves_id} rata-rata {percent_id} per bulan {from_id}",
            f"Net profit {moves_en} by {percent} a month on average, {from_en}",
        )
    if tenths == 0:
        moves_id, moves_en = "relatif tetap", "about steady"
    elif tenths > 0:
        moves_id, moves_en = f"naik {percent_id} per bulan", f"rising by {percent} a month"
    else:
        moves_id, moves_en = f"turun {percent_id} per bulan", f"falling by {percent} a month"
    only_id, only_en = ("hanya ", "only ") if growth_class is GrowthClass.stagnant else ("", "")
    return Sentence(
        f"Laba bersih {only_id}{rupiah_id} per bulan (nilai tengah {rule.level_reports} laporan terakhir), "
        f"{moves_id}, {from_id}",
        f"Net profit is {only_en}{rupiah} a month (median of the last {rule.level_reports} reports), "
        f"{moves_en}, {from_en}",
    )


def _insufficient_sentence(reports: int, window: tuple[int, int] | None, rule: GrowthRule) -> Sentence:
    if window is None:
        return Sentence("Belum cukup data: belum ada laporan", "Not enough data yet: there is no report")
    return Sentence(
        f"Belum cukup data: {reports} laporan dalam {rule.window_months} bulan ({_span(window, 'id')}), "
        f"perlu paling sedikit {rule.reports_needed}",
        f"Not enough data yet: {reports} {'report' if reports == 1 else 'reports'} in {rule.window_months} months "
        f"({_span(window, 'en')}), at least {rule.reports_needed} are needed",
    )


def _span(window: tuple[int, int], language: str) -> str:
    """`Mei-Okt 2026`, or `Nov 2026-Apr 2027` across the year."""
    names = MONTH_NAMES[language]
    (first_year, first), (last_year, last) = divmod(window[0], 12), divmod(window[1], 12)
    first_name = names[first] if first_year == last_year else f"{names[first]} {first_year}"
    return f"{first_name}-{names[last]} {last_year}"
