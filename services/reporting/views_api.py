"""The other views over HTTP, and the list behind every number.

A list is about single people, and a cell of a cut may be about one: neither is for those who only view.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.api import Here, MonthQuery, Reader
from services.reporting.cuts import CUTS, CutName, read_cut
from services.reporting.lists import Filters, GrantFilters, Page, read_businesses, read_grants
from services.reporting.lists_export import GRANT_COLUMNS, business_columns, business_row, grant_row, headings, widths
from services.reporting.public import published, read_release
from services.reporting.rules import GrowthClass, month_index, month_name
from services.reporting.series import newest_month, read_series, read_years
from services.reporting.wording import WORDS
from services.reporting.worklist_rules import jakarta_day
from shared.database import Database, now
from shared.events.district import AssetUse, Disability, GrantKind, PpksGroup, Sex, Status
from shared.events.districts import DISTRICTS
from shared.openapi import or_a_file, problems
from shared.pages.wording import Language, Words
from shared.refusals import Refused
from shared.replies import attachment, private_json, unsent
from shared.security import Caller, Role
from shared.sheets import Format, Value, open_sheet

MAX_PAGE = 500
MAX_MONTHS = 120
_FILE_PAGE = 5000
VIEWER_CUTS: frozenset[CutName] = frozenset({"district"})
"""What the dashboard shows them anyway. In any finer one a cell may be one person's income."""

router = APIRouter(tags=["views"])


async def official(who: Reader) -> Caller:
    """Who may see single people."""
    if who.role is Role.viewer:
        raise Refused("forbidden", role=who.role.value)
    return who


Official = Annotated[Caller, Depends(official)]
District = Annotated[str | None, Query(pattern=r"^[0-9]{4}$", examples=["3522"])]
As = Annotated[Format | None, Query(description="The whole list as one file, without pages.")]
Lang = Annotated[Language, Query(description="Of the file.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
_NONE = "Empty: those who have none."
Trade = Annotated[str | None, Query(pattern=r"^([a-z][a-z0-9_]{0,39})?$", examples=["sewing"], description=_NONE)]
Unit = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description=_NONE)]
GrantStatus = Literal["requested", "verified", "approved", "rejected", "disbursed", "handed_over", "cancelled"]
Nothing = Literal[""]


def seen(who: Caller, district: str | None) -> str | None:
    """The district asked for. Raises Refused `not_found` for one that is none, or that this caller may not see."""
    if district is not None and (district not in DISTRICTS or not who.sees(district)):
        raise Refused("not_found")
    return district


@router.get(
    "/v1/public/dashboard",
    summary="The newest public release, also of an older month; for everybody",
    responses=problems("not_found"),
)
async def public_dashboard(here: Here, month: MonthQuery = None) -> Response:
    """Frozen, with `<5` or `<10` for every number that is hidden. Each release stays at `/public/YYYY-MM-DD.json`."""
    async with here.database.reading() as session:
        release = await read_release(session, None, month)
    if release is None:
        raise Refused("not_found")
    headers = {"Cache-Control": "public, max-age=60", "ETag": f'"{release.sha256[:32]}"'}
    return Response(published(release), media_type="application/json", headers=headers)


@router.get(
    "/v1/views/{cut}", summary="People, growth and one month's income, cut in one way", responses=problems("not_found")
)
async def view(
    who: Reader, here: Here, cut: Annotated[CutName, Path()], month: MonthQuery = None, district: District = None
) -> Response:
    """Of the province, or of one `district`. `month` is by default the newest with a report.

    `value` null are those who have none. Where one person may have several values the rows add up to more than the
    total. A district officer sees the province's totals and of districts the own one; the finer cuts, in which a cell
    may be one person, of the own district only. A viewer sees the cut by district only.
    """
    if who.role is Role.viewer and cut not in VIEWER_CUTS:
        raise Refused("forbidden", role=who.role.value)
    district = seen(who, district) or (None if cut == "district" else who.district)
    async with here.database.reading(still=True) as session:
        at = month_index(month) if month else await newest_month(session)
        table = await read_cut(session, cut, at or 0, district)
    rows = [
        {"value": value or None, **cell} for value, cell in table.rows.items() if cut != "district" or who.sees(value)
    ]
    return private_json(
        {
            "cut": cut,
            "month": None if at is None else month_name(at),
            "district": district,
            "several": CUTS[cut].several,
            "total": table.total,
            "rows": rows,
        }
    )


@router.get(
    "/v1/series",
    summary="Month after month, each beside the same month of the year before",
    responses=problems("not_found"),
)
async def series(
    who: Reader, here: Here, district: District = None, months: Annotated[int, Query(ge=1, le=MAX_MONTHS)] = 36
) -> Response:
    """Of the province, or of one `district`, up to the newest month with a report, oldest first."""
    district = seen(who, district)
    async with here.database.reading(still=True) as session:
        items = await read_series(session, district, months)
    return private_json({"district": district, "items": items})


