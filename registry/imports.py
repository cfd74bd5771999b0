"""`registry import`: public lists of agencies, and agreements from trackers."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from registry.agencies.fbi import AgencyRecord, join, read_cde, read_lee, sniff
from registry.agencies.importing import import_agencies
from registry.agencies.schemas import AgencyImportReport
from registry.agreements.tracker.cells import Dates
from registry.agreements.tracker.columns import COLUMNS, is_known
from registry.agreements.tracker.importing import import_agreements
from registry.agreements.tracker.planning import today
from registry.agreements.tracker.profiles import load_profile, shipped_profiles
from registry.agreements.tracker.replay_report import ReplayReport
from registry.agreements.tracker.replaying import replay
from registry.agreements.tracker.rows import Options, TrackerRow, read_rows
from registry.agreements.tracker.schemas import AgreementImportReport
from registry.agreements.tracker.sheets import read_file
from registry.agreements.tracker.sightings import read_panel
from registry.agreements.tracker.telling import told_import, told_replay
from registry.console import at_the_machine, current, progress, run, settings_or_exit
from registry.settings import Settings

REFUSED_ROWS_PRINTED = 20


@click.group(name="import")
def imports() -> None:
    """Bring public lists of agencies, and trackers of agreements, into the registry."""


@imports.command(name="agencies")
@click.argument("lee", type=click.Path(path_type=Path))
@click.argument("cde", type=click.Path(path_type=Path), required=False)
@click.option("--dry-run", is_flag=True, help="Report what would happen and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def import_agencies_(lee: Path, cde: Path | None, dry_run: bool, as_json: bool) -> None:
    """Enter and correct agencies from the FBI's lists: LEE, the police-employee list, and CDE, the Crime Data API's.

    Bad rows are refused and named, the others are taken. The same lists again change nothing.

    \b
    Examples:
      registry import agencies lee.csv cde.csv --dry-run
      registry import agencies lee.csv cde.csv
    """
    report = run(settings_or_exit(), lambda settings: _import(settings, lee, cde, dry_run=dry_run))
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _print_import(report)


async def _import(settings: Settings, lee: Path, cde: Path | None, *, dry_run: bool) -> AgencyImportReport:
    for path, wanted in ((lee, "lee"), (cde, "cde")):
        if path is not None and (found := sniff(path)) != wanted:
            raise click.ClickException(f"{path.name} is the {found} list; give the lee list first, then the cde list.")
    with ExitStack() as stack:
        employees = stack.enter_context(lee.open("rb"))
        places = iter(()) if cde is None else read_cde(stack.enter_context(cde.open("rb")), cde.name)
        records = list(join(read_lee(employees, lee.name), places))
    total = sum(isinstance(record, AgencyRecord) for record in records)
    async with current(settings) as database:
        with progress("agencies", total) as show:
            return await import_agencies(database, at_the_machine(), records, dry_run=dry_run, on_progress=show)


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


@imports.command(name="agreements", epilog=f"Columns: {', '.join(COLUMNS)}.")
@click.argument("trackers", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--custodian", help="ORI, id or full name of the agency that keeps them, for rows that name none.")
@click.option("--time-zone", help="IANA zone of rows that name none; else the custodian's.")
@click.option("--dates", type=click.Choice(["iso", "us"]), default="iso", show_default=True, help="us: M/D/YYYY too.")
@click.option("--sheet", help="The sheet of a workbook; the one that was open when it was saved, otherwise.")
@click.option("--attest-parties", is_flag=True, help="The evidence shows all parties' signatures: attest each.")
@click.option("--row-as-evidence", is_flag=True, help="Where a row names no document, the row is the evidence.")
@click.option("--profile", help=f"A published list instead: {', '.join(shipped_profiles())}, or a .yaml file.")
@click.option("--create-agencies", is_flag=True, help="With --profile: enter parties that are not found as listed.")
@click.option("--dry-run", is_flag=True, help="Report what would happen and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def import_agreements_(
    trackers: tuple[Path, ...],
    custodian: str | None,
    time_zone: str | None,
    dates: Dates,
    sheet: str | None,
    profile: str | None,
    **flags: bool,
) -> None:
    """Enter agreements from the trackers that legal staff keep: CSV or XLSX, one agreement a row.

    An agreement is met by its custodian and number. Bad cells are refused and named, the other rows are taken, and the
    same file again changes nothing. A row with a day of signature is recorded as signed, one without becomes a draft;
    a signed text is never changed from a row. docs/importing-agreements.md says more.

    \b
    Examples:
      registry import agreements tracker.xlsx --custodian MN0270000 --dry-run
      registry import agreements tracker.xlsx --custodian MN0270000
      registry import agreements signed.csv pending.csv --profile 287g --custodian ID --create-agencies
    """
    as_json, dry_run = flags["as_json"], flags["dry_run"]
    settings = settings_or_exit()
    if profile is None:
        if flags["create_agencies"]:
            raise click.UsageError("--create-agencies goes with --profile.")
        options = Options(
            custodian=custodian,
            time_zone=time_zone,
            dates=dates,
            attest_parties=flags["attest_parties"],
            row_as_evidence=flags["row_as_evidence"],
        )
        taken = run(settings, lambda s: _take_over(s, trackers, sheet, options, dry_run=dry_run))
        _tell(taken, told_import(taken), as_json=as_json)
    else:
        if flags["attest_parties"] or flags["row_as_evidence"] or time_zone is not None or dates != "iso":
            raise click.UsageError("With --profile, dates, zone and evidence are the profile's.")
        if custodian is None:
            raise click.UsageError("--profile needs --custodian: the agency that keeps the agreements of the list.")
        create = flags["create_agencies"]
        replayed = run(
            settings, lambda s: _replay(s, trackers, sheet, profile, custodian, create_agencies=create, dry_run=dry_run)
        )
        _tell(replayed, told_replay(replayed), as_json=as_json)


def _tell(report: Struct, lines: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        for line in lines:
            click.echo(line)


async def _take_over(
    settings: Settings, trackers: tuple[Path, ...], sheet: str | None, options: Options, *, dry_run: bool
) -> AgreementImportReport:
    rows: list[TrackerRow] = []
    unread: list[str] = []
    for path in trackers:
        found, headers = read_rows(read_file(path, is_known, sheet), options)
        rows += found
        unread += headers.unread
    async with current(settings) as database:
        with progress("rows", len(rows)) as show:
            return await import_agreements(
                database,
                at_the_machine(),
                settings.ledger_key,
                rows,
                options,
                unread_columns=unread,
                dry_run=dry_run,
                on_progress=show,
            )


async def _replay(
    settings: Settings,
    trackers: tuple[Path, ...],
    sheet: str | None,
    profile: str,
    custodian: str,
    *,
    create_agencies: bool,
    dry_run: bool,
) -> ReplayReport:
    caller, how = at_the_machine(), load_profile(profile)
    tables = [read_file(path, how.is_known, sheet) for path in trackers]
    panel = read_panel(tables, how, today(caller.now, how.agreement.time_zone))
    async with current(settings) as database:
        with progress("agreements", len(panel.seen)) as show:
            return await replay(
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
