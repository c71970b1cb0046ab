"""Letters of a grant over HTTP: who may have them and when, and the number that each is given once."""

import asyncio
import re
from typing import Any

import pytest

from services.grants import reconcile
from shared.events.envelope import grant_id
from shared.security import Caller, Role
from tests.integration.grants.office import (
    BOJONEGORO,
    GRANT,
    OFFICER,
    PATHS,
    PROVINCE,
    TREASURER,
    TUBAN,
    Office,
    cash,
    handover,
    person,
    problem,
    request,
)

NEIGHBOUR = Caller("sari", Role.district_officer, TUBAN)


async def get(office: Office, name: str, *, who: Caller = OFFICER, of: Any = GRANT) -> Any:
    return await office.call("GET", f"/v1/grants/{of}/documents/{name}", who)


async def register(office: Office, query: str = "", who: Caller = PROVINCE) -> dict[str, Any]:
    found: dict[str, Any] = (await office.call("GET", f"/v1/documents{query}", who)).json()
    return found


async def numbers(office: Office, query: str = "") -> list[str]:
    return [item["number"] for item in (await register(office, query))["items"]]


async def test_a_letter_is_the_same_on_screen_and_on_paper_under_one_number(office: Office) -> None:
    await office.hear(person(), request())
    html = await get(office, "request.html")
    assert html.status_code == 200
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    assert html.headers["cache-control"] == "no-store"
    for said in ("0001/SPB/3522/2026", "Rp3.000.000 (tiga juta rupiah)", "BJN-1", "10 November 2026"):
        assert said in html.text
    pdf = await get(office, "request.pdf", who=PROVINCE)
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.headers["content-disposition"] == 'inline; filename="0001-SPB-3522-2026.pdf"'
    assert pdf.content.startswith(b"%PDF-")
    assert (await get(office, "request.pdf")).content == pdf.content
    (item,) = (await register(office))["items"]
    assert (item["number"], item["issued_by"], item["grant_id"]) == ("0001/SPB/3522/2026", "ratna", str(GRANT))


async def test_a_character_that_the_fonts_lack_is_a_refusal_that_says_what_to_do(office: Office) -> None:
    await office.hear(person(), request(purpose="mesin jahit 😀 工具"))
    assert problem(await get(office, "request.pdf")) == (409, "letter_not_printable")
    assert "mesin jahit 😀 工具" in (await get(office, "request.html")).text


@pytest.mark.parametrize("status", PATHS)
async def test_a_grant_has_the_letters_of_how_far_it_came(office: Office, status: str) -> None:
    await office.budget(10_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, status)
    found = {name: (await get(office, f"{name}.html")).status_code for name in ("request", "approval", "handover")}
    bound = status in ("approved", "disbursed", "handed_over")
    paid = status in ("disbursed", "handed_over")
    assert found == {"request": 200, "approval": 200 if bound else 409, "handover": 200 if paid else 409}
    assert len(await numbers(office)) == 1 + bound + paid


async def test_the_approval_names_officers_and_the_handover_what_was_handed_over(office: Office) -> None:
    await office.budget(10_000_000)
    await office.hear(person(), request())
    await office.bring(GRANT, "disbursed")
    approval = (await get(office, "approval.html")).text
    assert re.search(r"<dt>Diperiksa oleh</dt>\s*<dd>ratna \(", approval)
    assert re.search(r"<dt>Disetujui oleh</dt>\s*<dd>budi \(", approval)
    before = (await get(office, "handover.html")).text
    await office.hear(handover())
    after = (await get(office, "handover.html")).text
    assert "SN-1" not in before
    assert "SN-1" in after and "Rabu tanggal dua puluh lima bulan November" in after
    assert "0001/BAST/3522/2026" in before and "0001/BAST/3522/2026" in after
    assert "Lurah" not in after


async def test_letters_are_for_officers_of_the_district_and_the_province(office: Office) -> None:
    await office.hear(person(), request())
    assert (await get(office, "request.html", who=NEIGHBOUR)).status_code == 404
    for role in set(Role) - {Role.district_officer, Role.province_officer}:
        district = BOJONEGORO if role is Role.district_system else None
        assert (await get(office, "request.html", who=Caller("x", role, district))).status_code == 403
    assert (await get(office, "request.html", of=grant_id(BOJONEGORO, "B-9"))).status_code == 404
    assert (await get(office, "request.odt")).status_code == 422
    assert (await get(office, "receipt.html")).status_code == 422
    assert problem(await get(office, "approval.html")) == (409, "document_not_due")
    assert await numbers(office) == []
    assert (await office.call("GET", "/v1/documents", TREASURER)).status_code == 403


async def test_numbers_run_by_district_year_and_kind_and_are_listed_a_page_at_a_time(office: Office) -> None:
    await office.hear(
        person(),
        person("T-1", district=TUBAN),
        request(),
        cash("B-2", 1_000_000),
        cash("B-3", 1_000_000, fiscal_year=2027),
        cash("T-1", 1_000_000, to="T-1", district=TUBAN),
    )
    for district, ref in ((BOJONEGORO, "B-2"), (BOJONEGORO, "B-1"), (BOJONEGORO, "B-3"), (TUBAN, "T-1")):
        for _ in range(2):
            assert (await get(office, "request.html", who=PROVINCE, of=grant_id(district, ref))).status_code == 200
    assert await numbers(office) == [
        "0001/SPB/3522/2026",
        "0002/SPB/3522/2026",
        "0001/SPB/3522/2027",
        "0001/SPB/3523/2026",
    ]
    assert await numbers(office, "?district=3523") == ["0001/SPB/3523/2026"]
    assert await numbers(office, "?fiscal_year=2027&kind=request") == ["0001/SPB/3522/2027"]
    assert await numbers(office, "?kind=handover") == []
    first = await register(office, "?limit=3")
    assert len(first["items"]) == 3
    assert (await register(office, f"?limit=3&after={first['next']}"))["items"][0]["district"] == TUBAN
    assert [item["district"] for item in (await register(office, who=NEIGHBOUR))["items"]] == [TUBAN]
    assert (await office.call("GET", "/v1/documents?district=3522", NEIGHBOUR)).status_code == 404


async def test_of_numbers_asked_for_at_once_none_is_missing_and_none_given_twice(office: Office) -> None:
    refs = [f"P-{place}" for place in range(15)]
    await office.hear(*(person(ref) for ref in refs), *(cash(ref, 1_000_000, to=ref) for ref in refs))
    calls = [get(office, "request.html", of=grant_id(BOJONEGORO, ref)) for ref in refs for _ in range(3)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {200}
    given = [re.search(r"Nomor: (\d+)/", answer.text) for answer in answers]
    by_grant = [{found and found[1] for found in given[start : start + 3]} for start in range(0, 45, 3)]
    assert all(len(same) == 1 for same in by_grant)
    assert sorted(await numbers(office)) == [f"{place:04}/SPB/3522/2026" for place in range(1, 16)]
    async with office.database.reading() as session:
        assert await reconcile.differences(session) == []
    await office.change("DELETE FROM documents WHERE place = 7")
    async with office.database.reading() as session:
        assert [str(one) for one in await reconcile.differences(session)] == [
            "letters request 3522 2026: 14 given, the last is 15"
        ]
