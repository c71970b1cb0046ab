"""Who is signed in on the pages: a short token in a cookie, which every service checks without asking the one that
keeps the sessions. What a cookie lets somebody do, no other site can make a browser do.
"""

import re
import secrets
import time
from functools import lru_cache
from typing import Annotated, NamedTuple
from urllib.parse import parse_qs, urlencode

from fastapi import Request, Response
from joserfc.jwk import KeySet
from msgspec import Meta, Struct

from shared.refusals import Refused
from shared.security import Caller, LocalKey, Role, Unauthenticated, Verified, go_together, read_token

AUDIENCE = "berdaya-session"
TOKEN_SECONDS = 10 * 60
"""Of a cookie's token, and so of whoever copied it. Use of a page is noted as seldom."""
IDLE_SECONDS = 60 * 60
"""A session that nobody uses for so long is over. What a page fetches by itself is no use."""
LIFE_SECONDS = 12 * 3600
RENEW_PATH = "/sign-in/renew"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_REMEMBERED = 4096


class Session(NamedTuple):
    """What a token says. Moments are whole seconds since 1970."""

    caller: Caller
    id: str
    turn: str
    """Changes with every renewal: an old one that comes again is a copy."""
    until: int
    """The end of the token."""
    used: int
    ends: int

    @property
    def over(self) -> int:
        """When the session ends if nobody uses it any more."""
        return min(self.used + IDLE_SECONDS, self.ends)


class Due(Unauthenticated):
    """The token is too old, or this use is to be noted: the session is renewed at RENEW_PATH, if it lives."""

    def __init__(self) -> None:
        super().__init__("session_due")


class _Claims(Struct, kw_only=True):
    sub: Annotated[str, Meta(min_length=1)]
    role: Role
    district: str | None
    exp: int
    aud: str
    iss: str
    sid: str
    turn: str
    used: int
    ends: int


class Sessions:
    """The cookie of one service process: its name, its token, and who may send it where."""

    def __init__(self, keys: KeySet, *, issuer: str, public: str) -> None:
        """`public` is the address people open; by https the browser holds the cookie to this host (RFC 6265bis)."""
        self.is_https = public.startswith("https://")
        self.cookie = "__Host-berdaya_session" if self.is_https else "berdaya_session"
        self.ended: frozenset[str] = frozenset()
        """Ids of sessions that ended and whose tokens have not yet; only who keeps the sessions knows them."""
        self._keys = keys
        self._issuer = issuer
        self._public = public
        self._read = lru_cache(_REMEMBERED)(self._decode)  # bad tokens raise, so only good ones are remembered

    def sign(self, session: Session, key: LocalKey) -> str:
        """The token of a session, as the cookie carries it."""
        return key.seal(
            {
                "sub": session.caller.sub,
                "role": session.caller.role.value,
                "district": session.caller.district,
                "exp": session.until,
                "aud": AUDIENCE,
                "iss": self._issuer,
                "sid": session.id,
                "turn": session.turn,
                "used": session.used,
                "ends": session.ends,
            }
        )

    def read(self, request: Request) -> Session:
        """The session of the cookie, however old its token. Raises Unauthenticated."""
        session = self._read(request.cookies.get(self.cookie, ""))
        if session.id in self.ended:
            raise Unauthenticated("session_ended")
        return session

    def check(self, request: Request) -> Verified:
        """Who is signed in. Raises Unauthenticated, Due, and Refused `foreign_form` for another site's request."""
        session = self.read(request)
        if request.method not in _SAFE:
            self.require_own_site(request)
        moment = time.time()
        unnoted = moment - session.used >= TOKEN_SECONDS and not fetched_by_itself(request.url.path, request.url.query)
        if moment >= session.until or unnoted:
            raise Due
        return Verified(session.caller, session.over, session.id)

    def require_own_site(self, request: Request) -> None:
        """Raises Refused `foreign_form` unless a page of ours made the browser send this.

        SameSite=Strict alone lets pages of neighbouring hosts through. A browser tells by Sec-Fetch-Site, over plain
        HTTP by Origin, which it writes for every POST (our Referrer-Policy lets it); who sends neither is refused.
        """
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
        if site is not None:
            ours = site in ("same-origin", "none")
        elif self._public:
            ours = origin == self._public
        else:
            ours = origin.partition("://")[2] == request.headers.get("host")
        if not ours:
            raise Refused("foreign_form")

    def _decode(self, token: str) -> Session:
        claims = read_token(token, self._keys, _Claims)
        if claims.iss != self._issuer or claims.aud != AUDIENCE:
            raise Unauthenticated("issuer_or_audience")
        if not go_together(claims.role, claims.district):
            raise Unauthenticated("district")
        caller = Caller(claims.sub, claims.role, claims.district)
        return Session(caller, claims.sid, claims.turn, claims.exp, claims.used, claims.ends)


def new_id() -> str:
    """128 bits that nobody guesses."""
    return secrets.token_hex(16)


def renewal(request: Request) -> Response:
    """Sends the browser to have its session renewed, and back to here with the same method and body."""
    prefix = "" if request.scope.get("root_path") else request.headers.get("x-forwarded-prefix", "")
    query = f"?{request.url.query}" if request.url.query else ""
    back = urlencode({"next": f"{prefix}{request.url.path}{query}"})
    return Response(status_code=307, headers={"Location": f"{RENEW_PATH}?{back}", "Cache-Control": "no-store"})


def own_path(address: str) -> str:
    """The address if it is a path on this host, else `/`: nobody is led elsewhere by way of us."""
    return address if _OWN_PATH.fullmatch(address) else "/"


def fetched_by_itself(path: str, query: str) -> bool:
    """Did a page send this, to be up to date, and not a person?"""
    return fetched_by_script(path, query) or "again" in parse_qs(query)


def fetched_by_script(path: str, query: str) -> bool:
    """Does a script read the answer, and not a person?"""
    return path.endswith("/stream") or "fragment" in parse_qs(query)
