"""From the district's request to a grant, and the criteria that it is judged by."""

from datetime import date, timedelta
from typing import Any

import pytest

from shared.events.district import GrantKind, Item, Status
from shared.events.envelope import beneficiary_id, grant_id
from tests.conflicts import SOURCES
from tests.integration.grants.office import (
    BOJONEGORO,
    GRANT,
    MACHINE,
    OBRAS,
    SEAMSTRESS,
    Office,
    cash,
    pair,
    person,
    request,
)

# Requests


async def test_a_request_for_a_known_ex_client_becomes_a_grant_that_fails_no_criterion(office: Office) -> None:
    await office.hear(person(), request(event_id="r1"))
    assert await office.grant() == {
        "grant_id": str(GRANT),
        "beneficiary_id": str(SEAMSTRESS),
        "district": "3522",
        "grant_ref": "B-1",
        "kind": "equipment",
        "amount": 3_000_000,
        "fiscal_year": 2026,
        "status": "requested",
        "fund": None,
        "assessment": {"failed": [], "criteria_version": 1},
        "history": [
            {
                "step": "request",
                "who": "/district/3522/test",
                "when": "2026-11-10T02:00:00Z",
                "on": "2026-11-10",
                "note": "",
            }
        ],
        "outcome": None,
    }
    assert await office.verdicts() == {"r1": ("accepted", "accepted")}
    assert await office.told() == [
        (
            "grant-requested.v1",
            str(SEAMSTRESS),
            {
                "version": 1,
                "grant_id": str(GRANT),
                "beneficiary_id": str(SEAMSTRESS),
                "district": "3522",
                "kind": "equipment",
                "amount": 3_000_000,
                "fiscal_year": 2026,
                "on": "2026-11-10",
            },
        )
    ]


async def test_the_day_of_a_request_is_the_day_in_east_java(office: Office) -> None:
    await office.hear(person(), request(after=timedelta(hours=15)))  # 17:00 UTC is midnight there
    assert (await office.told())[0][2]["on"] == "2026-11-11"


async def test_a_request_for_an_unknown_person_waits_until_the_registry_tells_of_them(office: Office) -> None:
    await office.hear(request(event_id="r1"))
    assert await office.verdicts() == {"r1": ("waiting", "unknown_beneficiary")}
    assert await office.told() == []
    await office.hear(person())
    assert await office.verdicts() == {"r1": ("accepted", "accepted")}
    assert (await office.grant())["status"] == "requested"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"items": ()}, "no_items"),
        ({"amount": 2_999_999}, "amount_mismatch"),
        ({"subject": "BJN-2"}, "subject_mismatch"),
        ({"items": (MACHINE, OBRAS), "amount": 4_000_000}, "amount_mismatch"),
    ],
)
async def test_a_request_that_cannot_be_right_is_rejected_at_once(
    office: Office, more: dict[str, Any], reason: str
) -> None:
    await office.hear(request(event_id="r1", **more))
    assert await office.verdicts() == {"r1": ("rejected", reason)}
    assert await office.rows("SELECT * FROM grants") == []


async def test_the_amount_of_equipment_is_the_sum_of_its_items(office: Office) -> None:
    await office.hear(person(), request(items=(MACHINE, OBRAS), amount=5_000_000))
    assert (await office.grant())["amount"] == 5_000_000


async def test_the_later_content_is_in_force_whatever_arrives_first(office: Office) -> None:
    for grant, order in (("B-1", "eln"), ("B-2", "nel"), ("B-3", "len")):
        events = {
            "e": cash(grant, 1_000_000, event_id=f"{grant}-early"),
            "l": cash(grant, 2_000_000, event_id=f"{grant}-late", after=timedelta(hours=1)),
            "n": cash(grant, 3_000_000, event_id=f"{grant}-never", after=timedelta(minutes=59)),
        }
        await office.hear(person(), *(events[letter] for letter in order))
    assert await office.rows("SELECT grant_ref, amount, event_id FROM grants ORDER BY grant_ref") == [
        ("B-1", 2_000_000, "B-1-late"),
        ("B-2", 2_000_000, "B-2-late"),
        ("B-3", 2_000_000, "B-3-late"),
    ]
    assert await office.verdicts() == {
        "B-1-early": ("accepted", "accepted"),
        "B-1-late": ("accepted", "accepted"),
        "B-1-never": ("superseded", "older_revision"),
        "B-2-never": ("accepted", "accepted"),
        "B-2-early": ("superseded", "older_revision"),
        "B-2-late": ("accepted", "accepted"),
        "B-3-late": ("accepted", "accepted"),
        "B-3-early": ("superseded", "older_revision"),
        "B-3-never": ("superseded", "older_revision"),
    }


