"""The page for everybody: a frozen release and nothing else. No number here comes from anywhere but its text."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.api import Here
from services.reporting.pages.figures import Cell
from services.reporting.pages.naming import named
from services.reporting.pages.tiles import MEASURES, tile_map
from services.reporting.public import REPORTED, Release, published, read_days, read_release
from services.reporting.views import CLASSES, COUNTED
from services.reporting.wording import WORDS
from shared.events.district import Sex
from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, language, render
from shared.pages.wording import Words
from shared.refusals import Refused
from shared.replies import attachment, unsent
from shared.sheets import Format, Value, open_sheet

DAYS_SHOWN = 30
_WIDTH = 18
_KEPT_SECONDS = 365 * 86_400
_COLUMNS = ("people", *(f"reported_{value}" for value in REPORTED), *CLASSES)

router = APIRouter(route_class=Page, include_in_schema=False)
Day = Annotated[str, Path(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


@router.get("/public")
async def newest(request: Request, here: Here) -> Response:
    """The newest release; signing in shows nothing else here."""
    async with here.database.reading() as session:
        release = await read_release(session, None)
        return await _page(request, session, release)


@router.get("/public/{day}.json")
async def as_json(here: Here, day: Day) -> Response:
    async with here.database.reading() as session:
        release = await _release(session, day)
    return Response(published(release), media_type="application/json", headers=_for_ever())


@router.get("/public/{day}/{name}.{kind}")
async def as_file(request: Request, here: Here, day: Day, name: str, kind: Annotated[Format, Path()]) -> Response:
    """The districts or the groups; hidden numbers are the same text as on the page."""
    async with here.database.reading() as session:
        release = await _release(session, day)
    words = WORDS[language(request)]
    read = {"districts": _districts, "groups": _groups}.get(name)
    if read is None:
        raise Refused("not_found")
    headings, rows = read(release, words)
    with unsent() as out:
        sheet = open_sheet(kind, headings, [_WIDTH] * len(headings), out)
        await asyncio.to_thread(sheet.add, rows)
        await asyncio.to_thread(sheet.close)
    label = words("file.public")
    return attachment(out, kind, f"{label}-{release.day}-{name}")


@router.get("/public/{day}")
async def of_day(request: Request, here: Here, day: Day) -> Response:
    async with here.database.reading() as session:
        return await _page(request, session, await _release(session, day))


async def _release(session: AsyncSession, day: str) -> Release:
    release = await read_release(session, day)
    if release is None:
        raise Refused("not_found")
    return release


async def _page(request: Request, session: AsyncSession, release: Release | None) -> Response:
    words = WORDS[language(request)]
    return render(
        request,
        "public.html",
        release=release,
        days=(await read_days(session))[:DAYS_SHOWN],
        chart_map=tile_map(MEASURES["people"], _people(release)) if release else None,
        columns=_COLUMNS,
        classes=CLASSES,
        sexes=tuple(Sex),
        districts=DISTRICTS,
        named=lambda cut, value: named(words, cut, value),
        walk=True,
    )


def _people(release: Release) -> dict[str, Cell]:
    """Of the districts whose number is shown, as the map reads it."""
    found = {code: cell["people"] for code, cell in release.body["districts"].items()}
    return {code: {"beneficiaries": {COUNTED: people}} for code, people in found.items() if not isinstance(people, str)}


def _heading(words: Words, name: str) -> str:
    return words(f"field.{name}") if name in CLASSES else words(f"public.{name}")


def _districts(release: Release, words: Words) -> tuple[list[str], list[list[Value]]]:
    names = (*_COLUMNS, "net_profit_median")
    headings = [
        *(words(f"column.{name}") for name in ("code", "district")),
        *(_heading(words, name) for name in _COLUMNS),
        words("field.net_profit_median"),
    ]
    rows = [
        [code, DISTRICTS[code].title, *(cell[name] for name in names)]
        for code, cell in release.body["districts"].items()
    ]
    total = release.body["total"]
    return headings, [*rows, ["35", words("brand.province"), *(total[name] for name in names)]]


def _groups(release: Release, words: Words) -> tuple[list[str], list[list[Value]]]:
    names = ("people", *CLASSES, *Sex)
    headings = [
        words("public.group"),
        *(_heading(words, name) for name in ("people", *CLASSES)),
        *(named(words, "sex", sex) for sex in Sex),
    ]
    return headings, [
        [named(words, "ppks", group), *(cell[name] for name in names)] for group, cell in release.body["groups"].items()
    ]


def _for_ever() -> dict[str, str]:
    return {"Cache-Control": f"public, max-age={_KEPT_SECONDS}, immutable", "X-Content-Type-Options": "nosniff"}
