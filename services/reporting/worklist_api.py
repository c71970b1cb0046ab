"""The worklist over HTTP: read a page, count, export, see to a line, confirm a report."""

import asyncio
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.api import Here, Reader
from services.reporting.rule_versions import GrowthRule
from services.reporting.wording import WORDS
from services.reporting.worklist_commands import OFFICERS, Assign, assign, confirm
from services.reporting.worklist_export import write
from services.reporting.worklist_history import read_confirmations, read_items
from services.reporting.worklist_lines import (
    BadCursor,
    Filters,
    Sort,
    open_counts,
    read_all,
    read_page,
    read_tally,
    total,
)
from services.reporting.worklist_rules import Reason
from shared.database import Database, run
from shared.events.districts import DISTRICTS
from shared.openapi import or_a_file, problems
from shared.pages.wording import Language
from shared.refusals import Refused
from shared.replies import attachment, private_json, unsent
from shared.security import Caller, Role
from shared.shapes import STORABLE
from shared.sheets import Format
from shared.web import Call, allow, call

MAX_PAGE = 500

router = APIRouter(tags=["worklist"])

Officer = Annotated[Caller, Depends(allow(*OFFICERS))]
Writing = Annotated[Call, Depends(call)]


def rule_in_force(request: Request) -> GrowthRule:
    found: GrowthRule = request.app.state.growth_rule
    return found


async def growth_rule(request: Request) -> GrowthRule:
    return rule_in_force(request)


async def list_reader(who: Reader) -> Caller:
    """Lines are about single people: not for those who only view."""
    if who.role is Role.viewer:
        raise Refused("forbidden", role=who.role.value)
    return who


async def today(request: Request) -> date:
    """The day it is in East Java: two reasons depend on it."""
    day: date = request.app.state.today()
    return day


Today = Annotated[date, Depends(today)]
InForce = Annotated[GrowthRule, Depends(growth_rule)]
ListReader = Annotated[Caller, Depends(list_reader)]
District = Annotated[str | None, Query(pattern=r"^[0-9]{4}$", examples=["3522"])]
Person = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]*$", examples=["ratna"])]
Note = Annotated[
    str,
    Field(
        max_length=500,
        pattern=r"^[^\x00]*$",
        description="No name, NIK, address or phone.",
        examples=["Dikunjungi pada 5 November."],
    ),
]


class Assignment(BaseModel):
    """`owner` and `due` null take them away."""

    model_config = ConfigDict(extra="forbid")

    owner: Person | None = None
    due: date | None = None
    note: Note = ""


class Confirmation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: Note
    month: Annotated[str | None, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] = None
    """The month that was checked: refused when the line is by now about another one."""


def filters_for(who: Caller, district: str | None, reason: Reason | None, owner: str | None) -> Filters:
    """What this caller may ask for. Raises Refused `not_found` for a foreign district, and for one that is none."""
    if district is not None and (district not in DISTRICTS or not who.sees(district)):
        raise Refused("not_found")
    return Filters(district or who.district, reason, owner)


