"""Batches over HTTP: a district's list, approved as one envelope."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import AfterValidator, Field
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import TypedDict

from services.grants import batches
from services.grants.api.common import (
    Body,
    District,
    Funds,
    Here,
    PositiveRupiah,
    Reader,
    Remark,
    Writing,
    Year,
)
from services.grants.rules import ROLES
from services.grants.tables import Batch
from shared.openapi import problems
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.web import allow

router = APIRouter(tags=["batches"])

MAX_BATCH = 2000
Approver = Annotated[Caller, Depends(allow(*(Role(role) for role in sorted(ROLES["approve"]))))]


def _each_once(numbers: list[UUID]) -> list[UUID]:
    if len(set(numbers)) < len(numbers):
        raise ValueError("a grant is named twice")
    return numbers


class List(Body):
    """`total` in rupiah, as the district's letter has it."""

    fiscal_year: Year
    district: District
    grant_ids: Annotated[
        list[Annotated[UUID, Field(strict=False)]],
        Field(min_length=1, max_length=MAX_BATCH, json_schema_extra={"uniqueItems": True}),
        AfterValidator(_each_once),
    ]
    total: PositiveRupiah
    note: Remark = ""
    fund: Funds | None = None


class BatchView(TypedDict):
    batch_id: UUID
    fiscal_year: int
    district: str
    total: int
    count: int
    approved_by: str
    approved_at: datetime
    note: str
    grant_ids: list[UUID]


@router.post(
    "/v1/batches",
    summary="Approve a list of grants, all or none",
    responses={
        200: {"model": BatchView},
        **problems("not_found", "batch_refused", "total_mismatch", "budget_exceeded"),
    },
)
async def approve_batch(who: Approver, writing: Writing, body: List) -> Response:
    """All verified, of one district and fiscal year, adding up to `total`.

    Refused as `batch_refused` with `refusals`, one for each grant that stands in the way, each with the code that a
    single approval would be refused with; as `total_mismatch`; or as `budget_exceeded`.
    """

    async def work(session: AsyncSession) -> BatchView:
        return await _shown(
            session,
            await batches.approve_batch(
                session,
                who,
                fiscal_year=body.fiscal_year,
                district=body.district,
                numbers=body.grant_ids,
                total=body.total,
                note=body.note,
                fund=body.fund,
            ),
        )

    return await writing.once(who, work)


@router.get("/v1/batches/{batch_id}", summary="One batch with its grants")
async def get_batch(batch_id: UUID, who: Reader, here: Here) -> BatchView:
    async with here.database.reading() as session:
        batch = await session.get(Batch, batch_id)
        if batch is None or not who.sees(batch.district):
            raise Refused("not_found")
        return await _shown(session, batch)


async def _shown(session: AsyncSession, batch: Batch) -> BatchView:
    numbers = list(await batches.grants_of(session, batch.id))
    return {
        "batch_id": batch.id,
        "fiscal_year": batch.fiscal_year,
        "district": batch.district,
        "total": batch.total,
        "count": len(numbers),
        "approved_by": batch.sub,
        "approved_at": batch.at,
        "note": batch.note,
        "grant_ids": numbers,
    }
