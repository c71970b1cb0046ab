"""Peers: programs of others' making, each from its own lock file in a virtual environment of its own under var/."""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from deploy.stack.files import ROOT, locked

_FOLDER = Path(__file__).parent
_PATIENCE = 600


class PeerMissing(Exception):
    """Its packages cannot be installed."""


def program(name: str) -> Path:
    """The peer's own program."""
    return _FOLDER / name / "app.py"


def python(name: str) -> Path:
    """The interpreter of the peer's environment, made at first use and again when its lock file has changed."""
    lock = _FOLDER / name / "requirements.lock"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    home = ROOT / "var" / "peers" / name
    done = home / "installed"
    with locked(home.with_suffix(".lock")):
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
            _install(name, home / "bin" / "python", lock)
            done.write_text(wanted)
    return home / "bin" / "python"


def _install(name: str, interpreter: Path, lock: Path) -> None:
    command = (str(interpreter), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r")
    done = subprocess.run((*command, str(lock)), capture_output=True, text=True, timeout=_PATIENCE, check=False)  # noqa: S603
    if done.returncode:
        raise PeerMissing(f"{name}: {done.stderr.strip()[-500:]}")
