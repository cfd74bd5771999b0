"""The documents' operations."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.agreements.documents import commands, queries
from registry.agreements.documents.commands import Files
from registry.agreements.documents.schemas import Document, DocumentPage, DocumentQuery, DocumentWithdrawal, NewDocument
from registry.agreements.instruments.commands.disclosing import RestrictedReading, record_readings
from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.files.kinds import ANY, MEDIA_TYPES, PLAIN
from registry.platform.files.refusals import CODES
from registry.platform.http.answers import Answer, Content, entity_tag
from registry.platform.http.disposition import attachment
from registry.platform.http.requests import BodyStream
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery


def document_answer(found: Document, *, created: bool = False, restricted: bool = False) -> Answer[Document]:
    """The document with its tag."""
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.publication, found.kept_from, found.allowed_actions),
        location=f"/v1/documents/{found.id}" if created else None,
        restricted=restricted,
    )


async def _record(own_transaction: OwnTransaction, caller: Caller, rows: Sequence[Any], **data: object) -> None:
    """Before the answer goes out: whose restricted documents it shows."""
    await record_readings(
        own_transaction,
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
    takes=(ANY, *MEDIA_TYPES),
    example="Memorandum of agreement (demo). Either party may end it upon ninety days' written notice.",
    etag=True,
    own_transactions=True,
    problems=tuple(
        sorted(
            (
                *CODES,
                "exemption_missing",
                "exemption_without_restriction",
                "on_file_as_restricted",
                "repeats_restricted",
                "sha256_differs",
                "unknown_version",
            )
        )
    ),
)
async def file_document(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    write: Supplied[Write],
    caller: Supplied[Caller],
    filters: Supplied[NewDocument],
    body: Supplied[BodyStream],
    files: Supplied[Files],
    ledger_key: Supplied[bytes],
) -> Answer[Document]:
    """File a document with an agreement: a PDF, a document of a word processor, an e-mail, a picture, or plain text.

    The body is the file itself, up to the size that the operator allows (25 MiB by default). What it is, is judged by
    its content; send it as `application/octet-stream`, or as what it is, if you know: then a file of another kind is
    refused. It is refused when it is empty, damaged, encrypted (unless an empty password opens it), of another kind
    than it is sent as, also readable as something else, holds macros or a template from another computer, or grows
    beyond measure when it is unpacked; then nothing of it is kept. Otherwise it is kept as it is, and nothing in it is
    ever run or followed: `remarks` say what it holds. Its text is found by the search, with form values, notes,
    headers, footers and comments, without what tracked changes deleted; `text` says whether that is all of it. The
    same bytes are kept once. What you can read as restricted in this agreement, on file or in a clause, needs a
    `declassify_reason` to be filed for more, and so does a file that repeats its sentences. With other agreements
    nothing is compared.
    Where it shows what was reported of a party by its hash, that party's 14 days to contest begin now.
    """
    filed = await commands.file_document(
        read, own_transaction, write, caller, files, ledger_key, agreement_id, filters, body.media_type, body
    )
    return document_answer(filed, created=True)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/documents",
    permission=Action.AGREEMENTS_READ,
    query=DocumentQuery,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def list_agreement_documents(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    filters: Supplied[DocumentQuery],
    caller: Supplied[Caller],
) -> Answer[DocumentPage]:
    """List what is on file with an agreement.

    For its parties; others see the public documents that each party agreed to publish, once the agreement is published.
    Of a restricted one its name and hash go to legal and auditor roles of parties; reading them is recorded first.
    """
    page, rows = await queries.list_documents(read, caller.principal, agreement_id, filters, caller.now)
    revealed = [row for row in rows if queries.is_revealed(caller.principal, row)]
    await _record(own_transaction, caller, revealed)
    return Answer(page, restricted=bool(revealed))


@operation(
    "get",
    "/documents/{document_id:uuid}",
    permission=Action.AGREEMENTS_READ,
    etag=True,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def get_document(
    document_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
) -> Answer[Document]:
    """Read what is known of a document."""
    found, row = await queries.get_document(read, caller.principal, document_id, caller.now, reveal=True)
    revealed = queries.is_revealed(caller.principal, row)
    await _record(own_transaction, caller, [row] if revealed else [])
    return document_answer(found, restricted=revealed)


@operation(
    "get",
    "/documents/{document_id:uuid}/content",
    permission=Action.AGREEMENTS_READ,
    produces=MEDIA_TYPES,
    etag=True,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def get_document_content(
    document_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
    files: Supplied[Files],
) -> Content:
    """Download a document.

    It comes as it was filed, to be saved and not to be shown: nothing here runs or renders it. Reading a restricted or
    withdrawn one is recorded first.
    """
    row, restricted = await queries.readable_content(read, caller.principal, document_id, caller.now)
    await _record(own_transaction, caller, [row] if restricted else [], content=True)
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
    problems=("document_rested_on", "record_held", "repeats_restricted", "wrong_status"),
)
async def withdraw_document(
    document_id: FromPath[UUID],
    data: JSONBody[DocumentWithdrawal],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Document]:
    """Withdraw a document, for the agency that filed it.

    Also where that is not bound yet or has left. It stays on record, and is found by nobody. What it says is shown to
    the legal staff and auditors of that agency and of the agreement's custodian. Nothing is withdrawn while the
    agreement's record is under a legal hold, nor the only paper on which another party's signature, confirmation or
    recorded act rests.
    """
    return document_answer(await commands.withdraw_document(write, caller, document_id, data.reason, if_match))


@operation("get", "/documents/{document_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_document_history(
    document_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to a document, as far as it concerns your agency."""
    await queries.document_row(read, caller.principal, document_id, caller.now)
    return Answer(await history(read, caller.principal, "document", document_id, filters))


router = Router(
    path="/v1",
    route_handlers=[
        file_document,
        list_agreement_documents,
        get_document,
        get_document_content,
        withdraw_document,
        list_document_history,
    ],
)
