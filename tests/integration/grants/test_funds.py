"""A budget is of a district, a year and a source of funds: what one gives pays for nothing of another."""

import asyncio
from collections import Counter
from typing import Any

import httpx

from services.grants import reconcile
from shared.events.envelope import grant_id
from shared.security import Caller, Role
from tests.integration.grants.office import (
    ADMIN,
    BOJONEGORO,
    GRANT,
    NOTE,
    PROVINCE,
    PROVINCE_TOO,
    TUBAN,
    Office,
    cash,
    person,
    problem,
    request,
)

MILLION = 1_000_000


async def give(office: Office, amount: int, fund: str, *, district: str = BOJONEGORO) -> httpx.Response:
    return await office.call("PUT", f"/v1/budgets/2026/{district}", ADMIN, {"amount": amount, "fund": fund})


async def funds(office: Office, district: str = BOJONEGORO) -> dict[str, tuple[int, int, int]]:
    """(amount, committed, disbursed) by fund."""
    found = await office.rows(f"SELECT fund, amount, committed, disbursed FROM budgets WHERE district = '{district}'")
    return {row[0]: tuple(row[1:]) for row in found}


async def approve(office: Office, number: Any = GRANT, fund: str | None = None, who: Caller = PROVINCE) -> Any:
    return await office.take("approve", number, who=who, body={**NOTE, "fund": fund})


async def proven(office: Office) -> None:
    async with office.database.reading(still=True) as session:
        assert await reconcile.differences(session) == []


async def test_a_budget_is_the_sum_of_its_funds_and_its_fact_says_what_it_is_made_of(office: Office) -> None:
    await give(office, 4 * MILLION, "csr")
    answer = await give(office, 6 * MILLION, "apbn")
    assert answer.json() == {
        "district": BOJONEGORO,
        "fiscal_year": 2026,
        "amount": 10 * MILLION,
        "committed": 0,
        "disbursed": 0,
        "remaining": 10 * MILLION,
        "funds": [
            {"fund": "apbn", "amount": 6 * MILLION, "committed": 0, "disbursed": 0, "remaining": 6 * MILLION},
            {"fund": "csr", "amount": 4 * MILLION, "committed": 0, "disbursed": 0, "remaining": 4 * MILLION},
        ],
    }
    told = [data for _, _, data in await office.told()]
    assert [(data["version"], data["amount"]) for data in told] == [(1, 4 * MILLION), (2, 10 * MILLION)]
    assert told[1]["funds"] == [{"fund": "apbn", "amount": 6 * MILLION}, {"fund": "csr", "amount": 4 * MILLION}]
    await proven(office)


async def test_a_grant_is_paid_from_the_fund_it_was_approved_for(office: Office) -> None:
    await give(office, 2 * MILLION, "apbd_provinsi")
    await give(office, 5 * MILLION, "baznas")
    await office.hear(person(), request())
    await office.take("verify")
    refused = await approve(office)
    assert problem(refused) == (409, "budget_exceeded")
    assert (await office.grant())["fund"] is None
    answer = await approve(office, fund="baznas")
    assert (answer.status_code, answer.json()["fund"]) == (200, "baznas")
    await office.take("disburse")
    assert await funds(office) == {
        "apbd_provinsi": (2 * MILLION, 0, 0),
        "baznas": (5 * MILLION, 3 * MILLION, 3 * MILLION),
    }
    assert [data.get("fund") for name, _, data in await office.told() if name.startswith("grant-")] == [
        None,
        None,
        "baznas",
        "baznas",
    ]
    assert problem(await give(office, 2 * MILLION, "baznas")) == (409, "budget_below_committed")
    ledger = await office.call("GET", "/v1/budgets/2026/ledger?fund=baznas", PROVINCE)
    assert [(entry["kind"], entry["amount"]) for entry in ledger.json()["items"]] == [
        ("set", 5 * MILLION),
        ("reserved", 3 * MILLION),
        ("disbursed", 3 * MILLION),
    ]
    await proven(office)


async def test_a_cancelled_grant_frees_its_own_fund(office: Office) -> None:
    await give(office, 5 * MILLION, "apbn")
    await office.hear(person(), request())
    await office.take("verify")
    await approve(office, fund="apbn")
    await office.take("cancel")
    assert await funds(office) == {"apbn": (5 * MILLION, 0, 0)}
    await proven(office)


async def test_two_approvers_commit_one_fund(office: Office) -> None:
    await give(office, 60 * MILLION, "csr")
    await office.hear(person(), cash("B-1", 50 * MILLION))
    await office.take("verify")
    assert (await approve(office, fund="csr")).json()["status"] == "verified"
    assert problem(await approve(office, fund="apbn", who=PROVINCE_TOO)) == (409, "fund_mismatch")
    assert (await approve(office, who=PROVINCE_TOO)).json()["fund"] == "csr"
    await proven(office)


