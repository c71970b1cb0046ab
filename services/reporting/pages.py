"""The pages people read: HTML that needs no script, in both languages. A page shows only what its reader may see.

Addresses in a page are relative, so that it works at `/` and below `/reporting/` alike.
"""

import gzip
import hashlib
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

from services.reporting import rules
from services.reporting.api import SESSION_COOKIE, Dashboards, Reader, dashboards, read_business
from services.reporting.dashboard import Snapshot
from services.reporting.views import CLASSES, COUNTED
from services.reporting.wording import WORDS, Format, Language
from shared.database import Database, is_transient, now, run
from shared.events.districts import DISTRICTS
from shared.refusals import Refused
from shared.security import READERS, Caller, LocalKey, Role, Unauthenticated, Verifier
from shared.settings import Settings
from shared.web import RETRY_AFTER_SECONDS, Context, context

LANGUAGE_COOKIE = "berdaya_language"
FORM_COOKIE = "berdaya_form"
TICKET_AUDIENCE = "berdaya-sign-in"
TICKET_SECONDS = 15 * 60
BUSINESSES_SHOWN = 100
CHART_MONTHS = 24
STALE_SECONDS = 30
"""A dashboard further behind than this says so above its figures."""

_YEAR_SECONDS = 365 * 86_400
_LEEWAY_SECONDS = 60
_MAX_FORM_BYTES = 16_384
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie, Authorization, Accept-Encoding",
}
_FOLDER = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Column(NamedTuple):
    """One column of the table of districts: where its number stands in a cell, and the format of `Words`."""

    key: str
    part: str
    format: Format


class Row(NamedTuple):
    code: str
    title: str
    values: tuple[float | None, ...]
    """In the order of COLUMNS; None where there is nothing to measure, which is not zero."""


COLUMNS = (
    Column("ex_client", "beneficiaries", "number"),
    Column("reports", "income", "number"),
    Column("reporting_rate", "income", "percent"),
    *(Column(name, "growth", "number") for name in CLASSES),
    Column("net_profit_median", "income", "finer_millions"),
    Column("net_profit", "income", "millions"),
    *(Column(name, "rupiah", "millions") for name in ("budget", "committed", "disbursed", "remaining")),
)
_NAME = "district"
_GRANT_ORDER = ("requested", "verified", "approved", "disbursed", "handed_over", "rejected", "cancelled")
"""As a grant lives; the two ways out last."""
_UNMEASURED = {
    "net_profit_median": ("income", "reports"),
    "net_profit": ("income", "reports"),
    "reporting_rate": ("beneficiaries", COUNTED),
}
"""What a number is made of: without any it is unknown."""

Cell = dict[str, dict[str, Any]]


# 1. Answers


class Page(APIRoute):
    """Answers its errors as pages too, in the reader's language and without a stack trace."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                return await answer(request)
            except Unauthenticated as error:
                return _sign_in_first(request, error)
            except (Refused, HTTPException, RequestValidationError) as error:
                code = error.code if isinstance(error, Refused) else "not_found"
                return _error(request, code, 403 if code in ("forbidden", "foreign_form") else 404)
            except Exception as error:
                if is_transient(error):
                    context(request).metrics.count("faults_total")
                    return _error(request, "unavailable", 503, {"Retry-After": RETRY_AFTER_SECONDS})
                context(request).logger.error("page failed", path=request.url.path, exc_info=True)
                return _error(request, "internal", 500)

        return page


def _render(
    request: Request, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **values: object
) -> Response:
    words = WORDS[_language(request)]
    fragment = "fragment" in request.query_params
    html = _TEMPLATES.get_template(template).render(
        t=words,
        base="../" * (request.scope["route"].path.count("/") - 1) or "./",
        layout="fragment.html" if fragment else "page.html",
        asset=_asset_address,
        link=lambda **changes: _link(request, **changes),
        **({"who": None, "stream": False} | values),
    )
    body, encoding = html.encode(), {}
    if _reads_gzip(request):
        body, encoding = _compressed(body), {"Content-Encoding": "gzip"}
    response = Response(
        body, status, {**_HEADERS, **encoding, **(headers or {})}, media_type="text/html; charset=utf-8"
    )
    if request.query_params.get("lang") in WORDS:
        response.set_cookie(
            LANGUAGE_COOKIE, words.language, max_age=_YEAR_SECONDS, httponly=True, samesite="lax", path="/"
        )
    return response


def _reads_gzip(request: Request) -> bool:
    """There may be no gateway in front that compresses."""
    return "gzip" in request.headers.get("accept-encoding", "")


def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=6, mtime=0)


def _error(request: Request, code: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return _render(request, "error.html", status=status, headers=headers, code=code)


def _sign_in_first(request: Request, error: Unauthenticated) -> Response:
    """To the sign-in page; a script that fetches a fragment is told plainly instead."""
    if SESSION_COOKIE in request.cookies or "authorization" in request.headers:
        here = context(request)
        here.metrics.count("refused_tokens_total")
        here.logger.warning("token refused", why=error.why, path=request.url.path)
    if "fragment" in request.query_params:
        return Response(status_code=401, headers={**_HEADERS, "WWW-Authenticate": "Bearer"})
    depth = request.scope["route"].path.count("/") - 1
    return _see_other("../" * depth + "sign-in")


def _see_other(address: str) -> Response:
    return Response(status_code=303, headers={**_HEADERS, "Location": address})


def _language(request: Request) -> Language:
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        for language in WORDS:
            if asked == language:
                return language
    return next(iter(WORDS))


def _link(request: Request, **changes: str | None) -> str:
    """This page's own address with some parameters changed; None removes one."""
    kept = {name: request.query_params.get(name) for name in ("month", "sort", "after", "ticket")}
    return "?" + urlencode({name: value for name, value in {**kept, **changes}.items() if value is not None})


