"""A district's own door: its user, topics and rules on the broker, and a folder to hand over with working examples."""

import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from deploy.stack import doors, gateway, kafka, passwords, principals, quotas, topics
from deploy.stack.bringup import ENVIRONMENT_NAMES, read_environment
from deploy.stack.errors import StackError
from deploy.stack.files import DEPLOY, ROOT, render, write_private
from deploy.stack.settings import Settings
from shared.database import now
from shared.events.districts import DISTRICTS
from shared.security import LocalKey, Role
from shared.settings import KafkaLogin
from shared.settings import Settings as ServiceSettings

TOKEN_HOURS = 12
"""A token cannot be called back, so it is short; a new one comes with each `make district`."""
_MIB = 1024 * 1024
_SECRET = ("client.properties", "java.properties", "token")
_EXAMPLES = ("README.md", "contoh.json", "kirim.py", "kirim.sh")


def open_door(settings: Settings, code: str, *, new_password: bool = False) -> Path:
    """Safe to run again: what is there stays, the folder is written anew. Returns the folder."""
    bootstrap, front = _addresses(settings, code)
    login = doors.open_districts(bootstrap, settings.var, [code])[code]
    topics.provision_topics(bootstrap, [code], login=passwords.login(settings.var, passwords.ADMIN))
    if new_password:
        doors.rotate(bootstrap, settings.var, code)
    return _write(settings, code, bootstrap=bootstrap, front=front, login=login)


def close_door(settings: Settings, code: str) -> Path:
    """No user and no rule is left, nor a secret in the folder; the topics and all that is in them stay."""
    bootstrap, _ = _addresses(settings, code)
    doors.close(bootstrap, settings.var, code)
    folder = _folder(settings, code)
    for name in _SECRET:
        (folder / name).unlink(missing_ok=True)
    return folder


def _addresses(settings: Settings, code: str) -> tuple[str, str]:
    """Of the broker and of the gateway. Raises StackError when there is no such district or no stack."""
    if code not in DISTRICTS:
        raise StackError(f"no district {code}: the code has four digits, e.g. CODE=3522")
    addresses = read_environment(settings)
    try:
        bootstrap, front = addresses[ENVIRONMENT_NAMES[kafka.NAME]], addresses[ENVIRONMENT_NAMES[gateway.NAME]]
    except KeyError:
        raise StackError(f"no stack in {settings.var}: start it with `make stack` or `make up`") from None
    return bootstrap, settings.public.rstrip("/") or front


def _folder(settings: Settings, code: str) -> Path:
    return settings.var / "districts" / code


def _write(settings: Settings, code: str, *, bootstrap: str, front: str, login: KafkaLogin) -> Path:
    folder = _folder(settings, code)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = now()
    write_private(folder / "client.properties", _librdkafka_properties(bootstrap, login))
    write_private(folder / "java.properties", _java_properties(bootstrap, login))
    write_private(folder / "token", _token(settings, code))
    values = _values(code, front, made)
    for name in _EXAMPLES:
        (folder / name).write_text(render(DEPLOY / "district" / name, values))
    shutil.copyfile(ROOT / "docs" / "events" / "README.md", folder / "PERISTIWA.md")
    return folder


def _values(code: str, front: str, made: datetime) -> Mapping[str, str]:
    rates = quotas.EACH_DISTRICT
    return {
        "CODE": code,
        "TITLE": DISTRICTS[code].title,
        "GATEWAY": front,
        "MOMENT": f"{made:%Y%m%d%H%M%S}",
        "TIME": made.isoformat(),
        "EXPIRES": f"{made + timedelta(hours=TOKEN_HOURS):%Y-%m-%d %H:%M} UTC",
        "PRODUCE": f"{rates['producer_byte_rate'] / _MIB:.0f}",
        "CONSUME": f"{rates['consumer_byte_rate'] / _MIB:.0f}",
    }


def _librdkafka_properties(bootstrap: str, login: KafkaLogin) -> str:
    return (
        f"bootstrap.servers={bootstrap}\n"
        "security.protocol=SASL_PLAINTEXT\n"
        "sasl.mechanism=SCRAM-SHA-512\n"
        f"sasl.username={login.user}\n"
        f"sasl.password={login.password()}\n"
    )


def _java_properties(bootstrap: str, login: KafkaLogin) -> str:
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return (
        f"bootstrap.servers={bootstrap}\n"
        "security.protocol=SASL_PLAINTEXT\n"
        "sasl.mechanism=SCRAM-SHA-512\n"
        f'sasl.jaas.config={module} required username="{login.user}" password="{login.password()}";\n'
    )


def _token(settings: Settings, code: str) -> str:
    service = ServiceSettings(service="registry", var=settings.var)
    return LocalKey.at(service.keys).sign(
        sub=principals.district_user(code),
        role=Role.district_system,
        district=code,
        issuer=service.issuer,
        audience=service.audience,
        seconds=TOKEN_HOURS * 3600,
    )
