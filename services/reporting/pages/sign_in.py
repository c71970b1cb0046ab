"""Signing in without a password of ours: a link that works once, a token, or the office's identity provider.

The session is a row; its cookie carries a token that lasts minutes, and is renewed here for every service.
"""

import hashlib
import re
import secrets
import time
from typing import Annotated, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from msgspec import Struct

from services.reporting.provider import CALLBACK_PATH, Away, NoRole, Provider, Question
from services.reporting.sessions import Ending, Endings, begin, end, moment, renew
from shared.database import Database, run
from shared.pages.answers import Page, language, render, see_other
from shared.pages.forms import read_form
from shared.security import READERS, Caller, LocalKey, Role, Unauthenticated, Verified, Verifier, read_token
from shared.sessions import RENEW_PATH, Session, Sessions, fetched_by_itself, own_path
from shared.settings import Settings
from shared.web import Context, context

TICKET_AUDIENCE = "berdaya-sign-in"
TICKET_SECONDS = 15 * 60
QUESTION_AUDIENCE = "berdaya-question"
QUESTION_SECONDS = 10 * 60
"""So long somebody may take at the identity provider."""

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


class _Asked(Struct, kw_only=True):
    """A question to the provider, as the browser keeps it until it comes back."""

    aud: str
    exp: int
    state: str
    nonce: str
    code_verifier: str
    next: str


class Entered(NamedTuple):
    """Who came in, how, and what the session is to know of it."""

    caller: Caller
    by: str
    ends: int | None = None
    id_token: str | None = None


