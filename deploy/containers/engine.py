"""A container engine: the one that answers, else Debian's own, brought up here."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from deploy.stack import debian
from deploy.stack.commands import last_complaint_of, run, succeeds
from deploy.stack.console import say
from deploy.stack.errors import Unavailable
from deploy.stack.files import locked

NAME = "engine"
_PID = Path("/var/run/docker.pid")
_PIDS = {
    _PID: "dockerd",
    Path("/var/run/docker/containerd/containerd.pid"): "containerd",
}
_PATIENCE = 60.0
_ours: dict[int, subprocess.Popen[bytes]] = {}
"""Engines that this process started, to be waited for when they end."""
_PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "docker-compose": "docker-compose"}


def answers() -> bool:
    return shutil.which("docker") is not None and succeeds(("docker", "version"))


def require() -> None:
    """Raises Unavailable when no engine answers."""
    if not answers():
        raise Unavailable(NAME, "no container engine answers; `make images` as root brings one up")


def process() -> int | None:
    """The number of the engine's process, where it is one of this machine."""
    number = _PID.read_text().strip() if _PID.exists() else ""
    return int(number) if _program_of(number) == "dockerd" else None


def bring_up(var: Path) -> int | None:
    """Debian's engine where none answers: the number of the process then, to be ended by `take_down`, else None.

    Raises Unavailable when none can be had.
    """
    with locked(var / "engine.lock"):
        if answers():
            return None
        for program, package in _PACKAGES.items():
            debian.program(NAME, name=program, package=package)
        return _start(var / "log" / "dockerd.log")


def take_down(pid: int) -> None:
    """Ends an engine that `bring_up` started, and all its containers."""
    if (process := _ours.pop(pid, None)) is not None:
        process.terminate()
        process.wait(_PATIENCE)
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while succeeds(("kill", "-0", str(pid))):
        if time.monotonic() > deadline:
            raise Unavailable(NAME, f"dockerd ({pid}) did not end within {_PATIENCE:.0f} s")
        time.sleep(0.2)


def docker(*arguments: str, patience: float = 120) -> str:
    """What a docker command printed. Raises Unavailable with its complaint."""
    return run(NAME, ("docker", *arguments), patience=patience)


def _start(log: Path) -> int:
    """On systemd the package's own service, which outlives this machine's restarts; elsewhere a plain process.

    It listens where clients are told to ask: at DOCKER_HOST when that is set, which a service of the system is not.
    """
    host = os.environ.get("DOCKER_HOST", "")
    if host and not host.startswith("unix://"):
        raise Unavailable(NAME, f"no engine answers at {host}, and none is brought up on another machine")
    if Path("/run/systemd/system").exists() and not host:
        run(NAME, ("systemctl", "enable", "--now", "docker"), patience=_PATIENCE)
        return _awaited(int(run(NAME, ("systemctl", "show", "-P", "MainPID", "docker"), patience=10)), log)
    if os.geteuid() != 0:
        raise Unavailable(NAME, "is installed and does not run; start it as root: `dockerd`")
    for path, program in _PIDS.items():
        if path.exists() and _program_of(path.read_text().strip()) != program:
            path.unlink()  # of an engine that was killed; its number may be another's by now
    log.parent.mkdir(parents=True, exist_ok=True)
    dockerd = debian.program(NAME, name="dockerd", package=_PACKAGES["dockerd"])
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - Debian's own program
            (dockerd, *(("-H", host) if host else ())),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _ours[process.pid] = process
    return _awaited(process.pid, log, process)


def _program_of(pid: str) -> str:
    """The name of a process; empty when there is none."""
    try:
        return Path("/proc", pid, "comm").read_text().strip()
    except OSError:
        return ""


def _awaited(pid: int, log: Path, process: subprocess.Popen[bytes] | None = None) -> int:
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if process is not None and process.poll() is not None:
            raise Unavailable(
                NAME, f"dockerd ended with code {process.returncode}: {last_complaint_of(log)} (see {log})"
            )
        if time.monotonic() > deadline:
            raise Unavailable(NAME, f"dockerd does not answer after {_PATIENCE:.0f} s; see {log}")
        time.sleep(0.2)
    say(f"container engine brought up (process {pid})")
    return pid
