"""What stands before FastAPI's routing answers as the endpoint does, to the byte, and only what it can."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from services.reporting.api import Dashboards
from services.reporting.app import build
from services.reporting.dashboard import Lag
from services.reporting.dashboard import build as build_dashboard
from services.reporting.front import Front
from services.reporting.live import InProcess
from services.reporting.stream import Streams
from services.reporting.tables import METADATA
from shared.database import Database, now, run
from shared.embedded import EmbeddedLog
from shared.runtime import Node
from shared.security import LocalKey, Role
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.helpers import session_cookie
from tests.integration.conftest import Templates

PATH = "/v1/dashboard"
BOJONEGORO, SURABAYA = "3522", "3578"


class Asked(NamedTuple):
    """One answer, with all that a caller can see of it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Doors:
    """The same service twice: with what stands before the routing, and without. It counts who came through to it."""

    def __init__(self, node: Node, live: InProcess) -> None:
        self.node = node
        self.live = live
        self.came_through = 0
        source: Dashboards = node.app.state.dashboards
        front = Front(self._count, node.context, source)
        self._routed = _client(node.app)
        self._front = _client(front)
        self._behind_gateway = [
            httpx.AsyncClient(transport=httpx.ASGITransport(app, root_path="/reporting"), base_url="http://reporting")
            for app in (node.app, front)
        ]

    async def close(self) -> None:
        for client in (self._routed, self._front, *self._behind_gateway):
            await client.aclose()

    async def both(self, method: str, address: str, headers: Mapping[str, str]) -> Asked:
        """The answer of both; fails when they differ."""
        await self.live.report(Lag(now(), 3, 1.25))
        routed, front = [
            _asked(await client.request(method, address, headers=headers)) for client in (self._routed, self._front)
        ]
        assert front == routed
        return front

    async def below(self, address: str, headers: Mapping[str, str]) -> Asked:
        """As `both`, mounted below /reporting."""
        await self.live.report(Lag(now(), 3, 1.25))
        routed, front = [_asked(await client.get(address, headers=headers)) for client in self._behind_gateway]
        assert front == routed
        return front

    def token(self, role: Role, district: str | None = None, seconds: float = 3600, audience: str = "berdaya") -> str:
        key, settings = LocalKey.at(self.node.settings.keys), self.node.settings
        return key.sign(
            sub="wati", role=role, district=district, issuer=settings.issuer, audience=audience, seconds=seconds
        )

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.came_through += 1
        await self.node.app(scope, receive, send)


