"""Bulk recording over HTTP, for what fits in a request; whole trackers go in on the command line."""

from litestar.di import NamedDependency
from litestar.params import JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agencies.fbi_lines import ImportFormatError
from registry.agreements.tracker import importing
from registry.agreements.tracker.rows import Options, read_rows, table_of
from registry.agreements.tracker.schemas import AGREEMENT_IMPORT_EXAMPLE, AgreementImport, AgreementImportReport
from registry.database.connect import Database
from registry.database.handles import Write
from registry.http.answers import Answer
from registry.kernel.errors import Fault, RuleBroken


@operation(
    "post",
    "/agreement-imports",
    permission=Action.AGREEMENTS_ATTEST,
    status=200,
    problems=(422,),
    example=AGREEMENT_IMPORT_EXAMPLE,
)
async def import_agreements(
    data: JSONBody[AgreementImport],
    database: NamedDependency[Database],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    ledger_key: NamedDependency[bytes],
) -> Answer[AgreementImportReport]:
    """Enter and correct agreements from the rows of a tracker.

    Agreements are met by custodian and number; each bad row is refused with its cells named, the others are taken. The
    same rows again change nothing. The rows go in 20 at a time: after a 503 the rows done so far stay, and sending all
    again does the rest.
    """
    importing.may_import(caller)
    options = Options(
        custodian=data.custodian,
        time_zone=data.time_zone,
        dates=data.dates,
        attest_parties=data.attest_parties,
        row_as_evidence=data.row_as_evidence,
    )
    try:
        rows, headers = read_rows(table_of(data.rows), options)
    except ImportFormatError as error:
        fault = Fault(pointer="/rows", code=error.code, detail="not the columns of a tracker")
        raise RuleBroken(error.detail, error.code, faults=[fault]) from None
    # The import has transactions of its own. So a repeat is answered first, without holding the writer, and what
    # this request's transaction keeps is its answer.
    await write.once()
    await write.abandon()
    report = await importing.import_agreements(
        database, caller, ledger_key, rows, options, unread_columns=headers.unread, dry_run=data.dry_run
    )
    await write.once()
    return Answer(report)
