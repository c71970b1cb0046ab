"""What the endpoints of the registry have in common: who may call them, and how they go on page by page."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request

from services.registry.keys import NikKeys
from shared.security import Caller, Role
from shared.web import Context, allow, context

MAX_PAGE = 500


async def nik_keys(request: Request) -> NikKeys:
    found: NikKeys = request.app.state.nik_keys
    return found


Here = Annotated[Context, Depends(context)]
Keys = Annotated[NikKeys, Depends(nik_keys)]
Reader = Annotated[Caller, Depends(allow(Role.district_officer, Role.province_officer, Role.auditor, Role.admin))]
Officer = Annotated[Caller, Depends(allow(Role.district_officer, Role.province_officer))]
ProvinceReader = Annotated[Caller, Depends(allow(Role.province_officer, Role.auditor, Role.admin))]
ProvinceOfficer = Annotated[Caller, Depends(allow(Role.province_officer))]

After = Annotated[UUID | None, Query(description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
