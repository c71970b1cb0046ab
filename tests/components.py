"""The components of integration tests in containers: by testcontainers, on images and settings of docker-compose.yml.

`BERDAYA_TEST_BY=containers` or `processes` says which way; without it, containers where an engine and the images are.
"""

import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from testcontainers.community.kafka import KafkaContainer
from testcontainers.community.postgres import PostgresContainer
from testcontainers.community.redis import RedisContainer
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from deploy.containers import engine, images
from deploy.stack import kafka, ports, postgres, redis
from deploy.stack.components import Handle, start_kafka, start_postgres, start_redis
from deploy.stack.errors import StackError, Unavailable
from deploy.stack.files import DEPLOY
from tests import runs
from tests.keycloak import start_keycloak

Way = Literal["containers", "processes"]
_WAYS: dict[str, Way] = {"containers": "containers", "processes": "processes"}
_PATIENCE = 60.0

# Its helper that clears up after killed tests is one more image to have; ours are stopped by whoever started them.
testcontainers_config.ryuk_disabled = True


class Started(Protocol):
    @property
    def address(self) -> str: ...

    def stop(self) -> None: ...


@cache
def way() -> Way:
    """Decided once, at the beginning: tests that bring an engine up do not change it for those that follow."""
    asked = os.environ.get("BERDAYA_TEST_BY")
    if asked:
        return _WAYS[asked]
    ready = engine.answers() and all(map(images.has, (images.KAFKA, images.POSTGRES, images.REDIS)))
    return "containers" if ready else "processes"


class ApacheKafka(KafkaContainer):
    """apache/kafka, which testcontainers does not know: the broker of docker-compose.yml without its locks."""

    OUTSIDE = 19092

    def __init__(self) -> None:
        super().__init__(image=images.KAFKA, port=self.OUTSIDE)
        port = ports.choose()  # beforehand: the broker tells it to its clients
        self.address = f"{ports.LOOPBACK}:{port}"
        _of_this_run(self, self.OUTSIDE, port)
        self.with_env("LOCKS", "open").with_env("OUTSIDE", self.address)
        self.with_volume_mapping(DEPLOY / "kafka", "/etc/berdaya")
        self.with_kwargs(entrypoint=["sh", "/etc/berdaya/container.sh"])

    def start(self, timeout: float = _PATIENCE) -> Self:
        """Returns when clients are served; no script of testcontainers' own is put in."""
        DockerContainer.start(self)
        _await(kafka.NAME, lambda: kafka.probe(self.address, None), timeout)
        return self


class Postgres(PostgresContainer):
    """postgres, by the settings of docker-compose.yml."""

    def __init__(self) -> None:
        password = secrets.token_hex(24)
        super().__init__(images.POSTGRES, username=postgres.ADMIN, password=password, dbname="postgres", driver=None)
        port = ports.choose()
        self.address = f"postgresql://{postgres.ADMIN}:{password}@{ports.LOOPBACK}:{port}/postgres"
        _of_this_run(self, self.port, port)
        self.with_volume_mapping(DEPLOY / "postgres", "/etc/berdaya")
        settings = {
            "config_file": "/etc/berdaya/postgresql.conf",
            "hba_file": "/etc/berdaya/container_hba.conf",
            "listen_addresses": "*",
            "unix_socket_directories": "/var/run/postgresql",
        }
        self.with_command(
            ["postgres", *(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))]
        )


class Redis(RedisContainer):
    """redis, which never evicts."""

    def __init__(self) -> None:
        super().__init__(images.REDIS)
        port, password = ports.choose(), secrets.token_hex(24)
        self.address = f"redis://default:{password}@{ports.LOOPBACK}:{port}/0"
        _of_this_run(self, self.port, port)
        options = "--bind 0.0.0.0 --appendonly no --maxmemory 512mb --maxmemory-policy noeviction --requirepass"
        self.with_command(["redis-server", *options.split(), password, "--save", ""])

    def start(self) -> Self:
        """Asked at the address that the tests get: testcontainers guesses another where it runs in a container."""
        self._wait_strategy = None
        super().start()
        _await(redis.NAME, lambda: redis.probe(self.address), _PATIENCE)
        return self


_CONTAINERS: dict[str, Callable[[], ApacheKafka | Postgres | Redis]] = {
    "kafka": ApacheKafka,
    "postgres": Postgres,
    "redis": Redis,
}
_PROCESSES: dict[str, Callable[[Path], Handle]] = {
    "kafka": start_kafka,
    "postgres": start_postgres,
    "redis": start_redis,
    "keycloak": start_keycloak,
}


def by_process(name: str) -> bool:
    return way() == "processes" or name not in _CONTAINERS


def start(name: str, folder: Path) -> Started:
    """One component, the way that was chosen if it is known as a container. Raises StackError when it cannot be had."""
    if by_process(name):
        return _PROCESSES[name](folder)
    container = _CONTAINERS[name]()
    try:
        return container.start()
    except Exception as error:  # the engine's and testcontainers' own, of many kinds
        with suppress(Exception):
            container.stop()
        if isinstance(error, StackError):
            raise
        raise Unavailable(name, f"its container does not start: {error}") from error


def _of_this_run(container: DockerContainer, inside: int, outside: int) -> None:
    """By a name that says so, at a port that only this machine reaches: testcontainers itself opens ports to all."""
    container.with_name(runs.name())
    ports_: dict[Any, Any] = container.ports
    ports_.pop(str(inside), None)
    ports_[inside] = (ports.LOOPBACK, outside)


def _await(name: str, probe: Callable[[], str | None], patience: float) -> None:
    deadline = time.monotonic() + patience
    while (silence := probe()) is not None:
        if time.monotonic() > deadline:
            raise Unavailable(name, f"no answer in {patience:.0f} s ({silence})")
        time.sleep(0.1)
