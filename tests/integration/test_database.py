"""A database that goes away in the middle of anything is waited out, and comes back as if nothing had been."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from services.grants.tables import METADATA
from shared.database import Database, insert, is_transient, lock_districts, run
from tests.helpers import stuck_in_copy
from tests.integration.conftest import Templates

COLUMNS = {
    "aggregatetype": "text",
    "aggregateid": "text",
    "type": "text",
    "payload": "text",
    "records": "int",
    "envelope": "text",
    "created_at": "timestamptz",
}


@pytest.fixture
async def database(templates: Templates) -> AsyncIterator[Database]:
    """On PostgreSQL, with the fewest connections a process may have."""
    found = Database(await templates.postgres("grants", METADATA), pool=2)
    yield found
    await found.close()
    await templates.administer(f'DROP DATABASE "{found.url.rpartition("/")[2]}" WITH (FORCE)')


async def copy(session: AsyncSession, rows: int) -> None:
    row = ("topic", "key", "type", "x" * 1000, 1, "", datetime.now(UTC))
    await insert(session, "outbox", COLUMNS, [row] * rows)


async def count(database: Database) -> int:
    async with database.reading() as session:
        return int((await run(session, "SELECT count(*) FROM outbox")).scalar_one())


async def test_a_backend_terminated_at_any_moment_of_a_transaction_is_a_transient_fault(database: Database) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    committed = faults = 0

    async def write() -> None:
        nonlocal committed, faults
        while True:
            try:
                async with database.transaction() as session:
                    await copy(session, 200)
                    await run(session, "UPDATE outbox SET published_at = now() WHERE id < 100")
                    await copy(session, 200)
                committed += 1
            except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                assert is_transient(error), error
                faults += 1
            except asyncpg.InternalClientError as error:
                assert is_transient(error), error
                faults += 1

    writing = [asyncio.ensure_future(write()) for _ in range(2)]
    administrator = await asyncpg.connect(database.url.replace("+asyncpg", ""))
    async with asyncio.timeout(30):
        while faults < 60 and not any(task.done() for task in writing):
            await asyncio.sleep(chance.random() * 0.02)
            await administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    for task in writing:
        task.cancel()
    ended = await asyncio.gather(*writing, return_exceptions=True)
    assert [type(error) for error in ended] == [asyncio.CancelledError] * 2, ended
    await administrator.close()
    assert await count(database) % 400 == 0, "never a part of a transaction"
    assert committed <= await count(database) // 400 <= committed + faults + 2


async def test_a_copy_that_breaks_a_rule_undoes_its_transaction_and_is_a_mistake_of_ours(database: Database) -> None:
    for _ in range(5):  # more than there are connections
        with pytest.raises(asyncpg.PostgresError) as caught:
            async with database.transaction() as session:
                await copy(session, 3)
                await insert(
                    session,
                    "log_offset",
                    {"topic": "text", "partition": "int", "next_offset": "bigint"},
                    [("t", 0, 1)] * 2,
                )
        assert not is_transient(caught.value)
    assert await count(database) == 0


async def test_a_transaction_given_up_in_the_middle_gives_its_connection_back(database: Database) -> None:
    for n in range(20):
        task = asyncio.ensure_future(_copy_much(database))
        await asyncio.sleep(n * 0.002)
        task.cancel()
        await asyncio.wait([task])
    assert await count(database) % 2000 == 0
    async with asyncio.timeout(5), database.transaction() as session, database.transaction() as other:
        await copy(session, 1)
        await copy(other, 1)


async def _copy_much(database: Database) -> None:
    async with database.transaction() as session:
        await copy(session, 2000)


async def test_a_client_that_froze_in_the_middle_of_a_copy_is_ended_and_what_it_had_locked_is_free(
    database: Database,
) -> None:
    frozen = await asyncpg.connect(database.url.replace("+asyncpg", ""))
    async with stuck_in_copy(frozen, "3501"):
        async with database.transaction() as session:
            await run(session, "SET LOCAL lock_timeout = '100ms'")
            with pytest.raises(SQLAlchemyError, match="lock timeout"):
                await lock_districts(session, ["3501"])
        await asyncio.sleep(0.3)
        assert await database.end_frozen(60) == 0, "it may be at work"
        assert await database.end_frozen(0.2) == 1
        async with asyncio.timeout(5), database.transaction() as session:
            await lock_districts(session, ["3501"])
        assert await database.end_frozen(0) == 0