@router.get(
    "/v1/worklist",
    summary="Who needs attention and why, a page at a time, or all as a file",
    responses={**or_a_file(), **problems("not_found")},
)
async def worklist(
    who: ListReader,
    here: Here,
    day: Today,
    district: District = None,
    reason: Reason | None = None,
    owner: Annotated[
        str | None, Query(max_length=128, pattern=STORABLE, description="Empty: what nobody sees to.")
    ] = None,
    sort: Sort = "since",
    cursor: Annotated[
        str | None, Query(max_length=500, pattern=STORABLE, description="The `next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    format: Annotated[Format | None, Query(description="All lines as one file, without pages.")] = None,
    lang: Annotated[Language, Query(description="Of the file.")] = "id",
) -> Response:
    """A district officer sees the own district; another one is 404. `counts.reasons` leaves the filter `reason` out."""
    filters = filters_for(who, district, reason, owner)
    if format is not None:
        return await export(here.database, day, filters, sort, format, lang)
    async with here.database.reading(still=True) as session:
        try:
            page = await read_page(session, day, filters, sort=sort, cursor=cursor, limit=limit)
        except BadCursor:
            raise Refused("invalid_request", errors=[{"at": "query.cursor", "why": "not_of_this_list"}]) from None
        tally = await read_tally(session, day, filters.district)
    by_district = {
        code: total(tally, filters._replace(district=code)) for code in sorted({part.district for part in tally})
    }
    return private_json(
        {
            "today": day,
            "total": total(tally, filters),
            "counts": {
                "reasons": {each: total(tally, filters._replace(reason=each)) for each in Reason},
                "districts": {code: lines for code, lines in by_district.items() if lines},
            },
            "items": [line.shown() for line in page.lines],
            "next": page.next,
        }
    )


@router.get("/v1/worklist/counts", summary="Open lines by district and reason")
async def counts(who: Reader, here: Here, day: Today) -> Response:
    """Every district the caller sees, every reason, also where there is none."""
    async with here.database.reading() as session:
        found = await open_counts(session, day)
    districts = {
        code: {reason: found.get(code, {}).get(reason, 0) for reason in Reason} for code in DISTRICTS if who.sees(code)
    }
    return private_json({"today": day, "districts": districts})


@router.get("/v1/worklist/{beneficiary_id}", summary="All that was ever on the list about one business")
async def history(beneficiary_id: UUID, who: ListReader, here: Here) -> Response:
    """What its reports opened, newest first, with what closed it, and the turnovers that were confirmed."""
    async with here.database.reading(still=True) as session:
        found = await run(
            session,
            "SELECT no, district FROM person WHERE beneficiary_id = :id AND withdrawn_us IS NULL",
            id=beneficiary_id,
        )
        person = found.first()
        if person is None or not who.sees(person.district):
            raise Refused("not_found")
        items = await read_items(session, person.no)
        confirmed = await read_confirmations(session, person.no)
    return private_json({"beneficiary_id": beneficiary_id, "items": items, "confirmed": confirmed})


@router.put(
    "/v1/worklist/{beneficiary_id}/{reason}",
    summary="Who sees to a line, until when, with a note",
    responses=problems("not_on_worklist"),
)
async def put_assignment(
    beneficiary_id: UUID, reason: Reason, who: Officer, writing: Writing, day: Today, body: Assignment
) -> Response:
    """In place of what was there. 409 `not_on_worklist` when the line is not open."""

    async def work(session: AsyncSession) -> object:
        wanted = Assign(body.owner, body.due, body.note)
        return (await assign(session, who, beneficiary_id, reason, wanted, day)).shown()

    return await writing.once(who, work)


@router.post(
    "/v1/worklist/{beneficiary_id}/suspicious_report/confirm",
    summary="The suspicious turnover is right",
    responses=problems("not_on_worklist"),
)
async def confirm_report(
    beneficiary_id: UUID, who: Officer, writing: Writing, rule: InForce, day: Today, body: Confirmation
) -> Response:
    """Closes the line; the same month with another turnover opens it again. Answers with the line as it was."""

    async def work(session: AsyncSession) -> object:
        line = await confirm(session, who, beneficiary_id, body.note, day, rule=rule, month=body.month)
        return line.shown()

    return await writing.once(who, work)


async def export(
    database: Database, day: date, filters: Filters, sort: Sort, kind: Format, language: Language
) -> StreamingResponse:
    """The whole list as one file, written before the first byte is sent: a fault is then still an honest answer."""
    async with database.reading(still=True) as session:
        lines = [line async for line in read_all(session, day, filters, sort=sort)]
    with unsent() as out:
        await asyncio.to_thread(write, kind, lines, WORDS[language], out)
    return attachment(out, kind, f"{'daftar-kerja' if language == 'id' else 'worklist'}-{day.isoformat()}")
