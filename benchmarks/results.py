"""What a measurement hands back, and the table all of them are shown in: Markdown, to be pasted as it is."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.box import MARKDOWN
from rich.table import Table


@dataclass(frozen=True)
class Sizes:
    """How much of everything. The defaults are the real thing; QUICK only shows that all of it runs."""

    events: int = 500_000
    businesses: int = 50_000
    single: int = 3_000
    """Events for the run with one event per transaction."""
    districts: int = 38
    rate: int = 1_000
    """Events per second while the way to the browser is timed."""
    seconds: float = 30
    """How long each rate is held."""
    reading: float = 10
    """Seconds of dashboard reads of each kind."""
    reports: int = 5_000_000
    """Stored reports, of businesses with 100 months each."""


QUICK = Sizes(events=8_000, businesses=1_000, single=60, districts=3, rate=200, seconds=2, reading=0.5, reports=20_000)


@dataclass(frozen=True)
class Bench:
    """What one measurement is told."""

    sizes: Sizes
    repeat: int
    say: Callable[[str], None]
    """Shows what is going on, in place of what was shown before."""


@dataclass(frozen=True)
class Figure:
    """One line of the table: the median of its samples, and how they spread."""

    name: str
    samples: Sequence[float]
    unit: str
    ratio: float | None = None
    goal: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)


def table(figures: Iterable[Figure]) -> Table:
    shown = Table("measurement", "median", "least … most", "ratio", "goal", box=MARKDOWN)
    for it in figures:
        spread = f"{_number(min(it.samples))} … {_number(max(it.samples))}" if len(it.samples) > 1 else ""
        ratio = "" if it.ratio is None else f"{_number(it.ratio)} x"
        shown.add_row(it.name, f"{_number(it.median)} {it.unit}".strip(), spread, ratio, it.goal)
    return shown


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """How many times theirs ours is, by the medians; None where theirs is nothing."""
    return statistics.median(ours) / statistics.median(theirs) if any(theirs) else None


def _number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
