"""Programs come from Debian's packages; installing one never starts the distribution's own service of it."""

import functools
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.stack.commands import first_complaint, run
from deploy.stack.console import say
from deploy.stack.errors import Unavailable
from deploy.stack.files import locked

_LOCK = Path("/run/lock/berdaya-apt.lock")
_POLICY = Path("/usr/sbin/policy-rc.d")  # asked by Debian's maintainer scripts before they start a service


def program(component: str, *, name: str, package: str, beside: Sequence[str] = ()) -> str:
    """The path of an executable, its package installed first when it is missing, with those it needs `beside` it."""
    path = _which(name)
    if path is None:
        for each in (*beside, package):
            install(component, each)
        path = _which(name)
    if path is None:
        raise Unavailable(component, f"package {package} is installed but has no {name}")
    return path


def _which(name: str) -> str | None:
    """An ordinary user's PATH has no sbin on Debian, and nginx lives there."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))


def install(component: str, package: str) -> None:
    if shutil.which("apt-get") is None:
        raise Unavailable(component, f"not installed, and no apt-get here to get Debian's package {package}")
    if os.geteuid() != 0:
        raise Unavailable(component, f"not installed; once, as root: apt-get install {package}")
    with locked(_LOCK), _services_held():
        _update()
        say(f"installing Debian package {package} (for {component})")
        _apt("install", "--no-install-recommends", package, component=component)


@functools.cache
def _update() -> None:
    say("reading Debian's package lists (apt-get update)")
    _apt("update", component="packages")


def _apt(*arguments: str, component: str) -> None:
    command = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", *arguments)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    run(component, command, patience=900, environment=environment, reason=first_complaint)


@contextmanager
def _services_held() -> Iterator[None]:
    before = _POLICY.read_bytes() if _POLICY.exists() else None
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            _POLICY.unlink()
        else:
            _POLICY.write_bytes(before)
