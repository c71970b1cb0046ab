"""Is this NIK on record? And who asked, for those who watch over it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.registry import trail
from services.registry.calls import MAX_PAGE, Here, Keys, Officer, ProvinceReader
from services.registry.lookups import Known, look_up
from services.registry.views import View
from shared.openapi import problems
from shared.shapes import STORABLE

router = APIRouter(prefix="/v1", tags=["registry"])


class Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    nik: str = Field(
        examples=["3522995703900001"],
        pattern=r"^[0-9]{16}$",
        description="16 digits. Sent in the body, so that no log of paths has it.",
    )


class AccessShown(View):
    access_id: int
    at: AwareDatetime
    sub: str = Field(description="Who asked.")
    role: str
    district: str | None = Field(description="The asker's own; null for the province.")
    what: trail.What
    about: str = Field(description="Of a lookup the keyed token of the NIK, never the NIK; of an export its filters.")
    result: str = Field(description="Lookup: `unknown`, `own`, `elsewhere` or `own_and_elsewhere`; export: its format.")


class Trail(View):
    items: list[AccessShown]
    next: int | None = Field(description="Give it as `after` to read on; null at the end.")


@router.post(
    "/lookups",
    summary="Is this NIK on record, and was its holder helped?",
    response_model=Known,
    responses=problems("too_many_requests"),
)
async def lookups(question: Question, request: Request, here: Here, keys: Keys, who: Officer) -> Known:
    """Before a person is taken in: is somebody helping them already? The answer is on the access trail. It changes
    nothing else, so it takes no Idempotency-Key; of one caller so many an hour are answered."""
    async with here.database.transaction() as session:
        await trail.spare(session, who, "lookup", request.app.state.lookups_an_hour)
        found = await look_up(session, keys, who, question.nik)
        await trail.leave(session, who, "lookup", keys.token(question.nik), found.result)
    return found


@router.get("/access-trail", summary="Who looked at whom", response_model=Trail)
async def access_trail(
    here: Here,
    _: ProvinceReader,
    sub: Annotated[str | None, Query(max_length=128, pattern=STORABLE, description="Of this caller alone.")] = None,
    what: trail.What | None = None,
    since: Annotated[AwareDatetime | None, Query(description="From this moment on.")] = None,
    after: Annotated[int | None, Query(ge=1, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Trail:
    """The newest first: lookups and exports, each with who, when, what about and what was told."""
    async with here.database.reading() as session:
        rows = await trail.read(session, sub=sub, what=what, since=since, after=after, limit=limit + 1)
    shown = [AccessShown(**row._asdict()) for row in rows[:limit]]
    return Trail(items=shown, next=shown[-1].access_id if len(rows) > limit else None)
