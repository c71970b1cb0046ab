"""Today's `docker compose`, beside Debian's docker-compose 1.29: both run the same stack."""

import hashlib
import shutil
import sys
from pathlib import Path

from deploy.stack.commands import run
from deploy.stack.errors import Unavailable
from deploy.stack.files import ROOT, locked

NAME = "docker compose"
_LOCK = Path(__file__).with_name("compose-v2.lock")
_HOME = ROOT / "var" / "compose-v2"
_PROGRAM = _HOME / "compose" / "docker-compose"
_DIGEST = "dba9d98e1ba5bfe11d88c99b9bd32fc4a0624a30fafe68eea34d61a3e42fd372"
"""Of the program for x86_64 as Docker released it: the package's makers are others."""


def configuration() -> Path:
    """A folder for DOCKER_CONFIG with that plugin; fetched once. Raises Unavailable."""
    with locked(ROOT / "var" / "compose-v2.lock"):
        if not _is_whole():
            shutil.rmtree(_HOME, ignore_errors=True)
            how = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--target", str(_HOME))
            run(NAME, (sys.executable, "-m", "pip", "install", *how, "-r", str(_LOCK)), patience=600)
            plugin = _HOME / "cli-plugins" / "docker-compose"
            plugin.parent.mkdir()
            plugin.symlink_to(_PROGRAM)
        if not _is_whole():
            raise Unavailable(NAME, f"{_PROGRAM} is not what Docker released for x86_64")
    return _HOME


def _is_whole() -> bool:
    return _PROGRAM.exists() and hashlib.sha256(_PROGRAM.read_bytes()).hexdigest() == _DIGEST
