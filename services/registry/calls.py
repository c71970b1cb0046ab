"""What the endpoints of the registry have in common: who may call them, and how their problems are documented."""

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request

from services.registry.keys import NikKeys
from shared.security import Caller, Role
from shared.web import Context, allow, context, problem

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


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """How the errors of an endpoint are documented: as they are answered."""
    documented: dict[int | str, dict[str, Any]] = {}
    for code in ("unauthenticated", "forbidden", "invalid_request", *codes):
        answer = problem(code)
        examples = documented.setdefault(
            answer.status_code,
            {"description": "", "content": {"application/problem+json": {"examples": {}}}},
        )
        examples["description"] = " ".join(filter(None, (examples["description"], f"`{code}`")))
        shown = examples["content"]["application/problem+json"]["examples"]
        shown[code] = {"value": json.loads(bytes(answer.body))}
    return documented
