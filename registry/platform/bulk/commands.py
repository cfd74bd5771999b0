"""Taking a file in, keeping mappings, and removing what is old. Runs are in `running`."""

from collections.abc import AsyncIterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from registry.platform.access.acting import lock_acting
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.fields import Importer, Importers
from registry.platform.bulk.parsing import LONGEST_HEADER, TableHead, TableRow
from registry.platform.bulk.queries import JOB, REMOVED, About, as_mapping, mapping_row, status_of
from registry.platform.bulk.reading import OpenTable, TableReader
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.bulk.schemas import ImportMapping, ImportMappingPatch, ImportStatus, NewImport, NewImportMapping
from registry.platform.bulk.suggesting import HEADER_WITHIN, SAMPLE, header_at, suggest
from registry.platform.bulk.tables import import_job, import_mapping, import_row
from registry.platform.bulk.values import text_of
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.files.store import FileStore
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.queries import was_recorded

KEPT_FOR: Final = timedelta(days=30)
UNSEEN_FOR: Final = timedelta(hours=6)
"""After so long an upload that was not finished has come to nothing."""
MOST_STORED: Final = 100
"""So many imports an agency has stored at one time, with those that are on their way."""
REMOVED_AT_ONCE: Final = 5_000

_INSERT_JOB = import_job.insert()
_INSERT_ROW = import_row.insert()
_INSERT_MAPPING = import_mapping.insert()
_ITS = import_job.c.id == sa.bindparam("its_id", type_=import_job.c.id.type)
_STORED = (
    import_job.update()
    .where(_ITS)
    .values(
        rows=sa.bindparam("stored_rows", type_=sa.Integer),
        about=sa.bindparam("its_about", type_=import_job.c.about.type),
    )
)
_OLD = (
    sa.select(import_job.c.id)
    .where(
        sa.or_(
            import_job.c.created_at < sa.bindparam("before", type_=import_job.c.created_at.type),
            import_job.c.status == REMOVED,
            sa.and_(
                import_job.c.created_at < sa.bindparam("unseen_before", type_=import_job.c.created_at.type),
                import_job.c.rows.is_(None),
            ),
        )
    )
    .limit(1)
)
_SOME_ROWS = (
    sa.select(import_row.c.row)
    .where(import_row.c.import_id == sa.bindparam("its_id", type_=import_row.c.import_id.type))
    .order_by(import_row.c.row)
    .limit(1)
    .offset(sa.bindparam("removed", type_=sa.Integer))
)
_REMOVE_ROWS = import_row.delete().where(
    import_row.c.import_id == sa.bindparam("its_id", type_=import_row.c.import_id.type),
    import_row.c.row < sa.bindparam("below", type_=sa.Integer),
)
_REMOVE_JOB = import_job.delete().where(_ITS)
_LOCK = sa.select(import_job.c.id).where(_ITS).with_for_update()
_HIDE = import_job.update().where(_ITS).values(status=REMOVED, run_token=None)
_STORED_OF_AGENCY = sa.select(sa.func.count()).where(
    import_job.c.agency_id == sa.bindparam("agency_id", type_=import_job.c.agency_id.type),
    import_job.c.status != REMOVED,
)
_THE_MAPPING = import_mapping.c.id == sa.bindparam("its_id", type_=import_mapping.c.id.type)
_UPDATE_MAPPING = import_mapping.update().where(_THE_MAPPING)
_LOCK_MAPPING = sa.select(import_mapping.c.id).where(_THE_MAPPING).with_for_update()


class TableFiles(Struct, kw_only=True, frozen=True):
    """What handles uploaded tables."""

    store: FileStore
    reader: TableReader


def importer_of(importers: Importers, kind: str) -> Importer:
    """The importer of that kind. Raises NotFound for one of a table that an earlier release took in."""
    found = importers.of(kind)
    if found is None:
        raise NotFound("import")
    return found


async def upload(
    read: Read,
    own_transaction: OwnTransaction,
    write: Write,
    caller: Caller,
    importers: Importers,
    table_files: TableFiles,
    new: NewImport,
    body: AsyncIterable[bytes],
) -> UUID:
    """Take a file in: read it, store its rows, and suggest a mapping. Nothing else is written.

    Raises Forbidden, RuleBroken for a file that is no table, Busy where it cannot be read or stored now.
    """
    permit(caller.principal, Action.IMPORTS_RUN, ["own"])
    importer = importer_of(importers, new.kind)
    importer.may_import(caller)
    await _check_room(read, caller)  # before the file is taken in; it counts when the rows are stored
    async with table_files.store.receive(body) as received:
        if not received.size:
            raise RuleBroken("The file is empty: there is nothing to import.", "file_empty")
        stored = await store_rows(
            read, own_transaction, caller, importer, table_files.reader, received.path, new, received.sha256
        )
    await write.once()  # only now is the body known; what a repeated request has stored is swept away
    await finish_upload(write, caller, stored)
    return stored.import_id


