"""Signing in by an identity provider: who is let in as what, and every lie that is not believed."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey
from pydantic import ValidationError

from services.reporting.app import build
from services.reporting.provider import Mapped, NoRole
from services.reporting.tables import METADATA
from shared.database import Database, run
from shared.embedded import EmbeddedLog
from shared.security import Caller, Role, Unauthenticated
from shared.settings import Settings
from tests.integration.conftest import Templates
from tests.integration.lying import CLIENT, SECRET, Liar, lying
from tests.integration.sites import BOJONEGORO, Site, fill

ROLES = "dinsos-provinsi=province_officer, dinsos-kabupaten=district_officer, tamu=viewer"
COOKIE, QUESTION = "berdaya_session", "berdaya_question"


class Office(NamedTuple):
    site: Site
    liar: Liar

    async def ask(self) -> tuple[str, dict[str, str]]:
        """To the provider and signed in there: the code, and what was asked."""
        answer = await self.site.client.get("/sign-in/office")
        assert answer.status_code == 303, answer.text
        return self.liar.ask(answer.headers["location"])

    async def come_back(self, **query: str) -> httpx.Response:
        return await self.site.client.get("/sign-in/callback", params=query)

    async def enter(self) -> httpx.Response:
        code, asked = await self.ask()
        return await self.come_back(code=code, state=asked["state"])

    async def is_refused(self, **query: str) -> bool:
        """In words, and without a session."""
        answer = await self.come_back(**query)
        return answer.status_code == 403 and "tidak dapat dipercaya" in answer.text and not self.is_in

    @property
    def is_in(self) -> bool:
        return COOKIE in self.site.client.cookies


@pytest.fixture
async def office(templates: Templates, tmp_path: Path) -> AsyncIterator[Office]:
    database = Database(await templates.sqlite("reporting", METADATA, tmp_path / "reporting.db"))
    await fill(database)
    secret = tmp_path / "oidc"
    secret.write_text(f"{SECRET}\n")
    async with lying() as liar:
        settings = Settings(
            service="reporting",
            var=tmp_path,
            public="http://test",
            oidc_issuer=liar.issuer,
            oidc_client=CLIENT,
            oidc_secret_file=secret,
            oidc_roles=ROLES,
        )
        node = build(settings, EmbeddedLog(tmp_path / "log.db"), database)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(node.app), base_url="http://test", headers={"Origin": "http://test"}
        ) as client:
            yield Office(Site(node, settings, client), liar)
        await node.log.close()
    await database.close()


async def test_the_browser_is_sent_with_a_state_a_nonce_and_a_challenge_and_comes_back_signed_in(
    office: Office,
) -> None:
    answer = await office.site.client.get("/sign-in/office?lang=en")
    kept = answer.headers["set-cookie"]
    assert kept.startswith(f"{QUESTION}=") and {"HttpOnly", "SameSite=lax"} <= set(kept.split("; "))
    code, asked = office.liar.ask(answer.headers["location"])
    assert asked | {"state": "", "nonce": "", "code_challenge": ""} == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": "http://test/sign-in/callback",
        "scope": "openid",
        "code_challenge_method": "S256",
        "ui_locales": "en",
        **{"state": "", "nonce": "", "code_challenge": ""},
    }
    assert asked["code_challenge"] not in office.liar.verifiers
    entered = await office.come_back(code=code, state=asked["state"], iss=office.liar.issuer)
    assert (entered.status_code, entered.headers["refresh"]) == (200, "0; url=../")
    assert office.is_in and QUESTION not in office.site.client.cookies
    assert "Signed in as siti, province officer" in await office.site.page("/?lang=en")


async def test_a_district_officer_sees_the_district_the_provider_names(office: Office) -> None:
    office.liar.claims = {"roles": ["dinsos-kabupaten"], "district": [BOJONEGORO]}
    await office.enter()
    assert (await office.site.client.get(f"/district/{BOJONEGORO}")).status_code == 200
    assert (await office.site.client.get("/district/3578")).status_code == 404


@pytest.mark.parametrize(
    ("address", "led_to"), [("/registry/uploads", "/registry/uploads"), ("https://x.example/", "../")]
)
async def test_who_wanted_a_page_of_ours_comes_there(office: Office, address: str, led_to: str) -> None:
    answer = await office.site.client.get("/sign-in/office", params={"next": address})
    code, asked = office.liar.ask(answer.headers["location"])
    entered = await office.come_back(code=code, state=asked["state"])
    assert (entered.status_code, entered.headers["refresh"]) == (200, f"0; url={led_to}")


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"roles": []},
        {"roles": ["admin"]},
        {"roles": ["province_officer"]},
        {"roles": "dinsos"},
        {"roles": [["dinsos-provinsi"]]},
        {"roles": {"dinsos-provinsi": True}},
        {"roles": ["dinsos-kabupaten"]},
        {"roles": ["dinsos-kabupaten"], "district": "3399"},
        {"roles": ["dinsos-kabupaten"], "district": ["3522", "3578"]},
        {"roles": ["dinsos-kabupaten"], "district": 3522},
    ],
)
async def test_who_has_no_role_here_is_told_what_to_ask_for(office: Office, claims: dict[str, Any]) -> None:
    office.liar.claims = claims
    answer = await office.enter()
    assert answer.status_code == 403
    assert "Akun Anda belum diberi peran di Berdaya" in answer.text
    for told in ("siti", "dinsos-provinsi", "dinsos-kabupaten", "petugas kabupaten/kota", "<code>district</code>"):
        assert told in answer.text
    assert not office.is_in


# Lies


async def test_what_was_not_asked_is_no_answer(office: Office) -> None:
    code, asked = await office.ask()
    question = str(office.site.client.cookies[QUESTION])
    assert await office.is_refused(code=code, state="another")
    assert await office.is_refused(code=code, state=asked["state"]), "the question is forgotten by then"
    for other in ("", "nonsense", office.site.token(), office.site.ticket()):
        office.site.client.cookies.set(QUESTION, other, domain="test.local")
        assert await office.is_refused(code=code, state=asked["state"])
        assert await office.is_refused(code=code, state="")
    office.site.client.cookies.set(QUESTION, question, domain="test.local")
    assert await office.is_refused(code=code, state=asked["state"], iss="https://another.example")
    assert code in office.liar.codes, "the provider was never asked"


async def test_an_answer_counts_once(office: Office) -> None:
    code, asked = await office.ask()
    question = str(office.site.client.cookies[QUESTION])
    await office.come_back(code=code, state=asked["state"])
    assert office.is_in
    office.site.client.cookies.clear()
    office.site.client.cookies.set(QUESTION, question, domain="test.local")
    office.liar.codes[code] = asked["nonce"]  # even if the provider took it again
    assert await office.is_refused(code=code, state=asked["state"])


async def test_a_code_that_was_used_elsewhere_is_refused(office: Office) -> None:
    code, asked = await office.ask()
    del office.liar.codes[code]
    assert await office.is_refused(code=code, state=asked["state"])


async def test_a_question_is_too_old_after_ten_minutes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    code, asked = await office.ask()
    late = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: late)
    assert await office.is_refused(code=code, state=asked["state"])


async def test_a_cookie_of_a_question_is_no_session(office: Office) -> None:
    await office.ask()
    office.site.client.cookies.set(COOKIE, str(office.site.client.cookies[QUESTION]), domain="test.local")
    assert (await office.site.client.get("/")).status_code == 303


async def test_who_stops_at_the_provider_is_not_in(office: Office) -> None:
    _, asked = await office.ask()
    assert await office.is_refused(error="access_denied", state=asked["state"])


@pytest.mark.parametrize(
    "change",
    [
        lambda claims: {**claims, "nonce": "another"},
        lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
        lambda claims: {**claims, "aud": "another"},
        lambda claims: {**claims, "aud": ["another"], "azp": CLIENT},
        lambda claims: {**claims, "aud": [CLIENT, "another"], "azp": "another"},
        lambda claims: {name: value for name, value in claims.items() if name != "aud"},
        lambda claims: {**claims, "iss": "https://another.example"},
        lambda claims: {name: value for name, value in claims.items() if name != "iss"},
        lambda claims: {**claims, "exp": claims["exp"] - 3600},
        lambda claims: {name: value for name, value in claims.items() if name != "exp"},
        lambda claims: {**claims, "nbf": claims["exp"] + 3600},
        lambda claims: {**claims, "sub": ""},
        lambda claims: {**claims, "sub": "x" * 129},
    ],
)
async def test_an_id_token_for_somebody_else_or_another_time_is_not_believed(
    office: Office, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    office.liar.change = change
    code, asked = await office.ask()
    assert await office.is_refused(code=code, state=asked["state"])
    office.liar.change = dict
    await office.enter()
    assert office.is_in, "and nothing else was wrong"


@pytest.mark.parametrize("lie", ["another key", "the client's secret", "nothing"])
async def test_an_id_token_is_signed_by_the_provider_s_own_key(office: Office, lie: str) -> None:
    office.liar.is_unsigned = lie == "nothing"
    if lie == "another key":
        office.liar.signed_with = RSAKey.generate_key(2048, {"kid": "one"})
    elif lie == "the client's secret":
        office.liar.header, office.liar.signed_with = {"alg": "HS256"}, OctKey.import_key(SECRET)
    code, asked = await office.ask()
    assert await office.is_refused(code=code, state=asked["state"])


async def test_a_provider_that_changed_its_key_is_believed(office: Office) -> None:
    await office.enter()
    office.site.client.cookies.clear()
    office.liar.key = office.liar.signed_with = RSAKey.generate_key(2048, {"kid": "two"})
    office.liar.header = {"alg": "RS256", "kid": "two"}
    await office.enter()
    assert office.is_in


# A provider that is away


@pytest.mark.parametrize(
    ("language", "said"), [("id", "tautan sekali pakai tetap berlaku"), ("en", "one-time link still")]
)
async def test_a_provider_that_is_away_is_said_and_a_link_still_works(office: Office, language: str, said: str) -> None:
    office.liar.is_away = True
    answer = await office.site.client.get(f"/sign-in/office?lang={language}")
    assert answer.status_code == 503
    assert said in answer.text
    assert 'action="../sign-in"' in answer.text
    assert (await office.site.client.post("/sign-in", data={"ticket": office.site.ticket()})).status_code == 303
    office.liar.is_away = False
    await office.ask()


async def test_a_provider_that_goes_away_meanwhile_is_said(office: Office) -> None:
    code, asked = await office.ask()
    office.liar.is_away = True
    answer = await office.come_back(code=code, state=asked["state"])
    assert (answer.status_code, office.is_in) == (503, False)


async def test_a_configuration_of_another_issuer_is_not_believed(office: Office) -> None:
    office.liar.metadata = {"issuer": "https://another.example"}
    assert (await office.site.client.get("/sign-in/office")).status_code == 503
    office.liar.metadata = {}
    await office.ask()


# Leaving


async def test_signing_out_leads_on_to_the_provider_that_offers_it(office: Office) -> None:
    office.liar.metadata = {"end_session_endpoint": f"{office.liar.issuer}/bye"}
    await office.enter()
    answer = await office.site.client.post("/sign-out")
    assert answer.status_code == 200
    target = httpx.URL(answer.headers["refresh"].removeprefix("0; url="))
    assert str(target.copy_with(query=None)) == f"{office.liar.issuer}/bye"
    assert target.params["post_logout_redirect_uri"] == "http://test/sign-in"
    assert target.params["id_token_hint"].count(".") == 2
    assert not office.is_in
    async with office.site.node.database.reading() as session:
        (kept,) = (await run(session, "SELECT ending, id_token FROM session")).all()
    assert tuple(kept) == ("signed_out", None)


async def test_signing_out_ends_here_where_the_provider_offers_no_more(office: Office) -> None:
    await office.enter()
    answer = await office.site.client.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "sign-in")


# What it is told


async def test_without_a_provider_there_is_no_such_way_in(site: Site) -> None:
    html = await site.page("/sign-in/office")
    assert "akun kantor" not in html
    assert (await site.client.get("/sign-in/callback?code=a&state=b")).status_code == 200
    assert COOKIE not in site.client.cookies


@pytest.mark.parametrize("roles", ["", "a", "a=", "=viewer", "a=king", "a=district_system", "a=viewer,"])
def test_roles_that_are_not_mapped_as_they_should_stop_the_start(roles: str) -> None:
    with pytest.raises(ValueError, match="BERDAYA_OIDC"):
        Mapped.of(
            Settings(service="reporting", public="http://x", oidc_issuer="http://i", oidc_client="c", oidc_roles=roles)
        )


@pytest.mark.parametrize("missing", ["public", "oidc_client", "oidc_roles"])
def test_a_provider_is_told_of_whole_or_not_at_all(missing: str) -> None:
    whole = {"public": "http://x", "oidc_issuer": "http://i", "oidc_client": "c", "oidc_roles": "a=viewer"}
    Settings(service="reporting", **whole)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="BERDAYA_OIDC_ISSUER needs"):
        Settings(service="reporting", **{**whole, missing: ""})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "public", ["berdaya.example", "https://berdaya.example/", "https://a/b", "ftp://a", "https://a b"]
)
def test_a_public_address_is_an_origin(public: str) -> None:
    with pytest.raises(ValidationError, match="public"):
        Settings(service="reporting", public=public)


def test_claims_may_lie_deeper_and_the_first_role_of_the_map_counts() -> None:
    mapped = Mapped({"b": Role.viewer, "a": Role.admin}, "realm_access.roles", "office.district", "preferred_username")
    claims: dict[str, Any] = {"realm_access": {"roles": ["a", "b"]}, "preferred_username": "wati"}
    assert mapped.caller(claims) == Caller("wati", Role.viewer, None)
    assert mapped.caller({"realm_access.roles": "a", "preferred_username": "wati"}) == Caller("wati", Role.admin, None)
    with pytest.raises(NoRole):
        mapped.caller({**claims, "realm_access": ["a"]})
    with pytest.raises(Unauthenticated):
        mapped.caller({"sub": "wati", "realm_access": {"roles": ["a"]}})
