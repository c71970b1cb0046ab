"""The rows of a CSV or XLSX file, one at a time, whoever wrote it: nothing in it makes this hold more than a row."""

import codecs
import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import IO, Any, NamedTuple

from openpyxl import load_workbook
from openpyxl.packaging.manifest import Manifest
from openpyxl.xml.constants import (
    ARC_CONTENT_TYPES,
    ARC_CORE,
    ARC_CUSTOM,
    ARC_STYLE,
    ARC_THEME,
    ARC_WORKBOOK,
    SHARED_STRINGS,
    WORKSHEET_TYPE,
)
from openpyxl.xml.functions import fromstring

from shared.events.receipts import Sentence
from shared.uploads.cells import Value

MAX_ROW_BYTES = 1024 * 1024
MAX_XLSX_BYTES = 256 * 1024 * 1024
"""Of all that a workbook unpacks to: a small file may hold a large one."""
MAX_STRINGS_BYTES = 64 * 1024 * 1024
MAX_OTHER_BYTES = 1024 * 1024
MAX_XLSX_ROWS = 1_500_000
"""With empty ones, which a spreadsheet keeps where there once was something; and of different texts as many."""

# openpyxl tells of what it does not support, of every second file; it is nothing that a row could lose.
warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")

_CHUNK = 64 * 1024
_READ_WHOLE = frozenset({ARC_CONTENT_TYPES, ARC_WORKBOOK, ARC_STYLE, ARC_THEME, ARC_CORE, ARC_CUSTOM})
_ROW_END = re.compile(rb"(?:</(?:\w+:)?(?:row|si)>|<(?:\w+:)?(?:row|si)(?:\s[^<>]*)?/>)")
_LONGEST_TAG = 4096
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Unreadable(Exception):
    """The file as a whole cannot be taken. The cure repeats nothing of it."""

    def __init__(self, code: str, indonesian: str, english: str) -> None:
        super().__init__(code)
        self.code = code
        self.cure = Sentence(indonesian, english)


class Line(NamedTuple):
    """A row that is not blank. `number` is the one a spreadsheet shows beside it; for CSV, counted in rows too."""

    number: int
    cells: Sequence[Value]


def lines(file: IO[bytes]) -> Iterator[Line]:
    """All rows that are not blank, from the first. Raises Unreadable, also in the middle."""
    file.seek(0)
    is_workbook = file.read(4) == b"PK\x03\x04"
    file.seek(0)
    rows = _xlsx(file) if is_workbook else _csv(file)
    for number, cells in enumerate(rows, 1):
        if any(cell is not None and str(cell).strip() for cell in cells):
            yield Line(number, cells)


# --- CSV ---------------------------------------------------------------------------------------------------------


def _csv(file: IO[bytes]) -> Iterator[Sequence[Value]]:
    encoding = _encoding(file)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        first = _bounded(text)
        head = next(first, "")
        separator = _separator(head)
        if head.lower().startswith("sep="):  # what Excel itself writes to say so
            yield ()
        else:
            text.seek(0)
            first = _bounded(text)
        yield from _records(first, separator)
    except csv.Error:
        raise Unreadable(
            "not_csv",
            "Susunan CSV rusak: mungkin ada tanda kutip yang tidak ditutup. Simpan ulang dari lembar kerja.",
            "The CSV is broken: a quotation mark may not be closed. Save it again from the spreadsheet.",
        ) from None
    finally:
        text.detach()


def _records(physical: Iterator[str], separator: str) -> Iterator[Sequence[Value]]:
    """The rows; one may go over several lines, and is bounded as a whole."""
    size = 0

    def measured() -> Iterator[str]:
        nonlocal size
        for line in physical:
            size += len(line)
            if size > MAX_ROW_BYTES:
                raise _too_long()
            yield line

    for row in csv.reader(measured(), delimiter=separator, strict=True):
        size = 0
        yield row


def _bounded(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_ROW_BYTES):
        if len(line) == MAX_ROW_BYTES:
            raise _too_long()
        yield line


def _separator(head: str) -> str:
    if head.lower().startswith("sep="):
        return head[4:5] if head[4:5] in {";", ",", "\t", "|"} else ";"
    return max((";", ",", "\t"), key=head.count)


def _encoding(file: IO[bytes]) -> str:
    """By its mark, else UTF-8 if all of it is, else Windows-1252, as older Excel writes. Ends at the file's start."""
    head = file.read(4)
    file.seek(0)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return _decodes(file, name) or _refuse_encoding()
    return _decodes(file, "utf-8") or _decodes(file, "cp1252") or _refuse_encoding()


def _decodes(file: IO[bytes], name: str) -> str | None:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        while chunk := file.read(_CHUNK):
            if "\x00" in decoder.decode(chunk):
                return None
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    finally:
        file.seek(0)
    return name


