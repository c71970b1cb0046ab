"""A file judged row by row, without anything being sent: the rows that may be, and what is wrong with the others."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import IO, NamedTuple

from shared.events.receipts import Sentence
from shared.uploads.cells import is_blank
from shared.uploads.columns import Column, Fault, Kind, Row
from shared.uploads.reading import Line, Unreadable, lines

MAX_ROWS = 100_000


class Good(NamedTuple):
    number: int
    row: Row


class Bad(NamedTuple):
    number: int
    faults: Sequence[Fault]


def check(file: IO[bytes], kind: Kind, district: str, moment: datetime) -> Iterator[Good | Bad]:
    """One after another, in the file's order, with no more of it in memory than a row. Raises Unreadable."""
    found = lines(file)
    head = next(found, None)
    if head is None:
        raise Unreadable("empty", "Berkas ini kosong.", "This file is empty.")
    columns = _columns(head, kind)
    seen: dict[Hashable, int] = {}
    count = 0
    for count, line in enumerate(found, 1):
        if count > MAX_ROWS:
            raise Unreadable(
                "too_many_rows",
                f"Paling banyak {MAX_ROWS} baris dalam satu berkas; bagi menjadi beberapa berkas.",
                f"At most {MAX_ROWS} rows in one file; split it into several.",
            )
        yield _judge(line, columns, kind, district, moment, seen)
    if count == 0:
        raise Unreadable("no_rows", "Tidak ada baris di bawah judul.", "There is no row below the headings.")


def _judge(
    line: Line,
    columns: Sequence[Column | None],
    kind: Kind,
    district: str,
    moment: datetime,
    seen: dict[Hashable, int],
) -> Good | Bad:
    pairs = list(zip_longest(columns, line.cells))
    if any(column is None and not is_blank(cell) for column, cell in pairs):
        return Bad(line.number, [_BEYOND])
    named = [(column, cell) for column, cell in pairs if column is not None]
    row = kind.read(named, district, moment)
    if isinstance(row, list):
        return Bad(line.number, row)
    first = seen.setdefault(row.key, line.number)
    if first != line.number:
        return Bad(line.number, [_again(kind, first)])
    return Good(line.number, row)


def _columns(head: Line, kind: Kind) -> list[Column | None]:
    """What each cell of a row is. Headings are never repeated: without them the first row is somebody's data."""
    known: Mapping[str, Column] = {_heading(name): column for name, column in kind.by_heading.items()}
    found = [None if is_blank(cell) else known.get(_heading(str(cell))) for cell in head.cells]
    strange = [place for place, cell in enumerate(head.cells, 1) if not is_blank(cell) and found[place - 1] is None]
    if strange:
        places = ", ".join(map(str, strange[:20]))
        raise Unreadable(
            "unknown_column",
            f"Baris judul: kolom ke-{places} tidak dikenal. Pakai judul dari templat, dan hapus kolom lain.",
            f"Heading row: column {places} is not known. Use the headings of the template, and remove other columns.",
        )
    present = [column for column in found if column is not None]
    twice = sorted({column.name for column in present if present.count(column) > 1})
    if twice:
        names = ", ".join(twice)
        raise Unreadable("column_twice", f"Kolom {names} ada dua kali.", f"There are two columns {names}.")
    missing = [column.name for column in kind.columns if column.required and column not in present]
    if missing:
        names = ", ".join(missing)
        raise Unreadable(
            "missing_column",
            f"Kolom {names} tidak ada. Pakai judul dari templat.",
            f"There is no column {names}. Use the headings of the template.",
        )
    return found


def _heading(name: str) -> str:
    return "_".join(name.casefold().replace("_", " ").split())


_BEYOND = Fault(
    None,
    "beyond_columns",
    Sentence(
        "Ada isi di luar kolom berjudul; pindahkan ke kolomnya atau hapus.",
        "Something is beyond the columns with a heading; move it into its column or remove it.",
    ),
)


def _again(kind: Kind, first: int) -> Fault:
    cure = Sentence(f"Sama dengan baris {first}; hapus salah satu.", f"The same as row {first}; remove one of the two.")
    return Fault(kind.key_column, "twice_in_file", cure)
