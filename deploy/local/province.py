"""The embedded run: three nodes on one log file and three SQLite files, under one folder."""

import errno
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.grants import app as grants
from services.grants.tables import METADATA as GRANTS
from services.registry import app as registry
from services.registry.tables import METADATA as REGISTRY
from services.reporting import app as reporting
from services.reporting.tables import METADATA as REPORTING
from shared.database import Database
from shared.embedded import EmbeddedLog
from shared.log import Log
from shared.migrate import upgrade
from shared.runtime import Node
from shared.settings import ServiceName, Settings

METADATA = {"registry": REGISTRY, "grants": GRANTS, "reporting": REPORTING}
TOPICS = {"registry": registry.TOPICS, "grants": grants.TOPICS, "reporting": reporting.TOPICS}


class CannotStart(Exception):
    """Why the run cannot start: one line that says what to do."""


@dataclass(frozen=True)
class Province:
    """What of the running system its operator can reach: the log, and each service's database."""

    var: Path
    log: Log
    databases: Mapping[str, Database]
    nodes: Mapping[str, Node]


@asynccontextmanager
async def embedded(var: Path) -> AsyncIterator[Province]:
    """All services running in this process, migrated, on state kept under `var`. Raises CannotStart."""
    _check_folder(var)
    log = EmbeddedLog(var / "log.db")
    nodes: dict[str, Node] = {}
    builders = {"registry": registry.build, "grants": grants.build, "reporting": reporting.build}
    names: tuple[ServiceName, ...] = ("registry", "grants", "reporting")
    for name in names:
        # In the environment of this process a variable would mean all three services at once.
        settings = Settings(service=name, var=var, log="embedded", database=None, redis=None, role="all")
        nodes[name] = builders[name](settings, log)
        await upgrade(nodes[name].database, name, METADATA[name])
    async with AsyncExitStack() as stack:
        stack.push_async_callback(log.close)
        for node in nodes.values():
            await stack.enter_async_context(node.running())
        try:
            yield Province(var, log, {name: node.database for name, node in nodes.items()}, nodes)
        finally:
            for node in nodes.values():
                node.stopping.set()


def check_port(port: int) -> None:
    """Raises CannotStart when another program listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(f"port {port} is in use: choose another, e.g. PORT={port + 100}") from None
            raise CannotStart(f"port {port} cannot be used: {error.strerror}") from None


def _check_folder(var: Path) -> None:
    """The folder must take a small file, now rather than in the middle of the work."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        probe = var / ".probe"
        probe.write_bytes(b"\0" * 65536)
        probe.unlink()
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise CannotStart(f"{var} cannot be written: {reason}; choose another with VAR=dir") from None
