"""`registry import`: public lists of agencies, and agreements from trackers."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from registry.agreements.documents.commands import Files
from registry.agreements.documents.rules import DocumentKind
from registry.agreements.tracker.cells import Dates
from registry.agreements.tracker.columns import COLUMNS, is_known
from registry.agreements.tracker.commands.filing import file_texts, files_of
from registry.agreements.tracker.commands.importing import import_agreements
from registry.agreements.tracker.commands.replaying import replay
from registry.agreements.tracker.file_names import AgreementOfFiles, by_number_and_title
from registry.agreements.tracker.profiles import load_profile, shipped_profiles
from registry.agreements.tracker.queries.directory import everybody
from registry.agreements.tracker.queries.remembered import agreements_of_list
from registry.agreements.tracker.replay_report import ReplayReport
from registry.agreements.tracker.report_csv import TakenRow, report_csv
from registry.agreements.tracker.report_text import told_files, told_import, told_replay
from registry.agreements.tracker.rows import Options, TrackerRow, read_rows
from registry.agreements.tracker.schemas import AgreementImportReport, FilesReport
from registry.agreements.tracker.sightings import read_panel
from registry.agreements.tracker.statuses import load_statuses, shipped_statuses
from registry.cli import importing
from registry.cli.session import (
    ConfigurationError,
    current,
    local_caller,
    progress,
    reporting_errors,
    run,
    settings_or_exit,
)
from registry.directory.agencies.commands.importing import import_agencies
from registry.directory.agencies.fbi import AgencyRecord, join, read_cde, read_lee, sniff
from registry.directory.agencies.schemas import AgencyImportReport
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.bulk.sheets import Hidden, Sheet, read_file
from registry.platform.database.connect import Database
from registry.platform.files.opening import open_store
from registry.platform.files.reading import FileReader, find_recogniser
from registry.platform.kernel.time import civil_day
from registry.platform.settings import Settings

REFUSED_ROWS_PRINTED = 20
KINDS = [kind.value for kind in DocumentKind]


@click.command(name="agencies")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.argument("cde", required=False, type=click.Path(path_type=Path))
@importing.table_options
def import_agencies_(file: Path | None, cde: Path | None, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Enter and correct agencies from a table, or from the FBI's lists.

    The FBI's lists are the police-employee list (LEE), given first, and the Crime Data API's (CDE). They need no
    mapping and are written at once: bad rows are refused and named, the others are taken, and the same lists again
    change nothing. Any other table (CSV, TSV, NDJSON or XLSX) is shown with what each column most likely is and
    checked; --write enters its rows, and a refused one ends the command with 1. docs/importing.md says more.

    \b
    Examples:
      registry import agencies lee.csv cde.csv --dry-run
      registry import agencies lee.csv cde.csv
      registry import agencies members.xlsx --as-suggested --on-error skip --write
    """
    if cde is None and (file is None or not _is_fbi_list(file)):
        importing.import_table("agencies", file=file, agency=None, as_json=as_json, dry_run=dry_run, **given)
        return
    assert file is not None
    if given.pop("write") or given.pop("on_error") != "abort" or any(given.values()):
        raise click.UsageError("The FBI's lists are taken as they are, with --dry-run and --json alone.")
    report = run(settings_or_exit(), lambda settings: _import(settings, file, cde, dry_run=dry_run))
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _print_import(report)


def _is_fbi_list(path: Path) -> bool:
    with reporting_errors():
        try:
            return bool(sniff(path))
        except ImportFormatError:
            return False


async def _import(settings: Settings, lee: Path, cde: Path | None, *, dry_run: bool) -> AgencyImportReport:
    for path, wanted in ((lee, "lee"), (cde, "cde")):
        if path is not None and (found := sniff(path)) != wanted:
            raise ConfigurationError(f"{path.name} is the {found} list; give the lee list first, then the cde list.")
    with ExitStack() as stack:
        employees = stack.enter_context(lee.open("rb"))
        places = iter(()) if cde is None else read_cde(stack.enter_context(cde.open("rb")), cde.name)
        records = list(join(read_lee(employees, lee.name), places))
    total = sum(isinstance(record, AgencyRecord) for record in records)
    async with current(settings) as database:
        with progress("agencies", total) as show:
            return await import_agencies(database, local_caller(), records, dry_run=dry_run, on_progress=show)


