"""`python -m services.reporting --help`."""

import typer

from services.reporting.app import build
from services.reporting.nightly import keep, night_of
from services.reporting.reconcile import rebuild, reconcile
from services.reporting.tables import METADATA
from shared.database import Database, now
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


if __name__ == "__main__":
    app()
