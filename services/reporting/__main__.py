"""`python -m services.reporting --help`."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from services.reporting.app import build
from services.reporting.nightly import keep, night_of
from services.reporting.public import freeze
from services.reporting.reconcile import rebuild, reconcile
from services.reporting.rule_versions import RULES, GrowthRule, read_candidate
from services.reporting.sessions import end_all_of
from services.reporting.tables import METADATA
from services.reporting.what_if import what_if
from shared.database import Database, now
from shared.events.districts import DISTRICTS
from shared.operations import commands, in_database

app = commands("reporting", build, METADATA)


@app.command(
    "reconcile",
    help="Recompute every total from stored facts and keep the result as the night's; exit 1 and print what differs.",
)
def _reconcile() -> None:
    async def prove(database: Database) -> list[str]:
        found = await reconcile(database)
        async with database.transaction() as session:
            await keep(session, night_of(now()), found)
        return found

    found = in_database("reporting", prove)
    for line in found:
        print(line)
    print(f"{len(found)} differences between views and facts")
    raise typer.Exit(1 if found else 0)


@app.command("rebuild", help="Put views recomputed from stored facts in place of the present ones.")
def _rebuild() -> None:
    print(f"views rebuilt; {in_database('reporting', rebuild)} growth classes were wrong")


@app.command("release", help="Freeze the public numbers of today, unless they were: they are never changed again.")
def _release() -> None:
    async def release(database: Database) -> bool:
        return await freeze(database, now())

    released = in_database("reporting", release)
    print("released" if released else "nothing released: today was already, or there is no report yet")


@app.command("sign-out", help="End all sessions of one person, by the name that pages show, on every page at once.")
def _sign_out(sub: Annotated[str, typer.Argument(help="Who, as the page says `signed in as`.")]) -> None:
    async def end(database: Database) -> int:
        async with database.transaction() as session:
            return await end_all_of(session, sub)

    print(f"{in_database('reporting', end)} sessions ended")


@app.command("what-if", help="What would change under another growth rule. Changes nothing.")
def _what_if(
    rule: Annotated[int | None, typer.Option(help="A version that there is.")] = None,
    candidate: Annotated[
        Path | None, typer.Option(help="A TOML or JSON file of constants.", exists=True, dir_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, with the businesses.")] = False,
) -> None:
    chosen = _chosen(rule, candidate)

    async def compare(database: Database) -> dict[str, Any]:
        async with database.reading(still=True) as session:
            return await what_if(session, chosen)

    found = in_database("reporting", compare)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        _print_moves(found)


def _chosen(rule: int | None, candidate: Path | None) -> GrowthRule:
    """Exactly one of the two; else exits with 2 and says why."""
    if (rule is None) == (candidate is None):
        raise typer.BadParameter("give either --rule or --candidate")
    if candidate is not None:
        try:
            return read_candidate(candidate)
        except ValueError as error:
            raise typer.BadParameter(f"{candidate}: {error}") from None
    if rule is None or rule not in RULES:
        raise typer.BadParameter(f"there is no rule {rule}; known are {', '.join(map(str, RULES))}")
    return RULES[rule]


def _print_moves(found: dict[str, Any]) -> None:
    title = f"{found['moved']} of {found['compared']['businesses']} businesses would change class"
    table = Table("District", "From", "To", "Businesses", title=title)
    for code, moves in found["districts"].items():
        for move in moves:
            table.add_row(f"{code} {DISTRICTS[code].title}", move["from"], move["to"], str(move["businesses"]))
    for move in found["province"]:
        table.add_row("All", move["from"], move["to"], str(move["businesses"]))
    Console().print(table)


if __name__ == "__main__":
    app()
