"""Berdaya in containers as somebody at a server runs it, in a folder and on ports of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.containers import engine
from deploy.containers.compose import Compose, Container
from deploy.stack import ports
from deploy.stack.files import ROOT
from deploy.stack.settings import Settings
from tests import runs
from tests.containers import plugin

_PATIENCE = 1800  # for all images, on a machine that has none


class Stack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.var = folder / "compose"
        settings = Settings(
            var=self.var,
            kafka_port=ports.choose(),
            postgres_port=ports.choose(),
            redis_port=ports.choose(),
            gateway_port=ports.choose(),
        )
        self.compose = Compose(settings, runs.name())
        outer_make = {"MAKELEVEL", "MAKEFLAGS", "MFLAGS"}  # of `make test-containers`: its guests would speak of it
        self._environment = (
            {name: value for name, value in os.environ.items() if name not in outer_make}
            | dict(self.compose.environment)
            | {
                "VAR": str(self.var),
                "BERDAYA_SESSION_TIMEOUT": "10",  # so soon the partitions of who was killed go to another
                "PORT": str(settings.gateway_port),
                "PYTHONPATH": str(ROOT),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            }
        )

    @contextmanager
    def by_the_plugin(self) -> Iterator[None]:
        """Within it every command is carried out by `docker compose`, else by docker-compose."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(self._environment, "DOCKER_CONFIG", str(plugin.configuration()))
            yield

    @property
    def gateway(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.compose.settings.gateway_port}"

    @property
    def addresses(self) -> Mapping[str, str]:
        return dict(line.split("=", 1) for line in (self.var / "stack.env").read_text().splitlines())

    def do(self, command: str) -> subprocess.CompletedProcess[str]:
        """As somebody types it in the repository; what lies under `var` in a guide lies in this stack's folder."""
        return subprocess.run(
            ["bash", "-euc", re.sub(r"\bvar/(?=compose|backup)", f"{self.folder}/", command)],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )

    def done(self, command: str) -> str:
        """What it printed; it must succeed."""
        done = self.do(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def container(self, service: str, number: int = 1) -> Container:
        """The numbered one of a service."""
        return [it for it in self.compose.containers() if it.service == service][number - 1]

    def inspect(self, container: Container) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(engine.docker("inspect", container.name))[0]
        return found

    def log(self, container: Container) -> str:
        return engine.docker("logs", "-t", container.name)

    def tell_last_words(self) -> None:
        """Of each container, for whoever reads of a failure."""
        for it in self.compose.containers():
            print(f"--- {it.name}: {it.state} {it.health}", *self.log(it).splitlines()[-30:], sep="\n")