# 2. Files


class _Asset(NamedTuple):
    body: bytes
    compressed: bytes
    media_type: str
    version: str


def _read_assets() -> dict[str, _Asset]:
    found = {}
    for path in sorted((_FOLDER / "static").iterdir()):
        if path.suffix in _MEDIA_TYPES:
            body = path.read_bytes()
            version = hashlib.sha256(body).hexdigest()[:12]
            found[path.name] = _Asset(body, _compressed(body), _MEDIA_TYPES[path.suffix], version)
    return found


_ASSETS = _read_assets()


def _asset_address(name: str) -> str:
    return f"static/{name}?v={_ASSETS[name].version}"


reading = APIRouter(route_class=Page, include_in_schema=False)
From = Annotated[Dashboards, Depends(dashboards)]
Here = Annotated[Context, Depends(context)]


@reading.get("/static/{name}")
async def asset(request: Request, name: str, v: str = "") -> Response:
    """Kept for a year under its version; without the right one it is asked for again each time."""
    found = _ASSETS.get(name)
    if found is None:
        raise Refused("not_found")
    cache = f"public, max-age={_YEAR_SECONDS}, immutable" if v == found.version else "no-cache"
    headers = {**_HEADERS, "Cache-Control": cache, "Vary": "Accept-Encoding"}
    if _reads_gzip(request):
        return Response(found.compressed, 200, {**headers, "Content-Encoding": "gzip"}, found.media_type)
    return Response(found.body, 200, headers, found.media_type)


# 3. The dashboard


@reading.get("/")
async def province(
    request: Request, who: Reader, source: From, month: str | None = None, sort: str | None = None
) -> Response:
    """The province; a district officer sees beside it the own district only."""
    snapshot = await _snapshot(source, month)
    shown = {code: raw for code, raw in snapshot.districts.items() if who.sees(code)}
    cells = {code: _cell(raw) for code, raw in shown.items()}
    spread = sum(1 for cell in cells.values() if cell["beneficiaries"][COUNTED]) if who.district is None else None
    return _render(
        request,
        "province.html",
        cell=_cell(snapshot.province),
        rows=_sorted_rows([_row(code, cell) for code, cell in cells.items()], sort),
        total=_row("", _cell(snapshot.province)).values,
        columns=COLUMNS,
        sort=sort,
        name_column=_NAME,
        spread=spread,
        **await _shared(source, snapshot, who),
    )


@reading.get("/district/{code}")
async def district(
    request: Request,
    code: str,
    who: Reader,
    source: From,
    here: Here,
    month: str | None = None,
    after: str = "",
) -> Response:
    """One district in full. The list of businesses is for officers, not for those who only view."""
    if code not in DISTRICTS or not who.sees(code):
        raise Refused("not_found")
    snapshot = await _snapshot(source, month)
    businesses = None
    if who.role is not Role.viewer:
        async with here.database.reading() as session:
            businesses = await _businesses(session, code, after)
    return _render(
        request,
        "district.html",
        code=code,
        title=DISTRICTS[code].title,
        cell=_cell(snapshot.districts[code]),
        businesses=businesses,
        shown=BUSINESSES_SHOWN,
        after=after,
        **await _shared(source, snapshot, who),
    )


