"""What schemathesis cannot guess: who may call what, which things there are, and that a key is used for one call."""

import json
import os
import re
import zlib
from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis import AuthContext, HookContext
from schemathesis import Case as AnyCase

TOKENS: dict[str, str] = json.loads(os.environ["CALLS_TOKENS"])
KNOWN: dict[str, list[str]] = json.loads(os.environ["CALLS_KNOWN"])
KEY = "Idempotency-Key"
Case = AnyCase[Any]
MAY: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"POST /v1/events", ("district_system",)),
    (r"GET /v1/receipts/", ("district_system", "district_officer")),
    (r"(PUT|POST) /v1/(budgets|programmes)/", ("admin",)),
    (r"(GET|POST) /v1/growth/what-if", ("admin",)),
    (r"POST /v1/grants/.*/verify", ("district_officer",)),
    (r"POST /v1/grants/.*/approve|POST /v1/batches", ("province_officer",)),
    (r"POST /v1/grants/.*/disburse", ("treasurer",)),
    (r"POST /v1/duplicates/|POST /v1/businesses/", ("province_officer",)),
    (r"GET /v1/(duplicates|access-trail)", ("province_officer", "auditor", "admin")),
    (r"", ("province_officer", "district_officer")),
)
"""The first that fits says who may; one call in eight is somebody else's."""


def chosen(case: Case, salt: str, many: int) -> int:
    """The same for the same call, so that what failed fails again."""
    said = repr((salt, case.operation.label, case.path_parameters, case.query, case.body))
    return zlib.crc32(said.encode("utf-8", "replace")) % many


@schemathesis.auth(refresh_interval=None)
class Roles:
    """A token of somebody who may, mostly."""

    def get(self, case: Case, _: AuthContext) -> str:
        may = next(roles for pattern, roles in MAY if re.match(pattern, case.operation.label))
        if chosen(case, "stranger", 8) == 0:
            may = tuple(TOKENS)
        return TOKENS[may[chosen(case, "role", len(may))]]

    def set(self, case: Case, data: str, _: AuthContext) -> None:
        case.headers["Authorization"] = data


@schemathesis.hook
def map_case(context: HookContext, case: Case) -> Case:
    """In a call that is as it should be, something that is there in the place of something invented."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    if case.headers and KEY in case.headers:
        case.headers[KEY] = str(uuid4())
    if chosen(case, "unknown", 8) == 0:
        return case
    for name in case.path_parameters or {}:
        if name in KNOWN and not (name == "kind" and "documents" in case.operation.path):
            case.path_parameters[name] = KNOWN[name][chosen(case, name, len(KNOWN[name]))]
    if isinstance(case.body, dict):
        case.body = known(case, case.body)
    elif isinstance(case.body, list):
        case.body = [known(case, each) if isinstance(each, dict) else each for each in case.body]
    return case


def known(case: Case, body: dict[str, Any]) -> dict[str, Any]:
    pool = {name: some for name, some in KNOWN.items() if name != "to" or "assets" in case.operation.path}
    found = {
        name: pool[name][chosen(case, name, len(pool[name]))] if isinstance(value, str) and name in pool else value
        for name, value in body.items()
    }
    if "source" in found:
        found["source"] = f"/district/{KNOWN['district'][0]}/sistem"
        found["type"] = KNOWN["type"][0]
        found["time"] = "2026-11-05T09:00:00+07:00"
    return found
