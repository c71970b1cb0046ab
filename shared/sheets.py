"""A table as a file for a spreadsheet, written part by part: what somebody typed is text there too, never a formula."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Literal, Protocol

from xlsxwriter import Workbook

Format = Literal["csv", "xlsx"]
Value = str | int | float | None
MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of one (OWASP, CSV injection)."""


class Sheet(Protocol):
    """Rows below a row of headings. Complete once it is closed."""

    def add(self, rows: Iterable[Sequence[Value]]) -> None: ...

    def close(self) -> None: ...


def open_sheet(kind: Format, headings: Sequence[str], widths: Sequence[int], out: IO[bytes]) -> Sheet:
    """`widths`: of the columns, in characters; a CSV file has none."""
    return _Csv(headings, out) if kind == "csv" else _Xlsx(headings, widths, out)


class _Csv:
    """RFC 4180, UTF-8 without a byte order mark."""

    def __init__(self, headings: Sequence[str], out: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
        self._writer = csv.writer(self._text)
        self._writer.writerow(headings)

    def add(self, rows: Iterable[Sequence[Value]]) -> None:
        self._writer.writerows([_harmless(value) for value in row] for row in rows)

    def close(self) -> None:
        self._text.detach()


class _Xlsx:
    def __init__(self, headings: Sequence[str], widths: Sequence[int], out: IO[bytes]) -> None:
        self._book = Workbook(out, {"constant_memory": True})
        self._sheet = self._book.add_worksheet()
        for place, width in enumerate(widths):
            self._sheet.set_column(place, place, width)
        self._sheet.freeze_panes(1, 0)
        bold = self._book.add_format({"bold": True})
        for place, heading in enumerate(headings):
            self._sheet.write_string(0, place, heading, bold)
        self._rows = 0

    def add(self, rows: Iterable[Sequence[Value]]) -> None:
        for row in rows:
            self._rows += 1
            for place, value in enumerate(row):
                if isinstance(value, int | float):
                    self._sheet.write_number(self._rows, place, value)
                elif value is not None:
                    self._sheet.write_string(self._rows, place, value)

    def close(self) -> None:
        self._book.close()


def _harmless(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
