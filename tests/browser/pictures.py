"""Takes the pictures of the documentation: `python -m tests.browser.pictures [folder]`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, ViewportSize

from shared.events.envelope import grant_id
from tests.browser import province
from tests.browser.chromium import chromium, sign_in
from tests.browser.office import BOJONEGORO, PROVINCE, Office
from tests.browser.server import Server

WIDE = ViewportSize(width=1360, height=900)
PHONE = ViewportSize(width=390, height=844)


PAGES = {
    "dashboard": "/",
    "map": "/?map=median#map",
    "district": f"/district/{province.BOJONEGORO}",
    "business": f"/business/{province.TAILOR}",
    "aid": "/aid",
    "quality": "/quality",
    "public": "/public",
}


async def take(folder: Path) -> None:
    """Every page on a desk, and the province on a phone and in the dark."""
    with tempfile.TemporaryDirectory() as state, await Server.prepared(Path(state)) as server:
        async with chromium() as browser:
            page = await browser.new_page(viewport=WIDE)
            await sign_in(page, server.link())
            for name, address in PAGES.items():
                await page.goto(server.url + address)
                if await page.locator("#live").count():
                    await page.locator("#live[data-state=on]").wait_for()
                await page.screenshot(path=folder / f"{name}.png")
            phone = await browser.new_page(viewport=PHONE, device_scale_factor=2)
            await sign_in(phone, server.link())
            await phone.locator("#live[data-state=on]").wait_for()
            await phone.screenshot(path=folder / "dashboard-phone.png")
            dark = await browser.new_page(viewport=WIDE, color_scheme="dark")
            await sign_in(dark, server.link())
            await dark.locator("#live[data-state=on]").wait_for()
            await dark.screenshot(path=folder / "dashboard-dark.png")
            await _take_officers(folder, browser)


async def _take_officers(folder: Path, browser: Browser) -> None:
    """What officers decide, over all services of the embedded run."""
    with tempfile.TemporaryDirectory() as state, Office(Path(state)) as office:
        office.fill()
        (pair, *_) = office.call("GET", "/registry/v1/duplicates?because=similar", PROVINCE).json()["items"]
        page = await browser.new_page(viewport=WIDE)
        await sign_in(page, office.link(PROVINCE))
        for name, address in {
            "budget": f"/grants/budgets/2026/{BOJONEGORO}",
            "requests": "/grants/requests",
            "request": f"/grants/requests/{grant_id(BOJONEGORO, 'B-2')}",
            "duplicates": "/registry/duplicates",
            "duplicate": f"/registry/duplicates/{pair['duplicate_id']}",
        }.items():
            await page.goto(office.url + address)
            await page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")))
