"""Which documents a caller may know of, and what of each.

The parties see all of an agreement's documents, of restricted ones only that they are there unless their role reaches
restricted text; others see the public ones of executed agreements. Whoever filed one sees it. What was withdrawn
stays known, to others than the parties without its words, and its content is for the custodian's cleared staff alone.
"""

from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, Relation, refusal
from registry.access.principals import Principal, Role
from registry.agreements.queries import (
    agreement_row,
    is_party,
    may_read_restricted,
    relations,
    shared_with,
    visible_to,
)
from registry.agreements.rules import Sensitivity
from registry.agreements.tables import agreement, agreement_version
from registry.database.handles import Read
from registry.documents.rules import DocumentKind, DocumentStatus, TextLayer
from registry.documents.schemas import Document, DocumentPage, DocumentQuery
from registry.documents.tables import document, document_content
from registry.http.paging import cut, decode_cursor
from registry.kernel.actions import AllowedAction, offer
from registry.kernel.errors import Forbidden, NotFound

_UUID = document.c.id.type
_SHARED = shared_with()
_OWN = document.c.filed_by_id == sa.bindparam("viewer", type_=_UUID)
_OPEN = sa.and_(document.c.sensitivity == Sensitivity.PUBLIC, agreement.c.executed_at.is_not(None))


def _documents(*, administrator: bool) -> sa.Select[Any]:
    """The documents that `viewer` may know of."""
    known = sa.or_(visible_to(), agreement.c.executed_at.is_not(None)) if administrator else visible_to()
    return (
        sa.select(
            document,
            document_content.c.media_type,
            document_content.c.size_bytes,
            agreement_version.c.no.label("version_no"),
            agreement.c.custodian_id,
            _SHARED.label("shared"),
            is_party().label("is_party"),
        )
        .join(agreement, agreement.c.id == document.c.agreement_id)
        .join(document_content, document_content.c.sha256 == document.c.sha256)
        .outerjoin(agreement_version, agreement_version.c.id == document.c.version_id)
        .where(known, sa.or_(_SHARED, _OPEN, _OWN))
    )


_GET = {
    who: _documents(administrator=who).where(document.c.id == sa.bindparam("id", type_=_UUID)) for who in (True, False)
}


@cache
def _list_statement(filters: frozenset[str]) -> sa.Select[Any]:
    statement = _documents(administrator="administrator" in filters).where(
        document.c.agreement_id == sa.bindparam("agreement_id", type_=_UUID)
    )
    if "kind" in filters:
        statement = statement.where(document.c.kind == sa.bindparam("kind"))
    if "status" in filters:
        withdrawn = sa.bindparam("withdrawn", type_=sa.Boolean)
        statement = statement.where(document.c.withdrawn_at.is_not(None) == withdrawn)
    if "sha256" in filters:
        # By its hash a restricted document is found by those alone to whom the hash is shown.
        legible = sa.or_(
            document.c.sensitivity != Sensitivity.RESTRICTED,
            sa.and_(_SHARED, sa.bindparam("cleared", type_=sa.Boolean)),
        )
        statement = statement.where(document.c.sha256 == sa.bindparam("sha256"), legible)
    if "cursor" in filters:
        statement = statement.where(document.c.id > sa.bindparam("after", type_=_UUID))
    return statement.order_by(document.c.id).limit(sa.bindparam("limit", type_=sa.Integer))


async def document_row(read: Read, principal: Principal, document_id: UUID) -> Row[Any]:
    """The document's row. Raises NotFound where the caller may not know of it."""
    statement = _GET[Role.REGISTRY_ADMIN in principal.roles]
    row = await read.first(statement, {"id": document_id, "viewer": principal.agency_id})
    if row is None:
        raise NotFound("document")
    return row


def document_relations(principal: Principal, row: Row[Any]) -> list[Relation]:
    """How the caller's agency stands to a document."""
    own: list[Relation] = ["own"] if row.filed_by_id == principal.agency_id else []
    return [*own, *relations(principal, row)]


