"""Questions about imports and kept mappings. Both are seen by the agency whose they are, and by nobody else."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.bulk.fields import Importers, RowOutcome
from registry.platform.bulk.parsing import TableRow
from registry.platform.bulk.schemas import (
    FieldSource,
    Import,
    ImportColumn,
    ImportCounts,
    ImportFault,
    ImportFieldInfo,
    ImportMapping,
    ImportMappingPage,
    ImportPage,
    ImportRow,
    ImportRowPage,
    ImportRowQuery,
    ImportStatus,
    ImportSummary,
    OnError,
)
from registry.platform.bulk.tables import import_job, import_mapping, import_row
from registry.platform.bulk.values import expected
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, ByChange, NewestFirst, Orders, changed_in, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound

REMOVED: Final = "removed"
STALLED_AFTER: Final = timedelta(seconds=90)
"""A run that has stored no rows for so long is taken to be interrupted."""


class About(Struct, kw_only=True, frozen=True):
    """How the file was read, and what is suggested."""

    read_as: str
    sheets: list[str]
    remarks: list[str]
    header_row: int
    columns: list[ImportColumn]
    mapping: dict[str, FieldSource]
    missing: list[str]


class Run(Struct, kw_only=True, frozen=True):
    """How a run was asked for."""

    mapping: dict[str, FieldSource]
    dry_run: bool
    on_error: OnError


class RowSaid(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What is said of a row."""

    faults: list[ImportFault] = []
    remarks: list[ImportFault] = []


decode_about = msgspec.json.Decoder(About).decode
decode_run = msgspec.json.Decoder(Run).decode
decode_counts = msgspec.json.Decoder(ImportCounts).decode
decode_headers = msgspec.json.Decoder(list[str]).decode
decode_content = msgspec.json.Decoder(TableRow).decode
decode_said = msgspec.json.Decoder(RowSaid).decode
_decode_mapping = msgspec.json.Decoder(dict[str, FieldSource]).decode

