"""The pages of the worklist: the list with its filters, and one line with the forms of an officer. No script needed."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.reporting.api import Here
from services.reporting.worklist_api import InForce, ListReader, Today, filters_for
from services.reporting.worklist_commands import OFFICERS, Assign, assign, confirm, read_line
from services.reporting.worklist_lines import SORTS, BadCursor, Filters, Line, Sort, Tally, read_page, read_tally, total
from services.reporting.worklist_rules import Reason
from services.reporting.worklist_words import NEXT_STEPS, sentence
from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, language, render, see_other
from shared.pages.forms import read_form
from shared.refusals import Refused
from shared.security import Caller, require

LINES_SHOWN = 50
OWNER_LETTERS, NOTE_LETTERS = 128, 500

router = APIRouter(route_class=Page, include_in_schema=False)


class Option(NamedTuple):
    """One choice of a filter, and how many lines it would show."""

    value: str
    lines: int


@router.get("/worklist")
async def worklist(
    request: Request,
    who: ListReader,
    here: Here,
    day: Today,
    district: str = "",
    reason: str = "",
    owner: str | None = None,
    sort: str = "since",
    after: str = "",
) -> Response:
    """A filter left empty, as a form sends it, filters nothing; an `owner` of `-` asks for what nobody sees to."""
    filters = filters_for(who, district or None, _reason(reason) if reason else None, _owner(owner))
    order: Sort = next((known for known in SORTS if known == sort), "since")
    async with here.database.reading(still=True) as session:
        try:
            page = await read_page(session, day, filters, sort=order, cursor=after or None, limit=LINES_SHOWN)
        except BadCursor:
            raise Refused("not_found") from None
        tally = await read_tally(session, day, who.district)
    return render(
        request,
        "worklist.html",
        who=who,
        page=page,
        day=day,
        after=after,
        sort=order,
        filters=filters,
        total=total(tally, filters),
        options=_options(tally, filters),
        districts=DISTRICTS,
        export_link=lambda kind: _export(request, filters, order, kind),
        **_words(),
    )


@router.get("/worklist/{beneficiary_id}/{reason}")
async def line(
    request: Request,
    beneficiary_id: UUID,
    reason: Reason,
    who: ListReader,
    here: Here,
    day: Today,
    saved: Annotated[bool, Query()] = False,
) -> Response:
    async with here.database.reading() as session:
        found = await read_line(session, who, beneficiary_id, reason, day)
    return _line_page(request, who, found, day, saved=saved)


@router.post("/worklist/{beneficiary_id}/{reason}")
async def see_to(
    request: Request, beneficiary_id: UUID, reason: Reason, who: ListReader, here: Here, day: Today
) -> Response:
    """An officer sets owner, due date and note; what cannot be saved is shown again with the reason."""
    form = await _officers_form(request, who)
    wanted, problem = _assignment(form)
    if wanted is None:
        async with here.database.reading() as session:
            found = await read_line(session, who, beneficiary_id, reason, day)
        return _line_page(request, who, found, day, problem=problem, form=form)
    async with here.database.transaction() as session:
        await assign(session, who, beneficiary_id, reason, wanted, day)
    return see_other(f"{reason}?saved=true")


@router.post("/worklist/{beneficiary_id}/suspicious_report/confirm")
async def confirm_report(
    request: Request, beneficiary_id: UUID, who: ListReader, here: Here, day: Today, rule: InForce
) -> Response:
    form = await _officers_form(request, who)
    note, month = form.get("checked", ""), form.get("month", "")
    problem = "bad_checked" if len(note) > NOTE_LETTERS else None
    async with here.database.transaction() as session:
        found = await read_line(session, who, beneficiary_id, Reason.suspicious_report, day)
        if found.evidence["month"] != month:
            problem = "bad_month"
        if problem is None:
            await confirm(session, who, beneficiary_id, note, day, rule=rule, month=month)
    if problem is not None:
        return _line_page(request, who, found, day, problem=problem, form=form)
    return see_other("../../../worklist")


async def _officers_form(request: Request, who: Caller) -> dict[str, str]:
    """The fields an officer sent. Raises Refused: `forbidden`, `foreign_form` (also when it is no form of ours)."""
    require(who, OFFICERS)
    form = await read_form(request)
    if "save" not in form or any("\x00" in value for value in form.values()):
        raise Refused("foreign_form")
    return form


def _assignment(form: dict[str, str]) -> tuple[Assign | None, str | None]:
    """What the fields say, or the name of the problem."""
    owner, note, due = form.get("owner", "").strip(), form.get("note", "").strip(), form.get("due", "").strip()
    if len(owner) > OWNER_LETTERS:
        return None, "bad_owner"
    if len(note) > NOTE_LETTERS:
        return None, "bad_note"
    try:
        day = date.fromisoformat(due) if due else None
    except ValueError:
        return None, "bad_due"
    return Assign(owner or None, day, note), None


def _line_page(
    request: Request,
    who: Caller,
    found: Line,
    day: date,
    *,
    saved: bool = False,
    problem: str | None = None,
    form: dict[str, str] | None = None,
) -> Response:
    """`form`: what was sent and could not be saved, so that nobody types it twice."""
    stored = {"owner": found.owner or "", "due": found.due or "", "note": found.note, "checked": ""}
    return render(
        request,
        "worklist_line.html",
        422 if problem else 200,
        who=who,
        line=found,
        day=day,
        saved=saved,
        problem=problem,
        form=stored if form is None else {name: form.get(name, "") for name in stored},
        district=DISTRICTS[found.district],
        officer=who.role in OFFICERS,
        **_words(),
    )


def _export(request: Request, filters: Filters, sort: Sort, kind: str) -> str:
    """The parameters of the export of this list, in the reader's language."""
    wanted = {
        "format": kind,
        "lang": language(request),
        "sort": sort,
        "district": filters.district,
        "reason": filters.reason,
        "owner": filters.owner,
    }
    return "?" + urlencode({name: value for name, value in wanted.items() if value is not None})


def _words() -> dict[str, Any]:
    return {"said": sentence, "next_steps": NEXT_STEPS, "suspicious": Reason.suspicious_report}


def _reason(text: str) -> Reason:
    """Raises Refused `not_found` for a reason that there is not."""
    try:
        return Reason(text)
    except ValueError:
        raise Refused("not_found") from None


def _owner(text: str | None) -> str | None:
    return {"": None, "-": ""}.get(text or "", text)


def _options(tally: Iterable[Tally], filters: Filters) -> dict[str, list[Option]]:
    """The choices of each filter beside the others as they are; the present choice is there even when empty."""
    parts = list(tally)
    wanted: dict[str, list[Any]] = {
        "district": sorted({part.district for part in parts} | ({filters.district} if filters.district else set())),
        "reason": list(Reason),
        "owner": sorted({part.owner for part in parts} | ({filters.owner} if filters.owner is not None else set())),
    }
    return {
        name: [Option(value, total(parts, filters._replace(**{name: value}))) for value in values]
        for name, values in wanted.items()
    }
