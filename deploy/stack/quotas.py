"""How fast a user may send and read: slowed down beyond it, never refused. Set by Kafka's own ConfigCommand, because
confluent-kafka cannot."""

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.stack import kafka, passwords
from deploy.stack.files import write_private
from deploy.stack.principals import SERVICES
from shared.settings import KafkaLogin

Rates = Mapping[str, float]
"""Bytes per second and broker, by Kafka's name of the quota."""

EACH_DISTRICT: Rates = {"producer_byte_rate": 2 * 1024 * 1024, "consumer_byte_rate": 4 * 1024 * 1024}
"""Of every user without rates of its own: some two thousand events a second."""
UNLIMITED: Rates = dict.fromkeys(EACH_DISTRICT, 1e12)
_DEFAULT = ""
_SAID = re.compile(r"^Quota configs for (?:the default user-principal|user-principal '(.+?)') are (.+)$", re.MULTILINE)
_COMMAND = "kafka.admin.ConfigCommand"


def provision(bootstrap: str, state_dir: Path) -> None:
    """The default for districts, and none for the services and the administrator; changes only what is not so."""
    wanted: dict[str, Rates] = {_DEFAULT: EACH_DISTRICT} | dict.fromkeys((*SERVICES, passwords.ADMIN), UNLIMITED)
    there = read(bootstrap, state_dir)
    for user, rates in wanted.items():
        if there.get(user) != rates:
            _alter(bootstrap, state_dir, user, rates)


def read(bootstrap: str, state_dir: Path) -> dict[str, Rates]:
    """By user; "" is the default of all others."""
    said = _run(bootstrap, state_dir, "--describe", "--entity-type", "users")
    return {user or _DEFAULT: _rates(rates) for user, rates in _SAID.findall(said)}


def java_properties(bootstrap: str, login: KafkaLogin) -> str:
    """How a Java client signs in."""
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return (
        f"bootstrap.servers={bootstrap}\n"
        "security.protocol=SASL_PLAINTEXT\n"
        "sasl.mechanism=SCRAM-SHA-512\n"
        f'sasl.jaas.config={module} required username="{login.user}" password="{login.password()}";\n'
    )


def _rates(said: str) -> Rates:
    return {name: float(value) for name, _, value in (each.strip().partition("=") for each in said.split(","))}


def _alter(bootstrap: str, state_dir: Path, user: str, rates: Rates) -> None:
    whom = ("--entity-name", user) if user else ("--entity-default",)
    chosen = ",".join(f"{name}={value:.0f}" for name, value in rates.items())
    _run(bootstrap, state_dir, "--alter", "--entity-type", "users", *whom, "--add-config", chosen)


def _run(bootstrap: str, state_dir: Path, *arguments: str) -> str:
    """The password goes by a file, since everyone on the machine can read a process's arguments."""
    with TemporaryDirectory(dir=passwords.folder(state_dir)) as place:
        signing_in = Path(place) / "admin.properties"
        write_private(signing_in, java_properties(bootstrap, passwords.login(state_dir, passwords.ADMIN)))
        where = ("--bootstrap-server", bootstrap, "--command-config", str(signing_in))
        return kafka.tool(_COMMAND, *where, *arguments)
