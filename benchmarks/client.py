"""Asks for one thing over a few kept connections, as fast as it is answered.

A process of its own, without an HTTP library, so that asking costs less than answering.
"""

import asyncio
import time
from collections import Counter
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from benchmarks import helper


class Answers(NamedTuple):
    per_second: float
    statuses: dict[str, int]
    body: str
    """Of the first answer."""
    busy: float
    """The share of one core that asking took; near 1 the client was the limit."""


async def read(
    address: str, headers: dict[str, str], *, connections: int, seconds: float, path: str = "/v1/dashboard"
) -> Answers:
    """Raises RuntimeError when a connection is cut."""
    told = {"address": address, "path": path, "headers": headers, "connections": connections, "seconds": seconds}
    return Answers(**await helper.ask_module("benchmarks.client", **told))


class _Connection(asyncio.Protocol):
    """One request at a time; the next as soon as the answer is complete."""

    def __init__(self, request: bytes, statuses: Counter[str], bodies: list[bytes]) -> None:
        self._request = request
        self._statuses = statuses
        self._bodies = bodies
        self._got = b""
        self._transport: asyncio.WriteTransport
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._got[:end].lower()
        place = head.find(b"\r\ncontent-length:")
        length = int(head[place + 17 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(self._got) < end + 4 + length:
            return
        self._statuses[head[9:12].decode()] += 1
        if not self._bodies:
            self._bodies.append(self._got[end + 4 :])
        self._got = b""
        self._transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(error)


async def _ask(address: str, path: str, headers: dict[str, str], connections: int, seconds: float) -> dict[str, Any]:
    it = urlsplit(address)
    lines = [f"GET {path} HTTP/1.1", f"Host: {it.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
    request = "\r\n".join([*lines, "", ""]).encode()
    statuses: Counter[str] = Counter()
    bodies: list[bytes] = []
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Connection(request, statuses, bodies), str(it.hostname), it.port or 80)
        for _ in range(connections)
    ]
    started, cpu = time.monotonic(), time.process_time()
    cut, _ = await asyncio.wait({connection.lost for _, connection in made}, timeout=seconds)
    if cut:
        raise RuntimeError(f"{len(cut)} connections were cut")
    took, busy = time.monotonic() - started, time.process_time() - cpu
    answers = Answers(statuses.total() / took, dict(statuses), bodies[0].decode(), busy / took)
    for transport, _ in made:
        transport.abort()
    return answers._asdict()


if __name__ == "__main__":
    helper.answer(_ask(**helper.told()))
