"""One service over one database, without its background tasks: events are applied when a test says so."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

import httpx
from sqlalchemy import MetaData

from shared.database import run
from shared.events.envelope import Record
from shared.runtime import Node
from shared.tables import Chassis
from tests.conflicts import Receipt


class Office:
    """What the tests of every service do: hand records to the inbox, and look at what came of it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.database = node.database
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=node.app), base_url="http://service")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.node.log.close)
            stack.push_async_callback(self.client.aclose)
            yield self

    async def hear(self, *records: Record) -> None:
        """One batch, in one transaction, as the consumer does it."""
        async with self.database.transaction() as session:
            await self.node.inbox.apply(session, records)

    async def drain(self) -> None:
        """What the consumer does when it is idle."""
        async with self.database.transaction() as session:
            await self.node.inbox.drain(session)

    async def arrive(self, together: bool, *records: Record) -> None:
        """In one batch, or each in one of its own."""
        if together:
            await self.hear(*records)
        else:
            for record in records:
                await self.hear(record)

    async def receipts_by_source(self) -> dict[tuple[str, str], Receipt]:
        """By (event id, source), of the districts' events."""
        found = await self.rows("SELECT event_id, source, verdict, reason, warnings FROM inbox WHERE district <> ''")
        return {(row[0], row[1]): (row[2], row[3], frozenset(row[4].split())) for row in found}

    async def rows(self, statement: str) -> list[Any]:
        async with self.database.reading() as session:
            return list((await run(session, statement)).all())

    async def value(self, statement: str) -> Any:
        return (await self.rows(statement))[0][0]

    async def change(self, statement: str) -> None:
        async with self.database.transaction() as session:
            await run(session, statement)

    async def forget_everything(self, metadata: MetaData, *, but: str = "") -> None:
        """Empty the tables of the service, but for one, and those of the chassis."""
        tables = [table.name for each in (metadata, Chassis.metadata) for table in reversed(each.sorted_tables)]
        async with self.database.transaction() as session:
            for name in tables:
                if name != but:
                    await run(session, f"DELETE FROM {name}")
