"""One Kafka node from pinned Maven artefacts; its data outlives every restart and every change of port."""

import base64
import functools
import hashlib
import re
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import KafkaException

from deploy.stack import access, debian, passwords, ports
from deploy.stack.commands import first_complaint, last_complaint, run
from deploy.stack.console import say
from deploy.stack.errors import Unavailable
from deploy.stack.files import DEPLOY, locked, render, write_private
from deploy.stack.process import Component, Handle
from deploy.stack.settings import Settings
from shared.settings import KafkaLogin

NAME = "kafka"
_POM = DEPLOY / NAME / "pom.xml"
_OLDEST_JAVA = 17
_LOGGING = DEPLOY / NAME / "log4j2.properties"
_ARCHIVE = "classes.jsa"
_JVM_OPTIONS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-Djava.awt.headless=true",
    f"-Dlog4j2.configurationFile={_LOGGING}",
)


def prepare(
    state_dir: Path, *, port: int, controller_port: int, port_variable: str | None = None, locks: bool = True
) -> Component:
    """Installs Java and Kafka where missing, writes the configuration, formats the data directory once.

    With `locks` everyone signs in; the administrator and the broker are users from the first start on.
    """
    home = state_dir / NAME
    chosen = _Node(home, port, controller_port, passwords.folder(state_dir) if locks else None)
    return _configured(state_dir, _jvm(), chosen, port_variable)


def tool(main: str, *arguments: str) -> str:
    """What one of Kafka's own commands printed."""
    quick = ("-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={_LOGGING}")
    return run(NAME, (*_jvm(), *quick, main, *arguments), patience=120)


@dataclass(frozen=True)
class _Node:
    """`secrets` holds the passwords of a node with locks."""

    home: Path
    port: int
    controller_port: int
    secrets: Path | None
    file: str = "server.properties"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def properties(self) -> Path:
        return self.home / self.file

    def render(self) -> str:
        values = {
            "DATA": str(self.data),
            "PORT": str(self.port),
            "CONTROLLER_PORT": str(self.controller_port),
            "SECRETS": str(self.secrets),
        }
        parts = ("server.properties", "open.properties" if self.secrets is None else "locked.properties")
        return "\n".join(render(DEPLOY / NAME / part, values) for part in parts)


def _configured(state_dir: Path, jvm: tuple[str, ...], node: _Node, port_variable: str | None = None) -> Component:
    node.home.mkdir(parents=True, exist_ok=True)
    node.properties.write_text(node.render())
    admin = None if node.secrets is None else passwords.login(state_dir, passwords.ADMIN)
    if not (node.data / "meta.properties").exists():
        users = () if node.secrets is None else (passwords.ADMIN, passwords.BROKER)
        _format(jvm, node, [passwords.kept(state_dir, user) for user in users])
    elif admin is not None and not admin.password_file.exists():
        _admit(state_dir, jvm, node)
    address = f"{ports.LOOPBACK}:{node.port}"
    return Component(
        name=NAME,
        command=(*jvm, *_JVM_OPTIONS, "kafka.Kafka", str(node.properties)),
        directory=node.home,
        configuration=(node.properties, _LOGGING),
        log=state_dir / "log" / "kafka.log",
        port=node.port,
        port_variable=port_variable,
        address=address,
        probe=lambda: probe(address, admin),
        start_patience=120,
        stop_patience=30,
    )


def _admit(state_dir: Path, jvm: tuple[str, ...], node: _Node) -> None:
    """A broker of before there were users, or whose administrator's password was lost, runs once without locks, on
    ports that nobody knows and by a file of its own, which no supervisor starts again, to be given its first two users.
    On file last: until then it is done again."""
    say("Kafka gets its first users, once")
    users = [passwords.login(state_dir, user) for user in (passwords.BROKER, passwords.ADMIN)]
    fresh = {user.user: passwords.generate() for user in users}
    unlocked = replace(
        node, port=ports.choose(), controller_port=ports.choose(), secrets=None, file="admitting.properties"
    )
    with Handle(_configured(state_dir, jvm, unlocked)) as handle:
        access.set_passwords(access.administrator(handle.address, None), fresh)
    for user in users:
        passwords.replace(user, fresh[user.user])
    unlocked.properties.unlink()


