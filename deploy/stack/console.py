"""What is being done is said on standard error, so that standard output stays for answers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

_console = Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    _console.print(escape(line))


@contextmanager
def step(what: str) -> Iterator[None]:
    """Says `what` once it is done, with its time; a failure speaks for itself."""
    started = time.monotonic()
    with _console.status(escape(what)):
        yield
    say(f"ok  {what} ({time.monotonic() - started:.1f} s)")
