"""Files of people on pages: checked first, then sent, by those who may and for their own district alone."""

import re
from collections.abc import Iterator

import pytest

from shared.database import run
from shared.security import Caller, Role
from tests.integration.forms import Reader
from tests.integration.registry.office import BOJONEGORO, SURABAYA, Office
from tests.integration.registry.test_uploads import BUDI, HEAD, SITI, but
from tests.integration.sites import as_read
from tests.integration.uploading import Counter, csv_file

RATNA = Caller("ratna", Role.district_officer, BOJONEGORO)
ABROAD = Caller("wati", Role.district_officer, SURABAYA)
RINI = Caller("rini", Role.province_officer, None)
AUDITOR = Caller("agus", Role.auditor, None)
OUTSIDE = (Caller("tono", Role.treasurer, None), Caller("vina", Role.viewer, None))


@pytest.fixture
def counter(office: Office) -> Iterator[Counter]:
    yield Counter(office.node, office.client, "people")


async def checked(office: Office, counter: Counter, content: bytes) -> str:
    """The address of the file once it was checked."""
    answer = await Reader(office.node, RATNA).sends("/uploads", "uploads", {}, {"file": ("orang.csv", content)})
    assert answer.status_code == 303, answer.text
    await counter.work()
    return "/" + answer.headers["location"]


async def test_a_file_is_checked_then_sent_and_the_page_ends(office: Office, counter: Counter) -> None:
    reader = Reader(office.node, RATNA)
    sent = await reader.sends("/uploads", "uploads", {}, {"file": ("orang.csv", csv_file([HEAD, SITI, BUDI]))})
    one = "/" + sent.headers["location"]
    waiting = await reader.client.get(one)
    assert (waiting.headers["refresh"], "menunggu giliran" in waiting.text) == ("2; url=?again=1", True)
    assert "refresh" not in (await reader.client.get(f"{one}?still=true")).headers
    await counter.work()
    assert "refresh" not in (await reader.client.get(one)).headers
    assert await counter.records() == [], "nothing is sent before it is confirmed"
    assert "Kirim semua 2 baris" in await reader.page(one)
    answer = await reader.sends(one, f"{one}/confirm", {"mode": "all"})
    after = "/uploads/" + answer.headers["location"].removeprefix("../")
    await counter.work()
    assert "refresh" in (await reader.client.get(after)).headers, "no row is answered yet"
    assert len(await counter.apply()) == 2
    end = await reader.client.get(after)
    assert "refresh" not in end.headers
    assert "Menunggu jawaban 0 diterima 2" in as_read(end.text)
    assert len(await office.people()) == 2
    assert await counter.parts_left() == 0


async def test_rows_that_are_wrong_are_named_and_the_others_may_be_sent(office: Office, counter: Counter) -> None:
    one = await checked(office, counter, csv_file([HEAD, SITI, but(BUDI, status="baru")]))
    reader = Reader(office.node, RATNA)
    html = await reader.page(one)
    assert "3 status Pilih salah satu isi yang disebut pada lembar Petunjuk." in as_read(html)
    assert "Choose one of the words" in await reader.page(f"{one}?lang=en")
    assert "Kirim semua" not in html
    await reader.page(f"{one}?lang=id")
    await reader.done(one, f"{one}/confirm", {"mode": "valid"})
    await counter.work()
    assert len(await counter.apply()) == 1


async def test_confirmed_twice_it_is_sent_once(office: Office, counter: Counter) -> None:
    one = await checked(office, counter, csv_file([HEAD, SITI]))
    reader = Reader(office.node, RATNA)
    data = {"key": reader.key(await reader.page(one), f"{one}/confirm"), "mode": "all"}
    answers = [await reader.client.post(f"{one}/confirm", data=data) for _ in range(2)]
    assert {answer.headers["location"] for answer in answers} == {answers[0].headers["location"]}
    await counter.work()
    assert len(await counter.records()) == 1


async def test_a_file_whose_bytes_are_gone_is_asked_for_again(office: Office, counter: Counter) -> None:
    one = await checked(office, counter, csv_file([HEAD, SITI]))
    async with office.node.database.transaction() as session:
        await run(session, "DELETE FROM upload_part")
    answer = await Reader(office.node, RATNA).sends(one, f"{one}/confirm", {"mode": "all"})
    assert (answer.status_code, "unggah sekali lagi" in answer.text) == (409, True)


