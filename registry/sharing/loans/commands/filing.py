"""Commands that file pictures and papers with a loan, and withdraw them."""

from collections.abc import AsyncIterable
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.documents.commands import Files, check_arrived, check_claimed, keep_content, read_file
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.files.metadata import STRIPPED
from registry.platform.files.reading import Reading
from registry.platform.files.store import Received
from registry.platform.http.disposition import fitting_name
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.resources.papers.commands import cleaned
from registry.sharing.loans.commands.steps import lock_loan, note_on
from registry.sharing.loans.papers import MOST_DOCUMENTS, check_withdrawable
from registry.sharing.loans.queries.getting import loan_rows, side_of
from registry.sharing.loans.queries.papers import as_document, cited, document_row, status
from registry.sharing.loans.rules import Side
from registry.sharing.loans.schemas.papers import LoanDocument, NewLoanDocument
from registry.sharing.loans.tables import loan_document

_UUID = loan_document.c.id.type
_INSERT = loan_document.insert()
_ITS = loan_document.update().where(loan_document.c.id == sa.bindparam("its_id", type_=_UUID))
_COUNT = sa.select(sa.func.count()).where(loan_document.c.loan_id == sa.bindparam("loan_id", type_=_UUID))


async def file_loan_document(
    read: Read,
    own_transaction: OwnTransaction,
    write: Write,
    caller: Caller,
    files: Files,
    loan_id: UUID,
    new: NewLoanDocument,
    media_type: str,
    body: AsyncIterable[bytes],
) -> LoanDocument:
    """File a picture or paper with a loan, for the caller's side, at whatever time: what it shows may be asked later.

    The file is on disk, checked, and rid of what it says besides the picture, before anything is locked or written.
    Raises NotFound, Forbidden, RuleBroken for a file that cannot be taken, and `too_many_documents`;
    UnsupportedMediaType for one that is of another kind than it is sent as.
    """
    row, *_ = await loan_rows(read, caller.principal, loan_id, caller.now)
    permit(caller.principal, Action.LOANS_FILE, [side_of(row, caller.principal).value])
    with files.reader.uploads.one_more(caller.agency_id):
        async with files.store.receive(body) as received:
            check_arrived(received, new.sha256)
            kind, reading = await read_file(files.reader, received.path, media_type, caller.agency_id, recognise=False)
            async with cleaned(files.store, received, kind) as clean:
                await keep_content(own_transaction, files.store, caller, clean)
                return await _enter(write, caller, loan_id, new, clean, reading, kind)


async def _enter(
    write: Write,
    caller: Caller,
    loan_id: UUID,
    new: NewLoanDocument,
    received: Received,
    reading: Reading,
    media_type: str,
) -> LoanDocument:
    row = await lock_loan(write, caller, loan_id)
    side = side_of(row, caller.principal)
    permit(caller.principal, Action.LOANS_FILE, [side.value])
    await write.once()
    if await write.value(_COUNT, {"loan_id": loan_id}) >= MOST_DOCUMENTS:
        raise RuleBroken(f"At most {MOST_DOCUMENTS} documents are kept with one loan.", "too_many_documents")
    await check_claimed(write, received)
    document_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": document_id,
            "loan_id": loan_id,
            "sha256": received.sha256,
            "media_type": media_type,
            "kind": new.kind,
            "occasion": new.occasion,
            "side": side,
            "filename": None if new.filename is None else fitting_name(new.filename, media_type),
            "title": new.title,
            "remarks": [each for each in reading.remarks if media_type not in STRIPPED or each != "data_behind"],
            "pages": reading.pages,
            "filed_at": caller.now,
            "version": 1,
            "updated_at": caller.now,
        },
    )
    content = {"media_type": media_type, "size_bytes": received.size, "sha256": received.sha256}
    said = {"loan_document_id": str(document_id), "kind": new.kind, "occasion": new.occasion, "side": side}
    await note_on(write, caller, row, EventType.LOAN_DOCUMENT_FILED, {**said, **content})
    return as_document(await document_row(write, caller, loan_id, document_id), caller)


async def withdraw_loan_document(
    write: Write, caller: Caller, loan_id: UUID, document_id: UUID, reason: str, expected: Expected
) -> LoanDocument:
    """Take a document that the own side filed out of the other's sight; that it was filed stays on record.

    Raises NotFound, Forbidden for the other side, StaleVersion, WrongStatus for what is withdrawn already or what a
    condition report names.
    """
    its_loan = await lock_loan(write, caller, loan_id)
    side = side_of(its_loan, caller.principal)
    row = await document_row(write, caller, loan_id, document_id)
    permit(caller.principal, Action.LOANS_FILE, [side.value])
    await write.once()
    check_version(expected, row.version)
    check_withdrawable(status(row), Side(row.side), side, cited=cited(row))
    ended = {"withdrawn_at": caller.now, "withdrawn_reason": reason, "version": row.version + 1}
    await write.run(_ITS, {"its_id": document_id, **ended, "updated_at": caller.now})
    data = {"loan_document_id": str(document_id), "reason": reason}
    await note_on(write, caller, its_loan, EventType.LOAN_DOCUMENT_WITHDRAWN, data)
    return as_document(await document_row(write, caller, loan_id, document_id), caller)
