"""A service process: its web side, its worker, its relay; started, watched and stopped.

A transient fault is waited out with backoff, for ever, and readiness says so. Anything else ends the process loudly.
"""

import asyncio
import gc
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, Literal

import msgspec
import uvicorn
import uvloop
from fastapi import Response
from starlette.types import ASGIApp
from typing_extensions import TypedDict

from shared import intake, manifests, web
from shared.consumer import Consumer, Deferred, Together
from shared.database import Database, is_transient, run
from shared.embedded import EmbeddedLog
from shared.events.control import MANIFEST
from shared.inbox import Handler, Inbox
from shared.kafka import KafkaLog
from shared.log import Log, LogUnavailable
from shared.openapi import Application, file_of
from shared.outbox import Relay, run_relay
from shared.security import Verifier, WrongSecret, verifying_keys
from shared.sessions import Sessions
from shared.settings import Settings
from shared.shapes import Count
from shared.sockets import attentive, raise_file_limit
from shared.telemetry import Metrics, kinds, logger, places

_BACKOFF_SECONDS = (0.2, 5.0)
_STOP_SECONDS = 5.0
_END_SECONDS = 12.0
"""From the end of the web side to the end of the process, whatever a library still waits for."""
_GAUGES_SECONDS = 5.0
_FAR_BEHIND_BATCHES = 5
_FAULT_SECONDS = 20.0
"""A task that failed this long ago and not since has come back."""


class Alive(TypedDict):
    status: Literal["ok"]


class Readiness(TypedDict):
    """`degraded` still answers what it can. `behind`: records of the log not applied yet."""

    status: Literal["ready", "degraded", "unavailable"]
    database: Literal["ok", "away"]
    log: Literal["ok", "away"]
    waiting_out: dict[str, str]
    gaps: list[str]
    alarms: list[str]
    behind: Count


def _shown(model: type, *statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": model} for status in statuses or (200,)}


Background = Callable[[asyncio.Event], Awaitable[None]]


def open_log(settings: Settings) -> Log:
    if settings.log == "kafka":
        return KafkaLog(settings.kafka, login=settings.kafka_login, session_timeout=settings.session_timeout)
    return EmbeddedLog(settings.var / "log.db")


class Node:
    """One service at work. Build it, mount its routers on `app`, then `async with node.running()`."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        *,
        title: str,
        handlers: Mapping[str, Handler],
        topics: Sequence[str],
        deferred: Deferred | None = None,
        announce: Callable[[], Awaitable[None]] | None = None,
        database: Database | None = None,
    ) -> None:
        name = settings.service
        self.settings = settings
        self.log = log
        self.database = database or Database(settings.database_url, pool=settings.pool)
        self.metrics = Metrics(name)
        self.logger = logger(name)
        self.stopping = asyncio.Event()
        self._faults: dict[str, tuple[float, str]] = {}
        self.background: dict[str, Background] = {}
        """More to run beside the web side, whatever the role: e.g. listening for announcements."""
        self.alarms: list[Callable[[], str | None]] = []
        """What else the readiness is to tell of: each says what calls for a human, or None."""
        self.inbox = Inbox({**handlers, MANIFEST: manifests.taking(name)}, self.metrics)
        self.relay = Relay(name, self.database, log, self.metrics)
        more = {"announce": announce} if announce else {}
        self.progress = Together()
        self.consumers = [
            Consumer(
                name,
                topics,
                log=log,
                database=self.database,
                inbox=self.inbox,
                metrics=self.metrics,
                logger=self.logger,
                batch=settings.batch,
                stall=settings.stall,
                deferred=deferred,
                together=self.progress,
                **more,
            )
            for _ in range(1 if self.database.is_sqlite else settings.lanes)
        ]
        keys = verifying_keys(settings.keys)
        verifier = Verifier(keys, issuer=settings.issuer, audience=settings.audience)
        sessions = Sessions(keys, issuer=settings.issuer, public=settings.public)
        limited = self.database.within(web.DATABASE_SECONDS)
        self.context = web.Context(name, limited, log, verifier, sessions, self.metrics, self.logger)
        self.app = Application(title=title, version="1")
        self.served: ASGIApp = self.app
        """What the server is given: the application, or what a service puts in front of it."""
        web.install(self.app, self.context)
        web.include(self.app, intake.router, manifests.router)
        self._add_probes()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        """All tasks of this process's role. Raises what ended one of them other than the stop."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            async with asyncio.TaskGroup() as tasks:
                for name, work in self._work().items():
                    tasks.create_task(self._waiting_out(name, work), name=f"{self.settings.service} {name}")
                try:
                    yield self
                finally:
                    self.stopping.set()

    def _work(self) -> dict[str, Background]:
        work = dict(self.background)
        if self.settings.role != "web":
            work |= {f"consumer {number}": consumer.run for number, consumer in enumerate(self.consumers, 1)}
            work["relay"] = lambda stopping: run_relay(self.relay, stopping, stand_back=self._is_far_behind)
        work["gauges"] = self._measure
        return work

    def _is_far_behind(self) -> bool:
        """Is there so much to apply that receipts and facts may wait? What they speak of is late by itself."""
        return self.progress.moving > _FAR_BEHIND_BATCHES * self.settings.batch

    async def _waiting_out(self, name: str, work: Background) -> None:
        """Run until stopped, waiting out transient faults. Whatever happens, the end comes within bounded time."""
        least, most = _BACKOFF_SECONDS
        pause = least
        while not self.stopping.is_set():
            started = asyncio.get_running_loop().time()
            try:
                await self._until_stopped(work)
            except Exception as error:
                if not (is_transient(error) or isinstance(error, LogUnavailable)):
                    raise
                self._faults[name] = (asyncio.get_running_loop().time(), type(error).__name__)
                self.metrics.count("faults_total")
                self.logger.warning("waiting out a fault", task=name, fault=type(error).__name__, text=str(error)[:200])
            if asyncio.get_running_loop().time() - started > most * 2:
                pause = least
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), pause * random.uniform(0.5, 1.0))
            pause = min(most, pause * 2)

    async def _until_stopped(self, work: Background) -> None:
        """The work; once the stop is asked for, it has some seconds to finish what it holds."""
        task = asyncio.ensure_future(work(self.stopping))
        stop = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=_STOP_SECONDS)
            if not task.done() and self.stopping.is_set():
                self.database.cut()
        finally:
            # Waited for even when this is cancelled itself: a session left open would keep its connection's thread.
            stop.cancel()
            task.cancel()
            await asyncio.wait({task, stop})
        if not task.cancelled():
            task.result()

    async def _measure(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            if self.settings.role != "web":
                self.metrics.gauge("seconds_behind", self.progress.seconds)
            async with self.database.reading() as session:
                found = await run(
                    session,
                    "SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS outbox, "
                    "(SELECT count(*) FROM waiting) AS waiting, "
                    "(SELECT count(*) FROM quarantine WHERE state = 'held') AS held",
                )
                counts = found.one()
            self.metrics.gauge("outbox_waiting", counts.outbox)
            self.metrics.gauge("events_waiting", counts.waiting)
            self.metrics.gauge("quarantine_held", counts.held)
            if ended := await self.database.end_frozen():
                self.logger.warning("ended the sessions of frozen clients", count=ended)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _GAUGES_SECONDS)

    def _add_probes(self) -> None:
        @self.app.get("/health/live", tags=["health"], summary="Is the process there?", responses=_shown(Alive))
        async def live() -> dict[str, str]:
            return {"status": "ok"}

        @self.app.get(
            "/health/ready",
            tags=["health"],
            summary="Can it answer, and is anything in its way? 503 while the database is away",
            responses=_shown(Readiness, 200, 503),
        )
        async def ready() -> Response:
            state = await self.readiness()
            fine = state["database"] == "ok"
            return Response(msgspec.json.encode(state), status_code=200 if fine else 503, media_type="application/json")

        @self.app.get(
            "/metrics",
            tags=["health"],
            summary="For Prometheus",
            response_class=Response,
            responses=file_of(
                "text/plain; version=0.0.4; charset=utf-8", description="Its text format.", like="# HELP"
            ),
        )
        async def metrics() -> Response:
            return Response(self.metrics.expose(), media_type="text/plain; version=0.0.4")

    async def readiness(self) -> dict[str, object]:
        """`degraded` still answers what it can: without the log it serves reads and keeps facts in the outbox."""
        database, log = await asyncio.gather(self._database_answers(), self.log.ready())
        gaps = [f"{partition.topic}/{partition.number}" for partition in sorted(self.progress.gaps)]
        moment = asyncio.get_running_loop().time()
        faults = {name: fault for name, (at, fault) in self._faults.items() if moment - at < _FAULT_SECONDS}
        alarms = [text for alarm in self.alarms if (text := alarm()) is not None]
        fine = log and not (gaps or faults or alarms)
        status = "ready" if database and fine else "degraded" if database else "unavailable"
        return {
            "status": status,
            "database": "ok" if database else "away",
            "log": "ok" if log else "away",
            "waiting_out": faults,
            "gaps": gaps,
            "alarms": alarms,
            "behind": self.progress.behind,
        }

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(3), self.database.reading() as session:
                await run(session, "SELECT 1")
        except Exception as error:
            if not is_transient(error):
                raise
            return False
        return True


