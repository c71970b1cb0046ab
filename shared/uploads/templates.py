"""The file to fill in: headings, columns that keep a number as it is typed, and beside them what goes where."""

import csv
import io
from collections.abc import Sequence
from typing import Literal

from xlsxwriter import Workbook

from shared.uploads.columns import Column, Kind

_PREPARED_ROWS = 1000
_GUIDE = ("Kolom", "Wajib", "Isi", "Contoh", "Pilihan", "English")
_GUIDE_WIDTHS = (26, 8, 60, 26, 60, 60)


def write(kind: Kind, form: Literal["csv", "xlsx"]) -> bytes:
    columns = [column for column in kind.columns if column.in_template]
    return _csv(columns) if form == "csv" else _xlsx(kind, columns)


def _csv(columns: Sequence[Column]) -> bytes:
    """With the mark and the separator that Excel in Indonesia needs to show columns."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerow([column.name for column in columns])
    return out.getvalue().encode("utf-8-sig")


def _xlsx(kind: Kind, columns: Sequence[Column]) -> bytes:
    out = io.BytesIO()
    with Workbook(out, {"in_memory": True}) as book:
        heading, typed = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet("Data")
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            sheet.write_string(0, place, column.name, heading)
            # As text everywhere: a number would lose a leading zero, or the last digit of a NIK.
            sheet.set_column(place, place, max(14, len(column.name) + 2), typed)
            if column.words and len(",".join(column.words)) < 256:
                chosen = {"validate": "list", "source": list(column.words), "error_type": "information"}
                sheet.data_validation(1, place, _PREPARED_ROWS, place, chosen)
        guide = book.add_worksheet("Petunjuk")
        guide.write_string(0, 0, f"{kind.title.id} / {kind.title.en}", heading)
        for place, name in enumerate(_GUIDE):
            guide.set_column(place, place, _GUIDE_WIDTHS[place])
            guide.write_string(1, place, name, heading)
        for number, column in enumerate(columns, 2):
            for place, said in enumerate(_guide(column)):
                guide.write_string(number, place, said, wrapped)
    return out.getvalue()


def _guide(column: Column) -> tuple[str, ...]:
    must = "ya" if column.required else "tidak"
    return column.name, must, column.about.id, column.example, ", ".join(column.words), column.about.en