@pytest.mark.parametrize("who", [*OUTSIDE, AUDITOR], ids=lambda who: who.role)
async def test_who_may_not_send_sends_nothing(office: Office, counter: Counter, who: Caller) -> None:
    one = await checked(office, counter, csv_file([HEAD, SITI]))
    reader = Reader(office.node, who)
    for to, files in (("/uploads", {"file": ("x", b"x")}), (f"{one}/confirm", None)):
        answer = await reader.client.post(to, data={"key": "a" * 32, "mode": "all"}, files=files)
        assert answer.status_code == 403
    status = 200 if who is AUDITOR else 403
    for address in ("/uploads", one, "/uploads/template.csv"):
        assert (await reader.client.get(address)).status_code == status
    await counter.work()
    assert await counter.records() == []


async def test_another_district_neither_sees_nor_sends_it(office: Office, counter: Counter) -> None:
    one = await checked(office, counter, csv_file([HEAD, SITI]))
    reader = Reader(office.node, ABROAD)
    await reader.page(one, status=404)
    assert one not in await reader.page("/uploads")
    answer = await reader.client.post(f"{one}/confirm", data={"key": "a" * 32, "mode": "all"})
    assert answer.status_code == 404
    foreign = {"key": "a" * 32, "district": BOJONEGORO}
    answer = await reader.client.post("/uploads", data=foreign, files={"file": ("x", b"x")})
    assert answer.status_code == 404
    await counter.work()
    assert await counter.records() == []


async def test_the_province_says_whose_rows_they_are(office: Office, counter: Counter) -> None:
    reader = Reader(office.node, RINI)
    files = {"file": ("orang.csv", csv_file([HEAD, SITI]))}
    answer = await reader.sends("/uploads", "uploads", {"district": ""}, files)
    assert (answer.status_code, 'id="district-cure"' in answer.text) == (422, True)
    assert (await reader.sends("/uploads", "uploads", {"district": SURABAYA}, files)).status_code == 303


@pytest.mark.parametrize("files", [{"more": (None, b"x")}, {"file": ("", b"")}])
async def test_without_a_file_one_is_asked_for_it(office: Office, files: dict[str, tuple[str | None, bytes]]) -> None:
    answer = await Reader(office.node, RATNA).sends("/uploads", "uploads", {}, files)
    assert (answer.status_code, 'id="file-cure"' in answer.text) == (422, True)


async def test_a_form_of_another_kind_is_none_of_ours(office: Office) -> None:
    answer = await Reader(office.node, RATNA).client.post("/uploads", data={"key": "a" * 32, "file": "x"})
    assert (answer.status_code, "tidak berasal dari halaman Berdaya" in answer.text) == (403, True), answer.text


async def test_a_district_with_too_many_files_in_hand_is_told_to_wait(office: Office, counter: Counter) -> None:
    for place in range(20):
        assert (await counter.send(csv_file([HEAD, but(SITI, nomor=f"W-{place}")]))).status_code == 202
    files = {"file": ("orang.csv", csv_file([HEAD, SITI]))}
    answer = await Reader(office.node, RATNA).sends("/uploads", "uploads", {}, files)
    assert (answer.status_code, "terlalu banyak berkas" in answer.text) == (422, True)
    await counter.work()
    assert (await Reader(office.node, RATNA).sends("/uploads", "uploads", {}, files)).status_code == 303


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}], ids=str)
async def test_another_site_sends_nothing(office: Office, counter: Counter, headers: dict[str, str]) -> None:
    one = await checked(office, counter, csv_file([HEAD, SITI]))
    reader = Reader(office.node, RATNA)
    for to, files in (("/uploads", {"file": ("x", b"x")}), (f"{one}/confirm", None)):
        answer = await reader.client.post(to, data={"key": "a" * 32}, files=files, headers=headers)
        assert answer.status_code == 403


async def test_the_template_is_downloaded(office: Office) -> None:
    reader = Reader(office.node, RATNA)
    assert set(re.findall(r"uploads/template\.(\w+)", await reader.page("/uploads"))) == {"csv", "xlsx"}
    assert (await reader.client.get("/uploads/template.csv")).content.startswith(b"\xef\xbb\xbfnomor;")
