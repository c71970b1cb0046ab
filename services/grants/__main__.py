"""`python -m services.grants`: the commands of every service, and the proof of the budgets."""

import typer

from services.grants.app import build
from services.grants.commands import Difference, differences
from services.grants.tables import METADATA
from shared.database import Database
from shared.operations import commands, in_database

app = commands("grants", build, METADATA)


@app.command("reconcile", help="Prove every budget from its grants; exit 1 and print what differs.")
def _reconcile() -> None:
    found = in_database("grants", _differences)
    for one in found:
        print(
            f"{one.district} {one.fiscal_year}: committed {one.committed}, by grants {one.committed_by_grants}; "
            f"disbursed {one.disbursed}, by grants {one.disbursed_by_grants}"
        )
    print(f"{len(found)} budgets differ from their grants")
    raise typer.Exit(1 if found else 0)


async def _differences(database: Database) -> list[Difference]:
    async with database.reading() as session:
        return await differences(session)


if __name__ == "__main__":
    app()
