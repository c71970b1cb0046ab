"""python -m deploy.stack: the whole stack as plain processes, kept running by supervisord."""

import re
import sys
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from deploy.stack import bringup, districts
from deploy.stack.console import say, step
from deploy.stack.errors import StackError
from deploy.stack.settings import Settings

_TABLE_WIDTH = 110
_VARIABLES = "\n\n".join(
    f"BERDAYA_{name.upper()}={field.default} {field.description or ''}" for name, field in Settings.model_fields.items()
)

app = typer.Typer(
    help=__doc__,
    epilog=f"Variables and their defaults:\n\n{_VARIABLES}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_Components = Annotated[
    str,
    typer.Option(help="Only these of kafka,postgres,redis, without services and gateway.", metavar="NAME,…"),
]


@app.command()
def up(components: _Components = "") -> None:
    """Install what is missing, start everything, wait until it truly answers. Safe to run again.

    Also applies changed settings: a program whose configuration changed is restarted. New code of a
    service is taken up by `restart NAME`.
    """
    chosen = [name.strip() for name in components.split(",")] if components else list(bringup.COMPONENTS)
    unknown = [name for name in chosen if name not in bringup.COMPONENTS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(bringup.COMPONENTS)}")
    settings = Settings()
    bringup.up(settings, chosen, with_services=not components)
    _show(bringup.status(settings))
    say(f"addresses and passwords: {bringup.environment_file(settings)}")


@app.command()
def down() -> None:
    """Stop everything within two minutes; data, passwords and logs stay."""
    if not bringup.down(Settings()):
        say("nothing was running")


@app.command()
def status() -> None:
    """Show each program and whether it answers. Exit code 1 when one does not, or nothing runs."""
    rows = bringup.status(Settings())
    if not rows:
        raise StackError("the stack is not running; start it with `up`")
    _show(rows)
    if any(row.silence for row in rows):
        raise typer.Exit(1)


@app.command()
def restart(names: Annotated[list[str], typer.Argument(help=", ".join(bringup.PROGRAMS), metavar="NAME…")]) -> None:
    """Stop and start these programs one after another, each until it answers."""
    for name in names:
        bringup.restart(Settings(), name)


@app.command()
def env() -> None:
    """Print every address as KEY=value, passwords included; `set -a; . var/stack.env` takes them over."""
    path = bringup.environment_file(Settings())
    if not path.exists():
        raise StackError(f"no {path}; start the stack with `up`")
    typer.echo(path.read_text(), nl=False)


@app.command()
def district(
    code: Annotated[str, typer.Argument(help="its four digits, e.g. 3522", metavar="CODE")],
    rotate: Annotated[
        bool, typer.Option("--rotate", help="A new password; the present one opens nothing from now on.")
    ] = False,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Close the door: its user and rules go, its topics stay.")
    ] = False,
) -> None:
    """Open a district's own door to Kafka and HTTP, and write the folder to hand over. Safe to run again."""
    if rotate and revoke:
        raise typer.BadParameter("--rotate or --revoke, not both")
    settings = Settings()
    if revoke:
        with step(f"door of {code} closed; its topics stay"):
            folder = districts.close_door(settings, code)
        say(
            f"a token of {folder} opens HTTP until its own end, {districts.TOKEN_HOURS} hours after it was made at most"
        )
        return
    with step(f"door of {code} open"):
        folder = districts.open_door(settings, code, new_password=rotate)
    say(f"to be handed over, secretly: {folder}")


def _show(rows: list[bringup.Row]) -> None:
    table = Table("program", "state", "answers", "address", "process", box=None, pad_edge=False)
    for row in rows:
        address = re.sub(r"//[^@]*@", "//", row.address)  # without role and password
        table.add_row(row.name, row.state.lower(), row.silence or "yes", address, row.description)
    Console(highlight=False, width=max(Console().width, _TABLE_WIDTH)).print(table)


def main() -> None:
    try:
        app()
    except StackError as error:
        sys.exit(f"error: {error}")
    except ValidationError as error:
        first = error.errors()[0]
        sys.exit(f"error: BERDAYA_{str(first['loc'][0]).upper()}: {first['msg']}")


if __name__ == "__main__":
    main()
