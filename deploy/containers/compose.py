"""docker-compose, told where this stack's secrets are; and where this stack can be reached, told to everybody else."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.containers import engine, images, secrets
from deploy.stack import ports
from deploy.stack.bringup import ENVIRONMENT_NAMES, environment_file
from deploy.stack.commands import run, succeeds
from deploy.stack.console import step
from deploy.stack.errors import StackError, Unavailable
from deploy.stack.files import ROOT, write_private
from deploy.stack.principals import SERVICES
from deploy.stack.services import sqlalchemy_url
from deploy.stack.settings import Settings

PROJECT = "berdaya"
WORKER = "reporting-worker"
_PATIENCE = 600.0
_HEALTHY_PATIENCE = 180.0


@dataclass(frozen=True)
class Container:
    """`health` is `healthy` for what answers, `starting`, `unhealthy`, or `` for what runs once."""

    name: str
    service: str
    state: str
    health: str
    exit_code: int


class Compose:
    """One stack: a project of containers, and its secrets and addresses under a folder of its own."""

    def __init__(self, settings: Settings, project: str = PROJECT) -> None:
        self.settings = settings
        self.project = project

    @property
    def environment(self) -> Mapping[str, str]:
        """What docker-compose.yml is filled in with."""
        it = self.settings
        return {
            "COMPOSE_PROJECT_NAME": self.project,
            "BERDAYA_VAR": str(it.var),
            "BERDAYA_KAFKA_PORT": str(it.kafka_port),
            "BERDAYA_POSTGRES_PORT": str(it.postgres_port),
            "BERDAYA_REDIS_PORT": str(it.redis_port),
            "BERDAYA_GATEWAY_PORT": str(it.gateway_port),
        }

    def up(self, *, workers: int = 1) -> None:
        """Starts or renews what is not as it should be, and returns when everything answers."""
        engine.require()
        secrets.check(self.settings.var)
        if missing := [image for image in (*images.OFFICIAL, images.SERVICES) if not images.has(image)]:
            raise StackError(f"no image {missing[0]}: `make images` gets it")
        with step("containers started, in their order"):
            self.do("up", "-d", "--scale", f"{WORKER}={workers}", patience=_PATIENCE)
        with step("everything answers"):
            self.wait()
        self._tell()

    def down(self) -> None:
        """Removes the containers; volumes, secrets and images stay."""
        engine.require()
        with step("containers stopped and removed; volumes stay"):
            self.do("down", patience=_PATIENCE)

    def wait(self, patience: float = _HEALTHY_PATIENCE) -> None:
        """Returns when every container that should run is healthy."""
        deadline = time.monotonic() + patience
        while waiting := [it for it in self.containers() if it.state != "exited" and it.health != "healthy"] or [
            it for it in self.containers() if it.state == "exited" and it.exit_code
        ]:
            if time.monotonic() > deadline:
                it = waiting[0]
                raise Unavailable(
                    it.name, f"is {it.state} {it.health} after {patience:.0f} s; see `docker logs {it.name}`"
                )
            time.sleep(0.5)

    def containers(self) -> list[Container]:
        """Of this project, also those that ended."""
        numbers = engine.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.project}").split()
        if not numbers:
            return []
        return sorted(map(_container, json.loads(engine.docker("inspect", *numbers))), key=lambda it: it.name)

    def do(self, *arguments: str, patience: float = _PATIENCE) -> str:
        """One command of docker-compose; what it printed."""
        return run(engine.NAME, (*program(), *arguments), patience=patience, environment=self._whole(), directory=ROOT)

    def become(self, arguments: Sequence[str]) -> int:
        """One command of docker-compose on this terminal; its exit code."""
        command = (*program(), *arguments)
        return subprocess.run(command, env=self._whole(), cwd=ROOT, check=False).returncode  # noqa: S603 - its own words

    def _whole(self) -> dict[str, str]:
        return os.environ | dict(self.environment)

    def _tell(self) -> None:
        """As `make stack` does, so that districts, tokens, reconcile and the demo find this one too."""
        it = self.settings
        words = {path.name: path.read_text().strip() for path in secrets.postgres(it.var).iterdir()}
        where = f"{ports.LOOPBACK}:{it.postgres_port}"
        addresses = {
            ENVIRONMENT_NAMES["kafka"]: f"{ports.LOOPBACK}:{it.kafka_port}",
            ENVIRONMENT_NAMES["postgres"]: f"postgresql://berdaya_admin:{words['admin']}@{where}/postgres",
            ENVIRONMENT_NAMES["redis"]: f"redis://{secrets.REDIS_USER}:{secrets.redis(it.var).read_text().strip()}"
            f"@{ports.LOOPBACK}:{it.redis_port}/0",
            ENVIRONMENT_NAMES["gateway"]: f"http://{ports.LOOPBACK}:{it.gateway_port}",
            **{
                f"DATABASE_{role.upper()}": sqlalchemy_url(f"postgresql://{role}:{words[role]}@{where}/{role}")
                for role in SERVICES
            },
        }
        write_private(environment_file(it), "".join(f"{name}={address}\n" for name, address in addresses.items()))


def program() -> tuple[str, ...]:
    """Today's plugin where there is one, else Debian's docker-compose. Raises Unavailable when there is neither."""
    if succeeds(("docker", "compose", "version")):
        return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    raise Unavailable(engine.NAME, "neither `docker compose` nor `docker-compose` is here; `make images` installs one")


def _container(found: dict[str, Any]) -> Container:
    state, labels = found["State"], found["Config"]["Labels"]
    health = state.get("Health") or {}
    return Container(
        name=str(found["Name"]).lstrip("/"),
        service=str(labels["com.docker.compose.service"]),
        state=str(state["Status"]),
        health=str(health.get("Status", "")),
        exit_code=int(str(state["ExitCode"])),
    )
