"""`registry import assets`, `personnel`, `rates`, `loans`: an agency's own tables, in the same steps as over HTTP."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec
from msgspec import Struct

from registry.app import IMPORTERS
from registry.cli.session import (
    ConfigurationError,
    agency_named,
    current,
    local_caller,
    progress,
    run,
    settings_or_exit,
)
from registry.platform.access.principals import Caller
from registry.platform.bulk.commands import finish_upload, importer_of, store_rows
from registry.platform.bulk.fields import RowOutcome
from registry.platform.bulk.queries import get_import, job_row, list_rows
from registry.platform.bulk.reading import TableReader
from registry.platform.bulk.report import report_csv
from registry.platform.bulk.running.beginning import Held, begin
from registry.platform.bulk.running.runner import ImportRunner
from registry.platform.bulk.schemas import (
    FieldSource,
    Import,
    ImportKind,
    ImportRow,
    ImportRowQuery,
    ImportRun,
    ImportStatus,
    NewImport,
    OnError,
)
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.settings import Settings

ROWS_PRINTED = 20
SEEN_EVERY_SECONDS = 0.25
_MAPPINGS = ("mapping", "mapping_name", "as_suggested")
_UNFINISHED = (ImportStatus.RUNNING, ImportStatus.INTERRUPTED, ImportStatus.STOPPED)


class Asked(Struct, kw_only=True, frozen=True):
    """What the command line asks for."""

    kind: ImportKind
    file: Path | None
    agency: str | None
    sheet: str | None
    mapping: Path | None
    mapping_name: str | None
    constants: dict[str, str]
    as_suggested: bool
    write: bool
    on_error: OnError
    report: Path | None
    resume: UUID | None


def table_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every import of a table has."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option("--sheet", help="The sheet of a workbook; the one that was open when it was saved, otherwise."),
    click.option("--mapping", type=click.Path(path_type=Path, exists=True), help="The mapping, as a JSON file."),
    click.option("--mapping-name", help="A mapping that the agency keeps."),
    click.option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help="The same value in every row."),
    click.option("--as-suggested", is_flag=True, help="Take the mapping that is suggested."),
    click.option("--write", is_flag=True, help="Write the rows; without it they are only checked."),
    click.option("--dry-run", is_flag=True, help="Report what would happen and write nothing."),
    click.option("--on-error", type=click.Choice(["abort", "skip"]), default="abort", show_default=True),
    click.option("--report", type=click.Path(path_type=Path), help="Write what became of every row to this CSV file."),
    click.option("--resume", type=click.UUID, help="Go on with an import that was interrupted, by its id."),
    click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
)


def command(kind: ImportKind) -> click.Command:
    """The command that imports things of that kind, of an agency."""

    @click.command(name=kind)
    @click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
    @click.option("--agency", required=True, help="ORI or id of the agency whose things these are.")
    @table_options
    def import_(**given: Any) -> None:
        import_table(kind, **given)

    import_.help = f"""Enter and correct {kind} of an agency from a table: CSV, TSV, NDJSON or XLSX.

    Without --write nothing is entered: the columns are shown with what each most likely is, and the rows are checked.
    Ends with 1 where a row is refused. docs/importing.md says more.

    \b
    Examples:
      registry import {kind} {kind}.csv --agency MN0270000
      registry import {kind} {kind}.csv --agency MN0270000 --mapping {kind}.json --on-error skip --write
    """
    return import_


def import_table(
    kind: ImportKind, *, agency: str | None, constants: tuple[str, ...], as_json: bool, dry_run: bool, **given: Any
) -> None:
    """Take a table in as the options say, and print what became of it. Without an agency it is the operator's."""
    if (given["file"] is None) == (given["resume"] is None):
        raise click.UsageError("Give a FILE, or --resume with the id of an import.")
    if dry_run and given["write"]:
        raise click.UsageError("--dry-run writes nothing, and --write writes: give one of them.")
    if given["write"] and given["file"] and not any(given[name] for name in _MAPPINGS):
        raise click.UsageError("--write needs --mapping, --mapping-name or --as-suggested: see the suggestions first.")
    asked = Asked(kind=kind, agency=agency, constants=dict(_constants(constants)), **given)
    found, refused = run(settings_or_exit(), lambda settings: _import(settings, asked))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for line in _told(found, refused):
            click.echo(line)
    if found.counts.refused or found.status in _UNFINISHED:
        raise click.exceptions.Exit(1)


