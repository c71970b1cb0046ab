"""docs/districts.md, command by command, on the stack as an office starts it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.stack import ports
from deploy.stack.files import ROOT
from tests.conftest import absent, present
from tests.guides import commands_of
from tests.locked import Client

CODE = "3522"
PROGRAMS = ("KAFKA", "KAFKA_CONTROLLER", "POSTGRES", "REDIS", "GATEWAY", "REGISTRY", "GRANTS", "REPORTING")
COMMANDS = commands_of("districts.md")


class Stack:
    """`make stack` in a folder and on ports of its own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self._environment = os.environ | {
            "VAR": str(var),
            "BERDAYA_VAR": str(var),
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **{f"BERDAYA_{name}_PORT": str(ports.choose()) for name in PROGRAMS},
        }

    @property
    def folder(self) -> Path:
        return self.var / "districts" / CODE

    def do(self, command: str) -> subprocess.CompletedProcess[str]:
        """As somebody types it in the repository; `var` is this stack's."""
        return subprocess.run(
            ["bash", "-euc", command.replace("cd var/", f"cd {self.var}/")],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def done(self, command: str) -> str:
        """What it printed; it must succeed."""
        done = self.do(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    found = Stack(tmp_path_factory.mktemp("stack"))
    up = found.do("python -m deploy.stack up")
    try:
        if "not installed" in up.stderr:
            absent("kafka", up.stderr.splitlines()[-1])
        assert up.returncode == 0, up.stderr
        present("kafka", "real, a process of its own")
        yield found
    finally:
        found.do("python -m deploy.stack down")


def test_the_guide_is_true(stack: Stack) -> None:
    opened, sent = COMMANDS
    stack.done(opened)
    printed = stack.done(sent)
    assert printed.count('"no_consent"') == 2, printed  # through Kafka, and over HTTP
    again = stack.done(sent)
    assert '"verdict": "duplicate"' in again, again
    deliveries = re.search(r'"deliveries":(\d+)', again)
    assert deliveries and int(deliveries[1]) >= 3, again  # one, at least, came by the other door


def test_the_keys_are_for_their_owner_alone(stack: Stack) -> None:
    stack.done(f"make district CODE={CODE}")
    for name in ("client.properties", "java.properties", "token"):
        assert (stack.folder / name).stat().st_mode & 0o077 == 0
    assert stack.folder.stat().st_mode & 0o077 == 0


def test_rotate_gives_a_new_password_and_revoke_closes_the_door(stack: Stack) -> None:
    stack.done(f"make district CODE={CODE}")
    first = client(stack)
    assert first.signs_in()
    stack.done(f"make district CODE={CODE} ROTATE=1")
    second = client(stack)
    assert second.signs_in()
    assert not first.signs_in()
    assert "no_consent" in stack.done(COMMANDS[1])
    before = second.ends()
    stack.done(f"make district CODE={CODE} REVOKE=1")
    assert not second.signs_in()
    assert not (stack.folder / "client.properties").exists()
    assert stack.do(COMMANDS[1]).returncode != 0
    stack.done(f"make district CODE={CODE}")
    assert client(stack).ends() == before
    assert not second.signs_in()


@pytest.mark.parametrize("command", ["make district", "make district CODE=9999"])
def test_who_names_no_district_of_the_province_is_told_so(stack: Stack, command: str) -> None:
    refused = stack.do(command)
    assert refused.returncode != 0
    assert "CODE=3522" in refused.stdout + refused.stderr


def test_where_the_stack_does_not_run_it_says_so_in_one_line(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "stack.env").write_text(f"KAFKA=127.0.0.1:{ports.choose()}\nGATEWAY_URL=http://127.0.0.1:1\n")
    for var, said in ((tmp_path, "nothing listens at"), (tmp_path / "empty", "no stack in")):
        refused = stack.do(f"BERDAYA_VAR={var} python -m deploy.stack district {CODE}")
        assert refused.returncode == 1
        assert said in refused.stderr.splitlines()[-1]
        assert "make stack" in refused.stderr and "Traceback" not in refused.stderr


def client(stack: Stack) -> Client:
    """By the file that a district gets."""
    lines = (stack.folder / "client.properties").read_text().splitlines()
    settings: Mapping[str, str] = dict(line.split("=", 1) for line in lines)
    return Client({**settings, "log_level": 0})
