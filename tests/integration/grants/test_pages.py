"""The officers' pages of grants: who sees what, who may do what, and that nothing is done twice."""

import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from services.grants.rules import ROLES
from shared.events.envelope import grant_id
from shared.log import LogUnavailable, Partition
from shared.security import Caller, Role
from tests.integration.forms import Reader
from tests.integration.grants.office import (
    ADMIN,
    BOJONEGORO,
    GRANT,
    OFFICER,
    PROVINCE,
    PROVINCE_TOO,
    TREASURER,
    TUBAN,
    Office,
    cash,
    pair,
    person,
    request,
)
from tests.integration.sites import as_read

ABROAD = Caller("wati", Role.district_officer, TUBAN)
AUDITOR = Caller("agus", Role.auditor, None)
VIEWER = Caller("vina", Role.viewer, None)
SYSTEM = Caller("simdu", Role.district_system, BOJONEGORO)
EVERYBODY = (OFFICER, PROVINCE, TREASURER, ADMIN, ABROAD, AUDITOR, VIEWER, SYSTEM)
ONE = f"/requests/{GRANT}"
BUDGET = f"/budgets/2026/{BOJONEGORO}"
FIELDS: Mapping[str, dict[str, str]] = {
    "verify": {"note": "sudah dilihat"},
    "approve": {"note": "", "fund": ""},
    "disburse": {"reference": "SP2D-17", "on": "2026-11-20"},
    "reject": {"reason": "data keliru"},
    "cancel": {"reason": "pindah"},
}
BEFORE = {
    "verify": "requested",
    "approve": "verified",
    "disburse": "approved",
    "reject": "requested",
    "cancel": "approved",
}
AFTER = {
    "verify": "verified",
    "approve": "approved",
    "disburse": "disbursed",
    "reject": "rejected",
    "cancel": "cancelled",
}
TAKES = {
    "verify": OFFICER,
    "approve": PROVINCE,
    "disburse": TREASURER,
    "reject": PROVINCE,
    "cancel": PROVINCE_TOO,
}


async def a_request(office: Office, status: str = "requested") -> None:
    await office.hear(person(), request())
    await office.budget(10_000_000)
    await office.bring(GRANT, status)


def by(office: Office, who: Caller | None) -> Reader:
    return Reader(office.node, who)


# Who sees what


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("who", [OFFICER, PROVINCE, TREASURER, ADMIN, AUDITOR], ids=lambda who: who.role)
async def test_every_page_is_there_in_both_languages(office: Office, who: Caller, language: str) -> None:
    await a_request(office, "verified")
    addresses = ["/requests", "/requests?status=verified", ONE, "/budgets", "/budgets?year=2026", BUDGET]
    if who is PROVINCE:
        addresses += ["/batch", f"/batch?district={BOJONEGORO}&year=2026"]
    for address in addresses:
        html = await by(office, who).page(f"{address}{'&' if '?' in address else '?'}lang={language}")
        assert f'<html lang="{language}">' in html
        assert html.count("<h1") == html.count("<main") == 1
        assert 'aria-current="page"' in html or address not in ("/requests", "/budgets")


@pytest.mark.parametrize("address", ["/requests", ONE, "/batch", "/budgets", BUDGET, f"{ONE}/documents/request.html"])
async def test_without_a_session_one_is_sent_to_sign_in_and_comes_back(office: Office, address: str) -> None:
    await a_request(office)
    answer = await by(office, None).client.get(f"{address}?lang=en")
    assert answer.status_code == 303
    assert answer.headers["location"].endswith("sign-in?next=" + address.replace("/", "%2F") + "%3Flang%3Den")


async def test_below_a_gateway_one_comes_back_through_it(office: Office) -> None:
    answer = await by(office, None).client.get("/requests", headers={"X-Forwarded-Prefix": "/grants"})
    assert answer.headers["location"] == "../sign-in?next=%2Fgrants%2Frequests"


