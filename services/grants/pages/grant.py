"""One grant: what is asked for, how it is judged, what was done, and what its reader may do now."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.grants import commands, programmes, rules
from services.grants.api import documents as letters
from services.grants.api import grants as api
from services.grants.criteria import criteria
from services.grants.news import local_day
from services.grants.pages import handed
from services.grants.pages.common import Here, Reader, fund_options, hint
from services.grants.rules import LETTERS, ROLES, DocumentKind, GrantStatus
from services.grants.tables import Budget, Grant
from shared.database import now
from shared.events.districts import DISTRICTS
from shared.events.receipts import Sentence
from shared.pages.answers import Page, kept, language, loads_again, look, render, see_other
from shared.pages.forms import Form, Problem, Unfit, fitting, fitting_cell, new_key, officers_form, once, problem_of
from shared.refusals import Refused
from shared.security import Caller, Role, require
from shared.uploads import cells
from shared.web import Context

OFFICERS = frozenset({Role.district_officer, Role.province_officer})
"""For whom there are letters."""
Work = Callable[[AsyncSession], Awaitable[object]]

router = APIRouter(route_class=Page, include_in_schema=False)


class Action(StrEnum):
    """What an officer does by one form; the handover is told by the district's own event."""

    verify = "verify"
    approve = "approve"
    disburse = "disburse"
    reject = "reject"
    cancel = "cancel"


class Offer(NamedTuple):
    """An action that is the reader's to take in this status. `barred`: not by this person, who took part before."""

    action: str
    barred: bool


@router.get("/requests/{grant_id}")
async def grant(request: Request, grant_id: UUID, who: Reader, here: Here, done: str = "", sent: str = "") -> Response:
    return await page(request, here, who, grant_id, done=done, sent=sent)


@router.get("/requests/{grant_id}/{action}")
async def again(request: Request, grant_id: UUID, _: Reader) -> Response:
    """The address of a form that was refused, opened anew: to choose the other language, for instance."""
    return see_other(f"../{grant_id}{kept(request)}")


@router.post("/requests/{grant_id}/{action}")
async def act(request: Request, grant_id: UUID, action: Action, who: Reader, here: Here) -> Response:
    require(who, frozenset(Role(role) for role in ROLES[action]))
    form = await officers_form(request)
    try:
        await once(request, who, form, _work(who, grant_id, action, form))
    except Unfit as unfit:
        return await page(request, here, who, grant_id, action=action, problem=unfit.problem, form=form)
    except Refused as refused:
        if refused.code == "forbidden":  # the role may take this step: only not of the state it has come to meanwhile
            view = await api.get_grant(grant_id, who, here)
            refused = Refused("illegal_transition", present=view["status"], action=action.value)
        problem = problem_of(refused)
        return await page(request, here, who, grant_id, action=action, problem=problem, form=form)
    return see_other(f"../{grant_id}?done={action}")


@router.get("/requests/{grant_id}/documents/{kind}.{form}")
async def letter(
    request: Request, grant_id: UUID, kind: DocumentKind, form: letters.Form, who: Reader, here: Here
) -> Response:
    require(who, OFFICERS)
    try:
        return await letters.get_letter(grant_id, kind, form, who, here)
    except Refused as refused:
        if refused.code == "document_not_due":
            return await page(request, here, who, grant_id, problem=problem_of(refused))
        if refused.code != "letter_not_printable":
            raise
        return see_other(f"{kind}.{letters.Form.html}")


def _work(who: Caller, number: UUID, action: Action, form: Form) -> Work:
    """What the form asks for. Raises Unfit."""
    if action is Action.verify:
        note = fitting(api.Note, {"note": form["note"]}).note
        return _told(lambda session: commands.verify(session, who, number, note))
    if action is Action.approve:
        approval = fitting(api.Approval, {"note": form["note"], "fund": form["fund"] or None})
        return _told(lambda session: commands.approve(session, who, number, approval.note, fund=approval.fund))
    if action is Action.disburse:
        day = fitting_cell(cells.day, form, "on")
        paid = fitting(api.Payment, {"reference": form["reference"], "on": day})
        return _told(lambda session: commands.disburse(session, who, number, reference=paid.reference, on=paid.on))
    reason = fitting(api.Reason, {"reason": form["reason"]}).reason
    command = commands.reject if action is Action.reject else commands.cancel
    return _told(lambda session: command(session, who, number, reason))


