"""What every call has in common: a problem says what is wrong and no more, and a retry does nothing twice."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI
from msgspec import json
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from deploy.stack.components import StackError, start_postgres
from services.grants.tables import METADATA
from shared.database import Database, run
from shared.embedded import EmbeddedLog
from shared.refusals import Refused
from shared.security import Caller, LocalKey, Role, Verifier
from shared.sessions import Sessions
from shared.telemetry import Metrics, logger
from shared.web import DATABASE_SECONDS, Call, Context, allow, call, install
from tests.conftest import absent
from tests.integration.conftest import DatabaseFor
from tests.integration.logs import until

SECRET = "RAHASIA4141"


class Note(BaseModel):
    name: Annotated[str, Field(max_length=64)]
    of: int = 1
    refused: bool = False


class Service:
    """A service with one writing call: it keeps notes of known people, and asks who is known only at the commit."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.metrics = Metrics("grants")
        self._key = LocalKey.at(folder / "keys")
        verifier = Verifier(self._key.public, issuer="i", audience="a")
        log = EmbeddedLog(folder / "log.db")
        self.app = FastAPI()
        sessions = Sessions(self._key.public, issuer="i", public="")
        install(self.app, Context("grants", database, log, verifier, sessions, self.metrics, logger("grants")))

        @self.app.post("/notes")
        async def add(
            body: Note,
            who: Annotated[Caller, Depends(allow(Role.admin))],
            once: Annotated[Call, Depends(call)],
        ) -> object:
            async def work(session: AsyncSession) -> object:
                await run(session, "INSERT INTO note (name, of) VALUES (:name, :of)", name=body.name, of=body.of)
                if body.refused:
                    raise Refused("four_eyes")
                return {"kept": body.name}

            return await once.once(who, work)

        @self.app.get("/sleep")
        async def sleep(seconds: float) -> None:
            async with self.database.reading() as session:
                await run(session, "SELECT pg_sleep(:seconds)", seconds=seconds)

        @self.app.get("/broken")
        async def broken(value: str) -> None:
            async with self.database.reading() as session:
                await run(session, "SELECT no_such_column FROM note WHERE name = :value", value=value)

    async def add(self, key: str | None = "k-1", *, sub: str = "ani", **note: object) -> httpx.Response:
        token = self._key.sign(sub=sub, role=Role.admin, district=None, issuer="i", audience="a")
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        async with self.client() as client:
            return await client.post("/notes", json={"name": "a", **note}, headers=headers)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://service")

    async def sleep(self, seconds: float) -> httpx.Response:
        """A call whose statement takes so long."""
        async with self.client() as client:
            return await client.get("/sleep", params={"seconds": seconds})

    async def notes(self) -> list[str]:
        async with self.database.reading() as session:
            return [row.name for row in await run(session, "SELECT name FROM note ORDER BY name")]


@pytest.fixture
async def service(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Service]:
    database = await database_for("grants", METADATA)
    async with database.transaction() as session:
        await run(session, "CREATE TABLE known (id INTEGER PRIMARY KEY)")
        await run(session, "INSERT INTO known VALUES (1)")
        await run(
            session,
            "CREATE TABLE note (name VARCHAR NOT NULL, of INTEGER REFERENCES known (id) DEFERRABLE INITIALLY DEFERRED)",
        )
    yield Service(database, tmp_path)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert (body["type"], body["status"], body["code"]) == (f"urn:berdaya:problem:{code}", status, code)
    message = body["message"]
    assert isinstance(message, dict)
    assert set(message) == {"id", "en"}
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    return body


# --- once


async def test_a_retry_gets_the_answer_of_the_first_time_and_does_nothing(service: Service) -> None:
    first = await service.add()
    again = await service.add()
    assert (first.status_code, first.json()) == (200, {"kept": "a"})
    assert (again.status_code, again.content) == (200, first.content)
    assert await service.notes() == ["a"]


async def test_a_key_is_for_one_request_of_one_caller(service: Service) -> None:
    await service.add()
    problem(await service.add(name="b"), 422, "idempotency_key_reused")
    assert (await service.add(sub="budi", name="c")).status_code == 200
    assert (await service.add("k-2", name="d")).status_code == 200
    assert await service.notes() == ["a", "c", "d"]


async def test_without_a_key_nothing_is_done(service: Service) -> None:
    problem(await service.add(None), 400, "idempotency_key_missing")
    problem(await service.add("k" * 129), 422, "invalid_request")
    assert await service.notes() == []


async def test_a_refusal_keeps_nothing_and_a_retry_works_anew(service: Service) -> None:
    problem(await service.add(refused=True), 409, "four_eyes")
    assert await service.notes() == []
    assert (await service.add()).status_code == 200


async def test_twenty_at_once_with_one_key_do_it_once(service: Service) -> None:
    answers = await asyncio.gather(*(service.add() for _ in range(20)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b'{"kept":"a"}')}
    assert await service.notes() == ["a"]


