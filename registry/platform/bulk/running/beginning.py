"""A run is begun, or one that was interrupted is resumed: both get a token that only the run itself holds."""

from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.access.acting import lock_acting
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.commands import importer_of
from registry.platform.bulk.fields import Importer, Importers
from registry.platform.bulk.mapping import RowMapper
from registry.platform.bulk.queries import (
    STALLED_AFTER,
    Run,
    decode_counts,
    decode_headers,
    decode_run,
    job_row,
    mapping_named,
    status_of,
)
from registry.platform.bulk.schemas import FieldSource, ImportCounts, ImportRun, ImportStatus
from registry.platform.bulk.tables import import_job
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version

ITS = import_job.c.id == sa.bindparam("its_id", type_=import_job.c.id.type)
LOCK = sa.select(import_job).where(ITS).with_for_update()
_RUNNING = sa.select(import_job.c.filename).where(
    import_job.c.agency_id == sa.bindparam("agency_id", type_=import_job.c.agency_id.type),
    import_job.c.status == ImportStatus.RUNNING.value,
    import_job.c.updated_at >= sa.bindparam("moved_since", type_=import_job.c.updated_at.type),
)
_BEGIN = import_job.update().where(ITS)

MOST_RUNNING: Final = 2
"""So many imports of an agency run at one time, in all processes together."""


class Held(Struct, kw_only=True, frozen=True):
    """A run that was begun or resumed, with what it needs."""

    import_id: UUID
    token: UUID
    run: Run
    importer: Importer
    headers: list[str]
    phase: str
    cursor: int
    rows_done: int
    counts: ImportCounts


async def begin(
    database: Database,
    caller: Caller,
    importers: Importers,
    import_id: UUID,
    asked: ImportRun,
    expected: Expected = None,
) -> Held:
    """Begin a run, or resume the one that was interrupted.

    Raises NotFound, Forbidden, StaleVersion, RuleBroken for a mapping that does not fit, Conflict while it runs, and
    while as many of the agency's run as may.
    """
    async with unit_of_work(database) as write:
        await lock_acting(write, caller.agency_id)
        await write.all(LOCK, {"its_id": import_id})
        row = await job_row(write, caller, import_id)
        permit(caller.principal, Action.IMPORTS_RUN, ["own"])
        importer = importer_of(importers, row.kind)
        importer.may_import(caller)
        check_version(expected, row.version)
        status, token = status_of(row, caller.now), new_id()
        if status is ImportStatus.RUNNING:
            raise Conflict("The import runs already; read it to see how far it is.", "import_running")
        await _check_running(write, caller)
        headers = decode_headers(row.headers)
        resumes = status is ImportStatus.INTERRUPTED and asked.mapping is None and asked.mapping_name is None
        if resumes:
            values = {
                "run_token": token,
                "status": ImportStatus.RUNNING.value,
                "note": None,
                "updated_at": caller.now,
            }
            run, counts = decode_run(row.run), decode_counts(row.counts)
            place = (row.phase, row.cursor, row.rows_done)
        else:
            run = Run(mapping=await _mapping(write, caller, row, asked), dry_run=asked.dry_run, on_error=asked.on_error)
            RowMapper(importer, headers, run.mapping)  # refuses what does not fit
            place, counts = (_first_phase(run), 0, 0), ImportCounts()
            values = {
                "run": msgspec.to_builtins(run),
                "run_token": token,
                "status": ImportStatus.RUNNING.value,
                "phase": place[0],
                "cursor": 0,
                "rows_done": 0,
                "counts": {},
                "note": None,
                "version": row.version + 1,
                "updated_at": caller.now,
            }
        await write.run(_BEGIN.values(values), {"its_id": import_id})
        return Held(
            import_id=import_id,
            token=token,
            run=run,
            importer=importer,
            headers=headers,
            phase=place[0],
            cursor=place[1],
            rows_done=place[2],
            counts=counts,
        )


async def _check_running(write: Write, caller: Caller) -> None:
    """Raises Conflict when as many imports of the agency run as may. One that stands still does not run."""
    rows = await write.all(_RUNNING, {"agency_id": caller.agency_id, "moved_since": caller.now - STALLED_AFTER})
    if len(rows) >= MOST_RUNNING:
        named = " and ".join(f"“{row.filename}”" for row in rows)
        raise Conflict(
            f"{named} of your agency are being imported, and more than {MOST_RUNNING} at a time cannot be. Run this one"
            " when one of them is over; GET /v1/imports says how far they are.",
            "imports_running",
        )


def _first_phase(run: Run) -> str:
    return "check" if run.dry_run or run.on_error == "abort" else "write"


async def _mapping(write: Write, caller: Caller, row: Row[Any], asked: ImportRun) -> dict[str, FieldSource]:
    if (asked.mapping is None) == (asked.mapping_name is None):
        raise RuleBroken.at(
            "Give `mapping`, or `mapping_name` of a kept one; the import's `suggested_mapping` is a beginning.",
            "mapping_missing",
            "one of mapping and mapping_name",
            pointer="/mapping",
        )
    if asked.mapping is not None:
        return asked.mapping
    assert asked.mapping_name is not None
    kept = await mapping_named(write, caller, row.kind, asked.mapping_name)
    if kept is None:
        raise RuleBroken.at(
            f"Your agency keeps no mapping “{asked.mapping_name}” of that kind.",
            "unknown_import_mapping",
            "no such mapping",
            pointer="/mapping_name",
        )
    return kept
