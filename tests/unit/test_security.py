"""Who is let in, who is not, and that all who are not get the same answer."""

import base64
import hmac
import multiprocessing
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey

from shared import security
from shared.database import Database
from shared.embedded import EmbeddedLog
from shared.refusals import Refused
from shared.security import (
    ALGORITHMS,
    LEEWAY_SECONDS,
    VERIFYING,
    Caller,
    LocalKey,
    Role,
    Unauthenticated,
    Verifier,
    require,
    secret_file,
    verifying_keys,
)
from shared.sessions import Sessions
from shared.telemetry import Metrics, logger
from shared.web import Context, allow, install

ISSUER, AUDIENCE = "berdaya-local", "berdaya"
KEY = OKPKey.generate_key("Ed25519", auto_kid=True)
OTHER = OKPKey.generate_key("Ed25519", auto_kid=True)
ELLIPTIC = ECKey.generate_key("P-256", auto_kid=True)
PUBLIC = OKPKey.import_key(KEY.as_dict(private=False))
NOW = int(time.time())
DAY = 24 * 3600

GOOD: dict[str, Any] = {
    "sub": "simrs-bojonegoro",
    "role": "district_system",
    "district": "3522",
    "exp": NOW + DAY,
    "aud": AUDIENCE,
    "iss": ISSUER,
}
PROVINCE = {**GOOD, "sub": "rini", "role": "province_officer", "district": None}


def verifier(*keys: OKPKey | ECKey) -> Verifier:
    return Verifier(KeySet(list(keys or (PUBLIC,))), issuer=ISSUER, audience=AUDIENCE)


def without(name: str) -> dict[str, Any]:
    return {claim: value for claim, value in GOOD.items() if claim != name}


def signed(claims: object, key: Any = KEY, **header: Any) -> str:
    """A token with these claims, whatever they are."""
    return jwt.encode(
        {"alg": "EdDSA", "kid": KEY.kid} | header,
        claims,  # type: ignore[arg-type]
        key,
        algorithms=[*ALGORITHMS, "HS256", "none"],
    )


def part(value: bytes | object) -> str:
    raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(header: bytes | object, payload: bytes | object = GOOD, key: Ed25519PrivateKey | None = None) -> str:
    """A token that no library would make, truly signed."""
    unsigned = f"{part(header)}.{part(payload)}"
    return f"{unsigned}.{part((key or private()).sign(unsigned.encode()))}"


def private(key: OKPKey = KEY) -> Ed25519PrivateKey:
    assert isinstance(key.raw_value, Ed25519PrivateKey)
    return key.raw_value


def forged_with_the_public_key(secret: bytes) -> str:
    """HS256, keyed with what everybody may know."""
    text = f"{part({'alg': 'HS256', 'kid': KEY.kid})}.{part(GOOD)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), 'sha256'))}"


def unsigned() -> str:
    return f"{part({'alg': 'none', 'kid': KEY.kid})}.{part(GOOD)}."


