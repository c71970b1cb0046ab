"""Who may take which step of a grant, and the budgets it is paid from."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared.events.district import GrantKind, Status
from shared.events.envelope import grant_id
from shared.security import Caller, Role
from tests.integration.grants.office import (
    ADMIN,
    BOJONEGORO,
    GRANT,
    OFFICER,
    PATHS,
    PROVINCE,
    PROVINCE_TOO,
    STEPS,
    TREASURER,
    TUBAN,
    Office,
    cash,
    handover,
    pair,
    person,
    problem,
    request,
)

# Officers


async def test_a_grant_goes_from_request_to_handover_with_one_fact_for_each_step(office: Office) -> None:
    await office.budget(10_000_000)
    await office.hear(person(), request())
    for action, status, money in (
        ("verify", "verified", (10_000_000, 0, 0)),
        ("approve", "approved", (10_000_000, 3_000_000, 0)),
        ("disburse", "disbursed", (10_000_000, 3_000_000, 3_000_000)),
    ):
        answer = await office.take(action)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert await office.money() == money
        assert answer.json() == await office.grant()
    await office.hear(handover())
    history = (await office.grant())["history"]
    assert [(entry["step"], entry["who"], entry["note"]) for entry in history] == [
        ("request", "/district/3522/test", ""),
        ("verify", "ratna", "checked"),
        ("approve", "budi", "checked"),
        ("disburse", "tono", "SP2D-17"),
        ("hand_over", "/district/3522/test", ""),
    ]
    assert [entry["on"] for entry in history[3:]] == ["2026-11-20", "2026-11-25"]
    *told, assets = await office.told()
    assert assets[0] == "assets-kept.v1"
    assert [name for name, _, _ in told] == [
        "budget-set.v1",
        "grant-requested.v1",
        "grant-verified.v1",
        "grant-approved.v1",
        "grant-disbursed.v1",
        "grant-handed-over.v1",
    ]
    assert [data["version"] for _, _, data in told[1:]] == [1, 2, 3, 4, 5]
    assert [data["on"] for _, _, data in told[-2:]] == ["2026-11-20", "2026-11-25"]
    assert told[0][1:] == (
        "3522",
        {
            "version": 1,
            "district": "3522",
            "fiscal_year": 2026,
            "amount": 10_000_000,
            "funds": [{"fund": "apbd_provinsi", "amount": 10_000_000}],
        },
    )


async def test_a_step_is_refused_in_every_status_it_does_not_start_from(office: Office) -> None:
    allowed = {
        ("requested", "verify"),
        ("requested", "reject"),
        ("requested", "cancel"),
        ("verified", "approve"),
        ("verified", "reject"),
        ("verified", "cancel"),
        ("approved", "disburse"),
        ("approved", "cancel"),
    }
    await office.budget(1_000_000_000)
    for place, status in enumerate(PATHS):
        ref = f"S-{place}"
        number = grant_id(BOJONEGORO, ref)
        await office.hear(person(), request(ref, kind=GrantKind.training, items=()))
        await office.bring(number, status)
        assert (await office.grant(number))["status"] == status
        told = len(await office.told())
        for action in STEPS:
            if (status, action) in allowed:
                continue
            who = Caller("someone", STEPS[action][0].role, STEPS[action][0].district)
            who = PROVINCE_TOO if action == "reject" else who
            answer = await office.take(action, number, who=who)
            assert problem(answer) == (409, "illegal_transition"), (status, action)
            assert answer.json()["status"] == 409
            assert answer.json()["present"] == status
        assert len(await office.told()) == told


async def test_a_step_may_start_from_every_status_the_rules_name(office: Office) -> None:
    await office.budget(1_000_000_000)
    for place, (status, action, becomes) in enumerate(
        (
            ("verified", "cancel", "cancelled"),
            ("approved", "cancel", "cancelled"),
            ("requested", "cancel", "cancelled"),
            ("requested", "reject", "rejected"),
            ("verified", "reject", "rejected"),
        )
    ):
        ref = f"S-{place}"
        number = grant_id(BOJONEGORO, ref)
        await office.hear(person(), request(ref, kind=GrantKind.training, items=()))
        await office.bring(number, status)
        who = PROVINCE if status == "verified" else STEPS[action][0]
        assert (await office.take(action, number, who=who)).json()["status"] == becomes
        assert (await office.told())[-1][0] == f"grant-{becomes}.v1"
    assert await office.money() == (1_000_000_000, 0, 0)


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("verify", {"district_officer"}),
        ("approve", {"province_officer"}),
        ("reject", {"district_officer", "province_officer"}),
        ("disburse", {"treasurer"}),
        ("cancel", {"district_officer", "province_officer"}),
    ],
)
async def test_a_step_is_only_for_its_roles(office: Office, action: str, roles: set[str]) -> None:
    await office.hear(person(), request())
    for role in Role:
        district = BOJONEGORO if role.value.startswith("district") else None
        answer = await office.take(action, who=Caller("x", role, district), body={})
        assert (answer.status_code == 403) == (role.value not in roles)
    assert (await office.grant())["status"] == "requested"


async def test_a_district_officer_cannot_reject_what_was_verified(office: Office) -> None:
    await office.hear(person(), request())
    await office.take("verify")
    assert problem(await office.take("reject")) == (403, "forbidden")
    assert (await office.take("reject", who=PROVINCE)).status_code == 200


async def test_the_same_person_never_takes_two_of_the_three_steps(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.take("verify")
    assert problem(await office.take("approve", who=PROVINCE._replace(sub="ratna"))) == (409, "four_eyes")
    await office.take("approve")
    for sub in ("ratna", "budi"):
        assert problem(await office.take("disburse", who=TREASURER._replace(sub=sub))) == (409, "four_eyes")
    assert await office.money() == (3_000_000, 3_000_000, 0)


async def test_the_schema_itself_knows_that_maker_is_never_checker(office: Office) -> None:
    await office.hear(person(), request())
    await office.take("verify")
    with pytest.raises(IntegrityError):
        async with office.database.transaction() as session:
            await session.execute(
                text(
                    "INSERT INTO steps (grant_id, step, sub, at, day, note) "
                    "SELECT grant_id, 'approve', sub, at, day, note FROM steps"
                )
            )


async def test_fifty_million_needs_two_different_approvers(office: Office) -> None:
    await office.budget(60_000_000)
    await office.hear(person(), cash("B-1", 50_000_000))
    await office.take("verify")
    first = await office.take("approve")
    assert (first.status_code, first.json()["status"]) == (200, "verified")
    assert [entry["step"] for entry in first.json()["history"]] == ["request", "verify", "approve"]
    assert await office.money() == (60_000_000, 0, 0)
    assert problem(await office.take("approve")) == (409, "four_eyes")
    assert [name for name, _, _ in await office.told()][-1] == "grant-verified.v1"
    second = await office.take("approve", who=PROVINCE_TOO)
    assert second.json()["status"] == "approved"
    assert await office.money() == (60_000_000, 50_000_000, 0)
    assert [name for name, _, _ in await office.told()][-1] == "grant-approved.v1"


async def test_one_rupiah_less_needs_one_approver(office: Office) -> None:
    await office.budget(60_000_000)
    await office.hear(person(), cash("B-1", 49_999_999))
    await office.bring(GRANT, "approved")
    assert await office.money() == (60_000_000, 49_999_999, 0)


async def test_an_approval_is_refused_with_the_criteria_that_fail_now(office: Office) -> None:
    await office.budget(10_000_000)
    await office.hear(person(), request(desil=5))
    await office.take("verify")
    await office.hear(pair("BJN-1", "BJN-2", version=1))
    answer = await office.take("approve")
    assert problem(answer) == (409, "duplicate_suspected")
    assert answer.json()["failed"] == ["duplicate_suspected"]
    await office.hear(person(version=2, status=Status.withdrawn))
    answer = await office.take("approve")
    assert problem(answer) == (409, "criteria_not_met")
    assert answer.json()["failed"] == ["not_ex_client", "duplicate_suspected"]
    assert await office.money() == (10_000_000, 0, 0)
    await office.hear(pair("BJN-1", "BJN-2", version=2, decision="same"), person(version=3))
    assert (await office.take("approve")).status_code == 200


async def test_an_approval_judges_anew_and_trusts_no_kept_assessment(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), request())
    await office.take("verify")
    async with office.database.transaction() as session:
        await session.execute(text("UPDATE beneficiaries SET status = 'moved'"))
    assert await office.failed() == []
    assert problem(await office.take("approve")) == (409, "criteria_not_met")


async def test_a_first_of_two_approvals_is_refused_too_when_a_criterion_fails(office: Office) -> None:
    await office.hear(person(), cash("B-1", 50_000_000, desil=6))
    await office.take("verify")
    assert problem(await office.take("approve")) == (409, "criteria_not_met")
    assert len((await office.grant())["history"]) == 2


# Budgets


async def test_an_approval_beyond_the_budget_changes_nothing(office: Office) -> None:
    await office.hear(person(), person("BJN-2"), request(), request("B-2", to="BJN-2"))
    second = grant_id(BOJONEGORO, "B-2")
    await office.bring(GRANT, "verified")
    await office.bring(second, "verified")
    answer = await office.take("approve")
    assert problem(answer) == (409, "budget_exceeded")
    assert (answer.json()["budget"], answer.json()["committed"], answer.json()["amount"]) == (0, 0, 3_000_000)
    await office.budget(5_999_999)
    assert (await office.take("approve")).status_code == 200
    before = await office.told()
    answer = await office.take("approve", second)
    assert problem(answer) == (409, "budget_exceeded")
    assert (answer.json()["budget"], answer.json()["committed"]) == (5_999_999, 3_000_000)
    assert (await office.grant(second))["status"] == "verified"
    assert await office.told() == before
    await office.budget(6_000_000)
    assert (await office.take("approve", second)).status_code == 200
    assert await office.money() == (6_000_000, 6_000_000, 0)


async def test_a_grant_is_paid_from_the_budget_of_its_own_district_and_year(office: Office) -> None:
    await office.budget(9_000_000, district=TUBAN)
    await office.budget(9_000_000, year=2027)
    await office.hear(person(), request())
    await office.take("verify")
    assert problem(await office.take("approve")) == (409, "budget_exceeded")


async def test_a_cancelled_grant_frees_its_budget(office: Office) -> None:
    await office.budget(3_000_000)
    await office.hear(person(), person("BJN-2"), request(), request("B-2", to="BJN-2"))
    second = grant_id(BOJONEGORO, "B-2")
    await office.bring(GRANT, "approved")
    await office.bring(second, "verified")
    assert problem(await office.take("approve", second)) == (409, "budget_exceeded")
    assert (await office.take("cancel")).json()["status"] == "cancelled"
    assert await office.money() == (3_000_000, 0, 0)
    assert (await office.take("approve", second)).status_code == 200


async def test_a_budget_is_never_set_below_what_is_committed(office: Office) -> None:
    await office.budget(5_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "approved")
    answer = await office.budget(2_999_999)
    assert problem(answer) == (409, "budget_below_committed")
    assert (answer.json()["amount"], answer.json()["committed"]) == (2_999_999, 3_000_000)
    money = {"amount": 3_000_000, "committed": 3_000_000, "disbursed": 0, "remaining": 0}
    assert (await office.budget(3_000_000)).json() == {
        "district": "3522",
        "fiscal_year": 2026,
        **money,
        "funds": [{"fund": "apbd_provinsi", **money}],
    }
    assert [data["version"] for name, _, data in await office.told() if name == "budget-set.v1"] == [1, 2]


async def test_the_schema_itself_refuses_a_budget_that_is_exceeded(office: Office) -> None:
    await office.budget(1)
    with pytest.raises(IntegrityError):
        async with office.database.transaction() as session:
            await session.execute(text("UPDATE budgets SET committed = 2"))


async def test_budgets_are_shown_by_district_and_a_district_sees_its_own(office: Office) -> None:
    await office.budget(4_000_000)
    await office.budget(7_000_000, district=TUBAN)
    await office.budget(1, year=2027)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    of_bojonegoro = {"amount": 4_000_000, "committed": 3_000_000, "disbursed": 3_000_000, "remaining": 1_000_000}
    of_tuban = {"amount": 7_000_000, "committed": 0, "disbursed": 0, "remaining": 7_000_000}
    bojonegoro, tuban = (
        {"district": district, "fiscal_year": 2026, **money, "funds": [{"fund": "apbd_provinsi", **money}]}
        for district, money in (("3522", of_bojonegoro), ("3523", of_tuban))
    )
    everyone = await office.call("GET", "/v1/budgets/2026", Caller("v", Role.viewer, None))
    assert everyone.json() == {"fiscal_year": 2026, "items": [bojonegoro, tuban], "next": None}
    own = await office.call("GET", "/v1/budgets/2026", OFFICER)
    assert own.json() == {"fiscal_year": 2026, "items": [bojonegoro], "next": None}


async def test_only_an_admin_sets_a_budget_and_only_of_a_district_of_east_java(office: Office) -> None:
    for who in (OFFICER, PROVINCE, TREASURER):
        answer = await office.call("PUT", "/v1/budgets/2026/3522", who, {"amount": 1})
        assert problem(answer) == (403, "forbidden")
    assert problem(await office.budget(1, district="3399")) == (404, "not_found")


@pytest.mark.parametrize("amount", [-1, 1_000_000_000_001, 1.5, "1", True, None])
async def test_a_budget_is_whole_rupiah_up_to_a_trillion(office: Office, amount: object) -> None:
    answer = await office.call("PUT", "/v1/budgets/2026/3522", ADMIN, {"amount": amount})
    assert problem(answer) == (422, "invalid_request")
