"""Signing in without a password: a link that works once, or a token. The session is a token in a cookie."""

import hashlib
import re
import secrets
import time
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from shared.database import Database, run
from shared.pages.answers import Page, render, see_other
from shared.pages.forms import read_form
from shared.pages.session import FORM_COOKIE, SESSION_COOKIE, require_own_form
from shared.security import READERS, Caller, LocalKey, Role, Unauthenticated, Verifier
from shared.settings import Settings
from shared.web import Context, context

TICKET_AUDIENCE = "berdaya-sign-in"
TICKET_SECONDS = 15 * 60

_NONCE = re.compile(r"#[0-9a-f]{16}\Z")
_LEEWAY_SECONDS = 60

Here = Annotated[Context, Depends(context)]


def sign_in_link(settings: Settings, base_url: str, *, sub: str, role: Role, district: str | None) -> str:
    """A link that signs in once, within 15 minutes. ValueError for a role that may not read, or a wrong district."""
    if role not in READERS:
        raise ValueError(f"role {role} does not read the dashboard")
    ticket = LocalKey.at(settings.keys).sign(
        sub=f"{sub}#{secrets.token_hex(8)}",  # or two links made in one second would be one
        role=role,
        district=district,
        issuer=settings.issuer,
        audience=TICKET_AUDIENCE,
        seconds=TICKET_SECONDS,
    )
    return f"{base_url.rstrip('/')}/sign-in?{urlencode({'ticket': ticket})}"


class SignIn:
    """The two ways in, a ticket or a token, and the way out. The session is a token in a cookie no script can read."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._key = LocalKey.at(settings.keys)
        self._tickets = Verifier(self._key.public, issuer=settings.issuer, audience=TICKET_AUDIENCE)

    async def show(self, request: Request, ticket: str = "") -> Response:
        """Only a button: what merely looks at a link, such as a mail scanner, does not use it up."""
        return _sign_in_page(request, ticket=ticket)

    async def enter(self, request: Request, here: Here) -> Response:
        require_own_form(request)
        form = await read_form(request)
        by_ticket = "ticket" in form
        try:
            who, token = await self._by_ticket(form["ticket"]) if by_ticket else _by_token(here, form.get("token", ""))
        except Unauthenticated as error:
            here.metrics.count("refused_tokens_total")
            here.logger.warning("sign-in refused", why=error.why)
            return _sign_in_page(request, problem="bad_ticket" if by_ticket else "bad_token")
        if who.role not in READERS:
            return _sign_in_page(request, problem="bad_role")
        here.logger.info("signed in", role=who.role.value, by="ticket" if by_ticket else "token")
        response = see_other("./")
        response.set_cookie(
            SESSION_COOKIE, token, httponly=True, samesite="strict", secure=_is_https(request), path="/"
        )
        return response

    async def leave(self, request: Request) -> Response:
        require_own_form(request)
        response = see_other("sign-in")
        response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict", secure=_is_https(request))
        return response

    async def _by_ticket(self, ticket: str) -> tuple[Caller, str]:
        """Uses the ticket up. Raises Unauthenticated when it is no good or was used."""
        who = self._tickets.verify(ticket)
        digest = hashlib.sha256(ticket.encode()).hexdigest()
        moment = int(time.time())
        async with self._database.transaction() as session:
            await run(session, "DELETE FROM used_ticket WHERE expires < :moment", moment=moment)
            taken = await run(
                session,
                "INSERT INTO used_ticket (ticket_sha256, expires) VALUES (:digest, :expires) "
                "ON CONFLICT DO NOTHING RETURNING ticket_sha256",
                digest=digest,
                expires=moment + TICKET_SECONDS + _LEEWAY_SECONDS,
            )
            if taken.first() is None:
                raise Unauthenticated("ticket_used")
        sub = _NONCE.sub("", who.sub)
        token = self._key.sign(
            sub=sub,
            role=who.role,
            district=who.district,
            issuer=self._settings.issuer,
            audience=self._settings.audience,
        )
        return who._replace(sub=sub), token


def router(settings: Settings, database: Database) -> APIRouter:
    sign_in = SignIn(settings, database)
    routes = APIRouter(route_class=Page, include_in_schema=False)
    routes.add_api_route("/sign-in", sign_in.show, methods=["GET"])
    routes.add_api_route("/sign-in", sign_in.enter, methods=["POST"])
    routes.add_api_route("/sign-out", sign_in.leave, methods=["POST"])
    return routes


def _sign_in_page(request: Request, *, ticket: str = "", problem: str | None = None) -> Response:
    response = render(request, "sign_in.html", 403 if problem else 200, ticket=ticket, problem=problem)
    response.set_cookie(FORM_COOKIE, "1", httponly=True, samesite="strict", secure=_is_https(request), path="/")
    return response


def _by_token(here: Context, token: str) -> tuple[Caller, str]:
    token = token.strip()
    return here.verifier.verify(token), token


def _is_https(request: Request) -> bool:
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