@pytest.mark.parametrize("who", [VIEWER, SYSTEM], ids=lambda who: who.role)
@pytest.mark.parametrize("address", ["/requests", ONE, "/batch", "/budgets", BUDGET, f"{ONE}/documents/request.html"])
async def test_who_only_views_or_only_sends_opens_no_page(office: Office, address: str, who: Caller) -> None:
    await a_request(office)
    html = await by(office, who).page(address, status=403)
    assert "B-1" not in html and "Rp" not in html


@pytest.mark.parametrize("address", [ONE, BUDGET, f"/requests?district={BOJONEGORO}", f"{ONE}/documents/request.html"])
async def test_what_belongs_to_another_district_is_not_found(office: Office, address: str) -> None:
    await a_request(office)
    html = await by(office, ABROAD).page(address, status=404)
    assert "B-1" not in html and "Rp" not in html


async def test_a_district_finds_its_own_requests_alone(office: Office) -> None:
    await a_request(office)
    await office.hear(person("TBN-1", district=TUBAN), request("T-1", to="TBN-1", district=TUBAN))
    here, there = await by(office, OFFICER).page("/requests"), await by(office, ABROAD).page("/requests")
    assert "B-1" in here and "T-1" not in here
    assert "T-1" in there and "B-1" not in there and "Diajukan (1)" in there
    assert "Diajukan (2)" in await by(office, AUDITOR).page("/requests")


async def test_each_role_finds_first_what_waits_for_it(office: Office) -> None:
    await a_request(office, "verified")
    for who, waits in ((OFFICER, False), (PROVINCE, True), (TREASURER, False)):
        assert ("B-1</a>" in await by(office, who).page("/requests")) is waits
    assert "B-1</a>" in await by(office, TREASURER).page("/requests?status=verified")


async def test_the_queue_goes_on_beyond_a_page_the_oldest_first(office: Office) -> None:
    await office.hear(person())
    await office.hear(*[cash(f"C-{n:02}", 1_000_000, after=timedelta(minutes=n)) for n in range(52)])
    reader = by(office, OFFICER)
    first = await reader.page("/requests")
    assert re.findall(r">(C-\d+)</a>", first) == [f"C-{n:02}" for n in range(50)]
    more = re.search(r'href="(\?[^"]*after=[^"]*)"', first)
    assert more is not None
    rest = await reader.page("/requests" + more[1].replace("&amp;", "&"))
    assert re.findall(r">(C-\d+)</a>", rest) == ["C-50", "C-51"]


# Who may do what


@pytest.mark.parametrize("action", FIELDS)
async def test_the_right_officer_takes_each_step(office: Office, action: str) -> None:
    await a_request(office, BEFORE[action])
    html = await by(office, TAKES[action]).done(ONE, f"{ONE}/{action}", FIELDS[action])
    assert 'role="status"' in html
    assert (await office.grant())["status"] == AFTER[action]


@pytest.mark.parametrize("who", EVERYBODY, ids=lambda who: f"{who.role}-{who.district}")
@pytest.mark.parametrize("action", FIELDS)
async def test_nobody_else_takes_it_and_nothing_changes(office: Office, action: str, who: Caller) -> None:
    await a_request(office, BEFORE[action])
    if who.role in ROLES[action] and who.district != TUBAN:
        return
    before = await office.grant()
    answer = await by(office, who).client.post(f"{ONE}/{action}", data={"key": "a" * 32, **FIELDS[action]})
    assert answer.status_code == (404 if who is ABROAD and who.role in ROLES[action] else 403)
    assert await office.grant() == before


async def test_a_form_is_offered_to_whom_it_is_for_alone(office: Office) -> None:
    await a_request(office, "verified")
    for who, offered in (
        (OFFICER, {"cancel"}),
        (PROVINCE, {"approve", "reject", "cancel"}),
        (TREASURER, set()),
        (AUDITOR, set()),
        (ADMIN, set()),
    ):
        html = await by(office, who).page(ONE)
        assert set(re.findall(rf'action="[^"]*{GRANT}/(\w+)"', html)) == offered


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
    ids=str,
)
async def test_another_site_has_nothing_done(office: Office, headers: dict[str, str]) -> None:
    await a_request(office)
    reader = by(office, OFFICER)
    data = {"key": reader.key(await reader.page(ONE), f"{ONE}/verify"), "note": ""}
    assert (await reader.client.post(f"{ONE}/verify", data=data, headers=headers)).status_code == 403
    assert (await office.grant())["status"] == "requested"


