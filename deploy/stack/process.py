"""A component is described once; the supervisor and the crash tests start it by the same command."""

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from deploy.stack.commands import last_complaint_of
from deploy.stack.console import say
from deploy.stack.errors import Unavailable
from deploy.stack.ports import require_free

_POLL = 0.05


@dataclass(frozen=True, kw_only=True)
class Component:
    """How to start one program in the foreground, and how to know that it truly answers.

    `address` is what a client takes; `addresses` has one per role where there are several.
    `configuration` are the files it reads at its start; a change in one calls for a restart.
    `probe` returns None when the component answers, else why not (yet).
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    port: int
    address: str
    probe: Callable[[], str | None]
    addresses: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    configuration: tuple[Path, ...] = ()
    port_variable: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    start_patience: float = 60.0
    stop_patience: float = 20.0

    def wait(self, *, died: Callable[[], str | None]) -> None:
        wait_for_answer(self.name, self.probe, died=died, log=self.log, patience=self.start_patience)


def wait_for_answer(
    name: str,
    probe: Callable[[], str | None],
    *,
    died: Callable[[], str | None],
    log: Path,
    patience: float,
) -> None:
    """Returns when the program answers; Unavailable at once when `died` says how it ended."""
    deadline = time.monotonic() + patience
    while True:
        reason = probe()
        # Asked after an answer too: a stranger on the same port may answer for one that died of finding it taken.
        if (end := died()) is not None:
            raise Unavailable(name, f"{end}: {last_complaint_of(log)} (see {log})")
        if reason is None:
            return
        if time.monotonic() > deadline:
            raise Unavailable(name, f"no answer in {patience:.0f} s ({reason}); see {log}")
        time.sleep(_POLL)


class Handle:
    """A running component and a crash test's grip on it. Left alone, it ends with this Python process."""

    def __init__(self, component: Component) -> None:
        self.component = component
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def address(self) -> str:
        return self.component.address

    @property
    def addresses(self) -> Mapping[str, str]:
        return self.component.addresses

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._alive().pid

    def start(self) -> None:
        """Returns when the component answers; does nothing when it runs."""
        if self.running:
            return
        it = self.component
        require_free(it.name, it.port, it.port_variable)
        it.log.parent.mkdir(parents=True, exist_ok=True)
        with it.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a component's own command, no shell
                it.command,
                cwd=it.directory,
                env=os.environ | dict(it.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        atexit.register(self.kill)
        try:
            it.wait(died=self._how_it_died)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL to it and all its children: no shutdown, no last write, no word to clients."""
        if self._process is not None and self._process.poll() is None:
            kill_family(self._process.pid)
            self._process.wait()
        atexit.unregister(self.kill)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nobody answers, as in a long pause of the machine."""
        _signal_family(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        _signal_family(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """An orderly end within `stop_patience` seconds, then SIGKILL. Data stays."""
        if not self.running:
            return
        process = self._alive()
        self.thaw()
        process.send_signal(self.component.stop_signal)
        try:
            process.wait(self.component.stop_patience)
        except subprocess.TimeoutExpired:
            say(f"{self.component.name} did not stop in {self.component.stop_patience:.0f} s and is killed")
        self.kill()

    def ended(self, patience: float) -> int:
        """Waits for it to end by itself: its exit code, negative for a signal. TimeoutError when it goes on."""
        if self._process is None:
            raise Unavailable(self.component.name, "was never started")
        try:
            return self._process.wait(patience)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.component.name} still runs after {patience:.0f} s") from None

    def restart(self) -> None:
        """Same port, same data; also after `kill`."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise Unavailable(self.component.name, "is not running")
        return self._process

    def _how_it_died(self) -> str | None:
        code = self._process.poll() if self._process else None
        return None if code is None else f"ended with code {code}"


def family(pid: int) -> list[int]:
    """The process and all its descendants, parents first. PostgreSQL's leave its process group."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(descendant for child in children for descendant in family(int(child)))]


def kill_family(pid: int) -> None:
    """Returns when all are gone. Held first, so that none is born meanwhile."""
    members = _signal_family(pid, signal.SIGSTOP)
    for member in members:
        _send(member, signal.SIGKILL)
    _wait_gone(members)


def _signal_family(pid: int, what: signal.Signals) -> set[int]:
    """Parents first, and again until no new child is found."""
    told: set[int] = set()
    while new := [member for member in family(pid) if member not in told]:
        for member in new:
            _send(member, what)
        told.update(new)
    return told


def _send(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return  # it ended by itself meanwhile


def _wait_gone(pids: set[int], patience: float = 10.0) -> None:
    """PostgreSQL refuses to start again while an old child still holds its shared memory."""
    deadline = time.monotonic() + patience
    while any(_exists(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise TimeoutError(f"killed processes still there after {patience:.0f} s: {sorted(pids)}")
        time.sleep(_POLL / 5)


def _exists(pid: int) -> bool:
    """A zombie that nobody reaps holds nothing and does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
