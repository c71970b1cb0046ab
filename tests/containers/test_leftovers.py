"""What a run of the tests left on the engine because it was killed is gone when the next one begins."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deploy.containers import engine, images
from tests import runs


def name_of_a_dead_run() -> str:
    """Of a process that lived, and ended."""
    code = "from tests import runs; print(runs.name())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_a_dead_run_s_containers_networks_and_volumes_go_and_a_living_one_s_stay(docker: object) -> None:
    images.make_components()
    dead, living = name_of_a_dead_run(), runs.name()
    for each in (dead, living):
        engine.docker("network", "create", f"{each}_back")
        engine.docker("volume", "create", f"{each}_kafka")
        where = ("--network", f"{each}_back", "-v", f"{each}_kafka:/kept")
        engine.docker("run", "-d", "--name", f"{each}_1", *where, images.REDIS)
    try:
        assert sorted(runs.remove_leftovers()) == sorted(f"{dead}_{what}" for what in ("1", "back", "kafka"))
        assert runs.remove_leftovers() == []
        left = (
            engine.docker("ps", "--format", "{{.Names}}")
            + engine.docker("network", "ls")
            + engine.docker("volume", "ls")
        )
        assert dead not in left and all(f"{living}_{what}" in left for what in ("1", "back", "kafka"))
    finally:
        engine.docker("rm", "-f", f"{living}_1")
        engine.docker("network", "rm", f"{living}_back")
        engine.docker("volume", "rm", f"{living}_kafka")


def test_an_engine_is_taken_over_from_the_run_that_brought_it_up_once_that_is_dead() -> None:
    dead = name_of_a_dead_run().removeprefix("berdaya-test-").rpartition("-")[0]
    for run, is_dead in ((dead, True), (runs.this(), False)):
        with serving({runs.VARIABLE: run}) as process:
            assert runs.of_a_dead_run(process) is is_dead, run
        assert not runs.of_a_dead_run(process)
    with serving({}) as process:  # by somebody at a server, for good
        assert not runs.of_a_dead_run(process)


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[int]:
    """A process that runs while the block does: its number."""
    program = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment)) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        yield process.pid
        process.stdin.write(b"\n")
