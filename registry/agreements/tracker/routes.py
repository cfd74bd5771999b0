"""Bulk recording over HTTP, for what fits in a request; whole trackers go in on the command line."""

from litestar import Router
from litestar.params import JSONBody

from registry.agreements.tracker.commands import importing
from registry.agreements.tracker.report_csv import TakenRows, report_csv
from registry.agreements.tracker.rows import Options, read_rows, table_of
from registry.agreements.tracker.schemas import AGREEMENT_IMPORT_EXAMPLE, AgreementImport, AgreementImportReport
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.database.connect import Database
from registry.platform.http.answers import Answer, CsvAnswer
from registry.platform.kernel.errors import RuleBroken

_PROBLEMS = ("import_format", "listing_agreement_taken", "listing_taken", "snapshot_taken", "unknown_agency")


async def _imported(
    data: AgreementImport, database: Database, caller: Caller, ledger_key: bytes
) -> tuple[AgreementImportReport, TakenRows]:
    """The report, and every row with what became of it."""
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
        raise RuleBroken.at(error.detail, error.code, "not the columns of a tracker", pointer="/rows") from None
    taken: TakenRows = []
    report = await importing.import_agreements(
        database, caller, ledger_key, rows, options, unread_columns=headers.unread, dry_run=data.dry_run, taken=taken
    )
    return report, taken


@operation(
    "post",
    "/agreement-imports",
    permission=Action.AGREEMENTS_ATTEST,
    status=200,
    problems=_PROBLEMS,
    example=AGREEMENT_IMPORT_EXAMPLE,
    own_transactions=True,
)
async def import_agreements(
    data: JSONBody[AgreementImport],
    database: Supplied[Database],
    caller: Supplied[Caller],
    ledger_key: Supplied[bytes],
) -> Answer[AgreementImportReport]:
    """Enter and correct agreements from the rows of a tracker.

    Agreements are met by custodian and number; each bad row is refused with its cells named, the others are taken. The
    same rows again change nothing. The rows go in 20 at a time: after a 503 the rows done so far stay, and sending all
    again does the rest.
    """
    report, _ = await _imported(data, database, caller, ledger_key)
    return Answer(report)


@operation(
    "post",
    "/agreement-imports.csv",
    permission=Action.AGREEMENTS_ATTEST,
    status=200,
    problems=_PROBLEMS,
    example=AGREEMENT_IMPORT_EXAMPLE,
    own_transactions=True,
)
async def import_agreements_with_csv_report(
    data: JSONBody[AgreementImport],
    database: Supplied[Database],
    caller: Supplied[Caller],
    ledger_key: Supplied[bytes],
) -> CsvAnswer:
    """Enter and correct agreements from the rows of a tracker, and answer with the whole report for a spreadsheet.

    The same as without `.csv`, with a line for every row: its outcome, and of each refused cell what is wrong and what
    to do. A value that a spreadsheet would run as a formula is written as text. It begins with the mark of UTF-8
    (U+FEFF) that spreadsheets need: programs read it as `utf-8-sig`, or drop the mark.
    """
    report, taken = await _imported(data, database, caller, ledger_key)
    return CsvAnswer(report_csv(report, taken), filename="agreement-import")


router = Router(path="/v1", route_handlers=[import_agreements, import_agreements_with_csv_report])
