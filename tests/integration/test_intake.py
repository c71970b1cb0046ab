"""Both doors of the districts: what is taken is answered by a receipt, what is not is answered at once, and no odd
event stops the next."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from confluent_kafka import Producer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.stack import ports
from deploy.stack.files import ROOT
from deploy.stack.topics import provision_topics
from services.reporting.app import build
from services.reporting.handlers import handlers
from services.reporting.tables import METADATA
from shared.database import Database, run
from shared.embedded import EmbeddedLog
from shared.events.catalogue import intake_topic
from shared.events.envelope import BATCH, STRUCTURED, Envelope, Outgoing, Record, read_record, to_headers
from shared.log import Log, Partition
from shared.runtime import Node
from shared.security import Role
from shared.settings import Settings
from tests.conftest import Components
from tests.helpers import bearer
from tests.integration import poison
from tests.integration.conftest import DatabaseFor, Templates
from tests.integration.logs import PATIENCE_SECONDS, Logs, from_the_start, take, until
from tests.integration.tiny import person

BOJONEGORO, SURABAYA = "3522", "3578"
TOPIC = intake_topic("reporting", BOJONEGORO)
MIB = 1024 * 1024
NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)


def event(event_id: str, data: object = None, *, ref: str = "W-1", **changed: Any) -> dict[str, object]:
    """A good report in structured mode, or with attributes changed."""
    good = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/district/{BOJONEGORO}/test",
        "type": poison.INCOME,
        "time": "2026-04-07T19:00:00+07:00",
        "subject": ref,
        "data": poison.report(ref) if data is None else data,
    }
    return {name: value for name, value in (good | changed).items() if value is not ...}


def headers(event_id: str, ref: str) -> poison.Headers:
    return to_headers(
        Envelope(id=event_id, source=f"/district/{BOJONEGORO}/test", type=poison.INCOME, time=NOON, subject=ref)
    )


class Door:
    """The reporting service's application, and its log to look into."""

    def __init__(self, node: Node, client: httpx.AsyncClient) -> None:
        self.node = node
        self.client = client
        self.answers: list[httpx.Response] = []

    def credentials(self, role: Role = Role.district_system, district: str | None = BOJONEGORO) -> dict[str, str]:
        return bearer(self.node.settings, role, "somebody", district)

    async def post(self, content: object, kind: str | None = STRUCTURED, **more: Any) -> httpx.Response:
        body = content if isinstance(content, bytes) or hasattr(content, "__aiter__") else msgspec.json.encode(content)
        headers = more.pop("headers", self.credentials()) | ({"Content-Type": kind} if kind else {})
        answer = await self.client.post("/v1/events", content=body, headers=headers)
        self.answers.append(answer)
        return answer

    async def receipt(
        self, event_id: str, role: Role = Role.district_system, district: str | None = BOJONEGORO
    ) -> httpx.Response:
        return await self.client.get(f"/v1/receipts/{event_id}", headers=self.credentials(role, district))

    async def verdict(self, event_id: str) -> tuple[str, str]:
        answer = await self.receipt(event_id)
        return (answer.json()["verdict"], answer.json()["reason"]) if answer.status_code == 200 else ("", "")

    async def taken(self) -> int:
        return (await self.node.log.ends([TOPIC]))[Partition(TOPIC, 0)]

    async def records(self) -> list[Record]:
        async with self.node.log.subscribe("test", [TOPIC], from_the_start) as subscription:
            return await take(subscription, await self.taken())


@pytest.fixture
async def door(templates: Templates, tmp_path: Path) -> AsyncIterator[Door]:
    """For what never touches the database: SQLite is enough."""
    database = Database(await templates.sqlite("reporting", METADATA, tmp_path / "reporting.db"))
    async with a_door(database, tmp_path) as found:
        yield found
    await database.close()


@pytest.fixture
async def office(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Door]:
    async with a_door(await database_for("reporting", METADATA), tmp_path) as found:
        yield found


@asynccontextmanager
async def a_door(database: Database, folder: Path) -> AsyncIterator[Door]:
    log = EmbeddedLog(folder / "log.db")
    node = build(Settings(service="reporting", var=folder), log, database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(node.app), base_url="http://reporting") as client:
        door = Door(node, client)
        yield door
    await log.close()
    assert all(poison.SECRET not in answer.text for answer in door.answers), "no answer repeats what was sent"


