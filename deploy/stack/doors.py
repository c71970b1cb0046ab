"""Opens and closes the broker to services and districts: a user, its rules, its password on file."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from confluent_kafka.admin import AdminClient

from deploy.stack import access, kafka, passwords, principals
from deploy.stack.errors import Unavailable
from deploy.stack.principals import Rule
from shared.settings import KafkaLogin


def open_services(bootstrap: str, state_dir: Path) -> None:
    """The passwords on file, and exactly the rules that each service needs."""
    _open(bootstrap, state_dir, {name: principals.service(name) for name in principals.SERVICES})


def open_districts(bootstrap: str, state_dir: Path, codes: Sequence[str]) -> Mapping[str, KafkaLogin]:
    """Each district's user by its code."""
    rules = {principals.district_user(code): principals.district(code) for code in codes}
    return dict(zip(codes, _open(bootstrap, state_dir, rules), strict=True))


def rotate(bootstrap: str, state_dir: Path, code: str) -> None:
    """A new password; on file only once the broker knows it, so that a failure leaves a working one on file."""
    user, password = passwords.login(state_dir, principals.district_user(code)), passwords.generate()
    access.set_passwords(_administrator(bootstrap, state_dir), {user.user: password})
    passwords.replace(user, password)
    access.await_sign_in(bootstrap, user)


def close(bootstrap: str, state_dir: Path, code: str) -> None:
    """Rules first: they end what is connected at this moment, which a missing user does not."""
    admin, user = _administrator(bootstrap, state_dir), principals.district_user(code)
    access.allow(admin, {user: ()})
    access.remove_user(admin, user)
    passwords.login(state_dir, user).password_file.unlink(missing_ok=True)


def _open(bootstrap: str, state_dir: Path, rules: Mapping[str, Collection[Rule]]) -> list[KafkaLogin]:
    admin = _administrator(bootstrap, state_dir)
    users = [passwords.kept(state_dir, user) for user in rules]
    access.set_passwords(admin, {user.user: user.password() for user in users})
    access.allow(admin, rules)
    for user in users:
        access.await_sign_in(bootstrap, user)
    return users


def _administrator(bootstrap: str, state_dir: Path) -> AdminClient:
    """Raises Unavailable at once when the broker does not answer: the client itself would try for a minute."""
    login = passwords.login(state_dir, passwords.ADMIN)
    if (silence := kafka.probe(bootstrap, login)) is not None:
        raise Unavailable(kafka.NAME, f"{silence}; start it with `make stack` or `make up`")
    return access.administrator(bootstrap, login)
