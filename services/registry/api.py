"""The registry over HTTP: people, suspected duplicates and their decision."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry import pair_views, people_export, trail, views
from services.registry.calls import (
    MAX_PAGE,
    After,
    Here,
    Keys,
    Limit,
    Officer,
    ProvinceOfficer,
    ProvinceReader,
    Reader,
)
from services.registry.duplicates import DecideDuplicate, UndoDecision, decide_duplicate, undo_decision
from services.registry.keys import NikKeys
from services.registry.pairs import Because, State
from shared.database import Database
from shared.events.district import PpksGroup, Status
from shared.events.districts import DISTRICTS
from shared.openapi import file_of, problems
from shared.refusals import Refused
from shared.replies import attachment, unsent
from shared.security import Caller
from shared.shapes import STORABLE
from shared.sheets import MEDIA_TYPES, Format
from shared.web import Call, Context, call

router = APIRouter(prefix="/v1", tags=["registry"])


class Search(views.Wanted):
    name: str = Field(min_length=2, max_length=200, pattern=STORABLE, examples=["siti"])
    sort: views.Sort = "name"
    after: UUID | None = None
    limit: int = Field(default=100, ge=1, le=MAX_PAGE)


class Decision(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Literal["same", "different"]
    reason: str = Field(
        min_length=1, max_length=500, pattern=STORABLE, examples=["Sudah dicek ke kedua dinas: dua orang berbeda."]
    )


class Undoing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(
        min_length=1, max_length=500, pattern=STORABLE, examples=["Keliru: tanggal lahir orang kedua salah ketik."]
    )


async def _filters(
    district: Annotated[str | None, Query(pattern=r"^[0-9]{4}$", examples=["3522"])] = None,
    status: Status | None = None,
    skill: Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["sewing"])] = None,
    ppks_group: PpksGroup | None = None,
    unit: Annotated[
        str | None, Query(max_length=200, pattern=STORABLE, description="The UPT, as written in the record.")
    ] = None,
) -> views.Wanted:
    """All but the name, which no path may hold."""
    return views.Wanted(district=district, status=status, skill=skill, ppks_group=ppks_group, unit=unit)


Filters = Annotated[views.Wanted, Depends(_filters)]


@router.get(
    "/beneficiaries",
    summary="People, in pages",
    response_model=views.BeneficiaryPage,
    responses=problems("not_found"),
)
async def beneficiaries(
    here: Here,
    keys: Keys,
    who: Reader,
    wanted: Filters,
    sort: views.Sort = "id",
    after: After = None,
    limit: Limit = 100,
) -> views.BeneficiaryPage:
    """In the order of their ids, or as `sort` says. A district officer sees the own district; another one is 404."""
    return await _page(here, keys, who, wanted, sort=sort, after=after, limit=limit)


@router.get(
    "/beneficiaries.{form}",
    summary="The same people as a file",
    response_class=Response,
    responses=file_of(*MEDIA_TYPES.values(), description="The file.", like="Kabupaten"),
)
async def export(
    form: Format,
    request: Request,
    here: Here,
    keys: Keys,
    who: Officer,
    wanted: Filters,
    sort: views.Sort = "id",
    lang: people_export.Language = "id",
) -> Response:
    """All of one moment, whole before its first byte is sent, and on the access trail: who, when, which filters, how
    many. `lang`: headings and words in Bahasa Indonesia, or the English of the published language."""
    wanted = _seen(who, wanted)
    database: Database = request.app.state.patient
    with unsent() as out:
        async with database.reading(still=True) as session:
            many = await people_export.write(session, keys, wanted, sort=sort, kind=form, language=lang, out=out)
        about = wanted.model_dump_json(exclude_none=True)
        async with here.database.transaction() as session:
            await trail.leave(session, who, "export", about, f"{form} {many}")
    return attachment(out, form, "warga-binaan" if lang == "id" else "people")


@router.post(
    "/beneficiaries/search",
    summary="People by name, in pages",
    response_model=views.BeneficiaryPage,
    responses=problems("not_found"),
)
async def search(body: Search, here: Here, keys: Keys, who: Officer) -> views.BeneficiaryPage:
    """As the list, for officers. A name is sent in the body, so that no log of paths has it; nothing is changed, so it
    takes no Idempotency-Key."""
    wanted = views.Wanted(**body.model_dump(exclude={"sort", "after", "limit"}))
    return await _page(here, keys, who, wanted, sort=body.sort, after=body.after, limit=body.limit)


async def _page(
    here: Context,
    keys: NikKeys,
    who: Caller,
    wanted: views.Wanted,
    *,
    sort: views.Sort,
    after: UUID | None,
    limit: int,
) -> views.BeneficiaryPage:
    seen = _seen(who, wanted)
    async with here.database.reading() as session:
        return await views.read_beneficiaries(session, keys, seen, sort=sort, after=after, limit=limit)


def _seen(who: Caller, wanted: views.Wanted) -> views.Wanted:
    """The same, of the caller's own district. Raises Refused `not_found` where another one was asked for."""
    district = wanted.district
    if district is not None and (district not in DISTRICTS or not who.sees(district)):
        raise Refused("not_found")
    return wanted.model_copy(update={"district": who.district or district})