def serve(node: Node) -> None:
    """Run one service until SIGTERM or SIGINT. Exits non-zero when a task failed, so that a supervisor restarts it."""

    async def main() -> None:
        try:
            async with node.running():
                await serve_all(node.served, [node], host=node.settings.host, port=node.settings.port)
                asyncio.get_running_loop().call_later(_END_SECONDS, _give_up, node)
        finally:  # a thread of the embedded log would keep a failed process from ending
            await node.log.close()

    spare_the_collector()
    try:
        uvloop.run(main())
    except Exception as error:
        if (wrong := _wrong_secret(error)) is not None:
            node.logger.critical(str(wrong))
        else:  # not its text: PostgreSQL puts the failing row into it, and with it a person
            node.logger.critical("ended by a fault", kinds=kinds(error), at=places(error))
        sys.exit(1)


def _wrong_secret(error: BaseException) -> WrongSecret | None:
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return error if isinstance(error, WrongSecret) else next(filter(None, map(_wrong_secret, inner)), None)


def spare_the_collector() -> None:
    """A batch makes tens of thousands of objects that all live until its end: looking through them in between, as the
    defaults have it, took a quarter of the worker's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def _give_up(node: Node) -> None:
    """A broker or a database that stands still can hold up its client's farewell; a crash loses nothing."""
    node.logger.error("not stopped in time; ended as by a crash")
    os._exit(1)


async def serve_all(app: object, nodes: Sequence[Node], *, host: str, port: int) -> None:
    """Serve one application over nodes already running until SIGTERM or SIGINT; then tell the nodes to stop."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    server = _Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.stop, nodes)
    raise_file_limit()
    await server.serve(sockets=[attentive(config.bind_socket())])
    for node in nodes:
        node.stopping.set()


class _Server(uvicorn.Server):
    """uvicorn raises the signal again after its shutdown, which would end the process before the workers finished."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self, nodes: Sequence[Node]) -> None:
        """Web and workers at once: one after the other would take too long."""
        self.should_exit = True
        for node in nodes:
            node.stopping.set()
