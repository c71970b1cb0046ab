"""A chosen port must still be free after a crash: none lies in the kernel's ephemeral range."""

import errno
import random
import socket
from urllib.parse import SplitResult, urlsplit

from deploy.stack.errors import PortInUse, StackError

LOOPBACK = "127.0.0.1"
_CHOICE = range(20_000, 32_000)  # Linux hands out 32768 and up to outgoing connections


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: connections still closing do not count, listeners do.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise StackError(f"port {port} cannot be listened on: {error.strerror}") from None
        return True


def choose() -> int:
    for port in random.sample(_CHOICE, k=200):
        if is_free(port):
            return port
    raise StackError(f"no free port found between {_CHOICE.start} and {_CHOICE.stop}")


def require_free(component: str, port: int, variable: str | None = None) -> None:
    if not is_free(port):
        raise PortInUse(component, port, variable)


def accepts(address: str) -> bool:
    """Whether something listens there, at a URL or host:port; costs no process and no client library."""
    try:
        socket.create_connection((_host(address), of(address)), timeout=1).close()
    except OSError:
        return False
    return True


def of(address: str) -> int:
    """The port of a URL or of host:port."""
    port = _split(address).port
    if port is None:
        raise StackError(f"no port in {address}")
    return port


def _host(address: str) -> str:
    return _split(address).hostname or LOOPBACK


def _split(address: str) -> SplitResult:
    return urlsplit(address if "://" in address else f"//{address}")
