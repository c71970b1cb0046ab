"""What a kind of upload is: its columns, and how a row of them becomes the data of one event."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from shared.events.envelope import validation_text
from shared.events.receipts import Sentence
from shared.uploads.cells import Read, Value, Wrong, is_blank

MISSING = ("missing", Sentence("Kolom ini wajib diisi.", "This column must be filled in."))
BROKEN = (
    "invalid_data",
    Sentence("Isi tidak sesuai kontrak; lihat lembar Petunjuk.", "Against the contract; see the sheet Petunjuk."),
)


class Column(NamedTuple):
    """`name` heads it, in Bahasa Indonesia; `field` is its English name, which may head it as well."""

    name: str
    field: str
    read: Read
    about: Sentence
    example: str = ""
    required: bool = True
    words: tuple[str, ...] = ()
    """All that may be written, where that is a list."""
    in_template: bool = True


class Fault(NamedTuple):
    """What is wrong with a row: which column (None: the row), a stable code, and the cure. Never what was written."""

    column: str | None
    code: str
    cure: Sentence


class Row(NamedTuple):
    """A row that may be sent: the `subject` of its event, and its data."""

    subject: str
    key: Hashable
    """No two rows of a file may have one."""
    data: msgspec.Struct


class Kind(NamedTuple):
    """`shape`: the fields of a row as those of the event. `judge`: why the service would reject it, by a pure rule."""

    name: str
    title: Sentence
    data: type[msgspec.Struct]
    columns: tuple[Column, ...]
    shape: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    key: Callable[[Any], Hashable]
    key_column: str
    judge: Callable[[Any, str, datetime], Fault | None]

    @property
    def by_heading(self) -> Mapping[str, Column]:
        return {name: column for column in self.columns for name in (column.name, column.field)}

    def read(self, cells: Sequence[tuple[Column, Value]], district: str, moment: datetime) -> Row | list[Fault]:
        """A row's cells by their columns. `moment` is to be the time of its event."""
        fields: dict[str, object] = {}
        faults: list[Fault] = []
        for column, value in cells:
            if is_blank(value):
                if column.required:
                    faults.append(Fault(column.name, *MISSING))
                continue
            try:
                fields[column.field] = column.read(value)
            except Wrong as wrong:
                faults.append(Fault(column.name, wrong.code, wrong.cure))
        if faults:
            return faults
        try:
            data = msgspec.convert(self.shape(fields), self.data)
        except Wrong as wrong:
            return [Fault(None, wrong.code, wrong.cure)]
        except msgspec.ValidationError as error:
            return [Fault(self._column_in(validation_text(error)), *BROKEN)]
        refused = self.judge(data, district, moment)
        return [refused] if refused else Row(data.district_ref, self.key(data), data)  # type: ignore[attr-defined]

    def _column_in(self, said: str) -> str | None:
        """The column that a message of msgspec speaks of, by its path: … - at `$.name`."""
        path = said.rpartition(" - at ")[2]
        return next((column.name for column in self.columns if f"$.{column.field}`" in path), None)