def _constants(given: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes FIELD=VALUE, not {each}.")
        yield name.strip(), value.strip()


async def _import(settings: Settings, asked: Asked) -> tuple[Import, list[ImportRow]]:
    async with current(settings) as database:
        caller = local_caller(None if asked.agency is None else await agency_named(database.read(), asked.agency))
        if asked.resume is not None:
            import_id, how = asked.resume, ImportRun()
        else:
            import_id = await _uploaded(database, caller, asked)
            shown = await get_import(database.read(), caller, IMPORTERS, import_id)
            suggested = _run_of(asked, shown)
            if suggested is None:
                return shown, []
            how = suggested
        await _run(database, caller, await begin(database, caller, IMPORTERS, import_id, how))
        found = await get_import(database.read(), caller, IMPORTERS, import_id)
        page = await list_rows(
            database.read(),
            caller,
            IMPORTERS,
            import_id,
            ImportRowQuery(limit=ROWS_PRINTED, outcome=(RowOutcome.REFUSED,)),
        )
        if asked.report is not None:
            with asked.report.open("wb") as file:  # nothing else runs here
                async for piece in report_csv(database.read(), import_id):
                    file.write(piece)
        return found, page.items


async def _uploaded(database: Database, caller: Caller, asked: Asked) -> UUID:
    assert asked.file is not None
    with asked.file.open("rb") as source:  # nothing else runs here
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    importer = importer_of(IMPORTERS, asked.kind)
    importer.may_import(caller)
    new = NewImport(kind=asked.kind, filename=asked.file.name[:200], sheet=asked.sheet)
    own = partial(unit_of_work, database)
    stored = await store_rows(database.read(), own, caller, importer, TableReader(), asked.file, new, digest)
    async with unit_of_work(database) as write:
        await finish_upload(write, caller, stored)
    return stored.import_id


def _run_of(asked: Asked, shown: Import) -> ImportRun | None:
    """How to run it; None where the mapping that is suggested is not enough to check anything."""
    constants = {name: FieldSource(constant=value) for name, value in asked.constants.items()}
    mapping: dict[str, FieldSource] | None = None
    if asked.mapping is not None:
        try:
            given = msgspec.json.decode(asked.mapping.read_bytes(), type=dict[str, FieldSource])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{asked.mapping.name} is not a mapping: {error}.") from None
        mapping = {**given, **constants}
    elif asked.mapping_name is None:
        mapping = {**shown.suggested_mapping, **constants}
        if set(shown.missing) - set(constants):
            return None
    return ImportRun(mapping=mapping, mapping_name=asked.mapping_name, dry_run=not asked.write, on_error=asked.on_error)


async def _run(database: Database, caller: Caller, held: Held) -> None:
    total = (await job_row(database.read(), caller, held.import_id)).rows
    task = asyncio.create_task(ImportRunner(database).carry_out(caller, held))
    with progress("rows", total) as show:
        while not task.done():
            await asyncio.wait({task}, timeout=SEEN_EVERY_SECONDS)
            show((await job_row(database.read(), caller, held.import_id)).rows_done)


def _told(found: Import, refused: list[ImportRow]) -> Iterator[str]:
    yield f"Import {found.id}: {found.rows} rows, read as {found.read_as}."
    yield from found.remarks
    if found.dry_run is None or found.dry_run:
        for column in found.columns:
            is_ = column.suggestion
            what = f"{is_.field} ({is_.confidence:.0%})" if is_ else "–"
            yield f"  {column.column:>3}  {column.header[:40]:<40}  {what:<32}  {', '.join(column.examples)[:60]}"
        if found.mapping is None:
            yield f"Nothing is suggested for {', '.join(found.missing)}: give --mapping, or --set FIELD=VALUE."
            yield "What is suggested, as a mapping to correct:"
            yield msgspec.json.format(msgspec.json.encode(found.suggested_mapping), indent=2).decode()
            return
    would = "would be " if found.dry_run else ""
    counts = found.counts
    yield (
        f"{counts.created} rows {would}entered, {counts.updated} {would}corrected, {counts.unchanged} unchanged; "
        f"{counts.refused} refused."
    )
    for row in refused:
        for fault in row.faults:
            where = f", column {fault.column} ({fault.header})" if fault.column else ""
            said = f" “{fault.value}”" if fault.value else ""
            yield f"Row {row.row}{where}:{said} {fault.detail} {fault.remedy}"
    if (more := counts.refused - len(refused)) > 0:
        yield f"… and {more} more refused rows; --report names all."
    if found.note:
        yield found.note
    if found.status in (ImportStatus.RUNNING, ImportStatus.INTERRUPTED):
        yield f"The run was interrupted: go on with --resume {found.id}."


_KINDS: tuple[ImportKind, ...] = ("assets", "personnel", "rates", "loans")
COMMANDS: dict[str, click.Command] = {kind: command(kind) for kind in _KINDS}
