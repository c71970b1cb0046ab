"""An identity provider that says what a test wants it to, and no honest one would. The honest one is Keycloak."""

import asyncio
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import uvicorn
from fastapi import Depends, FastAPI, Form
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.responses import JSONResponse, Response

CLIENT, SECRET = "berdaya", "the secret of the client, which is long enough for HS256"


class Liar:
    """Each code is good once and stands for the nonce it was asked with; `change` spoils the ID token."""

    def __init__(self, host: str) -> None:
        with socket.socket() as found:
            found.bind((host, 0))
            self.port: int = found.getsockname()[1]
        self.issuer = f"http://{host}:{self.port}"
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.claims: dict[str, Any] = {"roles": ["dinsos-provinsi"]}
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = dict
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.signed_with: Any = self.key
        self.is_unsigned = False
        self.metadata: dict[str, Any] = {}
        self.is_away = False
        self.codes: dict[str, str] = {}
        """Those not yet used, with their nonce."""
        self.verifiers: list[str] = []
        self.clients: list[HTTPBasicCredentials | None] = []
        """By what name and secret each code was redeemed."""
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self._configuration)
        self.app.get("/keys")(self._keys)
        self.app.post("/token")(self._token)

    def ask(self, url: str) -> tuple[str, dict[str, str]]:
        """What a browser does that is sent to sign in: a code, and what it was asked with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}-{time.monotonic_ns()}"
        self.codes[code] = asked["nonce"]
        return code, asked

    async def _configuration(self) -> Response:
        if self.is_away:
            return Response(status_code=502)
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                **self.metadata,
            }
        )

    async def _keys(self) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def _token(
        self,
        who: Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))],
        code: str = Form(),
        code_verifier: str = Form(),
    ) -> Response:
        if self.is_away:
            return Response(status_code=502)
        nonce = self.codes.pop(code, None)
        if nonce is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.verifiers.append(code_verifier)
        self.clients.append(who)
        moment = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "siti",
            "iat": moment,
            "exp": moment + 60,
            "nonce": nonce,
            **self.claims,
        }
        token = jwt.encode(self.header, self.change(claims), self.signed_with, algorithms=["RS256", "HS256"])
        if self.is_unsigned:
            header = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
            token = f"{header}.{token.split('.')[1]}."
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})


@asynccontextmanager
async def lying(host: str = "127.0.0.1") -> AsyncIterator[Liar]:
    liar = Liar(host)
    server = uvicorn.Server(uvicorn.Config(liar.app, host=host, port=liar.port, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield liar
    server.should_exit = True
    await serving
