"""Documents on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.documents.rules import DocumentKind, DocumentStatus, TextLayer
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.consenting import Publication
from registry.agreements.instruments.schemas.words import Exemption
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.files.remarks import FileRemark
from registry.platform.http.paging import ByChange
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import FILENAME_PATTERN, Name, Reason, Sha256
from registry.platform.kernel.time import Instant

Filename = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=FILENAME_PATTERN,
        description="The file's name where it came from, without folders; an extension that does not fit its type is "
        "replaced. It is given back with a download.",
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
        Meta(
            description="Who reads it: everybody once each party has agreed to publish it, the parties, or legal and "
            "auditors of the parties. `public` proposes that; where you may sign, your agency has agreed by filing it."
        ),
    ] = Sensitivity.PARTIES
    exemption: Exemption | None = None
    declassify_reason: (
        Annotated[
            Reason,
            Meta(
                description="Why more may read now what you can read as restricted in the same agreement, on file or "
                "in a clause; it is recorded with it. With other agreements nothing is compared."
            ),
        ]
        | None
    ) = None
    version_no: (
        Annotated[int, Meta(ge=1, le=2**31 - 1, description="The version of the agreement it belongs to.")] | None
    ) = None
    sha256: Annotated[Sha256 | None, Meta(description="SHA-256 that the file must have, so that none is damaged.")] = (
        None
    )


class RepeatedWording(Struct, kw_only=True, frozen=True):
    """Restricted wording that a document repeats: of a clause, or of another document."""

    version_no: Annotated[int | None, Meta(description="The version of the clause; null of a document's.")]
    clause: Annotated[str | None, Meta(description="The number of the clause; null of a document's.")]
    document_id: Annotated[UUID | None, Meta(description="The restricted document; null of a clause's.")]


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
    size_bytes: Annotated[int | None, Meta(description="Of the content; null where it is withheld from you.")]
    sha256: Annotated[str | None, Meta(description="Of the content; null where it is withheld from you.")]
    pages: Annotated[int | None, Meta(description="Null for what has no pages, or where they are withheld from you.")]
    text: Annotated[
        TextLayer,
        Meta(
            description="How much of its text was found. What a page says that is a picture was not; a picture within "
            "a page of text, and what attachments say, do not count."
        ),
    ]
    remarks: Annotated[
        list[FileRemark],
        Meta(description="What its readers should know of it; empty where its words are withheld from you."),
    ]
    repeats: Annotated[
        list[RepeatedWording],
        Meta(
            description="The restricted wording that it repeats, so that more may read it; for those who may read that "
            "where it stands, else empty."
        ),
    ]
    kept_from: Annotated[
        list[AgencyReference],
        Meta(
            description="For its filer: the parties that do not read it, since your agency has not agreed to their "
            "being let in, or another that was there before them has not. One reads it once each of these has agreed, "
            "and before that where it is not restricted and is put to it as evidence. Of a public one all are asked."
        ),
    ]
    filed_by: AgencyReference
    filed_at: Instant
    updated_at: Annotated[Instant, Meta(description="When it was filed, or withdrawn.")]
    publication: Annotated[Publication | None, Meta(description="For one that is filed as public, and not withdrawn.")]
    withdrawn_at: Instant | None
    withdrawn_reason: Annotated[str | None, Meta(description="For the parties.")]
    allowed_actions: list[AllowedAction]
    version: int


class DocumentPage(Struct, kw_only=True, frozen=True):
    """Documents of an agreement."""

    items: list[Document]
    next_cursor: str | None


class DocumentQuery(ByChange, kw_only=True, frozen=True):
    """Filters of an agreement's documents."""

    kind: Annotated[tuple[DocumentKind, ...], Meta(description="Any of these.")] = ()
    status: Annotated[tuple[DocumentStatus, ...], Meta(description="Any of these.")] = ()
    sha256: Annotated[
        Sha256 | None, Meta(description="SHA-256 of the file, as the evidence of a signature names it.")
    ] = None


class DocumentWithdrawal(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the document is shown no more. It stays on record."""

    reason: Reason
