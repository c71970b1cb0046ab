"""The worklist as a file for a spreadsheet."""

from collections.abc import Sequence
from typing import IO

from services.reporting.worklist_lines import Line
from services.reporting.worklist_words import NEXT_STEPS, sentence
from shared.events.districts import DISTRICTS
from shared.pages.wording import Words
from shared.sheets import Format, open_sheet

_WIDTHS = (11, 18, 18, 24, 11, 60, 60, 18, 11, 40, 38)
COLUMNS = ("code", "district", "business", "reason", "since", "evidence", "next_step", "owner", "due", "note", "id")


def write(kind: Format, lines: Sequence[Line], words: Words, out: IO[bytes]) -> None:
    """One line per row below a row of headings, in one language. Dates are YYYY-MM-DD."""
    sheet = open_sheet(kind, [words(f"export.{name}") for name in COLUMNS], _WIDTHS, out)
    sheet.add(_row(line, words) for line in lines)
    sheet.close()


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