def _told(command: Callable[[AsyncSession], Awaitable[Grant]]) -> Work:
    """The command, of which a page needs no answer."""

    async def work(session: AsyncSession) -> None:
        await command(session)

    return work


async def page(
    request: Request,
    here: Context,
    who: Caller,
    grant_id: UUID,
    *,
    action: str = "",
    problem: Problem | None = None,
    form: Form | None = None,
    done: str = "",
    sent: str = "",
) -> Response:
    """`action`, `problem`, `form`: what was sent and refused, so that nobody types it twice."""
    view = await api.get_grant(grant_id, who, here)
    words = look(request).words[language(request)]
    async with here.database.reading() as session:
        found = await session.get_one(Grant, grant_id)
        failed = await _failed(session, found)
        budgets = await _budgets(session, found)
        answer = await handed.answer_to(session, found.district, sent) if sent else None
    waiting = bool(sent) and answer is None
    status = GrantStatus(found.status)
    return render(
        request,
        "grant.html",
        200 if problem is None else 422 if problem.field else 409,
        loads_again(request, handed.LOOK_SECONDS) if waiting else None,
        who=who,
        view=view,
        grant=found,
        district=DISTRICTS[found.district],
        failed=failed,
        budgets=budgets,
        offers=offers(view, who),
        waits_for=_waits_for(status),
        needed=rules.approvers_needed(found.amount),
        letters=[kind for kind in DocumentKind if status in LETTERS[kind]] if who.role in OFFICERS else [],
        forms=letters.Form,
        fund_options=fund_options(words),
        rows=handed.rows_of(found),
        action=action,
        problem=problem,
        hint=hint(words, problem),
        form=form,
        key=new_key(),
        today=local_day(now()).isoformat(),
        done=done if done in {*Action} else "",
        waiting=waiting,
        answer=answer,
        sees_duplicates=who.role in (Role.province_officer, Role.auditor, Role.admin),
    )


def offers(view: api.GrantView, who: Caller) -> list[Offer]:
    """What the reader's role may do to a grant as it is now."""
    status = GrantStatus(view["status"])
    verifier = next((entry["who"] for entry in view["history"] if entry["step"] == "verify"), None)
    approvers = {entry["who"] for entry in view["history"] if entry["step"] == "approve"}
    found = []
    for action in Action:
        try:
            rules.authorize(action, role=who.role.value, status=status)
            rules.step(status, action)
        except Refused:
            continue
        try:
            rules.four_eyes(action, who.sub, verifier=verifier, approvers=approvers)
        except Refused:
            found.append(Offer(action, barred=True))
        else:
            found.append(Offer(action, barred=False))
    if who.role is Role.district_officer and status is GrantStatus.disbursed:
        found.append(Offer("hand_over", barred=False))
    return found


_NEXT = {
    GrantStatus.requested: "verify",
    GrantStatus.verified: "approve",
    GrantStatus.approved: "disburse",
    GrantStatus.disbursed: "hand_over",
}


def _waits_for(status: GrantStatus) -> str | None:
    """The step that is next for whoever may take it."""
    return _NEXT.get(status)


async def _failed(session: AsyncSession, grant: Grant) -> list[tuple[str, Sentence | None]]:
    """The failed criteria by code, with the sentences of the programme that judged."""
    history = await programmes.history(session, grant.fiscal_year)
    versions: Mapping[int, Any] = {found.version: found.programme for found, _ in history.versions}
    programme = versions.get(grant.criteria_version)
    sentences = criteria(programme) if programme is not None else {}
    return [(code, sentences.get(code)) for code in grant.failed.split()]


async def _budgets(session: AsyncSession, grant: Grant) -> Sequence[Budget]:
    """What the district has in the grant's year, by funds."""
    found = await session.scalars(
        select(Budget)
        .where(col(Budget.fiscal_year) == grant.fiscal_year, col(Budget.district) == grant.district)
        .order_by(col(Budget.fund))
    )
    return found.all()
