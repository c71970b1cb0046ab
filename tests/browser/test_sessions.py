"""A session whose cookie has become old while a page was open, in a real browser."""

import time

import pytest
from playwright.async_api import Page, expect

from shared.security import LocalKey
from shared.sessions import Sessions
from tests.browser import province
from tests.browser.conftest import Open
from tests.browser.server import Server
from tests.browser.test_worklist import SILENT

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def grow_old(page: Page, server: Server) -> str:
    """The cookie as it will be in some minutes: its value."""
    key = LocalKey.at(server.settings.keys)
    sessions = Sessions(key.public, issuer=server.settings.issuer, public="")
    (cookie,) = [each for each in await page.context.cookies() if each["name"] == sessions.cookie]
    at = int(time.time())
    old = sessions.sign(sessions._read(cookie["value"])._replace(until=at - 1, used=at - 700), key)
    await page.context.add_cookies(
        [{"name": sessions.cookie, "value": old, "url": server.url, "httpOnly": True, "sameSite": "Strict"}]
    )
    return old


async def value(page: Page) -> str:
    (cookie,) = [each for each in await page.context.cookies() if each["name"] == "berdaya_session"]
    return str(cookie["value"])


async def test_a_live_page_goes_on_without_a_word(open_page: Open, server: Server) -> None:
    page = await open_page()
    await expect(page.locator("#live")).to_have_attribute("data-state", "on")
    old = await grow_old(page, server)
    version = await page.locator("main").get_attribute("data-version") or ""
    server.report(employees=31)
    await expect(page.locator("main")).not_to_have_attribute("data-version", version)
    await expect(page.locator("#live")).to_have_attribute("data-state", "on")
    assert await value(page) != old


async def test_a_stream_comes_again_with_a_new_cookie(open_page: Open, server: Server) -> None:
    page = await open_page()
    old = await grow_old(page, server)
    answered = await page.evaluate(
        """() => new Promise((done) => {
            const stream = new EventSource("v1/dashboard/stream");
            stream.addEventListener("open", () => { stream.close(); done("open"); });
            stream.addEventListener("error", () => done("error"));
        })"""
    )
    assert answered == "open"
    assert await value(page) != old


async def test_a_form_sent_late_is_not_lost_without_a_script_either(open_page: Open, server: Server) -> None:
    page = await open_page(SILENT, java_script_enabled=False)
    await page.get_by_label("Penanggung jawab").fill("Tri Rahayu")
    old = await grow_old(page, server)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Tersimpan.")
    assert await page.get_by_label("Penanggung jawab").input_value() == "Tri Rahayu"
    assert await value(page) != old


async def test_a_page_that_is_open_elsewhere_ends_with_the_session(open_page: Open, server: Server) -> None:
    page = await open_page()
    await expect(page.locator("#live")).to_have_attribute("data-state", "on")
    copied = await value(page)
    other = await page.context.new_page()
    await other.goto(f"{server.url}/district/{province.BOJONEGORO}")
    await other.get_by_role("button", name="Keluar").click()
    await other.get_by_role("heading", level=1, name="Masuk").wait_for()
    await page.bring_to_front()
    await expect(page.locator("#live")).to_have_attribute("data-state", "signedOut")
    await page.context.add_cookies([{"name": "berdaya_session", "value": copied, "url": server.url}])
    await page.reload()
    assert page.url == f"{server.url}/sign-in"