def _refuse_encoding() -> str:
    raise Unreadable(
        "not_text",
        "Berkas ini bukan CSV atau XLSX yang dapat dibaca. Simpan sebagai CSV UTF-8 atau XLSX.",
        "This is neither a CSV nor an XLSX file that can be read. Save it as CSV UTF-8 or XLSX.",
    )


# --- XLSX --------------------------------------------------------------------------------------------------------


def _xlsx(file: IO[bytes]) -> Iterator[Sequence[Value]]:
    """The rows of the first sheet. What openpyxl stumbles over in a stranger's file is the file's fault."""
    try:
        _look_inside(file)
        book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its size may be wrong
        rows = sheet.iter_rows(values_only=True)
    except Unreadable:
        raise
    except Exception:  # KeyError, BadZipFile, ParseError, ValueError, ...: it trusts what it reads
        raise _broken() from None
    while True:
        try:
            row = next(rows, None)
        except Exception:
            raise _broken() from None
        if row is None:
            return
        yield [_value(cell) for cell in row]


def _value(cell: Any) -> Value:
    """Formulas that are more than a text are said to be formulas; a span of time, as openpyxl has it, is a text."""
    if cell is None or isinstance(cell, str | int | float | bool | date | datetime):
        return cell
    return "=" if type(cell).__name__.endswith("Formula") else str(cell)


def _look_inside(file: IO[bytes]) -> None:
    """Before anything is built of it: how much is there, and does what may be long come in rows? Raises Unreadable.

    A part is what `[Content_Types].xml` says, which openpyxl goes by too; its name says nothing.
    """
    with zipfile.ZipFile(file) as packed:
        members = packed.infolist()  # a member gives no more than the size it says it has
        if len(members) > 2000 or sum(member.file_size for member in members) > MAX_XLSX_BYTES:
            raise _too_big()
        if packed.getinfo(ARC_CONTENT_TYPES).file_size > MAX_OTHER_BYTES:
            raise _too_big()
        types = _Types(packed.read(ARC_CONTENT_TYPES))
        for member in members:
            if member.file_size <= MAX_OTHER_BYTES and not types.is_long(member.filename):
                continue
            with packed.open(member) as content:
                if not _is_markup(content):
                    continue
            if not types.is_long(member.filename):
                raise _too_big()
            if types.is_strings(member.filename) and member.file_size > MAX_STRINGS_BYTES:
                raise _too_big()
            with packed.open(member) as content:
                _comes_in_rows(content)


class _Types:
    """What a workbook says that its parts are."""

    def __init__(self, content: bytes) -> None:
        said = Manifest.from_tree(fromstring(content))
        self._own: dict[str, set[str]] = {}
        for part in said.Override:
            self._own.setdefault(part.PartName.removeprefix("/"), set()).add(part.ContentType)
        self._by_extension = {part.Extension: part.ContentType for part in said.Default}

    def is_long(self, name: str) -> bool:
        """May it be long, as it is read row by row? Not what openpyxl reads whole, by a name of its own."""
        return (
            name not in _READ_WHOLE
            and not name.endswith(".rels")
            and self._of(name) <= {WORKSHEET_TYPE, SHARED_STRINGS}
        )

    def is_strings(self, name: str) -> bool:
        return SHARED_STRINGS in self._of(name)

    def _of(self, name: str) -> set[str]:
        return self._own.get(name) or {self._by_extension.get(name.rpartition(".")[2], "")}


def _is_markup(content: IO[bytes]) -> bool:
    """What does not begin like XML is a picture or the like: a parser stops at its first character."""
    begin = content.read(_CHUNK).lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    return not begin or begin.startswith(b"<")


def _comes_in_rows(content: IO[bytes]) -> None:
    """Of short rows, and not too many: a parser keeps a row until it ends, and a trace of each. Raises Unreadable."""
    since, count, tail = 0, 0, b""
    while chunk := content.read(_CHUNK):
        window, end = tail + chunk, None
        for found in _ROW_END.finditer(window):
            count, end = count + 1, found.end()
        since = since + len(chunk) if end is None else len(window) - end
        tail = window[max(end or 0, len(window) - _LONGEST_TAG) :]
        if since > MAX_ROW_BYTES:
            raise _too_long()
        if count > MAX_XLSX_ROWS:
            raise _too_big()


def _too_long() -> Unreadable:
    return Unreadable(
        "row_too_long",
        "Ada baris yang terlalu panjang. Pakai templat, dan hapus kolom lain.",
        "A row is too long. Use the template, and remove other columns.",
    )


def _too_big() -> Unreadable:
    return Unreadable(
        "unpacks_too_large",
        "Isi berkas XLSX terlalu besar. Salin barisnya ke templat baru tanpa gambar dan tanpa baris kosong.",
        "The XLSX file holds too much. Copy its rows into a new template, without pictures and empty rows.",
    )


def _broken() -> Unreadable:
    return Unreadable(
        "not_xlsx",
        "Berkas XLSX ini rusak atau dikunci kata sandi. Simpan ulang dari lembar kerja.",
        "This XLSX file is damaged or locked with a password. Save it again from the spreadsheet.",
    )
