"""What the API answers with: JSON of a reader's own, or a file that is whole before its first byte is sent."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import msgspec
from fastapi import Response
from fastapi.responses import StreamingResponse

from shared.sheets import MEDIA_TYPES, Format

_IN_MEMORY_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024


def private_json(body: object) -> Response:
    return Response(
        msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "private, no-cache"}
    )


@contextmanager
def unsent() -> Iterator[IO[bytes]]:
    """A file to write and then attach, which closes it; a fault while writing closes it too, and is raised on."""
    out = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by who sends it
    try:
        yield out
    except BaseException:
        out.close()
        raise


def attachment(out: IO[bytes], kind: Format, name: str) -> StreamingResponse:
    """A file from its beginning, closed once it is sent."""
    out.seek(0)
    return StreamingResponse(
        _chunks(out),
        media_type=MEDIA_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="berdaya-{name}.{kind}"',
            "Cache-Control": "private, no-store",
        },
    )


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
