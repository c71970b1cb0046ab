"""python -m deploy.local: the embedded run, the demo, tokens and sign-in links."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.local.gateway import Gateway
from deploy.local.province import METADATA, TOPICS, CannotStart, Province, check_port, embedded
from deploy.local.publishers import Publishers
from deploy.local.quiet import NotQuietError, until_quiet
from deploy.local.table import provincial_table
from deploy.stack.errors import StackError
from deploy.stack.passwords import ADMIN, login
from deploy.stack.settings import kafka_environment
from deploy.story.driver import Doors, WrongAnswer, steps, tell
from deploy.story.generate import generate, live
from deploy.story.months import END, WIB
from services.grants.reconcile import differences
from services.reporting.pages import sign_in_link
from services.reporting.public import freeze
from services.reporting.reconcile import reconcile as reconcile_reporting
from shared.database import Database, now
from shared.database import run as db_run
from shared.events.districts import DISTRICTS
from shared.kafka import KafkaLog
from shared.log import LogUnavailable
from shared.runtime import serve_all, spare_the_collector
from shared.security import DISTRICT_ROLES, LocalKey, Role, WrongSecret
from shared.settings import Settings
from shared.telemetry import configure_logs

END_OF_STORY = datetime.combine(END, time(), WIB)
LIVE_SECONDS = 3.0
"""Between two events of the demo after its story."""

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(width=None if sys.stdout.isatty() else 140)
Var = Annotated[Path, typer.Option(help="The folder that holds all state.", envvar="VAR")]
Port = Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535, envvar="PORT")]


@app.command()
def run(var: Var = Path("var/local"), port: Port = 8000) -> None:
    """All services in this process, for real use; state is kept over restarts."""
    _finish(_run(var, port))


@app.command()
def demo(
    var: Var = Path("var/demo"),
    port: Port = 8000,
    once: Annotated[bool, typer.Option(help="Tell the story, check every number, and end.")] = False,
    full: Annotated[bool, typer.Option(help="Through Kafka, on the stack that `make stack` started.")] = False,
    scale: Annotated[float, typer.Option(help="How big a province; 1 is 376 ex-clients.", min=0.1)] = 1.0,
) -> None:
    """The story of two years, published through the districts' own door; then gentle live events."""
    _finish(_demo_full(var, once=once, scale=scale) if full else _demo(var, port, once=once, scale=scale))


@app.command()
def token(
    role: Annotated[Role, typer.Option(help="What the bearer may do.")],
    sub: Annotated[str, typer.Option(help="Who the bearer is.")],
    district: Annotated[str, typer.Option(help="Four digits, for the district roles.")] = "",
    var: Var = Path("var/demo"),
) -> None:
    """Print one token, signed by the local key, and nothing else."""
    settings = Settings(service="reporting", var=var)
    try:
        signed = LocalKey.at(settings.keys).sign(
            sub=sub, role=role, district=district or None, issuer=settings.issuer, audience=settings.audience
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    print(signed)


@app.command()
def sign_in(
    role: Annotated[Role, typer.Option(help="What the reader may see.")] = Role.province_officer,
    sub: Annotated[str, typer.Option(help="Who the reader is.")] = "pembaca",
    district: Annotated[str, typer.Option(help="Four digits, for a district officer.")] = "",
    var: Var = Path("var/demo"),
    port: Port = 8000,
) -> None:
    """Print a link that signs one reader in, once, within 15 minutes."""
    if (role in DISTRICT_ROLES) != bool(district):
        raise typer.BadParameter(f"role {role} {'needs' if role in DISTRICT_ROLES else 'takes no'} --district")
    front = os.environ.get("BERDAYA_PUBLIC") or _addresses(var).get("GATEWAY_URL") or _here(port)
    print(_link(var, front, role=role, sub=sub, district=district or None))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def operate(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="registry, grants or reporting")],
    var: Annotated[Path, typer.Option(help="Whose state: of the demo, of `make run`, or of the stack.")] = Path(
        "var/demo"
    ),
) -> None:
    """Run a service's own command on the state under `var`, e.g. `operate reporting reconcile`."""
    environment = {**os.environ, "BERDAYA_VAR": str(var)}
    addresses = _addresses(var)
    if addresses:
        environment |= {
            "BERDAYA_LOG": "kafka",
            "BERDAYA_KAFKA": addresses["KAFKA"],
            **kafka_environment(login(var, service)),
            "BERDAYA_DATABASE": addresses[f"DATABASE_{service.upper()}"],
            "BERDAYA_REDIS": addresses["REDIS"],
        }
    elif not (var / f"{service}.db").exists():
        raise typer.BadParameter(f"{var} holds no state of {service}: name the folder with VAR=dir")
    done = subprocess.run(  # noqa: S603 - our own module, by our own interpreter
        [sys.executable, "-m", f"services.{service}", *context.args], env=environment, check=False
    )
    raise typer.Exit(done.returncode)


