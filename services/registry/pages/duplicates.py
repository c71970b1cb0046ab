"""Suspected duplicates: the queue, and two people side by side with the forms of those who decide.

Names stand here and nowhere else, for the roles of the province that may see everybody.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry import api, pair_views
from services.registry.calls import Here, Keys
from services.registry.duplicates import DecideDuplicate, UndoDecision, decide_duplicate, undo_decision
from services.registry.keys import NikKeys
from services.registry.pairs import Because, State
from services.registry.tables import DUPLICATE
from services.registry.views import Beneficiary
from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, kept, language, look, render, see_other
from shared.pages.forms import Form, Problem, attempt, fitting, new_key, officers_form
from shared.pages.session import Officer
from shared.pages.wording import Words
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.web import Context

SHOWN = 50
STATES: tuple[State, ...] = ("open", "same", "different", "withdrawn")

Reader = Annotated[Caller, Depends(Officer(Role.province_officer, Role.auditor, Role.admin))]
Decider = Annotated[Caller, Depends(Officer(Role.province_officer))]
_NOT_KEPT = {"Cache-Control": "no-store"}
"""Names are not to be read in the browser by whoever comes next."""
router = APIRouter(route_class=Page, include_in_schema=False)


class Trait(NamedTuple):
    """What both are compared by, side by side."""

    key: str
    first: str
    second: str
    compared: str
    """`equal`, `differs`, or `unknown` where one of them says nothing."""


@router.get("/duplicates")
async def queue(
    request: Request,
    who: Reader,
    here: Here,
    keys: Keys,
    state: State = "open",
    because: Because | None = None,
    after: UUID | None = None,
) -> Response:
    found = await api.duplicates(here, keys, who, state, because, after, SHOWN)
    async with here.database.reading() as session:
        counted = await session.execute(select(DUPLICATE.c.state, func.count()).group_by(DUPLICATE.c.state))
        counts = {row[0]: row[1] for row in counted}
    return render(
        request,
        "duplicates.html",
        200,
        _NOT_KEPT,
        who=who,
        pairs=found,
        state=state,
        states=[(each, counts.get(each, 0)) for each in STATES],
        after=after,
        districts=DISTRICTS,
    )


@router.get("/duplicates/{duplicate_id}")
async def one(request: Request, duplicate_id: UUID, who: Reader, here: Here, keys: Keys, done: str = "") -> Response:
    return await _page(request, here, keys, who, duplicate_id, done=done in ("decision", "undo"))


@router.get("/duplicates/{duplicate_id}/decision")
@router.get("/duplicates/{duplicate_id}/undo")
async def again(request: Request, duplicate_id: UUID, _: Reader) -> Response:
    """The address of a form that was refused, opened anew."""
    return see_other(f"../{duplicate_id}{kept(request)}")


@router.post("/duplicates/{duplicate_id}/decision")
async def decide(request: Request, duplicate_id: UUID, who: Decider, here: Here, keys: Keys) -> Response:
    def wanted(form: Form) -> Callable[[AsyncSession], Awaitable[None]]:
        said = fitting(api.Decision, {"decision": form["decision"], "reason": form["reason"]})
        return lambda session: decide_duplicate(
            session, DecideDuplicate(duplicate_id, said.decision, said.reason, who.sub)
        )

    return await _do(request, here, keys, who, duplicate_id, "decision", wanted)


@router.post("/duplicates/{duplicate_id}/undo")
async def undo(request: Request, duplicate_id: UUID, who: Decider, here: Here, keys: Keys) -> Response:
    def wanted(form: Form) -> Callable[[AsyncSession], Awaitable[None]]:
        said = fitting(api.Undoing, {"reason": form["reason"]})
        return lambda session: undo_decision(session, UndoDecision(duplicate_id, said.reason, who.sub))

    return await _do(request, here, keys, who, duplicate_id, "undo", wanted)


async def _do(
    request: Request,
    here: Context,
    keys: NikKeys,
    who: Caller,
    duplicate_id: UUID,
    action: str,
    wanted: Callable[[Form], Callable[[AsyncSession], Awaitable[None]]],
) -> Response:
    form = await officers_form(request)
    problem = await attempt(request, who, form, wanted)
    if problem is None:
        return see_other(f"../{duplicate_id}?done={action}")
    return await _page(request, here, keys, who, duplicate_id, problem=problem, form=form)


async def _page(
    request: Request,
    here: Context,
    keys: NikKeys,
    who: Caller,
    duplicate_id: UUID,
    *,
    done: bool = False,
    problem: Problem | None = None,
    form: Form | None = None,
) -> Response:
    words = look(request).words[language(request)]
    async with here.database.reading() as session:
        known = await session.scalar(select(DUPLICATE.c.duplicate_id).where(DUPLICATE.c.duplicate_id == duplicate_id))
        if known is None:
            raise Refused("not_found")
        found = await pair_views.read_duplicate(session, keys, duplicate_id)
    return render(
        request,
        "duplicate.html",
        200 if problem is None else 422 if problem.field else 409,
        _NOT_KEPT,
        who=who,
        pair=found,
        traits=_traits(words, found.reasons, *found.people),
        decides=who.role is Role.province_officer,
        done=done,
        problem=problem,
        hint=words(f"refused.{problem.code}") if problem and f"refused.{problem.code}" in words else None,
        form=form,
        key=new_key(),
    )


def _traits(words: Words, reasons: Collection[str], first: Beneficiary, second: Beneficiary) -> list[Trait]:
    def trait(key: str, shown: Callable[[Beneficiary], Any]) -> Trait:
        one, other = (str(shown(person) or "") for person in (first, second))
        equal = "nik_same" in reasons if key == "nik" else one == other  # last digits are alike by chance
        compared = ("equal" if equal else "differs") if one and other else "unknown"
        return Trait(key, one or words("person.unknown"), other or words("person.unknown"), compared)

    def listed(section: str, values: tuple[str, ...]) -> str:
        return ", ".join(words(key) if (key := f"{section}.{value}") in words else value for value in values)

    return [
        trait("name", lambda person: person.name),
        trait("nik", lambda person: person.nik_last_four and words("person.nik_ends", digits=person.nik_last_four)),
        trait("birth_date", lambda person: person.birth_date and words.day(person.birth_date)),
        trait("sex", lambda person: words(f"sex.{person.sex}")),
        trait("district", lambda person: DISTRICTS[person.district].title),
        trait("ref", lambda person: person.district_ref),
        trait("status", lambda person: words(f"beneficiaries.{person.status}")),
        trait("group", lambda person: words(f"ppks.{person.ppks_group}")),
        trait("disabilities", lambda person: listed("disability", person.disabilities)),
        trait("unit", lambda person: person.unit),
        trait("skills", lambda person: listed("trade", person.skills)),
        trait("recorded", lambda person: words.moment(person.recorded_at)),
    ]
