"""Who reads a page, and proof that what a page sends was ours and no other site's."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from shared.refusals import Refused
from shared.security import Caller, Role, Verified
from shared.web import Context, bearer_token, context

SESSION_COOKIE = "berdaya_session"
FORM_COOKIE = "berdaya_form"


def signed_in(request: Request, here: Annotated[Context, Depends(context)]) -> Verified:
    """Who the bearer token, or else the cookie of the session, names. Raises Unauthenticated."""
    cookie = None if "authorization" in request.headers else request.cookies.get(SESSION_COOKIE)
    return here.verifier.check(cookie or bearer_token(request))


class Officer:
    """A dependency that lets only these roles in, and of what changes something only our own forms.

    Raises Unauthenticated; Refused `forbidden`, `foreign_form`.
    """

    def __init__(self, *roles: Role) -> None:
        self._roles = frozenset(roles)

    def __call__(self, request: Request, who: Annotated[Verified, Depends(signed_in)]) -> Caller:
        if request.method not in ("GET", "HEAD"):
            require_own_form(request)
        if who.caller.role not in self._roles:
            raise Refused("forbidden", role=who.caller.role.value)
        return who.caller


def require_own_form(request: Request) -> None:
    """Raises Refused `foreign_form` when another site made the browser send this.

    Browsers send no Sec-Fetch-Site over plain HTTP, and `Origin: null` under our Referrer-Policy. Then a cookie
    decides that is SameSite=Strict, so that no other site can have it sent. No Origin at all: not a browser.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    elif origin is None:
        ours = True
    elif origin == "null":
        ours = FORM_COOKIE in request.cookies or SESSION_COOKIE in request.cookies
    else:
        ours = urlsplit(origin).netloc == request.headers.get("host")
    if not ours:
        raise Refused("foreign_form")
