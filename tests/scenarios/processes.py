"""A real service process, and a test's grip on it: to kill, freeze, wake and start again on the same database."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx

from deploy.stack import ports
from deploy.stack.files import ROOT
from deploy.stack.process import Component, Handle
from shared.failpoint import Place

T = TypeVar("T")

POLL_SECONDS = 0.05


async def eventually(what: Callable[[], Awaitable[T]], *, within: float = 30) -> T:
    """Try again until it holds; after `within` seconds the last failure is the test's."""
    deadline = time.monotonic() + within
    while True:
        try:
            return await what()
        except (AssertionError, httpx.HTTPError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_SECONDS)


class Service:
    """`python -m services.<name> serve`. It may die as often as the test likes; the log file tells of all its lives."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        port = ports.choose()
        self.url = f"http://{ports.LOOPBACK}:{port}"
        self.log = log
        self._component = Component(
            name=name,
            command=(sys.executable, "-m", f"services.{name}", "serve"),
            directory=ROOT,
            log=log,
            port=port,
            address=self.url,
            probe=lambda: None,  # waited for in the test's own loop, which goes on meanwhile
            environment=dict(environment) | {"BERDAYA_PORT": str(port)},
        )
        self._handle: Handle | None = None
        self.http = httpx.AsyncClient(base_url=self.url, timeout=30)

    async def start(self, *, dies_at: Place | None = None, freezes_at: Place | None = None) -> None:
        """Returns when it is ready, or at once when a failpoint will end it."""
        failpoint = {
            "BERDAYA_FAILPOINT": dies_at or freezes_at or "",
            "BERDAYA_FAILPOINT_FREEZES": "1" if freezes_at else "0",
        }
        component = replace(self._component, environment=dict(self._component.environment) | failpoint)
        self._handle = Handle(component)
        if not dies_at and not freezes_at:
            await eventually(self._answers)

    async def serving(self) -> None:
        """It answers HTTP; for a process that a failpoint will end later, in a call."""
        await eventually(self._answers)

    async def died(self, *, within: float = 30) -> None:
        """It came to its failpoint and was gone as by a power cut."""
        code = await asyncio.to_thread(self.handle.ended, within)
        assert code == -signal.SIGKILL, f"it ended with {code}, not at the failpoint"

    async def frozen(self, *, within: float = 30) -> None:
        """It came to its failpoint and stands still."""

        async def stands() -> None:
            assert _state(self.handle.pid) == "T", "it has not come to its failpoint"

        await eventually(stands, within=within)

    def kill(self) -> None:
        if self._handle is not None:
            self._handle.kill()

    def freeze(self) -> None:
        self.handle.freeze()

    def wake(self) -> None:
        self.handle.thaw()

    async def stop(self, *, within: float = 10) -> int:
        """SIGTERM, as a supervisor sends it. Returns the exit code, which must come in time."""
        os.kill(self.handle.pid, signal.SIGTERM)
        return await asyncio.to_thread(self.handle.ended, within)

    @property
    def handle(self) -> Handle:
        assert self._handle is not None, "the test has not started it"
        return self._handle

    async def health(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get("/health/ready")).json()
        return found

    async def is_(self, status: str, *, within: float = 60) -> None:
        """Its readiness comes to say so."""

        async def says() -> None:
            health = await self.health()
            assert health["status"] == status, health

        await eventually(says, within=within)

    async def metric(self, name: str) -> float:
        """One of its own numbers, e.g. `events_dropped_total`."""
        for line in (await self.http.get("/metrics")).text.splitlines():
            if line.startswith(f"berdaya_{name}{{"):
                return float(line.rpartition(" ")[2])
        raise AssertionError(f"no metric {name}")

    async def close(self) -> None:
        self.kill()
        await self.http.aclose()

    async def _answers(self) -> None:
        assert self.handle.running, f"it ended before it was ready; see {self.log}"
        assert (await self.http.get("/health/live")).status_code == httpx.codes.OK


def _state(pid: int) -> str:
    """One letter, as `ps` shows it: T for a process that was stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
