"""Where one measurement happens: components of its own, new each time, so that nobody's cache is warm."""

import asyncio
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.stack import ports, services
from deploy.stack.commands import last_complaint_of
from deploy.stack.components import Handle, start_kafka, start_postgres, start_redis
from deploy.stack.files import ROOT
from deploy.stack.topics import provision_topics
from services.reporting.tables import METADATA
from shared.database import Database
from shared.embedded import EmbeddedLog
from shared.events.districts import DISTRICTS
from shared.kafka import KafkaLog
from shared.log import Log
from shared.migrate import upgrade
from shared.security import LocalKey, Role

_ISSUER = _AUDIENCE = "bench"
_READY_SECONDS = 60
_STOP_SECONDS = 30


@dataclass(frozen=True)
class Place:
    """A log and a migrated database, and what a process of the reporting service there is told."""

    folder: Path
    log: Log
    database: Database
    environment: Mapping[str, str]
    kafka: str = ""
    redis: str = ""

    def authorization(self) -> dict[str, str]:
        """The header of a reader who may see every district."""
        token = LocalKey.at(self.folder / "keys").sign(
            sub="bench", role=Role.viewer, district=None, issuer=_ISSUER, audience=_AUDIENCE
        )
        return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def full(*, kafka: bool = True) -> AsyncIterator[Place]:
    """PostgreSQL, Redis and, where asked for, Kafka with all topics.

    Killed at the end, when a last child may still write into the folder that is being removed.
    """
    starts = {"postgres": start_postgres, "redis": start_redis} | ({"kafka": start_kafka} if kafka else {})
    with tempfile.TemporaryDirectory(prefix="berdaya-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        handles: dict[str, Handle] = {}
        try:
            for component, start in starts.items():
                handles[component] = await asyncio.to_thread(start, folder / component)
            bootstrap = handles["kafka"].address if kafka else ""
            if kafka:
                await asyncio.to_thread(provision_topics, bootstrap, tuple(DISTRICTS))
            url = services.sqlalchemy_url(handles["postgres"].addresses["reporting"])
            environment = {"BERDAYA_DATABASE": url, "BERDAYA_REDIS": handles["redis"].address}
            environment |= {"BERDAYA_LOG": "kafka", "BERDAYA_KAFKA": bootstrap} if kafka else {}
            log: Log = KafkaLog(bootstrap) if kafka else EmbeddedLog(folder / "log.db")
            async with _place(folder, log, url, environment, bootstrap, handles["redis"].address) as place:
                yield place
        finally:
            for handle in handles.values():
                handle.kill()  # its data is thrown away


@asynccontextmanager
async def embedded() -> AsyncIterator[Place]:
    """SQLite for everything."""
    with tempfile.TemporaryDirectory(prefix="berdaya-bench-") as name:
        folder = Path(name)
        url = f"sqlite+aiosqlite:///{folder / 'reporting.db'}"
        async with _place(folder, EmbeddedLog(folder / "log.db"), url, {}, "", "") as place:
            yield place


@asynccontextmanager
async def _place(
    folder: Path, log: Log, url: str, environment: Mapping[str, str], kafka: str, redis: str
) -> AsyncIterator[Place]:
    database = Database(url)
    told = {
        "BERDAYA_VAR": str(folder),
        "BERDAYA_ISSUER": _ISSUER,
        "BERDAYA_AUDIENCE": _AUDIENCE,
        "BERDAYA_LOG_LEVEL": "ERROR",
        **environment,
    }
    try:
        await upgrade(database, "reporting", METADATA)
        yield Place(folder, log, database, told, kafka, redis)
    finally:
        await log.close()
        await database.close()


@dataclass(frozen=True)
class Process:
    """A program at work, and what it costs."""

    name: str
    running: asyncio.subprocess.Process
    log: Path
    address: str = ""

    def memory(self) -> float:
        """Resident MiB now; 0 when it has ended."""
        try:
            pages = int(Path(f"/proc/{self.running.pid}/statm").read_text().split()[1])
        except FileNotFoundError:
            return 0.0
        return pages * resource.getpagesize() / 2**20

    def cpu(self) -> float:
        """Seconds of processor time so far, of all its threads."""
        fields = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def require_alive(self) -> None:
        if self.running.returncode is not None:
            raise RuntimeError(f"{self.name} ended with {self.running.returncode}: {last_complaint_of(self.log)}")

    async def ready(self, path: str = "/health/ready") -> None:
        """Waits until it answers."""
        deadline = time.monotonic() + _READY_SECONDS
        while (why := await asyncio.to_thread(services.get, self.address + path)) is not None:
            self.require_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: {why}")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def service(place: Place, role: str = "all", *, batch: int = 2000) -> AsyncIterator[Process]:
    """One process of the reporting service, as operators start it. Not waited for: see `Process.ready`."""
    port = ports.choose()
    told = {**place.environment, "BERDAYA_ROLE": role, "BERDAYA_PORT": str(port), "BERDAYA_BATCH": str(batch)}
    command = (sys.executable, "-m", "services.reporting", "serve")
    async with program(role, command, place.folder, told, address=f"http://{ports.LOOPBACK}:{port}") as process:
        yield process


@asynccontextmanager
async def program(
    name: str, command: tuple[str, ...], folder: Path, environment: Mapping[str, str], address: str = ""
) -> AsyncIterator[Process]:
    """A program that runs as long as the block does. Settings of whoever calls stay out of it."""
    log = folder / f"{name}.log"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("BERDAYA_")}
    with log.open("ab") as out:
        running = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=inherited | dict(environment), stdout=out, stderr=out
        )
    try:
        yield Process(name, running, log, address)
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(running.wait(), _STOP_SECONDS)
        except TimeoutError:
            running.kill()
            await running.wait()
            raise
