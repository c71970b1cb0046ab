"""Every rupiah of a budget has its entry, and moves from district to district in one step."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from services.grants import reconcile
from shared.database import run
from shared.events.envelope import grant_id
from shared.security import Caller, Role
from tests.integration.grants.office import (
    ADMIN,
    BOJONEGORO,
    GRANT,
    OFFICER,
    PROVINCE,
    REASON,
    TUBAN,
    Office,
    person,
    problem,
    request,
)

LAMONGAN = "3524"
AUDITOR = Caller("auditor", Role.auditor, None)


async def move(
    office: Office, amount: object, *, giving: str = BOJONEGORO, getting: str = TUBAN, who: Caller = ADMIN, **more: Any
) -> Any:
    body = {"from": giving, "to": getting, "amount": amount, "reason": "Bojonegoro is done"}
    return await office.call("POST", "/v1/budgets/2026/moves", who, body, **more)


async def ledger(office: Office, query: str = "", *, who: Caller = AUDITOR) -> list[dict[str, Any]]:
    answer = await office.call("GET", f"/v1/budgets/2026/ledger{query}", who)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def amounts(office: Office) -> dict[str, tuple[int, int]]:
    """(amount, committed) by district."""
    return {row[0]: (row[1], row[2]) for row in await office.rows("SELECT district, amount, committed FROM budgets")}


async def differences(office: Office) -> list[reconcile.Difference]:
    async with office.database.reading(still=True) as session:
        return await reconcile.differences(session)


async def test_the_ledger_tells_every_rupiah_from_the_first_budget_to_the_payment(office: Office) -> None:
    await office.budget(9_000_000)
    await office.budget(12_000_000)
    await office.budget(10_000_000)
    await office.budget(10_000_000)
    await move(office, 1_000_000)
    await office.hear(person(), person("BJN-2"), request(), request("B-2", to="BJN-2"))
    await office.bring(GRANT, "disbursed")
    second = grant_id(BOJONEGORO, "B-2")
    await office.bring(second, "approved")
    await office.take("cancel", second)
    found = await ledger(office, f"?district={BOJONEGORO}")
    assert [(one["kind"], one["amount"], one["who"]) for one in found] == [
        ("set", 9_000_000, "admin"),
        ("raised", 3_000_000, "admin"),
        ("lowered", -2_000_000, "admin"),
        ("set", 0, "admin"),
        ("moved", -1_000_000, "admin"),
        ("reserved", 3_000_000, "budi"),
        ("disbursed", 3_000_000, "tono"),
        ("reserved", 3_000_000, "budi"),
        ("freed", -3_000_000, "budi"),
    ]
    assert [one["grant_id"] for one in found[4:]] == [None, *[str(GRANT)] * 2, *[str(second)] * 2]
    assert (found[4]["other_district"], found[4]["note"]) == (TUBAN, "Bojonegoro is done")
    assert await office.rows("SELECT amount, committed, disbursed FROM budgets WHERE district = '3522'") == [
        (9_000_000, 3_000_000, 3_000_000)
    ]
    assert await differences(office) == []


async def test_a_refused_step_leaves_no_entry(office: Office) -> None:
    await office.hear(person(), request())
    await office.take("verify")
    await office.budget(2_999_999)
    before = await ledger(office)
    assert problem(await office.take("approve")) == (409, "budget_exceeded")
    assert (await office.take("cancel", body=REASON)).status_code == 200
    assert await ledger(office) == before


async def test_the_ledger_is_shown_a_page_at_a_time_and_a_district_sees_its_own(office: Office) -> None:
    for million in (1, 2, 3):
        await office.budget(million * 1_000_000)
        await office.budget(million * 1_000_000, district=TUBAN)
    seen: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = (await office.call("GET", f"/v1/budgets/2026/ledger?limit=2&after={after}", AUDITOR)).json()
        seen += page["items"]
        after = page["next"]
    assert [one["district"] for one in seen] == [BOJONEGORO, TUBAN] * 3
    assert {one["district"] for one in await ledger(office, who=OFFICER)} == {BOJONEGORO}
    assert problem(await office.call("GET", f"/v1/budgets/2026/ledger?district={TUBAN}", OFFICER)) == (404, "not_found")


async def test_a_move_changes_both_budgets_and_tells_of_both(office: Office) -> None:
    await office.budget(5_000_000)
    answer = await move(office, 2_000_000, key="one")
    assert answer.status_code == 200, answer.text
    assert [(one["district"], one["amount"], one["remaining"]) for one in answer.json()["items"]] == [
        (BOJONEGORO, 3_000_000, 3_000_000),
        (TUBAN, 2_000_000, 2_000_000),
    ]
    assert (await move(office, 2_000_000, key="one")).content == answer.content
    told = [(data["district"], data["version"], data["amount"]) for _, _, data in await office.told()]
    assert told == [(BOJONEGORO, 1, 5_000_000), (BOJONEGORO, 2, 3_000_000), (TUBAN, 1, 2_000_000)]
    assert len(await ledger(office)) == 3
    assert await differences(office) == []


async def test_a_move_leaves_what_is_committed_and_nothing_is_moved_when_it_is_refused(office: Office) -> None:
    await office.budget(5_000_000)
    await office.budget(1_000_000_000_000 - 1_000_000, district=LAMONGAN)
    await office.hear(person(), request())
    await office.bring(GRANT, "approved")
    before = await amounts(office)
    answer = await move(office, 2_000_001)
    assert problem(answer) == (409, "budget_below_committed")
    assert (answer.json()["amount"], answer.json()["committed"]) == (2_999_999, 3_000_000)
    assert problem(await move(office, 1, giving=TUBAN, getting=BOJONEGORO)) == (409, "budget_below_committed")
    assert problem(await move(office, 1_000_001, getting=LAMONGAN)) == (409, "budget_too_large")
    assert problem(await move(office, 1, getting=BOJONEGORO)) == (409, "same_district")
    assert problem(await move(office, 1, getting="3399")) == (404, "not_found")
    assert problem(await move(office, 1, who=PROVINCE)) == (403, "forbidden")
    for amount in (0, -1, 1.5, "1", None):
        assert problem(await move(office, amount)) == (422, "invalid_request")
    assert await amounts(office) == before
    assert (await move(office, 2_000_000)).status_code == 200
    assert await amounts(office) == {**before, BOJONEGORO: (3_000_000, 3_000_000), TUBAN: (2_000_000, 0)}


async def test_moves_against_each_other_at_once_neither_lock_up_nor_lose_a_rupiah(office: Office) -> None:
    places = [BOJONEGORO, TUBAN, LAMONGAN]
    for place in places:
        await office.budget(3_000_000, district=place)
    pairs = [(giving, getting) for giving in places for getting in places if giving != getting] * 4
    answers = await asyncio.gather(
        *(move(office, 1_000_000, giving=giving, getting=getting) for giving, getting in pairs)
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"budget_below_committed"}
    assert sum(amount for amount, _ in (await amounts(office)).values()) == 9_000_000
    moved = sum(answer.status_code == 200 for answer in answers)
    assert len(await ledger(office)) == 3 + 2 * moved > 3
    assert await differences(office) == []


@pytest.mark.parametrize(
    ("change", "thing"),
    [
        ("UPDATE budgets SET amount = amount + 1", "3522 2026 apbd_provinsi"),
        ("UPDATE budgets SET disbursed = disbursed - 1", "3522 2026 apbd_provinsi"),
        ("DELETE FROM ledger WHERE kind = 'disbursed'", "3522 2026 apbd_provinsi"),
        ("UPDATE ledger SET amount = amount - 1 WHERE kind = 'reserved'", f"grant {GRANT}"),
        ("UPDATE grants SET status = 'approved', version = 3", f"grant {GRANT}"),
        ("UPDATE grants SET version = version + 1", f"grant {GRANT}"),
        ("UPDATE outbox SET payload = replace(payload, '9000000', '9000001')", "3522 2026"),
    ],
)
async def test_reconcile_names_whatever_was_changed_by_hand(office: Office, change: str, thing: str) -> None:
    await office.budget(9_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    assert await differences(office) == []
    await office.change(change)
    assert thing in {one.thing for one in await differences(office)}


@pytest.mark.parametrize(
    "row",
    [
        "'reserved', 1, NULL, NULL",
        "'set', 1, :grant, NULL",
        "'freed', 1, :grant, NULL",
        "'disbursed', 0, :grant, NULL",
        "'moved', 1, NULL, NULL",
        "'raised', 1, NULL, '3523'",
        "'lowered', 1, NULL, NULL",
        "'given', 1, NULL, NULL",
    ],
)
async def test_the_schema_itself_refuses_an_entry_that_makes_no_sense(office: Office, row: str) -> None:
    await office.budget(9_000_000)
    await office.hear(person(), request())
    statement = (
        "INSERT INTO ledger (fiscal_year, district, kind, amount, grant_id, other_district, cause, sub, at, note) "
        f"SELECT 2026, '3522', {row}, 'c', '', at, '' FROM ledger"
    )
    with pytest.raises(IntegrityError):
        async with office.database.transaction() as session:
            await run(session, statement, **({"grant": GRANT} if ":grant" in row else {}))


async def test_no_cause_makes_two_entries(office: Office) -> None:
    await office.budget(9_000_000)
    columns = "fiscal_year, district, kind, amount, cause, sub, at, note"
    with pytest.raises(IntegrityError):
        await office.change(f"INSERT INTO ledger ({columns}) SELECT {columns} FROM ledger")
