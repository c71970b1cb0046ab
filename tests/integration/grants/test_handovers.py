"""What a district hands over, and the evidence that is kept of it."""

from datetime import date, timedelta

import pytest

from services.grants.tables import METADATA
from shared.tables import Chassis
from tests.integration.grants.office import GRANT, Office, handover, person, request


async def test_a_handover_waits_for_the_grant_and_then_for_its_disbursement(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(handover(event_id="h1"))
    assert await office.verdicts() == {"h1": ("waiting", "unknown_grant")}
    await office.hear(person(), request(event_id="r1"), handover(event_id="h2"))
    assert (await office.verdicts())["h2"] == ("waiting", "not_disbursed")
    await office.bring(GRANT, "approved")
    await office.drain()
    assert {key: verdict for key, (verdict, _) in (await office.verdicts()).items()} == {
        "h1": "waiting",
        "h2": "waiting",
        "r1": "accepted",
    }
    await office.take("disburse")
    await office.drain()
    verdicts = await office.verdicts()
    assert verdicts["h1"] == ("accepted", "accepted")
    assert verdicts["h2"] == ("duplicate", "duplicate")
    assert (await office.grant())["status"] == "handed_over"
    assert await office.rows("SELECT * FROM waiting") == []
    assert await office.rows("SELECT received_by, evidence_sha256, assets FROM handovers") == [
        ("beneficiary", "ab" * 32, '[{"name":"Mesin jahit","serial":"SN-1"}]')
    ]


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
async def test_nothing_is_handed_over_of_a_closed_grant(office: Office, status: str) -> None:
    await office.hear(person(), request(), handover(event_id="h1"))
    assert (await office.verdicts())["h1"] == ("waiting", "not_disbursed")
    await office.bring(GRANT, status)
    await office.drain()
    await office.hear(handover(event_id="h2"))
    verdicts = await office.verdicts()
    assert verdicts["h1"] == verdicts["h2"] == ("rejected", "grant_closed")
    assert (await office.grant())["status"] == status


async def test_a_handover_names_the_person_of_the_grant(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    await office.hear(handover(event_id="h1", by="BJN-2"))
    assert (await office.verdicts())["h1"] == ("rejected", "subject_mismatch")
    assert (await office.grant())["status"] == "disbursed"


async def test_a_second_different_handover_is_rejected_and_its_like_is_a_duplicate(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    later = timedelta(days=21)
    await office.hear(
        handover(event_id="h1"),
        handover(event_id="h2", after=later, evidence_sha256="cd" * 32),
        handover(event_id="h3", after=later),
    )
    await office.hear(handover(event_id="h4", after=later, received_by="guardian"))
    verdicts = await office.verdicts()
    assert [verdicts[f"h{number}"] for number in (1, 2, 3, 4)] == [
        ("accepted", "accepted"),
        ("rejected", "already_handed_over"),
        ("duplicate", "duplicate"),
        ("rejected", "already_handed_over"),
    ]
    assert await office.rows("SELECT evidence_sha256, event_id FROM handovers") == [("ab" * 32, "h1")]
    assert [name for name, _, _ in await office.told()].count("grant-handed-over.v1") == 1


async def test_the_earlier_of_two_different_handovers_stands_when_it_arrives_second(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    await office.hear(
        handover(event_id="h2", after=timedelta(days=21), on=date(2026, 12, 1), evidence_sha256="cd" * 32)
    )
    await office.hear(handover(event_id="h1"))
    verdicts = await office.verdicts()
    assert (verdicts["h1"], verdicts["h2"]) == (("accepted", "accepted"), ("rejected", "already_handed_over"))
    assert await office.rows("SELECT evidence_sha256, event_id FROM handovers") == [("ab" * 32, "h1")]
    handed_over = [data for name, _, data in await office.told() if name == "grant-handed-over.v1"]
    assert [(data["version"], data["on"]) for data in handed_over] == [(5, "2026-12-01"), (6, "2026-11-25")]


async def test_no_name_is_kept_once_a_grant_is_handed_over(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(handover(), person(), request())
    await office.bring(GRANT, "disbursed")
    await office.drain()
    assert (await office.grant())["status"] == "handed_over"
    for table in [*METADATA.tables, *Chassis.metadata.tables]:
        rows = await office.rows(f"SELECT * FROM {table}")
        assert "Lurah" not in str(
            [[bytes(value) if isinstance(value, bytes) else value for value in row] for row in rows]
        )
