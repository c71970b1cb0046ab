"""`python -m services.grants`: the commands of every service, and the proof of the budgets."""

import typer

from services.grants.app import build
from services.grants.reconcile import Difference, differences
from services.grants.tables import METADATA
from shared.database import Database
from shared.operations import commands, in_database

app = commands("grants", build, METADATA)


@app.command("reconcile", help="Prove every budget from ledger, grants and facts; exit 1 and print what differs.")
def _reconcile() -> None:
    found = in_database("grants", _differences)
    for one in found:
        print(one)
    print(f"{len(found)} differences between budgets, ledger, grants and facts")
    raise typer.Exit(1 if found else 0)


async def _differences(database: Database) -> list[Difference]:
    async with database.reading(still=True) as session:
        return await differences(session)


if __name__ == "__main__":
    app()
