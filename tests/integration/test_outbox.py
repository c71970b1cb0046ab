"""What a transaction told reaches the log: all of it, in order, once unless somebody dies in between."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.stack.files import ROOT
from services.grants.tables import METADATA
from shared.database import Database, run
from shared.embedded import EmbeddedLog
from shared.events.envelope import Outgoing, Record
from shared.events.facts import BudgetSet
from shared.events.receipts import Receipt, Sentence, Verdict
from shared.log import LogUnavailable, Partition
from shared.outbox import Relay, emit, emit_receipts, run_relay
from shared.telemetry import Metrics
from tests.integration.conftest import DatabaseFor
from tests.integration.logs import from_the_start, take, until

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)
TOPIC = "facts.grants"


class Watched(EmbeddedLog):
    """The embedded log, and how many appends ran at once."""

    def __init__(self, path: Path, *, slow: float = 0.0) -> None:
        super().__init__(path)
        self._slow = slow
        self._now = 0
        self.most = 0
        self.appends: list[int] = []

    async def append(self, records: Sequence[Outgoing]) -> None:
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(self._slow)
        await super().append(records)
        self.appends.append(len(records))
        self._now -= 1


@pytest.fixture
async def database(database_for: DatabaseFor) -> Database:
    return await database_for("grants", METADATA)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EmbeddedLog]:
    found = EmbeddedLog(tmp_path / "log.db")
    yield found
    await found.close()


def relay_of(database: Database, log: EmbeddedLog) -> Relay:
    return Relay("grants", database, log, Metrics("grants"))


def budget(version: int, district: str = "3522") -> tuple[str, BudgetSet, datetime]:
    return district, BudgetSet(version=version, district=district, fiscal_year=2026, amount=version * 1_000_000), NOON


def receipt(event_id: str, reason: str = "accepted") -> Receipt:
    return Receipt(
        event_id=event_id,
        event_type="berdaya.district.grant-requested.v1",
        verdict=Verdict.accepted,
        reason=reason,
        message=Sentence("Diterima.", "Accepted."),
        warnings=(),
        at=NOON,
    )


def alike(*event_ids: str, reason: str = "accepted") -> tuple[Receipt, Sequence[str]]:
    return receipt("", reason), event_ids


async def tell(database: Database, *facts: tuple[str, BudgetSet, datetime]) -> None:
    async with database.transaction() as session:
        await emit(session, "grants", facts)


async def sent(log: EmbeddedLog, topic: str = TOPIC) -> list[Record]:
    """All that lies in a topic."""
    (end,) = (await log.ends([topic])).values()
    async with log.subscribe("test", [topic], from_the_start) as subscription:
        return await take(subscription, end)


async def waiting(database: Database) -> int:
    async with database.reading() as session:
        found = await run(session, "SELECT count(*) FROM outbox WHERE published_at IS NULL")
        return int(found.scalar_one())


def versions(records: Sequence[Record], key: str = "3522") -> list[int]:
    return [msgspec.json.decode(record.value or b"")["version"] for record in records if record.key == key.encode()]


def event_id(record: Record) -> str:
    return dict(record.headers)["ce_id"].decode()


async def test_a_fact_is_told_as_the_contract_says(database: Database, log: EmbeddedLog) -> None:
    await tell(database, budget(7))
    assert await relay_of(database, log).round() == 1
    (record,) = await sent(log)
    assert record.key == b"3522"
    assert msgspec.json.decode(record.value or b"") == {
        "version": 7,
        "district": "3522",
        "fiscal_year": 2026,
        "amount": 7_000_000,
    }
    assert dict(record.headers) == {
        "ce_id": b"berdaya.grants.budget-set.v1/3522/2026/7",
        "ce_source": b"/service/grants",
        "ce_type": b"berdaya.grants.budget-set.v1",
        "ce_specversion": b"1.0",
        "ce_time": b"2026-04-07T12:00:00.000000Z",
        "ce_subject": b"3522/2026",
        "content-type": b"application/json",
    }


async def test_what_a_transaction_undid_is_never_told(database: Database, log: EmbeddedLog) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as session:
            await emit(session, "grants", [budget(1)])
            await emit_receipts(session, {"3522": [alike("a")]})
            raise ZeroDivisionError
    assert await relay_of(database, log).round() == 0
    assert await log.ends([TOPIC]) == {Partition(TOPIC, 0): 0}


async def test_who_commits_late_is_not_passed_over(templates_postgres: Database, log: EmbeddedLog) -> None:
    """The trap: numbers are given at the INSERT, not at the commit, so a lower one can appear later."""
    database = templates_postgres
    relay = relay_of(database, log)
    async with AsyncSession(database.engine) as slow:
        await emit(slow, "grants", [budget(1, "3501")])
        await tell(database, budget(1, "3502"))
        assert await relay.round() == 1
        await slow.commit()
    assert await relay.round() == 1
    assert [record.key for record in await sent(log)] == [b"3502", b"3501"]
    assert await waiting(database) == 0


@pytest.fixture
async def templates_postgres(database_for: DatabaseFor) -> Database:
    database = await database_for("grants", METADATA)
    if database.is_sqlite:
        pytest.skip("one writer at a time: nobody can commit late")
    return database


async def test_each_key_keeps_its_order_whatever_the_number_of_rounds(database: Database, log: EmbeddedLog) -> None:
    relay = relay_of(database, log)
    for version in range(1, 31):
        await tell(database, budget(version, "3501"), budget(version, "3502"))
        if version % 7 == 0:
            assert await relay.round() == 14
    assert await relay.round() == 4
    assert await relay.round() == 0
    found = await sent(log)
    assert versions(found, "3501") == list(range(1, 31))
    assert versions(found, "3502") == list(range(1, 31))


async def test_two_relays_at_once_never_send_side_by_side(database: Database, tmp_path: Path) -> None:
    log = Watched(tmp_path / "log.db", slow=0.02)
    # A relay of SQLite looks when its own process has written: both are to be of that one.
    second = database if database.is_sqlite else Database(database.url)
    relays = [relay_of(database, log), relay_of(second, log)]
    written = asyncio.Event()

    async def work(relay: Relay) -> None:
        while not written.is_set():
            await relay.round()
            await asyncio.sleep(0)

    async def write() -> None:
        for version in range(1, 21):
            await tell(database, budget(version))
        written.set()

    await asyncio.gather(*map(work, relays), write())
    while await waiting(database):
        await relays[0].round()
    assert log.most == 1
    assert versions(await sent(log)) == list(range(1, 21))
    if second is not database:
        await second.close()
    await log.close()


async def test_what_another_process_wrote_goes_out_within_a_second_or_two(database: Database, tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path / "log.db")
    relay, other = relay_of(database, log), Database(database.url)
    assert await relay.round() == 0
    await tell(other, budget(1))
    rounds = 0
    for _ in range(200):
        if rounds := await relay.round():
            break
        await asyncio.sleep(0.05)
    assert (rounds, versions(await sent(log))) == (1, [1])
    await other.close()
    await log.close()


async def test_a_log_that_is_away_leaves_everything_unsent_and_in_order(database: Database, tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path / "folder" / "log.db")
    (tmp_path / "folder").write_text("a file where the folder should be")
    relay = relay_of(database, log)
    await tell(database, budget(1), budget(2))
    with pytest.raises(LogUnavailable):
        await relay.round()
    assert await waiting(database) == 2
    await tell(database, budget(3))
    (tmp_path / "folder").unlink()
    assert await relay.round() == 3
    assert versions(await sent(log)) == [1, 2, 3]
    assert await waiting(database) == 0
    await log.close()


async def test_receipts_unfold_into_one_record_per_event(database: Database, log: EmbeddedLog) -> None:
    async with database.transaction() as session:
        await emit_receipts(
            session, {"3522": [alike("a", 'b/"é""'), alike("x", reason="older_revision")], "3578": [alike("a")]}
        )
        await emit_receipts(session, {"3522": [alike("c")]})
    relay = Relay("grants", database, log, metrics := Metrics("grants"))
    assert await relay.round() == 3
    bojonegoro = await sent(log, "receipts.3522")
    assert [record.key for record in bojonegoro] == [b"a", 'b/"é""'.encode(), b"x", b"c"]
    assert [record.key for record in await sent(log, "receipts.3578")] == [b"a"]
    assert len({event_id(record) for record in bojonegoro}) == 4, "each receipt is an event of its own"
    assert msgspec.json.decode(bojonegoro[1].value or b"", type=Receipt) == receipt('b/"é""')
    assert msgspec.json.decode(bojonegoro[2].value or b"", type=Receipt) == receipt("x", reason="older_revision")
    headers = dict(bojonegoro[1].headers)
    assert headers["ce_type"] == b"berdaya.receipt.v1"
    assert headers["ce_source"] == b"/service/grants"
    assert b'berdaya_outbox_published_total{service="grants"} 5.0' in metrics.expose()


async def test_a_round_is_bounded_and_always_gets_on(database: Database, tmp_path: Path) -> None:
    log = Watched(tmp_path / "log.db")
    relay = relay_of(database, log)
    async with database.transaction() as session:
        await emit_receipts(session, {"3501": [alike(*[f"a{n}" for n in range(1500)])]})
        await emit_receipts(session, {"3501": [alike(*[f"b{n}" for n in range(1500)])]})
        await emit_receipts(session, {"3501": [alike(*[f"c{n}" for n in range(5000)])]})
        await emit_receipts(session, {"3501": [alike("d")]})
    while await relay.round():
        pass
    assert log.appends == [3000, 5000, 1], "rows are never cut, and a row beyond the bound waits for the next round"
    keys = [(record.key or b"").decode() for record in await sent(log, "receipts.3501")]
    expected = [f"a{n}" for n in range(1500)] + [f"b{n}" for n in range(1500)] + [f"c{n}" for n in range(5000)] + ["d"]
    assert keys == expected
    await log.close()


async def test_only_what_was_sent_long_ago_is_forgotten(database: Database, log: EmbeddedLog) -> None:
    relay = relay_of(database, log)
    await tell(database, budget(1), budget(2), budget(3))
    await relay.round()
    await tell(database, budget(4))
    moment = datetime.now(UTC)
    async with database.transaction() as session:
        age = "UPDATE outbox SET created_at = :at, published_at = :at WHERE id = (SELECT min(id) + :n FROM outbox)"
        await run(session, age, at=moment - timedelta(days=8), n=0)
        await run(session, age, at=moment - timedelta(days=6), n=1)
        await run(
            session,
            "UPDATE outbox SET created_at = :at WHERE published_at IS NULL",
            at=moment - timedelta(days=30),
        )
    await relay.prune()
    async with database.reading() as session:
        found = await run(session, "SELECT payload FROM outbox ORDER BY id")
        assert [msgspec.json.decode(row.payload)["version"] for row in found] == [2, 3, 4]


async def test_a_relay_runs_until_it_is_told_to_stop(database: Database, log: EmbeddedLog) -> None:
    stopping = asyncio.Event()
    running = asyncio.ensure_future(run_relay(relay_of(database, log), stopping))
    for version in range(1, 4):
        await tell(database, budget(version))
        await until(partial(reached, log, version), seconds=10)
    stopping.set()
    async with asyncio.timeout(5):
        await running


async def reached(log: EmbeddedLog, end: int) -> bool:
    return await log.ends([TOPIC]) == {Partition(TOPIC, 0): end}


RELAY_ONCE = """
import asyncio, sys
from pathlib import Path
from shared.database import Database
from shared.embedded import EmbeddedLog
from shared.outbox import Relay
from shared.telemetry import Metrics

asyncio.run(Relay("grants", Database(sys.argv[1]), EmbeddedLog(Path(sys.argv[2])), Metrics("grants")).round())
"""


async def test_a_relay_killed_after_sending_sends_again_with_the_same_ids(database: Database, tmp_path: Path) -> None:
    await tell(database, budget(1), budget(2))
    async with database.transaction() as session:
        await emit_receipts(session, {"3522": [alike("a", "b")]})
    path = tmp_path / "log.db"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RELAY_ONCE, database.url, str(path)),
        cwd=ROOT,
        env=os.environ | {"BERDAYA_FAILPOINT": "sent"},
    )
    assert await process.wait() == -9
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT count(*) FROM record").fetchone() == (4,), "all were sent before it died"
    assert await waiting(database) == 3

    log = EmbeddedLog(path)
    assert await relay_of(database, log).round() == 3
    facts = [event_id(record) for record in await sent(log)]
    assert facts[:2] == facts[2:]
    receipts = [event_id(record) for record in await sent(log, "receipts.3522")]
    assert receipts[:2] == receipts[2:]
    assert len(set(receipts)) == 2
    await log.close()
