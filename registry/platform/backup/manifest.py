"""What an archive holds, as its first part says it: format version 1 (docs/adr/0027).

An archive is a tar file without compression, links or folders: `manifest.json`, `registry.db` where it holds a
database, and `documents/` with each document under the SHA-256 of its bytes, in the order of their names.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

FORMAT = 1
MANIFEST, DATABASE, DOCUMENTS = "manifest.json", "registry.db", "documents/"
LARGEST_MANIFEST = 16 * 2**20

Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Count = Annotated[int, Meta(ge=0)]
# It is printed on terminals: no control character may erase or forge a line there.
Ascii = Annotated[str, Meta(max_length=200, pattern=r"^[ -~]*\Z")]


class ArchiveError(Exception):
    """The archive, or the place for it, will not do; the message says why and what to do."""


class RefusedTargetError(ArchiveError):
    """The command or a setting names the wrong archive or place: the same again would be refused again."""


class NewerArchiveError(ArchiveError):
    """A newer version of the registry made the archive: that version checks and restores it."""


class DatabasePart(Struct, kw_only=True, frozen=True):
    """The SQLite file in the archive."""

    size_bytes: Count
    sha256: Sha256


class DocumentsPart(Struct, kw_only=True, frozen=True):
    """The documents in the archive. `sha256` is of their names in order, each followed by a line feed.

    `missing` names those that the database refers to and that were damaged or not there, where the archive was made
    all the same.
    """

    count: Count
    size_bytes: Count
    sha256: Sha256
    missing: list[Sha256] = []


class LedgerPart(Struct, kw_only=True, frozen=True):
    """The ledger's state: how many events, and the digest of all of them."""

    events: Count
    sha256: Sha256


class Manifest(Struct, kw_only=True, frozen=True):
    """The first part. `schema` is the revision of the database's schema, `counts` the rows of each table in it.

    `ledger_key` is a keyed hash, by which the key that belongs to the ledger can be told from others.
    """

    format: int
    made_by: Ascii
    taken_at: datetime
    dialect: Ascii
    schema: Ascii
    purpose: Ascii | None
    counts: dict[Ascii, Count]
    ledger: LedgerPart
    ledger_key: Ascii
    database: DatabasePart | None
    documents: DocumentsPart | None


class _Version(Struct, frozen=True):
    format: int


def encoded(manifest: Manifest) -> bytes:
    """The manifest as it is written."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decoded(body: bytes) -> Manifest:
    """The manifest of these bytes. Raises ArchiveError for what is none, NewerArchiveError for a later format."""
    try:
        version = msgspec.json.decode(body, type=_Version).format
        if version > FORMAT:
            raise NewerArchiveError(
                f"The archive is of a newer version of the registry: it has format {version}, and this version knows "
                f"format {FORMAT}. Take the version that made it, or a newer one."
            )
        return msgspec.json.decode(body, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(f"The archive is damaged: its manifest cannot be read ({error}).") from None


def digest_of(manifest: bytes) -> str:
    """The digest of a manifest as it is written, and so of the whole archive: it names everything else by its own."""
    return hashlib.sha256(manifest).hexdigest()


def names_digest(names: Iterable[str]) -> str:
    """The digest of the names of documents, in order."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + b"\n")
    return digest.hexdigest()
