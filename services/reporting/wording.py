"""The words and numbers of the pages: every string has both languages, and a number becomes text here only."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from babel import Locale
from babel.dates import format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

Language = Literal["id", "en"]
Format = Literal["number", "percent", "whole_percent", "rupiah", "about", "millions", "finer_millions"]
LANGUAGES: tuple[Language, ...] = ("id", "en")
"""The first is the one of the office, and the default."""

_WIB = timezone(timedelta(hours=7))
_RUPIAH = "'Rp'#,##0"
_NO_BREAK = "\u00a0"
_SIZES = ((10**12, "unit.trillion"), (10**9, "unit.billion"), (10**6, "unit.million"))
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_CLOCK = {"id": "d MMM y, HH.mm.ss", "en": "d MMM y, HH:mm:ss"}


def _read(language: Language) -> dict[str, tuple[str, ...]]:
    """One Babel catalogue: each key to its forms, that for exactly one first where the language has one."""
    path = Path(__file__).parent / "locale" / language / "LC_MESSAGES" / "berdaya.po"
    with path.open(encoding="utf-8") as lines:
        catalogue = read_po(lines, locale=language, abort_invalid=True)
    found = {}
    for message in catalogue:
        if message.id and message.string and not message.fuzzy:
            key, forms = message.id, message.string
            found[key if isinstance(key, str) else key[0]] = (forms,) if isinstance(forms, str) else tuple(forms)
    return found


CATALOGUES: dict[Language, dict[str, tuple[str, ...]]] = {language: _read(language) for language in LANGUAGES}
"""`section.name` to its forms, by language. A form that is empty, or marked fuzzy, is missing: the check fails."""


class Words:
    """One language. Call it with a key for a sentence; its methods format numbers, money and time."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._forms = CATALOGUES[language]
        self._names = Locale(language).months["format"]["abbreviated"]

    def __contains__(self, key: str) -> bool:
        return key in self._forms

    def __call__(self, key: str, *, one: bool = False, **values: object) -> str:
        """The sentence with its values. KeyError when the catalogue has no such key or a value is missing."""
        forms = self._forms[key]
        return forms[0 if one else -1].format(**values)

    def number(self, value: int | float) -> str:
        return _decimal(value, "#,##0", self.language)

    def percent(self, ratio: float) -> str:
        return _decimal(ratio, "#,##0.0%", self.language)

    def signed_percent(self, ratio: float) -> str:
        """A change: `+12%`, `-3%`."""
        return ("+" if ratio > 0 else "") + self.whole_percent(ratio)

    def whole_percent(self, ratio: float) -> str:
        """Where there is little room: `85%`."""
        return _decimal(ratio, "#,##0%", self.language)

    def rupiah(self, value: int | float) -> str:
        """Whole rupiah: `Rp3.000.000`."""
        return _decimal(value, _RUPIAH, self.language)

    def about(self, value: int | float) -> str:
        """Three digits of a large sum, its unit in full: `Rp1,25 miliar`; whole rupiah below a million."""
        for size, unit in _SIZES:
            scaled = Decimal(value) / size
            if abs(scaled) >= Decimal("0.9995"):
                places = 2 if abs(scaled) < Decimal("9.995") else 1 if abs(scaled) < Decimal("99.95") else 0
                return _decimal(round(scaled, places), "'Rp'#,##0.##", self.language) + _NO_BREAK + self(unit)
        return self.rupiah(value)

    def millions(self, value: int | float) -> str:
        """For a column headed `juta rupiah`: `1.250,0`."""
        return _decimal(Decimal(value) / 10**6, "#,##0.0", self.language)

    def finer_millions(self, value: int | float) -> str:
        """As `millions`, for what one business earns: `2,45`."""
        return _decimal(Decimal(value) / 10**6, "#,##0.00", self.language)

    def format(self, name: Format, value: int | float) -> str:
        """One of the formats above, by its name."""
        text: str = getattr(self, name)(value)
        return text

    def month(self, month: str) -> str:
        """`2026-10` as `Okt 2026`."""
        return f"{self._names[int(month[5:])]} {month[:4]}"

    def day(self, day: date) -> str:
        """`5 Mar 2026`."""
        return f"{day.day} {self._names[day.month]} {day.year}"

    def day_of(self, day: str) -> str:
        """The same of a day YYYY-MM-DD."""
        return self.day(date.fromisoformat(day))

    def moment(self, moment: datetime) -> str:
        """In WIB, the time of all East Java."""
        local = format_datetime(moment.astimezone(_WIB), _CLOCK[self.language], locale=self.language)
        return self("unit.wib", moment=local)

    def duration(self, seconds: float) -> str:
        """One unit: tenths of a second below ten, whole ones above."""
        if seconds < 10:
            return self("unit.second", one=seconds == 1, n=_decimal(seconds, "0.#", self.language))
        for size, unit in ((_DAY, "unit.day"), (_HOUR, "unit.hour"), (_MINUTE, "unit.minute")):
            if seconds >= 2 * size:
                return self(unit, n=self.number(seconds // size))
        return self("unit.second", n=self.number(seconds))


WORDS: dict[Language, Words] = {language: Words(language) for language in LANGUAGES}


@lru_cache(maxsize=16_384)
def _decimal(value: float | Decimal, pattern: str, language: Language) -> str:
    return format_decimal(value, format=pattern, locale=language)
