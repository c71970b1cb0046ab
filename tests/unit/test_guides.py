"""Every command of the guides is executed by a test, or has its reason why not."""

import pytest

from deploy.stack.files import ROOT
from tests.guides import ELSEWHERE, GUIDES, NOT_EXECUTED, commands_of, other_commands_of

EXECUTED = "\n".join(commands for guide in GUIDES for commands in commands_of(guide))


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_is_executed_or_has_its_reason(guide: str) -> None:
    others = {it for it in other_commands_of(guide) if it not in EXECUTED}
    assert others - ELSEWHERE.keys() - NOT_EXECUTED.keys() == set()


def test_no_command_is_named_here_that_no_guide_has() -> None:
    found = {it for guide in GUIDES for it in other_commands_of(guide)}
    assert (ELSEWHERE.keys() | NOT_EXECUTED.keys()) - found == set()


def test_who_executes_it_is_there() -> None:
    assert [path for path in ELSEWHERE.values() if not (ROOT / path).exists()] == []