def probe(address: str, login: KafkaLogin | None) -> str | None:
    """None when the broker has joined its cluster and clients are served."""
    if not ports.accepts(address):
        return f"nothing listens at {address}"
    try:
        brokers = access.administrator(address, login).list_topics(timeout=5).brokers
    except (KafkaException, OSError) as error:
        return str(error)
    return None if brokers else "the cluster has no broker yet"


def _jvm() -> tuple[str, ...]:
    java = _java()
    folder = libraries(java)
    return (java, f"-XX:SharedArchiveFile={folder / _ARCHIVE}", *_classpath(folder))


def jars() -> Path:
    """The folder with Kafka's jars, Java and they fetched where missing."""
    return libraries(_java())


def libraries(java: str) -> Path:
    """The folder with Kafka's jars, filled once per pom and Java, and shared by every state directory."""
    folder = Settings().kafka_libs
    marker = folder / ".complete"
    edition = hashlib.sha256(_POM.read_bytes() + _version(java).encode()).hexdigest()
    if _says(marker, edition):
        return folder
    with locked(folder.with_name("libs.lock")):
        if not _says(marker, edition):  # somebody else may have filled it meanwhile
            _fetch(folder)
            _archive_classes(java, folder)
            marker.write_text(edition)  # last: without it the folder is filled anew
    return folder


def _says(marker: Path, edition: str) -> bool:
    return marker.exists() and marker.read_text() == edition


def _fetch(folder: Path) -> None:
    maven = debian.program(NAME, name="mvn", package="maven")
    say(f"fetching Kafka from Maven Central into {folder}")
    unfinished = folder.with_name(folder.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={unfinished}")
    run(NAME, (maven, "-B", "-q", "-f", str(_POM), *goal), patience=900, reason=first_complaint)
    shutil.rmtree(folder, ignore_errors=True)  # only now: a broker may still run from it
    unfinished.rename(folder)


def _archive_classes(java: str, jars: Path) -> None:
    """One broker's life, so that the JVM keeps its parsed classes: every later start takes half the time."""
    say("preparing Kafka for quick starts, once")
    with TemporaryDirectory() as place:
        made = Path(place) / _ARCHIVE
        jvm = (java, f"-XX:ArchiveClassesAtExit={made}", *_classpath(jars))
        Handle(_configured(Path(place), jvm, _Node(Path(place) / NAME, ports.choose(), ports.choose(), None))).stop()
        shutil.move(made, jars / _ARCHIVE)


def _classpath(jars: Path) -> tuple[str, ...]:
    return ("-cp", f"{jars}/*")


def _java() -> str:
    path = shutil.which("java")
    if path is None or _major(path) < _OLDEST_JAVA:
        debian.install(NAME, "default-jre-headless")
        path = shutil.which("java")
    if path is None or _major(path) < _OLDEST_JAVA:
        raise Unavailable(NAME, f"needs Java {_OLDEST_JAVA} or newer as `java`")
    return path


def _major(java: str) -> int:
    match = re.search(r'version "(\d+)', _version(java))
    return int(match[1]) if match else 0


@functools.cache
def _version(java: str) -> str:
    return run(NAME, (java, "-version"), patience=20)


def _format(jvm: tuple[str, ...], node: _Node, users: Sequence[KafkaLogin]) -> None:
    """Once: meta.properties is written last. Passwords go by a file: everyone may read a process's arguments."""
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
    words = ["format", "--config", str(node.properties), "--cluster-id", cluster]
    for user in users:
        words += [
            "--add-scram",
            f"SCRAM-SHA-512=[name={user.user},iterations={access.ITERATIONS},password={user.password()}]",
        ]
    told = node.home / "format.arguments"
    write_private(told, "".join(f"{word}\n" for word in words))
    try:
        run(NAME, (*jvm, "kafka.tools.StorageTool", f"@{told}"), patience=120, reason=last_complaint)
    finally:
        told.unlink()
