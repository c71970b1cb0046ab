"""The real components, started at first use and shared by the session; where one cannot be had, a skip that says why.

An address in the environment (BERDAYA_TEST_KAFKA, BERDAYA_TEST_POSTGRES, BERDAYA_TEST_REDIS) is used as it is. A
component named in REQUIRE (`REQUIRE=kafka,postgres,redis,keycloak,chromium,engine`) fails the tests that need it
instead of skipping.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from deploy.containers import engine, images
from deploy.stack.errors import StackError
from tests import runs
from tests.components import Started, by_process, start, way

_told: dict[str, str] = {}


class Components:
    def __init__(self, folder: pytest.TempPathFactory, prepare: Callable[[], None]) -> None:
        """`prepare` brings up what containers need."""
        self._folder = folder
        self._prepare = prepare
        self._handles: dict[str, Started] = {}
        self._missing: dict[str, str] = {}

    def address(self, name: str) -> str:
        """Where the component answers: Kafka host:port, PostgreSQL the administrator's URL, Redis a URL, Keycloak the
        issuer.

        Skips the test when it cannot be had, or fails it when it is required.
        """
        given = os.environ.get(f"BERDAYA_TEST_{name.upper()}")
        if given:
            _told[name] = "real, at the address given"
            return given
        if name not in self._handles and name not in self._missing:
            self._start(name)
        if name in self._missing:
            absent(name, self._missing[name])
        return self._handles[name].address

    def stop(self) -> None:
        for handle in self._handles.values():
            handle.stop()

    def _start(self, name: str) -> None:
        try:
            if not by_process(name):
                self._prepare()
            self._handles[name] = start(name, self._folder.mktemp(name))
            _told[name] = "real, a process of its own" if by_process(name) else "real, a container"
        except StackError as error:
            self._missing[name] = str(error)


def absent(name: str, why: str) -> None:
    """Skip this test because a component is missing, or fail it where the component is required."""
    _told[name] = f"missing: {why}"
    if name in os.environ.get("REQUIRE", "").split(","):
        pytest.fail(f"{name} is required and cannot be had: {why}", pytrace=False)
    pytest.skip(f"{name} cannot be had: {why}")


def present(name: str, what: str) -> None:
    """Say in the closing report what a component was."""
    _told[name] = what


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A container engine that answers; one that was brought up for these tests, or others that died, ends with them."""
    os.environ[runs.VARIABLE] = runs.this()
    try:
        pid = engine.bring_up(tmp_path_factory.mktemp("engine"))
    except StackError as error:
        absent("engine", str(error))
    if pid is None and (left := engine.process()) and runs.of_a_dead_run(left):
        pid = left
    runs.remove_leftovers()
    present("engine", "real, already running" if pid is None else "real, a process of its own")
    yield
    if pid is not None:
        engine.take_down(pid)


@pytest.fixture(scope="session")
def components(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Components]:
    if way() == "containers":
        request.getfixturevalue("docker")  # first, so that it ends after what runs in it
    found = Components(tmp_path_factory, images.make_components)
    yield found
    found.stop()


def pytest_configure() -> None:
    way()


@pytest.fixture
def kafka(components: Components) -> str:
    """host:port of a real Kafka. Topics and groups are shared by the session: give yours names of their own."""
    return components.address("kafka")


@pytest.fixture
def postgres(components: Components) -> str:
    """The administrator's URL of a real PostgreSQL, for scratch databases."""
    return components.address("postgres")


@pytest.fixture
def redis_url(components: Components) -> str:
    """A real, shared Redis."""
    return components.address("redis")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("components")
    for name in ("kafka", "postgres", "redis", "keycloak", "chromium", "engine"):
        terminalreporter.line(f"{name:9} {_told.get(name, 'not used by the tests chosen')}")
