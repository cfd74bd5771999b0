"""The operations on pictures and papers of loans."""

from functools import partial
from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.documents.commands import Files
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.files.kinds import ANY, PICTURES_AND_PAPERS, PLAIN
from registry.platform.files.refusals import CODES
from registry.platform.http.answers import Answer, Content, entity_tag
from registry.platform.http.disposition import attachment
from registry.platform.http.requests import BodyStream
from registry.platform.kernel.versions import Expected
from registry.sharing.loans.commands import filing
from registry.sharing.loans.queries import getting, papers
from registry.sharing.loans.schemas.papers import (
    LoanDocument,
    LoanDocumentPage,
    LoanDocumentQuery,
    LoanDocumentWithdrawal,
    NewLoanDocument,
)

_ONE = "/loans/{loan_id:uuid}/documents/{loan_document_id:uuid}"


def _answer(found: LoanDocument, *, created: bool = False) -> Answer[LoanDocument]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.allowed_actions),
        location=f"/v1/loans/{found.loan_id}/documents/{found.id}" if created else None,
    )


@operation(
    "post",
    "/loans/{loan_id:uuid}/documents",
    permission=Action.LOANS_FILE,
    query=NewLoanDocument,
    takes=(ANY, *PICTURES_AND_PAPERS),
    example="Left rear door scratched, as photographed at the hand-over (demo).",
    etag=True,
    own_transactions=True,
    problems=tuple(sorted((*CODES, "sha256_differs", "too_many_documents"))),
)
async def file_loan_document(
    loan_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    write: Supplied[Write],
    caller: Supplied[Caller],
    filters: Supplied[NewLoanDocument],
    body: Supplied[BodyStream],
    files: Supplied[Files],
) -> Answer[LoanDocument]:
    """File a picture or paper with a loan, at whatever time: both sides do, and each reads what the other filed.

    The body is the file itself, checked as a document of an agreement is. Of a picture (JPEG, PNG) only the picture is
    kept: where, when, by whom and with what it was taken is taken out of it. A PDF, a text document or an e-mail is
    kept as it came (`metadata_kept` among its remarks). A condition report names what it goes by in `document_ids`:
    file that first.
    """
    filed = await filing.file_loan_document(
        read, own_transaction, write, caller, files, loan_id, filters, body.media_type, body
    )
    return _answer(filed, created=True)


@operation("get", "/loans/{loan_id:uuid}/documents", permission=Action.LOANS_READ, query=LoanDocumentQuery)
async def list_loan_documents(
    loan_id: FromPath[UUID], read: Supplied[Read], filters: Supplied[LoanDocumentQuery], caller: Supplied[Caller]
) -> Answer[LoanDocumentPage]:
    """List the pictures and papers that either side filed with a loan."""
    await getting.loan_rows(read, caller.principal, loan_id, caller.now)
    return Answer(await papers.list_documents(read, caller, loan_id, filters))


@operation("get", _ONE, permission=Action.LOANS_READ, etag=True)
async def get_loan_document(
    loan_id: FromPath[UUID], loan_document_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[LoanDocument]:
    """Read what is known of a picture or paper of a loan, also of one that was withdrawn."""
    return _answer(papers.as_document(await papers.document_row(read, caller, loan_id, loan_document_id), caller))


@operation("get", f"{_ONE}/content", permission=Action.LOANS_READ, produces=PICTURES_AND_PAPERS, etag=True)
async def get_loan_document_content(
    loan_id: FromPath[UUID],
    loan_document_id: FromPath[UUID],
    read: Supplied[Read],
    caller: Supplied[Caller],
    files: Supplied[Files],
) -> Content:
    """Download a picture or paper of a loan, to be saved and not to be shown: nothing here runs or renders it.

    What was withdrawn the agency that filed it alone still reads.
    """
    row = await papers.content_row(read, caller, loan_id, loan_document_id)
    name = row.filename if row.side == papers.side_in(row, caller) else None
    return Content(
        partial(files.store.open, row.sha256),
        media_type=f"{PLAIN}; charset=utf-8" if row.media_type == PLAIN else row.media_type,
        size=row.size_bytes,
        sha256=row.sha256,
        disposition=attachment(name or row.title, row.media_type),
        restricted=True,
    )


@operation(
    "post",
    f"{_ONE}/withdraw",
    permission=Action.LOANS_FILE,
    status=200,
    example={"reason": "Filed with the wrong loan (demo)."},
    etag=True,
    problems=("other_sides_action", "wrong_status"),
)
async def withdraw_loan_document(
    loan_id: FromPath[UUID],
    loan_document_id: FromPath[UUID],
    data: JSONBody[LoanDocumentWithdrawal],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[LoanDocument]:
    """Withdraw a picture or paper that your agency filed with a loan, unless a condition report names it.

    That it was filed and withdrawn, and why, both sides still read; its file your agency alone.
    """
    done = await filing.withdraw_loan_document(write, caller, loan_id, loan_document_id, data.reason, if_match)
    return _answer(done)


handlers = [
    file_loan_document,
    list_loan_documents,
    get_loan_document,
    get_loan_document_content,
    withdraw_loan_document,
]
