"""The pages of suspected duplicates: who sees two people side by side, who decides, and that nothing is done twice."""

import re
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.security import Caller, Role
from tests.integration.forms import Reader
from tests.integration.registry.office import BOJONEGORO, NAME, NIK, SITI, Office, another, event
from tests.integration.sites import as_read

RINI = Caller("rini", Role.province_officer, None)
AUDITOR = Caller("agus", Role.auditor, None)
ADMIN = Caller("admin", Role.admin, None)
OUTSIDE = (
    Caller("ratna", Role.district_officer, BOJONEGORO),
    Caller("tono", Role.treasurer, None),
    Caller("vina", Role.viewer, None),
    Caller("simdu", Role.district_system, BOJONEGORO),
)
DIFFERENT = {"decision": "different", "reason": "dua orang, sudah dicek"}


async def a_pair(office: Office) -> str:
    """The address of the one suspicion that there is."""
    await office.receive(event(SITI, "e-1"), event(another("W-0002"), "e-2"))
    return f"/duplicates/{await office.open_duplicate()}"


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("who", [RINI, AUDITOR, ADMIN], ids=lambda who: who.role)
async def test_both_people_stand_side_by_side_with_the_reasons(office: Office, who: Caller, language: str) -> None:
    one = await a_pair(office)
    reader = Reader(office.node, who)
    for address in ("/duplicates", "/duplicates?state=same", one):
        html = await reader.page(f"{address}{'&' if '?' in address else '?'}lang={language}")
        assert f'<html lang="{language}">' in html
        assert html.count("<h1") == html.count("<main") == 1
    for address in ("/duplicates", one):
        assert (await reader.client.get(address)).headers["cache-control"] == "no-store", "it has names"
    text = as_read(await reader.page(f"{one}?lang=id"))
    assert "NIK sama" in text
    row = re.search(r"Nama (.*?) Jenis kelamin", text)
    assert row is not None and NAME in row[1] and "berbeda" in row[1]
    assert f"NIK berakhir {NIK[-4:]} berakhir {NIK[-4:]} sama" in text
    assert NIK not in text


@pytest.mark.parametrize(
    ("first", "second", "compared"),
    [
        (None, None, "tidak tercatat tidak tercatat tidak tercatat"),
        (NIK, None, f"tidak tercatat berakhir {NIK[-4:]} tidak tercatat"),
        # The other one is of another kecamatan and ends in the same digits.
        (NIK, f"{NIK[:5]}{9 - int(NIK[5])}{NIK[6:]}", f"berakhir {NIK[-4:]} berakhir {NIK[-4:]} berbeda"),
    ],
)
async def test_what_nobody_wrote_down_is_not_said_to_be_the_same(
    office: Office, first: str | None, second: str | None, compared: str
) -> None:
    for number, nik in enumerate((first, second)):
        await office.receive(event(replace(SITI, district_ref=f"W-{number}", nik=nik), f"e-{number}"))
    text = as_read(await Reader(office.node, RINI).page(f"/duplicates/{await office.open_duplicate()}"))
    assert f" NIK {compared} Tanggal lahir " in text


@pytest.mark.parametrize("who", OUTSIDE, ids=lambda who: who.role)
async def test_nobody_else_reads_a_name_or_decides(office: Office, who: Caller) -> None:
    one = await a_pair(office)
    reader = Reader(office.node, who)
    for address in ("/duplicates", one):
        assert NAME not in await reader.page(address, status=403)
    for action, fields in (("decision", DIFFERENT), ("undo", {"reason": "x"})):
        answer = await reader.client.post(f"{one}/{action}", data={"key": "a" * 32, **fields})
        assert (answer.status_code, NAME in answer.text) == (403, False)
    assert set((await office.suspicions()).values()) == {"open"}


@pytest.mark.parametrize("who", [AUDITOR, ADMIN], ids=lambda who: who.role)
async def test_who_only_reads_is_offered_no_form_and_decides_nothing(office: Office, who: Caller) -> None:
    one = await a_pair(office)
    reader = Reader(office.node, who)
    assert 'method="post" action="../duplicates' not in await reader.page(one)
    assert (await reader.client.post(f"{one}/decision", data={"key": "a" * 32, **DIFFERENT})).status_code == 403
    assert set((await office.suspicions()).values()) == {"open"}