async def test_a_fund_moves_to_another_district_as_what_it_is(office: Office) -> None:
    await give(office, 5 * MILLION, "csr")
    body = {"from": BOJONEGORO, "to": TUBAN, "amount": 2 * MILLION, "reason": "lebih perlu", "fund": "csr"}
    assert (await office.call("POST", "/v1/budgets/2026/moves", ADMIN, body)).status_code == 200
    assert (await funds(office), await funds(office, TUBAN)) == (
        {"csr": (3 * MILLION, 0, 0)},
        {"csr": (2 * MILLION, 0, 0)},
    )
    refused = await office.call("POST", "/v1/budgets/2026/moves", ADMIN, {**body, "fund": "apbn"})
    assert problem(refused) == (409, "budget_below_committed")
    unknown = await office.call("POST", "/v1/budgets/2026/moves", ADMIN, {**body, "fund": "lotere"})
    assert problem(unknown) == (422, "invalid_request")
    await proven(office)


async def test_the_funds_of_a_district_together_are_no_more_than_a_budget_may_be(office: Office) -> None:
    await give(office, 10**12, "apbn")
    assert problem(await give(office, 1, "csr")) == (409, "budget_too_large")
    assert await funds(office) == {"apbn": (10**12, 0, 0)}


async def test_a_list_is_approved_from_the_fund_it_names(office: Office) -> None:
    await give(office, 5 * MILLION, "baznas")
    await office.hear(person(), request())
    await office.take("verify")
    body = {
        "fiscal_year": 2026,
        "district": BOJONEGORO,
        "grant_ids": [str(GRANT)],
        "total": 3 * MILLION,
        "fund": "baznas",
    }
    assert (await office.call("POST", "/v1/batches", PROVINCE, body)).status_code == 200
    assert await funds(office) == {"baznas": (5 * MILLION, 3 * MILLION, 0)}
    await proven(office)


async def test_a_list_that_names_no_fund_leaves_each_grant_to_that_of_its_first_approver(office: Office) -> None:
    await give(office, 60 * MILLION, "csr")
    await office.hear(person(), cash("B-1", 50 * MILLION))
    await office.take("verify")
    await approve(office, fund="csr")
    body = {"fiscal_year": 2026, "district": BOJONEGORO, "grant_ids": [str(GRANT)], "total": 50 * MILLION}
    other = await office.call("POST", "/v1/batches", PROVINCE_TOO, body | {"fund": "apbn"})
    assert problem(other) == (409, "batch_refused")
    assert (await office.call("POST", "/v1/batches", PROVINCE_TOO, body)).status_code == 200
    assert await funds(office) == {"csr": (60 * MILLION, 50 * MILLION, 0)}
    await proven(office)


async def test_approvals_from_two_funds_at_once_exceed_neither(office: Office) -> None:
    refs = [f"P-{place}" for place in range(24)]
    await give(office, 5 * MILLION, "apbn")
    await give(office, 7 * MILLION, "csr")
    await office.hear(*(person(ref) for ref in refs), *(cash(ref, MILLION, to=ref) for ref in refs))
    numbers = [grant_id(BOJONEGORO, ref) for ref in refs]
    for number in numbers:
        await office.take("verify", number)
    calls = [approve(office, number, ("apbn", "csr")[place % 2]) for place, number in enumerate(numbers)]
    answers = Counter(answer.status_code for answer in await asyncio.gather(*calls))
    assert answers == {200: 12, 409: 12}
    assert await funds(office) == {"apbn": (5 * MILLION, 5 * MILLION, 0), "csr": (7 * MILLION, 7 * MILLION, 0)}
    await proven(office)


async def test_budgets_are_listed_a_page_at_a_time(office: Office) -> None:
    for district in (TUBAN, BOJONEGORO):
        await give(office, MILLION, "apbn", district=district)
        await give(office, MILLION, "csr", district=district)
    auditor = Caller("auditor", Role.auditor, None)
    first = (await office.call("GET", "/v1/budgets/2026?limit=1", auditor)).json()
    assert ([item["district"] for item in first["items"]], first["next"]) == ([BOJONEGORO], BOJONEGORO)
    assert len(first["items"][0]["funds"]) == 2
    last = (await office.call("GET", f"/v1/budgets/2026?limit=1&after={first['next']}", auditor)).json()
    assert ([item["district"] for item in last["items"]], last["next"]) == ([TUBAN], None)