def problem(answer: httpx.Response, status: int, code: str, **members: object) -> None:
    """It is that problem, in the shape of RFC 9457 and both languages, and tells nothing it should not."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["status"], body["code"]) == (f"urn:berdaya:problem:{code}", status, code)
    assert set(body["message"]) == {"id", "en"}
    assert body["title"] == body["message"]["id"]
    assert body["message"]["id"] != body["message"]["en"]
    assert {name: body.get(name) for name in members} == members
    assert poison.SECRET not in answer.text
    assert "Traceback" not in answer.text and ".py" not in answer.text


# --- what is taken


async def test_an_event_that_is_taken_lies_in_the_topic_of_its_district(door: Door) -> None:
    answer = await door.post(event("e-1"))
    assert answer.status_code == 202
    assert answer.json() == [{"index": 0, "id": "e-1", "status": "taken"}]
    (record,) = await door.records()
    assert (record.topic, record.key) == (TOPIC, b"W-1")
    envelope, data = read_record(record)
    assert (envelope.id, envelope.source, envelope.time, envelope.subject) == (
        "e-1",
        "/district/3522/test",
        NOON,
        "W-1",
    )
    assert msgspec.json.decode(data) == poison.report("W-1")


async def test_a_batch_of_a_thousand_is_taken_in_its_order(door: Door) -> None:
    answer = await door.post([event(f"e-{n}", ref=f"W-{n % 7}") for n in range(1000)], BATCH)
    assert answer.status_code == 202
    assert answer.json() == [{"index": n, "id": f"e-{n}", "status": "taken"} for n in range(1000)]
    assert [read_record(record)[0].id for record in await door.records()] == [f"e-{n}" for n in range(1000)]


async def test_an_empty_batch_is_taken_and_is_nothing(door: Door) -> None:
    answer = await door.post([], BATCH)
    assert (answer.status_code, answer.json()) == (202, [])
    assert await door.taken() == 0


@pytest.mark.parametrize("kind", ["application/cloudevents+json; charset=utf-8", "Application/CloudEvents+JSON"])
async def test_a_media_type_may_be_spelt_as_the_rfc_allows(door: Door, kind: str) -> None:
    assert (await door.post(event("e-1"), kind)).status_code == 202


# --- what is not


async def test_a_thousand_and_one_are_too_many_and_none_is_taken(door: Door) -> None:
    problem(await door.post([event(f"e-{n}") for n in range(1001)], BATCH), 413, "too_large")
    assert await door.taken() == 0


def padded(count: int, total: int) -> bytes:
    """A batch of exactly so many bytes."""
    events = [event(f"e-{n}", poison.report("W-1", note="")) for n in range(count)]
    missing = total - len(msgspec.json.encode(events))
    for n in range(count):
        share = missing // count + (missing % count if n == 0 else 0)
        events[n] = event(f"e-{n}", poison.report("W-1", note="x" * share))
    body = msgspec.json.encode(events)
    assert len(body) == total
    return body


async def test_a_body_of_four_mebibytes_is_taken_and_one_byte_more_is_not(door: Door) -> None:
    assert (await door.post(padded(5, 4 * MIB), BATCH)).status_code == 202
    problem(await door.post(padded(5, 4 * MIB + 1), BATCH), 413, "too_large")
    assert await door.taken() == 5


async def test_a_body_that_does_not_say_how_long_it_is_is_limited_too(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 64 * 1024

    problem(await door.post(endless(), BATCH), 413, "too_large")
    body = padded(5, 4 * MIB)

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    assert (await door.post(in_pieces(), BATCH)).status_code == 202
    assert await door.taken() == 5


async def test_one_event_above_a_mebibyte_is_too_large_and_so_is_its_batch(door: Door) -> None:
    large = event("large", poison.report("W-1", note="x" * MIB))
    problem(await door.post(large), 413, "too_large", index=0)
    problem(await door.post([event("e-0"), event("e-1"), large], BATCH), 413, "too_large", index=2)
    assert await door.taken() == 0


@pytest.mark.parametrize(
    "kind", [None, "", "application/json", "text/plain", "application/cloudevents", "multipart/form-data"]
)
async def test_another_media_type_is_not_taken(door: Door, kind: str | None) -> None:
    problem(await door.post(event("e-1"), kind), 415, "unsupported_media_type")
    assert await door.taken() == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"{", poison.SECRET.encode(), b"\xff\xfe", b"\0", b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b"NaN"],
    ids=["empty", "cut off", "words", "no UTF-8", "NUL", "nested and cut off", "deeply nested", "NaN"],
)
async def test_what_is_no_json_is_not_taken(door: Door, body: bytes) -> None:
    single = await door.post(body)
    assert single.status_code in (400, 422)
    problem(single, single.status_code, {400: "malformed", 422: "invalid_request"}[single.status_code])
    batch = await door.post(body, BATCH)
    assert batch.status_code in (400, 422)
    problem(batch, batch.status_code, {400: "malformed", 422: "invalid_request"}[batch.status_code])
    assert await door.taken() == 0


@pytest.mark.parametrize("body", [event("e-1"), "text", 5, None], ids=["an event", "a text", "a number", "null"])
async def test_a_batch_is_a_list(door: Door, body: object) -> None:
    problem(await door.post(body, BATCH), 400, "malformed")


BAD_ATTRIBUTES: Mapping[str, dict[str, Any]] = {
    "no id": {"id": ...},
    "an empty id": {"id": ""},
    "an overlong id": {"id": poison.SECRET * 20},
    "an id that is a number": {"id": 5},
    "an id with a line feed": {"id": "a\nb"},
    "an id with U+0000": {"id": "a\0b"},
    "no source": {"source": ...},
    "a source of words": {"source": poison.SECRET},
    "no type": {"type": ...},
    "no time": {"time": ...},
    "a time of words": {"time": poison.SECRET},
    "a time without offset": {"time": "2026-04-07T12:00:00"},
    "a time before all time": {"time": "0001-01-01T00:00:00+07:00"},
    "no subject": {"subject": ...},
    "an overlong subject": {"subject": "s" * 65},
    "no data": {"data": ...},
    "no specversion": {"specversion": ...},
    "another specversion": {"specversion": "0.3"},
    "data that is no JSON, it says": {"datacontenttype": "text/xml"},
    "an overlong traceparent": {"traceparent": "0" * 65},
}


@pytest.mark.parametrize("changed", BAD_ATTRIBUTES.values(), ids=BAD_ATTRIBUTES.keys())
async def test_a_bad_envelope_is_named_by_its_place_and_none_is_taken(door: Door, changed: dict[str, Any]) -> None:
    good = [event("e-0"), event("e-1")]
    problem(await door.post([*good, event("bad", **changed), event("e-3")], BATCH), 422, "invalid_request", index=2)
    problem(await door.post(event("bad", **changed)), 422, "invalid_request", index=0)
    assert await door.taken() == 0


@pytest.mark.parametrize(
    "name",
    [
        "berdaya.district.unheard-of.v1",
        "berdaya.district.income-reported.v2",
        "berdaya.district.grant-requested.v1",
        "berdaya.registry.beneficiary-registered.v1",
        "berdaya.receipt.v1",
    ],
)
async def test_a_type_that_is_not_taken_here_is_refused(door: Door, name: str) -> None:
    problem(await door.post([event("e-0"), event("e-1", type=name)], BATCH), 422, "unknown_type", index=1)
    assert await door.taken() == 0


async def test_a_type_of_another_service_is_told_where_to_go(door: Door) -> None:
    answer = await door.post(event("e-1", type="berdaya.district.grant-requested.v1"))
    assert "grants" in answer.json()["detail"]


@pytest.mark.parametrize("source", ["/district/3578/test", "/service/registry"])
async def test_the_source_must_be_of_the_district_of_the_token(door: Door, source: str) -> None:
    answer = await door.post([event("e-0"), event("e-1", source=source)], BATCH)
    problem(answer, 422, "district_mismatch", index=1)
    assert await door.taken() == 0
    assert await door.node.log.ends([intake_topic("reporting", SURABAYA)]) == {
        Partition(intake_topic("reporting", SURABAYA), 0): 0
    }


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.district_system])
async def test_only_the_system_of_a_district_publishes(door: Door, role: Role) -> None:
    district = BOJONEGORO if role is Role.district_officer else None
    problem(await door.post(event("e-1"), headers=door.credentials(role, district)), 403, "forbidden")
    assert await door.taken() == 0


async def test_without_a_token_nothing_is_taken(door: Door) -> None:
    problem(await door.post(event("e-1"), headers={}), 401, "unauthenticated")
    assert await door.taken() == 0


async def test_while_the_log_is_away_nothing_is_promised(door: Door, tmp_path: Path) -> None:
    (tmp_path / "log.db").mkdir()
    answer = await door.post(event("e-1"))
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    (tmp_path / "log.db").rmdir()
    assert (await door.post(event("e-1"))).status_code == 202


async def test_while_the_database_is_away_receipts_are_asked_for_later(tmp_path: Path) -> None:
    nobody = f"postgresql+asyncpg://nobody@127.0.0.1:{ports.choose()}/nothing"
    async with a_door(Database(nobody), tmp_path) as door:
        answer = await door.receipt("e-1")
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert (await door.post(event("e-1"))).status_code == 202, "the log is there, and that is all this needs"
        await door.node.database.close()


async def test_a_client_that_is_cut_off_in_the_middle_leaves_nothing(door: Door) -> None:
    """Over a real socket: the headers promise more than ever comes."""
    async with served(door) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        token = door.credentials()["Authorization"]
        writer.write(
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: {STRUCTURED}\r\n"
            "Content-Length: 5000\r\n\r\n{".encode()
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=door.credentials()) as client:
            good = await client.post("/v1/events", json=event("e-1"), headers={"Content-Type": STRUCTURED})
            assert good.status_code == 202
    assert await door.taken() == 1


async def test_a_client_that_never_stops_sending_is_answered_and_cut_off(door: Door) -> None:
    async with served(door) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        token = door.credentials()["Authorization"]
        writer.write(
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: {BATCH}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        sent = 0
        answered = asyncio.ensure_future(reader.readline())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not answered.done():
                writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
                await asyncio.wait_for(asyncio.shield(writer.drain()), 5)
                sent += 1
                await asyncio.sleep(0)
            assert await answered == b"HTTP/1.1 413 Request Entity Too Large\r\n"
        writer.close()
    assert sent * 0x10000 < 64 * MIB
    assert await door.taken() == 0


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[int]:
    port = ports.choose()
    server = uvicorn.Server(uvicorn.Config(door.node.app, port=port, log_level="error", lifespan="off"))
    task = asyncio.ensure_future(server.serve())
    await until(lambda: server.started)
    yield port
    server.should_exit = True
    await task


# --- receipts


@asynccontextmanager
async def at_work(door: Door) -> AsyncIterator[None]:
    """The service reads its log and tells its receipts."""
    async with door.node.running():
        yield


async def test_a_receipt_tells_the_verdict_and_the_deliveries(office: Door) -> None:
    problem(await office.receipt("e-1"), 404, "not_found")
    async with at_work(office):
        await office.post([event("e-1"), event("e-1")], BATCH)
        await office.post(event("e-1"))
        await until(lambda: delivered(office, "e-1", 3))
        found = (await office.receipt("e-1")).json()
        assert (found["event_id"], found["event_type"]) == ("e-1", poison.INCOME)
        assert (found["verdict"], found["reason"], found["warnings"]) == ("waiting", "unknown_beneficiary", [])
        assert set(found["message"]) == {"id", "en"}
        assert datetime.fromisoformat(found["at"]).tzinfo is not None
        assert (await office.receipt("e-1", Role.district_officer)).status_code == 200
        problem(await office.receipt("e-1", district=SURABAYA), 404, "not_found")
        problem(await office.receipt("e-1", Role.province_officer, None), 403, "forbidden")


async def delivered(door: Door, event_id: str, count: int) -> bool:
    answer = await door.receipt(event_id)
    return answer.status_code == 200 and answer.json()["deliveries"] == count


@pytest.mark.parametrize("name", ["a/b", "%00", "%2e%2e", "a%20b", "%ff", "x" * 5000, "'; DROP TABLE inbox", "🙂"])
async def test_a_receipt_of_any_name_can_be_asked_for(office: Door, name: str) -> None:
    problem(await office.receipt(name), 404, "not_found")


async def test_a_receipt_is_found_under_any_id_an_event_may_have(office: Door) -> None:
    names = ["a/b", "a b", "é/🙂", "50%", "?", "#", "..", "a//b", "i" * 128]
    async with at_work(office):
        await office.post([event(name) for name in names], BATCH)
        for name in names:
            quoted = "".join(f"%{byte:02X}" for byte in name.encode())
            await until(lambda quoted=quoted: delivered(office, quoted, 1))
            assert (await office.receipt(quoted)).json()["event_id"] == name


# --- poison


async def test_no_poison_over_http_stops_the_next_event(office: Door) -> None:
    async with at_work(office):
        await office.node.log.append(as_they_are([person(f"good-{n}") for n, _ in enumerate(poison.data(""))]))
        for n, name in enumerate(poison.data("")):
            ref = f"bad-{n}"
            odd = poison.data(ref)[name]
            body = msgspec.json.encode(event(name, "@", ref=ref)).replace(b'"@"', odd.value)
            answer = await office.post(body)
            assert answer.status_code == odd.status, (name, answer.text)
            if odd.status != 202:
                problem(answer, odd.status, {400: "malformed", 413: "too_large"}[odd.status], index=0)
            assert (await office.post(event(f"after {name}", ref=f"good-{n}"))).status_code == 202
        expected = {name: odd.answer for name, odd in poison.data("").items() if odd.status == 202}
        await until(lambda: all_answered(office, [*expected, *(f"after {name}" for name in poison.data(""))]))
        assert {name: await office.verdict(name) for name in expected} == expected
        for name in poison.data(""):
            assert await office.verdict(f"after {name}") == ("accepted", "accepted"), name
    for name in expected:
        assert poison.SECRET not in (await office.receipt(name)).text


async def all_answered(door: Door, names: Sequence[str]) -> bool:
    async with door.node.database.reading() as session:
        found = {row.event_id for row in await run(session, "SELECT event_id FROM inbox")}
    return found.issuperset(names)


def as_they_are(records: Sequence[Record]) -> list[Outgoing]:
    return [Outgoing(record.topic, record.key or b"", record.value or b"", record.headers) for record in records]


class Intake:
    """The topic of a district as its own Kafka client sees it; the embedded log beside SQLite."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self.log: Log = logs.open()
        self.topic = logs.topic("intake.reporting", end=f".{BOJONEGORO}")
        self.facts = logs.topic("facts.registry")
        self._producer = Producer({"bootstrap.servers": logs.address, "message.max.bytes": 6_000_000})
        self._sent = 0
        self.places: dict[str, str] = {}
        """The id under which each record is known when its own cannot be read."""

    async def send(self, name: str, key: bytes | None, value: bytes | None, headers: poison.Headers) -> None:
        self.places[name] = f"{self.topic}/0/{self._sent}"
        self._sent += 1
        if self._logs.kind == "kafka":
            self._producer.produce(self.topic, key=key, value=value, headers=list(headers))
        else:
            await self.log.append([Outgoing(self.topic, key or b"", value or b"", headers)])

    def flush(self) -> None:
        assert self._producer.flush(PATIENCE_SECONDS) == 0


