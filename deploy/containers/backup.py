"""All state in one folder, taken while nothing writes: log and databases belong together, to the record."""

import shutil
from pathlib import Path

from deploy.containers import engine, images
from deploy.containers.compose import Compose
from deploy.stack.console import step
from deploy.stack.errors import StackError

VOLUMES = ("kafka", "postgres")
_KEPT = ("secrets", "keys")
_COMPLETE = "complete"
_PATIENCE = 3600.0


def take(stack: Compose, to: Path) -> None:
    """Into a new folder. What runs is stopped for it, and started again. Raises StackError when `to` is there."""
    if to.exists():
        raise StackError(f"{to} is there already: a backup is never written over another")
    engine.require()
    to.mkdir(mode=0o700, parents=True)
    running = [it.name for it in stack.containers() if it.state == "running"]
    try:
        with step("containers stopped"):
            stack.do("stop")
        for volume in VOLUMES:
            with step(f"{volume} kept"):
                _in_volume(stack, volume, to, f"tar -C /volume -cf /backup/{volume}.tar .", read_only=True)
        for name in _KEPT:
            shutil.copytree(stack.settings.var / name, to / name)
        (to / _COMPLETE).touch()
    finally:
        if running:
            with step("started again"):
                stack.do("start")
                stack.wait()


def restore(stack: Compose, frm: Path) -> None:
    """Volumes, secrets and keys as they were. Raises StackError when there is state, or the backup is not complete."""
    engine.require()
    if not (frm / _COMPLETE).exists():
        raise StackError(f"{frm} holds no complete backup")
    for volume in VOLUMES:
        if _exists(name := f"{stack.project}_{volume}"):
            raise StackError(f'volume {name} is there: `make compose ARGS="down -v"` gives up all that is in it')
    if here := [name for name in _KEPT if (stack.settings.var / name).exists()]:
        raise StackError(f"{stack.settings.var / here[0]} is there: move it away, the backup has its own")
    for name in _KEPT:
        shutil.copytree(frm / name, stack.settings.var / name)
    for volume in VOLUMES:
        _make(stack, volume)
        with step(f"{volume} restored"):
            _in_volume(stack, volume, frm, f"tar -C /volume -xpf /backup/{volume}.tar")


def _in_volume(stack: Compose, volume: str, backup: Path, command: str, *, read_only: bool = False) -> None:
    """As root of a container, since volumes hold the files of several users."""
    mounts = (f"{stack.project}_{volume}:/volume{':ro' if read_only else ''}", f"{backup.resolve()}:/backup")
    where = [word for mount in mounts for word in ("-v", mount)]
    engine.docker(
        "run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "sh", *where,
        images.POSTGRES, "-euc", command, patience=_PATIENCE,
    )  # fmt: skip


def _make(stack: Compose, volume: str) -> None:
    """As docker-compose names and labels it, which by itself would make it only with all containers, in their order."""
    labels = {"com.docker.compose.project": stack.project, "com.docker.compose.volume": volume}
    words = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    engine.docker("volume", "create", *words, f"{stack.project}_{volume}")


def _exists(volume: str) -> bool:
    return volume in engine.docker("volume", "ls", "-q").split()