TABLE: dict[str, str] = {
    "expired": signed({**GOOD, "exp": NOW - 60}),
    "expired long ago": signed({**GOOD, "exp": 1}),
    "no exp": signed(without("exp")),
    "exp null": signed({**GOOD, "exp": None}),
    "exp as text": by_hand({"alg": "EdDSA", "kid": KEY.kid}, {**GOOD, "exp": str(NOW + DAY)}),
    "exp as truth": by_hand({"alg": "EdDSA", "kid": KEY.kid}, {**GOOD, "exp": True}),
    "wrong aud": signed({**GOOD, "aud": "another"}),
    "wrong auds": signed({**GOOD, "aud": ["another", "berdaya-admin"]}),
    "no aud": signed(without("aud")),
    "aud a part of ours": signed({**GOOD, "aud": "berday"}),
    "wrong iss": signed({**GOOD, "iss": "somebody"}),
    "no iss": signed(without("iss")),
    "alg none": unsigned(),
    "alg None": f"{part({'alg': 'None', 'kid': KEY.kid})}.{part(GOOD)}.",
    "HS256 with the public key as PEM": forged_with_the_public_key(PUBLIC.as_pem(private=False)),
    "HS256 with the public key as it is": forged_with_the_public_key(private().public_key().public_bytes_raw()),
    "unknown kid": signed(GOOD, kid="unknown"),
    "foreign key under our kid": signed(GOOD, OTHER),
    "foreign key under its own kid": signed(GOOD, OTHER, kid=OTHER.kid),
    "foreign key brought along": by_hand({"alg": "EdDSA", "jwk": OTHER.as_dict(private=False)}, key=private(OTHER)),
    "ES256 with a foreign key": signed(GOOD, ELLIPTIC, alg="ES256", kid=ELLIPTIC.kid),
    "ES256 with a foreign key under our kid": signed(GOOD, ELLIPTIC, alg="ES256"),
    "oversize": signed({**GOOD, "note": "x" * 5000}),
    "no sub": signed(without("sub")),
    "an empty sub": signed({**GOOD, "sub": ""}),
    "an overlong sub": signed({**GOOD, "sub": "s" * 129}),
    "sub a number": by_hand({"alg": "EdDSA", "kid": KEY.kid}, {**GOOD, "sub": 5}),
    "no role": signed(without("role")),
    "unknown role": signed({**GOOD, "role": "root"}),
    "no district claim": signed(without("district")),
    "no district claim of the province": signed({name: v for name, v in PROVINCE.items() if name != "district"}),
    "district role without district": signed({**GOOD, "district": None}),
    "district role of nowhere": signed({**GOOD, "district": "9999"}),
    "district role of two": by_hand({"alg": "EdDSA", "kid": KEY.kid}, {**GOOD, "district": ["3522", "3578"]}),
    "province role with district": signed({**PROVINCE, "district": "3522"}),
    "province role with a district of nowhere": signed({**PROVINCE, "district": "9999"}),
    "nbf in the future": signed({**GOOD, "nbf": NOW + DAY}),
    "nbf as text": by_hand({"alg": "EdDSA", "kid": KEY.kid}, {**GOOD, "nbf": "soon"}),
    "claims a list": by_hand({"alg": "EdDSA", "kid": KEY.kid}, [GOOD]),
    "claims null": by_hand({"alg": "EdDSA", "kid": KEY.kid}, None),
    "claims no JSON": by_hand({"alg": "EdDSA", "kid": KEY.kid}, b"{"),
    "claims no UTF-8": by_hand({"alg": "EdDSA", "kid": KEY.kid}, b'{"sub": "\xff"}'),
    "claims deeply nested": by_hand({"alg": "EdDSA", "kid": KEY.kid}, b"[" * 1400),
    "header a list": by_hand([1]),
    "header null": by_hand(None),
    "header a text": by_hand("EdDSA"),
    "header no JSON": by_hand(b"{"),
    "header deeply nested": by_hand(b"[" * 1400),
    "header no UTF-8": by_hand(b"\xff\xfe"),
    "header empty": by_hand({}),
    "alg a list": by_hand({"alg": ["EdDSA"], "kid": KEY.kid}),
    "alg an object": by_hand({"alg": {}, "kid": KEY.kid}),
    "alg null": by_hand({"alg": None, "kid": KEY.kid}),
    "kid a number": by_hand({"alg": "EdDSA", "kid": 5}),
    "kid a list": by_hand({"alg": "EdDSA", "kid": [KEY.kid]}),
    "crit unknown": by_hand({"alg": "EdDSA", "kid": KEY.kid, "crit": ["berdaya"], "berdaya": 1}),
    "crit null": by_hand({"alg": "EdDSA", "kid": KEY.kid, "crit": None}),
    "crit a list of null": by_hand({"alg": "EdDSA", "kid": KEY.kid, "crit": [None]}),
    "crit a list of lists": by_hand({"alg": "EdDSA", "kid": KEY.kid, "crit": [[]]}),
    "crit a text": by_hand({"alg": "EdDSA", "kid": KEY.kid, "crit": "exp"}),
    "unencoded payload": by_hand({"alg": "EdDSA", "kid": KEY.kid, "b64": False, "crit": ["b64"]}),
    "garbage": "garbage",
    "three dots": "...",
    "two dots": "..",
    "encrypted, it looks": ".".join([part({"alg": "dir", "enc": "A256GCM"}), "", "a", "b", "c"]),
    "no ASCII": "é.é.é",
    "a signature too short": signed(GOOD)[:-10],
    "a signature changed": signed(GOOD)[:-6] + "AAAAAA",
    "a payload changed": ".".join(
        [signed(GOOD).split(".")[0], part({**GOOD, "district": "3578"}), signed(GOOD).split(".")[2]]
    ),
}


@pytest.mark.parametrize("token", TABLE.values(), ids=TABLE.keys())
def test_a_bad_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier().verify(token)


