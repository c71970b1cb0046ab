"""The pages of all services as one product: what its navigation names, for whom, and where it is from here."""

from typing import NamedTuple

from fastapi import Request

from shared.security import READERS, Caller, Role
from shared.settings import ServiceName

_OF_SINGLE_PEOPLE = READERS - {Role.viewer}
_OF_NAMES = frozenset({Role.province_officer, Role.auditor, Role.admin})
_OF_FILES = frozenset({Role.district_officer, Role.province_officer, Role.auditor, Role.admin})


class _Known(NamedTuple):
    service: ServiceName
    path: str
    key: str
    roles: frozenset[Role]


_KNOWN = (
    _Known("reporting", "", "brand.province", READERS),
    _Known("reporting", "worklist", "worklist.title", _OF_SINGLE_PEOPLE),
    _Known("grants", "requests", "place.requests", _OF_SINGLE_PEOPLE),
    _Known("grants", "budgets", "place.budgets", _OF_SINGLE_PEOPLE),
    _Known("registry", "duplicates", "place.duplicates", _OF_NAMES),
    _Known("registry", "uploads", "place.uploads", _OF_FILES),
    _Known("reporting", "aid", "aid.nav", _OF_SINGLE_PEOPLE),
    _Known("reporting", "quality", "quality.nav", READERS),
    _Known("reporting", "about", "about.nav", READERS),
)


_OF_ALL = "uploads"
"""Each service has this page; the navigation names one of them."""


class Place(NamedTuple):
    """`address` is relative to the page that names it."""

    address: str
    key: str
    here: bool


def places_of(request: Request, service: ServiceName, who: Caller | None, base: str) -> list[Place]:
    """Those a reader may open, from a page of `service` whose root is `base`."""
    here = request.scope["route"].path.removeprefix("/")
    return [
        Place(
            root_of(request, service, place.service, base) + place.path,
            place.key,
            place.service == service and place.path == here,
        )
        for place in _KNOWN
        if who is not None and who.role in place.roles
    ]


def root_of(request: Request, service: ServiceName, wanted: ServiceName, base: str) -> str:
    """The root of the pages of a service from a page of `service` whose root is `base`.

    The gateway says under which prefix it was asked; without one this service answers at the root itself.
    """
    if wanted == service:
        return base
    up = "../" if prefix_of(request) else ""
    return base + up + ("" if wanted == "reporting" else f"{wanted}/")


def prefix_of(request: Request) -> str:
    """`/grants` where the gateway was asked for that, else empty."""
    found: str = request.scope.get("root_path", "") or request.headers.get("x-forwarded-prefix", "")
    return found.rstrip("/")
