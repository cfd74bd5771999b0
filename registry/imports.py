"""`registry import`: public lists of agencies, and agreements from trackers."""

from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from registry.agencies.fbi import AgencyRecord, join, read_cde, read_lee, sniff
from registry.agencies.importing import import_agencies
from registry.agencies.schemas import AgencyImportReport
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