def _here(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _link(var: Path, front: str, *, role: Role, sub: str, district: str | None) -> str:
    return sign_in_link(Settings(service="reporting", var=var), front, sub=sub, role=role, district=district)


def _finish(work: Coroutine[Any, Any, int]) -> None:
    """Run to the end; what the user can cure is one line, not a traceback."""
    configure_logs(Settings(service="reporting", json_logs=False, log_level="WARNING"))
    spare_the_collector()
    try:
        code = uvloop.run(work)
    except* (CannotStart, StackError, WrongSecret, WrongAnswer, NotQuietError, LogUnavailable) as group:
        console.print(f"[red]{_first(group)}[/red]", soft_wrap=True)
        code = 1
    except* KeyboardInterrupt:
        code = 0
    raise typer.Exit(code)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _run(var: Path, port: int) -> int:
    check_port(port)
    async with embedded(var) as province:
        _say_where(var, port)
        await serve_all(_gateway(province), list(province.nodes.values()), host="127.0.0.1", port=port)
    return 0


async def _demo(var: Path, port: int, *, once: bool, scale: float) -> int:
    check_port(port)
    async with embedded(var) as province, _serving(province, port) as server, _client(port) as client:
        settings = Settings(service="reporting", var=var)
        doors = Doors(client, province.log, LocalKey.at(settings.keys), settings)
        await _tell(doors, province, scale)
        if once:
            return await _check(client, doors, province)
        _say_where(var, port)
        async with _live(doors, scale):
            await server
    return 0


async def _demo_full(var: Path, *, once: bool, scale: float) -> int:
    from deploy.stack.doors import open_districts  # noqa: PLC0415 - its library is installed for `make stack` alone

    addresses = _addresses(var)
    if not addresses:
        raise CannotStart("the stack is not running: start it with `make stack`")
    log = KafkaLog(addresses["KAFKA"], login=login(var, ADMIN))  # to look how far all is
    publishers = Publishers(addresses["KAFKA"], open_districts(addresses["KAFKA"], var, sorted(DISTRICTS)))
    databases = {name: Database(addresses[f"DATABASE_{name.upper()}"], pool=2) for name in METADATA}
    province = Province(var, log, databases, {})
    settings = Settings(service="reporting", var=var)
    port = int(httpx.URL(addresses["GATEWAY_URL"]).port or 8000)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(log.close)
        stack.push_async_callback(publishers.close)
        for database in databases.values():
            stack.push_async_callback(database.close)
        client = await stack.enter_async_context(_client(port))
        story_districts = frozenset(f"35{number:02}" for number in range(1, 80) if number % 5)
        doors = Doors(client, publishers, LocalKey.at(settings.keys), settings, by_log=story_districts)
        await _tell(doors, province, scale)
        if once:
            return await _check(client, doors, province)
        _say_where(var, port)
        async with _live(doors, scale):
            await asyncio.Event().wait()
    return 0


async def _tell(doors: Doors, province: Province, scale: float) -> None:
    """Once per folder of state: a demo started again goes on where the story ended."""
    if now() < END_OF_STORY:
        raise CannotStart(f"the story ends on {END:%Y-%m-%d}, after today by this machine's clock: set the clock right")
    story = generate(scale=scale)
    begun, told = (province.var / f"story-{word}-{scale}" for word in ("begun", "told"))
    if told.exists():
        console.print(f"Cerita sudah ada di {province.var} / the story is told already")
        return
    doors.retelling = begun.exists()
    begun.touch()
    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Cerita dua tahun", total=steps(story))
        await tell(
            story,
            doors,
            lambda: until_quiet(province.log, province.databases, TOPICS, published=False),
            lambda title, many: bar.update(task, advance=many, description=title),
        )
    await freeze(province.databases["reporting"], now())  # a day's story has no night whose proof would release it
    told.touch()


async def _check(client: httpx.AsyncClient, doors: Doors, province: Province) -> int:
    """Print the provincial table and prove it: every total recomputed from stored facts."""
    await until_quiet(province.log, province.databases, TOPICS)
    console.print(provincial_table(await _newest_dashboard(client, doors, province)))
    differences = [
        *await reconcile_reporting(province.databases["reporting"]),
        *await _budget_differences(province.databases["grants"]),
    ]
    for difference in differences:
        console.print(f"[red]{difference}[/red]")
    verdict = f"{len(differences)} selisih" if differences else "semua angka cocok / every number agrees"
    console.print(f"reconcile: {verdict}")
    return 1 if differences else 0


async def _newest_dashboard(client: httpx.AsyncClient, doors: Doors, province: Province) -> dict[str, Any]:
    """The dashboard as readers get it, once it has reached them in the newest version. Raises NotQuietError."""
    async with province.databases["reporting"].reading() as session:
        newest = (await db_run(session, "SELECT version FROM view_state WHERE one = 1")).scalar_one()
    for _ in range(200):
        answer = await client.get("/reporting/v1/dashboard", headers=doors.token("pemeriksa", "auditor", None))
        shown: dict[str, Any] = answer.raise_for_status().json()
        if shown["version"] >= newest and not shown["lag"]["events"]:
            return shown
        await asyncio.sleep(0.05)
    raise NotQuietError(f"readers still get version {shown['version']} of the dashboard, the newest is {newest}")


async def _budget_differences(database: Database) -> list[str]:
    async with database.reading(still=True) as session:
        return [str(one) for one in await differences(session)]


@asynccontextmanager
async def _serving(province: Province, port: int) -> AsyncIterator[Awaitable[None]]:
    task = asyncio.create_task(
        serve_all(_gateway(province), list(province.nodes.values()), host="127.0.0.1", port=port)
    )
    try:
        await _until_answering(port, task)
        yield task
    finally:
        for node in province.nodes.values():
            node.stopping.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _until_answering(port: int, server: asyncio.Task[None]) -> None:
    async with _client(port) as client:
        while not server.done():
            with suppress(httpx.TransportError):
                await client.get("/reporting/health/live")
                return
            await asyncio.sleep(0.02)
    await server  # ended before it answered: raises why


@asynccontextmanager
async def _live(doors: Doors, scale: float) -> AsyncIterator[None]:
    """Events after the story's end, at a gentle pace, while the block runs."""

    async def publish() -> None:
        for publication in live(generate(scale=scale), seed=1, until=now()):
            try:
                await doors.publish([publication])
            except (httpx.TransportError, WrongAnswer, LogUnavailable) as error:
                console.print(f"[yellow]{error}[/yellow]")  # a district tries again later; so does the demo
            await asyncio.sleep(LIVE_SECONDS)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _client(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=_here(port), timeout=60, trust_env=False)


def _gateway(province: Province) -> Gateway:
    services = {name: node.served for name, node in province.nodes.items()}
    return Gateway(services, services["reporting"])


def _say_where(var: Path, port: int) -> None:
    link = _link(var, _here(port), role=Role.province_officer, sub="kepala.dinas", district=None)
    console.print(f"\nHalaman / page      {_here(port)}/")
    console.print(f"Masuk / sign in     {link}", soft_wrap=True)
    console.print(f"                    (sekali pakai, 15 menit; lagi: make sign-in VAR={var} PORT={port})")
    console.print(f"API                 {_here(port)}/registry/docs  /grants/docs  /reporting/docs")
    console.print("Berhenti / stop     Ctrl-C\n")


def _addresses(var: Path) -> dict[str, str]:
    """What `make stack` wrote about itself; empty where no stack keeps its state."""
    path = var / "stack.env"
    if not path.exists():
        return {}
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


if __name__ == "__main__":
    try:
        app()
    except BrokenPipeError:
        sys.exit(1)
