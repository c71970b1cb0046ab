"""What the kernel is asked for on behalf of a server: to notice dead callers, and enough open files for the living."""

import resource
import socket
from contextlib import suppress

_OPTIONS = {
    (socket.SOL_SOCKET, "SO_KEEPALIVE"): 1,
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE"): 30,
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL"): 10,
    (socket.IPPROTO_TCP, "TCP_KEEPCNT"): 3,
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"): 30_000,
}
"""A caller that is gone without a word, or takes nothing of what was sent, is hung up on within a minute."""


def attentive(listening: socket.socket) -> socket.socket:
    """The sockets it accepts inherit these options, as far as the system knows them."""
    for (level, name), value in _OPTIONS.items():
        option = getattr(socket, name, None)
        if option is not None:
            listening.setsockopt(level, option, value)
    return listening


def raise_file_limit() -> None:
    """As far as is allowed: by default a process may have 1,024 open files, fewer than pages may follow changes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS refuses an infinite one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def file_limit() -> int:
    """How many files and sockets this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 2**31
