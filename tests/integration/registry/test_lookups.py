"""Cek NIK: known or not, helped or not, told as far as the asker may know, and never untold to those who watch."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from shared.database import now, run
from shared.events import facts
from shared.events.district import GrantKind
from shared.events.envelope import Record, beneficiary_id, grant_id
from shared.security import Role
from tests.helpers import from_service
from tests.integration.registry.office import (
    BOJONEGORO,
    NIK,
    NOON,
    OTHER_NIK,
    SITI,
    SITI_ID,
    SURABAYA,
    Office,
    another,
    event,
)

S1 = beneficiary_id(SURABAYA, "S-1")


def grant(
    step: type[facts.Grant],
    version: int,
    *,
    ref: str = "B-1",
    to: UUID = SITI_ID,
    kind: str = "equipment",
    year: int = 2025,
) -> Record:
    number = grant_id(BOJONEGORO, ref)
    fact = step(
        version=version,
        grant_id=number,
        beneficiary_id=to,
        district=BOJONEGORO,
        kind=GrantKind(kind),
        amount=3_000_000,
        fiscal_year=year,
        on=date(year, 5, 2),
    )
    return from_service("grants", fact, event_id=f"{number}/{version}", time=NOON, key=str(to))


async def trail(office: Office, role: Role = Role.auditor, **query: Any) -> Any:
    answer = await office.get("/v1/access-trail", role, None, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_own_district_learns_who_it_is_and_another_only_that_and_which_aid(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    await office.receive(grant(facts.GrantRequested, 1), grant(facts.GrantHandedOver, 2))
    aid = [{"kind": "equipment", "fiscal_year": 2025, "state": "given"}]
    own = (await office.look_up(NIK, Role.district_officer, BOJONEGORO)).json()
    assert own == {
        "known": True,
        "elsewhere": False,
        "districts": [BOJONEGORO],
        "beneficiary_ids": [str(SITI_ID)],
        "aid": aid,
    }
    foreign = await office.look_up(NIK, Role.district_officer, SURABAYA)
    assert foreign.json() == {"known": True, "elsewhere": True, "districts": [], "beneficiary_ids": [], "aid": aid}
    assert BOJONEGORO not in foreign.text and str(SITI_ID) not in foreign.text


async def test_aid_given_to_the_same_person_under_another_record_is_told(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("S-1"), "e2", district=SURABAYA))
    await office.decide(await office.open_duplicate(), "same", key="k")
    await office.receive(event(another("S-1", nik=None, revision=2), "e3", district=SURABAYA))
    await office.receive(grant(facts.GrantDisbursed, 1, to=S1))
    found = (await office.look_up(NIK, Role.district_officer, BOJONEGORO)).json()
    assert found["aid"] == [{"kind": "equipment", "fiscal_year": 2025, "state": "given"}]


async def test_the_province_learns_of_every_district(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("S-1"), "e2", district=SURABAYA))
    found = (await office.look_up(NIK, Role.province_officer)).json()
    assert (found["districts"], found["beneficiary_ids"]) == ([BOJONEGORO, SURABAYA], [str(SITI_ID), str(S1)])
    both = (await office.look_up(NIK, Role.district_officer, SURABAYA)).json()
    assert (both["elsewhere"], both["beneficiary_ids"]) == (True, [str(S1)])


async def test_a_nik_nobody_has_is_not_known(office: Office) -> None:
    await office.receive(event(SITI, "e1"), grant(facts.GrantDisbursed, 1))
    unknown = (await office.look_up(OTHER_NIK, Role.province_officer)).json()
    assert unknown == {"known": False, "elsewhere": False, "districts": [], "beneficiary_ids": [], "aid": []}


async def test_aid_is_told_by_kind_and_year_in_whatever_order_it_was_heard(office: Office) -> None:
    told = [
        grant(facts.GrantRequested, 1),
        grant(facts.GrantDisbursed, 4),
        grant(facts.GrantRequested, 1, ref="B-2", kind="cash", year=2026),
        grant(facts.GrantRequested, 1, ref="B-3", kind="training", year=2026),
        grant(facts.GrantCancelled, 2, ref="B-3", kind="training", year=2026),
        grant(facts.GrantHandedOver, 5, ref="B-4"),
        grant(facts.GrantDisbursed, 4, ref="B-5", to=S1, kind="marketing"),
    ]
    await office.receive(*reversed(told))
    for record in told:
        await office.receive(record)
    await office.receive(event(SITI, "e1"))  # the aid was heard of before the person was
    found = (await office.look_up(NIK, Role.province_officer)).json()
    assert found["aid"] == [
        {"kind": "cash", "fiscal_year": 2026, "state": "in_progress"},
        {"kind": "equipment", "fiscal_year": 2025, "state": "given"},
    ]


async def test_every_lookup_is_on_the_trail_by_the_token_of_the_nik_alone(office: Office) -> None:
    await office.receive(event(SITI, "e1"), event(another("S-1"), "e2", district=SURABAYA))
    await office.look_up(NIK, Role.district_officer, SURABAYA)
    await office.look_up(OTHER_NIK, Role.province_officer)
    read = await trail(office)
    assert [(row["role"], row["district"], row["what"], row["result"]) for row in read["items"]] == [
        ("province_officer", None, "lookup", "unknown"),
        ("district_officer", SURABAYA, "lookup", "own_and_elsewhere"),
    ]
    token = (await office.person()).nik_token
    assert [row["about"] == token for row in read["items"]] == [False, True]
    assert NIK not in str(read) and OTHER_NIK not in str(read)


async def test_the_trail_is_read_in_pages_and_by_the_province_and_auditors_alone(office: Office) -> None:
    for _ in range(3):
        await office.look_up(NIK, Role.province_officer)
    first = await trail(office, Role.province_officer, limit=2)
    rest = await trail(office, Role.admin, limit=2, after=first["next"])
    ids = [row["access_id"] for row in (*first["items"], *rest["items"])]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), rest["next"]) == (3, None)
    assert (await trail(office, sub="nobody"))["items"] == []
    assert (await trail(office, since=(now() + timedelta(hours=1)).isoformat()))["items"] == []
    for role, district in ((Role.district_officer, BOJONEGORO), (Role.viewer, None), (Role.treasurer, None)):
        assert (await office.get("/v1/access-trail", role, district)).status_code == 403


async def test_who_asks_too_often_is_told_when_to_ask_again_and_nobody_else_is_kept_waiting(office: Office) -> None:
    office.node.app.state.lookups_an_hour = 2
    answers = await asyncio.gather(*(office.look_up(NIK, Role.province_officer) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.json()["code"], refused.json()["most"]) == ("too_many_requests", 2)
    assert 3500 < int(refused.headers["retry-after"]) <= 3601
    other = office.credentials(Role.province_officer, None, "wati")
    assert (await office.client.post("/v1/lookups", headers=other, json={"nik": NIK})).status_code == 200
    async with office.node.database.transaction() as session:
        await run(session, "UPDATE access_trail SET at = :before", before=now() - timedelta(minutes=61))
    assert (await office.look_up(NIK, Role.province_officer)).status_code == 200


async def test_a_nik_that_was_corrected_away_is_no_longer_known(office: Office) -> None:
    await office.receive(event(SITI, "e1"))
    await office.receive(event(replace(SITI, revision=2, nik=None), "e2"))
    assert not (await office.look_up(NIK, Role.province_officer)).json()["known"]
