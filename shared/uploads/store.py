"""The rows of uploads: received with their bytes, worked at by one process at a time, done with. Short transactions."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import IO, Any, NamedTuple
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database, is_alone, now, run, run_many
from shared.events import receipts
from shared.events.envelope import NAMESPACE
from shared.events.receipts import Answer, Verdict
from shared.refusals import Refused
from shared.tables import Chassis

UPLOAD = Chassis.metadata.tables["upload"]
PART_BYTES = 256 * 1024
LEASE = timedelta(seconds=60)
KEPT_CHECKED = timedelta(hours=4)
"""So long the bytes of a file that was only checked wait for somebody to have it sent."""
KEPT_ERRORS = 500
SHOWN_ANSWERS = 100
MOST_OPEN = 20
"""Uploads of one district that are received and not done with, or checked and not sent: each keeps its bytes in the
database."""
_LOCKS = 38
_OPEN = "state IN ('received', 'checking', 'sending')"


class File(NamedTuple):
    """What somebody sent, and what is to be done with it: `check`, `all` or `valid`."""

    kind: str
    district: str
    mode: str
    sha256: str
    size: int

    @property
    def upload_id(self) -> UUID:
        """The same for the same file, so that sending it again is no second upload."""
        return uuid5(NAMESPACE, f"upload/{self.kind}/{self.district}/{self.mode}/{self.sha256}")


class Job(NamedTuple):
    """An upload that this process works at."""

    upload_id: UUID
    file: File
    at: datetime
    lease_by: str


class LostLease(Exception):
    """Another process has taken the upload over; it does the same with it."""


async def receive(session: AsyncSession, file: File, sub: str, content: IO[bytes]) -> bool:
    """Keep a file to be worked at. False if it is in hand or sent already: nothing is changed then.

    Raises Refused as `_take` does.
    """
    if not await _take(session, file, sub):
        return False
    await _drop_parts(session, file.upload_id)
    number = 0
    while part := content.read(PART_BYTES):
        named = {"upload_id": file.upload_id, "number": number, "content": part}
        await run_many(
            session,
            "INSERT INTO upload_part (upload_id, number, content) VALUES (:upload_id, :number, :content)",
            [named],
        )
        number += 1
    return True


async def confirm(session: AsyncSession, checked: Any, mode: str, sub: str) -> UUID:
    """Have a file sent that was only checked, with the bytes that were checked: the upload that it is now.

    Once done, it is found done. Raises Refused `upload_expired` when its bytes are gone, and as `_take` does.
    """
    file = File(checked.kind, checked.district, mode, checked.sha256, checked.size)
    moved = {"upload_id": file.upload_id, "checked": checked.upload_id}
    if not await _take(session, file, sub):
        return file.upload_id
    await _drop_parts(session, file.upload_id)
    found = await run(
        session,
        "UPDATE upload_part SET upload_id = :upload_id WHERE upload_id = :checked RETURNING number",
        **moved,
    )
    if not found.all():
        raise Refused("upload_expired")
    return file.upload_id


async def forget_checked(database: Database) -> None:
    """Of what was only checked, and nobody had sent in time, the bytes go."""
    async with database.transaction() as session:
        await run(
            session,
            """DELETE FROM upload_part WHERE upload_id IN
               (SELECT upload_id FROM upload WHERE state = 'checked' AND at < :long_ago)""",
            long_ago=now() - KEPT_CHECKED,
        )


async def _take(session: AsyncSession, file: File, sub: str) -> bool:
    """Raises Refused `too_many_uploads` while MOST_OPEN others of the district are not done with."""
    if not is_alone(session):  # whoever counts them takes turns, district by district
        await run(session, "SELECT pg_advisory_xact_lock(:space, :code)", space=_LOCKS, code=int(file.district))
    taken = await run(
        session,
        """INSERT INTO upload (upload_id, kind, district, mode, sha256, size, sub, at, state, rows_read, rows_refused,
                               rows_sent, errors, errors_total)
           VALUES (:upload_id, :kind, :district, :mode, :sha256, :size, :sub, :at, 'received', 0, 0, 0, '[]', 0)
           ON CONFLICT (upload_id) DO UPDATE SET sub = excluded.sub, at = excluded.at, state = 'received',
               rows_read = 0, rows_refused = 0, errors = '[]', errors_total = 0
           WHERE upload.state IN ('checked', 'refused') RETURNING upload_id""",
        upload_id=file.upload_id,
        **file._asdict(),
        sub=sub,
        at=now(),
    )
    if taken.first() is None:
        return False
    others = await run(
        session,
        f"SELECT count(*) FROM upload WHERE {_OPEN} AND district = :district AND upload_id <> :upload_id",
        district=file.district,
        upload_id=file.upload_id,
    )
    if others.scalar_one() >= MOST_OPEN:
        raise Refused("too_many_uploads", most=MOST_OPEN)
    return True


async def _drop_parts(session: AsyncSession, upload_id: UUID) -> None:
    await run(session, "DELETE FROM upload_part WHERE upload_id = :upload_id", upload_id=upload_id)


def new_worker() -> str:
    return secrets.token_hex(8)


async def claim(database: Database, worker: str) -> Job | None:
    """The oldest upload that nobody works at, or that this worker was at. Of several who ask one gets it."""
    moment = now()
    async with database.reading() as session:  # a look that takes no lock comes first
        if (await run(session, f"SELECT 1 FROM upload WHERE {_OPEN} LIMIT 1")).first() is None:
            return None
    async with database.transaction() as session:
        found = await run(
            session,
            f"""UPDATE upload SET lease_by = :worker, lease_until = :until, state = 'checking' WHERE upload_id = (
                    SELECT upload_id FROM upload WHERE {_OPEN}
                    AND (lease_until IS NULL OR lease_until < :moment OR lease_by = :worker)
                    ORDER BY at LIMIT 1 {"" if database.is_sqlite else "FOR UPDATE SKIP LOCKED"})
                RETURNING upload_id""",
            worker=worker,
            moment=moment,
            until=moment + LEASE,
        )
        if (row := found.first()) is None:
            return None
        upload_id = row.upload_id if isinstance(row.upload_id, UUID) else UUID(row.upload_id)
        job = (await session.execute(select(UPLOAD).where(UPLOAD.c.upload_id == upload_id))).one()
        return Job(upload_id, File(job.kind, job.district, job.mode, job.sha256, job.size), job.at, worker)


async def fetch(database: Database, job: Job, into: IO[bytes]) -> None:
    """The bytes of the file, a piece at a time."""
    number = 0
    while True:
        async with database.reading() as session:
            found = await run(
                session,
                "SELECT content FROM upload_part WHERE upload_id = :upload_id AND number = :number",
                upload_id=job.upload_id,
                number=number,
            )
            part = found.scalar_one_or_none()
        if part is None:
            return
        into.write(part)
        number += 1


async def progress(database: Database, job: Job, state: str, **counts: int) -> None:
    """Tell how far it is, and keep the lease. Raises LostLease."""
    async with database.transaction() as session:
        await _update(session, job, state, **counts, lease_until=now() + LEASE)


async def finish(
    database: Database,
    job: Job,
    state: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    total: int = 0,
    keep: bool = False,
    **counts: int,
) -> None:
    """Done with it: its bytes go, unless they are to `keep` for whoever has them sent; then those of older ones go, of
    which the district had MOST_OPEN checked since. Raises LostLease."""
    async with database.transaction() as session:
        kept = msgspec.json.encode(errors[:KEPT_ERRORS]).decode()
        await _update(session, job, state, **counts, errors=kept, errors_total=total, lease_until=None)
        if not keep:
            await _drop_parts(session, job.upload_id)
            return
        await run(
            session,
            """DELETE FROM upload_part WHERE upload_id IN (
                   SELECT upload_id FROM upload WHERE state = 'checked' AND district = :district
               ) AND upload_id NOT IN (
                   SELECT upload_id FROM upload WHERE state = 'checked' AND district = :district
                   ORDER BY at DESC, upload_id LIMIT :most
               )""",
            district=job.file.district,
            most=MOST_OPEN,
        )


async def _update(session: AsyncSession, job: Job, state: str, **values: Any) -> None:
    sets = "".join(f", {name} = :{name}" for name in values)
    found = await run(
        session,
        f"UPDATE upload SET state = :state{sets} WHERE upload_id = :upload_id AND lease_by = :me RETURNING upload_id",
        state=state,
        upload_id=job.upload_id,
        me=job.lease_by,
        **values,
    )
    if found.first() is None:
        raise LostLease


# --- what may be seen --------------------------------------------------------------------------------------------


async def read(session: AsyncSession, upload_id: UUID) -> Any | None:
    """Its row, or None."""
    return (await session.execute(select(UPLOAD).where(UPLOAD.c.upload_id == upload_id))).first()


async def read_newest(
    session: AsyncSession, district: str | None, limit: int, after: UUID | None = None
) -> Sequence[Any]:
    """From the one after `after`; nothing comes after one of another district."""
    which = [UPLOAD.c.district == district] if district else []
    beyond: list[ColumnElement[bool]] = []
    if after is not None:
        last = select(UPLOAD.c.at).where(UPLOAD.c.upload_id == after, *which).scalar_subquery()
        beyond = [or_(UPLOAD.c.at < last, and_(UPLOAD.c.at == last, UPLOAD.c.upload_id > after))]
    query = select(UPLOAD).where(*which, *beyond).order_by(UPLOAD.c.at.desc(), UPLOAD.c.upload_id).limit(limit)
    return (await session.execute(query)).all()


def event_id(sha256: str, row: int) -> str:
    """The id of the event of one row of a file."""
    return f"{sha256[:32]}.{row}"


def source_of(district: str) -> str:
    return f"/district/{district}/upload"


async def answers(session: AsyncSession, district: str, sha256: str) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """What came of the events: how many of each verdict, and the first of those that were not simply accepted."""
    which = "district = :district AND source = :source AND event_id >= :first AND event_id < :beyond"
    named = {
        "district": district,
        "source": source_of(district),
        "first": f"{sha256[:32]}.",
        "beyond": f"{sha256[:32]}/",  # the character after the full stop
    }
    counted = await run(session, f"SELECT verdict, count(*) AS n FROM inbox WHERE {which} GROUP BY verdict", **named)
    told = await run(
        session,
        f"""SELECT event_id, verdict, reason, detail FROM inbox WHERE {which} AND verdict NOT IN ('accepted',
            'duplicate', 'superseded') ORDER BY length(event_id), event_id LIMIT {SHOWN_ANSWERS}""",
        **named,
    )
    return {row.verdict: row.n for row in counted}, [
        {
            "row": int(row.event_id.rpartition(".")[2]),
            "verdict": row.verdict,
            "reason": row.reason,
            "message": receipts.message(Answer(Verdict(row.verdict), row.reason, row.detail)),
        }
        for row in told
    ]
