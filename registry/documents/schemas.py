"""Documents on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.rules import Sensitivity
from registry.agreements.schemas import Exemption, Sha256
from registry.documents.rules import DocumentKind, DocumentStatus, TextLayer
from registry.http.paging import Page
from registry.kernel.actions import AllowedAction
from registry.kernel.text import NAME_PATTERN, Name, Reason
from registry.kernel.time import Instant

Filename = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="The file's name where it came from. It is given back with a download, and is never a path here.",
        examples=["agreement-signed.pdf"],
    ),
]


class NewDocument(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is said of a file that is filed; the file itself is the body."""

    kind: Annotated[DocumentKind, Meta(description="What it is to the agreement.")]
    filename: Filename | None = None
    title: Annotated[Name, Meta(description="What it is called here.", examples=["Signed copy (demo)"])] | None = None
    sensitivity: Annotated[
        Sensitivity,
        Meta(description="Who reads it: everybody once executed, the parties, or legal and auditors of the parties."),
    ] = Sensitivity.PARTIES
    exemption: Exemption | None = None
    version_no: (
        Annotated[int, Meta(ge=1, le=2**31 - 1, description="The version of the agreement it belongs to.")] | None
    ) = None
    sha256: (
        Annotated[Sha256, Meta(description="The hash that the content must have, so that none is damaged.")] | None
    ) = None


class Document(Struct, kw_only=True, frozen=True):
    """A document as this caller may know of it. Of a restricted one, others than the cleared see that it is there."""

    id: UUID
    agreement_id: UUID
    version_no: Annotated[int | None, Meta(description="The version of the agreement it belongs to.")]
    kind: DocumentKind
    status: DocumentStatus
    sensitivity: Sensitivity
    exemption: str | None
    title: Annotated[str | None, Meta(description="Null where it has none, or is withheld from you.")]
    filename: Annotated[str | None, Meta(description="Null where it has none, or is withheld from you.")]
    media_type: str
    size_bytes: int
    sha256: Annotated[str | None, Meta(description="Of the content; null where it is withheld from you.")]
    pages: Annotated[int | None, Meta(description="Null for what has no pages.")]
    text: Annotated[TextLayer, Meta(description="How much of its text was found; a bare scan has none.")]
    filed_by: UUID
    filed_at: Instant
    withdrawn_at: Instant | None
    withdrawal_reason: Annotated[str | None, Meta(description="For the parties.")]
    allowed_actions: list[AllowedAction]
    version: int


class DocumentPage(Struct, kw_only=True, frozen=True):
    """Documents, oldest first."""

    items: list[Document]
    next_cursor: str | None


class DocumentQuery(Page, kw_only=True, frozen=True):
    """Filters of an agreement's documents."""

    kind: DocumentKind | None = None
    status: DocumentStatus | None = None
    sha256: Annotated[Sha256, Meta(description="The document that a signature's evidence hash is of.")] | None = None


class DocumentWithdrawal(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the document is shown no more. It stays on record."""

    reason: Reason
