"""Named places at which a test can have this process die, or freeze, as a power cut or a long pause would.

Unset, a call costs a comparison.
"""

import os
import signal
from typing import Literal

Place = Literal[
    "read",
    "row saved",
    "replied nothing",
    "applied",
    "committed",
    "bookmarked",
    "sent",
]

_armed = os.environ.get("BERDAYA_FAILPOINT")
_freezes = os.environ.get("BERDAYA_FAILPOINT_FREEZES") == "1"


def reached(place: Place) -> None:
    """Die here by SIGKILL, or with BERDAYA_FAILPOINT_FREEZES=1 stop until woken, once, where BERDAYA_FAILPOINT says."""
    global _armed  # noqa: PLW0603 - one process, one place, one time
    if _armed == place:
        _armed = None
        os.kill(os.getpid(), signal.SIGSTOP if _freezes else signal.SIGKILL)