# Nothing twice


async def test_a_double_click_does_it_once(office: Office) -> None:
    await a_request(office, "verified")
    reader = by(office, PROVINCE)
    data = {"key": reader.key(await reader.page(ONE), f"{ONE}/approve"), **FIELDS["approve"]}
    answers = [await reader.client.post(f"{ONE}/approve", data=data) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert await office.money() == (10_000_000, 3_000_000, 0)
    assert [entry["step"] for entry in (await office.grant())["history"]] == ["request", "verify", "approve"]


async def test_a_form_sent_again_with_something_else_is_not_done_again(office: Office) -> None:
    await a_request(office)
    await office.hear(cash("C-1", 1_000_000))
    reader = by(office, ADMIN)
    key = reader.key(await reader.page(BUDGET), f"{BUDGET}/set")
    for amount, status in (("20000000", 303), ("30000000", 409)):
        data = {"key": key, "amount": amount, "fund": "apbd_provinsi"}
        answer = await reader.client.post(f"{BUDGET}/set", data=data)
        assert answer.status_code == status
    assert "sudah terkirim dengan isi lain" in answer.text
    assert await office.money() == (20_000_000, 0, 0)


# What is refused, in words


async def test_who_verified_is_told_that_another_must_approve(office: Office) -> None:
    await a_request(office, "verified")
    same = Caller(OFFICER.sub, Role.province_officer, None)
    html = await by(office, same).page(ONE)
    assert "Langkah ini harus diambil orang lain." in as_read(html)
    answer = await by(office, same).client.post(f"{ONE}/approve", data={"key": "a" * 32, "note": "ya"})
    assert answer.status_code == 409
    assert "Mintalah rekan yang lain." in answer.text
    assert (await office.grant())["status"] == "verified"


async def test_a_step_that_came_too_late_is_told_where_the_grant_is_now(office: Office) -> None:
    await a_request(office)
    reader = by(office, OFFICER)
    data = {"key": reader.key(await reader.page(ONE), f"{ONE}/reject"), "reason": "tidak sesuai"}
    await office.bring(GRANT, "verified")
    answer = await reader.client.post(f"{ONE}/reject", data=data)
    assert (answer.status_code, "Keadaan bantuan sekarang: diperiksa" in as_read(answer.text)) == (409, True)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("id", "Pagu Rp10.000.000, komitmen Rp0, diperlukan Rp11.000.000."),
        ("en", "Budget Rp10,000,000, committed Rp0, needed Rp11,000,000."),
    ],
)
async def test_a_budget_that_is_too_small_is_named_in_rupiah(office: Office, language: str, said: str) -> None:
    await a_request(office)
    await office.hear(cash("C-1", 11_000_000))
    number = grant_id(BOJONEGORO, "C-1")
    await office.bring(number, "verified")
    reader = by(office, PROVINCE)
    at = f"/requests/{number}"
    answer = await reader.sends(f"{at}?lang={language}", f"{at}/approve", {"note": "periksa lagi", "fund": ""})
    assert answer.status_code == 409
    assert said in as_read(answer.text)
    assert ">periksa lagi</textarea>" in answer.text, "nobody types it twice"
    assert 'role="alert"' in answer.text and "autofocus" in answer.text


async def test_a_failed_criterion_is_said_in_words(office: Office) -> None:
    other = "BJN-2"
    await office.hear(person(), person(other), pair("BJN-1", other, version=1), request())
    await office.budget(10_000_000)
    await office.bring(GRANT, "verified")
    reader = by(office, PROVINCE)
    assert "diduga tercatat dua kali" in await reader.page(ONE)
    assert re.search(r'href="[^"]*registry/duplicates"', await reader.page(ONE))
    answer = await reader.sends(ONE, f"{ONE}/approve", FIELDS["approve"])
    assert answer.status_code == 409
    assert "memutuskan dugaan data ganda" in answer.text
    assert (await office.grant())["status"] == "verified"


