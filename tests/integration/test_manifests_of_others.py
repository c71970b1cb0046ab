"""The registry and grants take the manifests of their own streams by the same code as reporting."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.grants import app as grants
from services.grants.tables import METADATA as GRANTS
from services.registry import app as registry
from services.registry.tables import METADATA as REGISTRY
from shared.embedded import EmbeddedLog
from shared.events.control import digest
from shared.events.district import (
    BeneficiaryRecorded,
    Consent,
    GrantHandedOver,
    GrantKind,
    GrantRequested,
    ManifestClosed,
    Ppks,
    Sex,
    Status,
)
from shared.events.envelope import STRUCTURED, Envelope, Record, write_structured
from shared.security import Role
from shared.settings import Settings
from tests.helpers import bearer, from_district
from tests.integration.conftest import DatabaseFor
from tests.integration.office import Office

CODE = "3522"
DAY = date(2026, 11, 5)
MORNING = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
EVENING = datetime(2026, 11, 5, 16, 0, tzinfo=UTC)
TRAINING = GrantRequested(
    grant_ref="G-1",
    district_ref="B-1",
    kind=GrantKind.training,
    items=(),
    amount=2_500_000,
    fiscal_year=2026,
    purpose="Pelatihan",
    desil=None,
)
BAST = GrantHandedOver(
    grant_ref="G-1", on=DAY, received_by="beneficiary", witness="Lurah", evidence_sha256="0" * 64, assets=()
)
SITI = BeneficiaryRecorded(
    district_ref="B-1",
    revision=1,
    name="Siti Contoh",
    sex=Sex.female,
    birth_date=date(1990, 5, 1),
    nik=None,
    ppks=Ppks.poor,
    disabilities=(),
    status=Status.client,
    unit=None,
    skills=(),
    consent=Consent(given=True, by="self", form="written", on=date(2026, 1, 15)),
)


@pytest.fixture
async def of_registry(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    database = await database_for("registry", REGISTRY)
    settings = Settings(service="registry", var=tmp_path)
    async with Office(registry.build(settings, EmbeddedLog(tmp_path / "log.db"), database)).open() as found:
        yield found


@pytest.fixture
async def of_grants(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    database = await database_for("grants", GRANTS)
    settings = Settings(service="grants", var=tmp_path)
    async with Office(grants.build(settings, EmbeddedLog(tmp_path / "log.db"), database)).open() as found:
        yield found


def event(data: msgspec.Struct, event_id: str) -> Record:
    return from_district(CODE, data, event_id=event_id, time=MORNING, subject="B-1")


def closing(stream: str, ids: list[str], rupiah: int = 0) -> ManifestClosed:
    return ManifestClosed(stream=stream, day=DAY, count=len(ids), sum_rupiah=rupiah, sha256=digest(ids))


def manifest(service: str, data: ManifestClosed) -> Record:
    return from_district(CODE, data, event_id=data.stream, time=EVENING, subject=str(DAY), service=service)


async def verdicts(office: Office) -> dict[str, tuple[str, int]]:
    """(verdict, rupiah received) by stream."""
    who = bearer(office.node.settings, Role.district_system, "simdu", CODE)
    answer = await office.client.get(f"/v1/manifests?day={DAY}", headers=who)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["manifests"]
    return {each["stream"]: (each["verdict"], each["received"]["sum_rupiah"]) for each in found}


async def test_the_registry_counts_the_records_of_people(of_registry: Office) -> None:
    await of_registry.hear(manifest("registry", closing("beneficiary-recorded", ["e-1"])))
    assert await verdicts(of_registry) == {"beneficiary-recorded": ("differs", 0)}
    await of_registry.hear(event(SITI, "e-1"))
    assert await verdicts(of_registry) == {"beneficiary-recorded": ("complete", 0)}


async def test_grants_count_requests_with_their_amounts_and_handovers_without(of_grants: Office) -> None:
    await of_grants.hear(
        event(TRAINING, "e-1"),
        event(BAST, "e-2"),
        manifest("grants", closing("grant-requested", ["e-1"], 2_500_000)),
        manifest("grants", closing("grant-handed-over", ["e-2"])),
    )
    assert await verdicts(of_grants) == {
        "grant-requested": ("complete", 2_500_000),
        "grant-handed-over": ("complete", 0),
    }


async def test_a_manifest_of_anothers_stream_is_turned_away_and_its_own_is_taken_at_the_door(
    of_registry: Office,
) -> None:
    await of_registry.hear(manifest("registry", closing("income-reported", [])))
    assert await of_registry.rows("SELECT verdict, reason FROM inbox") == [("rejected", "wrong_topic")]
    envelope = Envelope(
        id="m",
        source=f"/district/{CODE}/test",
        type="berdaya.district.manifest-closed.v1",
        time=EVENING,
        subject=str(DAY),
    )
    body = write_structured(envelope, msgspec.json.encode(closing("beneficiary-recorded", [])))
    who = bearer(of_registry.node.settings, Role.district_system, "simdu", CODE)
    answer = await of_registry.client.post("/v1/events", content=body, headers={**who, "Content-Type": STRUCTURED})
    assert answer.status_code == 202
    assert await of_registry.node.log.ends([f"intake.registry.{CODE}"]) != {}
