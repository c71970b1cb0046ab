"""What came of training and marketing is on record with the grant, corrected by saying it again."""

from typing import Any

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from shared.events.district import GrantKind
from shared.events.envelope import grant_id
from shared.security import Caller, Role
from tests.integration.grants.office import (
    BOJONEGORO,
    GRANT,
    OFFICER,
    PROVINCE,
    TUBAN,
    Office,
    person,
    problem,
    request,
)

TRAINING = {
    "on": "2026-12-10",
    "sessions_planned": 12,
    "sessions_attended": 11,
    "certificate": "competence",
    "note": "",
}
MARKETING = {"on": "2026-12-20", "venue": "stand", "sales": 2_750_000, "orders": 14, "note": "Pameran Tuban"}


async def given(office: Office, kind: GrantKind, status: str = "disbursed", *, ref: str = "B-1") -> None:
    await office.budget(10_000_000)
    await office.hear(person(), request(ref, kind=kind, items=(), amount=1_500_000))
    await office.bring(grant_id(BOJONEGORO, ref), status)


async def say(office: Office, body: Any, *, who: Caller = OFFICER, key: str | None = None) -> httpx.Response:
    return await office.call("POST", f"/v1/grants/{GRANT}/outcome", who, body, key=key)


async def test_the_outcome_of_a_training_is_shown_with_the_grant_and_its_value(office: Office) -> None:
    await given(office, GrantKind.training)
    assert (await office.grant())["outcome"] is None
    answer = await say(office, TRAINING)
    assert answer.status_code == 200, answer.text
    grant = await office.grant()
    assert answer.json() == grant
    recorded_at = grant["outcome"].pop("recorded_at")
    assert (grant["amount"], grant["outcome"]) == (
        1_500_000,
        {**TRAINING, "venue": None, "sales": None, "orders": None, "recorded_by": "ratna"},
    )
    last = grant["history"][-1]
    assert (last["step"], last["who"], last["on"], last["when"]) == ("outcome", "ratna", "2026-12-10", recorded_at)


async def test_an_outcome_said_again_replaces_the_one_before_and_a_retry_says_nothing_twice(office: Office) -> None:
    await given(office, GrantKind.marketing)
    first = await say(office, MARKETING, key="one")
    assert (await say(office, MARKETING, key="one")).content == first.content
    await say(office, {**MARKETING, "sales": 3_000_000}, who=PROVINCE)
    grant = await office.grant()
    assert (grant["outcome"]["sales"], grant["outcome"]["recorded_by"]) == (3_000_000, "budi")
    assert [entry["step"] for entry in grant["history"]].count("outcome") == 2


async def test_those_of_which_nothing_is_known_yet_are_listed(office: Office) -> None:
    await given(office, GrantKind.training)
    await given(office, GrantKind.marketing, ref="B-2")
    await given(office, GrantKind.cash, ref="B-3")
    await given(office, GrantKind.training, "approved", ref="B-4")
    await say(office, TRAINING)

    async def listed(outcome: str) -> set[str]:
        found = await office.call("GET", f"/v1/grants?outcome={outcome}", OFFICER)
        return {grant["grant_ref"] for grant in found.json()["items"]}

    assert (await listed("recorded"), await listed("missing")) == ({"B-1"}, {"B-2"})


@pytest.mark.parametrize(
    ("kind", "status", "body", "code"),
    [
        (GrantKind.training, "disbursed", MARKETING, "wrong_outcome"),
        (GrantKind.marketing, "disbursed", TRAINING, "wrong_outcome"),
        (GrantKind.cash, "disbursed", TRAINING, "wrong_outcome"),
        (GrantKind.training, "approved", TRAINING, "illegal_transition"),
        (GrantKind.marketing, "cancelled", MARKETING, "illegal_transition"),
    ],
)
async def test_only_what_was_paid_has_an_outcome_and_only_its_own(
    office: Office, kind: GrantKind, status: str, body: dict[str, Any], code: str
) -> None:
    await given(office, kind, status)
    assert problem(await say(office, body)) == (409, code)
    assert (await office.grant())["outcome"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {**TRAINING, "sessions_attended": 13},
        {**TRAINING, "sessions_planned": 0, "sessions_attended": 0},
        {**TRAINING, "certificate": "gold"},
        {**MARKETING, "sales": -1},
        {**MARKETING, "sales": "1"},
        {**MARKETING, "venue": None},
        {"on": "2026-12-10"},
    ],
)
async def test_an_outcome_that_makes_no_sense_is_refused(office: Office, wrong: dict[str, Any]) -> None:
    await given(office, GrantKind.training)
    assert problem(await say(office, wrong)) == (422, "invalid_request")


async def test_outcomes_are_put_on_record_by_officers_of_the_district_and_the_province(office: Office) -> None:
    await given(office, GrantKind.training)
    neighbour = Caller("sari", Role.district_officer, TUBAN)
    assert problem(await say(office, TRAINING, who=neighbour)) == (404, "not_found")
    assert problem(await say(office, TRAINING, who=Caller("t", Role.treasurer, None))) == (403, "forbidden")


async def test_the_schema_itself_refuses_half_an_outcome(office: Office) -> None:
    await given(office, GrantKind.training)
    await say(office, TRAINING)
    with pytest.raises(IntegrityError):
        await office.change("UPDATE outcomes SET certificate = NULL")
    with pytest.raises(IntegrityError):
        await office.change("UPDATE outcomes SET venue = 'stand', sales = 1, orders = 1")
