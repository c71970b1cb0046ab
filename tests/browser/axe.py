"""What axe-core finds wrong with a page, as sentences."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page

_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()


async def violations(page: Page) -> list[str]:
    await page.evaluate(_AXE)
    # Of what it found right it need not tell every cell of every table.
    found: list[dict[str, Any]] = await page.evaluate(
        "axe.run({ resultTypes: ['violations'] }).then(found => found.violations)"
    )
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
    ]