@pytest.mark.parametrize(
    ("action", "fields", "field"),
    [
        ("reject", {"reason": ""}, "reason"),
        ("reject", {"reason": "x" * 501}, "reason"),
        ("disburse", {"reference": "", "on": "2026-11-20"}, "reference"),
        ("disburse", {"reference": "SP2D", "on": "kemarin"}, "on"),
        ("disburse", {"reference": "SP2D", "on": ""}, "on"),
        ("approve", {"note": "", "fund": "pribadi"}, "fund"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field(
    office: Office, action: str, fields: dict[str, str], field: str
) -> None:
    await a_request(office, BEFORE[action])
    answer = await by(office, TAKES[action]).sends(ONE, f"{ONE}/{action}", fields)
    assert answer.status_code == 422
    assert re.search(rf'id="{action}-{field}-cure"', answer.text)
    assert re.search(rf'name="{field}"[^>]* aria-invalid="true" autofocus', answer.text)
    assert (await office.grant())["status"] == BEFORE[action]


@pytest.mark.parametrize("data", [{}, {"note": "x"}, {"key": "short"}, {"key": "a" * 32, "note": "nul\0"}])
async def test_what_is_no_form_of_ours_is_refused(office: Office, data: dict[str, str]) -> None:
    await a_request(office)
    assert (await by(office, OFFICER).client.post(f"{ONE}/verify", data=data)).status_code == 403
    assert (await office.grant())["status"] == "requested"


# Handing over


SCAN = {"evidence": ("bast.pdf", b"%PDF scan", "application/pdf")}
HANDED = {"on": "2026-11-25", "received_by": "guardian", "witness": "Bu Kades", "serial_0": "SN-9"}


async def _told(office: Office) -> Any:
    """What came to the district's log is applied, as relay and consumer do it."""

    async def positions(wanted: Any) -> dict[Partition, int]:
        return dict.fromkeys(wanted, 0)

    await office.node.relay.round()
    async with office.node.log.subscribe("test", [f"intake.grants.{BOJONEGORO}"], positions) as subscription:
        records = await subscription.read(limit=100, timeout=0.3)
    await office.hear(*records)
    return records


async def test_a_handover_is_the_districts_own_event_with_the_fingerprint_of_the_scan(office: Office) -> None:
    await a_request(office, "disbursed")
    reader = by(office, OFFICER)
    answer = await reader.sends(ONE, f"/handovers/{GRANT}", HANDED, SCAN)
    assert answer.status_code == 303
    assert answer.next_request is not None
    back = str(answer.next_request.url)
    waiting = await reader.client.get(back)
    assert "sedang diproses" in waiting.text
    assert waiting.headers["refresh"].startswith("2; url=?sent=") and waiting.headers["refresh"].endswith("&again=1")
    assert (await office.grant())["status"] == "disbursed"
    (record,) = await _told(office)
    assert record.key == b"BJN-1"
    assert sha256(b"%PDF scan").hexdigest().encode() in record.value
    done = await reader.client.get(back)
    assert "refresh" not in done.headers
    assert (await office.grant())["status"] == "handed_over"
    assert "Bu Kades" not in done.text, "the witness is named in the BAST alone"
    assert await office.value("SELECT serial FROM assets") == "SN-9"


async def test_a_handover_sent_twice_is_told_once(office: Office) -> None:
    await a_request(office, "disbursed")
    reader = by(office, OFFICER)
    data = {"key": reader.key(await reader.page(ONE), f"/handovers/{GRANT}"), **HANDED}
    for _ in range(2):
        assert (await reader.client.post(f"/handovers/{GRANT}", data=data, files=SCAN)).status_code == 303
    assert len(await _told(office)) == 1
    assert (await office.grant())["status"] == "handed_over"
    assert (await reader.client.post(f"/handovers/{GRANT}", data=data, files=SCAN)).status_code == 303
    other = {"evidence": ("scan.pdf", b"%PDF another")}
    answer = await reader.client.post(f"/handovers/{GRANT}", data=data, files=other)
    assert (answer.status_code, "sudah terkirim dengan isi lain" in answer.text) == (409, True)
    assert len(await _told(office)) == 1


async def test_a_handover_is_taken_while_the_log_is_away_and_told_once_it_is_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: Any) -> None:
        raise LogUnavailable("away")

    await a_request(office, "disbursed")
    reader = by(office, OFFICER)
    data = {"key": reader.key(await reader.page(ONE), f"/handovers/{GRANT}"), **HANDED}
    with monkeypatch.context() as patched:
        patched.setattr(office.node.log, "append", away)
        assert (await reader.client.post(f"/handovers/{GRANT}", data=data, files=SCAN)).status_code == 303
        with pytest.raises(LogUnavailable):
            await office.node.relay.round()
        other = {"evidence": ("scan.pdf", b"%PDF another")}
        answer = await reader.client.post(f"/handovers/{GRANT}", data=data, files=other)
        assert answer.status_code == 409, "no other content under the same id"
    (record,) = await _told(office)
    assert sha256(b"%PDF scan").hexdigest().encode() in record.value
    assert (await office.grant())["status"] == "handed_over"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"on": ""}, "on"), ({"witness": " "}, "witness"), ({"received_by": "nobody"}, "received_by")],
)
async def test_a_handover_with_a_gap_is_not_sent(office: Office, wrong: dict[str, str], field: str) -> None:
    await a_request(office, "disbursed")
    answer = await by(office, OFFICER).sends(ONE, f"/handovers/{GRANT}", {**HANDED, **wrong}, SCAN)
    assert answer.status_code == 422
    assert f'id="hand_over-{field}-cure"' in answer.text
    assert await _told(office) == []


