"""Imports over HTTP: a file is uploaded, its columns are mapped, then its rows are checked or written."""

from collections.abc import AsyncGenerator
from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.bulk import commands, queries
from registry.platform.bulk.commands import TableFiles
from registry.platform.bulk.fields import Importers
from registry.platform.bulk.report import report_csv
from registry.platform.bulk.running.runner import ImportRunner
from registry.platform.bulk.schemas import (
    IMPORT_FILE_EXAMPLE,
    IMPORT_MAPPING_EXAMPLE,
    IMPORT_RUN_EXAMPLE,
    Import,
    ImportMapping,
    ImportMappingPage,
    ImportMappingPatch,
    ImportPage,
    ImportRowPage,
    ImportRowQuery,
    ImportRun,
    NewImport,
    NewImportMapping,
)
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, Download, entity_tag
from registry.platform.http.paging import ByChange, NewestFirst
from registry.platform.http.requests import BodyStream
from registry.platform.kernel.versions import Expected

TABLES = (
    *("application/octet-stream", "text/csv", "text/tab-separated-values", "text/plain", "application/x-ndjson"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)


def _answer(found: Import, *, created: bool = False) -> Answer[Import]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.rows_done),
        location=f"/v1/imports/{found.id}" if created else None,
    )


@operation(
    "post",
    "/imports",
    permission=Action.IMPORTS_RUN,
    query=NewImport,
    takes=TABLES,
    example=IMPORT_FILE_EXAMPLE,
    etag=True,
    own_transactions=True,
    problems=("file_empty", "import_format", "imports_stored"),
)
async def create_import(
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    write: Supplied[Write],
    caller: Supplied[Caller],
    filters: Supplied[NewImport],
    body: Supplied[BodyStream],
    importers: Supplied[Importers],
    table_files: Supplied[TableFiles],
) -> Answer[Import]:
    """Upload a table of things to enter or correct, and see how its columns would be understood.

    The body is the file itself: CSV with commas, semicolons, tabs or bars; NDJSON; or XLSX; in UTF-8, UTF-16 or
    Windows-1252, which is found out and said. At most 200,000 rows, 500 columns, 4,000,000 cells and 20,000 characters
    in a cell, within the size of uploads that the operator allows. Nothing is entered yet: the answer shows each column
    with examples and what it most likely is, and a mapping to correct and to send to `run`. Rows are kept for thirty
    days, and of an agency up to a hundred imports.
    """
    import_id = await commands.upload(read, own_transaction, write, caller, importers, table_files, filters, body)
    return _answer(await queries.get_import(write, caller, importers, import_id), created=True)


@operation("get", "/imports", permission=Action.IMPORTS_RUN, query=ByChange)
async def list_imports(
    read: Supplied[Read], filters: Supplied[ByChange], caller: Supplied[Caller]
) -> Answer[ImportPage]:
    """List the imports of your agency's last thirty days."""
    return Answer(await queries.list_imports(read, caller, filters))


@operation("get", "/imports/{import_id:uuid}", permission=Action.IMPORTS_RUN, etag=True)
async def get_import(
    import_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller], importers: Supplied[Importers]
) -> Answer[Import]:
    """Read an import: its columns, and how far its run has come."""
    return _answer(await queries.get_import(read, caller, importers, import_id))


@operation(
    "post",
    "/imports/{import_id:uuid}/run",
    permission=Action.IMPORTS_RUN,
    status=200,
    example=IMPORT_RUN_EXAMPLE,
    etag=True,
    own_transactions=True,
    problems=(
        *(
            "header_repeated",
            "import_running",
            "importer_busy",
            "imports_running",
            "mapping_incomplete",
            "mapping_missing",
            "unknown_column",
        ),
        *("unknown_field_mapped", "unknown_import_mapping", "unknown_measure"),
    ),
)
async def run_import(
    import_id: FromPath[UUID],
    data: JSONBody[ImportRun],
    read: Supplied[Read],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    importers: Supplied[Importers],
    import_runner: Supplied[ImportRunner],
) -> Answer[Import]:
    """Check the rows of an import, or write them.

    Rows are met by their natural key (an asset by your agency's tag for it): a new one is entered, a known one
    corrected, and one that says nothing new changes nothing; a blank cell leaves what is there. Of two rows with the
    same key the first counts and the second is refused. With `abort` all rows are checked before any is written.
    Rows are written up to 100 to a transaction, fewer where they take long, so that others' changes come in between.
    So with `abort` too some rows may be written already when the run stops at one that has become impossible since it
    was checked; `note` says how many. The run goes on after the answer; read the import to see how far it is. Two
    imports of an agency run at a time, and agencies take turns. What was interrupted is resumed by an empty object,
    from the row it had come to.
    """
    await import_runner.run(caller, importers, import_id, data, if_match)
    return _answer(await queries.get_import(read, caller, importers, import_id))


