"""One Kafka node from pinned Maven artefacts; its data outlives every restart and every change of port."""

import base64
import hashlib
import re
import shutil
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.stack import debian, ports
from deploy.stack.commands import first_complaint, last_complaint, run
from deploy.stack.console import say
from deploy.stack.errors import Unavailable
from deploy.stack.files import DEPLOY, locked, render
from deploy.stack.process import Component
from deploy.stack.settings import Settings

NAME = "kafka"
_POM = DEPLOY / NAME / "pom.xml"
_OLDEST_JAVA = 17
_MEMORY = ("-Xms256m", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
_LOGGING = f"-Dlog4j2.configurationFile={DEPLOY / NAME / 'log4j2.properties'}"


def prepare(state_dir: Path, *, port: int, controller_port: int, port_variable: str | None = None) -> Component:
    """Installs Java and Kafka where missing, writes the configuration, formats the data directory once."""
    jvm = (_java(), "-cp", f"{libraries()}/*", _LOGGING, "-Djava.awt.headless=true")
    home = state_dir / NAME
    home.mkdir(parents=True, exist_ok=True)
    properties = home / "server.properties"
    values = {"DATA": str(home / "data"), "PORT": str(port), "CONTROLLER_PORT": str(controller_port)}
    properties.write_text(render(DEPLOY / NAME / "server.properties", values))
    _format(jvm, properties, home / "data")
    address = f"{ports.LOOPBACK}:{port}"
    return Component(
        name=NAME,
        command=(*jvm, *_MEMORY, "kafka.Kafka", str(properties)),
        directory=home,
        configuration=(properties, DEPLOY / NAME / "log4j2.properties"),
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


def libraries() -> Path:
    """The folder with Kafka's jars, filled once per pom and shared by every state directory."""
    folder = Settings().kafka_libs
    if not _complete(folder):
        with locked(folder.with_name("libs.lock")):
            if not _complete(folder):
                _fetch(folder)
    return folder


def _complete(folder: Path) -> bool:
    marker = folder / ".complete"
    return marker.exists() and marker.read_text() == _pom_digest()


def _pom_digest() -> str:
    return hashlib.sha256(_POM.read_bytes()).hexdigest()


def _fetch(folder: Path) -> None:
    maven = debian.program(NAME, name="mvn", package="maven")
    say(f"fetching Kafka from Maven Central into {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}")
    run(NAME, (maven, "-B", "-q", "-f", str(_POM), *goal), patience=900, reason=first_complaint)
    (folder / ".complete").write_text(_pom_digest())  # last: without it the folder is fetched anew


def _java() -> str:
    path = shutil.which("java")
    if path is None or _java_version(path) < _OLDEST_JAVA:
        debian.install(NAME, "default-jre-headless")
        path = shutil.which("java")
    if path is None or _java_version(path) < _OLDEST_JAVA:
        raise Unavailable(NAME, f"needs Java {_OLDEST_JAVA} or newer as `java`")
    return path


def _java_version(java: str) -> int:
    said = run(NAME, (java, "-version"), patience=20)
    match = re.search(r'version "(\d+)', said)
    return int(match[1]) if match else 0


def _format(jvm: tuple[str, ...], properties: Path, data: Path) -> None:
    """Once: meta.properties is written last. `--add-scram` for the first SASL user goes here."""
    if (data / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
    options = ("format", "--config", str(properties), "--cluster-id", cluster)
    run(NAME, (*jvm, "kafka.tools.StorageTool", *options), patience=120, reason=last_complaint)
