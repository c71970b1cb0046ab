"""Sessions of the pages over the real application: how long they last, by which cookie, and what ends them."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from html import unescape
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import httpx
import pytest
from fastapi import Depends, FastAPI, Form

from deploy.local.gateway import Gateway
from services.reporting.app import build
from services.reporting.sessions import end_all_of
from services.reporting.tables import METADATA
from shared.database import Database, run
from shared.embedded import EmbeddedLog
from shared.security import LocalKey, Role, Verified, Verifier
from shared.sessions import Sessions, own_path
from shared.settings import Settings
from shared.telemetry import Metrics, logger
from shared.web import Context, install, signed_in
from tests.helpers import bearer, session_cookie
from tests.integration.sites import BOJONEGORO, Site

COOKIE = "berdaya_session"
MINUTE = 60


class Clock:
    """Moments are minutes after the test began."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._began = time.time()
        self._shift = 0.0
        monkeypatch.setattr(time, "time", lambda: self._began + self._shift)

    def at(self, minutes: float) -> None:
        self._shift = minutes * MINUTE


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def enter(site: Site) -> str:
    """Signs in by a link; the cookie's value."""
    answer = await site.client.post("/sign-in", data={"ticket": site.ticket()})
    assert answer.status_code == 303
    return held(site)


def held(site: Site) -> str:
    return str(site.client.cookies[COOKIE])


async def opened(site: Site, address: str = "/") -> httpx.Response:
    """As a browser does: wherever it is sent."""
    return await site.client.get(address, follow_redirects=True)


async def is_in(site: Site, address: str = "/") -> bool:
    return (await opened(site, address)).url.path == address


async def endings(site: Site) -> list[str | None]:
    async with site.node.database.reading() as session:
        return list((await run(session, "SELECT ending FROM session ORDER BY began")).scalars().all())


