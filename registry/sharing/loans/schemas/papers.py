"""Pictures and papers of loans on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.documents.schemas import Filename
from registry.platform.files.remarks import FileRemark
from registry.platform.http.paging import ByChange
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Name, Reason, Sha256
from registry.platform.kernel.time import Instant
from registry.sharing.loans.papers import LoanDocumentKind, LoanDocumentStatus, LoanOccasion
from registry.sharing.loans.rules import Side

LoanDocumentTitle = Annotated[Name, Meta(description="What it is called here.", examples=["Left rear door (demo)"])]
Occasion = Annotated[LoanOccasion, Meta(description="Of which part of the loan it tells.")]
FiledBy = Annotated[Side, Meta(description="Which side filed it.")]


class NewLoanDocument(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is said of a file that is filed with a loan; the file itself is the body."""

    kind: Annotated[LoanDocumentKind, Meta(description="What it is to the loan.")]
    occasion: Occasion
    filename: Filename | None = None
    title: LoanDocumentTitle | None = None
    sha256: Annotated[
        Sha256 | None, Meta(description="SHA-256 that the file must have as it is sent, so that none is damaged.")
    ] = None


class LoanDocumentWithdrawal(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the document is shown no more. That it was filed stays on record, for both sides."""

    reason: Reason


class LoanDocument(Struct, kw_only=True, frozen=True):
    """A picture or paper of a loan, which both sides read."""

    id: UUID
    loan_id: UUID
    kind: LoanDocumentKind
    occasion: Occasion
    status: LoanDocumentStatus
    side: FiledBy
    title: str | None
    filename: Annotated[str | None, Meta(description="Only the agency that filed it is told.")]
    media_type: str
    size_bytes: int
    sha256: Annotated[
        str, Meta(description="Of the content as it is kept: of a picture, without what it said besides the picture.")
    ]
    pages: Annotated[int | None, Meta(description="Null for what has no pages.")]
    remarks: Annotated[list[FileRemark], Meta(description="What its readers should know of it.")]
    filed_at: Instant
    withdrawn_at: Instant | None
    withdrawn_reason: str | None
    allowed_actions: list[AllowedAction]
    version: int
    updated_at: Instant


class LoanDocumentPage(Struct, kw_only=True, frozen=True):
    """Documents of a loan, what was filed last first."""

    items: list[LoanDocument]
    next_cursor: str | None


class LoanDocumentQuery(ByChange, kw_only=True, frozen=True):
    """Filters of a loan's documents."""

    kind: Annotated[tuple[LoanDocumentKind, ...], Meta(description="Any of these.")] = ()
    occasion: Annotated[tuple[LoanOccasion, ...], Meta(description="Any of these.")] = ()
    status: Annotated[tuple[LoanDocumentStatus, ...], Meta(description="Any of these.")] = ()
    side: Annotated[Side | None, Meta(description="Only what this side filed.")] = None


class LoanDocumentReference(Struct, kw_only=True, frozen=True):
    """A picture or paper of a loan, as the loan and its sheet name it."""

    id: UUID
    kind: LoanDocumentKind
    occasion: Occasion
    side: FiledBy
    title: str | None
    media_type: str
    sha256: Annotated[str, Meta(description="Of the content as it is kept.")]
    filed_at: Instant
