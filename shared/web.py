"""What every HTTP call of Berdaya has in common: who calls, retries that do nothing twice, errors as problem+json."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from shared.database import FAULTS, Database, is_transient, is_unstorable, now, run
from shared.failpoint import reached
from shared.log import Log, LogUnavailable
from shared.refusals import TITLES, Refused
from shared.security import Caller, Role, Unauthenticated, Verified, Verifier
from shared.sessions import Due, Sessions, renewal
from shared.telemetry import Metrics, kinds, places

IDEMPOTENCY_KEY = "Idempotency-Key"
_KEYS = ["7f3c9a52-6f0e-4c58-9d1b-2f1f6f0c8a11"]
MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_UPLOAD_BYTES = 32 * 1024 * 1024
"""Of a call that takes a file, whose body goes to a file while it arrives; with what the form adds to it."""
_OF_FILES = ("/v1/uploads/", "/uploads", "/handovers/")
RETRY_AFTER_SECONDS = "5"
DATABASE_SECONDS = 8.0
"""How long a call may hold a session of the database; some two seconds later it is answered with 503. What holds none,
such as a stream of events, may take for ever."""

_STATUS = {
    "not_found": 404,
    "forbidden": 403,
    "foreign_form": 403,
    "unauthenticated": 401,
    "invalid_request": 422,
    "too_large": 413,
    "malformed": 400,
    "unknown_type": 422,
    "district_mismatch": 422,
    "unsupported_media_type": 415,
    "idempotency_key_missing": 400,
    "idempotency_key_reused": 422,
    "method_not_allowed": 405,
    "unavailable": 503,
    "too_many_streams": 503,
    "too_many_requests": 429,
    "internal": 500,
}
"""Every other code is a refusal of the business: 409."""


@dataclass(frozen=True)
class Context:
    """What the endpoints of one service work with."""

    service: str
    database: Database
    """Within DATABASE_SECONDS."""
    log: Log
    verifier: Verifier
    sessions: Sessions
    metrics: Metrics
    logger: FilteringBoundLogger


def context_of(request: Request) -> Context:
    found: Context = request.app.state.context
    return found


# Dependencies are coroutines, however little they do: FastAPI sends any other function to a thread and waits for it.


async def context(request: Request) -> Context:
    return context_of(request)


def include(app: FastAPI, *routers: APIRouter) -> None:
    """Have the application answer the routes of these routers, which are made once, when they are declared: FastAPI's
    `include_router` makes each anew for every application, at its first request. What is in `dependency_overrides` does
    not reach them.
    """
    for router in routers:
        app.router.routes.extend(router.routes)


BEARER = HTTPBearer(auto_error=False, bearerFormat="JWT", description="EdDSA or ES256; see `make token`.")


async def caller(
    request: Request,
    here: Annotated[Context, Depends(context)],
    _: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,  # only for the OpenAPI document
) -> Caller:
    """Who calls, by the bearer token. Raises Unauthenticated."""
    return here.verifier.verify(bearer_token(request))


async def signed_in(request: Request, here: Annotated[Context, Depends(context)]) -> Verified:
    return who_is_signed_in(request, here)


def who_is_signed_in(request: Request, here: Context) -> Verified:
    """Who calls, by the bearer token or by the cookie of the pages. Raises Unauthenticated, of a cookie also Due, which
    renews it, and Refused `foreign_form`."""
    if "authorization" not in request.headers and here.sessions.cookie in request.cookies:
        return here.sessions.check(request)
    return here.verifier.check(bearer_token(request))


def bearer_token(request: Request) -> str:
    """Raises Unauthenticated when there is none."""
    scheme, _blank, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("no_token")
    return token.strip()


def allow(*roles: Role) -> Callable[..., Awaitable[Caller]]:
    """A dependency that lets only these roles in."""

    async def allowed(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if who.role not in roles:
            raise Refused("forbidden", role=who.role.value)
        return who

    return allowed


@dataclass(frozen=True)
class Call:
    """One writing call: `once` does the work and keeps the answer in one transaction, committed before the reply."""

    here: Context
    key: str
    fingerprint: str

    async def once(self, who: Caller, work: Callable[[AsyncSession], Awaitable[object]]) -> Response:
        """Do the work, or give again the answer it had the first time this key came from this caller.

        Raises what the work raises: then nothing is kept and a retry works anew.
        """
        async with self.here.database.transaction() as session:
            stored = await self._stored(session, who)
            if stored is not None:
                return _json(stored)
            body = msgspec.json.encode(await work(session))
            reached("row saved")
            await run(
                session,
                "UPDATE reply SET status = 200, body = :body WHERE sub = :sub AND key = :key",
                body=body.decode(),
                sub=who.sub,
                key=self.key,
            )
        reached("replied nothing")
        return _json(body)

    async def _stored(self, session: AsyncSession, who: Caller) -> bytes | None:
        """The answer kept for this key, or None after taking the key; a second call waits here for the first."""
        taken = await run(
            session,
            "INSERT INTO reply (sub, key, fingerprint, status, body, at) "
            "VALUES (:sub, :key, :fingerprint, 0, '', :at) ON CONFLICT DO NOTHING RETURNING key",
            sub=who.sub,
            key=self.key,
            fingerprint=self.fingerprint,
            at=now(),
        )
        if taken.first() is not None:
            return None
        found = await run(
            session, "SELECT fingerprint, body FROM reply WHERE sub = :sub AND key = :key", sub=who.sub, key=self.key
        )
        row = found.one()
        if row.fingerprint != self.fingerprint:
            raise Refused("idempotency_key_reused")
        return bytes(row.body.encode())


async def call(
    request: Request,
    here: Annotated[Context, Depends(context)],
    idempotency_key: Annotated[str, Header(alias=IDEMPOTENCY_KEY, min_length=1, max_length=128, examples=_KEYS)],
) -> Call:
    """A writing call with its Idempotency-Key. Without one a retry would be a new call: refused."""
    body = await request.body()
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))  # the same call through any door
    fingerprint = hashlib.sha256(b"\0".join((request.method.encode(), path.encode(), body))).hexdigest()
    return Call(here, idempotency_key, fingerprint)


def problem(
    code: str, more: Mapping[str, object] | None = None, *, headers: Mapping[str, str] | None = None
) -> Response:
    """RFC 9457. `message` is the sentence in both languages; `more` says where, never a value that was sent."""
    status = _STATUS.get(code, 409)
    sentence = TITLES[code]
    body = {
        "type": f"urn:berdaya:problem:{code}",
        "title": sentence.id,
        "status": status,
        "code": code,
        "message": sentence,
        **(more or {}),
    }
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )


def install(app: FastAPI, here: Context) -> None:
    """Give a service's application its context and its way of answering errors."""
    app.state.context = here
    app.add_middleware(BodyLimit)

    @app.exception_handler(Refused)
    async def _refused(_: Request, error: Refused) -> Response:
        after = error.detail.get("retry_after")
        return problem(error.code, error.detail, headers={"Retry-After": str(after)} if after else None)

    @app.exception_handler(Unauthenticated)
    async def _unauthenticated(request: Request, error: Unauthenticated) -> Response:
        if isinstance(error, Due):
            return renewal(request)
        here.metrics.count("refused_tokens_total")
        here.logger.warning("token refused", why=error.why, path=request.url.path)
        return problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        if any(found["loc"] == ("header", IDEMPOTENCY_KEY) and found["type"] == "missing" for found in error.errors()):
            return problem("idempotency_key_missing")
        where = [{"at": ".".join(str(part) for part in found["loc"]), "why": found["type"]} for found in error.errors()]
        return problem("invalid_request", {"errors": where})

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "malformed")
        more = {"detail": error.detail} if error.status_code == 413 else None
        return problem(code, more, headers=dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> Response:
        if is_transient(error) or isinstance(error, LogUnavailable):
            here.metrics.count("faults_total")
            return problem("unavailable", headers={"Retry-After": RETRY_AFTER_SECONDS})
        if is_unstorable(error):
            return problem("invalid_request", {"detail": "a text holds the character U+0000"})
        # Where and what kind, not the message: PostgreSQL repeats in it the row that failed.
        here.logger.error("a call met a mistake of ours", path=request.url.path, kinds=kinds(error), at=places(error))
        return problem("internal")

    # Named one by one: the handler of Exception itself runs outside the middleware and re-raises what it answered.
    for kind in (LogUnavailable, *FAULTS):
        app.add_exception_handler(kind, _fault)


class BodyLimit:
    """Refuses bodies above 4 MiB, of forms with a file above 32 MiB, while they arrive, whatever their headers say."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        most = MAX_UPLOAD_BYTES if path.startswith(_OF_FILES) else MAX_BODY_BYTES
        taken = 0

        async def limited() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413, f"at most {most} bytes")
            return message

        await self._app(scope, limited, send)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
