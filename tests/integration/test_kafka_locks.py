"""What the locked broker refuses, asked for by real clients, and what it lets pass. Nothing refused leaves a trace."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it offers them, without saying so in types
    AclBinding,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from deploy.stack import doors, kafka, passwords, quotas
from deploy.stack.components import StackError, Unavailable, start_kafka
from deploy.stack.files import write_private
from deploy.stack.process import family
from deploy.stack.topics import provision_topics
from services.registry.tables import METADATA
from shared.database import Database
from shared.events.district import BeneficiaryRecorded, Consent, Ppks, Sex, Status
from shared.events.envelope import Outgoing
from shared.kafka import KafkaLog
from shared.log import LogUnavailable
from shared.migrate import upgrade
from shared.settings import KafkaLogin
from tests.conftest import absent, present
from tests.helpers import from_district
from tests.locked import PATIENCE, Client, Locked, refused
from tests.scenarios.processes import Service

A, B = "3522", "3578"
SERVICES = ("registry", "grants", "reporting")
TOPICS = (
    *(f"intake.{name}.{code}" for name in SERVICES for code in (A, B)),
    *(f"facts.{name}" for name in SERVICES),
    f"receipts.{A}",
    f"receipts.{B}",
)
NO_TOPIC = KafkaError.TOPIC_AUTHORIZATION_FAILED
NO_GROUP = KafkaError.GROUP_AUTHORIZATION_FAILED
NO_CLUSTER = KafkaError.CLUSTER_AUTHORIZATION_FAILED
OWN_GROUP = f"district-{A}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    place = tmp_path_factory.mktemp("locked")
    try:
        handle = start_kafka(place, locks=True)
    except StackError as error:
        absent("kafka", str(error))
    present("kafka", "real, a process of its own")
    with handle:
        found = Locked(handle, place)
        found.open([A, B])
        admin = found.as_(passwords.ADMIN)
        for topic in TOPICS:  # so that whoever may read gets something
            assert admin.write(topic, b"of before") is None
        yield found


@pytest.fixture
def a(broker: Locked) -> Iterator[Client]:
    """The client of a district. Whatever a test lets it try, no topic changes."""
    before = broker.ends()
    yield broker.as_(f"district-{A}")
    assert broker.ends() == before


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("topic", sorted(set(TOPICS) - {f"intake.{name}.{A}" for name in SERVICES}))
def test_a_district_writes_nowhere_but_to_its_own_intake(a: Client, topic: str, idempotent: bool) -> None:
    assert a.write(topic, settings={"enable.idempotence": idempotent}) == NO_TOPIC


@pytest.mark.parametrize("topic", sorted(set(TOPICS) - {f"receipts.{A}"}))
def test_a_district_reads_neither_intake_nor_facts_nor_what_another_was_answered(a: Client, topic: str) -> None:
    assert a.read(topic, OWN_GROUP) == NO_TOPIC


def test_a_district_sees_its_own_topics_alone(a: Client) -> None:
    assert a.topics() == {*(f"intake.{name}.{A}" for name in SERVICES), f"receipts.{A}"}


@pytest.mark.parametrize("group", ["registry", f"district-{B}", "anything"])
def test_a_district_reads_its_receipts_in_a_group_of_its_own_only(a: Client, group: str) -> None:
    assert a.read(f"receipts.{A}", group) == NO_GROUP


@pytest.mark.parametrize("group", [OWN_GROUP, f"{OWN_GROUP}-second-system"])
def test_a_district_reads_its_receipts(a: Client, group: str) -> None:
    assert a.find(f"receipts.{A}", group, b"") == b"of before"


def test_a_district_learns_nothing_of_the_groups_of_others(broker: Locked, a: Client) -> None:
    assert broker.as_(f"district-{B}").find(f"receipts.{B}", f"district-{B}", b"") == b"of before"
    admin = a.admin
    listed = admin.list_consumer_groups(request_timeout=PATIENCE).result()
    assert [group.group_id for group in listed.valid if not group.group_id.startswith(OWN_GROUP)] == []
    asked = admin.describe_consumer_groups([f"district-{B}"], request_timeout=PATIENCE)[f"district-{B}"]
    assert refused(asked.result) == NO_GROUP
    asked = admin.delete_consumer_groups([f"district-{B}"], request_timeout=PATIENCE)[f"district-{B}"]
    assert refused(asked.result) == NO_GROUP


def test_a_district_makes_deletes_and_empties_no_topic(broker: Locked, a: Client) -> None:
    before = broker.as_(passwords.ADMIN).topics()
    admin = a.admin
    made = admin.create_topics([NewTopic(f"intake.registry.{A}9", 1, 1)], request_timeout=PATIENCE)
    deleted = admin.delete_topics([f"intake.registry.{A}"], request_timeout=PATIENCE)
    emptied = admin.delete_records([TopicPartition(f"receipts.{A}", 0, 1)], request_timeout=PATIENCE)
    futures = (*made.values(), *deleted.values(), *emptied.values())
    assert [refused(future.result) for future in futures] == [NO_TOPIC] * 3
    assert a.write("a topic that nobody made") in (NO_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert broker.as_(passwords.ADMIN).topics() == before


def test_not_even_the_administrator_makes_a_topic_by_writing_to_it(broker: Locked) -> None:
    admin = broker.as_(passwords.ADMIN)
    wrote = admin.write("intake.registry.misspelt", settings={"message.timeout.ms": 3000})
    assert wrote in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._MSG_TIMED_OUT)
    assert "intake.registry.misspelt" not in admin.topics()


def test_a_district_gives_itself_no_rights_and_nobody_a_password(a: Client) -> None:
    everything = AclBinding(
        ResourceType.TOPIC,
        "facts.",
        ResourcePatternType.PREFIXED,
        f"User:district-{A}",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    admin = a.admin
    rights = admin.create_acls([everything], request_timeout=PATIENCE)
    words = admin.alter_user_scram_credentials(
        [UserScramCredentialUpsertion("registry", scram, b"known to me")], request_timeout=PATIENCE
    )
    assert [refused(future.result) for future in (*rights.values(), *words.values())] == [NO_CLUSTER, NO_CLUSTER]


def test_a_district_uses_no_transactions(a: Client) -> None:
    producer = Producer({**a.settings, "transactional.id": f"district-{A}"})
    assert refused(lambda: producer.init_transactions(PATIENCE)) == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


@pytest.mark.parametrize(
    ("service", "topic"),
    [
        ("grants", f"intake.registry.{A}"),
        ("reporting", f"intake.registry.{A}"),
        ("grants", f"intake.reporting.{A}"),
        ("registry", f"intake.grants.{A}"),
        ("registry", "facts.reporting"),
        ("grants", "facts.reporting"),
        ("reporting", f"receipts.{A}"),
    ],
)
def test_a_service_reads_what_it_uses_and_nothing_else(broker: Locked, service: str, topic: str) -> None:
    assert broker.as_(service).read(topic, service) == NO_TOPIC


@pytest.mark.parametrize(
    ("service", "topic"),
    [("grants", f"intake.registry.{A}"), ("grants", "facts.registry"), ("reporting", "facts.grants")],
)
def test_a_service_writes_neither_anothers_facts_nor_its_intake(broker: Locked, service: str, topic: str) -> None:
    before = broker.ends()
    assert broker.as_(service).write(topic) == NO_TOPIC
    assert broker.ends() == before


def test_a_wrong_password_a_stranger_and_one_who_does_not_sign_in_stay_outside(broker: Locked) -> None:
    right = broker.as_(f"district-{A}")
    assert right.signs_in()
    assert not Client({**right.settings, "sasl.password": "wrong"}).signs_in()
    assert not Client({**right.settings, "sasl.username": f"district-{B}"}).signs_in()
    assert not Client({**right.settings, "sasl.username": "nobody"}).signs_in()
    assert not Client({**right.settings, "sasl.mechanism": "PLAIN"}).signs_in()
    anonymous = Client({"bootstrap.servers": broker.address, "log_level": 0})
    assert refused(lambda: anonymous.admin.list_topics(timeout=3)) == KafkaError._TRANSPORT


def test_the_controllers_door_knows_the_broker_alone(broker: Locked, tmp_path: Path) -> None:
    words = broker.login(passwords.BROKER).password()
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    right = f'sasl.jaas.config={module} required username="broker" password="{words}";'
    plain = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN"
    assert "configs for broker 1" in _ask_controller(broker, tmp_path, plain, right)
    for wrong in ((plain, right.replace(words, "wrong")), (plain, right.replace("broker", "admin")), ()):
        with pytest.raises(Unavailable):
            _ask_controller(broker, tmp_path, *wrong)


def _ask_controller(broker: Locked, folder: Path, *signing_in: str) -> str:
    properties = (broker.state_dir / "kafka" / "server.properties").read_text()
    listeners = next(line for line in properties.splitlines() if line.startswith("listeners="))
    how = folder / "client.properties"
    how.write_text("\n".join((*signing_in, "default.api.timeout.ms=4000", "request.timeout.ms=3000")))
    where = ("--bootstrap-controller", listeners.rpartition("//")[2], "--command-config", str(how))
    return kafka.tool(
        "kafka.admin.ConfigCommand", *where, "--describe", "--entity-type", "brokers", "--entity-name", "1"
    )


async def test_a_service_with_a_wrong_password_says_that_its_log_is_away(broker: Locked, tmp_path: Path) -> None:
    wrong = KafkaLogin("registry", tmp_path / "password")
    log = KafkaLog(broker.address, login=wrong)
    with pytest.raises(LogUnavailable, match="no password for Kafka's user registry"):
        await log.ends(["facts.registry"])
    wrong.password_file.write_text("wrong\n")
    assert not await log.ready()
    with pytest.raises(LogUnavailable):
        await log.ends(["facts.registry"])
    wrong.password_file.write_text(broker.login("registry").password())  # it needs no restart
    assert await log.ready()
    await log.close()


async def test_an_event_sent_by_the_district_is_answered_by_the_registry_each_under_its_own_name(
    broker: Locked, tmp_path: Path
) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}")
    await upgrade(database, "registry", METADATA)
    await database.close()
    login = broker.login("registry")
    environment = {
        "BERDAYA_LOG": "kafka",
        "BERDAYA_KAFKA": broker.address,
        "BERDAYA_KAFKA_USER": login.user,
        "BERDAYA_KAFKA_PASSWORD_FILE": str(login.password_file),
        "BERDAYA_DATABASE": database.url,
        "BERDAYA_VAR": str(tmp_path),
        "BERDAYA_SESSION_TIMEOUT": "3",
    }
    registry = Service("registry", environment, tmp_path / "registry.log")
    district = broker.as_(f"district-{A}")
    try:
        await registry.start()
        assert district.send(_without_consent(A, "one")) is None
        receipt = district.find(f"receipts.{A}", f"{OWN_GROUP}-the-answer", b'"one"')
    finally:
        await registry.close()
    assert msgspec.json.decode(receipt)["reason"] == "no_consent"


def test_a_new_password_opens_and_the_old_one_does_not(broker: Locked) -> None:
    old = broker.as_(f"district-{B}")
    assert old.signs_in()
    doors.rotate(broker.address, broker.state_dir, B)
    assert broker.as_(f"district-{B}").signs_in()
    assert not old.signs_in()


def test_opening_again_keeps_password_and_rules_and_takes_back_what_was_added_by_hand(broker: Locked) -> None:
    user = f"district-{B}"
    before = broker.as_(user)
    by_hand = AclBinding(
        ResourceType.TOPIC,
        "facts.registry",
        ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    admin = broker.as_(passwords.ADMIN).admin
    for made in admin.create_acls([by_hand], request_timeout=PATIENCE).values():
        made.result()
    doors.open_districts(broker.address, broker.state_dir, [B])
    assert broker.as_(user).settings == before.settings
    assert before.signs_in()
    assert before.read("facts.registry", user) == NO_TOPIC


def test_a_closed_door_stops_at_once_also_who_is_connected_and_the_topics_stay(broker: Locked) -> None:
    code = "3573"
    doors.open_districts(broker.address, broker.state_dir, [code])
    district = broker.as_(f"district-{code}")
    topic = f"intake.reporting.{code}"
    codes: list[int | None] = []
    producer = Producer({**district.settings, "enable.idempotence": True})

    def send() -> None:
        producer.produce(topic, b"{}", on_delivery=lambda error, _: codes.append(error.code() if error else None))
        assert producer.flush(PATIENCE) == 0

    send()
    doors.close(broker.address, broker.state_dir, code)
    send()
    assert codes == [None, NO_TOPIC]
    assert not district.signs_in()
    assert not broker.login(f"district-{code}").password_file.exists()
    assert broker.ends()[topic] == 1
    doors.close(broker.address, broker.state_dir, code)  # again: nothing to do
    doors.open_districts(broker.address, broker.state_dir, [code])
    assert broker.as_(f"district-{code}").write(topic) is None
    assert not district.signs_in()


def test_a_broker_of_before_gets_its_locks_and_keeps_its_records(tmp_path: Path) -> None:
    with start_kafka(tmp_path) as before:
        unlocked = Client({"bootstrap.servers": before.address, "log_level": 0})
        provision_topics(before.address, [A])
        assert unlocked.write(f"intake.registry.{A}") is None
    with start_kafka(tmp_path, locks=True) as after:
        found = Locked(after, tmp_path)
        assert found.ends()[f"intake.registry.{A}"] == 1
        anonymous = Client({"bootstrap.servers": after.address, "log_level": 0})
        assert refused(lambda: anonymous.admin.list_topics(timeout=3)) == KafkaError._TRANSPORT


def test_no_password_is_seen_in_files_that_others_read_in_arguments_or_in_logs(broker: Locked) -> None:
    secrets = {path.read_bytes() for path in passwords.folder(broker.state_dir).iterdir()}
    assert len(secrets) >= 7 and all(len(word) > 40 for word in secrets)
    for path in broker.state_dir.rglob("*"):
        secret = path.is_relative_to(passwords.folder(broker.state_dir))
        if secret or not path.is_file() or path.suffix in (".index", ".timeindex"):  # numbers alone, in large files
            continue
        content = path.read_bytes()
        assert not any(word in content for word in secrets), path
    for pid in family(broker.handle.pid):
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert not any(word in arguments for word in secrets)
    for path in passwords.folder(broker.state_dir).iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_district_that_sends_too_fast_is_slowed_down_and_a_service_is_not(broker: Locked) -> None:
    quotas.provision(broker.address, broker.state_dir)
    quotas.provision(broker.address, broker.state_dir)
    assert _rates_by_kafka_s_own_command(broker) == {
        "": quotas.EACH_DISTRICT,
        **dict.fromkeys((*SERVICES, passwords.ADMIN), quotas.UNLIMITED),
    }
    assert _slowed_down(broker.as_(f"district-{A}"))
    assert not _slowed_down(broker.as_("registry"))


def _rates_by_kafka_s_own_command(broker: Locked) -> dict[str, dict[str, float]]:
    """By user; "" is the default of all others."""
    login = broker.login(passwords.ADMIN)
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    signing_in = login.password_file.with_name("admin.properties")
    write_private(
        signing_in,
        f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n"
        f'sasl.jaas.config={module} required username="{login.user}" password="{login.password()}";\n',
    )
    where = ("--bootstrap-server", broker.address, "--command-config", str(signing_in))
    try:
        said = kafka.tool("kafka.admin.ConfigCommand", *where, "--describe", "--entity-type", "users")
    finally:
        signing_in.unlink()
    line = re.compile(
        r"^Quota configs for (?:the default user-principal|user-principal '(.+?)') are (.+)$", re.MULTILINE
    )
    return {
        user: {name: float(rate) for name, _, rate in (each.strip().partition("=") for each in rates.split(","))}
        for user, rates in line.findall(said)
    }


def _slowed_down(client: Client) -> bool:
    """Does the broker throttle somebody who sends far more in one go than a district may in ten seconds?"""
    told: list[float] = []
    settings = {**client.settings, "enable.idempotence": True, "throttle_cb": lambda it: told.append(it.throttle_time)}
    producer = Producer(settings)
    for _ in range(30):
        producer.produce(f"intake.registry.{A}", os.urandom(1_000_000 - 1_000))
        producer.poll(0)
        if told:
            break
    producer.flush(PATIENCE)
    return bool(told)


def _without_consent(code: str, event_id: str) -> Outgoing:
    """Rejected whatever else is in it, and nobody is recorded."""
    data = BeneficiaryRecorded(
        district_ref="W-1",
        revision=1,
        name="Contoh",
        sex=Sex.female,
        birth_date=date(1990, 1, 1),
        nik=None,
        ppks=Ppks.poor,
        disabilities=(),
        status=Status.client,
        unit=None,
        skills=(),
        consent=Consent(given=False, by="self", form="written", on=date(2026, 1, 1)),
    )
    event = from_district(code, data, event_id=event_id, time=datetime(2026, 4, 7, tzinfo=UTC), subject="W-1")
    return Outgoing(event.topic, event.key or b"", event.value or b"", event.headers)