@operation(
    "delete",
    "/imports/{import_id:uuid}",
    permission=Action.IMPORTS_RUN,
    problems=("import_running",),
)
async def delete_import(
    import_id: FromPath[UUID], write: Supplied[Write], caller: Supplied[Caller], if_match: Supplied[Expected]
) -> Answer[None]:
    """Delete an import that does not run, with its rows and its report.

    What it entered stays. That it was deleted is on record, and deleting it again changes nothing.
    """
    await commands.delete_import(write, caller, import_id, if_match)
    return Answer(None)


@operation("get", "/imports/{import_id:uuid}/rows", permission=Action.IMPORTS_RUN, query=ImportRowQuery)
async def list_import_rows(
    import_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[ImportRowQuery],
    caller: Supplied[Caller],
    importers: Supplied[Importers],
) -> Answer[ImportRowPage]:
    """List what became of each row in the last run, and what is wrong with those that are refused."""
    return Answer(await queries.list_rows(read, caller, importers, import_id, filters))


@operation("get", "/imports/{import_id:uuid}/report.csv", permission=Action.IMPORTS_RUN, produces="text/csv")
async def get_import_report(
    import_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller], importers: Supplied[Importers]
) -> Download:
    """Download what became of each row, for a spreadsheet.

    A value that a spreadsheet would run as a formula is written as text, with an apostrophe before it. It begins with
    the mark of UTF-8 (U+FEFF) that spreadsheets need: programs read it as `utf-8-sig`, or drop the mark.
    """
    await queries.readable_row(read, caller, importers, import_id)

    async def opened() -> AsyncGenerator[bytes, None]:
        return report_csv(read, import_id)

    return Download(opened, media_type="text/csv", filename="import-report")


@operation(
    "post",
    "/import-mappings",
    permission=Action.IMPORTS_RUN,
    example=IMPORT_MAPPING_EXAMPLE,
    problems=("import_mapping_name_taken",),
    etag=True,
)
async def create_import_mapping(
    data: JSONBody[NewImportMapping],
    write: Supplied[Write],
    caller: Supplied[Caller],
    importers: Supplied[Importers],
) -> Answer[ImportMapping]:
    """Keep a mapping under a name, for your agency's next file of that kind."""
    kept = await commands.keep_mapping(write, caller, importers, data)
    return Answer(kept, etag=entity_tag(kept.version), location=f"/v1/import-mappings/{kept.id}")


@operation("get", "/import-mappings", permission=Action.IMPORTS_RUN, query=NewestFirst)
async def list_import_mappings(
    read: Supplied[Read], filters: Supplied[NewestFirst], caller: Supplied[Caller]
) -> Answer[ImportMappingPage]:
    """List the mappings that your agency keeps."""
    return Answer(await queries.list_mappings(read, caller, filters))


@operation("get", "/import-mappings/{mapping_id:uuid}", permission=Action.IMPORTS_RUN, etag=True)
async def get_import_mapping(
    mapping_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[ImportMapping]:
    """Read a kept mapping."""
    kept = queries.as_mapping(await queries.mapping_row(read, caller, mapping_id))
    return Answer(kept, etag=entity_tag(kept.version))


@operation(
    "patch",
    "/import-mappings/{mapping_id:uuid}",
    permission=Action.IMPORTS_RUN,
    example={"name": "Fleet list of 2026 (demo)"},
    problems=("import_mapping_name_taken",),
    etag=True,
)
async def update_import_mapping(
    mapping_id: FromPath[UUID],
    data: JSONBody[ImportMappingPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ImportMapping]:
    """Correct a kept mapping, or give it another name. A mapping that is given takes the place of the whole old one."""
    kept = await commands.update_mapping(write, caller, mapping_id, data, if_match)
    return Answer(kept, etag=entity_tag(kept.version))


router = Router(
    path="/v1",
    route_handlers=[
        create_import,
        list_imports,
        get_import,
        delete_import,
        run_import,
        list_import_rows,
        get_import_report,
        create_import_mapping,
        list_import_mappings,
        get_import_mapping,
        update_import_mapping,
    ],
)
