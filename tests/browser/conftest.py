"""One browser and one service for all tests of a module; each test opens a context of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from shared.security import Role
from tests.browser.chromium import CHROMIUM, chromium, sign_in
from tests.browser.server import Server
from tests.conftest import absent, present

Open = Callable[..., Awaitable[Page]]
"""`await open_page(address="/", role=…, district=…, width=1280, height=800, **context)` is a page of one signed in."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():
        absent("chromium", f"{CHROMIUM} is not there; apt-get install chromium")
    async with chromium() as found:
        present("chromium", f"real, {found.version}")
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    with await Server.prepared(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: Browser, server: Server) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def opened(
            address: str = "/",
            *,
            role: Role | None = Role.province_officer,
            district: str | None = None,
            width: int = 1280,
            height: int = 800,
            **more: object,
        ) -> Page:
            context = await browser.new_context(viewport={"width": width, "height": height}, **more)  # type: ignore[arg-type]
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(15_000)
            if role is not None:
                await sign_in(page, server.link(role, district))
            if role is None or address != "/":
                await page.goto(server.url + address)
            return page

        yield opened
