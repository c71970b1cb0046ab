"""How every page is answered: its headers, its language, its errors as pages, and the files it links to.

Addresses in a page are relative, so that it works at `/` and below the prefix of a gateway alike.
"""

import gzip
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from shared.database import is_transient
from shared.log import LogUnavailable
from shared.pages.places import places_of, prefix_of, root_of
from shared.pages.wording import LANGUAGES, Language, Words
from shared.refusals import Refused
from shared.security import Caller, Unauthenticated
from shared.sessions import RENEW_PATH, Due, fetched_by_script, own_path, renewal
from shared.settings import ServiceName
from shared.telemetry import kinds, places
from shared.web import RETRY_AFTER_SECONDS, context_of, include

LANGUAGE_COOKIE = "berdaya_language"

_YEAR_SECONDS = 365 * 86_400
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie, Authorization, Accept-Encoding",
}
_FOLDER = Path(__file__).parent
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class _Asset(NamedTuple):
    body: bytes
    compressed: bytes
    media_type: str
    version: str


class Look:
    """What the pages of one service are made of: its words, and templates and files of its own beside the shared."""

    def __init__(self, service: ServiceName, folder: Path, words: Mapping[Language, Words]) -> None:
        """`folder` holds `templates` and, if there are any, `static`."""
        self.service = service
        self.words = words
        self.templates = Environment(
            loader=FileSystemLoader([folder / "templates", _FOLDER / "templates"]),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters["capital"] = lambda text: text[:1].upper() + text[1:]
        self.assets = _read_assets(_FOLDER / "static") | _read_assets(folder / "static")

    def mount(self, app: FastAPI, *routers: APIRouter) -> None:
        """Have the application answer these pages, and their files."""
        app.state.look = self
        include(app, _files, *routers)

    def address(self, name: str) -> str:
        """Of one of the files, under its version."""
        return f"static/{name}?v={self.assets[name].version}"


def look(request: Request) -> Look:
    found: Look = request.app.state.look
    return found


class Page(APIRoute):
    """Answers its errors as pages too, in the reader's language and without a stack trace."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def page(request: Request) -> Response:
            if any("\x00" in value for value in (request.url.path, *request.query_params.values())):
                return _error(request, "not_found", 404)  # PostgreSQL takes it in no parameter
            try:
                return await answer(request)
            except Unauthenticated as error:
                return _sign_in_first(request, error)
            except (Refused, HTTPException, RequestValidationError) as error:
                code = error.code if isinstance(error, Refused) else "not_found"
                code = code if f"error.{code}" in look(request).words[LANGUAGES[0]] else "not_found"
                return _error(request, code, 403 if code in ("forbidden", "foreign_form") else 404)
            except Exception as error:
                if is_transient(error) or isinstance(error, LogUnavailable):
                    context_of(request).metrics.count("faults_total")
                    return _error(request, "unavailable", 503, {"Retry-After": RETRY_AFTER_SECONDS})
                context_of(request).logger.error(
                    "page failed", path=request.url.path, kinds=kinds(error), at=places(error)
                )
                return _error(request, "internal", 500)

        return page


def render(
    request: Request, template: str, status: int = 200, headers: dict[str, str] | None = None, /, **values: object
) -> Response:
    here = look(request)
    words = here.words[language(request)]
    who = values.get("who")
    fragment = "fragment" in request.query_params
    html = here.templates.get_template(template).render(
        t=words,
        base=base_of(request),
        home=root_of(request, here.service, "reporting", base_of(request)),
        root=lambda service: root_of(request, here.service, service, base_of(request)),
        layout="fragment.html" if fragment else "page.html",
        asset=here.address,
        places=[
            place._replace(address=place.address + kept(request))
            for place in places_of(request, here.service, who if isinstance(who, Caller) else None, base_of(request))
        ],
        link=lambda **changes: _link(request, **changes),
        to=lambda path, **more: _to(request, path, **more),
        **({"who": None, "stream": False, "walk": False} | values),
    )
    body, encoding = html.encode(), {}
    if _reads_gzip(request):
        body, encoding = _compressed(body), {"Content-Encoding": "gzip"}
    response = Response(
        body, status, {**_HEADERS, **encoding, **(headers or {})}, media_type="text/html; charset=utf-8"
    )
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, words.language, max_age=_YEAR_SECONDS, httponly=True, samesite="lax", path="/"
        )
    return response


def base_of(request: Request) -> str:
    """The root of this service, from the page that is asked for."""
    return "../" * (request.scope["route"].path.count("/") - 1) or "./"


def _reads_gzip(request: Request) -> bool:
    """There may be no gateway in front that compresses."""
    return "gzip" in request.headers.get("accept-encoding", "")


def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=6, mtime=0)


def _error(request: Request, code: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return render(request, "error.html", status, headers, code=code)


def _sign_in_first(request: Request, error: Unauthenticated) -> Response:
    """To the sign-in page, or where a session is renewed; a script that fetches a fragment is told plainly instead."""
    if isinstance(error, Due):
        return renewal(request)
    here = context_of(request)
    if here.sessions.cookie in request.cookies or "authorization" in request.headers:
        here.metrics.count("refused_tokens_total")
        here.logger.warning("token refused", why=error.why, path=request.url.path)
    wanted = _wanted(request)
    back = urlsplit(wanted)
    if fetched_by_script(request.url.path, request.url.query) or fetched_by_script(back.path, back.query):
        return Response(status_code=401, headers={**_HEADERS, "WWW-Authenticate": "Bearer"})
    service = look(request).service
    home = root_of(request, service, "reporting", base_of(request)).removeprefix("./")
    return see_other(home + "sign-in" + ("" if wanted == "/" else "?" + urlencode({"next": wanted})))


def _wanted(request: Request) -> str:
    """The page of ours that the browser asked for, or, where a session is renewed, wants to come back to."""
    if request.url.path.endswith(RENEW_PATH):
        return own_path(request.query_params.get("next", "/"))
    if request.method != "GET":
        return "/"
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return prefix_of(request) + path + ("?" + request.url.query if request.url.query else "")


def see_other(address: str) -> Response:
    return Response(status_code=303, headers={**_HEADERS, "Location": address})


def language(request: Request) -> Language:
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        for known in LANGUAGES:
            if asked == known:
                return known
    return LANGUAGES[0]


def loads_again(request: Request, seconds: int) -> dict[str, str]:
    """The header by which a browser asks for this page again, which is not its reader's doing."""
    return {"Refresh": f"{seconds}; url={_link(request, sent=request.query_params.get('sent'), again='1')}"}


def _link(request: Request, **changes: str | None) -> str:
    """This page's own address with some parameters changed; None removes one."""
    kept = {
        name: request.query_params.get(name)
        for name in (
            *("month", "district", "reason", "owner", "sort", "map", "by", "after", "ticket", "lang"),
            *("status", "year", "state", "because", "next"),
        )
    }
    return "?" + urlencode({name: value for name, value in {**kept, **changes}.items() if value is not None})


def _to(request: Request, path: str, **more: str | None) -> str:
    """Another page of this service, of the same month and language, as far as this page's own address names them."""
    return base_of(request) + path + kept(request, **more)


def kept(request: Request, **more: str | None) -> str:
    """What follows an address so that month and language stay, as far as this page's own address names them."""
    asked = {name: request.query_params.get(name) for name in ("month", "lang")} | more
    asked = {name: value for name, value in asked.items() if value}
    return "?" + urlencode(asked) if asked else ""


def _read_assets(folder: Path) -> dict[str, _Asset]:
    found = {}
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        if path.suffix in _MEDIA_TYPES:
            body = path.read_bytes()
            version = hashlib.sha256(body).hexdigest()[:12]
            found[path.name] = _Asset(body, _compressed(body), _MEDIA_TYPES[path.suffix], version)
    return found


_files = APIRouter(route_class=Page, include_in_schema=False)


@_files.get("/static/{name}")
async def asset(request: Request, name: str, v: str = "") -> Response:
    """Kept for a year under its version; without the right one it is asked for again each time."""
    found = look(request).assets.get(name)
    if found is None:
        raise Refused("not_found")
    cache = f"public, max-age={_YEAR_SECONDS}, immutable" if v == found.version else "no-cache"
    headers = {**_HEADERS, "Cache-Control": cache, "Vary": "Accept-Encoding"}
    if _reads_gzip(request):
        return Response(found.compressed, 200, {**headers, "Content-Encoding": "gzip"}, found.media_type)
    return Response(found.body, 200, headers, found.media_type)
