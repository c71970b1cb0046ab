"""One cluster, three databases, three roles: a role owns its database and cannot connect to another's."""

import json
import os
import pwd
import secrets
import shutil
import signal
from pathlib import Path
from urllib.parse import urlsplit

from deploy.stack import debian, ports, roles
from deploy.stack.commands import run, succeeds
from deploy.stack.errors import Unavailable
from deploy.stack.files import DEPLOY, write_private
from deploy.stack.process import Component

NAME = "postgres"
ADMIN = "berdaya_admin"
ROLES = ("registry", "grants", "reporting")
_USER = "postgres"  # the server refuses to run as root


def prepare(state_dir: Path, *, port: int, port_variable: str | None = None) -> Component:
    """Installs PostgreSQL where missing, makes the cluster once, writes its configuration at each start."""
    binaries = _binaries()
    home = state_dir / NAME
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)  # the server's user passes through to its data; passwords.json beside it stays closed
    passwords = _passwords(home)
    identity = _identity(home)
    data = home / "data"
    if not data.exists():
        _initdb((*identity, str(binaries / "initdb")), home, passwords[ADMIN])
    configuration = tuple(
        Path(shutil.copyfile(DEPLOY / NAME / name, data / name)) for name in ("postgresql.conf", "pg_hba.conf")
    )
    for file in configuration:
        _own(file)
    admin = _url(ADMIN, passwords[ADMIN], port, "postgres")
    return Component(
        name=NAME,
        command=(*identity, str(binaries / "postgres"), "-D", str(data), "-p", str(port)),
        directory=home,
        configuration=configuration,
        log=state_dir / "log" / "postgres.log",
        port=port,
        port_variable=port_variable,
        address=admin,
        addresses={"admin": admin} | {role: _url(role, passwords[role], port, role) for role in ROLES},
        probe=lambda: probe(admin),
        stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back, none is waited for
        stop_patience=30,
    )


def probe(url: str) -> str | None:
    """None when it answers a query."""
    if not ports.accepts(url):
        return f"nothing listens on port {ports.of(url)}"
    try:
        _psql(url, "SELECT 1;")
    except Unavailable as not_yet:
        return not_yet.why
    return None


def provision(component: Component) -> None:
    """Roles, databases and the passwords on file; safe to run again while they are in use."""
    roles.provision(component.address, {role: str(urlsplit(component.addresses[role]).password) for role in ROLES})


def _url(role: str, password: str, port: int, database: str) -> str:
    return f"postgresql://{role}:{password}@{ports.LOOPBACK}:{port}/{database}"


def _binaries() -> Path:
    found = _newest()
    if found is None:
        debian.install(NAME, "postgresql")
        found = _newest()
    if found is None:
        raise Unavailable(NAME, "package postgresql is installed but has no server")
    return found


def _newest() -> Path | None:
    """Debian keeps the server outside the PATH, one folder per major version."""
    servers = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(servers, key=lambda server: int(server.parts[-3]), default=None)
    return newest.parent if newest else None


def _passwords(home: Path) -> dict[str, str]:
    path = home / "passwords.json"
    if not path.exists():
        write_private(path, json.dumps({role: secrets.token_hex(24) for role in (ADMIN, *ROLES)}))
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _identity(home: Path) -> tuple[str, ...]:
    """A command prefix that becomes the server's user when we are root.

    Where a folder above is closed to that user (a clone under /root, a private temporary folder), the one
    capability to pass through closed folders is kept, instead of opening somebody's folder to everyone.
    """
    if os.geteuid() != 0:
        return ()
    become = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups")
    passing = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")
    for prefix in ((*become, "--inh-caps=-all"), (*become, *passing)):
        if succeeds((*prefix, "stat", f"{home}/.")):
            return prefix
    raise Unavailable(NAME, f"user {_USER} may not pass through to {home}; choose another state directory")


def _own(path: Path) -> None:
    """Given to the server's user when we are root, else ours already."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def _initdb(initdb: tuple[str, ...], home: Path, password: str) -> None:
    """Made beside its place and moved there when complete: a half-made cluster is never started."""
    unfinished, password_file = home / "data.new", home / "admin-password"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    write_private(password_file, password)
    _own(unfinished)
    _own(password_file)
    where = ("--pgdata", str(unfinished), "--username", ADMIN, "--pwfile", str(password_file))
    what = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--lc-collate=C", "--data-checksums")
    try:
        run(NAME, (*initdb, *where, *what), patience=120, directory=home)
    finally:
        password_file.unlink()
    unfinished.rename(home / "data")


def _psql(admin_url: str, sql: str) -> None:
    """psql and not a driver: it works inside and outside a running event loop."""
    it = urlsplit(admin_url)
    where = (
        "-h",
        str(it.hostname),
        "-p",
        str(it.port),
        "-U",
        str(it.username),
        "-d",
        it.path.removeprefix("/"),
    )
    how = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1")
    environment = os.environ | {"PGPASSWORD": str(it.password), "PGCONNECT_TIMEOUT": "5"}
    command = (str(_binaries() / "psql"), *how, *where)
    run(NAME, command, patience=60, environment=environment, standard_input=sql)
