"""Files of rows on pages: a template, the file, what is wrong with which row, and how far it is until it ends.

A file is checked first; then the officer has the same bytes sent.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from shared.events.districts import DISTRICTS
from shared.pages.answers import Page, kept, language, loads_again, look, render, see_other
from shared.pages.forms import TOO_LARGE, Problem, form_of, new_key, officers_form, problem_of
from shared.pages.session import Officer
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.uploads import store, templates
from shared.uploads.api import MEDIA_TYPES, Missing, is_in_parts, read_form, show
from shared.uploads.columns import Kind
from shared.web import Context, context

_LOOK_SECONDS = 2
_SHOWN = 20
_SENDERS = (Role.district_officer, Role.province_officer)
_TAKEN = ("accepted", "duplicate", "superseded")
"""Verdicts of rows of which nothing more is said."""

Here = Annotated[Context, Depends(context)]
Reader = Annotated[Caller, Depends(Officer(*_SENDERS, Role.auditor, Role.admin))]
Sender = Annotated[Caller, Depends(Officer(*_SENDERS))]


def routes(kind: Kind, came: Callable[[], None]) -> APIRouter:
    """The pages of one service's kind of file. `came` is called where an upload was received."""
    router = APIRouter(route_class=Page, include_in_schema=False)

    @router.get("/uploads")
    async def newest(request: Request, who: Reader, here: Here) -> Response:
        return await _list(request, here, who, kind)

    @router.get("/uploads/template.{form}")
    async def template(form: Literal["csv", "xlsx"], _: Reader) -> Response:
        named = {"Content-Disposition": f'attachment; filename="templat-{kind.name}.{form}"'}
        return Response(templates.write(kind, form), media_type=MEDIA_TYPES[form], headers=named)

    @router.post("/uploads")
    async def check(request: Request, who: Sender, here: Here) -> Response:
        if not is_in_parts(request):
            raise Refused("foreign_form")
        try:
            async with request.form(max_files=1, max_fields=8, max_part_size=1024) as form:
                checked, content = _file_of(kind, form, who)
                async with here.database.transaction() as session:
                    await store.receive(session, checked, who.sub, content.file)
        except Missing as missing:
            return await _list(request, here, who, kind, problem=Problem("missing", missing.at))
        except Refused as refused:
            return await _list(request, here, who, kind, problem=problem_of(refused))
        except HTTPException as error:
            if error.status_code != TOO_LARGE:
                raise
            return await _list(request, here, who, kind, problem=Problem("too_large", "file"))
        came()
        return see_other(f"uploads/{checked.upload_id}")

    @router.get("/uploads/{upload_id}")
    async def one(request: Request, upload_id: UUID, who: Reader, here: Here, still: bool = False) -> Response:
        return await _one(request, here, who, upload_id, still=still)

    @router.get("/uploads/{upload_id}/confirm")
    async def again(request: Request, upload_id: UUID, _: Reader) -> Response:
        """The address of a form that was refused, opened anew."""
        return see_other(f"../{upload_id}{kept(request)}")

    @router.post("/uploads/{upload_id}/confirm")
    async def confirm(request: Request, upload_id: UUID, who: Sender, here: Here) -> Response:
        """All rows, or those alone that are right. The same file is the same upload: nothing is sent twice."""
        mode = "valid" if (await officers_form(request))["mode"] == "valid" else "all"
        try:
            async with here.database.transaction() as session:
                checked = await _seen(session, who, upload_id)
                if checked.state != "checked":  # sent, or uploaded anew, by somebody else meanwhile
                    return see_other(f"../{upload_id}")
                sent = await store.confirm(session, checked, mode, who.sub)
        except Refused as refused:
            return await _one(request, here, who, upload_id, problem=problem_of(refused))
        came()
        return see_other(f"../{sent}")

    return router


def _file_of(kind: Kind, form: FormData, who: Caller) -> tuple[store.File, UploadFile]:
    """To be checked only. Raises Missing, Refused."""
    form_of({name: [value] for name, value in form.items() if isinstance(value, str)})
    file, content = read_form(kind.name, form, who)
    if not file.size:
        raise Missing("file", "missing")
    return file._replace(mode="check"), content


async def _seen(session: AsyncSession, who: Caller, upload_id: UUID) -> Any:
    """Raises Refused `not_found`, also for what `who` may not see."""
    row = await store.read(session, upload_id)
    if row is None or not who.sees(row.district):
        raise Refused("not_found")
    return row


async def _list(
    request: Request, here: Context, who: Caller, kind: Kind, *, problem: Problem | None = None
) -> Response:
    async with here.database.reading() as session:
        rows = await store.read_newest(session, who.district, _SHOWN)
    return render(
        request,
        "uploads.html",
        422 if problem else 200,
        who=who,
        kind=kind,
        rows=rows,
        sends=who.role in _SENDERS,
        services=[(service, f"uploads.of_{service}") for service in ("registry", "grants", "reporting")],
        here_is=look(request).service,
        districts=DISTRICTS,
        district_options=[(code, district.title) for code, district in DISTRICTS.items()],
        problem=problem,
        key=new_key(),
    )


async def _one(
    request: Request,
    here: Context,
    who: Caller,
    upload_id: UUID,
    *,
    still: bool = False,
    problem: Problem | None = None,
) -> Response:
    """It loads itself again until nothing is left to wait for, or the reader asks it not to (`still`)."""
    view = await show(here, upload_id, who)
    goes_on = view["state"] in ("received", "checking", "sending") or view["answers"]["pending"] > 0
    again = loads_again(request, _LOOK_SECONDS) if goes_on and not still and not problem else None
    return render(
        request,
        "upload.html",
        409 if problem else 200,
        again,
        who=who,
        upload=view,
        district=DISTRICTS[view["district"]],
        goes_on=goes_on,
        reloads=again is not None,
        good=view["rows"]["read"] - view["rows"]["refused"],
        sends=who.role in _SENDERS and view["state"] == "checked",
        verdicts=[(verdict, many) for verdict, many in view["answers"].items() if verdict != "pending"],
        problem=problem,
        key=new_key(),
        **_said(request, view),
    )


def _said(request: Request, view: dict[str, Any]) -> dict[str, Any]:
    """The errors and answers of rows, in the reader's language."""
    words = look(request).words[language(request)]
    errors = [{**error, "message": error["message"][words.language]} for error in view["errors"]]
    told = [{**answer, "message": words.say(answer["message"])} for answer in view["told"]]
    return {"errors": errors, "told": told}
