"""Cells of the dashboard as rows and shapes: pure functions over plain values."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from services.reporting import rules
from services.reporting.views import CLASSES, COUNTED
from shared.events.districts import DISTRICTS
from shared.pages.wording import Format

CHART_MONTHS = 24
CHART_LEAST_MONTHS = 6
NAME = "district"
"""The column of titles, beside those of numbers."""
GRANT_ORDER = ("requested", "verified", "approved", "disbursed", "handed_over", "rejected", "cancelled")
"""As a grant lives; the two ways out last."""

Cell = dict[str, dict[str, Any]]


class Column(NamedTuple):
    """One column of the table of districts: where its number stands in a cell, and the format of `Words`."""

    key: str
    part: str
    format: Format


class Row(NamedTuple):
    code: str
    title: str
    values: tuple[float | None, ...]
    """In the order of COLUMNS; None where there is nothing to measure, which is not zero."""


COLUMNS = (
    Column("ex_client", "beneficiaries", "number"),
    Column("reports", "income", "number"),
    Column("reporting_rate", "income", "percent"),
    *(Column(name, "growth", "number") for name in CLASSES),
    Column("net_profit_median", "income", "finer_millions"),
    Column("net_profit", "income", "millions"),
    *(Column(name, "rupiah", "millions") for name in ("budget", "committed", "disbursed", "remaining")),
)
_UNMEASURED = {
    "net_profit_median": ("income", "reports"),
    "net_profit": ("income", "reports"),
    "reporting_rate": ("beneficiaries", COUNTED),
}
"""What a number is made of: without any it is unknown."""


@lru_cache(maxsize=256)
def _decoded(raw: bytes) -> Cell:
    return msgspec.json.decode(raw, type=dict[str, dict[str, Any]])


def read_cell(raw: msgspec.Raw) -> Cell:
    return _decoded(bytes(raw))


def make_row(code: str, cell: Cell) -> Row:
    title = DISTRICTS[code].title if code else ""
    return Row(code, title, tuple(_value(cell, column) for column in COLUMNS))


def _value(cell: Cell, column: Column) -> float | None:
    part, name = _UNMEASURED.get(column.key, ("", ""))
    if part and not cell[part][name]:
        return None
    value: float = cell[column.part][column.key]
    return value


def sorted_rows(rows: list[Row], sort: str | None) -> list[Row]:
    """By `sort`, a column's key with `-` before it for descending; unknown numbers last. Else by code."""
    name = (sort or "").removeprefix("-")
    falling = (sort or "").startswith("-")
    if name == NAME:
        return sorted(rows, key=lambda row: row.title, reverse=falling)
    place = next((place for place, column in enumerate(COLUMNS) if column.key == name), None)
    if place is None:
        return rows
    unknown = [row for row in rows if row.values[place] is None]
    known = [row for row in rows if row.values[place] is not None]
    return sorted(known, key=lambda row: row.values[place] or 0, reverse=falling) + unknown


# Shapes: whole numbers in a box of 1000, which the page stretches


class Segment(NamedTuple):
    name: str
    x: int
    width: int


class Bar(NamedTuple):
    x: int
    y: int
    height: int
    gain: bool


class Chart(NamedTuple):
    bars: tuple[Bar, ...]
    slot: int
    """The width of one month."""
    zero: int
    """The y of zero rupiah."""
    first: str
    last: str
    """Months, YYYY-MM."""
    best: dict[str, Any]
    worst: dict[str, Any]


def segments(parts: Sequence[tuple[str, int]]) -> list[Segment]:
    """Shares of one bar, side by side, without those that are nothing."""
    total = sum(count for _, count in parts)
    found, before = [], 0
    for name, count in parts:
        left, right = (1000 * edge // total if total else 0 for edge in (before, before + count))
        if count:
            found.append(Segment(name, left, right - left))
        before += count
    return found


def net_chart(reports: Sequence[dict[str, Any]]) -> Chart | None:
    """Net profit by month; a month without a report leaves its place empty."""
    if not reports:
        return None
    last = rules.month_index(reports[-1]["month"])
    shown = [report for report in reports if rules.month_index(report["month"]) > last - CHART_MONTHS]
    first = min(rules.month_index(shown[0]["month"]), last - CHART_LEAST_MONTHS + 1)
    nets = [report["net_profit"] for report in shown]
    top, bottom = max(0, *nets), min(0, *nets)
    span = (top - bottom) or 1
    slot = 1000 // (last - first + 1)
    bars = []
    for report in shown:
        place, net = rules.month_index(report["month"]) - first, report["net_profit"]
        y, height = 1000 * (top - max(net, 0)) // span, 1000 * abs(net) // span
        bars.append(Bar(place * slot, y, max(height, 4), net >= 0))
    ordered = sorted(shown, key=lambda report: report["net_profit"])
    return Chart(
        tuple(bars),
        slot,
        1000 * top // span,
        rules.month_name(first),
        rules.month_name(last),
        best=ordered[-1],
        worst=ordered[0],
    )
