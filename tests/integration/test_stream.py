"""The stream to browsers, over a real server: who is told what, who is cut, and how many may listen."""

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn

from services.reporting import stream as streams
from services.reporting.api import Dashboards
from services.reporting.app import build
from services.reporting.live import InProcess
from shared import sockets
from shared.embedded import EmbeddedLog
from shared.security import LocalKey, Role
from shared.settings import Settings
from shared.sockets import attentive, raise_file_limit
from tests.integration.snapshots import snapshot, until

SECOND_CALLER = "ratna"
MANY = 2000
ROOM = MANY + 100


class Web:
    """A web process with a port of its own. `routed` leaves out what stands before FastAPI."""

    def __init__(self, folder: Path, *, routed: bool, most: int, each: int) -> None:
        self.settings = Settings(service="reporting", var=folder, streams=most, streams_each=each)
        self.live = InProcess()
        self.node = build(self.settings, EmbeddedLog(folder / "log.db"), live=self.live)
        self.app = self.node.app if routed else self.node.served
        source: Dashboards = self.node.app.state.dashboards
        self.streams = source.streams
        self.stopping = asyncio.Event()
        self.port = 0
        self.server = uvicorn.Server(
            uvicorn.Config(self.app, log_level="critical", lifespan="off", timeout_graceful_shutdown=2)
        )
        self.client = httpx.AsyncClient(timeout=10)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Web"]:
        """Kernel buffers are small, so that a client which does not read is soon noticed."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.node.log.close)
            stack.push_async_callback(self.node.database.close)
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            self.port = listening.getsockname()[1]
            serving = asyncio.create_task(self.server.serve(sockets=[attentive(listening)]))
            telling = asyncio.create_task(self.streams.run(self.stopping))

            async def stop() -> None:
                self.stopping.set()
                self.server.should_exit = True
                await asyncio.wait_for(asyncio.gather(serving, telling), 10)

            stack.push_async_callback(stop)
            await until(lambda: self.server.started, 5, "the server answers")
            stack.push_async_callback(self.client.aclose)
            yield self

    def token(self, sub: str = "wati", seconds: float = 3600, role: Role = Role.viewer) -> str:
        key, settings = LocalKey.at(self.settings.keys), self.settings
        return key.sign(
            sub=sub, role=role, district=None, issuer=settings.issuer, audience=settings.audience, seconds=seconds
        )

    @asynccontextmanager
    async def read(self, last: str | None = None, **token: float | str) -> AsyncIterator[AsyncIterator[list[str]]]:
        """The messages: each the lines up to a blank one."""
        headers = {"Authorization": f"Bearer {self.token(**token)}"}  # type: ignore[arg-type]
        headers |= {"Last-Event-ID": last} if last is not None else {}
        async with self.client.stream("GET", f"{self.url}/v1/dashboard/stream", headers=headers) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            yield _messages(answer)

    async def ask(self, sub: str = "wati") -> httpx.Response:
        """For a stream that is refused."""
        headers = {"Authorization": f"Bearer {self.token(sub)}"}
        return await self.client.get(f"{self.url}/v1/dashboard/stream", headers=headers)

    async def socket(self, sub: str, *, buffer: int | None = None) -> socket.socket:
        """A bare connection that has asked for the stream."""
        client = socket.socket()
        if buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", self.port))
        request = f"GET /v1/dashboard/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token(sub)}\r\n\r\n"
        await loop.sock_sendall(client, request.encode())
        return client

    def metric(self, name: str) -> float | None:
        return self.node.metrics.registry.get_sample_value(f"berdaya_{name}", {"service": "reporting"})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def _messages(answer: httpx.Response) -> AsyncIterator[list[str]]:
    lines: list[str] = []
    async for line in answer.aiter_lines():
        if line:
            lines.append(line)
        else:
            yield lines
            lines = []


async def _next_version(messages: AsyncIterator[list[str]]) -> int:
    """Of the next message that is no heartbeat."""
    async with asyncio.timeout(5):
        async for lines in messages:
            if lines[0].startswith("id: "):
                return int(lines[0].removeprefix("id: "))
    raise AssertionError("the stream ended")


@pytest.fixture(params=["front", "routed"])
async def web(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Web]:
    """Both ways to the stream; little room, and a quick heart."""
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(streams, "SLOW_SECONDS", 0.5)
    async with Web(tmp_path, routed=request.param == "routed", most=5, each=3).running() as found:
        yield found


# What is told


async def test_the_first_message_is_the_present_version_and_newer_ones_follow(web: Web) -> None:
    await web.live.publish(snapshot(812))
    async with web.read() as messages:
        assert await anext(messages) == ["id: 812", "event: version", "data: 812", "retry: 2000"]
        await web.live.publish(snapshot(811))
        await web.live.publish(snapshot(813))
        assert await _next_version(messages) == 813


async def test_a_browser_that_comes_before_the_first_version_is_told_of_it(web: Web) -> None:
    async with web.read() as messages:
        await until(lambda: web.streams.open == 1, 5, "the browser is connected")
        await web.live.publish(snapshot(1))
        assert await _next_version(messages) == 1


@pytest.mark.parametrize(("last", "first"), [("8", 9), ("7", 8), ("0", 8), ("-1", 8), ("x", 8), ("9" * 40, 8)])
async def test_a_browser_that_comes_again_is_told_only_what_it_does_not_know(web: Web, last: str, first: int) -> None:
    """Version 8 is there when it comes, 9 follows. It says which it was told of last; nonsense is none."""
    await web.live.publish(snapshot(8))
    await until(lambda: web.streams.newest == 8, 5, "version 8 is known")
    async with web.read(last=last) as messages:
        if first == 9:
            assert await anext(messages) == [": ping"]
            await web.live.publish(snapshot(9))
        assert await _next_version(messages) == first


async def test_a_quiet_stream_shows_that_it_is_alive(web: Web) -> None:
    async with web.read() as messages:
        for _ in range(2):
            assert await asyncio.wait_for(anext(messages), 5) == [": ping"]


async def test_every_reader_is_told_and_one_that_leaves_is_forgotten(web: Web) -> None:
    await web.live.publish(snapshot(1))
    async with web.read() as first:
        async with web.read() as second:
            assert [await _next_version(messages) for messages in (first, second)] == [1, 1]
            assert web.streams.open == 2
        await until(lambda: web.streams.open == 1, 5, "the second is forgotten")
        await web.live.publish(snapshot(2))
        assert await _next_version(first) == 2
    await until(lambda: web.streams.open == 0, 5, "the first is forgotten too")


# How long it lives


async def test_after_a_while_a_reader_is_asked_to_come_again(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LIFE_SECONDS", 1.5)
    async with web.read() as messages:
        async with asyncio.timeout(5):
            told = [lines async for lines in messages]
    assert told[-1] == ["event: renew", "data: renew"]
    assert told[:-1] == [[": ping"]] * len(told[:-1])
    await until(lambda: web.streams.open == 0, 5, "it is forgotten")


async def test_a_stream_ends_before_the_token_with_which_it_was_opened(web: Web) -> None:
    """A token holds 30 s longer than it says, for clocks that differ."""
    began = time.monotonic()
    async with web.read(seconds=-27) as messages:
        async with asyncio.timeout(5):
            told = [lines async for lines in messages]
    assert told[-1] == ["event: renew", "data: renew"]
    assert time.monotonic() - began < 3


async def test_at_the_stop_every_stream_ends_at_once_and_none_is_opened(web: Web) -> None:
    async with web.read() as messages:
        await until(lambda: web.streams.open == 1, 5, "the browser is connected")
        web.stopping.set()
        async with asyncio.timeout(2):
            assert [lines async for lines in messages if lines != [": ping"]] == [["event: renew", "data: renew"]]
    assert (await web.ask()).status_code == 503


# How many there may be


async def test_one_caller_has_a_few_streams_and_the_next_is_told_to_come_later(web: Web) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(web.read())
        refused = await web.ask()
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["code"] == "too_many_streams"
        assert int(refused.headers["retry-after"]) > 0
        assert web.metric("streams_open") == 3
        assert web.metric("streams_refused_total") == 1
        await stack.enter_async_context(web.read(sub=SECOND_CALLER))
    await until(lambda: web.streams.open == 0, 5, "all are forgotten")
    async with web.read() as messages:
        assert await anext(messages) == [": ping"]


async def test_a_process_has_only_so_many_streams_whosoever_they_are(web: Web) -> None:
    async with AsyncExitStack() as stack:
        for number in range(5):
            await stack.enter_async_context(web.read(sub=f"reader-{number}"))
        assert (await web.ask("one-more")).json()["code"] == "too_many_streams"
        assert web.streams.open == 5


# Who is cut


async def test_a_client_that_does_not_read_is_cut_and_holds_up_nobody(
    web: Web, capsys: pytest.CaptureFixture[str]
) -> None:
    client = await web.socket("deaf", buffer=4096)
    async with web.read() as messages:
        await until(lambda: web.streams.open == 2, 5, "both are connected")
        version = 0
        deadline = time.monotonic() + 20
        while web.streams.open == 2:
            assert time.monotonic() < deadline, "a client that does not read is never cut"
            version += 1
            await web.live.publish(snapshot(version))
            await asyncio.sleep(0)
            if version % 50 == 0:
                while await _next_version(messages) < version:
                    pass
        await web.live.publish(snapshot(version + 1))
        assert await _next_version(messages) <= version + 1
        assert web.streams.open == 1
        assert web.metric("streams_cut_total") == 1
        await _until_closed(client)
        assert "Traceback" not in "".join(capsys.readouterr())  # it is no fault of ours
    client.close()


async def _until_closed(client: socket.socket) -> None:
    """The server has hung up: reading what is left comes to an end."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        with suppress(ConnectionError):
            while await loop.sock_recv(client, 65_536):
                pass


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has TCP_USER_TIMEOUT")
async def test_of_a_client_that_never_reads_not_even_the_connection_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written for it would wait in the kernel and in this process for as long as it lives."""
    monkeypatch.setattr(streams, "SLOW_SECONDS", 0.2)
    monkeypatch.setitem(sockets._OPTIONS, (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"), 500)
    async with Web(tmp_path, routed=False, most=5, each=5).running() as web:
        client = await web.socket("deaf", buffer=4096)
        await until(lambda: web.streams.open == 1, 5, "it is connected")
        version = 0
        while web.streams.open:
            version += 1
            await web.live.publish(snapshot(version))
            await asyncio.sleep(0)
        await until(lambda: not web.server.server_state.connections, 20, "the kernel has given it up")
        client.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has TCP_USER_TIMEOUT")
async def test_the_kernel_is_asked_to_notice_a_caller_that_is_dead() -> None:
    listening = attentive(socket.create_server(("127.0.0.1", 0)))
    with listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
    with accepted:
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


# Many


@pytest.fixture
def many() -> Iterator[int]:
    """2,000, or as many as this process may have open files for: each takes two, ours and the server's."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_file_limit()
    found = min(MANY, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2)
    if found < MANY:
        print(f"{found} streams instead of {MANY}: this process may not have more open files")
    yield found
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_two_thousand_browsers_listen_and_each_is_told(many: int, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with Web(tmp_path, routed=False, most=many, each=many).running() as web:
        clients = [await web.socket("wati") for _ in range(many)]
        try:
            await until(lambda: web.streams.open == many, 60, "all are connected")
            assert (await web.ask()).status_code == 503
            await web.live.publish(snapshot(1))
            async with asyncio.timeout(30):
                for client in clients:
                    told = b""
                    while b"data: 1\n" not in told:
                        told += await loop.sock_recv(client, 4096)
        finally:
            for client in clients:
                client.close()
        await until(lambda: web.streams.open == 0, 30, "all are forgotten")