def test_a_good_token_names_its_caller() -> None:
    assert verifier().verify(signed(GOOD)) == Caller("simrs-bojonegoro", Role.district_system, "3522")
    assert verifier().verify(signed(PROVINCE)) == Caller("rini", Role.province_officer, None)
    assert (
        verifier().verify(signed({**GOOD, "aud": ["other", AUDIENCE], "nbf": NOW - 5, "more": {}})).district == "3522"
    )


def test_clocks_may_differ_by_half_a_minute() -> None:
    moment = int(time.time())
    assert verifier().verify(signed({**GOOD, "exp": moment - 10, "nbf": moment + 10})).district == "3522"


def test_a_token_checked_once_is_remembered_until_it_ends_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    found = verifier()
    moment = time.time()
    token = signed(GOOD | {"exp": moment + 60})
    first = found.check(token)
    assert first.until == moment + 60 + LEEWAY_SECONDS
    with monkeypatch.context() as patched:
        patched.setattr(jwt, "decode", lambda *_, **__: pytest.fail("its signature was checked again"))
        assert found.check(token) is first
        with pytest.raises(pytest.fail.Exception):
            found.verify(signed(GOOD | {"exp": moment + 61}))
    monkeypatch.setattr(time, "time", lambda: moment + 60 + LEEWAY_SECONDS + 1)
    with pytest.raises(Unauthenticated, match="expired"):
        found.verify(token)


def test_only_good_tokens_are_remembered_and_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_REMEMBERED", 3)
    found = verifier()
    for number in range(10):
        found.verify(signed(GOOD | {"sub": f"s{number}"}))
        for bad in (signed(GOOD | {"aud": "another", "n": number}), f"nonsense {number}"):
            with pytest.raises(Unauthenticated):
                found.verify(bad)
    assert [verified.caller.sub for verified in found._remembered.values()] == ["s7", "s8", "s9"]


def test_es256_is_good_when_its_key_is_known() -> None:
    public = ECKey.import_key(ELLIPTIC.as_dict(private=False))
    token = signed(GOOD, ELLIPTIC, alg="ES256", kid=ELLIPTIC.kid)
    assert verifier(PUBLIC, public).verify(token).sub == "simrs-bojonegoro"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    header=st.one_of(
        json_values,
        st.dictionaries(
            st.sampled_from(["alg", "kid", "typ", "crit", "b64", "enc", "zip", "cty", "x5c", "jku"]), json_values
        )
        | st.dictionaries(st.sampled_from(["kid", "crit", "typ"]), json_values).map(
            lambda more: {"alg": "EdDSA"} | more
        ),
    ),
    payload=st.one_of(json_values, st.dictionaries(st.sampled_from(list(GOOD)), json_values).map(lambda c: GOOD | c)),
)
def test_whatever_a_token_holds_it_names_a_caller_or_is_refused(header: object, payload: object) -> None:
    try:
        found = verifier().verify(by_hand(header, payload))
    except Unauthenticated:
        return
    assert isinstance(found, Caller)


@given(st.text(max_size=200) | st.lists(st.binary(max_size=20).map(part), max_size=6).map(".".join))
def test_whatever_comes_as_a_token_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier().verify(text)


# --- the same answer for all


@pytest.fixture
def app(tmp_path: Path) -> tuple[FastAPI, Metrics]:
    metrics = Metrics("grants")
    found = FastAPI()
    here = Context(
        "grants",
        Database("sqlite+aiosqlite:///:memory:"),
        EmbeddedLog(tmp_path / "log.db"),
        verifier(),
        Sessions(LocalKey(KEY).public, issuer=ISSUER, public=""),
        metrics,
        logger("grants"),
    )
    install(found, here)

    @found.get("/mine")
    async def mine(who: Caller = Depends(allow(Role.district_system))) -> str:  # noqa: B008 - how FastAPI wants it
        return who.sub

    return found, metrics


