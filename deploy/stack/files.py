"""Files that several processes may want at once, or that hold secrets."""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Waits for whoever holds the lock; a holder that dies lets go of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_private(path: Path, text: str) -> None:
    """Readable by its owner only from the first byte on, and never seen half-written."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)


def render(template: Path, values: Mapping[str, str]) -> str:
    """Fills ${NAMES} in capitals, nothing else, as envsubst does; a name without a value is a KeyError."""
    return re.sub(r"\$\{([A-Z_]+)\}", lambda match: values[match[1]], template.read_text())
