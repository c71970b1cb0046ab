"""The real browser: Debian's Chromium, driven by Playwright."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
OFFICE = "berdaya.office.test"
"""A name without a certificate: what a browser holds back from plain HTTP it holds back here, unlike on localhost."""
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {OFFICE} 127.0.0.1",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


async def sign_in(page: Page, link: str) -> None:
    """As a person does: open the link, press the button."""
    await page.goto(link)
    await page.get_by_role("button", name="Masuk ke dasbor").click()
    await page.get_by_role("heading", level=1, name="Provinsi Jawa Timur").wait_for()


async def until(page: Page, expression: str, *, seconds: float = 15) -> None:
    """Wait for an expression to be true. Playwright's own wait evaluates strings, which the page's policy forbids."""
    deadline = time.monotonic() + seconds
    while not await page.evaluate(expression):
        assert time.monotonic() < deadline, f"never true: {expression}"
        await asyncio.sleep(0.05)