async def test_no_poison_in_the_log_stops_the_next_event_and_it_can_be_given_up(
    database_for: DatabaseFor, components: Components, tmp_path: Path
) -> None:
    database = await database_for("reporting", METADATA)
    logs = (
        Logs("embedded", str(tmp_path / "log.db")) if database.is_sqlite else Logs("kafka", components.address("kafka"))
    )
    if logs.kind == "kafka":
        await asyncio.to_thread(provision_topics, logs.address, [BOJONEGORO])
    intake = Intake(logs)
    node = Node(
        Settings(service="reporting", var=tmp_path),
        intake.log,
        title="reporting",
        handlers=handlers(),
        topics=[intake.topic, intake.facts],
        database=database,
    )
    odd_data = {name: poison.data(f"bad-{n}")[name] for n, name in enumerate(poison.data(""))}
    odd_headers = poison.envelopes(headers("@", "bad"))
    expected: dict[str, tuple[str, str]] = {}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(logs.close)
        await stack.enter_async_context(node.running())
        await intake.log.append([Outgoing(intake.facts, *as_they_are([person("good")])[0][1:])])
        for n, (name, odd) in enumerate(odd_data.items()):
            await intake.send(name, f"bad-{n}".encode(), odd.value, headers(name, f"bad-{n}"))
            expected[name] = odd.answer
        for name, envelope in odd_headers.items():
            own = tuple((key, name.encode() if value == b"@" else value) for key, value in envelope.headers)
            await intake.send(name, name.encode(), msgspec.json.encode(poison.report("bad")), own)
            expected[
                name if ("ce_id", name.encode()) in own and envelope.answer != poison.ENVELOPE else intake.places[name]
            ] = envelope.answer
        if logs.kind == "kafka":
            await intake.send("no value", b"nothing", None, headers("no value", "W-1"))
            expected[intake.places["no value"]] = ("quarantined", "no_value")
            await intake.send("no key", None, b"{", headers("no key", "W-1"))
            expected["no key"] = ("quarantined", "not_json")
        expected |= {
            intake.places[name]: odd.answer for name, odd in odd_data.items() if odd.answer == poison.TOO_LARGE
        }
        expected = {
            name: answer
            for name, answer in expected.items()
            if name not in odd_data or odd_data[name].answer != poison.TOO_LARGE
        }
        await intake.send("good", b"good", msgspec.json.encode(poison.report("good")), headers("good", "good"))
        await asyncio.to_thread(intake.flush)
        await until(lambda: settled(database, "good"))
        assert await verdicts(database) == expected | {"good": ("accepted", "accepted")}
        assert node.progress.gaps == set()

    held = sum(answer[0] == "quarantined" for answer in expected.values())
    environment = {"BERDAYA_DATABASE": database.url, "BERDAYA_VAR": str(tmp_path)}
    code, told = await command("redrive", environment)
    assert code == 1
    assert f"{held} left in quarantine" in told
    async with database.reading() as session:
        numbers = [str(row.id) for row in await run(session, "SELECT id FROM quarantine")]
    assert len(numbers) == held
    code, told = await command("discard", environment, *numbers)
    assert (code, told.count(": discarded")) == (0, held)
    code, told = await command("redrive", environment)
    assert (code, told.strip()) == (0, "0 left in quarantine")
    after = await verdicts(database)
    assert [after[name] for name, answer in expected.items() if answer[0] == "quarantined"] == [
        ("rejected", "discarded")
    ] * held


