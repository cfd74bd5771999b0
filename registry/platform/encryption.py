"""Encryption of the few secrets that the database must give back, such as private keys.

A secret of which a hash is enough is kept as a hash, not here. Encrypted is by AES-256-GCM under the first of the
operator's keys; the others only decrypt what was encrypted while they were the first. The place of a secret is
authenticated with it, so that what is moved to another row, or another column, is refused.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12  # of AES-GCM; drawn at random, which is safe for 2³² secrets under one key (NIST SP 800-38D, 8.3)
_VERSION = "v1"


def key_check(ledger_key: bytes) -> str:
    """What tells a ledger key from another, and reveals nothing of it."""
    return "hmac-sha256:" + hmac.new(ledger_key, b"registry backup", hashlib.sha256).hexdigest()


class CannotDecryptError(Exception):
    """No key of the settings decrypts it, it was changed, or it stands in another place than it was encrypted for."""


class SecretKeys:
    """The operator's keys, each of 32 bytes; the first encrypts."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_name(key): AESGCM(key) for key in keys}
        self._first = next(iter(self._ciphers), "")

    def __bool__(self) -> bool:
        """Whether there is a key: without one, nothing can be encrypted."""
        return bool(self._ciphers)

    def encrypt(self, secret: bytes, place: str) -> str:
        """The secret as it is stored at that place, such as `signing_key.private_key:<id>`. Raises LookupError."""
        if not self._first:
            raise LookupError("there is no key to encrypt with")
        nonce = secrets.token_bytes(_NONCE_BYTES)
        encrypted = nonce + self._ciphers[self._first].encrypt(nonce, secret, place.encode())
        return f"{_VERSION}.{self._first}.{base64.urlsafe_b64encode(encrypted).decode()}"

    def decrypt(self, stored: str, place: str) -> bytes:
        """The secret that is stored at that place. Raises CannotDecryptError."""
        version, _, rest = stored.partition(".")
        name, _, text = rest.partition(".")
        cipher = self._ciphers.get(name)
        if version != _VERSION or cipher is None:
            raise CannotDecryptError(f"{place} is encrypted under the key {name[:16]}, which the settings do not hold")
        try:
            encrypted = base64.b64decode(text, altchars=b"-_", validate=True)
            return cipher.decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], place.encode())
        except (InvalidTag, binascii.Error, ValueError):
            raise CannotDecryptError(f"{place} was changed, or moved there from another place") from None

    def is_newest(self, stored: str) -> bool:
        """Whether a stored secret is encrypted under the first key."""
        return stored.startswith(f"{_VERSION}.{self._first}.")


def _name(key: bytes) -> str:
    """What stands with a secret for the key: enough to find it among the keys, and nothing about it."""
    return hashlib.sha256(b"registry: name of an encryption key\0" + key).hexdigest()[:16]