_ID = sa.bindparam("id", type_=import_job.c.id.type)
_AGENCY = sa.bindparam("agency_id", type_=import_job.c.agency_id.type)
_whole = sa.and_(import_job.c.rows.is_not(None), import_job.c.status != REMOVED)
JOB = sa.select(import_job).where(import_job.c.id == _ID, import_job.c.agency_id == _AGENCY, _whole)
_ORDERS = Orders(ByChange, created_at=import_job.c.id, updated_at=(import_job.c.updated_at, import_job.c.id))
_MAPPING_ORDERS = Orders(NewestFirst, created_at=import_mapping.c.id)
_JOBS = sa.select(import_job).where(import_job.c.agency_id == _AGENCY, _whole)
_MAPPINGS = sa.select(import_mapping).where(import_mapping.c.agency_id == _AGENCY)
MAPPING = _MAPPINGS.where(import_mapping.c.id == sa.bindparam("mapping_id", type_=import_mapping.c.id.type))
_MAPPING_NAMED = _MAPPINGS.where(
    import_mapping.c.kind == sa.bindparam("kind", type_=sa.Text),
    import_mapping.c.name == sa.bindparam("name", type_=sa.Text),
)
_OF_IMPORT = import_row.c.import_id == sa.bindparam("import_id", type_=import_row.c.import_id.type)
_ROWS = sa.select(import_row.c.row, import_row.c.outcome, import_row.c.subject_id, import_row.c.said).where(_OF_IMPORT)
_ROW_ORDERS = Orders(ImportRowQuery, row=import_row.c.row)
_CONTENT = (
    sa.select(import_row.c.row, import_row.c.content)
    .where(_OF_IMPORT, import_row.c.row > sa.bindparam("after", type_=sa.Integer))
    .order_by(import_row.c.row)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_TAKEN = _CONTENT.where(import_row.c.outcome.in_([each.value for each in RowOutcome if each is not RowOutcome.REFUSED]))
_WHOLE_ROWS = (
    sa.select(import_row)
    .where(_OF_IMPORT, import_row.c.row > sa.bindparam("after", type_=sa.Integer))
    .order_by(import_row.c.row)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def job_row(read: Read, caller: Caller, import_id: UUID) -> Row[Any]:
    """The import, if it is the agency's. Raises NotFound."""
    row = await read.first(JOB, {"id": import_id, "agency_id": caller.agency_id})
    if row is None:
        raise NotFound("import")
    return row


async def readable_row(read: Read, caller: Caller, importers: Importers, import_id: UUID) -> Row[Any]:
    """The import, for whoever may see its cells. Raises NotFound, Forbidden."""
    row = await job_row(read, caller, import_id)
    if (importer := importers.of(row.kind)) is not None:
        importer.may_read(caller)
    return row


def status_of(row: Row[Any], now: datetime) -> ImportStatus:
    """Where the import stands: one that runs and stores nothing is interrupted."""
    status = ImportStatus(row.status)
    if status is ImportStatus.RUNNING and now - row.updated_at > STALLED_AFTER:
        return ImportStatus.INTERRUPTED
    return status


async def get_import(read: Read, caller: Caller, importers: Importers, import_id: UUID) -> Import:
    """One import. Raises NotFound, Forbidden for a kind whose cells the caller may not see."""
    return as_import(await readable_row(read, caller, importers, import_id), importers, caller.now)


def as_import(row: Row[Any], importers: Importers, now: datetime) -> Import:
    """The representation of a row."""
    about = decode_about(row.about)
    run = None if row.run is None else decode_run(row.run)
    status = status_of(row, now)
    importer = importers.of(row.kind)
    return Import(
        id=row.id,
        kind=row.kind,
        filename=row.filename,
        sha256=row.sha256,
        read_as=about.read_as,
        sheets=about.sheets,
        remarks=about.remarks,
        header_row=about.header_row,
        columns=about.columns,
        fields=[
            ImportFieldInfo(
                name=each.name,
                required=each.required,
                expected=expected(each),
                description=each.description,
                measures=list(each.measures),
            )
            for each in (importer.fields if importer is not None else ())
        ],
        suggested_mapping=about.mapping,
        missing=about.missing,
        status=status,
        allowed_actions=_allowed(status),
        mapping=None if run is None else run.mapping,
        dry_run=None if run is None else run.dry_run,
        on_error=None if run is None else run.on_error,
        rows=row.rows,
        rows_done=row.rows_done,
        counts=decode_counts(row.counts),
        note=row.note,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _allowed(status: ImportStatus) -> list[AllowedAction]:
    runs = status is ImportStatus.RUNNING
    return [
        offer("run", withheld="It runs already." if runs else None),
        offer("delete", withheld="It runs. Delete it when the run is over." if runs else None),
    ]


async def list_imports(read: Read, caller: Caller, query: ByChange) -> ImportPage:
    """The agency's imports."""
    chosen = given(query, *CHANGED)
    jobs = _JOBS.where(*changed_in(import_job.c.updated_at, chosen))
    statement = _ORDERS.page(jobs, query.sort, after=query.cursor is not None)
    rows = await read.all(statement, {"agency_id": caller.agency_id, **chosen, **_ORDERS.parameters(query)})
    kept, next_cursor = _ORDERS.cut(rows, query)
    return ImportPage(
        items=[
            ImportSummary(
                id=row.id,
                kind=row.kind,
                filename=row.filename,
                status=status_of(row, caller.now),
                dry_run=None if row.run is None else decode_run(row.run).dry_run,
                rows=row.rows,
                rows_done=row.rows_done,
                counts=decode_counts(row.counts),
                version=row.version,
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
            for row in kept
        ],
        next_cursor=next_cursor,
    )


async def list_rows(
    read: Read, caller: Caller, importers: Importers, import_id: UUID, query: ImportRowQuery
) -> ImportRowPage:
    """Rows of an import with what became of them. Raises NotFound, Forbidden as `get_import` does."""
    await readable_row(read, caller, importers, import_id)
    statement, parameters = _ROWS, {"import_id": import_id, **_ROW_ORDERS.parameters(query)}
    if query.outcome:
        statement = statement.where(import_row.c.outcome.in_(sa.bindparam("outcomes", expanding=True)))
        parameters["outcomes"] = [each.value for each in query.outcome]
    rows = await read.all_slowly(_ROW_ORDERS.page(statement, query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _ROW_ORDERS.cut(rows, query)
    return ImportRowPage(items=[_import_row(row) for row in kept], next_cursor=next_cursor)


def _import_row(row: Row[Any]) -> ImportRow:
    said = RowSaid() if row.said is None else decode_said(row.said)
    return ImportRow(
        row=row.row,
        outcome=None if row.outcome is None else RowOutcome(row.outcome),
        subject_id=row.subject_id,
        faults=said.faults,
        remarks=said.remarks,
    )


async def reported_rows(read: Read, import_id: UUID, size: int = 1000) -> AsyncIterator[list[ImportRow]]:
    """All rows of an import in order, some at a time."""
    after = 0
    while rows := await read.all_slowly(_WHOLE_ROWS, {"import_id": import_id, "after": after, "limit": size}):
        yield [_import_row(row) for row in rows]
        after = rows[-1].row


async def contents(read: Read, import_id: UUID, after: int, size: int, *, taken: bool = False) -> list[TableRow]:
    """The next rows as they were read from the file; with `taken` those alone that were taken."""
    rows = await read.all(_TAKEN if taken else _CONTENT, {"import_id": import_id, "after": after, "limit": size})
    return [decode_content(row.content) for row in rows]


async def mapping_named(read: Read, caller: Caller, kind: str, name: str) -> dict[str, FieldSource] | None:
    """The mapping that the agency keeps under that name."""
    row = await read.first(_MAPPING_NAMED, {"agency_id": caller.agency_id, "kind": kind, "name": name})
    return None if row is None else _decode_mapping(row.mapping)


async def list_mappings(read: Read, caller: Caller, query: NewestFirst) -> ImportMappingPage:
    """The agency's kept mappings."""
    statement = _MAPPING_ORDERS.page(_MAPPINGS, query.sort, after=query.cursor is not None)
    rows = await read.all(statement, {"agency_id": caller.agency_id, **_MAPPING_ORDERS.parameters(query)})
    kept, next_cursor = _MAPPING_ORDERS.cut(rows, query)
    return ImportMappingPage(items=[as_mapping(row) for row in kept], next_cursor=next_cursor)


async def mapping_row(read: Read, caller: Caller, mapping_id: UUID) -> Row[Any]:
    """The kept mapping, if it is the agency's. Raises NotFound."""
    row = await read.first(MAPPING, {"mapping_id": mapping_id, "agency_id": caller.agency_id})
    if row is None:
        raise NotFound("import_mapping")
    return row


def as_mapping(row: Row[Any]) -> ImportMapping:
    """The representation of a row."""
    return ImportMapping(
        id=row.id,
        kind=row.kind,
        name=row.name,
        mapping=_decode_mapping(row.mapping),
        version=row.version,
        created_at=row.created_at,
    )
