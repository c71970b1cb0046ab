"""Takes the pictures of the documentation: `python -m tests.browser.pictures [folder]`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import ViewportSize

from tests.browser.chromium import chromium, sign_in
from tests.browser.server import Server

WIDE = ViewportSize(width=1360, height=900)
PHONE = ViewportSize(width=390, height=844)


async def take(folder: Path) -> None:
    """The province on a desk and on a phone."""
    with tempfile.TemporaryDirectory() as state, await Server.prepared(Path(state)) as server:
        async with chromium() as browser:
            for name, size, scale in (("dashboard", WIDE, 1), ("dashboard-phone", PHONE, 2)):
                page = await browser.new_page(viewport=size, device_scale_factor=scale)
                await sign_in(page, server.link())
                await page.locator("#live[data-state=on]").wait_for()
                await page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")))
