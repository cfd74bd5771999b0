"""Pictures and papers of loans, for both sides alike; of what was withdrawn the file is its own side's alone."""

from collections.abc import Sequence
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
from registry.sharing.loans.papers import (
    LoanDocumentKind,
    LoanDocumentStatus,
    LoanOccasion,
    check_named,
    why_kept,
)
from registry.sharing.loans.rules import Side
from registry.sharing.loans.schemas.papers import (
    LoanDocument,
    LoanDocumentPage,
    LoanDocumentQuery,
    LoanDocumentReference,
)
from registry.sharing.loans.tables import REPORTS, loan, loan_document

_UUID = loan_document.c.id.type
_VIEWER = sa.bindparam("viewer", type_=_UUID)
_VISIBLE = (
    sa.select(
        loan_document,
        document_content.c.size_bytes,
        loan.c.assisting_agency_id,
        *(loan.c[name] for name in REPORTS),
        loan.c.partial_returns,
    )
    .join(loan, loan.c.id == loan_document.c.loan_id)
    .join(document_content, document_content.c.sha256 == loan_document.c.sha256)
    .where(
        loan_document.c.loan_id == sa.bindparam("loan_id", type_=_UUID),
        sa.or_(loan.c.requesting_agency_id == _VIEWER, loan.c.assisting_agency_id == _VIEWER),
    )
)
_GET = _VISIBLE.where(loan_document.c.id == sa.bindparam("id", type_=_UUID))
_STATUS = sa.case(
    (loan_document.c.withdrawn_at.is_not(None), LoanDocumentStatus.WITHDRAWN.value),
    else_=LoanDocumentStatus.FILED.value,
)
_SHOWN = (
    *(loan_document.c[name] for name in ("id", "kind", "occasion", "side", "title", "media_type", "sha256")),
    loan_document.c.filed_at,
)
_ON_FILE = (
    sa.select(*_SHOWN)
    .where(
        loan_document.c.loan_id == sa.bindparam("loan_id", type_=_UUID),
        loan_document.c.withdrawn_at.is_(None),
    )
    .order_by(loan_document.c.id)
)
DOCUMENTED = (
    sa.exists().where(loan_document.c.loan_id == loan.c.id, loan_document.c.withdrawn_at.is_(None)).correlate(loan)
)
"""An expression: whether anything is on file with a loan."""
_ORDERS = Orders(
    LoanDocumentQuery,
    created_at=loan_document.c.id,
    updated_at=(loan_document.c.updated_at, loan_document.c.id),
)


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    statement = _VISIBLE.where(*changed_in(loan_document.c.updated_at, filters))
    for name, column in (("kind", loan_document.c.kind), ("occasion", loan_document.c.occasion), ("status", _STATUS)):
        if name in filters:
            statement = statement.where(column.in_(sa.bindparam(name, expanding=True)))
    if "side" in filters:
        statement = statement.where(loan_document.c.side == sa.bindparam("side", type_=sa.Text))
    return _ORDERS.page(statement, sort, after="cursor" in filters)


async def documents_of(read: Read, loan_id: UUID) -> list[LoanDocumentReference]:
    """What is on file with a loan that the reader sees, oldest first."""
    return [
        LoanDocumentReference(
            id=row.id,
            kind=LoanDocumentKind(row.kind),
            occasion=LoanOccasion(row.occasion),
            side=Side(row.side),
            title=row.title,
            media_type=row.media_type,
            sha256=row.sha256,
            filed_at=row.filed_at,
        )
        for row in await read.all(_ON_FILE, {"loan_id": loan_id})
    ]


async def check_documents(read: Read, loan_id: UUID, side: Side, named: Sequence[UUID], pointer: str) -> None:
    """Raises RuleBroken `unknown_document` unless all that are named are on file with the loan, by that side."""
    if named:
        known = [each.id for each in await documents_of(read, loan_id) if each.side is side]
        check_named(named, known, pointer)


async def document_row(read: Read, caller: Caller, loan_id: UUID, document_id: UUID) -> Row[Any]:
    """The document's row. Raises NotFound where the caller may not know of it."""
    row = await read.first(_GET, {"loan_id": loan_id, "id": document_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("document")
    return row


async def content_row(read: Read, caller: Caller, loan_id: UUID, document_id: UUID) -> Row[Any]:
    """As `document_row`, for its file: what was withdrawn its own side alone still reads. Raises NotFound."""
    row = await document_row(read, caller, loan_id, document_id)
    if row.withdrawn_at is not None and row.side != side_in(row, caller):
        raise NotFound("document")
    return row


async def list_documents(read: Read, caller: Caller, loan_id: UUID, query: LoanDocumentQuery) -> LoanDocumentPage:
    """A page of a loan's documents, which the caller sees. Raises Malformed for another list's cursor."""
    chosen = given(query, "kind", "occasion", "status", "side", *CHANGED)
    filters = frozenset({*chosen, *(["cursor"] if query.cursor is not None else [])})
    parameters = {"loan_id": loan_id, "viewer": caller.agency_id, **chosen, **_ORDERS.parameters(query)}
    rows = await read.all(_list_statement(filters, query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return LoanDocumentPage(items=[as_document(row, caller) for row in kept], next_cursor=next_cursor)


def side_in(row: Row[Any], caller: Caller) -> Side:
    """The caller's side in the loan of a document's row."""
    return Side.ASSISTING if row.assisting_agency_id == caller.agency_id else Side.REQUESTING


def status(row: Row[Any]) -> LoanDocumentStatus:
    """Where the document of the row stands."""
    return LoanDocumentStatus.FILED if row.withdrawn_at is None else LoanDocumentStatus.WITHDRAWN


def cited(row: Row[Any]) -> bool:
    """Whether a condition report of the loan names the document of the row."""
    reports = [msgspec.json.decode(said) for name in REPORTS if (said := row._mapping[name]) is not None]
    if row.partial_returns is not None:
        reports += [each["condition"] for each in msgspec.json.decode(row.partial_returns)]
    return any(str(row.id) in report.get("document_ids", ()) for report in reports)


def as_document(row: Row[Any], caller: Caller) -> LoanDocument:
    """The representation of a row."""
    side, filed_by = side_in(row, caller), Side(row.side)
    return LoanDocument(
        id=row.id,
        loan_id=row.loan_id,
        kind=LoanDocumentKind(row.kind),
        occasion=LoanOccasion(row.occasion),
        status=status(row),
        side=filed_by,
        title=row.title,
        filename=row.filename if side is filed_by else None,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        pages=row.pages,
        remarks=[
            *msgspec.json.decode(row.remarks, type=list[FileRemark]),
            *([FileRemark.METADATA_KEPT] if row.media_type in LEFT_IN else []),
        ],
        filed_at=row.filed_at,
        withdrawn_at=row.withdrawn_at,
        withdrawn_reason=row.withdrawn_reason,
        allowed_actions=_allowed(row, caller, side, filed_by),
        version=row.version,
        updated_at=row.updated_at,
    )


def _allowed(row: Row[Any], caller: Caller, side: Side, filed_by: Side) -> list[AllowedAction]:
    if side is not filed_by or refusal(caller.principal, Action.LOANS_FILE, [side.value]) is not None:
        return []
    return [offer("withdraw", withheld=why_kept(status(row), filed_by, side, cited=cited(row)))]