async def test_without_a_session_one_is_sent_to_sign_in(office: Office) -> None:
    one = await a_pair(office)
    for address in ("/duplicates", one):
        answer = await Reader(office.node, None).client.get(address)
        assert answer.headers["location"].endswith("sign-in?next=" + address.replace("/", "%2F"))


async def test_a_pair_is_decided_undone_and_decided_otherwise(office: Office) -> None:
    one = await a_pair(office)
    reader = Reader(office.node, RINI)
    assert "Diputuskan: dua orang berbeda." in await reader.done(one, f"{one}/decision", DIFFERENT)
    assert set((await office.suspicions()).values()) == {"different"}
    html = await reader.done(one, f"{one}/undo", {"reason": "keliru"})
    assert "pasangan ini menunggu keputusan lagi" in html
    html = await reader.done(one, f"{one}/decision", {**DIFFERENT, "decision": "same"})
    assert set((await office.suspicions()).values()) == {"same"}
    steps = re.findall(r"dua orang berbeda rini|keputusan dibatalkan rini|satu orang rini", as_read(html))
    assert steps == ["dua orang berbeda rini", "keputusan dibatalkan rini", "satu orang rini"]
    assert "Satu orang (1)" in await reader.page("/duplicates")


async def test_a_double_click_decides_once(office: Office) -> None:
    one = await a_pair(office)
    reader = Reader(office.node, RINI)
    data = {"key": reader.key(await reader.page(one), f"{one}/decision"), **DIFFERENT}
    for _ in range(2):
        assert (await reader.client.post(f"{one}/decision", data=data)).status_code == 303
    assert as_read(await reader.page(one)).count("dua orang, sudah dicek") == 1


async def test_who_comes_second_is_told_what_was_decided(office: Office) -> None:
    one = await a_pair(office)
    reader = Reader(office.node, RINI)
    await reader.done(one, f"{one}/decision", DIFFERENT)
    late = {"key": "a" * 32, **DIFFERENT, "decision": "same"}
    answer = await reader.client.post(f"{one}/decision", data=late)
    assert answer.status_code == 409
    assert "Rekan lain sudah memutuskan." in answer.text
    assert set((await office.suspicions()).values()) == {"different"}


@pytest.mark.parametrize(
    ("wrong", "cure"),
    [
        ({"reason": ""}, 'id="reason-cure"'),
        ({"reason": "x" * 501}, 'id="reason-cure"'),
        ({"decision": "perhaps"}, "Tekan salah satu tombol keputusan."),
    ],
)
async def test_a_decision_with_a_gap_is_not_taken(office: Office, wrong: dict[str, str], cure: str) -> None:
    one = await a_pair(office)
    answer = await Reader(office.node, RINI).sends(one, f"{one}/decision", {**DIFFERENT, **wrong})
    assert (answer.status_code, cure in answer.text) == (422, True)
    assert set((await office.suspicions()).values()) == {"open"}


async def test_a_pair_that_there_is_not_is_not_found(office: Office) -> None:
    reader = Reader(office.node, RINI)
    for address in (f"/duplicates/{UUID(int=1)}", "/duplicates/nonsense"):
        await reader.page(address, status=404)
    answer = await reader.client.post(f"/duplicates/{UUID(int=1)}/decision", data={"key": "a" * 32, **DIFFERENT})
    assert answer.status_code == 404


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}], ids=str)
async def test_another_site_decides_nothing(office: Office, headers: dict[str, str]) -> None:
    one = await a_pair(office)
    reader = Reader(office.node, RINI)
    data = {"key": reader.key(await reader.page(one), f"{one}/decision"), **DIFFERENT}
    assert (await reader.client.post(f"{one}/decision", data=data, headers=headers)).status_code == 403
    assert set((await office.suspicions()).values()) == {"open"}
