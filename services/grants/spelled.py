"""Numbers, money and days in the words of an Indonesian letter."""

from datetime import date

from babel.dates import format_date
from babel.numbers import format_decimal

_ONES = (
    "nol",
    "satu",
    "dua",
    "tiga",
    "empat",
    "lima",
    "enam",
    "tujuh",
    "delapan",
    "sembilan",
    "sepuluh",
    "sebelas",
)
_UNITS = ((10**12, "triliun"), (10**9, "miliar"), (10**6, "juta"), (1000, "ribu"), (100, "ratus"), (10, "puluh"))
LIMIT = 10**15
"""Below this a number has words."""


def terbilang(number: int) -> str:
    """A whole number from 0 in words: 1_001_000 is `satu juta seribu`. ValueError from LIMIT on."""
    if not 0 <= number < LIMIT:
        raise ValueError("no words for such a number")
    if number < len(_ONES):
        return _ONES[number]
    if number < 20:
        return f"{_ONES[number - 10]} belas"
    size, unit = next((size, unit) for size, unit in _UNITS if number >= size)
    count, rest = divmod(number, size)
    head = f"se{unit}" if count == 1 and unit in ("ratus", "ribu") else f"{terbilang(count)} {unit}"
    return f"{head} {terbilang(rest)}" if rest else head


def rupiah(amount: int) -> str:
    """`Rp3.000.000`."""
    return format_decimal(amount, format="'Rp'#,##0", locale="id")


def rupiah_in_words(amount: int) -> str:
    """`Rp3.000.000 (tiga juta rupiah)`."""
    return f"{rupiah(amount)} ({terbilang(amount)} rupiah)"


def day(on: date) -> str:
    """`25 November 2026`."""
    return format_date(on, "d MMMM y", locale="id")


def day_in_words(on: date) -> str:
    """As a berita acara begins: `Rabu tanggal dua puluh lima bulan November tahun dua ribu dua puluh enam`."""
    weekday, month = format_date(on, "EEEE", locale="id"), format_date(on, "MMMM", locale="id")
    return f"{weekday} tanggal {terbilang(on.day)} bulan {month} tahun {terbilang(on.year)}"
