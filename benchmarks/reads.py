"""Dashboard reads over HTTP, against FastAPI with one look into Redis per request that serves the same bytes.

Berdaya checks a token in every request; the peer checks nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
from redis.asyncio import Redis

from benchmarks import peers, stored
from benchmarks.client import read
from benchmarks.load import districts
from benchmarks.place import Place, Process, full, program, service
from benchmarks.results import Bench, Figure, ratio
from benchmarks.totals import require_same
from deploy.stack import ports
from services.reporting.reconcile import rebuild

_CONNECTIONS = 16
_MONTHS = 6
_PEER = "fastapi_redis"


async def measure(bench: Bench) -> list[Figure]:
    bench.say("installing the peer")
    interpreter = str(await asyncio.to_thread(peers.python, _PEER))
    speed: dict[str, list[float]] = {"304": [], "200": [], "peer 304": [], "peer 200": []}
    busy = []
    bench.say("starting components")
    async with full(kafka=False) as place:
        await stored.people(place.database, districts(bench.sizes.districts), until=bench.sizes.businesses)
        await stored.reports(place.database, months=_MONTHS)
        await rebuild(place.database)
        async with serving(place) as web, _peer(place, interpreter, web) as peer:
            tags = {web: await _tag(place, web), peer: '"peer"'}
            require_same("the peer's dashboard", await _shown(place, peer), await _shown(place, web))
            for _ in range(bench.repeat):
                for name, server in (("", web), ("peer ", peer)):
                    for status in ("304", "200"):
                        bench.say(f"{name}{status}")
                        known = {"If-None-Match": tags[server]} if status == "304" else {}
                        answers = await read(
                            server.address,
                            place.authorization() | known,
                            connections=_CONNECTIONS,
                            seconds=bench.sizes.reading,
                        )
                        require_same(f"statuses of {name}{status}", list(answers.statuses), [status])
                        speed[name + status].append(answers.per_second)
                        busy.append(answers.busy)
    return [
        Figure("dashboard, 304", speed["304"], "reads/s", ratio(speed["304"], speed["peer 304"]), "6 x"),
        Figure("· FastAPI + Redis per request, 304", speed["peer 304"], "reads/s", 1),
        Figure("dashboard, 200", speed["200"], "reads/s", ratio(speed["200"], speed["peer 200"]), "6 x"),
        Figure("· FastAPI + Redis per request, 200", speed["peer 200"], "reads/s", 1),
        Figure("· share of a core the client took", busy, "", goal="< 1"),
    ]


@asynccontextmanager
async def serving(place: Place) -> AsyncIterator[Process]:
    """A web process that has the newest snapshot from Redis, and the worker that put it there and is up to date.

    Without the worker the answers would say every second that they are older, and no tag would hold.
    """
    async with service(place, "worker") as worker, Redis.from_url(place.redis) as redis:
        while True:
            worker.require_alive()
            if await redis.exists("berdaya:dashboard"):
                break
            await asyncio.sleep(0.05)
        async with service(place, "web") as web:
            await web.ready()
            yield web


@asynccontextmanager
async def _peer(place: Place, interpreter: str, web: Process) -> AsyncIterator[Process]:
    port = ports.choose()
    async with Redis.from_url(place.redis) as redis, httpx.AsyncClient(base_url=web.address) as client:
        body = (await client.get("/v1/dashboard", headers=place.authorization())).content
        await redis.mset({"peer:body": body, "peer:tag": '"peer"'})
    command = (interpreter, "-m", "uvicorn", "--app-dir", str(peers.program(_PEER).parent), "app:app")
    told = {"PEER_REDIS": place.redis}
    quiet = ("--port", str(port), "--no-access-log", "--log-level", "warning")
    async with program("peer", (*command, *quiet), place.folder, told, f"http://{ports.LOOPBACK}:{port}") as peer:
        await peer.ready("/v1/dashboard")
        yield peer


async def _tag(place: Place, server: Process) -> str:
    async with httpx.AsyncClient(base_url=server.address) as client:
        return (await client.get("/v1/dashboard", headers=place.authorization())).headers["etag"]


async def _shown(place: Place, server: Process) -> object:
    """The dashboard but for the moment it was read at."""
    async with httpx.AsyncClient(base_url=server.address) as client:
        body = msgspec.json.decode((await client.get("/v1/dashboard", headers=place.authorization())).content)
    return {name: value for name, value in body.items() if name not in ("as_of", "lag")}
