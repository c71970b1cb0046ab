"""Getting in with a real browser, which tells a server less than one would think."""

import pytest
from playwright.async_api import Page, Request, expect

from tests.browser.chromium import OFFICE, sign_in
from tests.browser.conftest import Open
from tests.browser.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_browser_signs_in_and_out_over_plain_http_in_the_office(open_page: Open, server: Server) -> None:
    """There it sends no Sec-Fetch-Site, but says by Origin whose page it shows."""
    page = await open_page("/health/live", role=None)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    office = f"http://{OFFICE}:{server.settings.port}"
    await sign_in(page, server.link().replace(server.url, office))
    headers = await sent[0].all_headers()
    assert headers["origin"] == office
    assert "sec-fetch-site" not in headers
    await page.get_by_role("button", name="Keluar").click()
    await page.get_by_role("heading", level=1, name="Masuk").wait_for()
    await page.goto(f"{office}/")
    assert page.url == f"{office}/sign-in"


async def test_a_link_works_once(open_page: Open, server: Server) -> None:
    link = server.link()
    await sign_in(await open_page("/health/live", role=None), link)
    late = await open_page("/health/live", role=None)
    await late.goto(link)
    await late.get_by_role("button", name="Masuk ke dasbor").click()
    await expect(late.get_by_role("alert")).to_contain_text("Tautan ini sudah dipakai atau lewat 15 menit.")


@pytest.mark.parametrize("where", ["on localhost", "in the office"])
async def test_a_page_of_somebody_else_cannot_sign_anybody_in(open_page: Open, server: Server, where: str) -> None:
    base = server.url if where == "on localhost" else f"http://{OFFICE}:{server.settings.port}"
    page = await open_page("/health/live", role=None)
    await page.goto(f"{base}/sign-in")
    await _post_from_elsewhere(page, f"{base}/sign-in", server.token())
    await page.get_by_role("heading", level=1, name="Permintaan ini tidak berasal dari halaman Berdaya").wait_for()
    assert all(cookie["name"] != "berdaya_session" for cookie in await page.context.cookies())


async def _post_from_elsewhere(page: Page, address: str, token: str) -> None:
    await page.goto(
        f"data:text/html,<form method=post action='{address}'><input name=token value='{token}'><button>win</button>"
    )
    await page.get_by_role("button", name="win").click()
