"""The commands of the guides for offices and districts: which tests execute them, and why some are not."""

import re

from deploy.stack.files import ROOT

GUIDES = ("install.md", "operations.md", "districts.md")
ELSEWHERE = {
    "make stack": "tests/scenarios/test_districts.py",
    "make up WORKERS=4": "tests/containers/test_province.py",
    "BERDAYA_KAFKA_PORT=n make up": "tests/containers/stack.py",
    "BERDAYA_IMAGE=berdaya:COMMIT make up": "tests/containers/test_province.py",
    "BERDAYA_PUBLIC=https://… make district CODE=…": "tests/containers/test_province.py",
    "make sign-in ROLE=district_officer DISTRICT=3522": "tests/containers/test_province.py",
    "discard NOMOR": "tests/containers/test_province.py",
    "discard NUMBER": "tests/containers/test_province.py",
}
"""Named in a sentence or a table, and executed with values of its own."""
NOT_EXECUTED = {
    "apt-get install -y git make python3-venv curl": "who runs the tests has them",
    "git clone ALAMAT-REPOSITORI berdaya": "the tests run in a clone",
    "cd berdaya": "the tests run in a clone",
    "git pull": "it needs a newer version; all that follows it is executed",
    "pip install confluent-kafka": "the lock file has it installed",
    "BERDAYA_PUBLIC=https://… make up": "it needs a TLS server in front; what https changes is in test_sessions.py",
    "make images up": "each of the two is executed, the engine's start by the fixture `docker`",
    "make demo FULL=1": "the story goes through Kafka in tests/scenarios and tests/containers, by the same code",
}
"""With the reason why not."""

_BLOCK = re.compile(r"^```(\w*)\n(.+?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*make [a-z-].*|(?:git|pip|discard) .+")


def commands_of(guide: str) -> list[str]:
    """Those to be executed as they stand, block by block."""
    return [commands for kind, commands in _BLOCK.findall(_text(guide)) if kind == "sh"]


def other_commands_of(guide: str) -> set[str]:
    """Of blocks that are not marked as such, and of sentences and tables."""
    blocks = [line for kind, lines in _BLOCK.findall(_text(guide)) if kind != "sh" for line in lines.splitlines()]
    inline = [" ".join(it.split()) for it in re.findall(r"`([^`]+)`", _BLOCK.sub("", _text(guide)))]
    return {*blocks, *(it for it in inline if _COMMAND.fullmatch(it))}


def _text(guide: str) -> str:
    return (ROOT / "docs" / guide).read_text()
