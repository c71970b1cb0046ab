"""The criteria of a fiscal year are data: decided by versions, and each assessment names the one that made it."""

from typing import Any

import pytest

from shared.events.district import GrantKind
from shared.events.envelope import grant_id
from shared.security import Caller, Role
from tests.integration.grants.office import (
    ADMIN,
    BOJONEGORO,
    GRANT,
    OFFICER,
    PROVINCE,
    Office,
    cash,
    person,
    problem,
    request,
)

DEFAULT: dict[str, Any] = {
    "kinds": ["cash", "equipment", "marketing", "training"],
    "max_desil": 5,
    "min_age": 15,
    "leaving_within_months": 3,
    "min_months_since_leaving": None,
    "max_months_since_leaving": None,
    "one_per_year": ["cash", "equipment"],
    "items": None,
}


async def decide(office: Office, *, year: int = 2026, who: Caller = ADMIN, key: str | None = None, **more: Any) -> Any:
    body = {**DEFAULT, "reason": "a poorer year", **more}
    return await office.call("PUT", f"/v1/programmes/{year}", who, body, key=key)


async def programme(office: Office, year: int = 2026) -> dict[str, Any]:
    answer = await office.call("GET", f"/v1/programmes/{year}", OFFICER)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def assessment(office: Office) -> tuple[list[str], int]:
    found = (await office.grant())["assessment"]
    return found["failed"], found["criteria_version"]


async def test_a_year_begins_with_the_rules_of_the_office(office: Office) -> None:
    found = await programme(office)
    first = {**DEFAULT, "version": 1, "who": None, "when": None, "reason": None}
    assert (found["in_force"], found["history"]) == (first, [first])
    codes = [criterion["code"] for criterion in found["criteria"]]
    assert codes == [
        "unknown_beneficiary",
        "consent_withdrawn",
        "foreign_district",
        "not_ex_client",
        "desil_above_5",
        "already_aided",
        "duplicate_suspected",
        "no_items",
        "under_15",
    ]


async def test_a_decision_is_a_new_version_and_the_old_ones_stay(office: Office) -> None:
    answer = await decide(office, max_desil=2, key="one")
    assert answer.status_code == 200, answer.text
    assert (await decide(office, max_desil=2, key="one")).content == answer.content
    again = await decide(office, max_desil=2, reason="said twice")
    assert again.json()["in_force"]["version"] == 2
    await decide(office, max_desil=3, items=["Obras", "Mesin jahit"], min_age=17)
    found = await programme(office)
    assert [(one["version"], one["max_desil"], one["who"]) for one in found["history"]] == [
        (3, 3, "admin"),
        (2, 2, "admin"),
        (1, 5, None),
    ]
    assert found["history"][1]["reason"] == "a poorer year"
    assert found["in_force"]["items"] == ["Mesin jahit", "Obras"]
    assert {"desil_above_3", "under_17", "item_not_allowed"} <= {one["code"] for one in found["criteria"]}
    assert (await programme(office, 2027))["in_force"]["version"] == 1


async def test_open_grants_of_the_year_are_judged_anew_and_others_keep_their_assessment(office: Office) -> None:
    await office.budget(100_000_000)
    await office.hear(
        *(person(ref) for ref in ("BJN-1", "BJN-2", "BJN-3", "BJN-4")),
        request(),
        request("B-2", to="BJN-2"),
        request("B-3", to="BJN-3", fiscal_year=2027),
        request("B-4", to="BJN-4"),
    )
    await office.bring(grant_id(BOJONEGORO, "B-2"), "approved")
    await office.bring(grant_id(BOJONEGORO, "B-4"), "rejected")
    await decide(office, max_desil=2)
    assert await office.rows("SELECT grant_ref, failed, criteria_version FROM grants ORDER BY grant_ref") == [
        ("B-1", "desil_above_2", 2),
        ("B-2", "", 1),
        ("B-3", "", 1),
        ("B-4", "", 1),
    ]
    await office.take("verify")
    refused = await office.take("approve")
    assert (problem(refused), refused.json()["failed"]) == ((409, "criteria_not_met"), ["desil_above_2"])
    await decide(office)
    assert await assessment(office) == ([], 3)
    assert (await office.take("approve")).status_code == 200
    assert await assessment(office) == ([], 3)


async def test_a_request_is_judged_by_the_programme_of_its_own_fiscal_year(office: Office) -> None:
    await decide(office, kinds=["training"])
    await decide(office, year=2027, items=["Obras"])
    await office.hear(person(), request(), request("B-2", fiscal_year=2027), request("B-3", fiscal_year=2028))
    assert await office.rows("SELECT grant_ref, failed, criteria_version FROM grants ORDER BY grant_ref") == [
        ("B-1", "kind_not_offered", 2),
        ("B-2", "item_not_allowed", 2),
        ("B-3", "", 1),
    ]


async def test_where_the_programme_says_so_one_training_a_year_is_enough(office: Office) -> None:
    training: dict[str, Any] = {"kind": GrantKind.training, "items": ()}
    await office.budget(100_000_000)
    await office.hear(person(), request(**training), request("B-2", **training), cash("B-3", 1_000_000))
    await office.bring(GRANT, "approved")
    assert await office.rows("SELECT failed FROM grants WHERE grant_ref <> 'B-1'") == [("",), ("",)]
    await decide(office, one_per_year=["training"])
    assert await office.rows("SELECT grant_ref, failed FROM grants ORDER BY grant_ref") == [
        ("B-1", ""),
        ("B-2", "already_aided"),
        ("B-3", ""),
    ]


async def test_only_an_admin_decides(office: Office) -> None:
    for who in (OFFICER, PROVINCE, Caller("t", Role.treasurer, None)):
        assert problem(await decide(office, who=who)) == (403, "forbidden")
    assert (await programme(office))["in_force"]["version"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": []},
        {"kinds": ["gold"]},
        {"max_desil": 11},
        {"max_desil": "5"},
        {"min_age": -1},
        {"min_months_since_leaving": 7, "max_months_since_leaving": 6},
        {"items": []},
        {"reason": ""},
    ],
)
async def test_a_decision_that_makes_no_sense_is_refused(office: Office, wrong: dict[str, Any]) -> None:
    assert problem(await decide(office, **wrong)) == (422, "invalid_request")
    body = {name: value for name, value in DEFAULT.items() if name not in wrong}
    assert problem(await office.call("PUT", "/v1/programmes/2026", ADMIN, body)) == (422, "invalid_request")