@reading.get("/business/{beneficiary_id}")
async def business(request: Request, beneficiary_id: UUID, who: Reader, here: Here) -> Response:
    """One business with the evidence for its growth class (UU 27/2022 Art. 34)."""
    async with here.database.reading() as session:
        found = await read_business(session, beneficiary_id)
        if found is None or not who.sees(found["district"]):
            raise Refused("not_found")
        person = (
            await run(
                session, "SELECT district_ref, status, unit FROM person WHERE beneficiary_id = :id", id=beneficiary_id
            )
        ).one()
    return _render(
        request,
        "business.html",
        who=who,
        person=person,
        district=DISTRICTS[found["district"]],
        growth=found["growth"],
        reports=found["reports"],
        chart=_chart(found["reports"]),
        rules=rules,
    )


async def _snapshot(source: Dashboards, month: str | None) -> Snapshot:
    """Of a month that has reports, else Refused `not_found`. An empty `month` is the newest, as a form may send it."""
    snapshot = await source.snapshot(None)
    if not month or month == snapshot.month:
        return snapshot
    if month not in snapshot.months:
        raise Refused("not_found")
    return await source.snapshot(month)


async def _shared(source: Dashboards, snapshot: Snapshot, who: Caller) -> dict[str, object]:
    """What every page of figures needs besides its figures."""
    lag = await source.lag()
    return {
        "who": who,
        "snapshot": snapshot,
        "lag": lag,
        "age": max(lag.seconds, (now() - lag.as_of).total_seconds()),
        "stale_seconds": STALE_SECONDS,
        "stream": True,
        "segments": _segments,
        "grant_order": lambda grants: [(status, grants[status]) for status in _GRANT_ORDER],
        "rules": rules,
        "districts": DISTRICTS,
    }


@lru_cache(maxsize=256)
def _decoded(raw: bytes) -> Cell:
    return msgspec.json.decode(raw, type=dict[str, dict[str, Any]])


def _cell(raw: msgspec.Raw) -> Cell:
    return _decoded(bytes(raw))


def _row(code: str, cell: Cell) -> Row:
    title = DISTRICTS[code].title if code else ""
    return Row(code, title, tuple(_value(cell, column) for column in COLUMNS))


def _value(cell: Cell, column: Column) -> float | None:
    part, name = _UNMEASURED.get(column.key, ("", ""))
    if part and not cell[part][name]:
        return None
    value: float = cell[column.part][column.key]
    return value


def _sorted_rows(rows: list[Row], sort: str | None) -> list[Row]:
    """By `sort`, a column's key with `-` before it for descending; unknown numbers last. Else by code."""
    name = (sort or "").removeprefix("-")
    falling = (sort or "").startswith("-")
    if name == _NAME:
        return sorted(rows, key=lambda row: row.title, reverse=falling)
    place = next((place for place, column in enumerate(COLUMNS) if column.key == name), None)
    if place is None:
        return rows
    unknown = [row for row in rows if row.values[place] is None]
    known = [row for row in rows if row.values[place] is not None]
    return sorted(known, key=lambda row: row.values[place] or 0, reverse=falling) + unknown


async def _businesses(session: AsyncSession, code: str, after: str) -> list[dict[str, Any]]:
    """Ex-clients of a district by number, one more than is shown so that the page knows of a next one."""
    found = await run(
        session,
        """SELECT p.beneficiary_id, p.district_ref, p.growth_class, t.month, t.net_profit
           FROM person p LEFT JOIN report t ON t.person_no = p.no
            AND t.month = (SELECT max(n.month) FROM report n WHERE n.person_no = p.no)
           WHERE p.district = :district AND p.status = :counted AND p.district_ref > :after
           ORDER BY p.district_ref LIMIT :most""",
        district=code,
        counted=COUNTED,
        after=after,
        most=BUSINESSES_SHOWN + 1,
    )
    return [
        {
            **row,
            "beneficiary_id": UUID(str(row["beneficiary_id"])),
            "month": rules.month_name(row["month"]) if row["month"] is not None else None,
        }
        for row in found.mappings()
    ]


# 4. Charts: whole numbers in a box of 1000, which the page stretches


class Segment(NamedTuple):
    name: str
    x: int
    width: int


