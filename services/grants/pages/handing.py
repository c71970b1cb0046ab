"""An officer of the district tells of a handover: by the event that a system of the district would send, once."""

import asyncio
import hashlib
from dataclasses import replace
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from services.grants import rules
from services.grants.news import SERVICE
from services.grants.pages import grant as one
from services.grants.pages.common import Here
from services.grants.pages.handed import rows_of, source_of
from services.grants.rules import GrantStatus
from services.grants.tables import Grant
from shared.database import now
from shared.events.catalogue import NAMES, intake_topic
from shared.events.district import Asset, GrantHandedOver
from shared.events.envelope import Envelope
from shared.outbox import emit_event
from shared.pages.answers import Page, kept, see_other
from shared.pages.forms import TOO_LARGE, Form, Problem, Unfit, fitting_cell, once, problem_of, read_parts
from shared.pages.session import Officer
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.uploads import cells

_NO_SERIAL = "tanpa nomor"
_RECEIVERS = ("beneficiary", "guardian")

DistrictOfficer = Annotated[Caller, Depends(Officer(Role.district_officer))]
router = APIRouter(route_class=Page, include_in_schema=False)


@router.get("/handovers/{grant_id}")
async def again(request: Request, grant_id: UUID, _: DistrictOfficer) -> Response:
    return see_other(f"../requests/{grant_id}{kept(request)}")


@router.post("/handovers/{grant_id}")
async def hand_over(request: Request, grant_id: UUID, who: DistrictOfficer, here: Here) -> Response:
    async with here.database.reading() as session:
        grant = await session.get(Grant, grant_id)
    if grant is None or not who.sees(grant.district):
        raise Refused("not_found")
    form = None
    try:
        async with read_parts(request, "evidence") as (form, evidence):
            data = await _said(grant, form, evidence)
        key, fields = form.key, {**form.fields, "evidence": [data.evidence_sha256]}

        async def work(session: AsyncSession) -> None:
            rules.step(GrantStatus(grant.status), "hand_over")
            await _send(session, grant, key, data)

        await once(request, who, replace(form, fields=fields), work)
    except Unfit as unfit:
        problem = unfit.problem
    except Refused as refused:
        problem = problem_of(refused)
    except HTTPException as error:
        if error.status_code != TOO_LARGE:
            raise
        problem = Problem("too_large", "evidence")
    else:
        return see_other(f"../requests/{grant_id}?sent={key}")
    return await one.page(request, here, who, grant_id, action="hand_over", problem=problem, form=form)


async def _said(grant: Grant, form: Form, evidence: UploadFile | None) -> GrantHandedOver:
    """What the form says. Raises Unfit."""
    day = fitting_cell(cells.day, form, "on")
    if form["received_by"] not in _RECEIVERS:
        raise Unfit(Problem("missing", "received_by"))
    witness = fitting_cell(cells.text, form, "witness")
    serials = [
        fitting_cell(cells.text, form, name) if form[name := f"serial_{place}"] else _NO_SERIAL
        for place, _ in enumerate(rows_of(grant))
    ]
    if evidence is None or not evidence.size:
        raise Unfit(Problem("missing", "evidence"))
    digest = await asyncio.to_thread(hashlib.file_digest, evidence.file, "sha256")  # type: ignore[arg-type]
    return GrantHandedOver(
        grant_ref=grant.grant_ref,
        on=day,
        received_by="guardian" if form["received_by"] == "guardian" else "beneficiary",
        witness=witness,
        evidence_sha256=digest.hexdigest(),
        assets=tuple(Asset(name=name, serial=serial) for name, serial in zip(rows_of(grant), serials, strict=True)),
    )


async def _send(session: AsyncSession, grant: Grant, event_id: str, data: GrantHandedOver) -> None:
    """With the answer to the form or not at all: under one id nothing else can be told later."""
    envelope = Envelope(
        id=event_id,
        source=source_of(grant.district),
        type=NAMES[GrantHandedOver],
        time=now(),
        subject=grant.district_ref,
    )
    await emit_event(session, intake_topic(SERVICE, grant.district), envelope, msgspec.json.encode(data))
