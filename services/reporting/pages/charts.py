"""Charts as SVG: pure functions over plain numbers. Every chart has its numbers in a table beside it.

Lines are drawn in a box of 1000 by 1000 that the page stretches; words stand outside of it and keep their size.
"""

from collections.abc import Callable, Iterator, Sequence
from math import ceil, floor, log10

from markupsafe import Markup

from services.reporting.history import Number

_BOX = 1000
_TOP, _HEIGHT = 9, 76
"""Of the lines within the picture, in percent; the months stand below them."""
_LEFT = 12
"""Percent of the width kept for the numbers of the axis."""
_MOST_LINES = 4
_SPARK = 100, 20

Point = tuple[int, int]


def sparkline(values: Sequence[Number], text: str) -> Markup:
    """A line without axes and a dot at its end; a month without a value leaves a gap."""
    width, height = _SPARK
    known = [value for value in values if value is not None]
    if not known:
        return Markup("")
    low, span = min(known), (max(known) - min(known)) or 1
    points = _points(values, width - 4, lambda value: 2 + round((height - 4) * (1 - (value - low) / span)))
    last = [point for point in points if point is not None][-1]
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path d="{}"/><path class="end" d="M{} {}h0"/></svg>'
    ).format(width, height, text, _path(points), *last)


def trend(
    values: Sequence[Number],
    before: Sequence[Number],
    years: Sequence[tuple[int, str]],
    write: Callable[[float], str],
    text: str,
    unfinished: int = 0,
) -> Markup:
    """Months as a line, and the same months of the year before as a fainter one.

    `years`: places at which a year begins, with its name. `write`: a number of the axis as text. `unfinished`: so many
    months at the end are; they are hollow, at the end of a broken line.
    """  # fmt: skip
    known = [value for value in (*values, *before, 0) if value is not None]
    ticks = list(axis(min(known), max(known)))
    low, high = ticks[0], ticks[-1]
    span = (high - low) or 1

    def y(value: float) -> int:
        return round(_BOX * (high - value) / span)

    parts = [Markup('<svg class="trend" role="img" aria-label="{}">').format(text)]
    for tick in ticks:
        at = f"{_TOP + _HEIGHT * y(tick) / _BOX:.1f}%"
        name = "zero" if tick == 0 else "rule"
        parts.append(Markup('<line class="{}" x1="0" x2="100%" y1="{}" y2="{}"/>').format(name, at, at))
        parts.append(Markup('<text x="0" y="{}" dy="-0.3em">{}</text>').format(at, write(tick)))
    for place, year in years:
        at = f"{_LEFT + (100 - _LEFT) * (place + 0.5) / len(values):.1f}%"
        bottom = f"{_TOP + _HEIGHT}%"
        parts.append(Markup('<line class="year" x1="{}" x2="{}" y1="{}" y2="100%"/>').format(at, at, bottom))
        parts.append(Markup('<text x="{}" y="100%" dx="0.35em" dy="-0.35em">{}</text>').format(at, year))
    parts.append(
        Markup('<svg x="{}%" y="{}%" width="{}%" height="{}%" viewBox="0 0 {} {}" preserveAspectRatio="none">').format(
            _LEFT, _TOP, 100 - _LEFT, _HEIGHT, _BOX, _BOX
        )
    )
    complete = len(values) - unfinished
    points, earlier = _points(values, _BOX, y), _points(before, _BOX, y)
    lines = [("before", earlier), ("now", points[:complete])]
    if any(points[complete:]):
        known_before = [place for place in range(complete) if points[place] is not None]
        lines.append(("running", points[known_before[-1] if known_before else complete :]))
    for name, line in lines:
        parts.append(Markup('<path class="{}" d="{}"/>').format(name, _path(line)))
    ends = [point for point in (points[complete:] if unfinished else points) if point is not None]
    marks = ("end", "hole") if unfinished else ("end",)
    path = Markup('<path class="{}" d="M{} {}h0"/>')
    parts.extend(path.format(mark, *point) for point in ends[-max(unfinished, 1) :] for mark in marks)
    parts.append(Markup("</svg></svg>"))
    return Markup("").join(parts)


def axis(low: float, high: float) -> Iterator[float]:
    """Round numbers from at or below `low` to at or above `high`, about five, zero among them.

    Whole, for what is counted is whole.
    """
    low, high = min(low, 0), max(high, 0)
    raw = max((high - low) / _MOST_LINES, 1)
    size = 10 ** floor(log10(raw))
    step = next(size * nice for nice in (1, 2, 2.5, 5, 10) if size * nice >= raw and size * nice % 1 == 0)
    value = -ceil(-low / step) * step
    while True:
        yield value
        if value >= high:
            return
        value += step


def january(months: Sequence[str]) -> list[tuple[int, str]]:
    """Where years begin among months YYYY-MM, but for one too near to the end to be written."""
    starts = [(place, month[:4]) for place, month in enumerate(months) if month.endswith("-01")]
    return [(place, year) for place, year in starts if place < 0.9 * len(months)]


def _points(values: Sequence[Number], width: int, y: Callable[[float], int]) -> list[Point | None]:
    return [
        None if value is None else (round(width * (place + 0.5) / len(values)), y(value))
        for place, value in enumerate(values)
    ]


def _path(points: Sequence[Point | None]) -> str:
    """A line through the points, lifted over gaps; a point between two gaps is a dot."""
    parts, drawing = [], False
    for place, point in enumerate(points):
        if point is None:
            drawing = False
            continue
        alone = not drawing and (place + 1 == len(points) or points[place + 1] is None)
        parts.append(f"{'L' if drawing else 'M'}{point[0]} {point[1]}{'h0' if alone else ''}")
        drawing = True
    return "".join(parts)
