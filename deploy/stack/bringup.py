"""The order in which a stack comes to life: each step is proven before the next, and safe to run again."""

import csv
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.stack import doors, gateway, kafka, passwords, ports, postgres, quotas, redis, services, topics
from deploy.stack.console import step
from deploy.stack.errors import StackError
from deploy.stack.files import locked, write_private
from deploy.stack.process import Component, wait_for_answer
from deploy.stack.settings import Settings, port_variable
from deploy.stack.supervision import Supervisor

COMPONENTS = (kafka.NAME, postgres.NAME, redis.NAME)
PROGRAMS = (*COMPONENTS, *services.NAMES, gateway.NAME)
_RESTART_PATIENCE = 120.0
_SHUTDOWN_PATIENCE = 120.0  # more than all stop_patience in a row

ENVIRONMENT_NAMES = {
    kafka.NAME: "KAFKA",
    postgres.NAME: "POSTGRES_ADMIN",
    redis.NAME: "REDIS",
    gateway.NAME: "GATEWAY_URL",
    **{name: f"{name.upper()}_URL" for name in services.NAMES},
}
PROBES: Mapping[str, Callable[[str], str | None]] = {
    postgres.NAME: postgres.probe,
    redis.NAME: redis.probe,
    gateway.NAME: gateway.probe,
    **dict.fromkeys(services.NAMES, services.probe),
}


@dataclass(frozen=True)
class Row:
    """One program: what supervisord says of it, and why it does not answer (None when it does)."""

    name: str
    state: str
    description: str
    address: str
    silence: str | None


def up(settings: Settings, components: Collection[str], *, with_services: bool) -> None:
    """Leaves every address in `stack.env`. Services need all three components."""
    settings.var.mkdir(parents=True, exist_ok=True)
    with locked(settings.var / "stack.lock"):
        supervisor = Supervisor(settings.var)
        # 1 refuse early what cannot work: a port that somebody else holds
        wanted = [name for name in COMPONENTS if name in components]
        _require_ports(settings, supervisor, PROGRAMS if with_services else wanted)
        # 2 install and configure what is missing, start it, wait until each truly answers
        running = {name: _prepare(name, settings) for name in wanted}
        _tell(settings, supervisor, running.values())
        _start(supervisor, running.values(), running.values())
        # 3 topics, roles and databases
        _provision(running, settings)
        # 4 each service's tables, then the services, then the door in front of them
        if with_services:
            front = [_describe(name, settings, running) for name in services.NAMES]
            _migrate(front)
            front.append(_door(settings))
            running |= {program.name: program for program in front}
            _tell(settings, supervisor, front)
            _start(supervisor, running.values(), front)


def down(settings: Settings) -> bool:
    """Ends everything and keeps all state; False when nothing ran."""
    supervisor = Supervisor(settings.var)
    if not supervisor.running():
        return False
    with step("stopped"):
        supervisor.shutdown(first=(*services.NAMES, gateway.NAME), patience=_SHUTDOWN_PATIENCE)
    return True


def restart(settings: Settings, name: str) -> None:
    supervisor = Supervisor(settings.var)
    if not supervisor.running():
        raise StackError("the stack is not running; start it with `up`")
    if name not in PROGRAMS or not (address := read_environment(settings).get(ENVIRONMENT_NAMES[name])):
        raise StackError(f"no program {name} in this stack; `status` lists them")
    with step(f"{name} restarted and answering"):
        supervisor.restart(name)
        wait_for_answer(
            name,
            partial(_probe, settings, name, address),
            died=partial(supervisor.how_it_died, name),
            log=_log(settings, name),
            patience=_RESTART_PATIENCE,
        )


def status(settings: Settings) -> list[Row]:
    """Asks each program for a real answer. Empty when no supervisord runs."""
    supervisor = Supervisor(settings.var)
    if not supervisor.running():
        return []
    addresses = read_environment(settings)
    rows = []
    for it in sorted(supervisor.states(), key=lambda state: PROGRAMS.index(state.name)):
        address = addresses.get(ENVIRONMENT_NAMES[it.name])
        silence = _probe(settings, it.name, address) if address else "no address known; run `up` again"
        rows.append(Row(it.name, it.state, it.description, address or "", silence))
    return rows


