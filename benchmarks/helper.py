"""A part of a measurement in a process of its own, told by JSON on standard input and answering on standard output."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Coroutine
from typing import Any

import uvloop

from deploy.stack.files import ROOT


async def ask(*command: str, told: dict[str, Any]) -> Any:
    """What the program answers. Raises RuntimeError with its last words when it fails; ends with the caller."""
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        out, complaints = await process.communicate(json.dumps(told).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {complaints.decode()[-2000:]}")
    return json.loads(out)


async def ask_module(name: str, **told: Any) -> Any:
    return await ask(sys.executable, "-m", name, told=told)


def told() -> dict[str, Any]:
    found: dict[str, Any] = json.load(sys.stdin)
    return found


def answer(work: Coroutine[Any, Any, dict[str, Any]]) -> None:
    json.dump(uvloop.run(work), sys.stdout)