async def test_all_bad_tokens_get_the_same_answer_and_are_counted(app: tuple[FastAPI, Metrics]) -> None:
    found, metrics = app
    async with httpx.AsyncClient(transport=httpx.ASGITransport(found), base_url="http://x") as client:
        tokens = {f"Bearer {token}".encode() for token in TABLE.values()}
        headers = [*tokens, b"", b"Bearer", b"Bearer ", b"Basic dTpw", signed(GOOD).encode(), b"Bearer \xff\xfe"]
        answers = [await client.get("/mine", headers={b"Authorization": header}) for header in headers]
        answers.append(await client.get("/mine"))
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.content for answer in answers}) == 1
        body = answers[0].json()
        assert (body["type"], body["status"]) == ("urn:berdaya:problem:unauthenticated", 401)
        assert set(body["message"]) == {"id", "en"}
        assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
        assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
        count = metrics.registry.get_sample_value("berdaya_refused_tokens_total", {"service": "grants"})
        assert count == len(answers)

        good = await client.get("/mine", headers={"Authorization": f"bearer  {signed(GOOD)}"})
        assert (good.status_code, good.json()) == (200, "simrs-bojonegoro")
        officer = await client.get("/mine", headers={"Authorization": f"Bearer {signed(PROVINCE)}"})
        assert officer.status_code == 403
        assert metrics.registry.get_sample_value("berdaya_refused_tokens_total", {"service": "grants"}) == count


def test_what_is_not_allowed_by_name_is_forbidden() -> None:
    officer = Caller("rini", Role.province_officer, None)
    require(officer, frozenset({Role.province_officer}))
    with pytest.raises(Refused, match="forbidden"):
        require(officer, frozenset({Role.admin}))


def test_a_district_sees_itself_only() -> None:
    assert Caller("a", Role.district_officer, "3522").sees("3522")
    assert not Caller("a", Role.district_officer, "3522").sees("3578")
    assert Caller("a", Role.viewer, None).sees("3578")


# --- local keys


def test_a_local_key_signs_what_its_public_half_verifies(tmp_path: Path) -> None:
    key = LocalKey.at(tmp_path / "keys")
    token = key.sign(sub="a", role=Role.district_officer, district="3522", issuer=ISSUER, audience=AUDIENCE)
    again = Verifier(LocalKey.at(tmp_path / "keys").public, issuer=ISSUER, audience=AUDIENCE)
    assert again.verify(token) == Caller("a", Role.district_officer, "3522")
    assert "d" not in msgspec.json.encode(key.public.as_dict()).decode().split('"'), "no private half"


def test_who_was_given_the_public_half_verifies_and_makes_no_key_of_its_own(tmp_path: Path) -> None:
    key = LocalKey.at(tmp_path / "office")
    token = key.sign(sub="a", role=Role.viewer, district=None, issuer=ISSUER, audience=AUDIENCE)
    (tmp_path / "reader").mkdir()
    (tmp_path / "reader" / VERIFYING).write_text(key.public_text)
    verifier = Verifier(verifying_keys(tmp_path / "reader"), issuer=ISSUER, audience=AUDIENCE)
    assert verifier.verify(token) == Caller("a", Role.viewer, None)
    assert [path.name for path in (tmp_path / "reader").iterdir()] == [VERIFYING]
    stranger = LocalKey.at(tmp_path / "stranger")
    with pytest.raises(Unauthenticated):
        verifier.verify(stranger.sign(sub="a", role=Role.viewer, district=None, issuer=ISSUER, audience=AUDIENCE))


@pytest.mark.parametrize(
    ("role", "district"),
    [(Role.district_system, None), (Role.district_officer, "9999"), (Role.admin, "3522"), (Role.admin, "9999")],
)
def test_no_token_is_signed_for_a_role_and_district_that_do_not_go_together(
    tmp_path: Path, role: Role, district: str | None
) -> None:
    with pytest.raises(ValueError, match="role"):
        LocalKey.at(tmp_path).sign(sub="a", role=role, district=district, issuer=ISSUER, audience=AUDIENCE)


def _random_secret() -> str:
    time.sleep(0.01)  # wide enough for all to be at it
    return os.urandom(2000).hex()


def _first_use(folder: Path, told: Any) -> None:
    told.put(secret_file(folder, "secret", _random_secret))


def _only_one_secret(folder: Path, told: set[str]) -> None:
    assert told == {(folder / "secret").read_text()}
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["secret"], "no draft is left"


def test_of_processes_that_need_a_secret_at_once_one_makes_it(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    told = fork.SimpleQueue()
    processes = [fork.Process(target=_first_use, args=(tmp_path / "keys", told)) for _ in range(8)]
    for process in processes:
        process.start()
    secrets = {told.get() for _ in processes}
    for process in processes:
        process.join()
    _only_one_secret(tmp_path / "keys", secrets)


def test_of_threads_too_which_have_one_process_number(tmp_path: Path) -> None:
    """As the first processes of two containers have, which share a volume."""
    told: set[str] = set()
    threads = [
        threading.Thread(target=lambda: told.add(secret_file(tmp_path / "keys", "secret", _random_secret)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _only_one_secret(tmp_path / "keys", told)


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)
