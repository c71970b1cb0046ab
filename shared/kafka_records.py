"""Reads records as odd as a district's own program may write them: no record of one stops the reading of all.

aiokafka raises on a header whose name is not UTF-8, and would meet the same record again for ever.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class _Text(bytearray):
    """Bytes whose parts turn into text whatever they hold; nothing of ours has such a name, so it is looked past."""

    def __getitem__(self, part: Any) -> Any:
        found = super().__getitem__(part)
        return _Text(found) if isinstance(part, slice) else found

    def decode(self, *_: object) -> str:
        return super().decode("utf-8", "backslashreplace")


class _Batch:
    """A batch as aiokafka's fast decoder reads it, and from where that gives up as its slow one does."""

    def __init__(self, fast: Any, data: memoryview) -> None:
        self._fast = fast
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __next__(self) -> Any:
        return next(self._fast)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._fast:
                yield record
                read += 1
        except UnicodeDecodeError:
            slow = _DefaultRecordBatchPy(bytearray(self._data))
            slow._maybe_uncompress()
            slow._buffer = _Text(slow._buffer)
            yield from islice(slow, read, None)


class _Records(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka ships no types
    def next_batch(self) -> _Batch:
        data = self._next_slice
        return _Batch(super().next_batch(), data)


def install() -> None:
    """From now on aiokafka's consumers read this way."""
    fetcher.MemoryRecords = _Records
