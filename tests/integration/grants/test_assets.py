"""What was handed over is a thing with a holder and a condition; one serial is never in two hands."""

import asyncio
import random
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from services.grants.tables import METADATA
from shared.events.district import Asset
from shared.events.envelope import Record, beneficiary_id, grant_id
from shared.security import Caller, Role
from tests.helpers import again
from tests.integration.grants.office import (
    BOJONEGORO,
    GRANT,
    MACHINE,
    OBRAS,
    OFFICER,
    PROVINCE,
    SEAMSTRESS,
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

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OTHER = beneficiary_id(BOJONEGORO, "BJN-2")
TUBAN_OFFICER = OFFICER._replace(district=TUBAN, sub="tuti")


def serial(*serials: str) -> tuple[Asset, ...]:
    return tuple(Asset(name="Mesin jahit", serial=one) for one in serials)


async def assets(office: Office, query: str = "", *, who: Caller = PROVINCE) -> list[dict[str, Any]]:
    answer = await office.call("GET", f"/v1/assets{query}", who)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def of(office: Office, ref: str = "B-1", *, district: str = BOJONEGORO) -> dict[str, Any]:
    (found,) = await assets(office, f"?grant={grant_id(district, ref)}")
    return found


async def do(office: Office, action: str, asset: dict[str, Any], *, who: Caller = OFFICER, **more: Any) -> Any:
    key = more.pop("key", None)
    body = {"on": "2026-12-01", **more}
    return await office.call("POST", f"/v1/assets/{asset['asset_id']}/{action}", who, body, key=key)


async def relocate(office: Office, asset: dict[str, Any], to: UUID, **more: Any) -> Any:
    return await do(office, "relocate", asset, to=str(to), evidence_sha256="ef" * 32, **more)


async def paid(office: Office, *refs: str) -> None:
    """A disbursed cash grant for each, to a person of the same ref."""
    await office.budget(100_000_000)
    await office.hear(*(person(ref) for ref in refs), *(cash(ref, 1_000_000, to=ref) for ref in refs))
    for ref in refs:
        await office.bring(grant_id(BOJONEGORO, ref), "disbursed")


async def warnings(office: Office) -> dict[str, str]:
    rows = await office.rows(
        "SELECT event_id, warnings FROM inbox WHERE type LIKE '%handed-over%' AND verdict = 'accepted'"
    )
    return {row[0]: row[1] for row in rows}


async def test_a_handover_makes_an_asset_of_each_thing_it_names(office: Office) -> None:
    await office.budget(10_000_000)
    await office.hear(person(), request(items=(MACHINE, OBRAS), amount=5_000_000))
    await office.bring(GRANT, "disbursed")
    named = (
        Asset(name="Mesin jahit", serial="SN-1"),
        Asset(name="mesin OBRAS", serial="-"),
        Asset(name="mesin OBRAS", serial="-"),
        Asset(name="Mesin jahit", serial="sn 1"),
        Asset(name="Meja", serial="tidak ada"),
    )
    await office.hear(handover(assets=named))
    found = await assets(office)
    assert sorted((one["name"], one["serial"], one["value"]) for one in found) == [
        ("Meja", "tidak ada", None),
        ("Mesin jahit", "SN-1", 3_000_000),
        ("mesin OBRAS", "-", 1_000_000),
        ("mesin OBRAS", "-", 1_000_000),
    ]
    (machine,) = await assets(office, "?serial=sn1", who=OFFICER)
    assert {name: machine[name] for name in machine if name not in ("asset_id", "name", "serial", "value")} == {
        "grant_id": str(GRANT),
        "district": BOJONEGORO,
        "status": "held",
        "condition": "good",
        "beneficiary_id": str(SEAMSTRESS),
        "holder_id": str(SEAMSTRESS),
        "handed_over_on": "2026-11-25",
        "received_by": "beneficiary",
        "evidence_sha256": "ab" * 32,
        "history": [],
    }
    shown = await office.call("GET", f"/v1/assets/{machine['asset_id']}", OFFICER)
    assert shown.json() == machine


async def test_the_life_of_a_machine_is_told_by_its_history(office: Office) -> None:
    await paid(office, "BJN-1", "BJN-2")
    await office.hear(handover("BJN-1", by="BJN-1"))
    machine = await of(office, "BJN-1")
    assert (await do(office, "condition", machine, condition="broken", note="the belt")).status_code == 200
    first = await do(office, "repair", machine, condition="worn", cost=150_000, key="one")
    assert (await do(office, "repair", machine, condition="worn", cost=150_000, key="one")).content == first.content
    assert (await relocate(office, machine, OTHER)).status_code == 200
    answer = await do(office, "return", machine, condition="worn", who=PROVINCE)
    assert (answer.status_code, answer.json()) == (200, await of(office, "BJN-1"))
    found = answer.json()
    assert (found["status"], found["holder_id"], found["condition"]) == ("returned", None, "worn")
    assert [(one["step"], one["who"], one["condition"], one["cost"]) for one in found["history"]] == [
        ("condition", "ratna", "broken", None),
        ("repair", "ratna", "worn", 150_000),
        ("relocate", "ratna", "worn", None),
        ("return", "budi", "worn", None),
    ]
    assert [(one["from_id"], one["to_id"]) for one in found["history"][2:]] == [
        (str(SEAMSTRESS), str(OTHER)),
        (str(OTHER), None),
    ]
    assert problem(await do(office, "return", machine, condition="worn")) == (409, "illegal_transition")
    assert (await relocate(office, machine, SEAMSTRESS)).json()["holder_id"] == str(SEAMSTRESS)
    assert problem(await relocate(office, machine, SEAMSTRESS)) == (409, "already_there")


async def test_a_serial_in_other_hands_is_taken_with_a_warning_and_goes_to_the_next_when_it_is_returned(
    office: Office,
) -> None:
    await paid(office, "BJN-1", "BJN-2")
    await office.hear(handover("BJN-1", by="BJN-1", event_id="h1"))
    await office.hear(handover("BJN-2", by="BJN-2", event_id="h2", after=21 * DAY))
    assert await warnings(office) == {"h1": "", "h2": "serial_elsewhere"}
    assert ((await of(office, "BJN-1"))["status"], (await of(office, "BJN-2"))["status"]) == ("held", "contested")
    contested = await of(office, "BJN-2")
    assert problem(await relocate(office, contested, SEAMSTRESS)) == (409, "illegal_transition")
    first = await do(office, "return", await of(office, "BJN-1"), condition="good")
    assert first.status_code == 200, first.text
    assert ((await of(office, "BJN-1"))["status"], (await of(office, "BJN-2"))["status"]) == ("returned", "held")
    assert await warnings(office) == {"h1": "", "h2": ""}
    assert problem(await relocate(office, await of(office, "BJN-1"), SEAMSTRESS)) == (409, "serial_elsewhere")


async def test_the_schema_itself_keeps_one_serial_in_one_hand(office: Office) -> None:
    await paid(office, "BJN-1", "BJN-2")
    await office.hear(handover("BJN-1", by="BJN-1"), handover("BJN-2", by="BJN-2", after=21 * DAY))
    with pytest.raises(IntegrityError):
        await office.change("UPDATE assets SET status = 'held'")
    with pytest.raises(IntegrityError):
        await office.change("UPDATE assets SET holder_id = NULL")


async def test_an_earlier_handover_of_the_grant_replaces_what_was_named_but_not_what_an_officer_saw(
    office: Office,
) -> None:
    await paid(office, "BJN-1")
    await office.hear(
        handover("BJN-1", by="BJN-1", event_id="h2", after=21 * DAY, assets=serial("SN-1", "SN-2", "SN-3"))
    )
    (seen,) = await assets(office, "?serial=SN-2")
    await do(office, "condition", seen, condition="broken")
    await office.hear(handover("BJN-1", by="BJN-1", event_id="h1", assets=serial("SN-1")))
    found = {one["serial"]: one["status"] for one in await assets(office)}
    assert found == {"SN-1": "held", "SN-2": "withdrawn"}
    assert problem(await do(office, "condition", seen, condition="good")) == (409, "illegal_transition")


async def test_what_is_named_again_is_where_its_grant_is_not_where_an_officer_had_taken_it(office: Office) -> None:
    await paid(office, "BJN-1")
    await office.hear(
        handover("BJN-1", by="BJN-1", event_id="h3", after=23 * DAY, assets=serial("SN-1")),
        person("TBN-1", district=TUBAN),
    )
    moved = await of(office, "BJN-1")
    assert (await relocate(office, moved, beneficiary_id(TUBAN, "TBN-1"), who=PROVINCE)).status_code == 200
    await office.hear(handover("BJN-1", by="BJN-1", event_id="h2", after=22 * DAY, assets=serial("SN-2")))
    await office.hear(handover("BJN-1", by="BJN-1", event_id="h1", after=21 * DAY, assets=serial("SN-1")))
    again_there = await of(office, "BJN-1")
    assert (again_there["district"], again_there["status"]) == (BOJONEGORO, "held")


async def test_nothing_is_given_to_one_of_whom_nobody_knows_yet_who_it_is(office: Office) -> None:
    await paid(office, "BJN-1")
    await office.hear(
        handover("BJN-1", by="BJN-1"), person("BJN-2"), person("BJN-3"), pair("BJN-2", "BJN-3", version=1)
    )
    machine = await of(office, "BJN-1")
    assert problem(await relocate(office, machine, OTHER)) == (409, "duplicate_suspected")
    await office.hear(pair("BJN-2", "BJN-3", version=2, decision="different"))
    assert (await relocate(office, machine, OTHER)).status_code == 200


async def test_a_machine_goes_to_another_district_only_by_the_province(office: Office) -> None:
    await paid(office, "BJN-1")
    await office.hear(handover("BJN-1", by="BJN-1"), person("TBN-1", district=TUBAN))
    machine, to = await of(office, "BJN-1"), beneficiary_id(TUBAN, "TBN-1")
    assert problem(await relocate(office, machine, to)) == (404, "not_found")
    assert problem(await relocate(office, machine, to, who=TUBAN_OFFICER)) == (404, "not_found")
    assert problem(await relocate(office, machine, UUID(int=1), who=PROVINCE)) == (404, "not_found")
    assert (await relocate(office, machine, to, who=PROVINCE)).json()["district"] == TUBAN
    assert await assets(office, f"?district={BOJONEGORO}", who=OFFICER) == []
    assert len(await assets(office, who=TUBAN_OFFICER)) == 1
    assert problem(await office.call("GET", f"/v1/assets?district={TUBAN}", OFFICER)) == (404, "not_found")
    assert problem(await do(office, "condition", machine, condition="good")) == (404, "not_found")


async def test_a_district_keeps_its_past_when_a_machine_moves_on_and_sees_nobody_of_the_other(office: Office) -> None:
    await paid(office, "BJN-1")
    await office.hear(handover("BJN-1", by="BJN-1"), person("TBN-1", district=TUBAN), person("X-1", district="3524"))
    machine, to = await of(office, "BJN-1"), beneficiary_id(TUBAN, "TBN-1")
    await do(office, "condition", machine, condition="worn", note="seen at home")
    await relocate(office, machine, to, who=PROVINCE)
    await do(office, "condition", machine, who=TUBAN_OFFICER, condition="broken", note="fell")

    async def seen(who: Caller) -> tuple[Any, ...]:
        (listed,) = await assets(office, who=who)
        shown = (await office.call("GET", f"/v1/assets/{machine['asset_id']}", who)).json()
        assert shown == listed
        steps = [(one["step"], one["from_id"], one["to_id"]) for one in shown["history"]]
        return shown["beneficiary_id"], shown["holder_id"], shown["condition"], steps

    first, second = str(beneficiary_id(BOJONEGORO, "BJN-1")), str(to)
    assert await seen(OFFICER) == (
        first,
        None,
        "worn",
        [("condition", first, None), ("relocate", first, None)],
    )
    assert await seen(TUBAN_OFFICER) == (
        None,
        second,
        "broken",
        [("relocate", None, second), ("condition", second, None)],
    )
    assert (await seen(PROVINCE))[:3] == (first, second, "broken")
    lamongan = OFFICER._replace(district="3524", sub="lala")
    assert await assets(office, who=lamongan) == []
    assert problem(await office.call("GET", f"/v1/assets/{machine['asset_id']}", lamongan)) == (404, "not_found")


async def test_only_officers_put_things_on_record_and_in_words_that_make_sense(office: Office) -> None:
    await paid(office, "BJN-1")
    await office.hear(handover("BJN-1", by="BJN-1"))
    machine = await of(office, "BJN-1")
    for role in (Role.viewer, Role.auditor, Role.admin, Role.treasurer):
        assert problem(await do(office, "condition", machine, who=Caller("x", role, None), condition="good")) == (
            403,
            "forbidden",
        )
    senseless: tuple[dict[str, Any], ...] = ({"condition": "new"}, {"condition": "good", "on": "yesterday"}, {})
    for wrong in senseless:
        assert problem(await do(office, "condition", machine, **wrong)) == (422, "invalid_request")
    assert problem(await do(office, "repair", machine, condition="good", cost=-1)) == (422, "invalid_request")
    unknown = {"asset_id": UUID(int=1)}
    assert problem(await do(office, "condition", unknown, condition="good")) == (404, "not_found")
    assert problem(await do(office, "condition", unknown, who=TREASURER, condition="good")) == (403, "forbidden")


async def test_assets_are_listed_a_page_at_a_time(office: Office) -> None:
    await paid(office, "BJN-1")
    await office.hear(handover("BJN-1", by="BJN-1", assets=serial(*(f"SN-{place}" for place in range(5)))))
    seen: list[str] = []
    after = ""
    while True:
        page = (await office.call("GET", f"/v1/assets?limit=2{after}", PROVINCE)).json()
        seen += [one["asset_id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [one["asset_id"] for one in await assets(office)]
    assert len(seen) == 5
    assert len(await assets(office, f"?holder={SEAMSTRESS}&status=held&condition=good")) == 5
    assert await assets(office, "?status=returned") == []


async def test_of_two_districts_that_hand_over_one_serial_at_once_the_earlier_has_it(office: Office) -> None:
    places = {BOJONEGORO: 2 * HOUR, TUBAN: HOUR}
    count = 8
    for place in places:
        await office.budget(100_000_000, district=place)
        for ref in (f"P-{number}" for number in range(count)):
            await office.hear(person(ref, district=place), cash(ref, 1_000_000, to=ref, district=place))
    await office.change("UPDATE grants SET status = 'disbursed'")
    await asyncio.gather(
        *(
            office.hear(
                handover(
                    f"P-{number}",
                    by=f"P-{number}",
                    district=place,
                    event_id=f"{place}-{number}",
                    after=after,
                    assets=serial(f"SN-{number}"),
                )
            )
            for number in range(count)
            for place, after in sorted(places.items(), key=lambda _: random.random())
        )
    )
    found = await office.rows(
        "SELECT district, status, count(*) FROM assets GROUP BY district, status ORDER BY district"
    )
    assert [tuple(row) for row in found] == [(BOJONEGORO, "contested", count), (TUBAN, "held", count)]
    warned = await office.rows(
        "SELECT district, count(*) FROM inbox WHERE warnings = 'serial_elsewhere' GROUP BY district"
    )
    assert [tuple(row) for row in warned] == [(BOJONEGORO, count)]


async def test_one_machine_goes_to_one_of_those_to_whom_it_is_given_at_once(office: Office) -> None:
    await paid(office, "BJN-1", "BJN-2", "BJN-3")
    await office.hear(
        handover("BJN-1", by="BJN-1"), handover("BJN-2", by="BJN-2", after=21 * DAY, assets=serial("SN-2"))
    )
    machine = await of(office, "BJN-1")
    answers = await asyncio.gather(*(do(office, "return", machine, condition="good") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    others = [beneficiary_id(BOJONEGORO, ref) for ref in ("BJN-2", "BJN-3")] * 3
    answers = await asyncio.gather(*(relocate(office, machine, to) for to in others))
    assert {answer.status_code for answer in answers} <= {200, 409}
    steps = (await of(office, "BJN-1"))["history"][1:]
    assert [step["from_id"] for step in steps] == [None, *(step["to_id"] for step in steps[:-1])]


def _handovers() -> list[Record]:
    """Of three grants and the serials they quarrel about, in one of the possible orders."""
    return [
        handover("P-1", by="P-1", event_id="a1", assets=serial("SN-1", "SN-9"), after=3 * HOUR),
        handover("P-1", by="P-1", event_id="a0", assets=serial("SN-2"), after=HOUR, on=date(2026, 11, 24)),
        handover("P-2", by="P-2", event_id="b1", assets=serial("SN-1", "SN-2"), after=2 * HOUR),
        handover("P-2", by="P-2", event_id="b1-like", assets=serial("SN-1", "SN-2"), after=5 * HOUR),
        handover("P-3", by="P-3", event_id="c1", assets=serial("sn1"), after=4 * HOUR),
        handover("P-3", by="P-3", event_id="c0-like", assets=serial("sn1"), after=DAY / 100),
        handover("P-4", by="P-4", event_id="d1", assets=serial("SN-9"), after=6 * HOUR),
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(7)), cuts=st.sets(st.integers(1, 7)), repeated=st.integers(0, 6))
async def test_any_order_of_handovers_ends_with_the_same_things_in_the_same_hands(
    office: Office, order: list[int], cuts: set[int], repeated: int
) -> None:
    await office.forget_everything(METADATA)
    await paid(office, "P-1", "P-2", "P-3", "P-4")
    events = _handovers()
    deliveries = [*(events[place] for place in order), again(events[repeated])]
    for start, end in pairwise([0, *sorted(cuts), len(deliveries)]):
        await office.hear(*deliveries[start:end])
    found = await office.rows(
        """SELECT g.grant_ref, a.serial, a.status, a.holder_id = g.beneficiary_id FROM assets a
           JOIN grants g ON g.id = a.grant_id ORDER BY g.grant_ref, a.serial"""
    )
    assert [tuple(row) for row in found] == [
        ("P-1", "SN-2", "held", True),
        ("P-2", "SN-1", "contested", True),
        ("P-2", "SN-2", "contested", True),
        ("P-3", "sn1", "held", True),
        ("P-4", "SN-9", "held", True),
    ]
    receipts = await office.rows("SELECT event_id FROM inbox WHERE warnings LIKE '%serial_elsewhere%'")
    assert receipts == [("b1",)]


async def told(office: Office, ref: str) -> list[tuple[int, list[tuple[str, str, str | None, str]]]]:
    """Of one grant: each version, and of each thing serial, status, holder and condition."""
    found = [fact for name, _, fact in await office.told() if name == "assets-kept.v1"]
    return [
        (
            fact["version"],
            [(one["serial"], one["status"], one["holder_id"], one["condition"]) for one in fact["assets"]],
        )
        for fact in found
        if fact["grant_id"] == str(grant_id(BOJONEGORO, ref))
    ]


async def test_each_change_of_a_grants_things_is_told_of_once(office: Office) -> None:
    await paid(office, "B-1", "B-2")
    first, second = (str(beneficiary_id(BOJONEGORO, ref)) for ref in ("B-1", "B-2"))
    await office.hear(handover("B-1", by="B-1", assets=serial("SN-1")))
    assert await told(office, "B-1") == [(1, [("SN-1", "held", first, "good")])]
    await office.hear(handover("B-2", by="B-2", assets=serial("SN-1"), after=21 * DAY))
    assert await told(office, "B-2") == [(1, [("SN-1", "contested", second, "good")])]
    asset = await of(office, "B-1")
    assert (await do(office, "condition", asset, condition="broken")).status_code == 200
    assert (await told(office, "B-1"))[1:] == [(2, [("SN-1", "held", first, "broken")])]
    assert (await do(office, "return", asset, condition="broken")).status_code == 200
    assert (await told(office, "B-1"))[2:] == [(3, [("SN-1", "returned", None, "broken")])]
    assert (await told(office, "B-2"))[1:] == [(2, [("SN-1", "held", second, "good")])], "now the second has it"
