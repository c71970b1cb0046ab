"""A district's list is one envelope: approved whole or not at all."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from services.grants import reconcile
from shared.events.district import GrantKind, Status
from shared.events.envelope import grant_id
from tests.integration.grants.office import (
    BOJONEGORO,
    OFFICER,
    PROVINCE,
    PROVINCE_TOO,
    TREASURER,
    TUBAN,
    Office,
    cash,
    pair,
    person,
    problem,
    request,
)

MILLION = 1_000_000


def numbers(*refs: str) -> list[UUID]:
    return [grant_id(BOJONEGORO, ref) for ref in refs]


async def approve(office: Office, grants: Sequence[UUID], total: object, **more: Any) -> Any:
    body = {
        "fiscal_year": more.pop("year", 2026),
        "district": more.pop("district", BOJONEGORO),
        "grant_ids": [str(number) for number in grants],
        "total": total,
    }
    return await office.call("POST", "/v1/batches", more.pop("who", PROVINCE), body, **more)


async def verified(office: Office, *refs: str, amount: int = MILLION) -> list[UUID]:
    """A verified cash grant for each, to a person of the same ref."""
    await office.hear(*(person(ref) for ref in refs), *(cash(ref, amount, to=ref) for ref in refs))
    for number in numbers(*refs):
        assert (await office.take("verify", number)).status_code == 200
    return numbers(*refs)


async def untouched(office: Office) -> bool:
    approved = await office.value("SELECT count(*) FROM steps WHERE step = 'approve'")
    return (approved, await office.value("SELECT count(*) FROM batches")) == (0, 0)


async def test_a_list_that_adds_up_is_approved_whole(office: Office) -> None:
    await office.budget(10 * MILLION)
    grants = await verified(office, "P-1", "P-2", "P-3")
    answer = await approve(office, grants, 3 * MILLION, key="letter 17")
    assert answer.status_code == 200, answer.text
    batch = answer.json()
    assert (batch["count"], batch["total"], batch["approved_by"]) == (3, 3 * MILLION, "budi")
    assert batch["grant_ids"] == [str(number) for number in grants]
    assert (await approve(office, grants, 3 * MILLION, key="letter 17")).content == answer.content
    assert await office.money() == (10 * MILLION, 3 * MILLION, 0)
    assert [name for name, _, _ in await office.told()].count("grant-approved.v1") == 3
    assert [entry["who"] for entry in (await office.grant(grants[1]))["history"]][1:] == ["ratna", "budi"]
    shown = await office.call("GET", f"/v1/batches/{batch['batch_id']}", OFFICER)
    assert shown.json() == batch
    foreign = await office.call("GET", f"/v1/batches/{batch['batch_id']}", OFFICER._replace(district=TUBAN))
    assert problem(foreign) == (404, "not_found")
    assert (await office.take("disburse", grants[0])).status_code == 200
    async with office.database.reading(still=True) as session:
        assert await reconcile.differences(session) == []


async def test_every_grant_that_stands_in_the_way_is_named_and_nothing_is_changed(office: Office) -> None:
    await office.budget(100 * MILLION)
    await verified(office, "fine", "moved", "twice", "mine", "approved")
    await verified(office, "large", amount=50 * MILLION)
    await office.take("approve", numbers("approved")[0], who=PROVINCE_TOO)
    await office.hear(
        person("moved", version=2, status=Status.moved),
        pair("twice", "fine", version=1),
        pair("twice", "fine", version=2, decision="different"),
        pair("twice", "moved", version=1),
        request("requested", to="fine", kind=GrantKind.training, items=()),
        person("T-1", district=TUBAN),
        cash("T-1", MILLION, to="T-1", district=TUBAN),
        cash("next-year", MILLION, to="fine", fiscal_year=2027),
    )
    await office.change(
        "UPDATE steps SET sub = 'budi' WHERE grant_id = (SELECT id FROM grants WHERE grant_ref = 'mine')"
    )
    listed = [
        *numbers("fine", "moved", "twice", "mine", "approved", "large", "requested", "next-year", "unknown"),
        grant_id(TUBAN, "T-1"),
    ]
    before = (await office.told(), await office.money())
    answer = await approve(office, listed, MILLION)
    assert problem(answer) == (409, "batch_refused")
    found = {one.pop("grant_id"): one for one in answer.json()["refusals"]}
    expected: list[dict[str, Any] | None] = [
        None,
        {"code": "criteria_not_met", "failed": ["not_ex_client", "duplicate_suspected"]},
        {"code": "duplicate_suspected", "failed": ["duplicate_suspected"]},
        {"code": "four_eyes", "action": "approve", "already": "verify"},
        {"code": "illegal_transition", "present": "approved", "action": "approve"},
        {"code": "second_approver_needed", "amount": 50 * MILLION, "needed": 2},
        {"code": "illegal_transition", "present": "requested", "action": "approve"},
        {"code": "not_found"},
        {"code": "not_found"},
        {"code": "not_found"},
    ]
    assert [found.get(str(number)) for number in listed] == expected
    assert (await office.told(), await office.money()) == before
    assert await office.value("SELECT count(*) FROM batches") == 0


async def test_two_grants_of_one_person_in_one_list_are_one_too_many(office: Office) -> None:
    await office.budget(10 * MILLION)
    await office.hear(person(), cash("B-1", MILLION), cash("B-2", MILLION))
    for number in numbers("B-1", "B-2"):
        await office.take("verify", number)
    answer = await approve(office, numbers("B-1", "B-2"), 2 * MILLION)
    assert answer.json()["refusals"] == [
        {"grant_id": str(numbers("B-2")[0]), "code": "criteria_not_met", "failed": ["already_aided"]}
    ]
    assert await untouched(office)
    assert (await approve(office, numbers("B-2"), MILLION)).status_code == 200
    assert await office.failed(numbers("B-1")[0]) == ["already_aided"]


async def test_a_list_that_does_not_add_up_or_exceeds_the_budget_is_refused_whole(office: Office) -> None:
    await office.budget(3 * MILLION - 1)
    grants = await verified(office, "P-1", "P-2", "P-3")
    answer = await approve(office, grants, 3 * MILLION - 1)
    assert problem(answer) == (409, "total_mismatch")
    assert (answer.json()["total"], answer.json()["sum"]) == (3 * MILLION - 1, 3 * MILLION)
    answer = await approve(office, grants, 3 * MILLION)
    assert problem(answer) == (409, "budget_exceeded")
    assert answer.json()["amount"] == 3 * MILLION
    assert await untouched(office)
    await office.budget(3 * MILLION)
    assert (await approve(office, grants, 3 * MILLION)).status_code == 200


async def test_a_large_grant_may_be_in_the_list_of_its_second_approver(office: Office) -> None:
    await office.budget(60 * MILLION)
    (large,) = await verified(office, "large", amount=50 * MILLION)
    await office.take("approve", large)
    assert (await approve(office, [large], 50 * MILLION)).json()["refusals"][0]["code"] == "four_eyes"
    assert (await approve(office, [large], 50 * MILLION, who=PROVINCE_TOO)).status_code == 200
    assert await office.money() == (60 * MILLION, 50 * MILLION, 0)


async def test_lists_and_single_approvals_at_once_neither_exceed_the_budget_nor_approve_twice(office: Office) -> None:
    await office.budget(7 * MILLION)
    grants = await verified(office, *(f"P-{place}" for place in range(10)))
    answers = await asyncio.gather(
        *(approve(office, grants[start : start + 4], 4 * MILLION) for start in range(7)),
        *(office.take("approve", number, who=PROVINCE_TOO) for number in grants),
    )
    assert {answer.status_code for answer in answers} == {200, 409}
    approved = await office.value("SELECT count(*) FROM grants WHERE status = 'approved'")
    assert await office.money() == (7 * MILLION, approved * MILLION, 0)
    assert await office.value("SELECT count(*) FROM steps WHERE step = 'approve'") == approved <= 7
    async with office.database.reading(still=True) as session:
        assert await reconcile.differences(session) == []


@pytest.mark.parametrize("who", [OFFICER, TREASURER])
async def test_only_the_province_approves_a_list(office: Office, who: Any) -> None:
    assert problem(await approve(office, numbers("P-1"), 1, who=who)) == (403, "forbidden")


async def test_a_list_names_each_grant_once_and_a_district_of_east_java(office: Office) -> None:
    assert problem(await approve(office, numbers("P-1", "P-1"), 1)) == (422, "invalid_request")
    assert problem(await approve(office, [], 1)) == (422, "invalid_request")
    assert problem(await approve(office, numbers("P-1"), 0)) == (422, "invalid_request")
    assert problem(await approve(office, numbers("P-1"), 1, district="3399")) == (404, "not_found")
