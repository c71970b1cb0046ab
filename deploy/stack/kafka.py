"""One Kafka node from pinned Maven artefacts; its data outlives every restart and every change of port."""

import base64
import functools
import hashlib
import re
import shutil
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.stack import debian, ports
from deploy.stack.commands import first_complaint, last_complaint, run
from deploy.stack.console import say
from deploy.stack.errors import Unavailable
from deploy.stack.files import DEPLOY, locked, render
from deploy.stack.process import Component, Handle
from deploy.stack.settings import Settings

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


def prepare(state_dir: Path, *, port: int, controller_port: int, port_variable: str | None = None) -> Component:
    """Installs Java and Kafka where missing, writes the configuration, formats the data directory once."""
    java = _java()
    jars = libraries(java)
    jvm = (java, f"-XX:SharedArchiveFile={jars / _ARCHIVE}", *_classpath(jars))
    return _configured(state_dir, jvm, port=port, controller_port=controller_port, port_variable=port_variable)


def _configured(
    state_dir: Path, jvm: tuple[str, ...], *, port: int, controller_port: int, port_variable: str | None = None
) -> Component:
    home = state_dir / NAME
    home.mkdir(parents=True, exist_ok=True)
    properties = home / "server.properties"
    values = {"DATA": str(home / "data"), "PORT": str(port), "CONTROLLER_PORT": str(controller_port)}
    properties.write_text(render(DEPLOY / NAME / "server.properties", values))
    _format(jvm, properties, home / "data")
    address = f"{ports.LOOPBACK}:{port}"
    return Component(
        name=NAME,
        command=(*jvm, *_JVM_OPTIONS, "kafka.Kafka", str(properties)),
        directory=home,
        configuration=(properties, _LOGGING),
        log=state_dir / "log" / "kafka.log",
        port=port,
        port_variable=port_variable,
        address=address,
        probe=lambda: probe(address),
        start_patience=120,
        stop_patience=30,
    )


def probe(address: str) -> str | None:
    """None when the broker has joined its cluster and clients are served."""
    if not ports.accepts(ports.of(address)):
        return f"nothing listens at {address}"
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    try:
        brokers = admin.list_topics(timeout=5).brokers
    except KafkaException as error:
        return str(error)
    return None if brokers else "the cluster has no broker yet"


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
        Handle(_configured(Path(place), jvm, port=ports.choose(), controller_port=ports.choose())).stop()
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


def _format(jvm: tuple[str, ...], properties: Path, data: Path) -> None:
    """Once: meta.properties is written last. `--add-scram` for the first SASL user goes here."""
    if (data / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
    options = ("format", "--config", str(properties), "--cluster-id", cluster)
    run(NAME, (*jvm, "kafka.tools.StorageTool", *options), patience=120, reason=last_complaint)
