"""What a page sends back: the fields of its form, and proof that it was ours and no other site's."""

from urllib.parse import parse_qs, urlsplit

from fastapi import Request

from services.reporting.api import SESSION_COOKIE
from shared.refusals import Refused

FORM_COOKIE = "berdaya_form"
_MAX_FORM_BYTES = 16_384


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


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; a body that is none has none."""
    body = await request.body()
    if len(body) > _MAX_FORM_BYTES:
        return {}
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
