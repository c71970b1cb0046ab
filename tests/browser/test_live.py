"""The page follows the province without being loaded again, and says when it cannot."""

import re
import signal

import pytest
from playwright.async_api import Page, expect

from tests.browser import province
from tests.browser.chromium import until
from tests.browser.conftest import Open
from tests.browser.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVE, PAUSED, LOST = "Langsung", "Dijeda", "Sambungan terputus, mencoba lagi"


async def test_a_new_version_is_seen_without_loading_the_page_again(open_page: Open, server: Server) -> None:
    page = await open_page()
    await _is(page, LIVE)
    await page.evaluate("window.loadedOnce = true")
    before = await _jobs(page)
    server.report(employees=104)
    await _jobs_become(page, before + 100)
    assert await page.evaluate("window.loadedOnce") is True
    assert "umur data" in await page.locator("#live .age").inner_text()


async def test_a_screen_reader_is_told_politely(open_page: Open, server: Server) -> None:
    page = await open_page()
    await _is(page, LIVE)
    await expect(page.locator("#live [role=status]")).to_have_text("")
    server.report(employees=6)
    await expect(page.locator("#live [role=status]")).to_have_text(
        re.compile(r"Data diperbarui: \d+ laporan, nilai tengah laba bersih Rp[\d.]+\.")
    )


async def test_announcements_are_at_least_ten_seconds_apart(open_page: Open, server: Server) -> None:
    page = await open_page()
    await _is(page, LIVE)
    await page.evaluate(
        """() => {
            window.said = [];
            new MutationObserver(() => window.said.push(performance.now()))
                .observe(document.querySelector('#live [role=status]'), {childList: true});
        }"""
    )
    for employees in (11, 12, 13):
        before = await page.locator("main").get_attribute("data-version") or ""
        server.report(employees=employees)
        await expect(page.locator("main")).not_to_have_attribute("data-version", before)
    await until(page, "window.said.length === 2")
    first, second = await page.evaluate("window.said")
    assert second - first >= 9_900


async def test_focus_scroll_and_open_details_stay_where_they_are(open_page: Open, server: Server) -> None:
    page = await open_page(f"/?sort=-employees&month={province.NEWEST}", width=320, height=600)
    await _is(page, LIVE)
    await page.locator("summary").first.click()
    await page.locator("#sort-remaining").focus()
    await page.locator("#districts-table").evaluate("e => { e.scrollTop = 120 }")
    await page.evaluate("window.scrollTo(0, 900)")
    where = await page.evaluate(_PLACE)
    before = await _jobs(page)
    server.report(employees=40)
    await expect(page.locator(".tiles div").nth(3).locator("strong")).not_to_have_text(str(before))
    assert await page.evaluate(_PLACE) == where
    assert where["focus"] == "sort-remaining"
    assert where["open"] is True


_PLACE = """() => {
    const table = document.getElementById('districts-table');
    return {y: scrollY, left: table.scrollLeft, top: table.scrollTop, focus: document.activeElement.id,
            open: document.querySelector('details').open};
}"""


async def test_a_pause_holds_until_it_is_lifted(open_page: Open, server: Server) -> None:
    page = await open_page()
    await _is(page, LIVE)
    before = await _jobs(page)
    await page.get_by_role("button", name="Jeda").click()
    await _is(page, PAUSED)
    follower = await open_page()
    await _is(follower, LIVE)
    server.report(employees=204)
    await expect(follower.locator(".tiles div").nth(3).locator("strong")).not_to_have_text(str(before))
    assert await _jobs(page) == before
    await page.reload()
    await _is(page, PAUSED)
    await page.get_by_role("button", name="Lanjutkan").click()
    await _is(page, LIVE)
    await _jobs_become(page, await _jobs(follower))


@pytest.mark.parametrize(
    ("address", "how", "employees"),
    [
        ("/", signal.SIGTERM, 304),
        ("/", signal.SIGKILL, 404),
        (f"/district/{province.BOJONEGORO}", signal.SIGKILL, 504),
        ("/aid", signal.SIGKILL, 604),
    ],
)
async def test_a_lost_stream_is_said_and_found_again(
    open_page: Open, server: Server, address: str, how: signal.Signals, employees: int
) -> None:
    """Also after a service that could put nothing away: what came since is seen without loading the page again."""
    page = await open_page(address)
    await _is(page, LIVE)
    await page.evaluate("window.loadedOnce = true")
    jobs = page.locator("#trade-table tfoot" if address == "/aid" else ".tiles div:nth-child(4) strong")
    before = await jobs.inner_text()
    server.stop(how)
    await _is(page, LOST)
    server.start()
    await _is(page, LIVE, seconds=30)
    server.report(employees=employees)
    await expect(jobs).not_to_have_text(before, use_inner_text=True, timeout=30_000)
    assert await page.evaluate("window.loadedOnce") is True


async def test_the_age_of_the_data_is_counted_while_nothing_comes(open_page: Open, server: Server) -> None:
    page = await open_page()
    await _is(page, LIVE)
    server.stop()
    await _is(page, LOST)
    try:
        await expect(page.locator("#live .age")).to_have_text(re.compile(r"umur data [3-9] detik"), timeout=15_000)
    finally:
        server.start()
    await _is(page, LIVE, seconds=30)


async def test_a_session_that_ended_is_said(open_page: Open, server: Server) -> None:
    page = await open_page()
    await _is(page, LIVE)
    await page.context.clear_cookies()
    server.report(employees=44)
    await _is(page, "Masa masuk habis: muat ulang halaman untuk masuk lagi")
    assert not await page.locator("#live button").is_visible()


async def test_a_district_is_followed_as_well(open_page: Open, server: Server) -> None:
    page = await open_page(f"/district/{province.BOJONEGORO}")
    await _is(page, LIVE)
    before = await _jobs(page)
    server.report(employees=1004)
    await expect(page.locator(".tiles div").nth(3).locator("strong")).not_to_have_text(str(before))


async def _is(page: Page, state: str, *, seconds: float = 15) -> None:
    await expect(page.locator("#live .state")).to_have_text(state, timeout=seconds * 1000)


async def _jobs(page: Page) -> int:
    return int((await page.locator(".tiles div").nth(3).locator("strong").inner_text()).replace(".", ""))


async def _jobs_become(page: Page, number: int) -> None:
    await expect(page.locator(".tiles div").nth(3).locator("strong")).to_have_text(f"{number:,}".replace(",", "."))
