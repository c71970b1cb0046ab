"""Who is calling, and what may they see. Everything is denied that is not allowed here by name."""

import os
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from tempfile import mkstemp
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet, OKPKey
from msgspec import Meta

from shared.events.districts import DISTRICTS
from shared.refusals import Refused

# RFC 9864 prefers the name Ed25519; the contract says EdDSA, which for our keys is the same thing.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)

ALGORITHMS = ["EdDSA", "Ed25519", "ES256"]
MAX_TOKEN_BYTES = 4096
LEEWAY_SECONDS = 30
SIGNING = "token-signing.jwk"
VERIFYING = "token-verifying.jwk"
"""The public half, for a process that signs nothing."""
_T = TypeVar("_T")
_REMEMBERED = 4096
"""Tokens whose signature was checked already, by their exact text: checking costs more than a whole answer."""


class Role(StrEnum):
    district_system = "district_system"
    district_officer = "district_officer"
    province_officer = "province_officer"
    treasurer = "treasurer"
    viewer = "viewer"
    auditor = "auditor"
    admin = "admin"


DISTRICT_ROLES = frozenset({Role.district_system, Role.district_officer})
READERS = frozenset(Role) - {Role.district_system}
"""Who may read live numbers."""


class Caller(NamedTuple):
    """Who calls. `district` is set for the two district roles, and only for them."""

    sub: str
    role: Role
    district: str | None

    def sees(self, district: str) -> bool:
        return self.district is None or self.district == district


def go_together(role: Role, district: str | None) -> bool:
    """The two district roles are of one district of East Java, the others of none."""
    return district in DISTRICTS if role in DISTRICT_ROLES else district is None


class _Claims(msgspec.Struct, kw_only=True):
    """All six are required; `district` is null for the roles of the province."""

    sub: Annotated[str, Meta(min_length=1, max_length=128)]
    role: Role
    district: str | None
    exp: float
    aud: str | list[str]
    iss: str
    nbf: float | None = None


class Unauthenticated(Exception):
    """The token is no good. `why` is for the log, never for the caller."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class WrongSecret(Exception):
    """A secret file is not the one that what is stored was made with. The text says what to do, and no secret."""


class Verified(NamedTuple):
    """Who a token names, and the moment (seconds since 1970) from which on it names nobody."""

    caller: Caller
    until: float
    session: str | None = None
    """The id of the session in whose cookie the token came; it may be ended before."""


def read_token(token: str, keys: KeySet, kind: type[_T]) -> _T:
    """The claims of a token signed by one of the keys. Raises Unauthenticated.

    Only the signature is checked: expiry, issuer and audience are for the caller to check.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise Unauthenticated("oversize")
    try:
        return msgspec.convert(jwt.decode(token, keys, algorithms=ALGORITHMS).claims, kind)
    except Exception as error:  # joserfc stumbles over what a stranger may write: {"crit": [[]]}, [[[[…
        raise Unauthenticated(type(error).__name__) from None


class Verifier:
    """Checks tokens against a set of public keys that does not change while it lives."""

    def __init__(self, keys: KeySet, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._remembered: OrderedDict[str, Verified] = OrderedDict()

    def verify(self, token: str) -> Caller:
        """The caller a token names. Raises Unauthenticated."""
        return self.check(token).caller

    def check(self, token: str) -> Verified:
        """As `verify`, with the end of the token. Only good tokens are remembered: no stranger can fill the memory."""
        known = self._remembered.get(token)
        if known is not None and time.time() < known.until:
            self._remembered.move_to_end(token)
            return known
        verified = self._check(token)
        self._remembered[token] = verified
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return verified

    def _check(self, token: str) -> Verified:
        claims = read_token(token, self._keys, _Claims)
        moment = time.time()
        audiences = claims.aud if isinstance(claims.aud, list) else [claims.aud]
        if claims.exp < moment - LEEWAY_SECONDS:
            raise Unauthenticated("expired")
        if claims.nbf is not None and claims.nbf > moment + LEEWAY_SECONDS:
            raise Unauthenticated("not_yet_valid")
        if claims.iss != self._issuer or self._audience not in audiences:
            raise Unauthenticated("issuer_or_audience")
        if not go_together(claims.role, claims.district):
            raise Unauthenticated("district")
        return Verified(Caller(claims.sub, claims.role, claims.district), claims.exp + LEEWAY_SECONDS)


class LocalKey:
    """The key that signs tokens where no identity provider does; one file, readable by its owner only."""

    def __init__(self, key: OKPKey) -> None:
        self._key = key

    @classmethod
    def at(cls, folder: Path) -> "LocalKey":
        """The key of this folder, made on first use."""
        return cls(OKPKey.import_key(msgspec.json.decode(secret_file(folder, SIGNING, _new_key))))

    @property
    def public(self) -> KeySet:
        return KeySet([OKPKey.import_key(self._key.as_dict(private=False))])

    @property
    def public_text(self) -> str:
        """The public half, as the file `VERIFYING` holds it."""
        return msgspec.json.encode(self._key.as_dict(private=False)).decode()

    def sign(
        self, *, sub: str, role: Role, district: str | None, issuer: str, audience: str, seconds: float = 12 * 3600
    ) -> str:
        """A token for 12 hours unless told otherwise. Raises ValueError when role and district do not go together."""
        if not go_together(role, district):
            raise ValueError(f"role {role} {'needs a' if role in DISTRICT_ROLES else 'takes no'} district of East Java")
        moment = int(time.time())
        claims = {
            "sub": sub,
            "role": role.value,
            "district": district,
            "iat": moment,
            "exp": moment + int(seconds),
            "aud": audience,
            "iss": issuer,
        }
        return self.seal(claims)

    def seal(self, claims: dict[str, Any]) -> str:
        """Any claims as a token, for `read_token`; nothing is checked."""
        return jwt.encode({"alg": "EdDSA", "kid": self._key.kid}, claims, self._key, algorithms=ALGORITHMS)


def verifying_keys(folder: Path) -> KeySet:
    """The public half of the key of this folder; a process that signs nothing need not be given the other."""
    public = folder / VERIFYING
    if public.exists():
        return KeySet([OKPKey.import_key(msgspec.json.decode(public.read_bytes()))])
    return LocalKey.at(folder).public


def require(caller: Caller, roles: frozenset[Role]) -> None:
    """Raises Refused `forbidden` unless the caller has one of the roles."""
    if caller.role not in roles:
        raise Refused("forbidden", role=caller.role.value)


def secret_file(folder: Path, name: str, make: Callable[[], str]) -> str:
    """The text of a secret file, made on first use; of several processes that start at once one wins."""
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, draft = mkstemp(dir=folder)  # a name of its own even among containers, and for its owner only
        with os.fdopen(descriptor, "w") as out:
            out.write(make())
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):  # another was first: its secret is the one
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text()


def _new_key() -> str:
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    return msgspec.json.encode(key.as_dict(private=True)).decode()
