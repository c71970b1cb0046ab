"""The growth class over HTTP: an officer's override with its history, and what another rule would change."""

import json
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.api import Here, Reader, read_business
from services.reporting.overrides import place, read_history, remove
from services.reporting.rule_versions import FIRST, RULES, GrowthRule, decode_candidate
from services.reporting.rules import GrowthClass
from services.reporting.what_if import what_if
from services.reporting.worklist_api import InForce, Writing, list_reader
from shared.database import Database, run
from shared.openapi import problems
from shared.refusals import Refused
from shared.replies import private_json
from shared.security import Caller, Role
from shared.web import allow

router = APIRouter(tags=["growth"])

# Not the district's own officer: who answers for a business does not judge it.
ProvinceOfficer = Annotated[Caller, Depends(allow(Role.province_officer))]
Admin = Annotated[Caller, Depends(allow(Role.admin))]
ListReader = Annotated[Caller, Depends(list_reader)]
Because = Annotated[
    str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$", examples=["Laporan September salah ketik."])
]

_CANDIDATE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "example": json.loads(msgspec.json.encode(FIRST)) | {"version": max(RULES) + 1},
                "schema": msgspec.json.schema_components([GrowthRule], ref_template="{name}")[1]["GrowthRule"],
            }
        },
    }
}


class Placing(BaseModel):
    """`until` is the last month whose window the class counts for."""

    model_config = ConfigDict(extra="forbid")

    growth_class: GrowthClass = Field(alias="class")
    reason: Because
    until: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-12"])]


class Removal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Because


@router.post(
    "/v1/businesses/{beneficiary_id}/override",
    summary="A class in place of the computed one, until a month",
    responses=problems("no_report", "until_out_of_range"),
)
async def post_override(
    beneficiary_id: UUID, who: ProvinceOfficer, writing: Writing, rule: InForce, body: Placing
) -> Response:
    """Answers with the business as `GET /v1/businesses/{beneficiary_id}` shows it, and every override it ever had."""

    async def work(session: AsyncSession) -> object:
        history = await place(
            session,
            who,
            beneficiary_id,
            growth_class=body.growth_class,
            reason=body.reason,
            until=body.until,
            rule=rule,
        )
        return {"business": await read_business(session, who, beneficiary_id), "overrides": history}

    return await writing.once(who, work)


@router.post(
    "/v1/businesses/{beneficiary_id}/override/remove",
    summary="The computed class counts again",
    responses=problems("no_override"),
)
async def post_removal(
    beneficiary_id: UUID, who: ProvinceOfficer, writing: Writing, rule: InForce, body: Removal
) -> Response:
    async def work(session: AsyncSession) -> object:
        history = await remove(session, who, beneficiary_id, reason=body.reason, rule=rule)
        return {"business": await read_business(session, who, beneficiary_id), "overrides": history}

    return await writing.once(who, work)


@router.get("/v1/businesses/{beneficiary_id}/overrides", summary="Every override of a business: who, when, why")
async def overrides(beneficiary_id: UUID, who: ListReader, here: Here) -> Response:
    """Newest first, also those that ended."""
    async with here.database.reading() as session:
        found = await run(
            session,
            "SELECT no, district FROM person WHERE beneficiary_id = :id AND withdrawn_us IS NULL",
            id=beneficiary_id,
        )
        person = found.first()
        if person is None or not who.sees(person.district):
            raise Refused("not_found")
        history = await read_history(session, person.no)
    return private_json({"beneficiary_id": str(beneficiary_id), "overrides": history})


@router.get("/v1/growth/rules", summary="Every version of the growth rule, and the one in force")
async def rules(_: Reader, rule: InForce) -> Response:
    return private_json({"in_force": rule.version, "rules": list(RULES.values())})


@router.get(
    "/v1/growth/what-if",
    summary="What would change under another version of the rule",
    responses=problems("not_found"),
)
async def compare_version(_: Admin, here: Here, rule: Annotated[int, Query(ge=1)]) -> Response:
    """Nothing is changed. 404 when there is no such version."""
    if rule not in RULES:
        raise Refused("not_found")
    return await _compared(here.database, RULES[rule])


@router.post("/v1/growth/what-if", summary="What would change under a rule not yet made", openapi_extra=_CANDIDATE)
async def compare_candidate(request: Request, _: Admin, here: Here) -> Response:
    """The body is the candidate's constants. Nothing is changed, so no Idempotency-Key is needed."""
    try:
        candidate = decode_candidate(await request.body())
    except ValueError as error:
        raise Refused("invalid_request", detail=str(error)) from None
    return await _compared(here.database, candidate)


async def _compared(database: Database, rule: GrowthRule) -> Response:
    async with database.reading(still=True) as session:
        return private_json(await what_if(session, rule))
