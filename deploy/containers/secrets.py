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
from shared.security import SIGNING, VERIFYING, LocalKey

ROLES = ("admin", *principals.SERVICES)
REDIS_USER = "default"
USERS = (passwords.ADMIN, passwords.BROKER, *principals.SERVICES)
_SHORTEST = 32
_READABLE = 0o444
_FILLED = 0o644
"""By the office. The folder lets nobody else in."""


def make(var: Path) -> None:
    """All that are missing; those that are there stay. Raises StackError when one of these is no secret."""
    for folder in (var / "secrets", postgres(var), redis(var).parent, passwords.folder(var), var / "keys"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    for user in USERS:
        passwords.kept(var, user)
    for path in (*(postgres(var) / role for role in ROLES), redis(var)):
        if not path.exists():
            path.write_text(secrets.token_hex(24))
    public = LocalKey.at(var / "keys").public_text
    if not _public_is(var, public):
        (var / "keys" / VERIFYING).unlink(missing_ok=True)
        (var / "keys" / VERIFYING).write_text(public)
    NikKeys.at(var / "keys")
    for path in (*_files(var), var / "keys" / VERIFYING):
        path.chmod(_READABLE)
    check(var)


def check(var: Path) -> None:
    """Raises StackError unless every secret is there, long, and no other's too, and tokens are verified by the key
    that signs them.

    Room is made for the one that an identity provider gives: the engine would make a folder of a file that is missing.
    """
    require_secret(_files(var))
    if not _public_is(var, LocalKey.at(var / "keys").public_text):
        raise StackError(f"{var / 'keys' / VERIFYING} is not of the key beside it: `make secrets` makes it anew")
    oidc = var / "secrets" / "oidc"
    oidc.touch()
    oidc.chmod(_FILLED)


def require_secret(paths: Iterable[Path]) -> None:
    """Raises StackError unless each of these is there, long, and no other's too."""
    seen: dict[str, Path] = {}
    for path in paths:
        if not path.is_file():
            raise StackError(f"no secret at {path}: `make secrets` makes what is missing")
        word = path.read_text().strip()
        if len(word) < _SHORTEST or len(set(word)) < _SHORTEST // 4 or _is_repeated(word):
            raise StackError(f"{path} is no secret: remove it, and `make secrets` makes one")
        if word in seen:
            raise StackError(f"{path} is the same as {seen[word]}: remove it, and `make secrets` makes another")
        seen[word] = path


def _is_repeated(word: str) -> bool:
    """Whether it is a shorter one, again and again."""
    return any(word.startswith(word[period:]) for period in range(1, len(word) // 2 + 1))


def postgres(var: Path) -> Path:
    return var / "secrets" / "postgres"


def redis(var: Path) -> Path:
    return var / "secrets" / "redis" / REDIS_USER


def _files(var: Path) -> list[Path]:
    users = [passwords.login(var, user).password_file for user in USERS]
    keys = [var / "keys" / name for name in (SIGNING, "nik.key")]
    return [*users, *(postgres(var) / role for role in ROLES), redis(var), *keys]


def _public_is(var: Path, public: str) -> bool:
    path = var / "keys" / VERIFYING
    return path.exists() and path.read_text() == public