@router.get(
    "/beneficiaries/{beneficiary_id}",
    summary="One person, with the history of their status",
    response_model=views.WholeBeneficiary,
)
async def beneficiary(beneficiary_id: UUID, here: Here, keys: Keys, who: Reader) -> views.WholeBeneficiary:
    """404 when unknown, and when of another district."""
    async with here.database.reading() as session:
        found = await views.read_beneficiary(session, keys, beneficiary_id)
    if found is None or not who.sees(found.district):
        raise Refused("not_found")
    return found


@router.get(
    "/duplicates",
    summary="Suspected duplicates, in pages",
    response_model=pair_views.DuplicatePage,
)
async def duplicates(
    here: Here,
    keys: Keys,
    _: ProvinceReader,
    state: State = "open",
    because: Because | None = None,
    after: After = None,
    limit: Limit = 100,
) -> pair_views.DuplicatePage:
    """In the order of their ids, each with both people side by side."""
    async with here.database.reading() as session:
        return await pair_views.read_duplicates(session, keys, state=state, because=because, after=after, limit=limit)


@router.get(
    "/duplicates/crowds",
    summary="What too many people share to be compared two by two",
    response_model=pair_views.Crowds,
)
async def crowds(here: Here, keys: Keys, _: ProvinceReader) -> pair_views.Crowds:
    """A NIK or a date of birth that somebody wrote for want of the right one, or a common name. The largest first."""
    async with here.database.reading(still=True) as session:
        return await pair_views.read_crowds(session, keys)


@router.post(
    "/duplicates/{duplicate_id}/decision",
    summary="Decide a suspected duplicate",
    response_model=pair_views.Duplicate,
    responses=problems("already_decided"),
)
async def decision(
    duplicate_id: UUID,
    body: Decision,
    who: ProvinceOfficer,
    keys: Keys,
    calling: Annotated[Call, Depends(call)],
) -> Response:
    """Until then neither can be given equipment or cash, if they share a NIK. Nothing is merged: it says whether the
    two are one person, and can be undone."""

    async def work(session: AsyncSession) -> object:
        await decide_duplicate(session, DecideDuplicate(duplicate_id, body.decision, body.reason, who.sub))
        decided = await pair_views.read_duplicate(session, keys, duplicate_id)
        return decided.model_dump(mode="json")

    return await calling.once(who, work)


@router.post(
    "/duplicates/{duplicate_id}/undo",
    summary="Take back the decision on a suspected duplicate",
    response_model=pair_views.Duplicate,
    responses=problems("not_decided"),
)
async def undo(
    duplicate_id: UUID,
    body: Undoing,
    who: ProvinceOfficer,
    keys: Keys,
    calling: Annotated[Call, Depends(call)],
) -> Response:
    """The pair is open again, or withdrawn if nothing speaks for it any more. Both steps stay on record."""

    async def work(session: AsyncSession) -> object:
        await undo_decision(session, UndoDecision(duplicate_id, body.reason, who.sub))
        undone = await pair_views.read_duplicate(session, keys, duplicate_id)
        return undone.model_dump(mode="json")

    return await calling.once(who, work)