async def test_a_handover_needs_its_scan(office: Office) -> None:
    await a_request(office, "disbursed")
    empty = {"evidence": ("", b"", "application/octet-stream")}
    answer = await by(office, OFFICER).sends(ONE, f"/handovers/{GRANT}", HANDED, empty)
    assert (answer.status_code, 'id="hand_over-evidence-cure"' in answer.text) == (422, True)
    assert await _told(office) == []


async def test_a_scan_that_is_too_large_is_asked_for_smaller(office: Office) -> None:
    await a_request(office, "disbursed")
    large = {"evidence": ("bast.pdf", bytes(33 * 1024 * 1024), "application/pdf")}
    answer = await by(office, OFFICER).sends(ONE, f"/handovers/{GRANT}", HANDED, large)
    assert (answer.status_code, 'id="hand_over-evidence-cure"' in answer.text) == (422, True)
    assert await _told(office) == []


async def test_what_is_not_paid_is_not_handed_over(office: Office) -> None:
    await a_request(office, "approved")
    data = {"key": "a" * 32, **HANDED}
    answer = await by(office, OFFICER).client.post(f"/handovers/{GRANT}", data=data, files=SCAN)
    assert answer.status_code == 409
    assert await _told(office) == []


@pytest.mark.parametrize("who", EVERYBODY, ids=lambda who: f"{who.role}-{who.district}")
async def test_nobody_else_hands_over(office: Office, who: Caller) -> None:
    await a_request(office, "disbursed")
    if who is OFFICER:
        return
    data = {"key": "a" * 32, **HANDED}
    answer = await by(office, who).client.post(f"/handovers/{GRANT}", data=data, files=SCAN)
    assert answer.status_code == (404 if who is ABROAD else 403)
    assert await _told(office) == []


# Letters