class StoredRows(Struct, kw_only=True, frozen=True):
    """A table whose rows are stored, and that nobody sees yet."""

    import_id: UUID
    kind: str
    sha256: str
    rows: int
    about: About


async def store_rows(
    read: Read,
    own_transaction: OwnTransaction,
    caller: Caller,
    importer: Importer,
    reader: TableReader,
    path: Path,
    new: NewImport,
    sha256: str,
) -> StoredRows:
    """Read the file at the path and store its rows, some hundreds to a transaction. Raises RuleBroken, Busy."""
    vocabulary = await importer.vocabulary(read, caller)
    import_id = new_id()
    try:
        async with reader.opened(path, caller.agency_id, file=new.filename, sheet=new.sheet) as table:
            return await _store(own_transaction, caller, importer, vocabulary, table, import_id, new, sha256)
    except ImportFormatError as error:
        await _forget(own_transaction, import_id)
        raise RuleBroken(error.detail, error.code) from None
    except BaseException:
        await _forget(own_transaction, import_id)
        raise


async def finish_upload(write: Write, caller: Caller, stored: StoredRows) -> None:
    """Let the import be seen."""
    about = msgspec.to_builtins(stored.about)
    await write.run(_STORED, {"its_id": stored.import_id, "stored_rows": stored.rows, "its_about": about})
    record(
        write,
        caller,
        EventType.IMPORT_UPLOADED,
        subject=("import", stored.import_id, 1),
        agencies=[caller.agency_id],
        data={"kind": stored.kind, "sha256": stored.sha256, "rows": stored.rows},
    )


async def _store(
    own_transaction: OwnTransaction,
    caller: Caller,
    importer: Importer,
    vocabulary: Any,
    table: OpenTable,
    import_id: UUID,
    new: NewImport,
    sha256: str,
) -> StoredRows:
    stored, first = 0, True
    headers: list[str] = []
    header_row = 0
    sample: list[TableRow] = []
    async for taken in table.rows():
        rows = taken
        if first:
            headers, header_row, rows = _headed(importer, table.head, taken)
            sample, first = rows[:SAMPLE], False
            await _begin(own_transaction, caller, new, import_id, sha256, headers)
        if rows:
            async with own_transaction() as write:
                await write.run_fast(_INSERT_ROW, [_stored_row(import_id, row) for row in rows])
        stored += len(rows)
    if not stored:
        raise ImportFormatError(f"{new.filename} has no rows below its headers.")
    found = suggest(importer, headers, [row.cells for row in sample], vocabulary)
    about = About(
        read_as=table.head.read_as,
        sheets=table.head.sheets,
        remarks=table.head.remarks,
        header_row=header_row,
        columns=found.columns,
        mapping=found.mapping,
        missing=found.missing,
    )
    return StoredRows(import_id=import_id, kind=new.kind, sha256=sha256, rows=stored, about=about)


def _stored_row(import_id: UUID, row: TableRow) -> dict[str, object]:
    content = msgspec.json.encode(row).decode()
    return {
        "import_id": import_id,
        "row": row.row,
        "content": content,
        "outcome": None,
        "subject_id": None,
        "said": None,
    }


def _headed(importer: Importer, head: TableHead, rows: Sequence[TableRow]) -> tuple[list[str], int, list[TableRow]]:
    """The headers, which row has them, and the rows below."""
    if head.headers is not None:
        return head.headers, 0, list(rows)
    at = header_at(importer, [row.cells for row in rows[:HEADER_WITHIN]])
    headers = [text_of(cell)[:LONGEST_HEADER] for cell in rows[at].cells]
    return headers, rows[at].row, list(rows[at + 1 :])


async def _begin(
    own_transaction: OwnTransaction,
    caller: Caller,
    new: NewImport,
    import_id: UUID,
    sha256: str,
    headers: Sequence[str],
) -> None:
    async with own_transaction() as write:
        await lock_acting(write, caller.agency_id)
        await _check_room(write, caller)
        await write.run(
            _INSERT_JOB,
            {
                "id": import_id,
                "agency_id": caller.agency_id,
                "kind": new.kind,
                "filename": new.filename,
                "sha256": sha256,
                "about": {},
                "headers": list(headers),
                "rows": None,
                "status": "uploaded",
                "run": None,
                "run_token": None,
                "phase": None,
                "cursor": 0,
                "rows_done": 0,
                "counts": {},
                "note": None,
                "version": 1,
                "created_at": caller.now,
                "updated_at": caller.now,
            },
        )