class Bar(NamedTuple):
    x: int
    y: int
    height: int
    gain: bool


class Chart(NamedTuple):
    bars: tuple[Bar, ...]
    slot: int
    """The width of one month."""
    zero: int
    """The y of zero rupiah."""
    first: str
    last: str
    """Months, YYYY-MM."""
    best: dict[str, Any]
    worst: dict[str, Any]


def _segments(parts: Sequence[tuple[str, int]]) -> list[Segment]:
    """Shares of one bar, side by side, without those that are nothing."""
    total = sum(count for _, count in parts)
    found, before = [], 0
    for name, count in parts:
        left, right = (1000 * edge // total if total else 0 for edge in (before, before + count))
        if count:
            found.append(Segment(name, left, right - left))
        before += count
    return found


def _chart(reports: Sequence[dict[str, Any]]) -> Chart | None:
    """Net profit by month; a month without a report leaves its place empty."""
    if not reports:
        return None
    last = rules.month_index(reports[-1]["month"])
    shown = [report for report in reports if rules.month_index(report["month"]) > last - CHART_MONTHS]
    first = min(rules.month_index(shown[0]["month"]), last - rules.WINDOW_MONTHS + 1)
    nets = [report["net_profit"] for report in shown]
    top, bottom = max(0, *nets), min(0, *nets)
    span = (top - bottom) or 1
    slot = 1000 // (last - first + 1)
    bars = []
    for report in shown:
        place, net = rules.month_index(report["month"]) - first, report["net_profit"]
        y, height = 1000 * (top - max(net, 0)) // span, 1000 * abs(net) // span
        bars.append(Bar(place * slot, y, max(height, 4), net >= 0))
    ordered = sorted(shown, key=lambda report: report["net_profit"])
    return Chart(
        tuple(bars),
        slot,
        1000 * top // span,
        rules.month_name(first),
        rules.month_name(last),
        best=ordered[-1],
        worst=ordered[0],
    )


# 5. Signing in


def sign_in_link(settings: Settings, base_url: str, *, sub: str, role: Role, district: str | None) -> str:
    """A link that signs in once, within 15 minutes. ValueError for a role that may not read, or a wrong district."""
    if role not in READERS:
        raise ValueError(f"role {role} does not read the dashboard")
    ticket = LocalKey.at(settings.keys).sign(
        sub=sub,
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
        _require_own_form(request)
        form = await _form(request)
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
        response = _see_other("./")
        response.set_cookie(
            SESSION_COOKIE, token, httponly=True, samesite="strict", secure=_is_https(request), path="/"
        )
        return response

    async def leave(self, request: Request) -> Response:
        _require_own_form(request)
        response = _see_other("sign-in")
        response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict", secure=_is_https(request))
        return response

    async def _by_ticket(self, ticket: str) -> tuple[Caller, str]:
        """Uses the ticket up. Raises Unauthenticated when it is no good or was used."""
        who = self._tickets.verify(ticket)
        # What was signed, not the text: base64 allows several spellings of one signature.
        digest = hashlib.sha256(ticket.rpartition(".")[0].encode()).hexdigest()
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
        token = self._key.sign(
            sub=who.sub,
            role=who.role,
            district=who.district,
            issuer=self._settings.issuer,
            audience=self._settings.audience,
        )
        return who, token


def pages(settings: Settings, database: Database) -> APIRouter:
    """All pages, to be mounted on the application of reporting."""
    sign_in = SignIn(settings, database)
    router = APIRouter(route_class=Page, include_in_schema=False)
    router.include_router(reading)
    router.add_api_route("/sign-in", sign_in.show, methods=["GET"])
    router.add_api_route("/sign-in", sign_in.enter, methods=["POST"])
    router.add_api_route("/sign-out", sign_in.leave, methods=["POST"])
    return router


def _sign_in_page(request: Request, *, ticket: str = "", problem: str | None = None) -> Response:
    response = _render(request, "sign_in.html", status=403 if problem else 200, ticket=ticket, problem=problem)
    response.set_cookie(FORM_COOKIE, "1", httponly=True, samesite="strict", secure=_is_https(request), path="/")
    return response


def _by_token(here: Context, token: str) -> tuple[Caller, str]:
    token = token.strip()
    return here.verifier.verify(token), token


def _require_own_form(request: Request) -> None:
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


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; a body that is none has none."""
    body = await request.body()
    if len(body) > _MAX_FORM_BYTES:
        return {}
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _is_https(request: Request) -> bool:
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
