"""The dashboard before FastAPI's routing: most calls ask for the snapshot at hand, and routing costs more than that.

Only what it can answer as the endpoints would is answered here. Everything else, every error too, is FastAPI's.
"""

import re

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.reporting.api import LAST_EVENT_ID, Dashboards, answer, who_reads
from shared.refusals import Refused
from shared.security import Unauthenticated, Verified
from shared.web import Context

_QUERY = re.compile(rb"(?:month=([0-9]{4}-(?:0[1-9]|1[0-2])))?")


class Front:
    """In front of the application of reporting. Without it the answers are the same, slower and larger in memory."""

    def __init__(self, app: ASGIApp, here: Context, source: Dashboards) -> None:
        self._app = app
        self._here = here
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = await self._answer(scope) if scope["type"] == "http" else None
        await (found or self._app)(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response | None:
        path, method = scope["path"].removeprefix(scope.get("root_path", "")), scope["method"]
        if path == "/v1/dashboard" and method in ("GET", "HEAD"):
            return await self._dashboard(scope)
        if path == "/v1/dashboard/stream" and method == "GET":
            return self._stream(scope)
        return None

    async def _dashboard(self, scope: Scope) -> Response | None:
        asked = _QUERY.fullmatch(scope["query_string"])
        snapshot = self._source.at_hand(asked[1].decode() if asked[1] else None) if asked else None
        request = Request(scope)
        who = self._reader(request) if snapshot else None
        if snapshot is None or who is None:
            return None
        return answer(request, snapshot, await self._source.lag(), who.caller)

    def _stream(self, scope: Scope) -> Response | None:
        request = Request(scope)
        who = self._reader(request)
        return self._source.streams.stream(who, request.headers.get(LAST_EVENT_ID)) if who else None

    def _reader(self, request: Request) -> Verified | None:
        try:
            return who_reads(request, self._here)
        except (Unauthenticated, Refused):
            return None
