"""What tests use: the real thing on its own data and port, to be killed, frozen and started again."""

from pathlib import Path

from deploy.stack import debian, kafka, ports, postgres, redis
from deploy.stack.errors import PortInUse, StackError, Unavailable
from deploy.stack.process import Component, Handle

__all__ = [
    "Component",
    "Handle",
    "PortInUse",
    "StackError",
    "Unavailable",
    "chromium",
    "start_kafka",
    "start_postgres",
    "start_redis",
]


def start_kafka(state_dir: Path, port: int | None = None, *, locks: bool = False) -> Handle:
    """`address` is host:port. No topics: see `deploy.stack.topics.provision_topics`.

    With `locks` it is the broker of `make stack`: its users are in `deploy.stack.passwords.login(state_dir, …)`.
    """
    place = _place(state_dir)
    return Handle(kafka.prepare(place, port=port or ports.choose(), controller_port=ports.choose(), locks=locks))


def start_postgres(state_dir: Path, port: int | None = None) -> Handle:
    """`address` is the administrator's URL (postgresql://…/postgres), a superuser for scratch databases;
    `addresses` also has "registry", "grants" and "reporting", whose databases are there and empty."""
    handle = Handle(postgres.prepare(_place(state_dir), port=port or ports.choose()))
    try:
        postgres.provision(handle.component)
    except BaseException:
        handle.kill()
        raise
    return handle


def start_redis(state_dir: Path, port: int | None = None) -> Handle:
    """`address` is redis://host:port/0."""
    return Handle(redis.prepare(_place(state_dir), port=port or ports.choose()))


def chromium() -> Path:
    """The browser for page tests, installed when missing, with the letters it is to draw."""
    return Path(debian.program("chromium", name="chromium", package="chromium", beside=["fonts-liberation"]))


def _place(state_dir: Path) -> Path:
    place = state_dir.resolve()
    place.mkdir(parents=True, exist_ok=True)
    return place
