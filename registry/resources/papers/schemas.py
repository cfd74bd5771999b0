"""Documents of assets on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.agreements.documents.schemas import Filename
from registry.platform.files.remarks import FileRemark
from registry.platform.http.paging import ByChange
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Name, Reason, Sha256
from registry.platform.kernel.time import Instant
from registry.resources.papers.rules import AssetDocumentKind, AssetDocumentStatus

DocumentTitle = Annotated[Name, Meta(description="What it is called here.", examples=["Left side (demo)"])]
Shared = Annotated[bool, Meta(description="Whether everybody who sees the asset may read it; else your agency alone.")]


class NewAssetDocument(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is said of a file that is filed with an asset; the file itself is the body."""

    kind: Annotated[AssetDocumentKind, Meta(description="What it is to the asset.")]
    filename: Filename | None = None
    title: DocumentTitle | None = None
    shared: Shared = False
    replaces: Annotated[
        UUID | None, Meta(description="The document of the asset whose place it takes; that one stays on record.")
    ] = None
    asset_certificate_id: Annotated[UUID | None, Meta(description="The asset's certificate that it shows.")] = None
    insurance_id: Annotated[UUID | None, Meta(description="Your agency's certificate of insurance that it shows.")] = (
        None
    )
    sha256: Annotated[
        Sha256 | None, Meta(description="SHA-256 that the file must have as it is sent, so that none is damaged.")
    ] = None


class AssetDocumentPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What may be said otherwise later."""

    title: DocumentTitle | None | UnsetType = UNSET
    shared: Shared | UnsetType = UNSET


class AssetDocumentWithdrawal(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the document is shown no more. It stays on record."""

    reason: Reason


class AssetDocument(Struct, kw_only=True, frozen=True):
    """A picture or paper of an asset."""

    id: UUID
    asset_id: UUID
    kind: AssetDocumentKind
    status: AssetDocumentStatus
    shared: Shared
    title: str | None
    filename: Annotated[str | None, Meta(description="Only its owner is told.")]
    media_type: str
    size_bytes: int
    sha256: Annotated[
        str, Meta(description="Of the content as it is kept: of a picture, without what it said besides the picture.")
    ]
    pages: Annotated[int | None, Meta(description="Null for what has no pages.")]
    remarks: Annotated[list[FileRemark], Meta(description="What its readers should know of it.")]
    asset_certificate_id: Annotated[
        UUID | None, Meta(description="The certificate that it shows; only its owner is told.")
    ]
    insurance_id: Annotated[
        UUID | None, Meta(description="The certificate of insurance that it shows; only its owner is told.")
    ]
    filed_at: Instant
    replaced_by_id: Annotated[UUID | None, Meta(description="The document that took its place.")]
    withdrawn_at: Annotated[Instant | None, Meta(description="When it was withdrawn, or another took its place.")]
    withdrawn_reason: str | None
    allowed_actions: list[AllowedAction]
    version: int
    updated_at: Instant


class AssetDocumentPage(Struct, kw_only=True, frozen=True):
    """Documents of an asset, what was filed last first."""

    items: list[AssetDocument]
    next_cursor: str | None


class AssetDocumentQuery(ByChange, kw_only=True, frozen=True):
    """Filters of an asset's documents."""

    kind: Annotated[tuple[AssetDocumentKind, ...], Meta(description="Any of these.")] = ()
    status: Annotated[tuple[AssetDocumentStatus, ...], Meta(description="Any of these.")] = ()
    sha256: Annotated[Sha256 | None, Meta(description="SHA-256 of the content as it is kept.")] = None