async def test_letters_are_for_officers_and_for_the_state_of_the_grant(office: Office) -> None:
    await a_request(office, "approved")
    html = await by(office, OFFICER).page(ONE)
    assert set(re.findall(r"documents/(\w+)\.html", html)) == {"request", "approval"}
    assert "Surat Permohonan" in await by(office, OFFICER).page(f"{ONE}/documents/request.html")
    assert "Surat ini belum ada" in await by(office, OFFICER).page(f"{ONE}/documents/handover.html", status=409)
    assert "documents/" not in await by(office, AUDITOR).page(ONE)
    await by(office, TREASURER).page(f"{ONE}/documents/request.html", status=403)


# Lists


LIST = f"/batch?district={BOJONEGORO}&year=2026"


async def a_list(office: Office) -> list[str]:
    await office.hear(person(), person("BJN-2"), request(), cash("C-2", 2_000_000, to="BJN-2"))
    await office.budget(10_000_000)
    numbers = [GRANT, grant_id(BOJONEGORO, "C-2")]
    for number in numbers:
        await office.bring(number, "verified")
    return [str(number) for number in numbers]


def envelope(numbers: list[str], total: str) -> dict[str, Any]:
    return {"grant": numbers, "district": BOJONEGORO, "year": "2026", "total": total, "fund": "", "note": ""}


async def test_a_list_is_approved_as_one_envelope(office: Office) -> None:
    numbers = await a_list(office)
    reader = by(office, PROVINCE)
    lists = as_read(await reader.page("/batch"))
    assert "Kab. Bojonegoro 2026 2026 2 Rp5.000.000" in lists
    html = await reader.done(LIST, "/batch", envelope(numbers, "5.000.000"))
    assert "Semua bantuan dalam daftar ini disetujui." in html
    assert await office.money() == (10_000_000, 5_000_000, 0)


async def test_a_total_that_does_not_add_up_approves_nothing(office: Office) -> None:
    numbers = await a_list(office)
    answer = await by(office, PROVINCE).sends(LIST, "/batch", envelope(numbers[:1], "5.000.000"))
    assert answer.status_code == 409
    assert "Yang dicentang berjumlah Rp3.000.000, surat menyebut Rp5.000.000." in as_read(answer.text)
    assert answer.text.count(" checked") == 1
    assert await office.money() == (10_000_000, 0, 0)


async def test_what_stands_in_the_way_is_said_in_its_row(office: Office) -> None:
    numbers = await a_list(office)
    await office.take("cancel", grant_id(BOJONEGORO, "C-2"))
    await office.hear(person("BJN-3"), pair("BJN-1", "BJN-3", version=1))
    answer = await by(office, PROVINCE).sends(LIST, "/batch", envelope(numbers[:1], "3.000.000"))
    assert answer.status_code == 409
    row = re.search(rf'id="why-{GRANT}">([^<]*)<', answer.text)
    assert row is not None and "diduga tercatat dua kali" in row[1]
    assert (await office.grant())["status"] == "verified"


@pytest.mark.parametrize(
    ("change", "field"),
    [({"grant": []}, "grant-cure"), ({"total": "banyak"}, "total-cure"), ({"total": ""}, "total-cure")],
)
async def test_a_list_with_a_gap_is_not_approved(office: Office, change: dict[str, Any], field: str) -> None:
    numbers = await a_list(office)
    answer = await by(office, PROVINCE).sends(LIST, "/batch", {**envelope(numbers, "5000000"), **change})
    assert answer.status_code == 422
    assert f'id="{field}"' in answer.text
    assert await office.money() == (10_000_000, 0, 0)


@pytest.mark.parametrize("who", EVERYBODY, ids=lambda who: f"{who.role}-{who.district}")
async def test_nobody_but_the_province_approves_a_list(office: Office, who: Caller) -> None:
    numbers = await a_list(office)
    if who is PROVINCE:
        return
    assert (await by(office, who).client.get(LIST)).status_code == 403
    data = {"key": "a" * 32, **envelope(numbers, "5000000")}
    assert (await by(office, who).client.post("/batch", data=data)).status_code == 403
    assert await office.money() == (10_000_000, 0, 0)


# Budgets


