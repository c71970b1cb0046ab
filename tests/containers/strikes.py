"""What happens to containers while the story is told: one after another is killed, and one stands still for a while."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from confluent_kafka.admin import AdminClient

from deploy.containers import engine
from deploy.stack import access, passwords
from tests.containers.stack import Stack
from tests.scenarios.processes import eventually

Strike = Callable[[], Awaitable[None]]
FROZEN_SECONDS = 45.0
_DOWN_SECONDS = 1.0
_GROUP = "reporting"


class Strikes:
    """Told how far the story is, by `progress`; the strikes fall one after another, spread over it."""

    def __init__(self, strikes: Sequence[Strike], steps: int) -> None:
        self._strikes = strikes
        self._steps = steps
        self._told = 0
        self._further = asyncio.Event()

    def progress(self, _title: str, many: int) -> None:
        self._told += many
        self._further.set()

    @asynccontextmanager
    async def falling(self) -> AsyncIterator[None]:
        """While the block runs. At its end all have fallen."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._fall())
            yield

    async def _fall(self) -> None:
        for number, strike in enumerate(self._strikes, 1):
            while self._told < self._steps * number / (len(self._strikes) + 1):
                self._further.clear()
                await self._further.wait()
            await strike()


def killed(stack: Stack, service: str) -> Strike:
    """`docker kill`, and started again a moment later, as `make up` does."""

    async def strike() -> None:
        name = stack.container(service).name
        await asyncio.to_thread(engine.docker, "kill", name)
        await asyncio.sleep(_DOWN_SECONDS)
        await asyncio.to_thread(engine.docker, "start", name)

    return strike


def crashed(stack: Stack, service: str) -> Strike:
    """Its process dies by itself; the engine starts it again."""

    async def strike() -> None:
        container = stack.container(service)
        state = stack.inspect(container)["State"]
        os.kill(state["Pid"], signal.SIGKILL)

        async def runs_again() -> None:
            found = stack.inspect(container)
            assert found["RestartCount"] >= 1 and found["State"]["Running"], found["State"]

        await eventually(runs_again)

    return strike


def frozen(stack: Stack, service: str, number: int) -> Strike:
    """It stands still for so long that Kafka gives its partitions to the other, and wakes to find them taken."""

    async def strike() -> None:
        name = stack.container(service, number).name
        await _shared_by(stack, 2)
        await asyncio.to_thread(engine.docker, "pause", name)
        await asyncio.gather(_shared_by(stack, 1), asyncio.sleep(FROZEN_SECONDS))
        await asyncio.to_thread(engine.docker, "unpause", name)
        await _shared_by(stack, 2)

    return strike


async def _shared_by(stack: Stack, many: int) -> None:
    """Until the partitions are divided among so many containers."""
    login = passwords.login(stack.var, passwords.ADMIN)
    admin = access.administrator(stack.addresses["KAFKA"], login)

    async def divided() -> None:
        assert len(await asyncio.to_thread(_holders, admin)) == many

    await eventually(divided, within=90)


def _holders(admin: AdminClient) -> set[str]:
    """The addresses of those who hold a partition."""
    found = admin.describe_consumer_groups([_GROUP], request_timeout=10)[_GROUP].result()
    return {member.host for member in found.members if member.assignment and member.assignment.topic_partitions}