async def get_document(
    read: Read, principal: Principal, document_id: UUID, *, reveal: bool = False
) -> tuple[Document, Row[Any]]:
    """One document, and its row; the particulars of a restricted one only with `reveal`. Raises NotFound.

    Whoever reveals records the reading first: the answers to changes do not, since they are kept to be repeated.
    """
    row = await document_row(read, principal, document_id)
    return _as_document(principal, row, reveal=reveal), row


async def list_documents(
    read: Read, principal: Principal, agreement_id: UUID, query: DocumentQuery
) -> tuple[DocumentPage, list[Row[Any]]]:
    """A page of an agreement's documents, and their rows. Raises NotFound, Malformed for another list's cursor."""
    await agreement_row(read, principal, agreement_id)
    parameters: dict[str, object] = {
        "agreement_id": agreement_id,
        "viewer": principal.agency_id,
        "limit": query.limit + 1,
        "kind": query.kind,
        "withdrawn": query.status is DocumentStatus.WITHDRAWN,
        "sha256": query.sha256,
        "cleared": may_read_restricted(principal),
    }
    filters = {name for name in ("kind", "status", "sha256", "cursor") if getattr(query, name) is not None}
    if query.cursor is not None:
        (parameters["after"],) = decode_cursor(query.cursor, (UUID,))
    if Role.REGISTRY_ADMIN in principal.roles:
        filters.add("administrator")
    rows = await read.all(_list_statement(frozenset(filters)), parameters)
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.id,))
    items = [_as_document(principal, row, reveal=True) for row in kept]
    return DocumentPage(items=items, next_cursor=next_cursor), list(kept)


async def readable_content(read: Read, principal: Principal, document_id: UUID) -> tuple[Row[Any], bool]:
    """The row of a document whose content the caller may read, and whether that is restricted reading.

    Raises NotFound, Forbidden for a document that is restricted or withdrawn.
    """
    row = await document_row(read, principal, document_id)
    withdrawn = row.withdrawn_at is not None
    cleared = row.shared and may_read_restricted(principal)
    if withdrawn and not (cleared and row.custodian_id == principal.agency_id):
        raise Forbidden("The document is withdrawn; what it said is for the custodian's legal staff and auditors.")
    if row.sensitivity == Sensitivity.RESTRICTED and not cleared:
        raise Forbidden("The document is restricted: it is for legal staff and auditors of the parties.")
    return row, withdrawn or row.sensitivity == Sensitivity.RESTRICTED


def is_revealed(principal: Principal, row: Row[Any]) -> bool:
    """Whether a restricted document's own words are shown to the caller."""
    return row.sensitivity == Sensitivity.RESTRICTED and row.shared and may_read_restricted(principal)


def _as_document(principal: Principal, row: Row[Any], *, reveal: bool) -> Document:
    withdrawn = row.withdrawn_at is not None
    legible = row.shared or not withdrawn
    if row.sensitivity == Sensitivity.RESTRICTED:
        legible = reveal and is_revealed(principal, row)
    return Document(
        id=row.id,
        agreement_id=row.agreement_id,
        version_no=row.version_no,
        kind=DocumentKind(row.kind),
        status=DocumentStatus.WITHDRAWN if withdrawn else DocumentStatus.FILED,
        sensitivity=Sensitivity(row.sensitivity),
        exemption=row.exemption,
        title=row.title if legible else None,
        filename=row.filename if legible else None,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256 if legible else None,
        pages=row.pages,
        text=TextLayer(row.text_layer),
        filed_by=row.filed_by_id,
        filed_at=row.filed_at,
        withdrawn_at=row.withdrawn_at,
        withdrawal_reason=row.withdrawal_reason if row.shared else None,
        allowed_actions=_allowed(principal, row),
        version=row.version,
    )


def _allowed(principal: Principal, row: Row[Any]) -> list[AllowedAction]:
    if refusal(principal, Action.DOCUMENTS_WITHDRAW, document_relations(principal, row)) is not None:
        return []
    return [offer("withdraw", withheld="It is withdrawn already." if row.withdrawn_at is not None else None)]
