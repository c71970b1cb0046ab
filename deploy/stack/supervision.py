"""supervisord keeps the programs running; this only writes its configuration and talks to it."""

import hashlib
import os
import resource
import shlex
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from deploy.stack.commands import run
from deploy.stack.errors import StackError
from deploy.stack.files import write_private
from deploy.stack.process import Component, kill_family

_NAME = "supervisord"
_LONGEST_SOCKET_PATH = 95  # the kernel takes 107; supervisord adds its process id while it makes the socket
_STOPPABLE = {"STARTING", "RUNNING", "BACKOFF"}
_DEAD = {"BACKOFF", "FATAL", "EXITED", "UNKNOWN"}  # not STOPPED: so is a new program until its first start


@dataclass(frozen=True)
class State:
    """One program as supervisord sees it; `description` has its pid and uptime, or why it is not running."""

    name: str
    state: str
    pid: int
    description: str


class Supervisor:
    """The supervisord of one state directory, running or not."""

    def __init__(self, state_dir: Path) -> None:
        self._dir = state_dir
        self._configuration = state_dir / "supervisord.conf"
        self._socket = state_dir / "supervisor.sock"

    def running(self) -> bool:
        try:
            self._rpc().getState()
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        return True

    def apply(self, programs: Sequence[Component]) -> None:
        """Makes these programs run, in this order; one whose configuration changed is restarted."""
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET_PATH:
            raise StackError(f"the path {self._dir} is too long for a socket; set BERDAYA_VAR to a shorter one")
        (self._dir / "log").mkdir(parents=True, exist_ok=True)
        write_private(self._configuration, configuration(self._dir, self._socket, programs))
        if self.running():
            new = self._reload()
            self._revive({program.name for program in programs} - new)
        else:
            command = (sys.executable, "-m", "supervisor.supervisord", "-c", str(self._configuration))
            run(_NAME, command, patience=60)
            self._await_socket()

    def states(self) -> list[State]:
        return [
            State(info["name"], info["statename"], info["pid"], info["description"])
            for info in self._rpc().getAllProcessInfo()
        ]

    def runs(self, name: str) -> bool:
        """Whether the program is there, or on its way."""
        state = self.state(name) if self.running() else None
        return state is not None and state.state in _STOPPABLE

    def state(self, name: str) -> State | None:
        return next((state for state in self.states() if state.name == name), None)

    def how_it_died(self, name: str) -> str | None:
        """None while the program runs or starts."""
        state = self.state(name)
        if state is None:
            return "unknown to supervisord"
        return f"{state.state.lower()}, {state.description}" if state.state in _DEAD else None

    def restart(self, name: str) -> None:
        """Also a program that is not running. It has been started, and may not answer yet."""
        if self.state(name) is None:
            raise StackError(f"no program {name} in this stack; `status` lists them")
        rpc = self._rpc()
        if self.runs(name):
            _unless(Faults.NOT_RUNNING, rpc.stopProcess, name)
        _unless(Faults.ALREADY_STARTED, rpc.startProcess, name, False)

    def shutdown(self, *, first: Sequence[str], patience: float) -> None:
        """Ends the programs `first` side by side, then the others one by one, then supervisord itself.

        What is still there after `patience` seconds is killed.
        """
        rpc = self._rpc()
        pid: int = rpc.getPID()
        for state in self.states():
            if state.name in first and state.state in _STOPPABLE:
                rpc.stopProcess(state.name, False)
        rpc.shutdown()
        deadline = time.monotonic() + patience
        while Path(f"/proc/{pid}").exists():
            if time.monotonic() > deadline:
                kill_family(pid)
                raise StackError(f"the stack did not stop within {patience:.0f} s and was killed")
            time.sleep(0.1)

    def _reload(self) -> set[str]:
        """The programs started by it. Those missing from the new configuration run on; `down` ends them."""
        rpc = self._rpc()
        added, changed, _ = rpc.reloadConfig()[0]
        for name in changed:
            rpc.stopProcessGroup(name)
            rpc.removeProcessGroup(name)
        for name in (*added, *changed):
            rpc.addProcessGroup(name)
        return {*added, *changed}

    def _revive(self, names: Collection[str]) -> None:
        """`up` means now: neither the rest of a long pause between tries nor somebody's earlier stop holds."""
        for state in self.states():
            if state.name in names and state.state not in {"RUNNING", "STARTING"}:
                self.restart(state.name)

    def _await_socket(self) -> None:
        deadline = time.monotonic() + 20
        while not self.running():
            if time.monotonic() > deadline:
                raise StackError(f"supervisord does not answer; see {self._dir / 'log' / 'supervisord.log'}")
            time.sleep(0.05)

    def _rpc(self) -> Any:  # xmlrpc answers are untyped
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor


def configuration(state_dir: Path, socket: Path, programs: Sequence[Component]) -> str:
    """The whole file; it holds the services' passwords."""
    user = "user=root" if os.geteuid() == 0 else ""
    files = min(16_384, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    head = f"""\
; Written by deploy.stack at each `up`; changes here are lost.
[unix_http_server]
file={_escape(str(socket))}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{_escape(str(socket))}

[supervisord]
logfile={_escape(str(state_dir / "log" / "supervisord.log"))}
pidfile={_escape(str(state_dir / "supervisord.pid"))}
umask=077
minfds={files}
{user}
"""
    return head + "".join(_program(program, (rank + 1) * 10) for rank, program in enumerate(programs))


def _program(program: Component, priority: int) -> str:
    """startretries: seconds between tries grow by one each time, so a hundred tries are more than an hour."""
    # The digest makes supervisord see a change inside the program's own configuration files.
    told = {**program.environment, "BERDAYA_CONFIGURATION": _digest(program.configuration)}
    environment = ",".join(f'{name}="{value}"' for name, value in told.items())
    return f"""
[program:{program.name}]
command={_escape(shlex.join(program.command))}
directory={_escape(str(program.directory))}
environment={_escape(environment)}
priority={priority}
autostart=true
autorestart=true
startsecs=2
startretries=100
stopsignal={program.stop_signal.name.removeprefix("SIG")}
stopwaitsecs={program.stop_patience:.0f}
killasgroup=true
redirect_stderr=true
stdout_logfile={_escape(str(program.log))}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _unless(fault: int, call: Callable[..., object], *arguments: object) -> None:
    """That one fault means that supervisord has done it by itself meanwhile."""
    try:
        call(*arguments)
    except xmlrpc.client.Fault as error:
        if error.faultCode != fault:
            raise StackError(f"supervisord refused: {error.faultString}") from error


def _escape(value: str) -> str:
    return value.replace("%", "%%")
