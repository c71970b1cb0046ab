"""An officer at the worklist: by keyboard, without scripts, and told what could not be saved."""

import pytest
from playwright.async_api import Page, expect

from shared.security import Role
from tests.browser import province
from tests.browser.axe import violations
from tests.browser.conftest import Open
from tests.browser.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

SILENT = f"/worklist/{province.SILENT}/silent"


async def test_an_officer_finds_a_line_and_sees_to_it_without_scripts(open_page: Open) -> None:
    page = await open_page(java_script_enabled=False)
    await page.get_by_role("link", name="Daftar kerja").click()
    await page.get_by_label("Kabupaten/kota").select_option(province.BOJONEGORO)
    await page.get_by_label("Alasan").select_option("silent")
    await page.get_by_role("button", name="Tampilkan").click()
    await page.get_by_role("link", name="Sejak").click()
    assert await page.get_by_label("Alasan").input_value() == "silent"
    assert await page.locator("[aria-sort=descending]").count() == 1
    await page.get_by_role("link", name="Usaha BJN-0002: tidak melapor").click()
    await page.get_by_label("Penanggung jawab").fill("siti.aminah")
    await page.get_by_label("Tenggat").fill("2026-12-01")
    await page.get_by_label("Catatan").fill("Kunjungi hari Senin")
    await page.get_by_role("button", name="Simpan").click()
    await expect(page.get_by_role("status")).to_contain_text("Tersimpan.")
    await page.get_by_role("status").get_by_role("link").click()
    await page.get_by_label("Penanggung jawab").select_option("siti.aminah")
    await page.get_by_role("button", name="Tampilkan").click()
    row = page.locator("#lines-table tbody tr")
    assert await row.count() == 1
    assert "1 Des 2026" in await row.inner_text()
    assert "Kunjungi hari Senin" in await row.inner_text()
    await page.get_by_role("link", name="English").click()
    await page.get_by_role("heading", level=1, name="Worklist").wait_for()
    assert await page.get_by_label("Owner").input_value() == "siti.aminah"


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
async def test_axe_finds_nothing_in_any_state_of_a_line(open_page: Open, scheme: str, width: int) -> None:
    page = await open_page(SILENT, width=width, color_scheme=scheme)
    await page.get_by_role("button", name="Simpan").click()
    await page.get_by_role("status").wait_for()
    assert await violations(page) == [], "saved"
    await page.get_by_label("Catatan").evaluate("e => { e.removeAttribute('maxlength'); e.value = 'x'.repeat(501) }")
    await page.get_by_role("button", name="Simpan").click()
    await page.get_by_role("alert").wait_for()
    assert await violations(page) == [], "refused"
    assert await page.get_by_label("Catatan").get_attribute("aria-describedby") == "problem note-hint"
    assert len(await page.get_by_label("Catatan").input_value()) == 501


async def test_the_form_is_filled_and_sent_by_keyboard(open_page: Open) -> None:
    page = await open_page(SILENT)
    await page.get_by_label("Penanggung jawab").focus()
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type("wulan")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Tersimpan.")
    assert await page.get_by_label("Penanggung jawab").input_value() == "wulan"


async def test_an_extra_zero_appears_is_confirmed_and_is_gone(open_page: Open, server: Server) -> None:
    page = await open_page(role=Role.district_officer, district=province.BOJONEGORO)
    server.report(turnover=95_000_000)
    await _line(page, server)
    assert await violations(page) == []
    assert "mungkin kelebihan nol" in await page.locator("main").inner_text()
    await page.get_by_label("Bagaimana dicocokkan").fill("Buku kas dilihat")
    await page.get_by_role("button", name="Nyatakan benar").click()
    await page.get_by_role("heading", level=1, name="Daftar kerja").wait_for()
    await page.goto(f"{server.url}/worklist/{province.TAILOR}/suspicious_report")
    await page.get_by_role("heading", level=1, name="Baris ini tidak lagi di daftar kerja").wait_for()
    assert await violations(page) == []


async def test_who_only_reads_has_no_form(open_page: Open) -> None:
    page = await open_page(SILENT, role=Role.auditor)
    assert await page.locator("main form").count() == 0
    assert await violations(page) == []


async def test_both_files_are_downloaded_with_the_filters_of_the_page(open_page: Open) -> None:
    page = await open_page(f"/worklist?district={province.BOJONEGORO}&reason=silent")
    for name, ending in (("Unduh CSV", ".csv"), ("Unduh Excel (XLSX)", ".xlsx")):
        async with page.expect_download() as waiting:
            await page.get_by_role("link", name=name).click()
        download = await waiting.value
        assert download.suggested_filename.endswith(ending)
        content = (await download.path()).read_bytes()
        if ending == ".csv":
            assert [line.split(",")[2] for line in content.decode().splitlines()] == ["Usaha", "BJN-0002"]
        else:
            assert content.startswith(b"PK")


async def _line(page: Page, server: Server) -> None:
    """The page of the tailor's suspicious report, once the service has read it."""
    for _ in range(100):
        answer = await page.goto(f"{server.url}/worklist/{province.TAILOR}/suspicious_report")
        if answer is not None and answer.ok:
            return
        await page.wait_for_timeout(100)
    raise AssertionError("the line never appeared")