async def test_of_two_contents_with_the_same_time_the_greater_id_is_in_force(office: Office) -> None:
    await office.hear(person(), cash("B-1", 1_000_000, event_id="b"), cash("B-1", 2_000_000, event_id="a"))
    assert (await office.grant())["amount"] == 1_000_000
    await office.hear(cash("B-1", 3_000_000, event_id="c"))
    assert (await office.grant())["amount"] == 3_000_000


async def test_of_two_systems_with_one_id_and_time_the_greater_source_is_in_force(office: Office) -> None:
    await office.hear(person())
    for grant, order in (("B-1", (0, 1)), ("B-2", (1, 0))):
        said = [cash(grant, amount, event_id=grant, source=SOURCES[place]) for place, amount in enumerate((7, 5))]
        for place in order:
            await office.hear(said[place])
    assert SOURCES[0] > SOURCES[1]
    assert await office.rows("SELECT grant_ref, amount, source FROM grants ORDER BY grant_ref") == [
        ("B-1", 7, SOURCES[0]),
        ("B-2", 7, SOURCES[0]),
    ]


async def test_new_content_is_told_as_the_next_version_and_judged_anew(office: Office) -> None:
    await office.hear(person(), cash("B-1", 1_000_000))
    await office.hear(cash("B-1", 2_000_000, after=timedelta(days=1), desil=6))
    assert [(data["version"], data["amount"], data["on"]) for _, _, data in await office.told()] == [
        (1, 1_000_000, "2026-11-10"),
        (2, 2_000_000, "2026-11-11"),
    ]
    assert await office.failed() == ["desil_above_5"]


async def test_new_content_may_name_another_person(office: Office) -> None:
    await office.hear(person(), person("BJN-2", status=Status.moved), request())
    await office.hear(request(to="BJN-2", after=timedelta(hours=1)))
    assert (await office.grant())["beneficiary_id"] == str(beneficiary_id(BOJONEGORO, "BJN-2"))
    assert await office.failed() == ["not_ex_client"]
    assert [key for _, key, _ in await office.told()] == [
        str(SEAMSTRESS),
        str(beneficiary_id(BOJONEGORO, "BJN-2")),
    ]


async def test_a_verified_grant_keeps_its_content(office: Office) -> None:
    await office.hear(person(), request())
    await office.take("verify")
    await office.hear(
        request(
            event_id="r2",
            amount=4_000_000,
            items=(MACHINE, Item(name="Kain", quantity=1, unit_value=1_000_000)),
            after=timedelta(hours=1),
        )
    )
    assert (await office.verdicts())["r2"] == ("rejected", "already_in_progress")
    assert (await office.grant())["amount"] == 3_000_000


async def test_the_same_request_under_another_id_is_a_duplicate(office: Office) -> None:
    await office.hear(person(), request(event_id="r1"))
    await office.hear(
        request(event_id="r2", after=timedelta(hours=1)), request(event_id="r0", after=timedelta(hours=-1))
    )
    verdicts = await office.verdicts()
    assert verdicts["r2"] == verdicts["r0"] == ("duplicate", "duplicate")
    assert len(await office.told()) == 1
    assert await office.value("SELECT event_id FROM grants") == "r2"


async def test_the_same_request_on_a_later_day_moves_the_day_of_the_request(office: Office) -> None:
    await office.hear(person(), request())
    await office.hear(request(after=timedelta(days=3), event_id="r2"))
    assert [(data["version"], data["on"]) for _, _, data in await office.told()] == [
        (1, "2026-11-10"),
        (2, "2026-11-13"),
    ]
    await office.take("verify")
    await office.hear(request(after=timedelta(days=5), event_id="r3"))
    assert [name for name, _, _ in await office.told()] == [
        "grant-requested.v1",
        "grant-requested.v1",
        "grant-verified.v1",
    ]
    assert await office.value("SELECT event_id FROM grants") == "r3"


