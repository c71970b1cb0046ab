"""The commands of a service process: serve, migrate, and what an operator does with the quarantine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database, run
from shared.log import Log
from shared.migrate import upgrade
from shared.runtime import Node, open_log, serve
from shared.settings import ServiceName, Settings
from shared.telemetry import configure_logs

T = TypeVar("T")


class Build(Protocol):
    def __call__(self, settings: Settings, log: Log, /) -> Node: ...


def commands(service: ServiceName, build: Build, metadata: MetaData) -> typer.Typer:
    """The command line of one service; the service adds its own commands to it."""
    app = typer.Typer(
        help=f"Berdaya {service}: settings come from BERDAYA_* variables.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )

    @app.command("serve", help="Answer HTTP and read the log until stopped.")
    def _serve() -> None:
        settings = Settings(service=service)
        configure_logs(settings)
        serve(build(settings, open_log(settings)))

    @app.command("migrate", help="Bring the database to the newest schema.")
    def _migrate() -> None:
        in_database(service, lambda database: upgrade(database, service, metadata))

    @app.command("quarantine", help="List the records in quarantine, without their content.")
    def _quarantine() -> None:
        _print_held(in_database(service, _held))

    @app.command("redrive", help="Apply quarantined records again: all that are held, or the numbers given.")
    def _redrive(numbers: Annotated[list[int] | None, typer.Argument(help="Numbers by `quarantine`.")] = None) -> None:
        node = _node(service, build)
        left = asyncio.run(_redrive_all(node, numbers or []))
        raise typer.Exit(1 if left else 0)

    @app.command("discard", help="Give quarantined records up: each gets a receipt that says so.")
    def _discard(numbers: Annotated[list[int], typer.Argument(help="Numbers by `quarantine`.")]) -> None:
        asyncio.run(_discard_all(_node(service, build), numbers))

    return app


def in_database(service: ServiceName, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run some work with the service's database, opened and closed around it."""

    async def main() -> T:
        settings = Settings(service=service)
        settings.var.mkdir(parents=True, exist_ok=True)
        database = Database(settings.database_url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(main())


def _node(service: ServiceName, build: Build) -> Node:
    settings = Settings(service=service)
    configure_logs(settings)
    return build(settings, open_log(settings))


async def _held(database: Database) -> list[Any]:
    async with database.reading() as session:
        return await _held_rows(session)


async def _held_rows(session: AsyncSession) -> list[Any]:
    found = await run(
        session,
        """SELECT id, topic, partition, "offset", event_id, reason, detail FROM quarantine
           WHERE state = 'held' ORDER BY id""",
    )
    return list(found.all())


def _print_held(rows: list[Any]) -> None:
    table = Table("No.", "Topic", "Offset", "Event", "Reason", "Detail", title=f"{len(rows)} in quarantine")
    for row in rows:
        table.add_row(str(row.id), row.topic, str(row.offset), row.event_id, row.reason, row.detail)
    Console().print(table)


async def _redrive_all(node: Node, numbers: list[int]) -> int:
    """Each in a transaction of its own. Returns how many could not be applied."""
    left = 0
    try:
        for row in await _held(node.database):
            if numbers and row.id not in numbers:
                continue
            async with node.database.transaction() as session:
                answer = await node.inbox.redrive(session, row.id)
            if answer is not None:
                left += answer.verdict == "quarantined"
                print(f"{row.id} {row.event_id}: {answer.verdict} {answer.reason} {answer.detail}".rstrip())
        print(f"{left} left in quarantine")
        return left
    finally:
        await node.database.close()


async def _discard_all(node: Node, numbers: list[int]) -> None:
    try:
        for number in numbers:
            async with node.database.transaction() as session:
                found = await node.inbox.discard(session, number)
            print(f"{number}: {'discarded' if found else 'not held'}")
    finally:
        await node.database.close()
