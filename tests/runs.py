"""Whatever tests make on a container engine bears the name of their run, so that a later run can tell what a dead one
left, and removes it."""

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from deploy.containers import engine

VARIABLE = "BERDAYA_TEST_RUN"
"""In the environment of an engine that a run brought up: which run."""
_NAME = re.compile(r"berdaya-test-(\d+-\d+)-")


def this() -> str:
    """This process by its number and the moment it started: numbers come again."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def name() -> str:
    """For a container, or for a project of containers, networks and volumes."""
    return f"berdaya-test-{this()}-{secrets.token_hex(3)}"


def is_over(run: str) -> bool:
    number, _, started = run.partition("-")
    return _started(int(number)) != started


def of_a_dead_run(process: int) -> bool:
    """Whether an engine was brought up by a run that ended without it."""
    try:
        environment = Path("/proc", str(process), "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    of = [line.decode() for line in environment if line.startswith(f"{VARIABLE}=".encode())]
    return bool(of) and is_over(of[0].partition("=")[2])


def remove_leftovers() -> list[str]:
    """Containers, networks and volumes of runs that are over: what was removed."""
    removed = []
    for listing, removal in (
        (("ps", "-a", "--format", "{{.Names}}"), ("rm", "-f", "-v")),
        (("network", "ls", "--format", "{{.Name}}"), ("network", "rm")),
        (("volume", "ls", "--format", "{{.Name}}"), ("volume", "rm")),
    ):
        if left := list(_of_dead_runs(engine.docker(*listing).split())):
            engine.docker(*removal, *left)
            removed += left
    return removed


def _of_dead_runs(names: list[str]) -> Iterator[str]:
    for each in names:
        if (found := _NAME.search(each)) and is_over(found[1]):
            yield each


def _started(process: int) -> str:
    """Empty where there is no such process; a zombie is none either."""
    try:
        words = Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] == "Z" else words[19]
