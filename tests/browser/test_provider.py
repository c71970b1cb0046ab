"""Signing in with an office account, by form at a real Keycloak on another site, in a real browser."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, expect

from tests.browser.axe import violations
from tests.browser.chromium import OFFICE
from tests.browser.conftest import Open
from tests.browser.server import Server
from tests.conftest import Components
from tests.keycloak import CLIENT, PASSWORD, SECRET

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]  # Keycloak is fetched once


def home(server: Server) -> str:
    """Another site than Keycloak's, as for every office: the browser holds back what is SameSite=Strict."""
    return f"http://{OFFICE}:{server.settings.port}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    browser: Browser, components: Components, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("provided")
    found = await Server.prepared(folder)
    secret = folder / "oidc"
    secret.write_text(SECRET)
    found.environment = {
        "BERDAYA_PUBLIC": home(found),
        "BERDAYA_OIDC_ISSUER": components.address("keycloak"),
        "BERDAYA_OIDC_CLIENT": CLIENT,
        "BERDAYA_OIDC_SECRET_FILE": str(secret),
        "BERDAYA_OIDC_ROLES": "dinsos-provinsi=province_officer,dinsos-kabupaten=district_officer",
        "BERDAYA_OIDC_SUBJECT_CLAIM": "preferred_username",
    }
    with found:
        yield found


async def to_the_provider(page: Page, server: Server) -> None:
    await page.goto(f"{home(server)}/sign-in")
    await page.get_by_role("link", name="Masuk dengan akun kantor").click()
    await page.locator("#username").wait_for()


async def sign_in_as(page: Page, server: Server, name: str) -> None:
    await to_the_provider(page, server)
    await page.locator("#username").fill(name)
    await page.locator("#password").fill(PASSWORD)
    await page.locator("#kc-login").click()


async def test_an_officer_of_the_province_comes_in_by_the_office_account_and_leaves_it(
    open_page: Open, server: Server
) -> None:
    page = await open_page("/health/live", role=None)
    await page.goto(f"{home(server)}/sign-in")
    assert await violations(page) == []
    await sign_in_as(page, server, "siti")
    await page.get_by_role("heading", level=1, name="Provinsi Jawa Timur").wait_for()
    assert page.url == f"{home(server)}/"
    await expect(page.locator("form.who")).to_contain_text("siti, petugas provinsi")
    (cookie,) = [each for each in await page.context.cookies(home(server)) if each["name"] == "berdaya_session"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")

    await page.get_by_role("button", name="Keluar").click()
    await page.wait_for_url(f"{home(server)}/sign-in*")
    assert [each["name"] for each in await page.context.cookies(home(server))] == []
    await to_the_provider(page, server)
    await expect(page.locator("#password")).to_be_visible()  # the provider asks again: its session ended too


async def test_an_officer_of_a_district_sees_that_district(open_page: Open, server: Server) -> None:
    page = await open_page("/health/live", role=None)
    await sign_in_as(page, server, "budi")
    await page.get_by_role("heading", level=1, name="Provinsi Jawa Timur").wait_for()
    await expect(page.locator("form.who")).to_contain_text("budi, petugas kabupaten/kota")
    for district, status in (("3522", 200), ("3578", 404)):
        answer = await page.goto(f"{home(server)}/district/{district}")
        assert answer is not None and answer.status == status


@pytest.mark.parametrize(
    ("language", "title"), [("id", "Akun Anda belum diberi peran"), ("en", "Your account has no role")]
)
async def test_an_account_without_a_role_is_told_what_to_ask_for(
    open_page: Open, server: Server, language: str, title: str
) -> None:
    page = await open_page("/health/live", role=None, width=320)
    await page.goto(f"{home(server)}/sign-in?lang={language}")
    await page.locator("a[href*='sign-in/office']").click()
    await page.locator("#username").fill("tamu")
    await page.locator("#password").fill(PASSWORD)
    await page.locator("#kc-login").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    await expect(page.locator("main")).to_contain_text("dinsos-kabupaten")
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_an_answer_of_the_provider_is_good_for_one_browser_and_once(open_page: Open, server: Server) -> None:
    page = await open_page("/health/live", role=None)
    answers: list[str] = []

    def note(request: Request) -> None:
        if "/sign-in/callback" in request.url:
            answers.append(request.url)

    page.on("request", note)
    await sign_in_as(page, server, "siti")
    await page.get_by_role("heading", level=1, name="Provinsi Jawa Timur").wait_for()
    for browser in (page, await open_page("/health/live", role=None)):
        await browser.goto(answers[0])
        await expect(browser.get_by_role("alert")).to_contain_text("tidak dapat dipercaya")
