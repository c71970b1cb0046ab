"""Who withdrew consent is given nothing from then on, until it is given again; what was given stays on record."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from services.grants.tables import METADATA
from shared.events.envelope import Record, beneficiary_id
from tests.integration.grants.office import (
    BOJONEGORO,
    GRANT,
    PROVINCE,
    START,
    Office,
    cash,
    handover,
    person,
    problem,
    request,
)
from tests.integration.grants.test_assets import of, relocate

HOUR = timedelta(hours=1)


def withdrawn(version: int = 2, ref: str = "BJN-1", **more: Any) -> Record:
    return person(ref, version=version, consent_withdrawn_at=START + 2 * HOUR, **more)


async def test_a_request_made_after_the_withdrawal_is_rejected_and_one_made_before_goes_no_further(
    office: Office,
) -> None:
    await office.hear(
        person(),
        withdrawn(),
        request(event_id="before", after=HOUR),
        request(event_id="other content, after", after=3 * HOUR, purpose="to sew more"),
        cash("B-2", 1_000_000, event_id="at that moment", after=2 * HOUR),
    )
    assert await office.verdicts() == {
        "before": ("accepted", "accepted"),
        "other content, after": ("rejected", "no_consent"),
        "at that moment": ("rejected", "no_consent"),
    }
    assert await office.failed() == ["consent_withdrawn"]
    assert problem(await office.take("verify")) == (409, "consent_withdrawn")
    assert (await office.take("reject")).status_code == 200


async def test_an_open_grant_is_neither_approved_nor_paid_and_may_be_called_off(office: Office) -> None:
    await office.hear(person(), request(), cash("B-2", 1_000_000))
    await office.budget(10_000_000)
    await office.bring(GRANT, "verified")
    await office.hear(withdrawn())
    refused = await office.take("approve")
    assert (problem(refused), refused.json()["failed"]) == ((409, "criteria_not_met"), ["consent_withdrawn"])
    batch = {"fiscal_year": 2026, "district": BOJONEGORO, "grant_ids": [str(GRANT)], "total": 3_000_000}
    refused = await office.call("POST", "/v1/batches", PROVINCE, batch)
    assert refused.json()["refusals"] == [
        {"grant_id": str(GRANT), "code": "criteria_not_met", "failed": ["consent_withdrawn"]}
    ]
    await office.hear(person(version=3))
    assert (await office.take("approve")).status_code == 200
    await office.hear(withdrawn(4))
    assert problem(await office.take("disburse")) == (409, "consent_withdrawn")
    assert (await office.take("cancel")).status_code == 200
    assert await office.money() == (10_000_000, 0, 0)


async def test_what_was_paid_is_handed_over_and_nothing_passes_into_the_hands_of_who_withdrew(office: Office) -> None:
    await office.hear(person(), person("BJN-2"), request())
    await office.budget(10_000_000)
    await office.bring(GRANT, "disbursed")
    await office.hear(withdrawn(), withdrawn(ref="BJN-2"), handover(event_id="handed"))
    assert (await office.verdicts())["handed"] == ("accepted", "accepted")
    assert (await office.grant())["status"] == "handed_over"
    other = beneficiary_id(BOJONEGORO, "BJN-2")
    assert problem(await relocate(office, await of(office), other)) == (409, "consent_withdrawn")
    await office.hear(person("BJN-2", version=3))
    assert (await relocate(office, await of(office), other)).status_code == 200


async def test_consent_given_again_lets_a_grant_go_on_and_new_ones_be_requested(office: Office) -> None:
    await office.hear(
        person(), request(), withdrawn(), person(version=3), cash("B-2", 1_000_000, event_id="new", after=4 * HOUR)
    )
    assert (await office.verdicts())["new"] == ("accepted", "accepted")
    assert await office.failed() == []
    assert (await office.take("verify")).status_code == 200


@pytest.mark.parametrize("together", [True, False])
async def test_any_order_of_withdrawal_and_earlier_requests_ends_in_the_same_grants(
    office: Office, together: bool
) -> None:
    events = (person(), withdrawn(), request(event_id="r-1"), cash("B-2", 1_000_000, event_id="r-2", after=HOUR))
    for order in permutations(events):
        await office.forget_everything(METADATA)
        await office.arrive(together, *order)
        await office.drain()
        assert await office.rows("SELECT grant_ref, status, failed FROM grants ORDER BY grant_ref") == [
            ("B-1", "requested", "consent_withdrawn"),
            ("B-2", "requested", "consent_withdrawn"),
        ]
        assert set((await office.verdicts()).values()) == {("accepted", "accepted")}
