"""`python -m services.reporting --help`."""

import typer

from services.reporting.app import build
from services.reporting.reconcile import rebuild, reconcile
from services.reporting.tables import METADATA
from shared.operations import commands, in_database

app = commands("reporting", build, METADATA)


@app.command("reconcile", help="Recompute every total from stored facts; exit 1 and print what differs.")
def _reconcile() -> None:
    found = in_database("reporting", reconcile)
    for line in found:
        print(line)
    print(f"{len(found)} differences between views and facts")
    raise typer.Exit(1 if found else 0)


@app.command("rebuild", help="Put views recomputed from stored facts in place of the present ones.")
def _rebuild() -> None:
    print(f"views rebuilt; {in_database('reporting', rebuild)} growth classes were wrong")


if __name__ == "__main__":
    app()
