"""Named places at which a test can have this process die, as a power cut would. Unset, a call costs a comparison."""

import os
import signal
from typing import Literal

Place = Literal[
    "row saved",
    "replied nothing",
    "applied",
    "committed",
    "bookmarked",
    "sent",
]

_armed = os.environ.get("BERDAYA_FAILPOINT")


def reached(place: Place) -> None:
    """Die here by SIGKILL when this is the place that BERDAYA_FAILPOINT names."""
    if _armed == place:
        os.kill(os.getpid(), signal.SIGKILL)
