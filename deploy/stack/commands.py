"""Short-lived helper programs: they end in time and succeed, or say in one line why not."""

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.stack.errors import Unavailable

_COMPLAINT = re.compile(r"error|fatal|exception|emerg|refused|failed|^E:", re.IGNORECASE)


def run(
    component: str,
    command: Sequence[str],
    *,
    patience: float,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    standard_input: str = "",
    reason: Callable[[str], str] | None = None,
) -> str:
    """What it printed. `environment` is the whole of it; `reason` finds the telling line of a failure."""
    what = Path(command[0]).name
    try:
        done = subprocess.run(  # noqa: S603 - the callers' own words, no shell
            command,
            env=environment,
            cwd=directory,
            input=standard_input,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(component, f"{what} did not end within {patience:.0f} s") from None
    if done.returncode != 0:
        why = (reason or last_complaint)(done.stdout + done.stderr)
        raise Unavailable(component, f"{what} failed: {why}")
    return done.stdout + done.stderr


def succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - ours, no shell


def first_complaint(text: str) -> str:
    return _complaints(text)[0]


def last_complaint(text: str) -> str:
    return _complaints(text)[-1]


def last_complaint_of(log: Path) -> str:
    if not log.exists():
        return "it wrote no log"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        return last_complaint(file.read().decode(errors="replace"))


def _complaints(text: str) -> list[str]:
    """The lines that name an error; without any, all lines."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it said nothing"]
    return [line for line in lines if _COMPLAINT.search(line)] or lines
