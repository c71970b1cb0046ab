"""python -m deploy.containers: Berdaya in containers, by docker-compose."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from deploy.containers import backup, engine, images, secrets
from deploy.containers.compose import Compose
from deploy.stack.bringup import environment_file
from deploy.stack.console import say
from deploy.stack.errors import StackError
from deploy.stack.files import ROOT
from deploy.stack.settings import Settings

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_Project = Annotated[str, typer.Option(help="The name before every container's.", envvar="COMPOSE_PROJECT_NAME")]
_DEFAULT_VAR = ROOT / "var" / "compose"


def _settings() -> Settings:
    found = Settings()
    return found if "var" in found.model_fields_set else found.model_copy(update={"var": _DEFAULT_VAR})


@app.command("images")
def _images() -> None:
    """An engine where none answers, and all images: pulled, or made here of packages. Cached: again takes seconds."""
    var = ROOT / "var" / "images"
    engine.bring_up(var)
    images.make(var)


@app.command("secrets")
def _secrets() -> None:
    """Make what is missing of passwords and keys; what is there stays."""
    var = _settings().var
    secrets.make(var)
    say(f"secrets: {var}/secrets and {var}/keys. Keep a copy of keys/nik.key apart from the backups.")


@app.command()
def up(
    workers: Annotated[int, typer.Option(help="How many workers of reporting.", min=1, max=6)] = 1,
    project: _Project = "berdaya",
) -> None:
    """Start everything in its order and wait until it answers. Safe to run again: it renews what changed."""
    settings = _settings()
    stack = Compose(settings, project)
    stack.up(workers=workers)
    _show(stack)
    say(f"addresses and passwords: {environment_file(settings)}")


@app.command()
def down(project: _Project = "berdaya") -> None:
    """Stop and remove the containers. Volumes, secrets and images stay."""
    Compose(_settings(), project).down()


@app.command()
def status(project: _Project = "berdaya") -> None:
    """Each container and whether it answers. Exit code 1 when one does not, or nothing runs."""
    engine.require()
    stack = Compose(_settings(), project)
    if not stack.containers():
        raise StackError("nothing runs; start it with `make up`")
    _show(stack)
    if any(it.health not in ("healthy", "") or it.exit_code for it in stack.containers()):
        raise typer.Exit(1)


@app.command("backup")
def _backup(to: Annotated[Path, typer.Argument(help="A new folder.")], project: _Project = "berdaya") -> None:
    """Log, databases, secrets and keys into a new folder; what runs is stopped meanwhile."""
    backup.take(Compose(_settings(), project), to)
    say(f"backup: {to}. It holds every secret: lock it away.")


@app.command("restore")
def _restore(
    frm: Annotated[Path, typer.Argument(help="A backup.", metavar="FROM")], project: _Project = "berdaya"
) -> None:
    """A backup in place of nothing: refused where there is state already."""
    backup.restore(Compose(_settings(), project), frm)
    say("restored; start it with `make up`")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def compose(context: typer.Context, project: _Project = "berdaya") -> None:
    """Any command of docker-compose on this stack, e.g. `compose logs -f registry`."""
    raise typer.Exit(Compose(_settings(), project).become(context.args))


def _show(stack: Compose) -> None:
    table = Table("container", "state", "answers", box=None, pad_edge=False)
    for it in stack.containers():
        ended = "done" if it.exit_code == 0 else f"failed ({it.exit_code})"
        table.add_row(it.name, it.state, ended if it.state == "exited" else it.health)
    Console(highlight=False).print(table)


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
