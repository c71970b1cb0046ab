"""Programmes over HTTP: the criteria of a fiscal year as data, in force and as they were."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import Field, model_validator
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import TypedDict

from services.grants import programmes
from services.grants.api.common import Admin, Body, FiscalYear, Here, Reader, Sentence, Writing
from services.grants.assessing import InForce
from services.grants.criteria import Programme, criteria
from services.grants.tables import ProgrammeVersion
from shared.events.district import GrantKind

router = APIRouter(tags=["programmes"])

Kind = Annotated[GrantKind, Field(strict=False)]
Months = Annotated[int, Field(ge=0, le=600, examples=[6])]
ItemName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$", examples=["Mesin jahit"])]


class Decision(Body):
    """Everything is said, so that nothing changes by being left out; null means no limit."""

    kinds: Annotated[list[Kind], Field(min_length=1, max_length=len(GrantKind))]
    max_desil: Annotated[int, Field(ge=1, le=10, examples=[4])] | None
    min_age: Annotated[int, Field(ge=0, le=120, examples=[17])]
    leaving_within_months: Annotated[int, Field(ge=0, le=24, examples=[3])]
    min_months_since_leaving: Months | None
    max_months_since_leaving: Months | None
    one_per_year: Annotated[list[Kind], Field(max_length=len(GrantKind))]
    items: Annotated[list[ItemName], Field(min_length=1, max_length=500)] | None
    reason: Sentence

    @model_validator(mode="after")
    def _months_leave_room(self) -> Self:
        least, most = self.min_months_since_leaving, self.max_months_since_leaving
        if least is not None and most is not None and least > most:
            raise ValueError("min_months_since_leaving is above max_months_since_leaving")
        return self

    def programme(self) -> Programme:
        return Programme(
            kinds=frozenset(self.kinds),
            max_desil=self.max_desil,
            min_age=self.min_age,
            leaving_within_months=self.leaving_within_months,
            min_months_since_leaving=self.min_months_since_leaving,
            max_months_since_leaving=self.max_months_since_leaving,
            one_per_year=frozenset(self.one_per_year),
            items=None if self.items is None else frozenset(self.items),
        )


class Words(TypedDict):
    id: str
    en: str


class CriterionView(TypedDict):
    code: str
    message: Words


class VersionView(TypedDict):
    """`who`, `when` and `reason` are null for version 1, the rules with which every year begins."""

    version: int
    kinds: list[str]
    max_desil: int | None
    min_age: int
    leaving_within_months: int
    min_months_since_leaving: int | None
    max_months_since_leaving: int | None
    one_per_year: list[str]
    items: list[str] | None
    who: str | None
    when: datetime | None
    reason: str | None


class ProgrammeView(TypedDict):
    """`criteria`: the codes that an assessment may name, each with its sentence. `history`: newest first."""

    fiscal_year: int
    in_force: VersionView
    criteria: list[CriterionView]
    history: list[VersionView]


@router.put(
    "/v1/programmes/{fiscal_year}",
    summary="Decide the criteria of a fiscal year",
    responses={200: {"model": ProgrammeView}},
)
async def put_programme(fiscal_year: FiscalYear, who: Admin, writing: Writing, body: Decision) -> Response:
    """A new version, unless it says what is in force; open grants of the year are judged anew, decided ones are not."""

    async def work(session: AsyncSession) -> ProgrammeView:
        found = await programmes.put_programme(
            session, who, fiscal_year=fiscal_year, programme=body.programme(), reason=body.reason
        )
        return _shown(fiscal_year, found)

    return await writing.once(who, work)


@router.get("/v1/programmes/{fiscal_year}", summary="The criteria of a fiscal year, in force and as they were")
async def get_programme(fiscal_year: FiscalYear, _: Reader, here: Here) -> ProgrammeView:
    async with here.database.reading() as session:
        return _shown(fiscal_year, await programmes.history(session, fiscal_year))


def _shown(fiscal_year: int, found: programmes.History) -> ProgrammeView:
    versions = [_version(one, row) for one, row in reversed(found.versions)]
    return {
        "fiscal_year": fiscal_year,
        "in_force": versions[0],
        "criteria": [
            {"code": code, "message": {"id": sentence.id, "en": sentence.en}}
            for code, sentence in criteria(found.versions[-1][0].programme).items()
        ],
        "history": versions,
    }


def _version(one: InForce, row: ProgrammeVersion | None) -> VersionView:
    programme = one.programme
    return {
        "version": one.version,
        "kinds": sorted(programme.kinds),
        "max_desil": programme.max_desil,
        "min_age": programme.min_age,
        "leaving_within_months": programme.leaving_within_months,
        "min_months_since_leaving": programme.min_months_since_leaving,
        "max_months_since_leaving": programme.max_months_since_leaving,
        "one_per_year": sorted(programme.one_per_year),
        "items": None if programme.items is None else sorted(programme.items),
        "who": row.sub if row else None,
        "when": row.at if row else None,
        "reason": row.reason if row else None,
    }
