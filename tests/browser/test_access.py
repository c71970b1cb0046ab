"""The pages for everybody: narrow and wide, light and dark, by keyboard, without scripts, on paper."""

import pytest
from playwright.async_api import Locator, Page

from shared.security import Role
from tests.browser import province
from tests.browser.axe import violations
from tests.browser.chromium import until
from tests.browser.conftest import Open
from tests.browser.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDRESSES = {
    "province": "/",
    "province sorted, earlier": "/?month=2026-03&sort=-net_profit_median&map=declining",
    "district": f"/district/{province.BOJONEGORO}",
    "district without people": "/district/3506",
    "business": f"/business/{province.TAILOR}",
    "business without reports": f"/business/{province.SILENT}",
    "trades and aid": "/aid",
    "units of a district": f"/aid?by=unit&district={province.BOJONEGORO}",
    "quality": "/quality",
    "about": "/about",
    "worklist": "/worklist",
    "worklist sorted and filtered": "/worklist?sort=-due&reason=not_handed_over&owner=-",
    "worklist without a line": "/worklist?reason=suspicious_report",
    "line of the worklist": f"/worklist/{province.SILENT}/silent",
    "not found": "/district/9999",
}
SIGNED_OUT = {"sign in": "/sign-in", "sign in with a ticket": "/sign-in?ticket=x", "public": "/public"}


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("language", ["id", "en"])
async def test_no_page_scrolls_sideways(open_page: Open, server: Server, language: str, width: int) -> None:
    page = await open_page(width=width)
    for name, address in {**ADDRESSES, **SIGNED_OUT}.items():
        await page.goto(server.url + _in(language, address))
        too_wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_page(open_page: Open, server: Server, scheme: str) -> None:
    """Each page in both schemes, widths and languages; which of them meet changes from page to page."""
    page = await open_page(color_scheme=scheme)
    dark = scheme == "dark"
    for number, (name, address) in enumerate({**ADDRESSES, **SIGNED_OUT}.items()):
        narrow, english = number % 2 ^ dark, number // 2 % 2 ^ dark
        await page.set_viewport_size({"width": 320 if narrow else 1280, "height": 800})
        await page.goto(server.url + _in("en" if english else "id", address))
        assert await violations(page) == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_any_state(open_page: Open, server: Server, scheme: str) -> None:
    page = await open_page(color_scheme=scheme)
    for summary in await page.locator("summary").all():
        await summary.click()
    await page.locator("#live[data-state=on]").wait_for()
    assert await violations(page) == [], "live, explained"
    await page.get_by_role("button", name="Jeda").click()
    assert await violations(page) == [], "paused"
    await page.route("**/v1/dashboard/stream", lambda route: route.abort())
    await page.get_by_role("button", name="Lanjutkan").click()
    await page.locator("#live[data-state=lost]").wait_for()
    assert await violations(page) == [], "stream lost"
    await page.context.clear_cookies()
    await page.unroute("**/v1/dashboard/stream")
    await page.locator("#live[data-state=signedOut]").wait_for()
    assert await violations(page) == [], "session ended"
    await page.goto(f"{server.url}/sign-in")
    await page.get_by_label("Token").fill("nonsense")
    await page.get_by_role("button", name="Masuk dengan token").click()
    await page.get_by_role("alert").wait_for()
    assert await violations(page) == [], "a refused token"


async def test_axe_finds_nothing_on_the_page_of_a_district_officer(open_page: Open) -> None:
    page = await open_page(role=Role.district_officer, district=province.BOJONEGORO)
    assert await violations(page) == []


async def test_everything_is_reached_by_keyboard(open_page: Open) -> None:
    page = await open_page(width=320, height=700)
    await page.keyboard.press("Tab")
    assert await _focused(page) == "Langsung ke isi"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"

    await _tab_to(page, "districts-table")
    before = await page.evaluate("document.getElementById('districts-table').scrollLeft")
    for _ in range(5):
        await page.keyboard.press("ArrowRight")
    await until(page, f"document.getElementById('districts-table').scrollLeft > {before}")

    await _tab_to(page, "sort-ex_client")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?sort=-ex_client#districts")
    assert await page.locator("[aria-sort]").get_attribute("aria-sort") == "descending"
    assert await page.locator("tbody th a[id^='to-']").first.inner_text() == await _most_ex_clients(page)

    await _tab_to(page, "to-3574")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", level=1, name="Kota Probolinggo").wait_for()


@pytest.mark.parametrize("width", [320, 1280])
async def test_the_map_is_one_stop_for_tab_and_walked_by_arrows(open_page: Open, width: int) -> None:
    page = await open_page(width=width)
    await _tab_to(page, "tile-3523")  # Tuban, in the north-west
    walked = {
        "ArrowRight": "tile-3524",  # Lamongan
        "ArrowDown": "tile-3517",  # Jombang
        "End": "tile-3510",  # Banyuwangi
        "ArrowUp": "tile-3511",  # Bondowoso
        "ArrowLeft": "tile-3509",  # Jember
    }
    for key, tile in walked.items():
        await page.keyboard.press(key)
        assert await page.evaluate("document.activeElement.id") == tile, key
    await page.keyboard.press("Tab")
    assert not (await page.evaluate("document.activeElement.id")).startswith("tile-")
    await page.keyboard.press("Shift+Tab")
    assert await page.evaluate("document.activeElement.id") == "tile-3509"
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", level=1, name="Kab. Jember").wait_for()


