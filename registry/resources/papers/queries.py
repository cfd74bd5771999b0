"""Which documents of assets a caller may know of: its own agency's; of others' what is shared of an asset it sees."""

from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.documents.tables import document_content
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.files.metadata import LEFT_IN
from registry.platform.files.remarks import FileRemark
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.resources.assets.queries.getting import asset_row
from registry.resources.assets.queries.visibility import VIEWER, relations, visible_to
from registry.resources.assets.tables import asset
from registry.resources.papers.rules import AssetDocumentKind, AssetDocumentStatus, status_of, why_closed
from registry.resources.papers.schemas import AssetDocument, AssetDocumentPage, AssetDocumentQuery
from registry.resources.papers.tables import asset_document

_UUID = asset_document.c.id.type
_VISIBLE = (
    sa.select(asset_document, document_content.c.size_bytes, asset.c.agency_id)
    .join(asset, asset.c.id == asset_document.c.asset_id)
    .join(document_content, document_content.c.sha256 == asset_document.c.sha256)
    .where(
        asset_document.c.asset_id == sa.bindparam("asset_id", type_=_UUID),
        sa.or_(
            asset.c.agency_id == VIEWER,
            sa.and_(asset_document.c.shared, asset_document.c.withdrawn_at.is_(None), visible_to()),
        ),
    )
)
_GET = _VISIBLE.where(asset_document.c.id == sa.bindparam("id", type_=_UUID))
_STATUS = sa.case(
    (asset_document.c.replaced_by_id.is_not(None), AssetDocumentStatus.REPLACED.value),
    (asset_document.c.withdrawn_at.is_not(None), AssetDocumentStatus.WITHDRAWN.value),
    else_=AssetDocumentStatus.FILED.value,
)
_ORDERS = Orders(
    AssetDocumentQuery,
    created_at=asset_document.c.id,
    updated_at=(asset_document.c.updated_at, asset_document.c.id),
)


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    statement = _VISIBLE.where(*changed_in(asset_document.c.updated_at, filters))
    for name, column in (("kind", asset_document.c.kind), ("status", _STATUS)):
        if name in filters:
            statement = statement.where(column.in_(sa.bindparam(name, expanding=True)))
    if "sha256" in filters:
        statement = statement.where(asset_document.c.sha256 == sa.bindparam("sha256", type_=sa.Text))
    return _ORDERS.page(statement, sort, after="cursor" in filters)


async def document_row(read: Read, caller: Caller, asset_id: UUID, document_id: UUID) -> Row[Any]:
    """The document's row. Raises NotFound where the caller may not know of it."""
    parameters = {"asset_id": asset_id, "id": document_id, "viewer": caller.agency_id, "at": caller.now}
    row = await read.first(_GET, parameters)
    if row is None:
        raise NotFound("document")
    return row


async def list_documents(read: Read, caller: Caller, asset_id: UUID, query: AssetDocumentQuery) -> AssetDocumentPage:
    """A page of an asset's documents. Raises NotFound, Malformed for another list's cursor."""
    await asset_row(read, caller, asset_id)
    chosen = given(query, "kind", "status", "sha256", *CHANGED)
    viewer = {"viewer": caller.agency_id, "at": caller.now}
    filters = frozenset({*chosen, *(["cursor"] if query.cursor is not None else [])})
    parameters = {"asset_id": asset_id, **viewer, **chosen, **_ORDERS.parameters(query)}
    rows = await read.all(_list_statement(filters, query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return AssetDocumentPage(items=[as_document(row, caller) for row in kept], next_cursor=next_cursor)


def status(row: Row[Any]) -> AssetDocumentStatus:
    """Where the document of the row stands."""
    return status_of(withdrawn=row.withdrawn_at is not None, replaced=row.replaced_by_id is not None)


def as_document(row: Row[Any], caller: Caller) -> AssetDocument:
    """The representation of a row, as the caller may know it."""
    own = row.agency_id == caller.agency_id
    return AssetDocument(
        id=row.id,
        asset_id=row.asset_id,
        kind=AssetDocumentKind(row.kind),
        status=status(row),
        shared=bool(row.shared),
        title=row.title,
        filename=row.filename if own else None,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        pages=row.pages,
        remarks=[
            *msgspec.json.decode(row.remarks, type=list[FileRemark]),
            *([FileRemark.METADATA_KEPT] if row.media_type in LEFT_IN else []),
        ],
        asset_certificate_id=row.asset_certificate_id if own else None,
        insurance_id=row.insurance_id if own else None,
        filed_at=row.filed_at,
        replaced_by_id=row.replaced_by_id,
        withdrawn_at=row.withdrawn_at,
        withdrawn_reason=row.withdrawn_reason,
        allowed_actions=_allowed(row, caller),
        version=row.version,
        updated_at=row.updated_at,
    )


def _allowed(row: Row[Any], caller: Caller) -> list[AllowedAction]:
    if refusal(caller.principal, Action.ASSETS_FILE, relations(caller.principal, row.agency_id)) is not None:
        return []
    return [offer(name, withheld=why_closed(status(row))) for name in ("update", "withdraw")]
