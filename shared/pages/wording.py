"""The words and numbers of the pages: every string has both languages, and a number becomes text here only."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from babel import Locale
from babel.dates import format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from shared.events.receipts import Sentence

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


Catalogue = dict[str, tuple[str, ...]]
"""`section.name` to its forms, that for exactly one first where the language has one. A form that is empty, or marked
fuzzy, is missing: the check fails."""


def read_catalogues(folder: Path) -> dict[Language, Catalogue]:
    """The Babel catalogues of a package, by language."""
    return {language: _read(folder / language / "LC_MESSAGES" / "berdaya.po", language) for language in LANGUAGES}


def _read(path: Path, language: Language) -> Catalogue:
    with path.open(encoding="utf-8") as lines:
        catalogue = read_po(lines, locale=language, abort_invalid=True)
    found = {}
    for message in catalogue:
        if message.id and message.string and not message.fuzzy:
            key, forms = message.id, message.string
            found[key if isinstance(key, str) else key[0]] = (forms,) if isinstance(forms, str) else tuple(forms)
    return found


class Words:
    """One language. Call it with a key for a sentence; its methods format numbers, money and time."""

    def __init__(self, language: Language, forms: Catalogue) -> None:
        self.language: Language = language
        self._forms = forms
        self._names = Locale(language).months["format"]["abbreviated"]

    def __contains__(self, key: str) -> bool:
        return key in self._forms

    def __call__(self, key: str, *, one: bool = False, **values: object) -> str:
        """The sentence with its values. KeyError when the catalogue has no such key or a value is missing."""
        forms = self._forms[key]
        return forms[0 if one else -1].format(**values)

    def say(self, sentence: Sentence) -> str:
        """One that has both languages by itself, such as a refusal's."""
        text: str = getattr(sentence, self.language)
        return text

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


SHARED = read_catalogues(Path(__file__).parent / "locale")
"""What the pages of every service say."""


def words_of(folder: Path) -> Mapping[Language, Words]:
    """Both languages of a service, whose own catalogues are in this folder."""
    own = read_catalogues(folder)
    return {language: Words(language, SHARED[language] | own[language]) for language in LANGUAGES}


@lru_cache(maxsize=16_384)
def _decimal(value: float | Decimal, pattern: str, language: Language) -> str:
    return format_decimal(value, format=pattern, locale=language)
