"""The secrets of the containers, one file each: made once, refused when somebody put a word there that is none.

A file is readable by all in a folder that only its owner enters: the engine hands single files to containers, whose
users are not known on this machine.
"""

import secrets
from collections.abc import Iterable
from pathlib import Path

from deploy.stack import passwords, principals
from deploy.stack.errors import StackError
from services.registry.keys import NikKeys
from shared.security import LocalKey

ROLES = ("admin", *principals.SERVICES)
USERS = (passwords.ADMIN, passwords.BROKER, *principals.SERVICES)
_SHORTEST = 32
_READABLE = 0o444


def make(var: Path) -> None:
    """All that are missing; those that are there stay. Raises StackError when one of these is no secret."""
    for folder in (var / "secrets", postgres(var), passwords.folder(var), var / "keys"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    for user in USERS:
        passwords.kept(var, user)
    for role in ROLES:
        if not (path := postgres(var) / role).exists():
            path.write_text(secrets.token_hex(24))
    LocalKey.at(var / "keys")
    NikKeys.at(var / "keys")
    for path in _files(var):
        path.chmod(_READABLE)
    check(var)


def check(var: Path) -> None:
    """Raises StackError unless every secret is there, long, and no other's too.

    Room is made for the one that an identity provider gives: the engine would make a folder of a file that is missing.
    """
    require_secret(_files(var))
    (var / "secrets" / "oidc").touch(_READABLE)


def require_secret(paths: Iterable[Path]) -> None:
    """Raises StackError unless each of these is there, long, and no other's too."""
    seen: dict[str, Path] = {}
    for path in paths:
        if not path.is_file():
            raise StackError(f"no secret at {path}: `make secrets` makes what is missing")
        word = path.read_text().strip()
        if len(word) < _SHORTEST or len(set(word)) < _SHORTEST // 4:
            raise StackError(f"{path} is no secret: remove it, and `make secrets` makes one")
        if word in seen:
            raise StackError(f"{path} is the same as {seen[word]}: remove it, and `make secrets` makes another")
        seen[word] = path


def postgres(var: Path) -> Path:
    return var / "secrets" / "postgres"


def _files(var: Path) -> list[Path]:
    users = [passwords.login(var, user).password_file for user in USERS]
    return [*users, *(postgres(var) / role for role in ROLES), *_keys(var)]


def _keys(var: Path) -> list[Path]:
    return [var / "keys" / name for name in ("token-signing.jwk", "nik.key")]
