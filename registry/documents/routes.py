"""The documents' operations."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements.commands import RestrictedReading, record_readings
from registry.database.connect import Aside
from registry.database.handles import Read, Write
from registry.documents import commands, queries
from registry.documents.commands import Files
from registry.documents.schemas import Document, DocumentPage, DocumentQuery, DocumentWithdrawal, NewDocument
from registry.files.kinds import MEDIA_TYPES, PLAIN
from registry.http.answers import Answer, Content, entity_tag
from registry.http.disposition import attachment
from registry.http.links import next_link
from registry.http.paging import Page
from registry.http.requests import BodyStream
from registry.kernel.versions import Expected
from registry.ledger.queries import history
from registry.ledger.schemas import LedgerEventPage


def document_answer(found: Document, *, created: bool = False, restricted: bool = False) -> Answer[Document]:
    """The document with its tag."""
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.allowed_actions),
        location=f"/v1/documents/{found.id}" if created else None,
        restricted=restricted,
    )


async def _record(aside: Aside, caller: Caller, rows: Sequence[Any], **data: object) -> None:
    """Before the answer goes out: whose restricted documents it shows."""
    await record_readings(
        aside,
        caller,
        [
            RestrictedReading(
                agreement_id=row.agreement_id,
                custodian_id=row.custodian_id,
                data={"document_id": str(row.id), **data},
            )
            for row in rows
        ],
    )


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/documents",
    permission=Action.DOCUMENTS_FILE,
    query=NewDocument,
    takes=MEDIA_TYPES,
    example="Memorandum of agreement (demo). Either party may end it upon ninety days' written notice.",
    etag=True,
)
async def file_document(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    aside: NamedDependency[Aside],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    filters: NamedDependency[NewDocument],
    body: NamedDependency[BodyStream],
    files: NamedDependency[Files],
    ledger_key: NamedDependency[bytes],
) -> Answer[Document]:
    """File a document with an agreement: a PDF, a Word document, or the plain text of a scan.

    The body is the file itself, up to the size that the operator allows (25 MiB by default). What it is, is judged by
    its content. It is refused when it is empty, damaged, encrypted, of another kind than it is sent as, also readable
    as something else, or grows beyond measure when it is unpacked; then nothing of it is kept. Its text is found by
    the search. The same bytes are kept once.
    """
    filed = await commands.file_document(
        read, aside, write, caller, files, ledger_key, agreement_id, filters, body.media_type, body
    )
    return document_answer(filed, created=True)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/documents",
    permission=Action.AGREEMENTS_READ,
    query=DocumentQuery,
)
async def list_agreement_documents(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    aside: NamedDependency[Aside],
    filters: NamedDependency[DocumentQuery],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[DocumentPage]:
    """List what is on file with an agreement.

    For its parties; others see the public documents of an executed agreement. Of a restricted one its name and hash go
    to legal and auditor roles of parties; reading them is recorded first.
    """
    page, rows = await queries.list_documents(read, caller.principal, agreement_id, filters)
    revealed = [row for row in rows if queries.is_revealed(caller.principal, row)]
    await _record(aside, caller, revealed)
    return Answer(page, next_link=next_link(here, page.next_cursor), restricted=bool(revealed))


@operation("get", "/documents/{document_id:uuid}", permission=Action.AGREEMENTS_READ, etag=True)
async def get_document(
    document_id: FromPath[UUID],
    read: NamedDependency[Read],
    aside: NamedDependency[Aside],
    caller: NamedDependency[Caller],
) -> Answer[Document]:
    """Read what is known of a document."""
    found, row = await queries.get_document(read, caller.principal, document_id, reveal=True)
    revealed = queries.is_revealed(caller.principal, row)
    await _record(aside, caller, [row] if revealed else [])
    return document_answer(found, restricted=revealed)


@operation(
    "get",
    "/documents/{document_id:uuid}/content",
    permission=Action.AGREEMENTS_READ,
    produces=MEDIA_TYPES,
    etag=True,
)
async def get_document_content(
    document_id: FromPath[UUID],
    read: NamedDependency[Read],
    aside: NamedDependency[Aside],
    caller: NamedDependency[Caller],
    files: NamedDependency[Files],
) -> Content:
    """Download a document.

    It comes as it was filed, to be saved and not to be shown: nothing here runs or renders it. Reading a restricted or
    withdrawn one is recorded first.
    """
    row, restricted = await queries.readable_content(read, caller.principal, document_id)
    await _record(aside, caller, [row] if restricted else [], content=True)
    return Content(
        partial(files.store.open, row.sha256),
        media_type=f"{PLAIN}; charset=utf-8" if row.media_type == PLAIN else row.media_type,
        size=row.size_bytes,
        sha256=row.sha256,
        disposition=attachment(row.filename or row.title, row.media_type),
        restricted=restricted,
    )


@operation(
    "post",
    "/documents/{document_id:uuid}/withdraw",
    permission=Action.DOCUMENTS_WITHDRAW,
    status=200,
    example={"reason": "Filed with the wrong agreement (demo)."},
    etag=True,
)
async def withdraw_document(
    document_id: FromPath[UUID],
    data: JSONBody[DocumentWithdrawal],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Document]:
    """Withdraw a document, for the agency that filed it or the agreement's custodian.

    It stays on record. What it says is shown to the custodian's legal staff and auditors alone, and found by nobody.
    """
    return document_answer(await commands.withdraw_document(write, caller, document_id, data.reason, if_match))


@operation("get", "/documents/{document_id:uuid}/history", permission=Action.LEDGER_READ, query=Page)
async def list_document_history(
    document_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[Page],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[LedgerEventPage]:
    """List what happened to a document, as far as it concerns your agency."""
    await queries.document_row(read, caller.principal, document_id)
    page = await history(read, caller.principal, "document", document_id, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


router = Router(
    path="/v1",
    tags=["documents"],
    route_handlers=[
        file_document,
        list_agreement_documents,
        get_document,
        get_document_content,
        withdraw_document,
        list_document_history,
    ],
)