def _probe(settings: Settings, name: str, address: str) -> str | None:
    if name == kafka.NAME:
        return kafka.probe(address, passwords.login(settings.var, passwords.ADMIN))
    return PROBES[name](address)


def environment_file(settings: Settings) -> Path:
    return settings.var / "stack.env"


def read_environment(settings: Settings) -> dict[str, str]:
    path = environment_file(settings)
    if not path.exists():
        return {}
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def district_codes(path: Path) -> list[str]:
    if not path.exists():
        raise StackError(f"no list of districts at {path}; set BERDAYA_DISTRICTS")
    with path.open(newline="") as file:
        return [row["code"] for row in csv.DictReader(file)]


def _require_ports(settings: Settings, supervisor: Supervisor, names: Collection[str]) -> None:
    for name in names:
        if supervisor.runs(name):
            continue  # its own
        listens = (name, f"{name}_controller") if name == kafka.NAME else (name,)
        for listener in listens:
            ports.require_free(name, settings.port(listener), port_variable(listener))


def _prepare(name: str, settings: Settings) -> Component:
    var, port, variable = settings.var, settings.port(name), port_variable(name)
    with step(f"{name} installed and configured"):
        if name == kafka.NAME:
            controller = settings.kafka_controller_port
            return kafka.prepare(var, port=port, controller_port=controller, port_variable=variable)
        if name == postgres.NAME:
            return postgres.prepare(var, port=port, port_variable=variable)
        return redis.prepare(var, port=port, port_variable=variable)


def _start(supervisor: Supervisor, programs: Collection[Component], wait_for: Collection[Component]) -> None:
    supervisor.apply(list(programs))
    for program in wait_for:
        with step(f"{program.name} answers on port {program.port}"):
            program.wait(died=partial(supervisor.how_it_died, program.name))


def _provision(running: Mapping[str, Component], settings: Settings) -> None:
    if kafka.NAME in running:
        codes, address = district_codes(settings.districts), running[kafka.NAME].address
        with step(f"topics for {len(codes)} districts"):
            admin = passwords.login(settings.var, passwords.ADMIN)
            topics.provision_topics(address, codes, login=admin)
        with step("users, rules and rates of the services"):
            doors.open_services(address, settings.var)
            quotas.provision(address, settings.var)
    if postgres.NAME in running:
        with step("databases and roles"):
            postgres.provision(running[postgres.NAME])


def _describe(name: str, settings: Settings, running: Mapping[str, Component]) -> Component:
    return services.describe(
        name,
        settings,
        kafka=running[kafka.NAME],
        postgres=running[postgres.NAME],
        redis=running[redis.NAME],
    )


def _migrate(front: Sequence[Component]) -> None:
    for service in front:
        with step(f"{service.name} tables"):
            services.migrate(service)


def _door(settings: Settings) -> Component:
    upstreams = {name: settings.port(name) for name in services.NAMES}
    port, variable = settings.gateway_port, port_variable(gateway.NAME)
    with step("gateway installed and configured"):
        return gateway.prepare(settings.var, port=port, upstreams=upstreams, port_variable=variable)


def _tell(settings: Settings, supervisor: Supervisor, running: Collection[Component]) -> None:
    """Where everything will be; added to what was told of a stack that runs already."""
    addresses = read_environment(settings) if supervisor.running() else {}
    for program in running:
        addresses[ENVIRONMENT_NAMES[program.name]] = program.address
        if program.name == postgres.NAME:
            for role in postgres.ROLES:
                addresses[f"DATABASE_{role.upper()}"] = services.sqlalchemy_url(program.addresses[role])
    write_private(environment_file(settings), "".join(f"{name}={it}\n" for name, it in addresses.items()))


def _log(settings: Settings, name: str) -> Path:
    return settings.var / "log" / f"{name}.log"
