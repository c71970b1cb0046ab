"""Brings the broker's users and access rules to what they should be; safe to run again, and proven before it ends."""

import time
from collections.abc import Callable, Collection, Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it offers them, without saying so in types
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from deploy.stack.errors import Unavailable
from deploy.stack.principals import Rule
from shared.settings import KafkaLogin

ITERATIONS = 8192
_PATIENCE = 60.0
_SPREADS = 20.0  # from the controller to the broker it is milliseconds
_KIND = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}
_DOES = {"read": AclOperation.READ, "write": AclOperation.WRITE}


def client_settings(bootstrap: str, login: KafkaLogin | None) -> dict[str, str | int | float | bool]:
    """For a client of confluent-kafka."""
    settings: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, "log_level": 0}
    if login is not None:
        settings |= {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": login.user,
            "sasl.password": login.password(),
        }
    return settings


def administrator(bootstrap: str, login: KafkaLogin | None) -> AdminClient:
    return AdminClient(client_settings(bootstrap, login))


def set_passwords(admin: AdminClient, passwords: Mapping[str, str]) -> None:
    """Makes each user who is missing. A connection that is open lives on with the old password, for an hour at most."""
    if not passwords:
        return
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    wanted: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(user, scram, password.encode()) for user, password in passwords.items()
    ]
    for future in admin.alter_user_scram_credentials(wanted, request_timeout=_PATIENCE).values():
        future.result()


def remove_user(admin: AdminClient, user: str) -> None:
    """Also one who is not there."""
    gone = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
    try:
        admin.alter_user_scram_credentials([gone], request_timeout=_PATIENCE)[user].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.RESOURCE_NOT_FOUND:
            raise


def allow(admin: AdminClient, rules: Mapping[str, Collection[Rule]]) -> None:
    """Leaves each user named with exactly these rules, and returns when the broker goes by them."""
    there = {user: _bindings(admin, user) for user in rules}
    wanted = {user: {_binding(user, rule) for rule in chosen} for user, chosen in rules.items()}
    missing = [binding for user in rules for binding in wanted[user] - there[user]]
    surplus = [binding for user in rules for binding in there[user] - wanted[user]]
    if missing:
        for made in admin.create_acls(missing, request_timeout=_PATIENCE).values():
            made.result()
    if surplus:
        for gone in admin.delete_acls([_exactly(it) for it in surplus], request_timeout=_PATIENCE).values():
            gone.result()
    changed = {binding.principal.removeprefix("User:") for binding in (*missing, *surplus)}
    _until(lambda: all(_bindings(admin, user) == wanted[user] for user in changed), "does not go by its rules")


def await_sign_in(bootstrap: str, login: KafkaLogin) -> None:
    """Returns when the broker knows the user by this password."""
    _until(lambda: _signs_in(bootstrap, login), f"does not let {login.user} sign in")


def _signs_in(bootstrap: str, login: KafkaLogin) -> bool:
    try:
        administrator(bootstrap, login).list_topics(timeout=2)
    except KafkaException:
        return False
    return True


def _until(what: Callable[[], bool], else_: str) -> None:
    deadline = time.monotonic() + _SPREADS
    while not what():
        if time.monotonic() > deadline:
            raise Unavailable("kafka", f"the broker {else_} after {_SPREADS:.0f} s")
        time.sleep(0.05)


def _bindings(admin: AdminClient, user: str) -> set[AclBinding]:
    everything = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]  # any
        ResourcePatternType.ANY,
        f"User:{user}",
        None,  # type: ignore[arg-type]  # any
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    return set(admin.describe_acls(everything, request_timeout=_PATIENCE).result())


def _binding(user: str, rule: Rule) -> AclBinding:
    return AclBinding(
        _KIND[rule.kind],
        rule.name,
        ResourcePatternType.PREFIXED if rule.prefixed else ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        _DOES[rule.does],
        AclPermissionType.ALLOW,
    )


def _exactly(it: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        it.restype, it.name, it.resource_pattern_type, it.principal, it.host, it.operation, it.permission_type
    )