async def test_an_admin_raises_lowers_and_moves_a_budget(office: Office) -> None:
    await a_request(office, "approved")
    reader = by(office, ADMIN)
    for amount in ("12.000.000", "4000000"):
        html = await reader.done(BUDGET, f"{BUDGET}/set", {"amount": amount, "fund": "apbd_provinsi"})
        assert "Pagu tersimpan." in html
    assert await office.money() == (4_000_000, 3_000_000, 0)
    html = await reader.done(
        BUDGET, f"{BUDGET}/move", {"amount": "1.000.000", "fund": "apbd_provinsi", "to": TUBAN, "reason": "surat 12"}
    )
    assert "Pagu Rp3.000.000" not in html and "digeser" in html
    assert dict(await office.rows("SELECT district, amount FROM budgets")) == {BOJONEGORO: 3_000_000, TUBAN: 1_000_000}
    overview = as_read(await reader.page("/budgets?year=2026"))
    assert "Kab. Bojonegoro Rp3.000.000 Rp3.000.000 Rp0 Rp0" in overview
    assert "Jumlah Rp4.000.000 Rp3.000.000 Rp0 Rp1.000.000" in overview


@pytest.mark.parametrize(
    ("action", "fields", "status", "said"),
    [
        ("set", {"amount": "2000000", "fund": "apbd_provinsi"}, 409, "Komitmen sekarang Rp3.000.000"),
        ("set", {"amount": "", "fund": "apbd_provinsi"}, 422, "set-amount-cure"),
        ("set", {"amount": "-1", "fund": "apbd_provinsi"}, 422, "set-amount-cure"),
        ("set", {"amount": "1", "fund": "pribadi"}, 422, "set-fund-cure"),
        ("move", {"amount": "1", "fund": "apbd_provinsi", "to": "", "reason": "x"}, 422, "move-to-cure"),
        ("move", {"amount": "1", "fund": "apbd_provinsi", "to": TUBAN, "reason": ""}, 422, "move-reason-cure"),
        ("move", {"amount": "8000000", "fund": "apbd_provinsi", "to": TUBAN, "reason": "x"}, 409, "Komitmen sekarang"),
        ("move", {"amount": "1", "fund": "apbd_provinsi", "to": BOJONEGORO, "reason": "x"}, 409, "tujuan yang lain"),
    ],
)
async def test_a_budget_is_not_set_to_what_it_cannot_be(
    office: Office, action: str, fields: dict[str, str], status: int, said: str
) -> None:
    await a_request(office, "approved")
    answer = await by(office, ADMIN).sends(BUDGET, f"{BUDGET}/{action}", fields)
    assert answer.status_code == status
    assert said in answer.text
    assert await office.money() == (10_000_000, 3_000_000, 0)


@pytest.mark.parametrize("who", EVERYBODY, ids=lambda who: f"{who.role}-{who.district}")
async def test_nobody_but_an_admin_changes_a_budget(office: Office, who: Caller) -> None:
    await a_request(office)
    if who is ADMIN:
        return
    for action, more in (("set", {}), ("move", {"to": TUBAN, "reason": "x"})):
        data = {"key": "a" * 32, "amount": "1", "fund": "apbd_provinsi", **more}
        assert (await by(office, who).client.post(f"{BUDGET}/{action}", data=data)).status_code == 403
    assert await office.money() == (10_000_000, 0, 0)


async def test_every_page_forbids_what_it_does_not_need(office: Office) -> None:
    await a_request(office, "verified")
    for who, address in (
        (PROVINCE, "/requests"),
        (PROVINCE, ONE),
        (PROVINCE, LIST),
        (ADMIN, "/budgets"),
        (ADMIN, BUDGET),
    ):
        answer = await by(office, who).client.get(address)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert answer.headers["cache-control"] == "private, no-cache"
        for tag in re.findall(r"<[^>]*>", answer.text):
            assert not re.search(r"<script(?!.* src=)|<style|\sstyle=|\son[a-z]+\s*=|javascript:", tag), tag
