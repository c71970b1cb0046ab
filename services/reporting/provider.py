"""The office's identity provider, by OpenID Connect: code flow with PKCE. A role that is not mapped is no role."""

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
from authlib.deprecate import AuthlibDeprecationWarning
from joserfc.errors import JoseError

from shared.security import DISTRICT_ROLES, READERS, Caller, Role, Unauthenticated, go_together
from shared.settings import Settings

# It prefers a successor of httpx; until then the one that the rest of Berdaya uses does.
warnings.filterwarnings("ignore", message="The httpx module", category=AuthlibDeprecationWarning)
from authlib.integrations.base_client import OAuthError  # noqa: E402
from authlib.integrations.starlette_client import OAuth  # noqa: E402

CALLBACK_PATH = "/sign-in/callback"
_SECONDS = 10.0
_LEEWAY_SECONDS = 30
_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"})
"""Signatures that nobody makes who knows only what is public, or the client's secret."""


class Away(Exception):
    """The provider does not answer, or not as one. The text is for the log."""


class NoRole(Exception):
    """The provider knows the person, but names no role that is mapped, or no district of a district officer."""

    def __init__(self, sub: str) -> None:
        super().__init__("no mapped role")
        self.sub = sub


class Question(NamedTuple):
    """What the browser is sent with, to be compared with what it comes back with."""

    url: str
    state: str
    nonce: str
    code_verifier: str


class Mapped(NamedTuple):
    """How claims of an ID token become a caller."""

    roles: Mapping[str, Role]
    """The provider's role to ours, in the order in which they count."""
    roles_claim: str
    district_claim: str
    subject_claim: str

    @classmethod
    def of(cls, settings: Settings) -> "Mapped":
        """Raises ValueError for a role that there is not, or that reads nothing."""
        roles = {}
        for pair in settings.oidc_roles.split(","):
            theirs, found, ours = (part.strip() for part in pair.rpartition("="))
            if not (theirs and found and ours in READERS):
                raise ValueError(
                    f"BERDAYA_OIDC_ROLES: {pair!r} is not theirs=ours, ours being one of {sorted(READERS)}"
                )
            roles[theirs] = Role(ours)
        return cls(roles, settings.oidc_roles_claim, settings.oidc_district_claim, settings.oidc_subject_claim)

    def caller(self, claims: Mapping[str, Any]) -> Caller:
        """Raises NoRole, and Unauthenticated when the person is not named."""
        sub = _at(claims, self.subject_claim)
        if not isinstance(sub, str) or not 0 < len(sub) <= 128:
            raise Unauthenticated("oidc_subject")
        named = _at(claims, self.roles_claim)
        has = named if isinstance(named, list) else [named]
        role = next((ours for theirs, ours in self.roles.items() if theirs in has), None)
        district = _at(claims, self.district_claim) if role in DISTRICT_ROLES else None
        if isinstance(district, list) and len(district) == 1:  # as Keycloak writes an attribute that may have several
            district = district[0]
        if role is None or not (district is None or isinstance(district, str)) or not go_together(role, district):
            raise NoRole(sub)
        return Caller(sub, role, district)


class Provider:
    """Reads the provider's configuration at first use, and then no more; its keys anew when one is unknown."""

    def __init__(self, settings: Settings) -> None:
        """Raises ValueError when the roles are not mapped as they should, OSError when the secret cannot be read."""
        self.mapping = Mapped.of(settings)
        self.issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client
        self._back = settings.public + CALLBACK_PATH
        self._gone = settings.public + "/sign-in"
        file = settings.oidc_secret_file
        secret = (file.read_text().strip() or None) if file else None
        self._app = OAuth().register(
            "office",
            client_id=settings.oidc_client,
            client_secret=secret,
            server_metadata_url=f"{self.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": settings.oidc_scope,
                "code_challenge_method": "S256",
                "timeout": _SECONDS,
                **({} if secret else {"token_endpoint_auth_method": "none"}),
            },
        )

    async def ask(self, language: str) -> Question:
        """Raises Away."""
        await self._metadata()
        asked = await self._app.create_authorization_url(self._back, ui_locales=language)
        return Question(asked["url"], asked["state"], asked["nonce"], asked["code_verifier"])

    async def answer(self, code: str, asked: Question, *, iss: str, error: str) -> tuple[Caller, str]:
        """Who signed in, and the ID token that says so. Raises Away, Unauthenticated, NoRole.

        `iss` is who says to answer (RFC 9207), or empty; `error` why the provider refused.
        """
        if error or iss not in ("", self.issuer):
            raise Unauthenticated(f"oidc_{error or 'issuer'}"[:80])
        await self._metadata()
        try:
            token = await self._app.fetch_access_token(
                redirect_uri=self._back, code=code, code_verifier=asked.code_verifier
            )
            claims = await self._app.parse_id_token(
                token,
                nonce=asked.nonce,
                claims_options={
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self._client_id},
                },
                leeway=_LEEWAY_SECONDS,
            )
        except httpx.HTTPError as fault:
            raise Away(type(fault).__name__) from fault
        except OAuthError as fault:
            if fault.error in ("invalid_client", "unauthorized_client"):
                raise Away(fault.error) from None  # Berdaya's own secret is wrong: nothing that a person could mend
            raise Unauthenticated(f"oidc_{fault.error}"[:80]) from None
        except (JoseError, ValueError) as fault:
            raise Unauthenticated(f"oidc_{type(fault).__name__}") from None
        if claims is None:
            raise Unauthenticated("oidc_no_id_token")
        return self.mapping.caller(claims), token["id_token"]

    async def farewell(self, id_token: str) -> str | None:
        """Where the provider ends its own session and sends the browser back; None where it does not offer that, or
        does not answer: ours has ended anyway."""
        try:
            if "end_session_endpoint" not in await self._metadata():
                return None
        except Away:
            return None
        asked = await self._app.create_logout_url(
            post_logout_redirect_uri=self._gone, id_token_hint=id_token, client_id=self._client_id
        )
        return str(asked["url"])

    async def _metadata(self) -> Mapping[str, Any]:
        """Raises Away, also when who answers calls itself by another name (OpenID Connect Discovery, 4.3)."""
        try:
            found: dict[str, Any] = await self._app.load_server_metadata()
        except (httpx.HTTPError, ValueError) as error:
            raise Away(type(error).__name__) from error
        if found.get("issuer") != self.issuer:
            found.pop("_loaded_at", None)  # read again next time
            raise Away("its configuration names another issuer")
        offered = found.get("id_token_signing_alg_values_supported", ["RS256"])
        found["id_token_signing_alg_values_supported"] = [each for each in offered if each in _ALGORITHMS]
        return found


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of this name, or what is inside of one where dots lead; None when it is not there."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
