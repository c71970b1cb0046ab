"""python -m deploy.containers.provision: topics, users, rules, rates, databases and roles, from inside a container.

Safe to run again; it runs at each start, and what it brings about is what the code says, whatever was there.
"""

import sys
from pathlib import Path
from urllib.parse import quote

from deploy.containers import secrets
from deploy.stack import doors, passwords, principals, quotas, roles, topics
from deploy.stack.console import step
from deploy.stack.errors import StackError
from shared.events.districts import DISTRICTS

_KAFKA = "kafka:9092"
_POSTGRES = "postgresql://berdaya_admin:{password}@postgres:5432/postgres"
_STATE = Path("/var/lib/berdaya")


def main() -> None:
    try:
        _provision(_STATE)
    except StackError as error:
        sys.exit(f"error: {error}")


def _provision(state: Path) -> None:
    # Also where docker-compose was started by hand, past the check of `make up`: nothing starts before this has ended.
    secrets.require_secret([*secrets.postgres(state).iterdir(), *passwords.folder(state).iterdir()])
    words = {path.name: path.read_text().strip() for path in secrets.postgres(state).iterdir()}
    with step("databases and roles"):
        admin = _POSTGRES.format(password=quote(words["admin"], safe=""))
        roles.provision(admin, {name: words[name] for name in principals.SERVICES})
    with step(f"topics for {len(DISTRICTS)} districts"):
        topics.provision_topics(_KAFKA, DISTRICTS, login=passwords.login(state, passwords.ADMIN))
    with step("users, rules and rates of the services"):
        doors.open_services(_KAFKA, state)
        quotas.provision(_KAFKA, state)


if __name__ == "__main__":
    main()
