"""What people write into a cell, read as what it means. What is wrong is said with its cure, never with the value."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

from shared.events.receipts import Sentence

Value = str | int | float | bool | date | datetime | None
"""As a file has it: a CSV file has texts alone."""
Read = Callable[[Value], object]

MAX_TEXT = 500
_MOST_DIGITS = 15
"""A spreadsheet keeps no more of a number: of a NIK written as one the last digit is lost."""
_GROUPED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,0{1,2})?|[0-9]{1,3}(?:,[0-9]{3})+(?:\.0{1,2})?")
_PLAIN = re.compile(r"[0-9]+(?:[.,]0{1,2})?")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{1,2})|([0-9]{1,2})[/.-]([0-9]{4})")
_REF = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
_BETWEEN = re.compile(r"[,;|\n]")
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})
"""What a spreadsheet writes where a formula came to nothing."""
_NO_LETTER = re.compile(r"[^0-9a-z]+")


class Wrong(Exception):
    """The cell cannot be taken. `code` is stable, `cure` says what to do; neither holds what was written."""

    def __init__(self, code: str, indonesian: str, english: str) -> None:
        super().__init__(code)
        self.code = code
        self.cure = Sentence(indonesian, english)


def is_blank(value: Value) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def text(value: Value, most: int = 200) -> str:
    """Blanks and line ends within become one blank each."""
    if isinstance(value, str) and (value.lstrip().startswith("=") or value.strip() in _ERRORS):
        raise Wrong(
            "formula",
            "Sel ini berisi rumus; salin lalu tempel sebagai nilai.",
            "This cell holds a formula; copy it and paste it as a value.",
        )
    if isinstance(value, bool):
        found = "ya" if value else "tidak"
    elif isinstance(value, float) and value.is_integer():
        found = str(int(value))
    elif isinstance(value, datetime):
        found = value.date().isoformat()
    else:
        found = " ".join(str(value).split())
    if not found.isprintable():
        raise Wrong(
            "unprintable",
            "Sel ini berisi tanda yang tidak terlihat; ketik ulang isinya.",
            "This cell holds characters that cannot be seen; type it again.",
        )
    if not 1 <= len(found) <= most:
        raise Wrong("too_long", f"Tulis paling banyak {most} huruf.", f"Write at most {most} characters.")
    return found


def long_text(value: Value) -> str:
    return text(value, MAX_TEXT)


def ref(value: Value) -> str:
    found = text(value)
    if _REF.fullmatch(found) is None:
        raise Wrong(
            "not_a_reference",
            "Pakai 1 sampai 64 huruf, angka, titik, garis bawah, atau tanda hubung, tanpa spasi.",
            "Use 1 to 64 letters, digits, dots, underscores or hyphens, without blanks.",
        )
    return found


def nik(value: Value) -> str:
    """Whether it can exist is for the registry's own rule to say."""
    lost = isinstance(value, int | float) and abs(value) >= 10**_MOST_DIGITS
    found = text(value)
    if lost or _SCIENTIFIC.fullmatch(found):
        raise Wrong(
            "number_lost",
            "NIK tersimpan sebagai angka; digit akhirnya hilang. Ubah format kolom menjadi Teks, lalu ketik ulang.",
            "The NIK is stored as a number, and its last digits are lost. Make the column Text, then type it again.",
        )
    return found.replace(" ", "").removeprefix("'")


def whole(least: int, most: int) -> Read:
    """A whole number within these bounds, however its thousands are written."""

    def read(value: Value) -> int:
        found = _integer(value)
        if not least <= found <= most:
            raise Wrong(
                "out_of_range",
                f"Isi angka dari {least} sampai {most}.",
                f"Write a number from {least} to {most}.",
            )
        return found

    return read


def _integer(value: Value) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        written = text(value).replace(" ", "").removeprefix("Rp").removeprefix("rp").removeprefix(".")
        if _PLAIN.fullmatch(written):
            return int(re.split(r"[.,]", written)[0])
        if _GROUPED.fullmatch(written):
            return int(re.sub(r"[.,]0{1,2}$|[.,]", "", written))
    raise Wrong(
        "not_a_number",
        "Tulis bilangan bulat, misalnya 1500000 atau 1.500.000.",
        "Write a whole number, such as 1500000 or 1.500.000.",
    )


def day(value: Value) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        written = value.strip()
        if found := _YEAR_FIRST.fullmatch(written):
            return _date(*map(int, found.groups()))
        if found := _DAY_FIRST.fullmatch(written):
            return _date(*(int(part) for part in reversed(found.groups())))
    raise _not_a_date()


def _date(year: int, month: int, number: int) -> date:
    try:
        return date(year, month, number)
    except ValueError:
        raise _not_a_date() from None


def _not_a_date() -> Wrong:
    return Wrong(
        "not_a_date",
        "Tulis tanggal sebagai 2026-04-07 atau 07/04/2026.",
        "Write the date as 2026-04-07 or 07/04/2026 (day first).",
    )


def month(value: Value) -> str:
    """A date stands for its month if it is the first day: a spreadsheet makes such a date of a month."""
    if isinstance(value, str) and (found := _MONTH.fullmatch(value.strip())):
        year, number = (int(part) for part in (found[1] or found[4], found[2] or found[3]))
        if 1 <= number <= 12:
            return f"{year:04}-{number:02}"
    else:
        try:
            first = day(value)
        except Wrong:
            first = None
        if first is not None and first.day == 1:
            return f"{first:%Y-%m}"
    raise Wrong("not_a_month", "Tulis bulan sebagai 2026-04 atau 04/2026.", "Write the month as 2026-04 or 04/2026.")


def _plain(words: str) -> str:
    return _NO_LETTER.sub(" ", words.casefold()).strip()


def choice(words: Mapping[str, object]) -> Read:
    """One of these, by its word in any case and with any signs between its parts."""
    known = {_plain(word): meant for word, meant in words.items()}

    def read(value: Value) -> object:
        found = known.get(_plain(text(value)))
        if found is None:
            raise Wrong(
                "not_in_list",
                "Pilih salah satu isi yang disebut pada lembar Petunjuk.",
                "Choose one of the words named on the sheet Petunjuk.",
            )
        return found

    return read


def several(words: Mapping[str, str], *, most: int, others: bool = False) -> Read:
    """Up to `most` of these, with commas between. `others`: also a slug that is not among them."""
    known = {_plain(word): meant for word, meant in words.items()}

    def read(value: Value) -> tuple[str, ...]:
        parts = [part for part in (_plain(part) for part in _BETWEEN.split(text(value, MAX_TEXT))) if part]
        found = tuple(dict.fromkeys(known.get(part) or (part.replace(" ", "_") if others else "") for part in parts))
        if not all(_SLUG.fullmatch(part) for part in found) or len(found) > most:
            raise Wrong(
                "not_in_list",
                f"Isi paling banyak {most} kata dari lembar Petunjuk, dipisahkan koma.",
                f"Write at most {most} of the words on the sheet Petunjuk, with commas between.",
            )
        return found

    return read
