"""Cursors of the feed: places of the ledger, encrypted, for one agency each.

A place in the clear would tell an agency how many events of others lie between two of its own. A cursor is one block of
AES that holds the place and a digest of the agency; so it tells nothing, is the same for the same place, cannot be made
up, and is refused for another agency. It stays good as long as the ledger key, which is never replaced.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from msgspec import Meta

from registry.platform.kernel.errors import RuleBroken

_DIGEST_BYTES = 8
_LENGTH = 22  # characters: a block in base64, without padding

Place = Annotated[
    str,
    Meta(
        min_length=_LENGTH,
        max_length=_LENGTH,
        pattern=r"\A[A-Za-z0-9_-]{22}\Z",
        extra={"form": "as the feed, the stream or a list gave it"},
        description="A place in your agency's feed; opaque.",
        examples=["k3Jv0yq8S1m4c5Hn2pXwTA"],
    ),
]


class Places:
    """Makes and reads cursors. A place is the number of events of the ledger before it."""

    def __init__(self, ledger_key: bytes) -> None:
        key = hmac.digest(ledger_key, b"places of the feed", "sha256")
        self._cipher = Cipher(algorithms.AES256(key), modes.ECB())  # noqa: S305  # a single block

    def cursor(self, agency_id: UUID, place: int) -> str:
        """The agency's cursor for that place."""
        block = place.to_bytes(16 - _DIGEST_BYTES) + _digest(agency_id)
        encryptor = self._cipher.encryptor()
        return base64.urlsafe_b64encode(encryptor.update(block) + encryptor.finalize()).rstrip(b"=").decode()

    def place(self, agency_id: UUID, cursor: str, parameter: str) -> int:
        """The place of a cursor. Raises RuleBroken for one that is not the agency's."""
        try:
            block = base64.b64decode(cursor + "==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            block = b""
        if len(block) == 16:
            decryptor = self._cipher.decryptor()
            found = decryptor.update(block) + decryptor.finalize()
            if hmac.compare_digest(found[-_DIGEST_BYTES:], _digest(agency_id)):
                return int.from_bytes(found[:-_DIGEST_BYTES])
        raise RuleBroken.at(
            "This place was not given to your agency by this registry. Start again without it, or from a list's "
            "`As-Of-Event`.",
            "bad_cursor",
            "not a place of your agency's feed",
            parameter=parameter,
        )


def _digest(agency_id: UUID) -> bytes:
    return hashlib.blake2b(agency_id.bytes, digest_size=_DIGEST_BYTES).digest()
