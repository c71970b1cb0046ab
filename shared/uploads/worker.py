"""Works at uploads, one at a time: judge the whole file, then send its events. Dying in between loses nothing.

Whoever comes next begins the file again; its events have the ids they had, so that none counts twice.
"""

import asyncio
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec
from structlog.typing import FilteringBoundLogger

from shared.database import Database, is_transient
from shared.events.catalogue import NAMES
from shared.events.envelope import Envelope, Outgoing
from shared.events.receipts import Sentence
from shared.intake import record_of
from shared.log import Log
from shared.telemetry import kinds as kinds_of
from shared.telemetry import places
from shared.uploads import store
from shared.uploads.checking import Bad, Good, check
from shared.uploads.columns import Kind
from shared.uploads.reading import Unreadable
from shared.uploads.store import Job, LostLease

_ROWS_AT_ONCE = 500
_EVENTS_AT_ONCE = 1000
_TELL_SECONDS = 0.5
_LOOK_SECONDS = 2.0
_FORGET_SECONDS = 600.0
_NOT_JUDGED = Sentence(
    "Berkas ini tidak dapat diperiksa; simpan ulang dari templat, atau kirim sebagai CSV.",
    "This file could not be checked; save it anew from the template, or send it as CSV.",
)


class _Checked(msgspec.Struct, array_like=True):
    """A row that may be sent, as it lies between the two passes."""

    number: int
    subject: str
    data: msgspec.Raw


_checked = msgspec.json.Decoder(_Checked)


class Tally:
    """What a file came to so far."""

    def __init__(self) -> None:
        self.read = 0
        self.refused = 0
        self.errors: list[dict[str, Any]] = []
        self.total = 0

    def add_bad(self, bad: Bad) -> None:
        self.refused += 1
        for fault in bad.faults:
            self.add_error(bad.number, fault.column, fault.code, fault.cure)

    def add_error(self, row: int | None, column: str | None, code: str, cure: object) -> None:
        self.total += 1
        if len(self.errors) < store.KEPT_ERRORS:
            self.errors.append({"row": row, "column": column, "code": code, "message": cure})

    @property
    def counts(self) -> dict[str, int]:
        return {"rows_read": self.read, "rows_refused": self.refused}


class Worker:
    def __init__(
        self, service: str, database: Database, log: Log, kinds: Mapping[str, Kind], logger: FilteringBoundLogger
    ) -> None:
        self._service = service
        self._logger = logger
        self._database = database
        self._log = log
        self._kinds = kinds
        self._me = store.new_worker()
        self.came = asyncio.Event()
        """Set where an upload was received by this process, which need not wait then until it looks again."""

    async def run(self, stopping: asyncio.Event) -> None:
        forgot = -math.inf
        while not stopping.is_set():
            if time.monotonic() - forgot > _FORGET_SECONDS:
                await store.forget_checked(self._database)
                forgot = time.monotonic()
            self.came.clear()
            if not await self.work_at_one():
                waiting = {asyncio.ensure_future(event.wait()) for event in (self.came, stopping)}
                _, left = await asyncio.wait(waiting, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for task in left:
                    task.cancel()

    async def work_at_one(self) -> bool:
        """False when there is none."""
        job = await store.claim(self._database, self._me)
        if job is None:
            return False
        with suppress(LostLease), TemporaryFile() as file, TemporaryFile() as checked:
            await store.fetch(self._database, job, file)
            await self._work_at(job, file, checked)
        return True

    async def _work_at(self, job: Job, file: IO[bytes], checked: IO[bytes]) -> None:
        tally = Tally()
        try:
            await self._check(job, file, checked, tally)
        except Unreadable as error:
            tally.add_error(None, None, error.code, error.cure)
            tally.refused = tally.read
        except LostLease:
            raise
        except Exception as error:
            if is_transient(error):
                raise
            # A stranger's file must not end the service. Not its text: that may quote the file.
            self._logger.warning("an upload could not be judged", kinds=kinds_of(error), at=places(error))
            tally.add_error(None, None, "unreadable", _NOT_JUDGED)
            tally.refused = tally.read
        mode, good = job.file.mode, tally.read - tally.refused
        done = "checked" if mode == "check" else "refused"
        sent = 0
        if good and (mode == "valid" or (mode == "all" and not tally.total)):
            sent = await self._send(job, checked, tally)
            done = "sent"
        await store.finish(
            self._database,
            job,
            done,
            errors=tally.errors,
            total=tally.total,
            keep=mode == "check" and good > 0,
            **tally.counts,
            rows_sent=sent,
        )

    async def _check(self, job: Job, file: IO[bytes], checked: IO[bytes], tally: Tally) -> None:
        """Judge every row; those that may be sent go to `checked`. Raises Unreadable, LostLease."""
        rows = check(file, self._kinds[job.file.kind], job.file.district, job.at)
        told = time.monotonic()
        while await asyncio.to_thread(_take, rows, checked, tally):
            if time.monotonic() - told > _TELL_SECONDS:
                await store.progress(self._database, job, "checking", **tally.counts)
                told = time.monotonic()

    async def _send(self, job: Job, checked: IO[bytes], tally: Tally) -> int:
        """Raises LogUnavailable, after which whoever goes on sends all again; LostLease."""
        checked.seek(0)
        sent = 0
        while records := await asyncio.to_thread(self._records, job, checked):
            await self._log.append(records)
            sent += len(records)
            await store.progress(self._database, job, "sending", **tally.counts, rows_sent=sent)
        return sent

    def _records(self, job: Job, checked: IO[bytes]) -> list[Outgoing]:
        kind, file = self._kinds[job.file.kind], job.file
        return [
            record_of(
                self._service,
                file.district,
                Envelope(
                    id=store.event_id(file.sha256, row.number),
                    source=store.source_of(file.district),
                    type=NAMES[kind.data],
                    time=job.at,
                    subject=row.subject,
                ),
                bytes(row.data),
            )
            for row in map(_checked.decode, islice(checked, _EVENTS_AT_ONCE))
        ]


def _take(rows: Iterator[Good | Bad], checked: IO[bytes], tally: Tally) -> bool:
    """The next rows; false when there are no more."""
    taken = 0
    for found in islice(rows, _ROWS_AT_ONCE):
        taken += 1
        tally.read += 1
        if isinstance(found, Bad):
            tally.add_bad(found)
        else:
            data = msgspec.Raw(msgspec.json.encode(found.row.data))
            checked.write(msgspec.json.encode(_Checked(found.number, found.row.subject, data)) + b"\n")
    return taken == _ROWS_AT_ONCE
