"""The images: the official ones where a registry can be reached, else compatible ones made of Debian's packages.

An image that was made here carries the digest of all it was made of: the same again costs nothing.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.containers.engine import NAME, docker
from deploy.stack import debian, kafka
from deploy.stack.commands import first_complaint, run, succeeds
from deploy.stack.console import say, step
from deploy.stack.errors import Unavailable
from deploy.stack.files import DEPLOY, ROOT

DEBIAN = "debian:bookworm-slim"
PYTHON = "python:3.11-slim-bookworm"
KAFKA = "apache/kafka:4.3.1"
POSTGRES = "postgres:15"
REDIS = "redis:7.0"
NGINX = "nginx:1.22"
SERVICES = "berdaya"
_FOLDER = {PYTHON: "python", KAFKA: "kafka", POSTGRES: "postgres", REDIS: "redis", NGINX: "nginx"}
OFFICIAL = tuple(_FOLDER)

_LABEL = "id.berdaya.made-of"
_MIRROR = "http://deb.debian.org/debian"
_RELEASE = "bookworm"
_PULL_PATIENCE = 600.0
_BUILD_PATIENCE = 1200.0
_PYTHON_VERSION = "3.11"
_GLIBC = ("2_17", "2_28", "2_34")
_LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)
_SOURCES = f"""\
deb {_MIRROR} {_RELEASE} main
deb {_MIRROR} {_RELEASE}-updates main
deb {_MIRROR}-security {_RELEASE}-security main
"""


def make(work: Path) -> None:
    """All images, in this engine. `work` is a folder for what is fetched for them. Raises Unavailable."""
    work.mkdir(parents=True, exist_ok=True)
    make_components()
    with step(f"{SERVICES} made"):
        _make_services(work)


def make_components() -> None:
    """All but that of the services. Raises Unavailable."""
    missing = [image for image in OFFICIAL if not _is_official(image)]
    if not all(map(has, missing)):  # else they were made here before, where no registry answered
        while missing and _pulled(missing[0]):
            missing.pop(0)
    if missing:
        with step(f"{DEBIAN} made"):
            _make_debian()
        for image in missing:
            with step(f"{image} made"):
                _make_compatible(image)


def version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: str = tomllib.load(file)["project"]["version"]
    return found


def source_version() -> str:
    """Of the working tree, with a mark when it has changes; `unknown` outside a repository."""
    if shutil.which("git") is None:
        return "unknown"
    done = subprocess.run(
        ("git", "describe", "--always", "--dirty", "--abbrev=12"),  # noqa: S607 - the one on the PATH is meant
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def has(image: str) -> bool:
    return succeeds(("docker", "image", "inspect", image))


@dataclass(frozen=True)
class _Made:
    """An image by Dockerfile. `of` is all that goes into it."""

    image: str
    of: Iterable[Path]
    words: str = ""

    @property
    def digest(self) -> str:
        found = hashlib.sha256(self.words.encode())
        for path in sorted(self.of):
            found.update(str(path.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return found.hexdigest()

    def is_there(self) -> bool:
        return _label(self.image) == self.digest

    def build(self, context: Path, *arguments: str) -> None:
        command = (
            "docker",
            "build",
            "-q",
            "-t",
            self.image,
            "--label",
            f"{_LABEL}={self.digest}",
            *arguments,
            str(context),
        )
        environment = os.environ | {"DOCKER_BUILDKIT": "0"}  # the one builder that every engine and client has
        run(NAME, command, patience=_BUILD_PATIENCE, environment=environment, reason=first_complaint)


def _label(image: str) -> str | None:
    """What an image was made of: None where there is none, "" where it was not made here."""
    template = f'{{{{index .Config.Labels "{_LABEL}"}}}}'
    if not has(image):
        return None
    return docker("image", "inspect", "--format", template, image).strip().replace("<no value>", "")


def _is_official(image: str) -> bool:
    return _label(image) == ""


def _pulled(image: str) -> bool:
    """False where no registry has it for us."""
    try:
        docker("pull", "-q", image, patience=_PULL_PATIENCE)
    except Unavailable as error:
        say(f"{image} cannot be pulled, and is made here of packages ({error.why})")
        return False
    say(f"ok  {image} pulled")
    return True


def _make_debian() -> None:
    """The smallest Debian, by debootstrap: what the official image has, without documentation."""
    made = hashlib.sha256(f"{_SOURCES} {_LEFT_OUT}".encode()).hexdigest()
    if _label(DEBIAN) in ("", made):
        return
    debootstrap = debian.program(NAME, name="debootstrap", package="debootstrap")
    if os.geteuid() != 0:
        raise Unavailable(NAME, "no registry answers, and only root can make base images")
    with TemporaryDirectory() as place:
        root = Path(place) / "root"
        command = (debootstrap, "--variant=minbase", "--include=ca-certificates", _RELEASE, str(root), _MIRROR)
        run(NAME, command, patience=_BUILD_PATIENCE, reason=first_complaint)
        for name in _LEFT_OUT:
            shutil.rmtree(root / name)
            (root / name).mkdir()
        (root / "usr/share/man/man1").mkdir()  # Java's package counts on it
        exclude = "".join(f"path-exclude=/{name}/*\n" for name in _LEFT_OUT if name.startswith("usr"))
        (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(exclude)
        (root / "etc/apt/sources.list").write_text(_SOURCES)
        archive = Path(place) / "root.tar"
        run(NAME, ("tar", "-C", str(root), "-cf", str(archive), "."), patience=300)
        docker("import", "--change", 'CMD ["bash"]', "--change", f"LABEL {_LABEL}={made}", str(archive), DEBIAN)


def _make_compatible(image: str) -> None:
    folder = DEPLOY / "images" / _FOLDER[image]
    of = [path for path in folder.iterdir() if path.is_file()]
    if image == KAFKA:
        of.append(DEPLOY / "kafka" / "pom.xml")
    made = _Made(image, of, words=docker("image", "inspect", "--format", "{{.Id}}", DEBIAN))
    if made.is_there():
        return
    with TemporaryDirectory() as place:
        context = Path(place) / "context"
        shutil.copytree(folder, context)
        if image == KAFKA:
            shutil.copytree(kafka.jars(), context / "libs", ignore=shutil.ignore_patterns("*.jsa", ".*"))
        made.build(context)


def _make_services(work: Path) -> None:
    lock = ROOT / "requirements-image.lock"
    sources = [path for top in ("shared", "services") for path in (ROOT / top).rglob("*") if path.is_file()]
    sources += [path for top in ("stack", "containers") for path in (DEPLOY / top).glob("*.py")]
    of = [path for path in sources if "__pycache__" not in path.parts]
    commit, base = source_version(), docker("image", "inspect", "--format", "{{.Id}}", PYTHON)
    made = _Made(SERVICES, [*of, lock, ROOT / "Dockerfile", ROOT / ".dockerignore"], words=f"{commit} {base}")
    if not made.is_there():
        _fetch_wheels(lock, work / "wheels")
        made.build(ROOT, "--build-arg", f"VERSION={version()}", "--build-arg", f"COMMIT={commit}")
    docker("tag", SERVICES, f"{SERVICES}:{commit}")


def _fetch_wheels(lock: Path, folder: Path) -> None:
    """Of the lock file, with its hashes, by this machine's own way to its package index; nothing is left of others."""
    marker, edition = folder / ".lock", hashlib.sha256(lock.read_bytes()).hexdigest()
    if marker.exists() and marker.read_text() == edition:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    machine = platform.machine()
    platforms = [f"--platform=manylinux_{glibc}_{machine}" for glibc in _GLIBC] + [
        f"--platform=manylinux2014_{machine}"
    ]
    how = ("--quiet", "--require-hashes", "--only-binary=:all:", f"--python-version={_PYTHON_VERSION}", *platforms)
    command = (sys.executable, "-m", "pip", "download", *how, "-r", str(lock), "-d", str(folder))
    run(NAME, command, patience=_BUILD_PATIENCE, reason=first_complaint)
    marker.write_text(edition)
