"""The secrets of the containers: made once, and refused when they are none."""

import json
import os
from pathlib import Path

import pytest

from deploy.containers import secrets
from deploy.stack.errors import StackError


def files(var: Path) -> dict[str, bytes]:
    return {str(path.relative_to(var)): path.read_bytes() for path in var.rglob("*") if path.is_file()}


def test_each_is_made_once_and_stays(tmp_path: Path) -> None:
    secrets.make(tmp_path)
    made = files(tmp_path)
    assert made.keys() == {
        *(f"secrets/kafka/{user}" for user in ("admin", "broker", "registry", "grants", "reporting")),
        *(f"secrets/postgres/{role}" for role in ("admin", "registry", "grants", "reporting")),
        "secrets/redis/default",
        "keys/token-signing.jwk",
        "keys/token-verifying.jwk",
        "keys/nik.key",
        "secrets/oidc",
    }
    assert len(set(made.values())) == len(made)
    (tmp_path / "secrets" / "postgres" / "grants").unlink()
    secrets.make(tmp_path)
    again = files(tmp_path)
    assert {name for name in made if made[name] != again[name]} == {"secrets/postgres/grants"}


def test_only_their_owner_enters_the_folders_and_containers_read_the_files(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        secrets.make(tmp_path)
    finally:
        os.umask(before)
    filled = tmp_path / "secrets" / "oidc"  # by the office
    for path in tmp_path.rglob("*"):
        right = 0o700 if path.is_dir() else 0o644 if path == filled else 0o444
        assert path.stat().st_mode & 0o777 == right, path


@pytest.mark.parametrize(
    "word",
    [
        "",
        "berdaya",
        "postgres",
        "changeme" * 4,
        "a" * 64,
        "password\n",
        "rahasia-negara-rahasia-negara-rahasia",
        "0123456789ab" * 4,
    ],
)
def test_a_default_or_weak_word_is_refused(tmp_path: Path, word: str) -> None:
    secrets.make(tmp_path)
    path = tmp_path / "secrets" / "postgres" / "registry"
    path.unlink()
    path.write_text(word)
    for refuses in (secrets.check, secrets.make):
        with pytest.raises(StackError, match="registry is no secret"):
            refuses(tmp_path)


def test_one_word_for_two_doors_is_refused(tmp_path: Path) -> None:
    secrets.make(tmp_path)
    first, second = (tmp_path / "secrets" / "kafka" / name for name in ("grants", "reporting"))
    second.unlink()
    second.write_bytes(first.read_bytes())
    with pytest.raises(StackError, match="is the same as"):
        secrets.check(tmp_path)


def test_the_public_half_of_the_token_key_follows_it_and_holds_no_secret(tmp_path: Path) -> None:
    secrets.make(tmp_path)
    signing, verifying = (tmp_path / "keys" / f"token-{what}.jwk" for what in ("signing", "verifying"))
    private, public = json.loads(signing.read_text()), json.loads(verifying.read_text())
    assert private.keys() - public.keys() == {"d"} and private["x"] == public["x"]
    signing.unlink()
    with pytest.raises(StackError, match="make secrets"):
        secrets.check(tmp_path)
    secrets.make(tmp_path)
    assert json.loads(verifying.read_text())["x"] == json.loads(signing.read_text())["x"] != private["x"]


def test_tokens_verified_by_another_key_than_they_are_signed_by_are_refused(tmp_path: Path) -> None:
    secrets.make(tmp_path / "one")
    secrets.make(tmp_path / "other")
    name = "keys/token-verifying.jwk"
    (tmp_path / "one" / name).unlink()
    (tmp_path / "one" / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(StackError, match="make secrets"):
        secrets.check(tmp_path / "one")


def test_without_secrets_it_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="make secrets"):
        secrets.check(tmp_path)
