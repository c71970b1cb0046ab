"""The NIK at rest: a keyed token to compare, a sealed text to show four digits of. The key is a file, never a row."""

import hmac
import secrets
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.registry.rules import MIN_KEY_BYTES, nik_token
from shared.security import secret_file

_NONCE_BYTES = 12


class NikKeys:
    """Four keys, for tokens, for digests, for blocks and for sealing, derived from one secret."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < MIN_KEY_BYTES:
            raise ValueError(f"the secret of the NIK keys needs at least {MIN_KEY_BYTES} bytes")
        self._token_key = _derive(secret, b"berdaya nik token")
        self._digest_key = _derive(secret, b"berdaya record digest")
        self._block_key = _derive(secret, b"berdaya likeness block")
        self._seal = AESGCM(_derive(secret, b"berdaya nik seal"))
        self.fingerprint = _derive(secret, b"berdaya nik fingerprint").hex()
        """Tells this secret from every other, and nothing about it."""

    @classmethod
    def at(cls, folder: Path) -> "NikKeys":
        """The keys of this folder, made on first use. Every process of the registry needs the same file."""
        return cls(bytes.fromhex(secret_file(folder, "nik.key", lambda: secrets.token_hex(MIN_KEY_BYTES))))

    def token(self, nik: str) -> str:
        return nik_token(nik, self._token_key)

    def digest(self, text: bytes) -> str:
        """What stands for a text wherever two are compared and neither is kept: HMAC-SHA-256, in hex."""
        return hmac.digest(self._digest_key, text, sha256).hex()

    def block(self, text: str) -> str:
        """What stands for something that many may share, such as a day of birth: as a digest, half as long."""
        return hmac.digest(self._block_key, text.encode(), sha256)[:16].hex()

    def seal(self, nik: str, owner: UUID) -> str:
        """The NIK by AES-GCM, in base64. Bound to its owner: moved to another person's row it does not open."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return b64encode(nonce + self._seal.encrypt(nonce, nik.encode(), owner.bytes)).decode()

    def last_four(self, sealed: str, owner: UUID) -> str:
        """All that is ever shown of a NIK. Raises InvalidTag when it was sealed for another owner or by another key."""
        both = b64decode(sealed)
        return self._seal.decrypt(both[:_NONCE_BYTES], both[_NONCE_BYTES:], owner.bytes)[-4:].decode()


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=MIN_KEY_BYTES, salt=None, info=purpose).derive(secret)
