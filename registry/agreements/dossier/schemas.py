"""What a file says of itself: its parts, and what was withheld from it."""

from datetime import date
from typing import Literal
from uuid import UUID

from msgspec import Struct

from registry.agreements.dossier.rules import Audience, ReceiptLine
from registry.agreements.timeline.schemas import Timeline


class FilePart(Struct, kw_only=True, frozen=True):
    """One part of a file, as it stands in the archive."""

    path: str
    title: str
    media_type: str
    source: str
    size_bytes: int
    sha256: str


class WithheldPart(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What is not in the file, and why."""

    kind: Literal["provision", "document", "history", "acts"]
    version_no: int | None = None
    number: str | None = None
    exemption: str | None = None
    reason: str


class FileIndex(Struct, kw_only=True, frozen=True):
    """All that the index says, as a page and as a PDF."""

    agreement_id: UUID
    number: str
    title: str
    kind: str
    status: str
    as_of: date
    starts_on: date
    ends: str
    warnings: list[str]
    audience: Audience
    custodian: str
    parties: list[str]
    receipts: list[ReceiptLine]
    recorded_until: str | None
    notes: list[str]
    timeline: Timeline
    parts: list[FilePart]
    withheld: list[WithheldPart]


class FileManifest(Struct, kw_only=True, frozen=True):
    """The manifest: each other part with its SHA-256, size, media type and source.

    By its `salt` the manifest's own digest, which stands in the ledger, tells nothing to who has not the file.
    """

    agreement_id: UUID
    number: str
    title: str
    audience: Audience
    recorded_until: str | None
    notes: list[str]
    warnings: list[str]
    parts: list[FilePart]
    withheld: list[WithheldPart]
    verification: str
    salt: str
