"""What a letter carries that only its reader has: the code that confirms an address, the link that ends the letters.

Neither is stored. Both are computed with a key made of the ledger's, for this alone, so that nothing else can be made
of one that leaks: the code is of one letter to one address, and the link does no more than to stop what goes there.
"""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Neither I nor O, neither 0 nor 1: some type it from a telephone."""
_CODE_LENGTH = 10
_TOKEN_BYTES = 16 + 32


class MailKey:
    """The key of this installation for codes and links."""

    def __init__(self, ledger_key: bytes) -> None:
        self._key = hmac.new(ledger_key, b"registry: codes and links in mail", hashlib.sha256).digest()

    def code(self, letter_id: UUID, address: str) -> str:
        """The code in that letter: 50 bits, so that nobody guesses it within the day that it holds."""
        digest = self._digest(b"code", letter_id, address)
        letters = "".join(_CODE_LETTERS[each % len(_CODE_LETTERS)] for each in digest[:_CODE_LENGTH])
        return f"{letters[:5]}-{letters[5:]}"

    def is_code(self, said: str, letter_id: UUID, address: str) -> bool:
        """Whether that is the code, however it is typed: small letters, blanks and hyphens change nothing."""
        plain = "".join(said.upper().replace("-", " ").split())
        return hmac.compare_digest(plain.encode(), self.code(letter_id, address).replace("-", "").encode())

    def stop_token(self, recipient_id: UUID, address: str) -> str:
        """What ends the letters to that person at that address."""
        signed = recipient_id.bytes + self._digest(b"stop", recipient_id, address)
        return base64.urlsafe_b64encode(signed).decode()

    def is_stop_token(self, token: str, recipient_id: UUID, address: str) -> bool:
        """Whether it is that person's, at the address that is the person's now."""
        return hmac.compare_digest(token.encode(), self.stop_token(recipient_id, address).encode())

    def _digest(self, what: bytes, id_: UUID, address: str) -> bytes:
        return hmac.new(self._key, what + b"\0" + id_.bytes + address.encode(), hashlib.sha256).digest()


def recipient_in(token: str) -> UUID | None:
    """Whose token it says to be; None when it is none of ours. The signature is not looked at."""
    try:
        signed = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return UUID(bytes=signed[:16]) if len(signed) == _TOKEN_BYTES else None
