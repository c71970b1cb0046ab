"""Keycloak as a component of tests: a real identity provider with the accounts of an office."""

import functools
import hashlib
import shutil
import tarfile
import urllib.request
from pathlib import Path

from deploy.stack import debian, ports
from deploy.stack.commands import first_complaint, run
from deploy.stack.files import ROOT, locked
from deploy.stack.process import Component, Handle

NAME = "keycloak"
VERSION = "26.4.7"
REALM = Path(__file__).with_name("realm.json")
CLIENT, SECRET, PASSWORD = "berdaya", "a secret that only tests know", "kata sandi"
"""As the realm has them: siti is of the province, budi of Kabupaten Bojonegoro, tamu has no role."""

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz"
_HOME = ROOT / "var" / NAME
_SERVER = _HOME / f"keycloak-{VERSION}" / "bin" / "kc.sh"
_DATABASE = "keycloakdb.mv.db"
_PATIENCE = 240.0
"""Seconds for a start: some ten of two cores, if these have nothing else to do."""


def start_keycloak(folder: Path) -> Handle:
    """`address` is the issuer. Fetched from Maven Central where missing, and given its realm, once."""
    _install()
    shutil.copy(_HOME / _DATABASE, folder / _DATABASE)
    return Handle(_component(folder))


def _install() -> None:
    marker = _HOME / ".complete"
    edition = hashlib.sha256(VERSION.encode() + REALM.read_bytes()).hexdigest()
    with locked(ROOT / "var" / "keycloak.lock"):
        if marker.exists() and marker.read_text() == edition:
            return
        shutil.rmtree(_HOME, ignore_errors=True)
        _fetch()
        built = ("build", "--db=dev-file", "--health-enabled=false")
        run(NAME, (str(_SERVER), *built), patience=_PATIENCE, reason=first_complaint)
        place = _HOME / "first"
        place.mkdir()
        (_SERVER.parents[1] / "data" / "import").mkdir(parents=True)
        shutil.copy(REALM, _SERVER.parents[1] / "data" / "import" / REALM.name)
        Handle(_component(place, "--import-realm")).stop()
        shutil.move(place / _DATABASE, _HOME / _DATABASE)
        marker.write_text(edition)


def _fetch() -> None:
    if shutil.which("java") is None:
        debian.install(NAME, "default-jre-headless")
    maven = debian.program(NAME, name="mvn", package="maven")
    goal = (_PLUGIN, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={_HOME}")
    run(NAME, (maven, "-B", "-q", *goal), patience=900, reason=first_complaint)
    archive = _HOME / f"keycloak-quarkus-dist-{VERSION}.tar.gz"
    with tarfile.open(archive) as opened:
        opened.extractall(_HOME, filter="data")
    archive.unlink()


def _component(folder: Path, *more: str) -> Component:
    port = ports.choose()
    issuer = f"http://{ports.LOOPBACK}:{port}/realms/berdaya"
    options = (
        "--optimized",
        "--cache=local",
        "--http-enabled=true",
        f"--http-host={ports.LOOPBACK}",
        f"--http-port={port}",
        "--hostname-strict=false",
        f"--db-url=jdbc:h2:file:{folder / _DATABASE.partition('.')[0]};NON_KEYWORDS=VALUE",
    )
    return Component(
        name=NAME,
        command=(str(_SERVER), "start", *options, *more),
        directory=folder,
        log=folder / "keycloak.log",
        port=port,
        address=issuer,
        probe=functools.partial(_probe, issuer),
        environment={"JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1"},
        start_patience=_PATIENCE,
    )


def _probe(issuer: str) -> str | None:
    try:
        with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=5) as answer:
            return None if answer.status == 200 else f"{answer.status} from {issuer}"
    except OSError as error:
        return str(error)
