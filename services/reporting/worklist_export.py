"""The worklist as a file for a spreadsheet: what somebody typed is text there too, never a formula."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Literal

from xlsxwriter import Workbook

from services.reporting.wording import Words
from services.reporting.worklist_lines import Line
from services.reporting.worklist_words import NEXT_STEPS, sentence
from shared.events.districts import DISTRICTS

Format = Literal["csv", "xlsx"]
MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_WIDTHS = (11, 18, 18, 24, 11, 60, 60, 18, 11, 40, 38)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of one (OWASP, CSV injection)."""
COLUMNS = ("code", "district", "business", "reason", "since", "evidence", "next_step", "owner", "due", "note", "id")


def write(kind: Format, lines: Sequence[Line], words: Words, out: IO[bytes]) -> None:
    """One line per row below a row of headings, in one language. Dates are YYYY-MM-DD."""
    headings = [words(f"export.{name}") for name in COLUMNS]
    _WRITERS[kind](headings, [_row(line, words) for line in lines], out)


def _row(line: Line, words: Words) -> list[str]:
    said, step = sentence(line.reason, line.evidence), NEXT_STEPS[line.reason]
    return [
        line.district,
        DISTRICTS[line.district].title,
        line.district_ref,
        words(f"worklist.{line.reason}"),
        line.since.isoformat(),
        getattr(said, words.language),
        getattr(step, words.language),
        line.owner or "",
        line.due or "",
        line.note,
        str(line.beneficiary_id),
    ]


def _csv(headings: list[str], rows: list[list[str]], out: IO[bytes]) -> None:
    """RFC 4180, UTF-8 without a byte order mark."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    text.detach()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _xlsx(headings: list[str], rows: list[list[str]], out: IO[bytes]) -> None:
    book = Workbook(out, {"constant_memory": True})
    sheet = book.add_worksheet()
    for place, width in enumerate(_WIDTHS):
        sheet.set_column(place, place, width)
    sheet.freeze_panes(1, 0)
    bold = book.add_format({"bold": True})
    for place, heading in enumerate(headings):
        sheet.write_string(0, place, heading, bold)
    for number, row in enumerate(rows, start=1):
        for place, cell in enumerate(row):
            sheet.write_string(number, place, cell)
    book.close()


_WRITERS: Mapping[Format, Callable[[list[str], list[list[str]], IO[bytes]], None]] = {"csv": _csv, "xlsx": _xlsx}
