"""What axe-core finds wrong with a page, as sentences."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page

_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()


async def violations(page: Page) -> list[str]:
    await page.evaluate(_AXE)
    found: dict[str, Any] = await page.evaluate("axe.run()")
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
