"""What came of the money: one definition of profit and jobs per rupiah granted. Exact; only `shown` rounds.

It measures; it does not prove. There is nobody here to compare with who was given nothing.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import NamedTuple

from shared.events.receipts import Sentence

MONTHS_BEFORE = 3
RATIO_PLACES = 4
JOBS_PLACES = 12
"""A job costs millions: per rupiah it needs many places."""

CAVEAT = Sentence(
    "Angka ini membandingkan sebelum dan sesudah serah terima; ia tidak membuktikan bahwa bantuan adalah sebabnya. "
    "Tidak ada kelompok pembanding, musim dan harga ikut berubah, dan usaha yang tutup biasanya tidak melapor: "
    "lihat jumlah yang tidak terukur.",
    "These figures compare before and after the handover; they do not prove that the aid is the cause. There is no "
    "group to compare with, seasons and prices change too, and businesses that closed mostly do not report: see how "
    "many could not be measured.",
)


class After(IntEnum):
    """Months from that of the handover to the one that is measured."""

    half_a_year = 6
    a_year = 12


class By(StrEnum):
    """What rows are told apart by. A person with several trades is in the row of each, and once in the total."""

    kind = "kind"
    trade = "trade"
    district = "district"


class Month(NamedTuple):
    """What one report says: rupiah, people."""

    net_profit: int
    employees: int


class Handover(NamedTuple):
    """One grant in the hands of a person, and the reports that measure it. `amount` in rupiah.

    `after` is the report of exactly the month so many months after that of the handover, None where there is none;
    `due`: has that month been reported by anybody? `before` are those of the three months before the handover.
    `granted` is all that was handed over to the person by the measured month, this grant included.
    """

    kind: str
    trades: tuple[str, ...]
    district: str
    amount: int
    granted: int
    due: bool
    after: Month | None
    before: tuple[Month, ...]

    def share(self, value: int | Fraction) -> int | Fraction:
        """Of what the business earns: a person with two grants is one business, whose profit is not counted twice."""
        if self.granted == self.amount:  # nearly always, and whole numbers are a tenth of the work
            return value
        return value * Fraction(self.amount, self.granted)


class Measured(NamedTuple):
    """Grants together. Money in rupiah, profit in rupiah a month, jobs in people."""

    grants: int
    """Those measured."""
    unmeasured: int
    """Those whose month has no report."""
    too_early: int
    """Those whose month nobody has reported yet."""
    granted: int
    """Of those measured."""
    net_profit: Fraction
    jobs: Fraction
    compared: int
    """Of those measured, the ones with a report from before."""
    profit_before: Fraction
    profit_after: Fraction
    jobs_before: Fraction
    jobs_after: Fraction

    @property
    def profit_per_rupiah(self) -> Fraction | None:
        return self.net_profit / self.granted if self.granted else None

    @property
    def jobs_per_rupiah(self) -> Fraction | None:
        return self.jobs / self.granted if self.granted else None


def median(values: Sequence[int]) -> int | Fraction:
    """Of an even count the mean of the middle two. ValueError of none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there is no median of nothing")
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else Fraction(ordered[middle - 1] + ordered[middle], 2)


def measure(handovers: Iterable[Handover]) -> Measured:
    """All of them together; none is counted that has no report in its month."""
    found = list(handovers)
    done = [(one, one.after) for one in found if one.after is not None]
    both = [(one, after) for one, after in done if one.before]
    early = sum(not one.due for one in found if one.after is None)
    return Measured(
        grants=len(done),
        unmeasured=len(found) - len(done) - early,
        too_early=early,
        granted=sum(one.amount for one, _ in done),
        net_profit=_sum(one.share(after.net_profit) for one, after in done),
        jobs=_sum(one.share(after.employees) for one, after in done),
        compared=len(both),
        profit_before=_sum(one.share(median([month.net_profit for month in one.before])) for one, _ in both),
        profit_after=_sum(one.share(after.net_profit) for one, after in both),
        jobs_before=_sum(one.share(median([month.employees for month in one.before])) for one, _ in both),
        jobs_after=_sum(one.share(after.employees) for one, after in both),
    )


def rows_by(by: By, handovers: Iterable[Handover]) -> dict[str, list[Handover]]:
    """The grants of each row, by its name. A person of no trade is in the row ''."""
    rows: dict[str, list[Handover]] = {}
    for one in handovers:
        names = {By.kind: (one.kind,), By.district: (one.district,), By.trade: one.trades or ("",)}[by]
        for name in names:
            rows.setdefault(name, []).append(one)
    return dict(sorted(rows.items()))


def shown(value: Fraction | None, places: int) -> Decimal | None:
    """To so many decimals, half to even: the only place that rounds."""
    if value is None:
        return None
    unit = 10**places
    return Decimal(round(value * unit)).scaleb(-places)


def _sum(values: Iterable[int | Fraction]) -> Fraction:
    """By denominators first: nearly all are 1 or 2, and adding those is adding whole numbers."""
    tops: dict[int, int] = {}
    for value in values:
        tops[value.denominator] = tops.get(value.denominator, 0) + value.numerator
    return sum((Fraction(top, bottom) for bottom, top in tops.items()), Fraction(0))
