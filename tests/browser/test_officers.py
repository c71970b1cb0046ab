"""Officers at their pages, through one address: by keyboard alone, without scripts, on a phone and at a desk."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from shared.events.envelope import grant_id
from shared.security import Caller
from tests.browser.axe import violations
from tests.browser.chromium import sign_in
from tests.browser.office import (
    ADMIN,
    ANSWER_SECONDS,
    AUDITOR,
    BOJONEGORO,
    OFFICER,
    PROVINCE,
    TREASURER,
    Office,
)
from tests.integration.uploading import csv_file

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., Awaitable[Page]]
"""`await open_as(who, "/grants/requests", width=1280, **context)` is a page of one signed in."""
SLOW_MS = ANSWER_SECONDS * 1000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    with Office(tmp_path_factory.mktemp("office")) as found:
        found.fill()
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def open_as(browser: Browser, office: Office) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def opened(who: Caller, address: str, *, width: int = 1280, **more: object) -> Page:
            context = await browser.new_context(viewport={"width": width, "height": 800}, **more)  # type: ignore[arg-type]
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(15_000)
            await sign_in(page, office.link(who))
            await page.goto(office.url + address)
            return page

        yield opened


def one(ref: str) -> str:
    return f"/grants/requests/{grant_id(BOJONEGORO, ref)}"


def pages(office: Office) -> dict[Caller, list[str]]:
    """Every page, by one who may do there what can be done."""
    (pair, *_) = office.call("GET", "/registry/v1/duplicates?because=similar", PROVINCE).json()["items"]
    return {
        OFFICER: [one("B-1"), "/grants/uploads"],
        PROVINCE: [
            "/grants/requests",
            "/grants/requests?status=rejected",
            one("B-2"),
            one("B-9"),
            "/grants/batch",
            f"/grants/batch?district={BOJONEGORO}&year=2026",
            "/registry/duplicates",
            f"/registry/duplicates/{pair['duplicate_id']}",
            "/registry/uploads",
        ],
        TREASURER: [one("B-4")],
        ADMIN: ["/grants/budgets?year=2026", f"/grants/budgets/2026/{BOJONEGORO}"],
        AUDITOR: [one("B-2"), "/registry/uploads", "/grants/requests/not-there"],
    }


@pytest.mark.parametrize(
    ("scheme", "width", "language"),
    [("light", 1280, "id"), ("light", 320, "en"), ("dark", 320, "id"), ("dark", 1280, "en")],
)
async def test_axe_finds_nothing_and_nothing_is_too_wide_or_too_small(
    open_as: Open, office: Office, scheme: str, width: int, language: str
) -> None:
    for who, addresses in pages(office).items():
        page = await open_as(who, "/", width=width, color_scheme=scheme)
        for address in addresses:
            await page.goto(f"{office.url}{address}{'&' if '?' in address else '?'}lang={language}")
            assert await violations(page) == [], address
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert await page.evaluate(wide) <= 0, address
            small = await page.evaluate(
                """[...document.querySelectorAll('a, button, select, input:not([type=hidden])')]
                    .filter(e => e.checkVisibility() && !e.matches('.skip, main p a, main li a, main dd a, td a'))
                    .map(e => [e.textContent.trim(), e.getBoundingClientRect()])
                    .filter(([, box]) => box.width < 24 || box.height < 24)
                    .map(([text, box]) => `${text} ${box.width} x ${box.height}`)"""
            )
            assert small == [], address
            assert await page.locator("script").count() == 0, "officers' pages need none"


async def test_one_navigation_leads_through_all_services_and_back(open_as: Open) -> None:
    page = await open_as(PROVINCE, "/reporting/quality")
    for name, heading in (
        ("Permintaan bantuan", "Permintaan bantuan"),
        ("Data ganda", "Dugaan data ganda"),
        ("Pagu", "Pagu"),
        ("Unggah berkas", "Unggah berkas"),
        ("Daftar kerja", "Daftar kerja"),
        ("Permintaan bantuan", "Permintaan bantuan"),
        ("Provinsi Jawa Timur", "Provinsi Jawa Timur"),
    ):
        await (
            page.get_by_role("navigation", name="Halaman", exact=True)
            .get_by_role("link", name=name, exact=True)
            .click()
        )
        await page.get_by_role("heading", level=1, name=heading).wait_for()
    await page.get_by_role("link", name="Permintaan bantuan").click()
    await page.get_by_role("button", name="Keluar").click()
    await page.get_by_role("heading", level=1, name="Masuk").wait_for()


async def test_without_a_session_the_way_back_is_kept(browser: Browser, office: Office) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{office.url}/grants/requests?status=verified")
    assert page.url == f"{office.url}/sign-in?next=%2Fgrants%2Frequests%3Fstatus%3Dverified"
    await context.close()


HEAD = ["nomor_bantuan", "nomor", "jenis_bantuan", "nilai", "tahun_anggaran", "tujuan", "desil"]
HEAD += ["barang_1", "jumlah_1", "harga_satuan_1"]
ROW = ["K-1", "BJN-0006", "peralatan", "3.500.000", "2026", "Usaha menjahit", "2", "Mesin jahit", "1", "3.500.000"]


async def test_a_grant_goes_from_request_to_handover_by_keyboard_alone_without_scripts(
    open_as: Open, tmp_path: Path
) -> None:
    """An officer of the district, one of the province, the treasurer, and the district again."""
    rows, scan = tmp_path / "permintaan.csv", tmp_path / "bast.pdf"
    rows.write_bytes(csv_file([HEAD, ROW]))
    scan.write_bytes(b"%PDF-1.7 scan")

    page = await open_as(OFFICER, "/grants/uploads", java_script_enabled=False)
    await _tab_to(page, "#file")
    await page.locator(":focus").set_input_files(rows)  # the dialog is the system's
    await _press(page, "Periksa berkas")
    await page.get_by_role("button", name="Kirim semua 1 baris").wait_for(timeout=SLOW_MS)
    await _press(page, "Kirim semua 1 baris")
    await page.get_by_text("diterima", exact=True).wait_for(timeout=SLOW_MS)

    await page.goto(page.url.partition("/grants")[0] + one("K-1"))
    await _write(page, "#verify-note", "alat dan usaha sudah dilihat")
    await _press(page, "Nyatakan sudah diperiksa")
    await expect(page.get_by_role("status")).to_contain_text("Permintaan sudah diperiksa.")

    page = await open_as(PROVINCE, one("K-1"), java_script_enabled=False)
    await _write(page, "#approve-note", "sesuai daftar")
    await _press(page, "Setujui bantuan")
    await expect(page.get_by_role("status")).to_contain_text("Persetujuan Anda tercatat.")

    page = await open_as(TREASURER, one("K-1"), java_script_enabled=False)
    await _write(page, "#disburse-reference", "SP2D-0017")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Pencairan tercatat.")

    page = await open_as(OFFICER, one("K-1"), java_script_enabled=False)
    await _write(page, "#hand_over-witness", "Bu Kades")
    await _write(page, "#hand_over-serial_0", "SN-2026-77")
    await _tab_to(page, "#hand_over-evidence")
    await page.locator(":focus").set_input_files(scan)
    await _press(page, "Kirim berita serah terima")
    await page.locator("dd", has_text="diserahterimakan").wait_for(timeout=SLOW_MS)
    steps = await page.locator("section:has(#history) tbody th").all_inner_texts()
    assert steps == ["diajukan", "diperiksa", "disetujui", "dicairkan", "diserahterimakan"]


async def test_a_suspicion_is_decided_and_undone_by_keyboard_alone_without_scripts(open_as: Open) -> None:
    page = await open_as(PROVINCE, "/registry/duplicates?because=similar", java_script_enabled=False)
    await _tab_to(page, "tbody th a")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", level=1, name="Satu orang atau dua?").wait_for()
    rows = await page.locator("section:has(#people) tbody tr").all_inner_texts()
    assert rows[0].split("\t") in (
        ["Nama", "Mohamad Slamet", "Muhammad Slamet", "berbeda"],
        ["Nama", "Muhammad Slamet", "Mohamad Slamet", "berbeda"],
    )
    await _write(page, "#reason", "dua orang, sudah ditanyakan")
    await _press(page, "Dua orang berbeda")
    await expect(page.get_by_role("status")).to_contain_text("Diputuskan: dua orang berbeda.")
    await _write(page, "#reason", "keliru membaca")
    await _press(page, "Batalkan keputusan")
    await expect(page.get_by_role("status")).to_contain_text("menunggu keputusan lagi")


async def test_what_is_refused_is_said_where_the_focus_is(open_as: Open, office: Office) -> None:
    page = await open_as(PROVINCE, one("B-9"))
    await page.get_by_role("button", name="Setujui bantuan").click()
    await expect(page.get_by_role("alert")).to_contain_text("diduga tercatat dua kali")
    assert await page.evaluate("document.activeElement.id") == "problem"
    assert await violations(page) == []
    await page.get_by_role("button", name="Tolak permintaan").click()
    assert await page.evaluate("document.activeElement.id") == "reject-reason"
    assert await page.locator("#reject-reason").get_attribute("aria-describedby") == (
        "reject-reason-cure reject-reason-hint"
    )
    assert await violations(page) == []
    await page.get_by_role("link", name="English").click()
    await page.get_by_role("heading", level=2, name="Reject").wait_for()


async def test_officers_go_on_where_they_were_when_everything_was_killed_and_started_again(
    open_as: Open, office: Office
) -> None:
    """The dashboard says that it lost the stream; a form that was not received is sent again, and is done once."""
    (pair, *_) = office.call("GET", "/registry/v1/duplicates?because=similar", PROVINCE).json()["items"]
    dashboard = await open_as(PROVINCE, "/reporting/")
    state, verified = dashboard.locator("#live .state"), dashboard.locator("#grants-verified td").first
    await expect(state).to_have_text("Langsung", timeout=SLOW_MS)
    before = int(await verified.inner_text())
    grant = await open_as(OFFICER, one("B-5"))
    suspicion = await open_as(PROVINCE, f"/registry/duplicates/{pair['duplicate_id']}")
    forms = (
        (grant, "#verify-note", "Nyatakan sudah diperiksa", "Permintaan sudah diperiksa."),
        (suspicion, "#reason", "Dua orang berbeda", "Diputuskan: dua orang berbeda."),
    )
    office.kill()
    await expect(state).to_have_text("Sambungan terputus, mencoba lagi")
    for page, field, button, _ in forms:
        await page.locator(field).fill("sudah dikunjungi")
        async with page.expect_event("requestfailed"):
            await page.get_by_role("button", name=button).click()
    office.start()
    for page, field, button, said in forms:
        await page.go_back()
        await page.locator(field).fill("sudah dikunjungi")
        await page.get_by_role("button", name=button).click()
        await expect(page.get_by_role("status")).to_contain_text(said)
    number = grant_id(BOJONEGORO, "B-5")
    found = office.grant(number)
    assert found is not None
    assert [step["step"] for step in found["history"]] == ["request", "verify"]
    await expect(state).to_have_text("Langsung", timeout=SLOW_MS)
    await expect(verified).to_have_text(str(before + 1), timeout=SLOW_MS)
    await suspicion.locator("#reason").fill("seperti semula")
    await suspicion.get_by_role("button", name="Batalkan keputusan").click()
    await expect(suspicion.get_by_role("status")).to_contain_text("menunggu keputusan lagi")
    rejected = office.call("POST", f"/grants/v1/grants/{number}/reject", PROVINCE, json={"reason": "seperti semula"})
    assert rejected.is_success, "and what others approve is what it was"


async def test_a_list_is_approved_by_its_total(open_as: Open, office: Office) -> None:
    page = await open_as(PROVINCE, f"/grants/batch?district={BOJONEGORO}&year=2026", width=390)
    assert not await page.get_by_label("B-9").is_checked(), "who fails a criterion is not ticked beforehand"
    await page.get_by_label("B-3").uncheck()
    await page.get_by_label("Total menurut surat").fill("12.000.000")
    await page.get_by_role("button", name="Setujui semua yang dipilih").click()
    await expect(page.get_by_role("alert")).to_contain_text("Yang dicentang berjumlah Rp6.000.000")
    assert await violations(page) == []
    await page.get_by_label("Total menurut surat").fill("6.000.000")
    await page.get_by_role("button", name="Setujui semua yang dipilih").click()
    await expect(page.get_by_role("status")).to_contain_text("Semua bantuan dalam daftar ini disetujui.")
    assert await violations(page) == []


async def test_a_budget_is_raised_and_moved(open_as: Open, office: Office) -> None:
    page = await open_as(ADMIN, f"/grants/budgets/2026/{BOJONEGORO}")
    await page.get_by_label("Pagu yang baru").fill("160.000.000")
    await page.get_by_role("button", name="Tetapkan pagu").click()
    await expect(page.get_by_role("status")).to_contain_text("Pagu tersimpan.")
    await page.get_by_label("Ke kabupaten/kota", exact=True).select_option("3523")
    await page.get_by_label("Yang digeser").fill("10.000.000")
    await page.get_by_label("Alasan", exact=True).fill("surat 12/2026")
    await page.get_by_role("button", name="Geser pagu").click()
    await expect(page.get_by_role("status")).to_contain_text("Pagu tersimpan.")
    assert "Rp150.000.000" in await page.locator("tfoot").inner_text()
    assert await violations(page) == []


async def test_a_file_with_a_wrong_row_says_what_to_mend(open_as: Open, tmp_path: Path) -> None:
    rows = tmp_path / "permintaan.csv"
    rows.write_bytes(csv_file([HEAD, [*ROW[:3], "banyak", *ROW[4:]]]))
    page = await open_as(OFFICER, "/grants/uploads", width=320)
    await page.get_by_label("Berkas", exact=True).set_input_files(rows)
    await page.get_by_role("button", name="Periksa berkas").click()
    await page.get_by_text("Tulis bilangan bulat").wait_for(timeout=SLOW_MS)
    assert await violations(page) == []
    assert await page.get_by_role("button", name="Kirim").count() == 0
    await page.get_by_role("link", name="English").click()
    await page.get_by_text("Write a whole number").wait_for()


async def _tab_to(page: Page, selector: str) -> None:
    for _ in range(120):
        await page.keyboard.press("Tab")
        if await page.locator(f":is({selector}):focus").count():
            return
    raise AssertionError(f"Tab does not reach {selector}")


async def _write(page: Page, selector: str, text: str) -> None:
    await _tab_to(page, selector)
    await page.keyboard.type(text)


async def _press(page: Page, name: str) -> None:
    """The button of this name, by Tab and Enter."""
    for _ in range(120):
        await page.keyboard.press("Tab")
        focused = page.locator("button:focus")
        if await focused.count() and await focused.inner_text() == name:
            await page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not reach {name}")