@router.get(
    "/v1/years", summary="Fiscal year after fiscal year: grants, money, income", responses=problems("not_found")
)
async def years(who: Reader, here: Here, district: District = None) -> Response:
    """Of the province, or of one `district`, oldest first."""
    district = seen(who, district)
    async with here.database.reading(still=True) as session:
        items = await read_years(session, district)
    return private_json({"district": district, "items": items})


@router.get(
    "/v1/businesses",
    summary="The people or reports behind a number, in pages",
    responses={**or_a_file(), **problems("not_found")},
)
async def businesses(
    who: Official,
    here: Here,
    district: District = None,
    status: Status | None = None,
    growth: Annotated[GrowthClass | None, Query(description="Of ex-clients, as the dashboard counts.")] = None,
    month: Annotated[MonthQuery, Query(description="Those with a counted report of it, and its figures.")] = None,
    asset_use: Annotated[list[AssetUse] | None, Query(description="Any of these, in the report of `month`.")] = None,
    trade: Trade = None,
    kind: Annotated[GrantKind | Nothing | None, Query(description=f"Of aid handed over. {_NONE}")] = None,
    unit: Unit = None,
    sex: Sex | None = None,
    ppks: PpksGroup | None = None,
    disability: Annotated[Disability | Nothing | None, Query(description=_NONE)] = None,
    cursor: Annotated[
        str | None,
        Query(pattern=r"^[0-9]{4}/[A-Za-z0-9._-]{1,64}$", description="The `next` of the page before."),
    ] = None,
    limit: Limit = 100,
    format: As = None,
    lang: Lang = "id",
) -> Response:
    """A district officer sees the own district; another one is 404. `total` and `sums` are of the whole list."""
    if asset_use and month is None:
        raise Refused("invalid_request", errors=[{"at": "query.asset_use", "why": "needs_month"}])
    cuts: dict[CutName, str | None] = {
        "trade": trade,
        "kind": kind,
        "unit": unit,
        "sex": sex,
        "ppks": ppks,
        "disability": disability,
    }
    filters = Filters(
        district=seen(who, district) or who.district,
        status=status,
        growth=growth,
        month=month_index(month) if month else None,
        asset_use=asset_use or (),
        cuts={name: value for name, value in cuts.items() if value is not None},
    )

    async def read(session: AsyncSession, after: str | None, limit: int) -> Page:
        return await read_businesses(session, filters, after=after, limit=limit)

    if format is not None:
        columns = business_columns(filters.month)
        return await _file(here.database, read, columns, business_row, format, lang, "usaha", "businesses")
    async with here.database.reading(still=True) as session:
        return _page(await read(session, cursor, limit))


@router.get(
    "/v1/grants", summary="The grants behind a number, in pages", responses={**or_a_file(), **problems("not_found")}
)
async def grants(
    who: Official,
    here: Here,
    district: District = None,
    fiscal_year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    status: Annotated[list[GrantStatus] | None, Query(description="Any of these.")] = None,
    kind: GrantKind | None = None,
    cursor: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
    limit: Limit = 100,
    format: As = None,
    lang: Lang = "id",
) -> Response:
    """As the grants service last told of them: what the dashboard counts. A district officer sees the own district."""
    filters = GrantFilters(seen(who, district) or who.district, fiscal_year, status or (), kind)

    async def read(session: AsyncSession, after: str | None, limit: int) -> Page:
        return await read_grants(session, filters, after=UUID(after) if after else None, limit=limit)

    if format is not None:
        return await _file(here.database, read, GRANT_COLUMNS, grant_row, format, lang, "bantuan", "grants")
    async with here.database.reading(still=True) as session:
        return _page(await read(session, str(cursor) if cursor else None, limit))


async def _file(
    database: Database,
    read: Callable[[AsyncSession, str | None, int], Awaitable[Page]],
    columns: Sequence[str],
    row: Callable[[Mapping[str, Any], Words], list[Value]],
    kind: Format,
    language: Language,
    *name: str,
) -> Response:
    """The whole list as one file, all of one moment, written before the first byte is sent. `name`: id, en."""
    words = WORDS[language]
    with unsent() as out:
        sheet = open_sheet(kind, headings(columns, words), widths(columns), out)
        after: str | None = ""
        async with database.reading(still=True) as session:
            while after is not None:
                page = await read(session, after or None, _FILE_PAGE)
                await asyncio.to_thread(sheet.add, [row(item, words) for item in page.items])
                after = page.next
        await asyncio.to_thread(sheet.close)
    return attachment(out, kind, f"{name[language == 'en']}-{jakarta_day(now()).isoformat()}")


def _page(page: Page) -> Response:
    return private_json(page._asdict())