async def test_a_commit_that_fails_is_no_success_and_leaves_nothing(service: Service) -> None:
    """Whether `of` is known is asked at the commit only: an answer sent before it would have been a lie."""
    with capture_logs() as lines:
        problem(await service.add(of=2), 500, "internal")
    assert [line["kinds"][0] for line in lines] == ["IntegrityError"]
    for n in range(10):  # whichever connection of the pool it was
        assert (await service.add(f"k-{n + 2}", name=f"n-{n}")).status_code == 200
    assert await service.notes() == [f"n-{n}" for n in range(10)]
    assert (await service.add()).status_code == 200, "the key was not used up"


# --- problems


async def test_what_does_not_fit_is_named_by_its_place_and_not_by_its_value(service: Service) -> None:
    body = problem(await service.add(of=SECRET), 422, "invalid_request")
    assert body["errors"] == [{"at": "body.of", "why": "int_parsing"}]
    problem(await service.add(name=SECRET * 10), 422, "invalid_request")


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(service: Service) -> None:
    async with service.client() as client:
        problem(await client.get("/nowhere"), 404, "not_found")
        answer = await client.delete("/notes")
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"


async def test_a_body_of_json_is_limited_too(service: Service) -> None:
    problem(await service.add(name="x" * (4 * 1024 * 1024)), 413, "too_large")
    assert await service.notes() == []


async def test_a_mistake_of_ours_is_told_to_the_log_and_not_to_the_caller(service: Service) -> None:
    with capture_logs() as lines:
        async with service.client() as client:
            problem(await client.get("/broken", params={"value": SECRET}), 500, "internal")
    (line,) = lines
    assert line["log_level"] == "error"
    assert line["path"] == "/broken"
    assert any(place.endswith(" broken") for place in line["at"]), "it says where"
    assert SECRET not in json.encode(line).decode()


async def test_a_text_that_cannot_be_stored_is_the_mistake_of_its_sender(service: Service) -> None:
    answer = await service.add(name="a\0b")
    if service.database.is_sqlite:
        assert answer.status_code == 200, "SQLite stores it"
    else:
        problem(answer, 422, "invalid_request")
        assert await service.notes() == []


async def test_a_database_that_stands_still_is_told_so_within_seconds(tmp_path: Path) -> None:
    """Met by a call under way, by one that takes a known connection, and by one that needs a new one."""
    try:
        postgres = start_postgres(tmp_path / "postgres")
    except StackError as error:
        absent("postgres", str(error))
    try:
        database = Database(postgres.address.replace("postgresql://", "postgresql+asyncpg://"), pool=3)
        service = Service(database.within(DATABASE_SECONDS), tmp_path)
        async with database.transaction() as session:
            await run(session, "CREATE TABLE note (name VARCHAR, of INTEGER)")
            await run(
                session,
                "CREATE TABLE reply (sub VARCHAR, key VARCHAR, fingerprint VARCHAR, status INTEGER, body VARCHAR, "
                "at timestamptz, PRIMARY KEY (sub, key))",
            )
        assert [(await service.add(f"before-{n}")).status_code for n in range(2)] == [200, 200]
        under_way = asyncio.ensure_future(service.sleep(1))
        consumers = asyncio.ensure_future(notes_once_it_moves(database))
        await until(lambda: is_asleep(database))
        began = time.monotonic()
        postgres.freeze()
        answers = await asyncio.gather(under_way, *(service.add(f"k-{n}") for n in range(5)))
        took = time.monotonic() - began
        for answer in answers:
            problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert took < 12, "it is answered within some ten seconds"
        postgres.thaw()
        assert await consumers == 2, "whoever has no limit goes on where it stood"
        assert [(await service.add(f"k-{n}")).status_code for n in range(5)] == [200] * 5
        assert len(await service.notes()) == 7, "a retry has one effect"
        await database.close()
    finally:
        postgres.thaw()
        postgres.stop()


async def notes_once_it_moves(database: Database) -> int:
    async with database.reading() as session:
        await run(session, "SELECT pg_sleep(2)")
        return int((await run(session, "SELECT count(*) FROM note")).scalar_one())


async def is_asleep(database: Database) -> bool:
    async with database.reading() as session:
        found = await run(
            session,
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(%' AND state = 'active' "
            "AND pid <> pg_backend_pid()",
        )
        return int(found.scalar_one()) == 2


async def test_a_database_that_is_away_is_told_so_with_a_time_to_come_back(tmp_path: Path) -> None:
    service = Service(Database("postgresql+asyncpg://nobody@127.0.0.1:1/nothing"), tmp_path)
    answer = await service.add()
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert service.metrics.registry.get_sample_value("berdaya_faults_total", {"service": "grants"}) == 1