# Criteria


@pytest.mark.parametrize(
    ("who", "what", "codes"),
    [
        ({"status": Status.client}, {}, ["not_ex_client"]),
        ({"status": Status.client, "leaves_unit_on": date(2027, 2, 10)}, {}, []),
        ({"birth_year": 2012}, {}, ["under_15"]),
        ({}, {"desil": 6}, ["desil_above_5"]),
        (
            {"status": Status.deceased, "birth_year": 2012},
            {"desil": 10},
            ["not_ex_client", "desil_above_5", "under_15"],
        ),
    ],
)
async def test_the_assessment_names_each_criterion_that_fails(
    office: Office, who: dict[str, Any], what: dict[str, Any], codes: list[str]
) -> None:
    await office.hear(person(**who), request(**what))
    assert await office.failed() == codes


async def test_an_open_grant_follows_the_facts_about_the_person(office: Office) -> None:
    await office.hear(person(status=Status.client), request())
    assert await office.failed() == ["not_ex_client"]
    await office.hear(person(version=3))
    assert await office.failed() == []
    await office.hear(person(version=2, status=Status.deceased))  # older: dropped
    assert await office.failed() == []
    await office.take("verify")
    await office.hear(person(version=4, status=Status.moved))
    assert await office.failed() == ["not_ex_client"]


async def test_a_decided_grant_keeps_the_assessment_it_was_decided_by(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "approved")
    await office.hear(person(version=2, status=Status.deceased))
    assert await office.failed() == []


async def test_nobody_is_given_things_while_any_suspicion_about_them_is_undecided(office: Office) -> None:
    await office.hear(person(), person("BJN-2"), request(), request("B-2", kind=GrantKind.training, items=()))
    await office.hear(pair("BJN-1", "BJN-2", version=1), pair("BJN-1", "BJN-3", version=1))
    assert await office.failed() == ["duplicate_suspected"]
    assert await office.failed(grant_id(BOJONEGORO, "B-2")) == []
    await office.hear(pair("BJN-1", "BJN-2", version=2, decision="different"))
    assert await office.failed() == ["duplicate_suspected"]
    await office.hear(pair("BJN-1", "BJN-3", version=4, decision="withdrawn"))
    assert await office.failed() == []
    await office.hear(pair("BJN-1", "BJN-3", version=3))  # older: dropped
    assert await office.failed() == []
    await office.hear(pair("BJN-1", "BJN-3", version=5))
    assert await office.failed() == ["duplicate_suspected"]


async def test_whoever_is_only_similar_to_somebody_is_given_things(office: Office) -> None:
    await office.hear(person(), person("BJN-2"), request())
    await office.hear(pair("BJN-1", "BJN-2", version=1, because="similar"))
    assert await office.failed() == []
    await office.hear(pair("BJN-1", "BJN-2", version=2))
    assert await office.failed() == ["duplicate_suspected"]
    await office.hear(pair("BJN-1", "BJN-2", version=3, because="similar"))
    assert await office.failed() == []


async def test_a_suspicion_told_before_the_person_counts(office: Office) -> None:
    await office.hear(pair("BJN-1", "BJN-2", version=1))
    await office.hear(person(), request())
    assert await office.failed() == ["duplicate_suspected"]


async def test_a_person_gets_one_grant_of_things_or_money_in_a_fiscal_year(office: Office) -> None:
    second, training, next_year = (grant_id(BOJONEGORO, ref) for ref in ("B-2", "B-3", "B-4"))
    await office.budget(100_000_000)
    await office.hear(
        person(),
        request(),
        cash("B-2", 1_000_000),
        request("B-3", kind=GrantKind.training, items=()),
        request("B-4", fiscal_year=2027),
    )
    await office.bring(GRANT, "verified")
    assert await office.failed(second) == []
    await office.take("approve")
    assert await office.failed() == []
    assert [await office.failed(number) for number in (second, training, next_year)] == [["already_aided"], [], []]
    await office.take("cancel")
    assert await office.failed(second) == []