def with_cookie(site: Site, cookie: str) -> Site:
    """Another browser, which has only this cookie."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(site.node.app), base_url="http://test")
    client.cookies.set(COOKIE, cookie, domain="test.local")
    return site._replace(client=client)


async def follow(site: Site) -> "asyncio.Task[httpx.Response]":
    """An open stream; its answer is there when it has ended."""
    stream = asyncio.create_task(site.client.get("/v1/dashboard/stream"))
    deadline = time.monotonic() + 10
    while site.node.app.state.dashboards.streams.open == 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    return stream


def count(site: Site, name: str) -> float | None:
    return site.node.metrics.registry.get_sample_value(f"berdaya_{name}", {"service": "reporting"})


# Turns


async def test_a_session_goes_on_by_a_new_cookie_every_ten_minutes(site_on_either: Site, clock: Clock) -> None:
    site = site_on_either
    cookies = [await enter(site)]
    for minutes in (11, 22, 33):
        clock.at(minutes - 2)
        assert (await site.client.get("/")).status_code == 200, "not yet ten minutes old"
        clock.at(minutes)
        first = await site.client.get("/district/3522?lang=en")
        assert first.status_code == 307
        assert first.headers["location"] == "/sign-in/renew?next=%2Fdistrict%2F3522%3Flang%3Den"
        answer = await opened(site, "/district/3522?lang=en")
        assert (answer.status_code, answer.url.query) == (200, b"lang=en")
        cookies.append(held(site))
    assert len(set(cookies)) == 4


async def test_what_a_browser_asks_for_at_once_is_no_copy(site_on_either: Site, clock: Clock) -> None:
    site = site_on_either
    cookie = await enter(site)
    clock.at(11)
    asked = [with_cookie(site, cookie) for _ in range(4)]
    assert all(await asyncio.gather(*map(is_in, asked)))
    turned = [each for each in map(held, asked) if each != cookie]
    clock.at(22)
    assert all([await is_in(with_cookie(site, each)) for each in turned])


async def test_a_copy_of_an_old_cookie_ends_the_session_for_both(site_on_either: Site, clock: Clock) -> None:
    site = site_on_either
    copied = await enter(site)
    clock.at(11)
    assert await is_in(site)
    clock.at(13)
    assert not await is_in(with_cookie(site, copied))
    assert not await is_in(site), "whose cookie is only two minutes old"
    assert count(site, "sessions_replayed_total") == 1


async def test_who_copied_a_cookie_and_uses_it_first_is_found_out_as_well(site: Site, clock: Clock) -> None:
    thief = with_cookie(site, await enter(site))
    clock.at(11)
    assert await is_in(thief)
    clock.at(13)
    assert not await is_in(site)
    assert not await is_in(thief)


# How long


async def test_a_session_that_nobody_uses_is_over_after_an_hour(site_on_either: Site, clock: Clock) -> None:
    site = site_on_either
    await enter(site)
    clock.at(59)
    assert await is_in(site)
    clock.at(59 + 61)
    assert not await is_in(site)
    assert await endings(site) == ["idle"]


async def test_what_a_page_fetches_by_itself_does_not_keep_a_session_open(site: Site, clock: Clock) -> None:
    await enter(site)
    for minutes in range(5, 60, 5):
        clock.at(minutes)
        assert (await opened(site, "/?fragment=1")).status_code == 200
    clock.at(61)
    assert (await opened(site, "/?fragment=1")).status_code == 401
    assert not await is_in(site)


async def test_a_person_who_works_beside_a_page_that_fetches_is_not_thrown_out(site: Site, clock: Clock) -> None:
    await enter(site)
    for minutes in range(4, 180, 4):
        clock.at(minutes)
        assert (await opened(site, "/?fragment=1")).status_code == 200
        if minutes % 40 == 0:
            assert await is_in(site)


async def test_no_session_is_longer_than_twelve_hours(site: Site, clock: Clock) -> None:
    await enter(site)
    for minutes in range(30, 12 * 60, 30):
        clock.at(minutes)
        assert await is_in(site)
    clock.at(12 * 60 + 1)
    assert not await is_in(site)
    assert await endings(site) == ["old"]


async def test_a_session_by_a_token_lasts_no_longer_than_the_token(site: Site, clock: Clock) -> None:
    await site.client.post("/sign-in", data={"token": site.token(seconds=20 * MINUTE)})
    clock.at(19)
    assert await is_in(site)
    clock.at(21)
    assert not await is_in(site)


async def test_sessions_are_forgotten_after_a_month(site_on_either: Site, clock: Clock) -> None:
    site = site_on_either
    await enter(site)
    clock.at(31 * 24 * 60)
    await enter(site)
    assert await endings(site) == [None]


# What ends one


async def test_signing_out_ends_every_copy_of_the_cookie(site_on_either: Site) -> None:
    site = site_on_either
    copied = with_cookie(site, await enter(site))
    assert await is_in(copied)
    answer = await site.client.post("/sign-out")
    assert 'berdaya_session=""' in answer.headers["set-cookie"]
    assert COOKIE not in site.client.cookies
    assert not await is_in(copied)
    assert await endings(site) == ["signed_out"]


async def test_a_session_that_ended_is_over_in_every_process(site: Site, tmp_path: Path) -> None:
    other = build(site.settings, EmbeddedLog(tmp_path / "other.db"), site.node.database)
    copied = with_cookie(site._replace(node=other), await enter(site))
    assert await is_in(copied)
    stopping = asyncio.Event()
    listening = asyncio.ensure_future(other.background["sessions"](stopping))
    await site.client.post("/sign-out")
    deadline = time.monotonic() + 10
    while await is_in(copied):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    stopping.set()
    await listening
    await other.log.close()


async def test_who_signs_in_anew_in_one_browser_leaves_no_session_behind(site_on_either: Site) -> None:
    first = await enter(site_on_either)
    await enter(site_on_either)
    assert await endings(site_on_either) == ["signed_out", None]
    assert not await is_in(with_cookie(site_on_either, first))


async def test_an_operator_ends_all_sessions_of_one_person(site_on_either: Site, clock: Clock) -> None:
    site = site_on_either
    await enter(site)
    site.client.cookies.clear()  # on another device
    await enter(site)
    async with site.node.database.transaction() as session:
        assert await end_all_of(session, "siti") == 2
        assert await end_all_of(session, "siti") == 0
    clock.at(11)
    assert not await is_in(site)


async def test_an_open_stream_ends_with_its_session(site: Site) -> None:
    await enter(site)
    stream = await follow(site)
    await site.client.post("/sign-out")
    answer = await asyncio.wait_for(stream, 10)
    assert answer.text.endswith("event: renew\ndata: renew\n\n")
    assert (await site.client.get("/v1/dashboard/stream")).status_code == 401


async def test_a_stream_outlives_the_token_it_began_with(site: Site, clock: Clock) -> None:
    await enter(site)
    clock.at(9)
    stream = await follow(site)
    (reader,) = site.node.app.state.dashboards.streams._open
    assert reader._ends - time.monotonic() > 5 * MINUTE, "the token has one minute left"
    stream.cancel()
    await asyncio.gather(stream, return_exceptions=True)


# Other services, and other sites


@pytest.fixture
async def province(site: Site, tmp_path: Path) -> AsyncIterator[Site]:
    """Reporting and a service beside it on one address, which keeps no sessions and takes a form."""
    key = LocalKey.at(site.settings.keys)
    grants = FastAPI()
    database = Database("sqlite+aiosqlite:///:memory:")
    log = EmbeddedLog(tmp_path / "grants.db")
    here = Context(
        "grants",
        database,
        log,
        Verifier(key.public, issuer=site.settings.issuer, audience=site.settings.audience),
        Sessions(key.public, issuer=site.settings.issuer, public=""),
        Metrics("grants"),
        logger("grants"),
    )
    install(grants, here)

    @grants.post("/notes")
    async def note(who: Annotated[Verified, Depends(signed_in)], text: Annotated[str, Form()]) -> list[str]:
        return [who.caller.sub, text]

    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        stack.push_async_callback(log.close)
        app = Gateway({"grants": grants, "reporting": site.node.app}, site.node.app)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", headers={"Origin": "http://test"}
        )
        yield site._replace(client=await stack.enter_async_context(client))


async def test_another_service_knows_who_is_signed_in_and_a_form_is_not_lost_to_a_renewal(
    province: Site, clock: Clock
) -> None:
    before = await enter(province)
    clock.at(11)
    answer = await province.client.post("/grants/notes?a=b", data={"text": "tiga mesin"}, follow_redirects=True)
    assert [step.status_code for step in (*answer.history, answer)] == [307, 307, 200]
    assert (str(answer.url), answer.json()) == ("http://test/grants/notes?a=b", ["siti", "tiga mesin"])
    assert held(province) != before
    clock.at(11 + 61)
    late = await province.client.post("/grants/notes", data={"text": "x"}, follow_redirects=True)
    assert late.url.path == "/sign-in"


async def test_the_prefix_that_a_gateway_took_away_is_put_back(site: Site, clock: Clock) -> None:
    await enter(site)
    clock.at(11)
    answer = await site.client.get("/worklist", headers={"X-Forwarded-Prefix": "/reporting"})
    assert answer.headers["location"] == "/sign-in/renew?next=%2Freporting%2Fworklist"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://test"}, 403),
        ({"Origin": "http://test"}, 200),
        ({"Origin": "http://test:8001"}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({}, 403),
    ],
)
async def test_a_cookie_lets_no_other_site_change_anything_in_any_service(
    province: Site, headers: dict[str, str], status: int
) -> None:
    del province.client.headers["Origin"]
    cookie = session_cookie(province.settings, Role.province_officer)
    for address in ("/grants/notes", f"/sign-in/renew?next={quote('/grants/notes')}"):
        answer = await province.client.post(address, data={"text": "x"}, headers={**cookie, **headers})
        assert (answer.status_code == 403) is (status == 403), address
    by_token = bearer(province.settings, Role.province_officer, "siti")
    assert (await province.client.post("/grants/notes", data={"text": "x"}, headers=by_token)).status_code == 200


@pytest.mark.parametrize(
    ("address", "led_to"),
    [
        ("/grants/batches?month=2026-10&x=%2F%2F", "/grants/batches?month=2026-10&x=%2F%2F"),
        ("/", "/"),
        *((foreign, "/") for foreign in ("//evil.example", "https://evil.example/", "/\\evil.example", "evil.example")),
        *(
            (foreign, "/")
            for foreign in ("\\\\evil", "/a\nSet-Cookie: x=y", "/\t/evil.example", "javascript:alert(1)", "")
        ),
    ],
)
async def test_a_renewal_leads_to_own_pages_only(site: Site, address: str, led_to: str) -> None:
    assert own_path(address) == led_to
    await enter(site)
    answer = await site.client.get("/sign-in/renew", params={"next": address})
    assert (answer.status_code, answer.headers["location"]) == (307, led_to)


@pytest.mark.parametrize(
    ("address", "led_to"),
    [
        ("/grants/requests?status=verified", "/grants/requests?status=verified"),
        ("/", "./"),
        ("https://x.example/", "./"),
        ("//x.example/", "./"),
    ],
)
async def test_who_was_asked_to_sign_in_comes_to_where_they_wanted(site: Site, address: str, led_to: str) -> None:
    page = (await site.client.get("/sign-in", params={"next": address})).text
    (kept,) = re.findall(r'name="next" value="([^"]*)"', page)
    refused = await site.client.post("/sign-in", data={"token": "no", "next": unescape(kept)})
    assert f'name="next" value="{kept}"' in refused.text, "a mistake does not lose the way"
    for way in ({"token": site.token()}, {"ticket": site.ticket()}):
        answer = await site.client.post("/sign-in", data={**way, "next": address})
        assert (answer.status_code, answer.headers["location"]) == (303, led_to)


async def test_nothing_is_renewed_without_a_session(site: Site) -> None:
    answer = await site.client.get("/sign-in/renew?next=/")
    assert (answer.status_code, str(answer.next_request and answer.next_request.url)) == (303, "http://test/sign-in")
    assert "set-cookie" not in answer.headers


# The cookie


async def test_by_https_the_cookie_belongs_to_this_host_alone(templates: object, tmp_path: Path) -> None:
    database = Database(await templates.sqlite("reporting", METADATA, tmp_path / "reporting.db"))  # type: ignore[attr-defined]
    settings = Settings(service="reporting", var=tmp_path, public="https://berdaya.example")
    node = build(settings, EmbeddedLog(tmp_path / "log.db"), database)
    site = Site(node, settings, httpx.AsyncClient(transport=httpx.ASGITransport(node.app), base_url="https://x"))
    foreign = await site.client.post("/sign-in", data={"ticket": site.ticket()}, headers={"Origin": "https://x"})
    assert foreign.status_code == 403
    own = {"Origin": "https://berdaya.example"}
    answer = await site.client.post("/sign-in", data={"ticket": site.ticket()}, headers=own)
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-berdaya_session"
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure"} <= set(rest.split("; "))
    assert not any(part.lower().startswith(("domain", "expires", "max-age")) for part in rest.split("; "))
    value = str(site.client.cookies[name])
    assert (await site.client.get(f"/district/{BOJONEGORO}")).status_code == 200
    site.client.cookies.clear()
    site.client.cookies[COOKIE] = value
    assert (await site.client.get(f"/district/{BOJONEGORO}")).status_code == 303, "a neighbour may set this name"
    await node.log.close()
    await database.close()
