"""docker-compose.yml by itself: what holds of every service, whoever reads the file."""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from deploy.containers import images
from deploy.stack.files import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ONCE = {"provision", "migrate-registry", "migrate-grants", "migrate-reporting"}
NEW_SINCE_DEBIAN_S = {"profiles", "develop", "gpus", "attach", "post_start", "pre_stop", "models", "provider"}
"""Words that docker-compose 1.29 does not know, or knows otherwise."""


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_held_short(name: str) -> None:
    it = SERVICES[name]
    assert it["read_only"] is True and it["cap_drop"] == ["ALL"]
    assert it["security_opt"] == ["no-new-privileges:true"]
    assert it["mem_limit"]
    assert it["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert ("healthcheck" in it) is (name not in ONCE)
    assert not {"privileged", "cap_add", "network_mode", "pid", "container_name"} & it.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_started_before_what_it_needs(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_completed_successfully" if needed in ONCE else "service_healthy"}


def test_only_the_gateway_is_reached_from_other_machines() -> None:
    open_ = {name for name, it in SERVICES.items() for port in it.get("ports", ()) if not port.startswith("127.0.0.1:")}
    assert open_ == {"gateway"}
    assert SERVICES["gateway"]["networks"] == ["front"]


def test_no_secret_stands_in_the_file_and_only_who_needs_one_gets_it() -> None:
    assert all(it.keys() == {"file"} for it in FILE["secrets"].values())
    given = {
        name: {each if isinstance(each, str) else each["source"] for each in it.get("secrets", ())}
        for name, it in SERVICES.items()
    }
    assert {name for name in given if "nik" in given[name]} == {"registry"}
    assert {name for name in given if "oidc" in given[name]} == {"reporting-web"}
    assert {name for name in given if "token-signing" in given[name]} == {"reporting-web"}  # it signs readers in
    assert {name for name in given if "kafka-admin" in given[name]} == {"kafka", "provision"}
    assert {name for name in given if "postgres-admin" in given[name]} == {"postgres", "provision"}
    for name in ("registry", "grants", "reporting"):
        others = {"registry", "grants", "reporting"} - {name}
        for service in (each for each in SERVICES if each.startswith(name)):
            assert not {f"{kind}-{other}" for kind in ("kafka", "postgres") for other in others} & given[service]
    assert {name for name in given if "redis" in given[name]} == {"redis", "reporting-web", "reporting-worker"}
    assert not given["gateway"] and given["redis"] == {"redis"}


def test_old_and_new_docker_compose_read_it_alike() -> None:
    assert "version" not in FILE and "name" not in FILE  # one warns of the first, the other refuses the second
    for it in SERVICES.values():
        assert not NEW_SINCE_DEBIAN_S & it.keys()


def test_today_s_docker_compose_reads_it_by_the_specification() -> None:
    assert problems(FILE) == []


@pytest.mark.parametrize("word", ["mem_limits", "helthcheck"])
def test_the_specification_would_notice_a_mistake(word: str) -> None:
    wrong = FILE | {"services": SERVICES | {"redis": SERVICES["redis"] | {word: "1g"}}}
    assert problems(wrong)


def test_its_images_are_those_that_make_images_makes() -> None:
    used = {it["image"] for it in SERVICES.values()}
    assert used == {*images.OFFICIAL, "${BERDAYA_IMAGE:-berdaya}"} - {images.PYTHON}
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert {line.split()[1] for line in dockerfile.splitlines() if line.startswith("FROM")} == {images.PYTHON}
    pom = (ROOT / "deploy" / "kafka" / "pom.xml").read_text()
    assert f"<kafka.version>{images.KAFKA.rpartition(':')[2]}</kafka.version>" in pom


def problems(file: dict[str, Any]) -> list[str]:
    official = json.loads((ROOT / "tests" / "golden" / "compose-spec.schema.json").read_text("utf-8"))
    found = Draft202012Validator(official).iter_errors(file)
    return [f"{list(error.absolute_path)}: {error.message}" for error in found]
