"""The pages of figures: the province, one district, one business. Each shows only what its reader may see."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import rules
from services.reporting.api import Reader, read_business
from services.reporting.freshness import Freshness, longest_silent_first, read_freshness
from services.reporting.pages.figures import (
    COLUMNS,
    NAME,
    make_row,
    net_chart,
    read_cell,
    sorted_rows,
)
from services.reporting.pages.past import pasts
from services.reporting.pages.present import From, Here, beside, running, snapshot_of, standing
from services.reporting.pages.tiles import MEASURES, tile_map
from services.reporting.rule_versions import RULES
from services.reporting.views import COUNTED
from services.reporting.wording import WORDS
from services.reporting.worklist_api import Today
from services.reporting.worklist_lines import Filters, read_page
from services.reporting.worklist_rules import Reason
from services.reporting.worklist_words import NEXT_STEPS, sentence
from shared.database import FAULTS, is_transient, now, run
from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, language, render
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.web import Context

BUSINESSES_SHOWN = 100

router = APIRouter(route_class=Page, include_in_schema=False)


@router.get("/")
async def province(
    request: Request,
    who: Reader,
    source: From,
    here: Here,
    month: str | None = None,
    sort: str | None = None,
    measure: Annotated[str, Query(alias="map")] = "",
) -> Response:
    """The province; a district officer sees beside it the own district only, and so no map."""
    snapshot = await snapshot_of(source, month)
    shown = {code: raw for code, raw in snapshot.districts.items() if who.sees(code)}
    cells = {code: read_cell(raw) for code, raw in shown.items()}
    past = await pasts(request).of(snapshot)
    populated = sum(1 for cell in cells.values() if cell["beneficiaries"][COUNTED])
    return render(
        request,
        "province.html",
        cell=read_cell(snapshot.province),
        rows=sorted_rows([make_row(code, cell) for code, cell in cells.items()], sort),
        total=make_row("", read_cell(snapshot.province)).values,
        columns=COLUMNS,
        sort=sort,
        name_column=NAME,
        populated=populated if who.district is None else None,
        chart_map=tile_map(MEASURES.get(measure) or next(iter(MEASURES.values())), cells)
        if who.district is None
        else None,
        measures=MEASURES,
        walk=who.district is None,
        sparks=past.sparks(WORDS[language(request)]) if past else {},
        code="",
        heard=await _heard(here, who),
        silent_days=rules.SILENT_DAYS,
        **beside(request, past, snapshot, ""),
        running=await running(source, ""),
        **await standing(request, source, snapshot, who),
    )


@router.get("/district/{code}")
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
    snapshot = await snapshot_of(source, month)
    businesses = None
    if who.role is not Role.viewer:
        async with here.database.reading() as session:
            businesses = await _businesses(session, code, after)
    return render(
        request,
        "district.html",
        code=code,
        title=DISTRICTS[code].title,
        **beside(request, await pasts(request).of(snapshot), snapshot, code),
        running=await running(source, code),
        cell=read_cell(snapshot.districts[code]),
        businesses=businesses,
        shown=BUSINESSES_SHOWN,
        after=after,
        **await standing(request, source, snapshot, who),
    )


@router.get("/business/{beneficiary_id}")
async def business(request: Request, beneficiary_id: UUID, who: Reader, here: Here, day: Today) -> Response:
    """One business with the evidence for its growth class (UU 27/2022 Art. 34); for officers its grants and visits."""
    official = who.role is not Role.viewer
    async with here.database.reading() as session:
        found = await read_business(session, who, beneficiary_id)
        person = (
            await run(
                session, "SELECT district_ref, status, unit FROM person WHERE beneficiary_id = :id", id=beneficiary_id
            )
        ).one()
        grants = await _grants(session, beneficiary_id) if official else None
        assets = await _assets(session, beneficiary_id) if official else []
        open_lines = Filters(beneficiary_id=beneficiary_id)
        visits = (await read_page(session, day, open_lines, sort="due", limit=len(Reason))).lines if official else None
    return render(
        request,
        "business.html",
        grants=grants,
        assets=assets,
        visits=visits,
        day=day,
        said=sentence,
        next_steps=NEXT_STEPS,
        who=who,
        person=person,
        district=DISTRICTS[found["district"]],
        growth=found["growth"],
        reports=found["reports"],
        chart=net_chart(found["reports"]),
        rule=RULES[found["growth"]["rule_version"]],
    )


async def _grants(session: AsyncSession, beneficiary_id: UUID) -> list[dict[str, Any]]:
    """Of one person, newest step first, as the grants service last told of them."""
    found = await run(
        session,
        """SELECT grant_id, kind, amount, fiscal_year, status, "on" FROM grant_now WHERE beneficiary_id = :id
           ORDER BY "on" DESC, grant_id""",
        id=beneficiary_id,
    )
    return [{**row, "day": date.fromisoformat(row["on"])} for row in found.mappings()]


async def _assets(session: AsyncSession, beneficiary_id: UUID) -> list[dict[str, Any]]:
    """What the person has in hand, and what was handed over to the person and is no longer there. `here`: in hand."""
    found = await run(
        session,
        """SELECT asset_id, name, serial, value, status, condition, "on",
                  CASE WHEN holder_id = :id THEN 1 ELSE 0 END AS here
           FROM asset WHERE asset_id IN (
               SELECT a.asset_id FROM asset a WHERE a.holder_id = :id
               UNION SELECT a.asset_id FROM asset a JOIN grant_now g ON g.grant_id = a.grant_id
               WHERE g.beneficiary_id = :id)
           ORDER BY here DESC, name, asset_id""",
        id=beneficiary_id,
    )
    return [{**row, "day": date.fromisoformat(row["on"])} for row in found.mappings()]


async def _heard(here: Context, who: Caller) -> list[Freshness] | None:
    """Of the districts the reader may see; None while the database is away, for the figures can do without it."""
    try:
        async with here.database.reading() as session:
            found = await read_freshness(session, [code for code in DISTRICTS if who.sees(code)], now())
    except FAULTS as error:
        if not is_transient(error):
            raise
        here.metrics.count("faults_total")
        return None
    return longest_silent_first(found)


async def _businesses(session: AsyncSession, code: str, after: str) -> list[dict[str, Any]]:
    """Ex-clients of a district by number, one more than is shown so that the page knows of a next one."""
    found = await run(
        session,
        """SELECT p.beneficiary_id, p.district_ref, p.growth_class, t.month, t.net_profit
           FROM person p LEFT JOIN report t ON t.person_no = p.no
            AND t.month = (SELECT max(n.month) FROM report n WHERE n.person_no = p.no)
           WHERE p.district = :district AND p.status = :counted AND p.withdrawn_us IS NULL AND p.district_ref > :after
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