async def settled(database: Database, event_id: str) -> bool:
    return event_id in await verdicts(database)


async def verdicts(database: Database) -> dict[str, tuple[str, str]]:
    async with database.reading() as session:
        found = await run(session, "SELECT event_id, verdict, reason FROM inbox WHERE district <> ''")
        return {row.event_id: (row.verdict, row.reason) for row in found}


async def command(name: str, environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.reporting", name, *arguments),
        cwd=ROOT,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


# --- made by chance


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
odd_data = st.one_of(
    st.binary(max_size=200),
    json_values.map(msgspec.json.encode),
    st.builds(
        lambda name, value: msgspec.json.encode(poison.report("W-1") | {name: value}),
        st.sampled_from(list(poison.report(""))),
        json_values,
    ),
    st.builds(
        lambda place, piece: (body := msgspec.json.encode(poison.report("W-1")))[:place] + piece + body[place:],
        st.integers(0, 200),
        st.binary(min_size=1, max_size=4),
    ),
)
odd_headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "ce_id",
                "ce_source",
                "ce_type",
                "ce_specversion",
                "ce_time",
                "ce_subject",
                "content-type",
                "traceparent",
                "x",
            ]
        )
        | st.text(max_size=10),
        st.binary(max_size=140) | st.text(max_size=140).map(str.encode),
    ),
    max_size=12,
).map(tuple)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(odd_data, json_values.map(msgspec.json.encode)),
    data=odd_data,
    kind=st.sampled_from([STRUCTURED, BATCH]),
)
async def test_whatever_comes_over_http_gets_a_clear_answer(door: Door, body: bytes, data: bytes, kind: str) -> None:
    wrapped = msgspec.json.encode(event("e-1", "@")).replace(b'"@"', data)
    for content in (body, wrapped, b"[" + wrapped + b"]"):
        answer = await door.post(content, kind)
        if answer.status_code != 202:
            code = {400: "malformed", 413: "too_large", 422: "invalid_request"}[answer.status_code]
            problem(answer, answer.status_code, answer.json()["code"])
            assert answer.json()["code"] in (code, "unknown_type", "district_mismatch")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    odd=st.lists(
        st.tuples(
            st.none() | st.binary(max_size=5), st.none() | odd_data, odd_headers | st.just(headers("odd", "W-1"))
        ),
        min_size=1,
        max_size=5,
    )
)
async def test_whatever_comes_on_the_log_gets_a_verdict_and_the_good_one_after_it_too(
    office: Door, odd: list[tuple[bytes | None, bytes | None, poison.Headers]]
) -> None:
    database = office.node.database
    async with database.transaction() as session:
        for table in ("inbox", "waiting", "quarantine", "outbox"):
            await run(session, f"DELETE FROM {table}")
    records = [Record(TOPIC, 0, n, key, value, own) for n, (key, value, own) in enumerate(odd)]
    good = Record(TOPIC, 0, len(odd), b"another key", msgspec.json.encode(poison.report("W-2")), headers("good", "W-2"))
    async with database.transaction() as session:
        await office.node.inbox.apply(session, [*records, good])
    async with database.reading() as session:
        found = list(await run(session, "SELECT event_id, verdict, deliveries FROM inbox"))
    assert sum(row.deliveries for row in found) == len(odd) + 1, "each has a verdict"
    assert [row.verdict for row in found if row.event_id == "good"] == ["waiting"]
