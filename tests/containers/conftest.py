"""One stack on a container engine, installed by the guide's own commands."""

from collections.abc import Iterator

import pytest

from tests.containers.stack import Stack
from tests.guides import NOT_EXECUTED, commands_of


@pytest.fixture(scope="package")
def stack(docker: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """After docs/install.md."""
    found = Stack(tmp_path_factory.mktemp("installed"))
    try:
        for commands in commands_of("install.md"):
            said = found.done(commands)
        assert '"no_consent"' in said, said
        yield found
    finally:
        found.compose.do("down", "-v", "-t", "2")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("commands of the guides that no test executes")
    for command, reason in NOT_EXECUTED.items():
        terminalreporter.line(f"{command}: {reason}")
