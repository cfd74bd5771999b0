"""For whom a file is made, what its parts are called, and how it is verified."""

import re
import unicodedata
from enum import StrEnum
from uuid import UUID

from registry.platform.access.principals import Principal
from registry.platform.kernel.errors import WrongStatus

_LONGEST_STEM = 60
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


class Audience(StrEnum):
    """For whom a file is made."""

    PARTIES = "parties"
    PUBLIC = "public"


NOT_A_PARTY = Principal(
    subject="public", agency_id=UUID(int=0), roles=frozenset(), scopes=frozenset(), token_id="", issuer=""
)
"""Whom the public file is made for, whoever asks for it: no agency, no role."""


def check_published(*, published: bool) -> None:
    """Raises WrongStatus for an agreement that is not executed, or whose text its parties have not published."""
    if not published:
        raise WrongStatus(
            "The agreement has no public file: it is not executed, no provision of its text is marked public, or a "
            "party has not agreed to publish it. `publication` says whose word is outstanding."
        )


def plain_stem(name: str | None) -> str:
    """A name of letters, digits and hyphens, which every file system takes."""
    plain = unicodedata.normalize("NFKD", name or "").encode("ascii", "ignore").decode()
    return _NOT_PLAIN.sub("-", plain)[:_LONGEST_STEM].strip("-").lower() or "document"


VERIFICATION = """How to verify this file

1. Unpack the archive. `manifest.json` lists every other part with its size in bytes and its SHA-256.
2. Compute the SHA-256 of each part, for instance with `sha256sum` (Linux), `shasum -a 256` (macOS) or
   `Get-FileHash -Algorithm SHA256` (Windows PowerShell), and compare it with the manifest. A part that is not in the
   manifest, or that differs, was not made by the registry.
3. The registry recorded in its ledger that this file was made, with the SHA-256 of `manifest.json`; where the file
   holds restricted text, with a keyed hash of it, which the registry's operator can verify.
4. Where there is a part `versions/NNN/canonical.json`, its SHA-256 is the hash of that version, which its signatures
   name in `signatures.json`: these are the very bytes that were signed. `text.txt` beside it is made for reading.
5. A document under `documents/` has the SHA-256 that `documents.json` gives, which signatures name as their evidence.
"""