async def _check_room(read: Read, caller: Caller) -> None:
    """Raises Conflict when the agency has as many imports as can be stored."""
    if await read.value(_STORED_OF_AGENCY, {"agency_id": caller.agency_id}) >= MOST_STORED:
        raise Conflict(
            f"Your agency has {MOST_STORED} imports stored, which is the most. Delete those that are done with, by"
            f" DELETE /v1/imports/{{import_id}}; each goes by itself {KEPT_FOR.days} days after it was uploaded.",
            "imports_stored",
        )


async def _forget(own_transaction: OwnTransaction, import_id: UUID) -> None:
    """Remove an upload that came to nothing, as far as it was stored."""
    done = False
    while not done:
        async with own_transaction() as write:
            done = await _remove_some(write, import_id)


async def _remove_some(write: Write, import_id: UUID) -> bool:
    """Remove some rows of an import, and the import with the last of them; whether it is gone."""
    below = await write.value(_SOME_ROWS, {"its_id": import_id, "removed": REMOVED_AT_ONCE})
    await write.run(_REMOVE_ROWS, {"its_id": import_id, "below": 2**31 - 1 if below is None else below})
    if below is None:
        await write.run(_REMOVE_JOB, {"its_id": import_id})
    return below is None


async def delete_import(write: Write, caller: Caller, import_id: UUID, expected: Expected) -> None:
    """Remove an import with its rows and report; what it entered stays. One that was removed is removed already.

    Raises NotFound, Conflict while it runs, StaleVersion, PreconditionMissing.
    """
    await write.all(_LOCK, {"its_id": import_id})
    row = await write.first(JOB, {"id": import_id, "agency_id": caller.agency_id})
    if row is None:
        if await was_recorded(write, EventType.IMPORT_DELETED, import_id, caller.agency_id):
            return
        raise NotFound("import")
    permit(caller.principal, Action.IMPORTS_RUN, ["own"])
    check_version(expected, row.version, required=True)
    if status_of(row, caller.now) is ImportStatus.RUNNING:
        raise Conflict(
            "The import runs. Delete it when the run is over; reading it says how far it is.", "import_running"
        )
    if not await _remove_some(write, import_id):
        await write.run(_HIDE, {"its_id": import_id})  # the rest goes later, some rows at a time
    record(
        write,
        caller,
        EventType.IMPORT_DELETED,
        subject=("import", import_id, row.version + 1),
        agencies=[caller.agency_id],
        data={"kind": row.kind, "rows": row.rows, "status": row.status},
    )


async def remove_old(write: Write, now: datetime) -> int:
    """Remove some of what was deleted, or uploaded more than thirty days ago; 0 when there is nothing more."""
    found = await write.value(_OLD, {"before": now - KEPT_FOR, "unseen_before": now - UNSEEN_FOR})
    if found is None:
        return 0
    await _remove_some(write, found)
    return 1


async def keep_mapping(write: Write, caller: Caller, importers: Importers, new: NewImportMapping) -> ImportMapping:
    """Keep a mapping for the next file. Raises Forbidden, RuleBroken for an unknown kind, Conflict for a taken name."""
    permit(caller.principal, Action.IMPORTS_RUN, ["own"])
    await write.once()
    mapping_id = new_id()
    await write.run(
        _INSERT_MAPPING,
        {
            "id": mapping_id,
            "agency_id": caller.agency_id,
            "kind": new.kind,
            "name": new.name,
            "mapping": msgspec.to_builtins(new.mapping),
            "version": 1,
            "created_at": caller.now,
        },
    )
    record(
        write,
        caller,
        EventType.IMPORT_MAPPING_KEPT,
        subject=("import_mapping", mapping_id, 1),
        agencies=[caller.agency_id],
        data={"kind": new.kind, "fields": sorted(new.mapping)},
    )
    return as_mapping(await mapping_row(write, caller, mapping_id))


async def update_mapping(
    write: Write, caller: Caller, mapping_id: UUID, patch: ImportMappingPatch, expected: Expected
) -> ImportMapping:
    """Correct a kept mapping. Raises NotFound, StaleVersion, PreconditionMissing, Conflict for a taken name."""
    await write.all(_LOCK_MAPPING, {"its_id": mapping_id})
    row = await mapping_row(write, caller, mapping_id)
    permit(caller.principal, Action.IMPORTS_RUN, ["own"])
    check_version(expected, row.version, required=True)
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    if not given:
        return as_mapping(row)
    await write.run(
        _UPDATE_MAPPING.values(**msgspec.to_builtins(given), version=row.version + 1), {"its_id": mapping_id}
    )
    record(
        write,
        caller,
        EventType.IMPORT_MAPPING_UPDATED,
        subject=("import_mapping", mapping_id, row.version + 1),
        agencies=[caller.agency_id],
        data={"kind": row.kind, "changed": sorted(given)},
    )
    return as_mapping(await mapping_row(write, caller, mapping_id))
