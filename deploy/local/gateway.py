"""One address for three services, as nginx does it on the full stack: each is told the prefix it is under."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class Gateway:
    """`/registry/…`, `/grants/…` and `/reporting/…` go to their service, everything else to the page of reporting."""

    def __init__(self, services: Mapping[str, ASGIApp], front: ASGIApp) -> None:
        self._services = services
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, name, *rest = ("/" + scope["path"].lstrip("/")).split("/", 2) if scope["type"] == "http" else ("", "")
        service = self._services.get(name)
        if service is None:
            await self._front(scope, receive, send)
        else:
            root = scope.get("root_path", "") + "/" + name
            inner = {**scope, "root_path": root, "path": root + "/" + (rest[0] if rest else "")}
            await service(inner, receive, send)
