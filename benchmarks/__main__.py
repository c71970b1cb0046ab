"""python -m benchmarks: speed as ratios within one run on one machine, in a table for docs/performance.md."""

import asyncio
import os
import platform
import time
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import catchup, embedded, history, latency, quix, reads, rebuild
from benchmarks.results import QUICK, Bench, Figure, Sizes, table

MEASUREMENTS = {
    "catchup": catchup.measure,
    "quix": quix.measure,
    "latency": latency.measure,
    "reads": reads.measure,
    "history": history.measure,
    "rebuild": rebuild.measure,
    "embedded": embedded.measure,
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(width=160)
progress = Console(stderr=True)


@app.command(help="Measure, and print a table. Everyone compared must come to the same result, or the run fails.")
def main(
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(MEASUREMENTS)}; may be repeated.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each; the median counts.")] = 5,
    quick: Annotated[
        bool, typer.Option(help="Small sizes, one run: shows that it works, the figures mean little.")
    ] = False,
    events: Annotated[int | None, typer.Option(help="Income reports to catch up with.")] = None,
    businesses: Annotated[int | None, typer.Option(help="Whose reports they are.")] = None,
    single: Annotated[int | None, typer.Option(help="Reports for the run with one event per transaction.")] = None,
    rate: Annotated[int | None, typer.Option(help="Events per second on the way to the browser.")] = None,
    seconds: Annotated[float | None, typer.Option(help="How long such a rate is held.")] = None,
    reports: Annotated[int | None, typer.Option(help="Stored reports, for reads and rebuild.")] = None,
) -> None:
    unknown = set(only or ()) - MEASUREMENTS.keys()
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: there is {', '.join(MEASUREMENTS)}", param_hint="--only")
    given: dict[str, Any] = {
        "events": events,
        "businesses": businesses,
        "single": single,
        "rate": rate,
        "seconds": seconds,
        "reports": reports,
    }
    sizes = replace(QUICK if quick else Sizes(), **{name: value for name, value in given.items() if value is not None})
    console.print(_machine(quick=quick), soft_wrap=True)
    found: list[Figure] = []
    try:
        asyncio.run(_measure(only or list(MEASUREMENTS), sizes, 1 if quick else repeat, found))
    finally:
        console.print(table(found))


async def _measure(names: list[str], sizes: Sizes, repeat: int, found: list[Figure]) -> None:
    """Adds to `found` measurement by measurement, so that one that fails takes none with it."""
    began = time.monotonic()
    with progress.status("") as status:
        for place, name in enumerate(names, 1):
            here = f"{place}/{len(names)} {name}"

            def say(text: str, here: str = here) -> None:
                status.update(f"{here}, {time.monotonic() - began:.0f} s: {text}")

            found += await MEASUREMENTS[name](Bench(sizes, repeat, say))


def _machine(*, quick: bool) -> str:
    load = os.getloadavg()[0]
    busy = (
        f"; BUSY with other work, load {load:.1f}: distrust every figure" if load > 0.5 * (os.cpu_count() or 1) else ""
    )
    sizes = "; small sizes: the figures mean little" if quick else ""
    return (
        f"{date.today():%d %B %Y}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
        f"{sizes}{busy}\n"
    )


if __name__ == "__main__":
    app()
