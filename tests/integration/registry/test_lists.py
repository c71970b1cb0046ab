"""Lists of people: filters, orders, totals, search by name; and which record stands for whom."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.events.district import Ppks, Status
from shared.events.envelope import beneficiary_id
from shared.security import Role
from tests.integration.registry.office import BOJONEGORO, NIK, OTHER_NIK, SITI, SURABAYA, Office, another, event

PEOPLE = [
    replace(SITI, district_ref="A", name="Siti Aminah", nik=None, birth_date=date(1990, 5, 1)),
    replace(SITI, district_ref="B", name="budi 100%", nik=None, birth_date=date(1985, 5, 1), ppks=Ppks.poor),
    replace(SITI, district_ref="C", name="Aminah", nik=None, birth_date=date(1999, 5, 1), unit=None),
    replace(SITI, district_ref="D", name="Siti Zaenab", nik=None, birth_date=date(1990, 5, 2), ppks=Ppks.homeless),
]


async def told(office: Office) -> None:
    for minute, person in enumerate(PEOPLE[:3]):
        await office.receive(event(person, person.district_ref, minute=minute))
    await office.receive(event(PEOPLE[3], "D", minute=9, district=SURABAYA))


async def refs(office: Office, **query: str | int) -> list[str]:
    """Page after page."""
    found: list[str] = []
    while True:
        answer = await office.get("/v1/beneficiaries", Role.auditor, **query)
        assert answer.status_code == 200
        page = answer.json()
        found += [item["district_ref"] for item in page["items"]]
        if page["next"] is None:
            assert page["total"] == len(found)
            return found
        query["after"] = page["next"]


async def search(office: Office, role: Role, district: str | None = None, /, **body: Any) -> Any:
    return await office.client.post("/v1/beneficiaries/search", headers=office.credentials(role, district), json=body)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["C", "B", "A", "D"]),
        ("-name", ["D", "A", "B", "C"]),
        ("birth_date", ["B", "A", "D", "C"]),
        ("-birth_date", ["C", "D", "A", "B"]),
        ("recorded_at", ["A", "B", "C", "D"]),
        ("-recorded_at", ["D", "C", "B", "A"]),
        (
            "id",
            [ref for _, ref in sorted((beneficiary_id(SURABAYA if r == "D" else BOJONEGORO, r), r) for r in "ABCD")],
        ),
    ],
)
@pytest.mark.parametrize("limit", [1, 3, 4])
async def test_a_list_is_read_in_each_order_page_by_page(
    office: Office, sort: str, expected: list[str], limit: int
) -> None:
    await told(office)
    assert await refs(office, sort=sort, limit=limit) == expected


async def test_people_alike_in_what_is_sorted_by_are_neither_lost_nor_repeated(office: Office) -> None:
    names = [f"W-{number}" for number in range(5)]
    await office.receive(*(event(replace(SITI, district_ref=ref, nik=None), ref) for ref in names))
    for sort in ("name", "-birth_date", "recorded_at"):
        assert sorted(await refs(office, sort=sort, limit=2)) == names


async def test_a_list_is_filtered_by_group_and_unit_and_counts_what_is_filtered(office: Office) -> None:
    await told(office)
    assert set(await refs(office, ppks_group="disability")) == {"A", "C"}
    assert set(await refs(office, ppks_group="social")) == {"D"}
    assert await refs(office, ppks_group="poverty", unit="UPT Rehabilitasi Sosial Contoh") == ["B"]
    assert await refs(office, unit="UPT Lain") == []
    page = (await office.get("/v1/beneficiaries", Role.district_officer, BOJONEGORO, limit=1)).json()
    assert (page["total"], len(page["items"])) == (3, 1)


@pytest.mark.parametrize("query", [{"sort": "nik"}, {"ppks_group": "rich"}, {"unit": "x" * 201}])
async def test_a_list_refuses_what_it_cannot_show(office: Office, query: dict[str, str]) -> None:
    answer = await office.get("/v1/beneficiaries", Role.auditor, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_an_officer_finds_people_by_parts_of_their_names_in_any_case_and_order(office: Office) -> None:
    await told(office)

    async def found(name: str, **more: Any) -> list[str]:
        answer = await search(office, Role.province_officer, name=name, **more)
        assert answer.status_code == 200
        return [item["district_ref"] for item in answer.json()["items"]]

    assert await found("AMINAH") == ["C", "A"]
    assert await found("zaenab siti") == ["D"]
    assert await found("siti", district=BOJONEGORO) == ["A"]
    assert await found("0%") == ["B"]
    assert await found("%%") == []
    assert await found("aminah", sort="-name", limit=1) == ["A"]
    assert await found("aminah", status="moved") == []


async def test_only_officers_search_and_a_district_finds_its_own(office: Office) -> None:
    await told(office)
    own = (await search(office, Role.district_officer, SURABAYA, name="siti")).json()
    assert ([item["district_ref"] for item in own["items"]], own["total"]) == (["D"], 1)
    assert (await search(office, Role.district_officer, SURABAYA, name="siti", district=BOJONEGORO)).status_code == 404
    for role in (Role.auditor, Role.admin, Role.viewer, Role.treasurer):
        assert (await search(office, role, name="siti")).status_code == 403
    short = await search(office, Role.province_officer, name="s")
    assert (short.status_code, short.json()["errors"]) == (422, [{"at": "body.name", "why": "string_too_short"}])


async def test_the_place_of_a_foreign_person_in_the_order_cannot_be_found_out(office: Office) -> None:
    await told(office)
    foreign = str(beneficiary_id(SURABAYA, "D"))
    answer = await office.get("/v1/beneficiaries", Role.district_officer, BOJONEGORO, sort="name", after=foreign)
    assert answer.json()["items"] == []


async def test_the_same_over_several_pairs_is_one_person_until_it_is_undone(office: Office) -> None:
    ids = {ref: beneficiary_id(BOJONEGORO, ref) for ref in "ABC"}
    await office.receive(event(another("A"), "e1"), event(another("B"), "e2"))
    first = await office.open_duplicate()
    await office.decide(first, "same", key="k1")
    await office.receive(event(another("B", nik=OTHER_NIK, revision=2), "e3", minute=1))
    await office.receive(event(another("C", nik=OTHER_NIK), "e4"))
    second = await office.open_duplicate()
    assert await _aliases(office, ids) == _of_one({ids["A"], ids["B"]})
    await office.decide(second, "same", key="k2")
    assert await _aliases(office, ids) == _of_one(set(ids.values()))
    await office.undo(first, key="k3")
    assert await _aliases(office, ids) == _of_one({ids["B"], ids["C"]})
    await office.undo(second, key="k4")
    assert await _aliases(office, ids) == {}


async def test_a_record_that_has_ended_stands_for_none_that_is_in_the_programme(office: Office) -> None:
    ids = {ref: beneficiary_id(BOJONEGORO, ref) for ref in "AB"}
    first, second = sorted(ids, key=lambda ref: str(ids[ref]))
    await office.receive(event(another("A"), "e1"), event(another("B"), "e2"))
    await office.decide(await office.open_duplicate(), "same", key="k1")
    await office.receive(event(replace(another(first, revision=2), status=Status.moved), "e3", minute=1))
    assert await _aliases(office, ids) == {ids[first]: ids[second]}
    await office.receive(event(replace(another(second, revision=2), status=Status.client), "e4", minute=2))
    await office.receive(event(another(first, revision=3), "e5", minute=3))
    assert await _aliases(office, ids) == {ids[second]: ids[first]}


def _of_one(people: set[UUID]) -> dict[UUID, UUID]:
    first = min(people, key=str)
    return {who: first for who in people if who != first}


async def _aliases(office: Office, ids: dict[str, UUID]) -> dict[UUID, UUID]:
    """As the list says and each person says."""
    listed = (await office.get("/v1/beneficiaries", Role.auditor)).json()["items"]
    for item in listed:
        alone = (await office.get(f"/v1/beneficiaries/{item['beneficiary_id']}", Role.auditor)).json()
        assert alone["alias_of"] == item["alias_of"]
    return {UUID(item["beneficiary_id"]): UUID(item["alias_of"]) for item in listed if item["alias_of"]}


async def test_all_filters_must_hold(office: Office) -> None:
    await office.receive(event(replace(PEOPLE[0], status=Status.moved, nik=NIK), "e1"))
    assert await refs(office, status="client") == []
    assert await refs(office, status="moved", ppks_group="disability", skill="sewing") == ["A"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/beneficiaries?unit=%00",
        "/v1/beneficiaries?unit=UPT%00Tuban",
        "/v1/beneficiaries?skill=sewing%00",
        "/v1/beneficiaries?district=3522%00",
        "/v1/beneficiaries?after=%00",
        "/v1/beneficiaries/%00",
        "/v1/duplicates?state=%00",
    ],
)
async def test_the_character_that_no_database_keeps_finds_nobody(office: Office, path: str) -> None:
    await told(office)
    answer = await office.client.get(path, headers=office.credentials(Role.province_officer, None))
    assert answer.status_code in (200, 404, 422), answer.text
    assert answer.status_code != 200 or answer.json()["items"] == []


async def test_a_name_or_a_reason_with_that_character_is_no_mistake_of_ours(office: Office) -> None:
    await told(office)
    headers = office.credentials(Role.province_officer, None)
    found = await office.client.post("/v1/beneficiaries/search", headers=headers, json={"name": "si\0ti"})
    assert found.status_code == 422 or found.json()["items"] == []
    for path, body in (
        (f"/v1/duplicates/{UUID(int=1)}/decision", {"decision": "same", "reason": "a\0b"}),
        (f"/v1/duplicates/{UUID(int=1)}/undo", {"reason": "a\0b"}),
    ):
        answer = await office.client.post(path, headers={**headers, "Idempotency-Key": "k"}, json=body)
        assert answer.status_code in (404, 422), answer.text