def _client(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://reporting")  # type: ignore[arg-type]


def _asked(answer: httpx.Response) -> Asked:
    return Asked(answer.status_code, sorted(answer.headers.multi_items()), answer.content)


@pytest.fixture
async def doors(tmp_path: Path, templates: Templates) -> AsyncIterator[Doors]:
    """The newest snapshot is version 7, of October 2026."""
    async with AsyncExitStack() as stack:
        database = Database(await templates.sqlite("reporting", METADATA, tmp_path / "reporting.db"))
        live = InProcess()
        settings = Settings(service="reporting", var=tmp_path)
        found = Doors(build(settings, EmbeddedLog(tmp_path / "log.db"), database, live), live)
        stack.push_async_callback(found.node.log.close)
        stack.push_async_callback(database.close)
        stack.push_async_callback(found.close)
        async with database.reading() as session:
            snapshot = await build_dashboard(session, "2026-10")
        await live.publish(msgspec.structs.replace(snapshot, version=7))
        yield found


def _signed(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


READERS = [(role, None) for role in Role if role not in (Role.district_officer, Role.district_system)] + [
    (Role.district_officer, BOJONEGORO),
    (Role.district_officer, SURABAYA),
]
AT_HAND = ["", "?", "?month=2026-10"]
ELSEWHERE = ["?month=2026-09", "?month=2031-01"]
WRONG = ["?month=2026-13", "?month=", "?month=oktober", "?month=2026-09&month=x"]
OTHER_SPELLINGS = ["?month=2026-09&month=2026-10", "?x=1", "?month=2026%2D10", "?x=1&month=2026-10"]


async def test_every_reader_gets_the_same_of_every_month_by_either_way(doors: Doors) -> None:
    for (role, district), query in product(READERS, AT_HAND + ELSEWHERE + WRONG + OTHER_SPELLINGS):
        headers = _signed(doors.token(role, district))
        for method in ("GET", "HEAD"):
            before = doors.came_through
            found = await doors.both(method, PATH + query, headers)
            assert found.status == (422 if query in WRONG else 200), (role, query)
            assert doors.came_through - before == (query not in AT_HAND), (role, query)
            if method == "HEAD" and found.status == 200:
                assert found.body == b""


async def test_a_head_has_the_headers_of_the_get(doors: Doors) -> None:
    headers = _signed(doors.token(Role.viewer))
    asked = [await doors.both(method, PATH, headers) for method in ("GET", "HEAD")]
    assert asked[0].headers == asked[1].headers
    assert ("content-length", str(len(asked[0].body))) in asked[1].headers


async def test_if_none_match_means_the_same_by_either_way(doors: Doors) -> None:
    headers = _signed(doors.token(Role.viewer))
    tag = dict((await doors.both("GET", PATH, headers)).headers)["etag"]
    strong = tag.removeprefix("W/")
    for known, status in {
        tag: 304,
        strong: 304,
        f'"x", {tag}': 304,
        f'{strong},W/"y"': 304,
        "*": 304,
        '"x"': 200,
        "": 200,
        strong.strip('"'): 200,
        ",": 200,
    }.items():
        for method in ("GET", "HEAD"):
            found = await doors.both(method, PATH, headers | {"If-None-Match": known})
            assert (found.status, dict(found.headers)["etag"]) == (status, tag), known
            assert status == 200 or found.body == b""
    officer = _signed(doors.token(Role.district_officer, BOJONEGORO))
    assert (await doors.both("GET", PATH, officer | {"If-None-Match": tag})).status == 200
    assert doors.came_through == 0


async def test_who_may_not_read_is_told_the_same_by_either_way(doors: Doors) -> None:
    good = doors.token(Role.viewer)
    expired, foreign = doors.token(Role.viewer, seconds=-60), doors.token(Role.viewer, audience="another")
    refused: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        (_signed("no.such.token"), 401),
        (_signed(""), 401),
        (_signed(expired), 401),
        (_signed(foreign), 401),
        (_signed(good[:-4] + "AAAA"), 401),
        (_signed("x" * 5000), 401),
        ({"Authorization": f"Basic {good}"}, 401),
        ({"Cookie": f"berdaya_session={good}"}, 401),  # a bearer token is no session
        ({**session_cookie(doors.node.settings, Role.viewer), **_signed("no.such.token")}, 401),
        (_signed(doors.token(Role.district_system, BOJONEGORO)), 403),
    ]
    for headers, status in refused:
        for method in ("GET", "HEAD"):
            before = doors.came_through
            assert (await doors.both(method, PATH, headers)).status == status, headers
            assert doors.came_through == before + 1


async def test_a_session_cookie_and_any_spelling_of_bearer_read_by_either_way(doors: Doors) -> None:
    token = doors.token(Role.viewer)
    cookie = session_cookie(doors.node.settings, Role.viewer)["Cookie"]
    for headers in (
        {"Cookie": f"a=b; {cookie}; c"},
        {"Authorization": f"bearer  {token} "},
        {"Cookie": "berdaya_session=nonsense", **_signed(token)},
    ):
        assert (await doors.both("GET", PATH, headers)).status == 200
    assert doors.came_through == 0


async def test_other_methods_and_other_addresses_are_left_to_the_routing(doors: Doors) -> None:
    headers = _signed(doors.token(Role.viewer))
    for method, address, status in (
        ("POST", PATH, 405),
        ("DELETE", PATH, 405),
        ("OPTIONS", PATH, 405),
        ("HEAD", f"{PATH}/stream", 405),
        ("GET", f"{PATH}x", 404),
        ("GET", f"/reporting{PATH}", 404),
        ("GET", "/health/live", 200),
    ):
        before = doors.came_through
        assert (await doors.both(method, address, headers)).status == status, address
        assert doors.came_through == before + 1


async def test_below_an_address_of_a_gateway_it_answers_too(doors: Doors) -> None:
    headers = _signed(doors.token(Role.viewer))
    assert (await doors.below(f"/reporting{PATH}", headers)).status == 200
    assert doors.came_through == 0


async def test_without_a_snapshot_at_hand_the_database_is_asked(doors: Doors) -> None:
    doors.live._current.snapshot = None
    assert (await doors.both("GET", PATH, _signed(doors.token(Role.viewer)))).status == 200
    assert doors.came_through == 1


async def test_who_was_answered_from_the_database_is_not_shown_an_older_snapshot_next(
    tmp_path: Path, templates: Templates
) -> None:
    database = Database(await templates.sqlite("reporting", METADATA, tmp_path / "reporting.db"))
    live = InProcess()
    async with database.reading() as session:
        empty = await build_dashboard(session)
    async with database.transaction() as session:
        await run(
            session,
            "INSERT INTO district_people VALUES ('3522', 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
        )
    source = Dashboards(database, live, Streams(live.versions, Metrics("reporting"), most=1, each=1))
    read = await source.snapshot(None)
    assert b'"client":5' in bytes(read.province)
    await live.publish(empty)  # by a worker that built it before the change
    assert source.at_hand(None) is None
    assert (await source.snapshot(None)).content_sha256 == read.content_sha256
    newer = msgspec.structs.replace(read, version=read.version + 1)
    await live.publish(newer)
    assert source.at_hand(None) is newer
    await database.close()