async def test_the_sea_is_crossed_to_madura_and_the_edge_holds(open_page: Open) -> None:
    page = await open_page()
    await page.locator("#tile-3525").focus()
    for key, tile in (("ArrowRight", "tile-3526"), ("ArrowUp", "tile-3526"), ("ArrowLeft", "tile-3525")):
        await page.keyboard.press(key)
        assert await page.evaluate("document.activeElement.id") == tile


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (320, 700)])
async def test_the_headings_of_the_table_stay_in_sight(open_page: Open, width: int, height: int) -> None:
    page = await open_page(width=width, height=height)
    await page.locator("#to-3577").scroll_into_view_if_needed()
    row, heading = page.locator("#to-3577"), page.locator("#sort-district")
    assert 0 <= await _edge(heading, "top") < await _edge(row, "top") < height
    await page.locator("#districts-table").evaluate("e => { e.scrollLeft = 400 }")
    assert await _edge(row, "left") >= 0


async def test_focus_is_always_visible(open_page: Open) -> None:
    page = await open_page(width=1280)
    for _ in range(30):
        await page.keyboard.press("Tab")
        width = await page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert width >= 2, await _focused(page)


async def test_every_target_is_large_enough(open_page: Open, server: Server) -> None:
    """WCAG 2.2, 2.5.8: 24 by 24 CSS pixels; links within a sentence are exempt."""
    page = await open_page(width=320)
    for name, address in ADDRESSES.items():
        await page.goto(server.url + address)
        small = await page.evaluate(
            """[...document.querySelectorAll('a, button, select, summary, input:not([type=hidden])')]
                .filter(e => e.checkVisibility() && !e.matches('.skip, main > p a'))
                .map(e => [e.textContent.trim(), e.getBoundingClientRect()])
                .filter(([, box]) => box.width < 24 || box.height < 24)
                .map(([text, box]) => `${text} ${box.width} x ${box.height}`)"""
        )
        assert small == [], name


async def test_text_spaced_out_and_enlarged_loses_nothing(open_page: Open) -> None:
    """WCAG 1.4.12 by user style, and 1.4.10 at 400 % of 1280 by 1024: the same as 320 by 256."""
    page = await open_page(width=320, height=256, bypass_csp=True)
    await page.add_style_tag(
        content="* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
    )
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert await page.locator("#districts-table thead").evaluate("e => getComputedStyle(e).position") == "static"


async def test_without_scripts_everything_works_but_the_live_update(open_page: Open) -> None:
    page = await open_page(java_script_enabled=False)
    assert "Tanpa JavaScript" in await page.locator(".fresh").inner_text()
    assert not await page.locator("#live").is_visible()
    await page.locator("#month").select_option("2026-09")
    await page.get_by_role("button", name="Tampilkan").click()
    await page.get_by_role("heading", level=1, name="Provinsi Jawa Timur, Sep 2026").wait_for()
    await page.get_by_role("link", name="Laba nilai tengah", exact=True).first.click()
    assert await page.locator("#map").inner_text() == "Peta: laba nilai tengah"
    await page.locator("#sort-net_profit").click()
    assert await page.locator("#map").inner_text() == "Peta: laba nilai tengah"
    assert await page.locator("[aria-sort=descending]").count() == 1
    assert "Sep 2026" in await page.locator("h1").inner_text()
    await page.get_by_role("link", name="English").click()
    assert "East Java Province, Sep 2026" in await page.locator("h1").inner_text()
    await page.get_by_role("link", name="Kab. Bojonegoro", exact=True).click()
    await page.get_by_role("link", name="BJN-0001").click()
    await page.get_by_role("heading", level=1, name="Business BJN-0001").wait_for()
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_role("heading", level=1, name="Sign in").wait_for()


async def test_the_policy_of_the_page_stops_nothing_of_its_own(open_page: Open, server: Server) -> None:
    page = await open_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for name, address in ADDRESSES.items():
        if name != "not found":
            await page.goto(server.url + address)
            if await page.locator("#live").count():
                await page.locator("#live[data-state=on]").wait_for()
    assert said == []


async def test_colours_chosen_by_the_reader_leave_the_figures_standing(open_page: Open) -> None:
    page = await open_page(forced_colors="active")
    fills = await page.locator(".stacked").first.evaluate(
        "e => [...e.querySelectorAll('rect')].map(rect => getComputedStyle(rect).fill)"
    )
    assert len(set(fills)) == 5


async def test_on_paper_the_whole_table_is_there_and_no_control(open_page: Open) -> None:
    page = await open_page(width=800)
    await page.emulate_media(media="print")
    assert await page.locator("#districts-table").evaluate("e => getComputedStyle(e).overflow") == "visible"
    for control in ("#live", ".months", ".who", ".languages"):
        assert not await page.locator(control).is_visible()


async def _focused(page: Page) -> str:
    text: str = await page.evaluate("document.activeElement.textContent.trim()")
    return text


async def _edge(element: Locator, side: str) -> float:
    pixels: float = await element.evaluate(f"e => e.getBoundingClientRect().{side}")
    return pixels


async def _tab_to(page: Page, name: str) -> None:
    for _ in range(120):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == name:
            return
    raise AssertionError(f"Tab does not reach {name}")


async def _most_ex_clients(page: Page) -> str:
    """The district whose second cell holds the largest number."""
    rows = await page.locator("#districts-table tbody tr").evaluate_all(
        "rows => rows.map(row => [row.querySelector('a').textContent, Number(row.cells[1].textContent)])"
    )
    most: str = max(rows, key=lambda row: row[1])[0]
    return most


def _in(language: str, address: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}lang={language}"
