"""Records as districts and services write them, and tokens as callers show them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count
from pathlib import Path

import asyncpg
import msgspec

from shared.database import DISTRICT_LOCKS
from shared.events.catalogue import CATALOGUE, NAMES, facts_topic, intake_topic, outgoing
from shared.events.envelope import Envelope, Outgoing, Record
from shared.security import Caller, LocalKey, Role
from shared.sessions import Session, Sessions, new_id
from shared.settings import Settings

_offsets = count()


def from_district(
    code: str,
    data: msgspec.Struct,
    *,
    event_id: str,
    time: datetime,
    subject: str,
    source: str | None = None,
    service: str | None = None,
) -> Record:
    """An event of a district in binary mode, at a place in the log of its own; `service` where several read it."""
    name = NAMES[type(data)]
    envelope = Envelope(id=event_id, source=source or f"/district/{code}/test", type=name, time=time, subject=subject)
    return placed(outgoing(intake_topic(service or CATALOGUE[name].service, code), subject, envelope, data))


def from_service(service: str, data: msgspec.Struct, *, event_id: str, time: datetime, key: str) -> Record:
    """A fact of a service in binary mode, at a place in the log of its own."""
    envelope = Envelope(id=event_id, source=f"/service/{service}", type=NAMES[type(data)], time=time, subject=key)
    return placed(outgoing(facts_topic(service), key, envelope, data))


def placed(record: Outgoing) -> Record:
    """As the log holds it: every call gives a new offset, so the same record twice is two deliveries."""
    return Record(record.topic, 0, next(_offsets), record.key, record.value, record.headers)


def again(record: Record) -> Record:
    """The same event, delivered once more."""
    return record._replace(offset=next(_offsets))


def bearer(settings: Settings, role: Role, sub: str, district: str | None = None) -> dict[str, str]:
    """The header that says who calls."""
    key = LocalKey.at(Path(settings.keys))
    token = key.sign(sub=sub, role=role, district=district, issuer=settings.issuer, audience=settings.audience)
    return {"Authorization": f"Bearer {token}"}


def session_cookie(settings: Settings, role: Role, sub: str = "siti", district: str | None = None) -> dict[str, str]:
    """The header with the cookie of somebody who has just signed in, on no record anywhere."""
    key = LocalKey.at(settings.keys)
    sessions = Sessions(key.public, issuer=settings.issuer, public=settings.public)
    at = int(time.time())
    session = Session(Caller(sub, role, district), new_id(), new_id(), at + 600, at, at + 3600)
    return {"Cookie": f"{sessions.cookie}={sessions.sign(session, key)}"}


@asynccontextmanager
async def stuck_in_copy(connection: asyncpg.Connection, *districts: str) -> AsyncIterator[None]:
    """Like a worker that froze while it copied rows: it holds these districts, and its next row never comes."""
    begun = asyncio.Event()

    async def rows() -> AsyncIterator[tuple[int]]:
        yield (1,)
        begun.set()
        await asyncio.Event().wait()

    async def copy() -> None:
        async with connection.transaction():
            await connection.execute("CREATE TEMPORARY TABLE frozen (number int) ON COMMIT DROP")
            await connection.execute(
                "SELECT pg_advisory_xact_lock($1, code) FROM unnest(CAST($2 AS int[])) AS code",
                DISTRICT_LOCKS,
                [int(code) for code in districts],
            )
            await connection.copy_records_to_table("frozen", records=rows())

    copying = asyncio.ensure_future(copy())
    await asyncio.wait_for(begun.wait(), 10)
    try:
        yield
    finally:
        copying.cancel()
        await asyncio.wait({copying})
        connection.terminate()
