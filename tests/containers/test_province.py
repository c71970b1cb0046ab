"""A province in containers: installed by its guide, told the story while containers die, stopped, moved, operated."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from deploy.containers import engine
from deploy.containers.compose import WORKER
from deploy.local.province import METADATA, Province
from deploy.local.publishers import Publishers
from deploy.stack import doors
from deploy.stack.passwords import ADMIN, login
from deploy.story.driver import steps
from deploy.story.generate import generate
from shared.database import Database
from shared.events.districts import DISTRICTS
from shared.kafka import KafkaLog
from tests import oracle
from tests.containers.stack import Stack
from tests.containers.strikes import Strikes, crashed, frozen, killed
from tests.guides import commands_of
from tests.integration.lying import CLIENT, SECRET, lying
from tests.scenarios.comparison import differing, wrong_receipts
from tests.scenarios.full_run import Gateway, PatientLog, PatientPublishers, PatientTold
from tests.scenarios.telling import Told, without_moment

pytestmark = pytest.mark.timeout(2400)
in_one_loop = pytest.mark.asyncio(loop_scope="module")

SCALE = 0.1
MONTHS = (None, "2026-10", "2026-03", "2025-07")
"""None: the newest."""
_MEMORY_LIMIT = "/sys/fs/cgroup/memory.max"
_OLD_LIMIT = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
LONG_RUNNING = {"kafka", "postgres", "redis", "registry", "grants", "reporting-web", WORKER, "gateway"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(stack: Stack) -> AsyncIterator[Told]:
    """After the story, during which each container died once and a worker stood still."""
    story = generate(scale=SCALE)
    strikes = Strikes(
        [
            frozen(stack, WORKER, 2),
            crashed(stack, WORKER),
            *(killed(stack, name) for name in ("registry", "grants", "reporting-web", "kafka")),
            *(killed(stack, name) for name in ("gateway", "postgres", "redis")),
        ],
        steps(story),
    )
    addresses = stack.addresses
    async with AsyncExitStack() as closing:
        log = PatientLog(KafkaLog(addresses["KAFKA"], login=login(stack.var, ADMIN)))
        closing.push_async_callback(log.close)
        logins = doors.open_districts(addresses["KAFKA"], stack.var, sorted(DISTRICTS))
        publishers = Publishers(addresses["KAFKA"], logins)
        closing.push_async_callback(publishers.close)
        databases = {name: Database(addresses[f"DATABASE_{name.upper()}"], pool=2) for name in METADATA}
        for database in databases.values():
            closing.push_async_callback(database.close)
        gateway = Gateway({name: f"{stack.gateway}/{name}" for name in METADATA})
        client = await closing.enter_async_context(
            httpx.AsyncClient(transport=gateway, base_url="http://province", timeout=30)
        )
        found = PatientTold(
            client,
            Province(stack.var, log, databases, {}),
            log,
            publishers=PatientPublishers(publishers),
            by_log=frozenset(DISTRICTS),
        )
        try:
            async with strikes.falling():
                await found.tell(story, strikes.progress)
        except BaseException:
            stack.tell_last_words()
            raise
        yield found


@in_one_loop
async def test_the_story_is_told_to_the_last_rupiah_though_every_container_died(told: Told, stack: Stack) -> None:
    stack.compose.wait()
    office = oracle.after(generate(scale=SCALE))
    for month in MONTHS:
        shown = json.loads(await told.dashboard(month))
        del shown["version"], shown["as_of"], shown["lag"]
        assert differing(oracle.dashboard(office, month), shown) == []
    receipts = await told.receipts()
    trial = {key for key in receipts if "contoh" in key[1]}  # of the guide
    assert wrong_receipts(told, office, {key: receipts[key] for key in receipts.keys() - trial}, at_least=True) == []
    assert stack.done("make reconcile").count("0 differences") == 2


@in_one_loop
async def test_the_page_is_read_through_the_gateway_by_a_link(told: Told, stack: Stack) -> None:
    link = stack.done("env -u PORT make sign-in ROLE=province_officer").strip()
    assert link.startswith(f"{stack.gateway}/")
    async with httpx.AsyncClient(follow_redirects=True, timeout=30) as reader:
        button = await reader.get(link)
        assert button.status_code == httpx.codes.OK
        ticket = httpx.URL(link).params["ticket"]
        page = await reader.post(f"{stack.gateway}/sign-in", data={"ticket": ticket}, headers={"Origin": stack.gateway})
    assert page.status_code == httpx.codes.OK
    assert "Bojonegoro" in page.text and "Surabaya" in page.text


@in_one_loop
async def test_a_token_made_at_the_server_opens_what_its_role_may_read(told: Told, stack: Stack) -> None:
    token = stack.done("make token ROLE=viewer SUB=pembaca").strip()
    async with httpx.AsyncClient(base_url=stack.gateway, headers={"Authorization": f"Bearer {token}"}) as reader:
        assert (await reader.get("/reporting/v1/dashboard")).status_code == httpx.codes.OK
        assert (await reader.get("/registry/v1/beneficiaries")).status_code == httpx.codes.FORBIDDEN


def test_addresses_for_others_are_those_by_which_they_know_the_gateway(stack: Stack) -> None:
    public = "BERDAYA_PUBLIC=https://berdaya.example"
    stack.done(f"{public} make district CODE=3523")
    assert "https://berdaya.example" in (stack.var / "districts" / "3523" / "kirim.sh").read_text()
    assert stack.done(f"{public} make sign-in ROLE=auditor").startswith("https://berdaya.example/sign-in?")


@in_one_loop
async def test_stopped_and_started_again_it_shows_the_same(told: Told, stack: Stack) -> None:
    """By the guide for operators."""
    start, stop, start_again = commands_of("operations.md")[1].splitlines()
    before = await dashboards(told)
    running = {it.name: stack.inspect(it)["Id"] for it in stack.compose.containers() if it.state == "running"}
    stack.done(start)
    assert running == {it.name: stack.inspect(it)["Id"] for it in stack.compose.containers() if it.state == "running"}
    stack.done(stop)
    assert stack.compose.containers() == []
    assert stack.do("make status").returncode != 0
    stack.done(start_again)
    assert await dashboards(told) == before


@pytest.mark.parametrize("word", ["berdaya", "changeme" * 8])
def test_nothing_starts_on_a_weak_secret(told: Told, stack: Stack, word: str) -> None:
    """By `make up`, nor by docker-compose past it."""
    path = stack.var / "secrets" / "postgres" / "registry"
    good = path.read_bytes()
    running = {it.name for it in stack.compose.containers()}
    path.unlink()
    path.write_text(word)
    try:
        refused = stack.do("make up")
        assert refused.returncode != 0 and f"{path} is no secret" in refused.stderr
        by_hand = stack.do("make compose ARGS='run --rm --no-deps -T provision'")
        assert by_hand.returncode != 0 and "postgres/registry is no secret" in by_hand.stdout + by_hand.stderr
    finally:
        path.unlink()
        path.write_bytes(good)
        path.chmod(0o444)
    assert {it.name for it in stack.compose.containers()} == running


@in_one_loop
async def test_an_officer_signs_in_by_the_office_s_own_account(told: Told, stack: Stack) -> None:
    """The provider is at an address that containers reach too, and the client's secret in its file."""
    bridge = engine.docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}").strip()
    secret = stack.var / "secrets" / "oidc"
    secret.write_text(f"{SECRET}\n")
    async with lying(bridge) as liar, httpx.AsyncClient(base_url=stack.gateway, timeout=30) as browser:
        settings = {
            "BERDAYA_PUBLIC": stack.gateway,
            "BERDAYA_OIDC_ISSUER": liar.issuer,
            "BERDAYA_OIDC_CLIENT": CLIENT,
            "BERDAYA_OIDC_ROLES": "dinsos-provinsi=province_officer",
        }
        words = " ".join(f"{name}={value}" for name, value in settings.items())
        stack.done(f"{words} make compose ARGS='up -d --no-deps reporting-web'")
        stack.compose.wait()
        sent = await browser.get("/sign-in/office")
        assert sent.status_code == httpx.codes.SEE_OTHER, sent.text
        code, asked = liar.ask(sent.headers["location"])
        assert sent.headers["location"].startswith(f"{liar.issuer}/authorize?")
        assert asked["redirect_uri"] == f"{stack.gateway}/sign-in/callback"
        await browser.get("/sign-in/callback", params={"code": code, "state": asked["state"]})
        assert [(it.username, it.password) for it in liar.clients if it] == [(CLIENT, SECRET)]
        assert "Signed in as siti, province officer" in (await browser.get("/?lang=en")).text