def _print_import(report: AgencyImportReport) -> None:
    would = "would be " if report.dry_run else ""
    click.echo(
        f"{report.created} agencies {would}entered, {report.updated} {would}corrected, "
        f"{report.unchanged} unchanged; {report.refused} rows refused."
    )
    for note in report.notes:
        click.echo(f"{note.agencies:>7}  {note.code}")
    for fault in report.refused_rows[:REFUSED_ROWS_PRINTED]:
        click.echo(f"{fault.file}, line {fault.line}: {fault.detail}")
    if (more := report.refused - REFUSED_ROWS_PRINTED) > 0:
        click.echo(f"… and {more} more refused rows; --json names the first 1,000.")


@click.command(name="agreements", epilog=f"Columns: {', '.join(COLUMNS)}.")
@click.argument("trackers", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--custodian", help="ORI, id or full name of the agency that keeps them, for rows that name none.")
@click.option("--time-zone", help="IANA zone of rows that name none; else the custodian's.")
@click.option("--dates", type=click.Choice(["iso", "us"]), default="iso", show_default=True, help="us: M/D/YYYY too.")
@click.option("--sheet", help="The sheet of a workbook; the one that was open when it was saved, otherwise.")
@click.option("--hidden", type=click.Choice(["take", "skip"]), default="take", show_default=True, help="Rows, columns.")
@click.option("--attest-parties", is_flag=True, help="The evidence shows all parties' signatures: report each.")
@click.option("--row-as-evidence", is_flag=True, help="Where a row names no document, the row is the evidence.")
@click.option("--statuses", type=click.Path(path_type=Path), help="Your own status words, as a .yaml file.")
@click.option("--profile", help=f"A published list instead: {', '.join(shipped_profiles())}, or a .yaml file.")
@click.option("--create-agencies", is_flag=True, help="With --profile: enter parties that are not found as listed.")
@click.option("--texts", type=click.Path(path_type=Path), help="File this folder's files with their agreements.")
@click.option("--texts-kind", type=click.Choice(KINDS), default="other", show_default=True, help="As what.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the whole report to this file, as CSV.")
@click.option("--dry-run", is_flag=True, help="Report what would happen and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def import_agreements_(
    trackers: tuple[Path, ...],
    custodian: str | None,
    time_zone: str | None,
    dates: Dates,
    sheet: str | None,
    hidden: Hidden,
    statuses: Path | None,
    profile: str | None,
    texts: Path | None,
    texts_kind: str,
    report: Path | None,
    **flags: bool,
) -> None:
    """Enter agreements from the trackers that legal staff keep: CSV or XLSX, one agreement a row.

    An agreement is met by its custodian and number. Bad cells are refused and named, the other rows are taken, and the
    same file again changes nothing. A row with a day of signature is recorded as signed, one without becomes a draft;
    a signed text is never changed from a row. With --texts the files of a folder are filed with the agreements that
    rows name them for, or whose number or title stands in the file's name. docs/importing-agreements.md says more.

    \b
    Examples:
      registry import agreements tracker.xlsx --custodian MN0270000 --dry-run
      registry import agreements tracker.xlsx --custodian MN0270000
      registry import agreements tracker.xlsx --custodian MN0270000 --texts scans
      registry import agreements signed.csv pending.csv --profile 287g --custodian ID --create-agencies
    """
    as_json, dry_run = flags["as_json"], flags["dry_run"]
    settings = settings_or_exit()
    folder = None if texts is None else Folder(path=texts, kind=DocumentKind(texts_kind))
    if profile is None:
        if flags["create_agencies"]:
            raise click.UsageError("--create-agencies goes with --profile.")
        options = Options(
            custodian=custodian,
            time_zone=time_zone,
            dates=dates,
            attest_parties=flags["attest_parties"],
            row_as_evidence=flags["row_as_evidence"],
            statuses=shipped_statuses() if statuses is None else load_statuses(statuses),
        )
        taken: list[TakenRow] = []
        found, filed = run(
            settings, lambda s: _import_trackers(s, trackers, sheet, hidden, options, taken, folder, dry_run=dry_run)
        )
        if report is not None:
            report.write_text(report_csv(found, taken, filed), "utf-8-sig", newline="")
        _print_report(found, filed, told_import(found), as_json=as_json)
    else:
        if report is not None or hidden != "take":
            raise click.UsageError("--report and --hidden do not go with --profile.")
        if flags["attest_parties"] or flags["row_as_evidence"] or time_zone or statuses or dates != "iso":
            raise click.UsageError("With --profile, dates, zone, words and evidence are the profile's.")
        if custodian is None:
            raise click.UsageError("--profile needs --custodian: the agency that keeps the agreements of the list.")
        create = flags["create_agencies"]
        replayed, filed = run(
            settings,
            lambda s: _replay(s, trackers, sheet, profile, custodian, folder, create_agencies=create, dry_run=dry_run),
        )
        _print_report(replayed, filed, told_replay(replayed), as_json=as_json)


class Folder(Struct, kw_only=True, frozen=True):
    """A folder of texts, and as what they are filed."""

    path: Path
    kind: DocumentKind


def _print_report(report: Struct, filed: FilesReport | None, lines: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        about = msgspec.to_builtins(report)
        click.echo(msgspec.json.encode(about if filed is None else {**about, "texts": filed}))
    else:
        for line in (*lines, *(() if filed is None else told_files(filed))):
            click.echo(line)


async def _file(
    settings: Settings,
    database: Database,
    folder: Folder | None,
    agreements: Sequence[AgreementOfFiles],
    *,
    dry_run: bool,
) -> FilesReport | None:
    if folder is None:
        return None
    recogniser = find_recogniser() if settings.recognise_text else ""
    files = Files(store=open_store(settings), reader=FileReader(recogniser=recogniser))
    with progress("texts", len(files_of(folder.path))) as show:
        return await file_texts(
            database,
            local_caller(),
            settings.ledger_key,
            files,
            folder.path,
            agreements,
            kind=folder.kind,
            most_bytes=settings.max_upload_bytes,
            dry_run=dry_run,
            on_progress=show,
        )


async def _import_trackers(
    settings: Settings,
    trackers: tuple[Path, ...],
    sheet: str | None,
    hidden: Hidden,
    options: Options,
    taken: list[TakenRow],
    folder: Folder | None,
    *,
    dry_run: bool,
) -> tuple[AgreementImportReport, FilesReport | None]:
    if folder is not None:
        files_of(folder.path)  # a folder that is not there is said before anything is written
    rows: list[TrackerRow] = []
    unread: list[str] = []
    sheets: list[Sheet] = []
    for path in trackers:
        table = read_file(path, is_known, sheet, hidden)
        found, headers = read_rows(table, options)
        sheets += table.sheets
        rows += found
        unread += headers.unread
    async with current(settings) as database:
        with progress("rows", len(rows)) as show:
            report = await import_agreements(
                database,
                local_caller(),
                settings.ledger_key,
                rows,
                options,
                unread_columns=unread,
                sheets=sheets,
                taken=taken,
                dry_run=dry_run,
                on_progress=show,
            )
        named = [
            by_number_and_title(each.row.number, each.row.title, each.agreement_id, each.row.files)
            for each in taken
            if each.row.number is not None
        ]
        return report, await _file(settings, database, folder, named, dry_run=dry_run)


async def _replay(
    settings: Settings,
    trackers: tuple[Path, ...],
    sheet: str | None,
    profile: str,
    custodian: str,
    folder: Folder | None,
    *,
    create_agencies: bool,
    dry_run: bool,
) -> tuple[ReplayReport, FilesReport | None]:
    if folder is not None:
        files_of(folder.path)
    caller, how = local_caller(), load_profile(profile)
    tables = [read_file(path, how.is_known, sheet) for path in trackers]
    panel = read_panel(tables, how, civil_day(caller.now, how.agreement.time_zone))
    async with current(settings) as database:
        with progress("agreements", len(panel.seen)) as show:
            report = await replay(
                database,
                caller,
                settings.ledger_key,
                panel,
                how,
                custodian,
                create_agencies=create_agencies,
                dry_run=dry_run,
                on_progress=show,
            )
        if folder is None:
            return report, None
        keeper = (await everybody(database.read())).named(custodian)
        named = await agreements_of_list(database.read(), how, keeper.id, panel)
        return report, await _file(settings, database, folder, named, dry_run=dry_run)


COMMANDS: dict[str, click.Command] = {
    "agencies": import_agencies_,
    "agreements": import_agreements_,
    **importing.COMMANDS,
}
