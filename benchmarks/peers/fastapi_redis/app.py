"""The dashboard as most would serve it: FastAPI, and one look into Redis per request. No token is checked."""

import os

from fastapi import FastAPI, Request, Response
from redis.asyncio import Redis

app = FastAPI()
redis = Redis.from_url(os.environ["PEER_REDIS"])


@app.get("/v1/dashboard")
async def dashboard(request: Request) -> Response:
    known = request.headers.get("if-none-match")
    if known is not None:
        tag = (await redis.get("peer:tag")).decode()
        if known == tag:
            return Response(status_code=304, headers={"ETag": tag})
    tag, body = await redis.mget("peer:tag", "peer:body")
    return Response(body, media_type="application/json", headers={"ETag": tag.decode()})