@in_one_loop
async def test_the_gateway_refuses_in_words_what_is_too_large(told: Told, stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.gateway, timeout=30) as sender:
        answer = await sender.post("/registry/v1/events", content=bytes(33 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_no_container_may_more_than_it_must(told: Told, stack: Stack) -> None:
    found = {it.service: stack.inspect(it) for it in stack.compose.containers()}
    assert found.keys() > LONG_RUNNING
    for name, it in found.items():
        host = it["HostConfig"]
        assert it["Config"]["User"] not in ("", "0", "root"), name
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"], name
        assert "no-new-privileges:true" in host["SecurityOpt"] and not host["Privileged"], name
        assert 0 < host["Memory"] <= 1 << 30, name
        assert (host["RestartPolicy"]["Name"] == "unless-stopped") is (name in LONG_RUNNING), name
        assert bool(it["Config"].get("Healthcheck")) is (name in LONG_RUNNING), name
        seen_from_outside = {bind["HostIp"] for binds in (host["PortBindings"] or {}).values() for bind in binds}
        assert (seen_from_outside <= {"127.0.0.1"}) is (name != "gateway"), name


def test_the_engine_holds_each_to_its_memory(told: Told, stack: Stack) -> None:
    limits = {it.service: stack.inspect(it)["HostConfig"]["Memory"] for it in stack.compose.containers()}
    for it in stack.compose.containers():
        if it.state == "running":
            said = engine.docker("exec", it.name, "sh", "-c", f"cat {_MEMORY_LIMIT} 2>/dev/null || cat {_OLD_LIMIT}")
            assert int(said) == limits[it.service], it.name


def test_root_is_in_no_container(told: Told, stack: Stack) -> None:
    for it in stack.compose.containers():
        if it.state == "running":
            pid = stack.inspect(it)["State"]["Pid"]
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            uid = next(line.split()[1] for line in status if line.startswith("Uid:"))
            capabilities = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
            assert uid != "0" and capabilities == 0, it.name


def test_no_secret_is_seen_in_what_the_engine_tells_of_containers_or_images(told: Told, stack: Stack) -> None:
    files = [*(path for path in (stack.var / "secrets").rglob("*") if path.is_file()), *(stack.var / "keys").iterdir()]
    words = [word for path in files if (word := path.read_text().strip())]
    assert len(words) >= 13
    for it in stack.compose.containers():
        told_of_it = json.dumps(stack.inspect(it)) + stack.log(it)
        assert not [word for word in words if word in told_of_it], it.name


def test_the_image_says_what_it_is(stack: Stack) -> None:
    name, version, commit = said_of_itself()
    assert (name, version.count(".")) == ("Berdaya", 2) and commit != "unknown"
    labels = json.loads(engine.docker("image", "inspect", "--format", "{{json .Config.Labels}}", "berdaya"))
    assert labels["org.opencontainers.image.revision"] == commit


@in_one_loop
async def test_the_guide_for_operators_is_true(told: Told, stack: Stack) -> None:
    """To its end, at which all was given up and came back from the backup."""
    before = await dashboards(told)
    looked, _restarted, signed_out, upgraded, redriven, rebuilt, *moved = commands_of("operations.md")
    assert stack.done(looked).count("0 differences") == 2
    stack.done(signed_out)
    stack.done(upgraded)
    image = f"berdaya:{said_of_itself()[-1]}"
    stack.done(f"BERDAYA_IMAGE={image} make up WORKERS=4")
    workers = [stack.inspect(it) for it in stack.compose.containers() if it.service == WORKER]
    assert [it["Config"]["Image"] for it in workers] == [image] * 4
    left = stack.do(redriven)  # the story has a record that nobody can read
    assert left.returncode != 0 and "1 in quarantine" in left.stdout and "1 left in quarantine" in left.stdout
    printed = stack.done(rebuilt)
    assert "0 growth classes were wrong" in printed and printed.count("0 differences") == 2
    backup, restore = moved
    stack.done(backup)
    stack.done(restore)
    assert (stack.folder / "compose-before").is_dir()
    assert await dashboards(told) == before
    assert stack.done("make reconcile").count("0 differences") == 2
    with stack.by_the_plugin():  # takes over what docker-compose runs, keeps it, and brings it back
        stack.done("make up WORKERS=2")
        stack.done(backup.replace("backup-1", "backup-2"))
        stack.done(restore.replace("backup-1", "backup-2").replace("compose-before", "compose-of-backup-1"))
    assert await dashboards(told) == before
    assert stack.done("make reconcile").count("0 differences") == 2
    over = stack.do("make backup TO=var/backup-1")
    assert over.returncode != 0 and "never written over" in over.stderr
    over = stack.do("make restore FROM=var/backup-1")
    assert over.returncode != 0 and "is there" in over.stderr
    number = re.search(r"│\s*(\d+)\s*│", left.stdout)
    assert number, left.stdout
    stack.done(redriven.splitlines()[0].replace("quarantine", f"discard {number[1]}"))
    assert stack.done("make redrive").count("0 left in quarantine") == 3


async def dashboards(told: Told) -> list[bytes]:
    """Apart from what two equal runs need not share."""
    return [without_moment(await told.dashboard(month)) for month in MONTHS]


def said_of_itself() -> list[str]:
    """The image's name, version and commit."""
    return engine.docker("run", "--rm", "berdaya").split()