class SignIn:
    """The ways in, the renewal, and the way out."""

    def __init__(self, settings: Settings, database: Database, sessions: Sessions, endings: Endings) -> None:
        self._database = database
        self._sessions = sessions
        self._endings = endings
        self._key = LocalKey.at(settings.keys)
        self._tickets = Verifier(self._key.public, issuer=settings.issuer, audience=TICKET_AUDIENCE)
        self._provider = Provider(settings) if settings.oidc_issuer else None
        self._question_cookie = f"{'__Host-' if sessions.is_https else ''}berdaya_question"

    async def show(self, request: Request, ticket: str = "", next: str = "/") -> Response:
        """Only a button: what merely looks at a link, such as a mail scanner, does not use it up. Who is in goes on to
        `next`, a path of ours."""
        return self._page(request, ticket=ticket, next=own_path(next))

    async def enter(self, request: Request, here: Here) -> Response:
        self._sessions.require_own_site(request)
        form = await read_form(request)
        by_ticket = "ticket" in form
        next = own_path(form.get("next", "/"))
        try:
            if by_ticket:
                entered = Entered(await self._by_ticket(form["ticket"]), "ticket")
            else:
                entered = _by_token(here.verifier.check(form.get("token", "").strip()))
        except Unauthenticated as error:
            return self._refused(request, here, error.why, "bad_ticket" if by_ticket else "bad_token", next)
        if entered.caller.role not in READERS:
            return self._page(request, problem="bad_role", next=next)
        return await self._begin(request, here, entered, see_other("./" if next == "/" else next))

    async def ask(self, request: Request, here: Here, next: str = "/") -> Response:
        """To the identity provider. What it must answer stays in a cookie that comes along when it sends one back."""
        if self._provider is None:
            return self._page(request)
        try:
            question = await self._provider.ask(language(request))
        except Away as error:
            return self._away(request, here, error)
        asked = _Asked(
            aud=QUESTION_AUDIENCE,
            exp=moment() + QUESTION_SECONDS,
            state=question.state,
            nonce=question.nonce,
            code_verifier=question.code_verifier,
            next=own_path(next),
        )
        response = see_other(question.url)
        self._keep(request, response, self._question_cookie, self._key.seal(msgspec.to_builtins(asked)), strict=False)
        return response

    async def come_back(
        self, request: Request, here: Here, code: str = "", state: str = "", iss: str = "", error: str = ""
    ) -> Response:
        """From the identity provider. The next address is asked for by a page of ours, and not by the answer to a
        foreign one, or the browser would hold back the session's cookie, which is SameSite=Strict."""
        provider = self._provider
        if provider is None:
            return self._page(request)
        try:
            asked = await self._asked(request, state)
            question = Question("", asked.state, asked.nonce, asked.code_verifier)
            caller, id_token = await provider.answer(code, question, iss=iss, error=error)
        except Away as fault:
            response = self._away(request, here, fault)
        except NoRole as fault:
            here.logger.warning("sign-in refused", why="oidc_no_role")
            response = render(request, "no_role.html", 403, sub=fault.sub, mapping=provider.mapping)
        except Unauthenticated as fault:
            response = self._refused(request, here, fault.why, "bad_office")
        else:
            address = "../" if asked.next == "/" else asked.next
            response = render(request, "entered.html", 200, {"Refresh": f"0; url={address}"}, address=address)
            await self._begin(request, here, Entered(caller, "provider", id_token=id_token), response)
        self._drop(request, response, self._question_cookie, strict=False)
        return response

    async def renew(self, request: Request, here: Here, next: str = "/") -> Response:
        """Back to `next` with the next turn of the session, whatever the method: nothing that was sent is lost."""
        address = own_path(next)
        held = self._sessions.read(request)
        if request.method == "POST":
            self._sessions.require_own_site(request)
        parts = urlsplit(address)
        async with self._database.transaction() as session:
            found = await renew(session, held, is_use=not fetched_by_itself(parts.path, parts.query))
        if not isinstance(found, Session):
            self._endings.note(held.id)
            if found is Ending.copied:
                here.metrics.count("sessions_replayed_total")
            raise Unauthenticated(f"session_{found or 'forgotten'}")
        response = Response(status_code=307, headers={"Location": address, "Cache-Control": "no-store"})
        self._keep(request, response, self._sessions.cookie, self._sessions.sign(found, self._key))
        return response

    async def leave(self, request: Request, here: Here) -> Response:
        """Ends the session for every copy of its cookie, then the provider's, where it began by one."""
        self._sessions.require_own_site(request)
        response = see_other("sign-in")
        held = self._held(request)
        if held is not None:
            async with self._database.transaction() as session:
                id_token = await end(session, held.id, Ending.signed_out)
            self._endings.note(held.id)
            here.logger.info("signed out", role=held.caller.role.value)
            farewell = await self._provider.farewell(id_token) if self._provider and id_token else None
            if farewell is not None:  # by a page: what a form leads to may not be foreign (form-action 'self')
                response = render(request, "left.html", 200, {"Refresh": f"0; url={farewell}"}, address=farewell)
        self._drop(request, response, self._sessions.cookie)
        return response

    async def _begin(self, request: Request, here: Context, entered: Entered, response: Response) -> Response:
        before = self._held(request)
        async with self._database.transaction() as session:
            if before is not None:
                await end(session, before.id, Ending.signed_out)
            begun = await begin(session, entered.caller, ends=entered.ends, id_token=entered.id_token)
        if before is not None:
            self._endings.note(before.id)
        here.logger.info("signed in", role=entered.caller.role.value, by=entered.by)
        self._keep(request, response, self._sessions.cookie, self._sessions.sign(begun, self._key))
        return response

    def _held(self, request: Request) -> Session | None:
        """The session of this browser, if it sent one."""
        try:
            return self._sessions.read(request)
        except Unauthenticated:
            return None

    async def _by_ticket(self, ticket: str) -> Caller:
        """Uses the ticket up. Raises Unauthenticated when it is no good or was used."""
        who = self._tickets.verify(ticket)
        await self._use_up(ticket, TICKET_SECONDS)
        return who._replace(sub=_NONCE.sub("", who.sub))

    async def _asked(self, request: Request, state: str) -> _Asked:
        """What this browser was sent to the provider with; once. Raises Unauthenticated unless it is about `state`."""
        text = request.cookies.get(self._question_cookie, "")
        asked = read_token(text, self._key.public, _Asked)
        if asked.aud != QUESTION_AUDIENCE or asked.exp < time.time():
            raise Unauthenticated("oidc_question")
        if not secrets.compare_digest(asked.state.encode(), state.encode()):
            raise Unauthenticated("oidc_state")
        await self._use_up(text, QUESTION_SECONDS)
        return asked

    async def _use_up(self, ticket: str, seconds: int) -> None:
        """Raises Unauthenticated when it was used before. `seconds`: so long it could work."""
        at = moment()
        async with self._database.transaction() as session:
            await run(session, "DELETE FROM used_ticket WHERE expires < :at", at=at)
            taken = await run(
                session,
                "INSERT INTO used_ticket (ticket_sha256, expires) VALUES (:digest, :expires) "
                "ON CONFLICT DO NOTHING RETURNING ticket_sha256",
                digest=hashlib.sha256(ticket.encode()).hexdigest(),
                expires=at + seconds + _LEEWAY_SECONDS,
            )
            if taken.first() is None:
                raise Unauthenticated("ticket_used")

    def _refused(self, request: Request, here: Context, why: str, problem: str, next: str = "/") -> Response:
        here.metrics.count("refused_tokens_total")
        here.logger.warning("sign-in refused", why=why)
        return self._page(request, problem=problem, next=next)

    def _away(self, request: Request, here: Context, error: Away) -> Response:
        here.metrics.count("faults_total")
        here.logger.warning("the identity provider is away", why=str(error))
        return self._page(request, problem="office_away", status=503)

    def _page(
        self, request: Request, *, ticket: str = "", problem: str | None = None, status: int = 403, next: str = "/"
    ) -> Response:
        return render(
            request,
            "sign_in.html",
            status if problem else 200,
            ticket=ticket,
            problem=problem,
            next=next,
            by_office=self._provider is not None,
        )

    def _keep(self, request: Request, response: Response, name: str, value: str, *, strict: bool = True) -> None:
        response.set_cookie(
            name,
            value,
            httponly=True,
            samesite="strict" if strict else "lax",
            secure=self._is_https(request),
            path="/",
        )

    def _drop(self, request: Request, response: Response, name: str, *, strict: bool = True) -> None:
        response.delete_cookie(
            name, path="/", httponly=True, samesite="strict" if strict else "lax", secure=self._is_https(request)
        )

    def _is_https(self, request: Request) -> bool:
        return self._sessions.is_https or "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))


def router(settings: Settings, database: Database, sessions: Sessions, endings: Endings) -> APIRouter:
    sign_in = SignIn(settings, database, sessions, endings)
    routes = APIRouter(route_class=Page, include_in_schema=False)
    routes.add_api_route("/sign-in", sign_in.show, methods=["GET"])
    routes.add_api_route("/sign-in", sign_in.enter, methods=["POST"])
    routes.add_api_route("/sign-in/office", sign_in.ask, methods=["GET"])
    routes.add_api_route(CALLBACK_PATH, sign_in.come_back, methods=["GET"])
    routes.add_api_route(RENEW_PATH, sign_in.renew, methods=["GET", "POST"])
    routes.add_api_route("/sign-out", sign_in.leave, methods=["POST"])
    return routes


def _by_token(verified: Verified) -> Entered:
    """The session lasts no longer than the token."""
    return Entered(verified.caller, "token", ends=int(verified.until))
