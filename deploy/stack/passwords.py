"""One file per user of the broker, which only its owner reads: made here, and nowhere else is a password kept."""

import secrets
from pathlib import Path

from deploy.stack.files import write_private
from shared.settings import KafkaLogin

ADMIN = "admin"
BROKER = "broker"


def folder(state_dir: Path) -> Path:
    return state_dir / "secrets" / "kafka"


def login(state_dir: Path, user: str) -> KafkaLogin:
    """Where the password is, whether it is there or not."""
    return KafkaLogin(user, folder(state_dir) / user)


def kept(state_dir: Path, user: str) -> KafkaLogin:
    """The present password, or a first one."""
    found = login(state_dir, user)
    if not found.password_file.exists():
        replace(found, generate())
    return found


def generate() -> str:
    return secrets.token_urlsafe(32)


def replace(user: KafkaLogin, password: str) -> None:
    user.password_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(user.password_file, password)
