"""A run that stands still is resumed where it was, and is never done twice."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from registry.app import IMPORTERS
from registry.platform.access.principals import Caller, Role
from registry.platform.bulk import queries
from registry.platform.bulk.commands import KEPT_FOR, UNSEEN_FOR, remove_old
from registry.platform.bulk.fields import Entered
from registry.platform.bulk.running import runner
from registry.platform.bulk.running.beginning import begin
from registry.platform.bulk.running.progress import BatchSizes
from registry.platform.bulk.running.runner import ImportRunner
from registry.platform.bulk.schemas import Import, ImportRun, ImportStatus
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Busy, Conflict
from registry.platform.kernel.time import utc_now
from registry.resources.assets.commands.importing import AssetImporter
from tests.support.cast import Agency, Cast, inside
from tests.support.imports import MAPPING, csv_of, unit_row, uploaded
from tests.support.logs import logged_by
from tests.support.problems import assert_problem

WRITE = msgspec.convert({"mapping": dict(MAPPING), "dry_run": False, "on_error": "skip"}, ImportRun)
GO_ON = ImportRun()
SMALL = BatchSizes(rows=5, seconds=60)


def runner_of(agency: Agency) -> ImportRunner:
    """A runner that does five rows at a time."""
    return ImportRunner(agency.service.database, sizes=SMALL)


def keeper(agency: Agency, **later: float) -> Caller:
    return inside(agency.id, Role.AGENCY_ADMIN, now=utc_now() + timedelta(**later))


async def stopped_runner(agency: Agency) -> ImportRunner:
    """A runner that does one batch and then stands still, as that of a service that is being stopped does."""
    stopped = runner_of(agency)
    await stopped.close()
    return stopped


async def shown(agency: Agency, found: Mapping[str, Any], **later: float) -> Import:
    read = agency.service.database.read()
    return await queries.get_import(read, keeper(agency, **later), IMPORTERS, UUID(found["id"]))


@pytest.fixture
async def found(cast: Cast) -> dict[str, Any]:
    """Twelve rows, of which the last has the tag of the first."""
    rows = [unit_row(f"R{at}") for at in range(11)]
    return await uploaded(cast.assisting.admin, csv_of(*rows, unit_row("r0")))


async def test_an_interrupted_run_goes_on_from_the_row_it_had_come_to(cast: Cast, found: dict[str, Any]) -> None:
    agency, database = cast.assisting, cast.assisting.service.database
    held = await begin(database, keeper(agency), IMPORTERS, UUID(found["id"]), WRITE)
    await (await stopped_runner(agency)).carry_out(keeper(agency), held)
    halfway = await shown(agency, found)
    assert (halfway.status, halfway.rows_done, halfway.counts.created) == (ImportStatus.RUNNING, 5, 5)
    with pytest.raises(Conflict):
        await begin(database, keeper(agency), IMPORTERS, UUID(found["id"]), GO_ON)
    assert_problem(await agency.admin.post(f"/v1/imports/{found['id']}/run", {}), 409, "import_running")
    assert (await shown(agency, found, minutes=2)).status is ImportStatus.INTERRUPTED
    resumed = await begin(database, keeper(agency, minutes=2), IMPORTERS, UUID(found["id"]), GO_ON)
    assert (resumed.cursor, resumed.run) == (6, held.run)
    await runner_of(agency).carry_out(keeper(agency), resumed)
    done = await shown(agency, found)
    assert (done.status, done.rows_done) == (ImportStatus.DONE, 12)
    assert (done.counts.created, done.counts.refused) == (11, 1), "the last row is met although its first was before"
    await runner_of(agency).carry_out(keeper(agency), held)  # the first was only slow: it does nothing any more
    assert await shown(agency, found) == done


async def test_a_batch_ends_when_its_time_is_over_and_the_next_one_goes_on(cast: Cast, found: dict[str, Any]) -> None:
    agency, database = cast.assisting, cast.assisting.service.database
    held = await begin(database, keeper(agency), IMPORTERS, UUID(found["id"]), WRITE)
    hasty = ImportRunner(database, sizes=BatchSizes(rows=5, seconds=0))
    await hasty.close()
    await hasty.carry_out(keeper(agency), held)
    assert (await shown(agency, found)).rows_done == 1, "of five rows, since no time is left after the first"
    resumed = await begin(database, keeper(agency, minutes=2), IMPORTERS, UUID(found["id"]), GO_ON)
    await ImportRunner(database, sizes=BatchSizes(rows=5, seconds=0)).carry_out(keeper(agency), resumed)
    done = await shown(agency, found)
    assert (done.status, done.rows_done) == (ImportStatus.DONE, 12)
    assert (done.counts.created, done.counts.refused) == (11, 1)


class Watched(AssetImporter):
    """An importer that waits at the first row until it may go on, and at the sixth until another has written."""

    def __init__(self) -> None:
        self.began, self.may_go_on, self.other_wrote = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.turns_of_others = 0
        self.seen: list[int] = []

    async def enter(
        self,
        write: Write,
        caller: Caller,
        found: UUID | None,
        values: Mapping[str, Any],
        named: Mapping[str, UUID],
    ) -> Entered:
        """As usual, after what is waited for."""
        self.began.set()
        await self.may_go_on.wait()
        if values["tag"] == "R5":
            await self.other_wrote.wait()
        self.seen.append(self.turns_of_others)
        return await super().enter(write, caller, found, values, named)

    async def count_turns(self) -> None:
        """Count how often somebody else had the event loop."""
        while True:
            self.turns_of_others += 1
            await asyncio.sleep(0)


async def test_another_agency_reads_and_writes_while_an_import_runs(cast: Cast, found: dict[str, Any]) -> None:
    agency, other, importer = cast.assisting, cast.requesting, Watched()
    database = agency.service.database

    async def write() -> None:
        await other.admin.done("POST", "/v1/assets", {"tag": "W1", "name": "Van", "category": "vehicle.patrol"})
        importer.other_wrote.set()

    held = await begin(database, keeper(agency), IMPORTERS, UUID(found["id"]), WRITE)
    running = asyncio.create_task(
        runner_of(agency).carry_out(keeper(agency), msgspec.structs.replace(held, importer=importer))
    )
    await importer.began.wait()
    await other.admin.done("GET", "/v1/assets?limit=5")  # within a batch, which holds the writer
    writing = asyncio.create_task(write())
    while not writing.done() and not any(each.way == "write" and each.waiting for each in database.pressure()):  # noqa: ASYNC110
        await asyncio.sleep(0)
    counting = asyncio.create_task(importer.count_turns())
    importer.may_go_on.set()
    await asyncio.gather(running, writing)  # the second batch ends only when the other agency has written
    counting.cancel()
    assert len(set(importer.seen)) == len(importer.seen) == 11, "others had their turn between any two rows"
    assert (await shown(agency, found)).counts.created == 11


async def test_everything_is_checked_before_anything_is_written_also_when_resumed(
    cast: Cast, found: dict[str, Any]
) -> None:
    agency, database = cast.assisting, cast.assisting.service.database
    asked = msgspec.structs.replace(WRITE, on_error="abort")
    held = await begin(database, keeper(agency), IMPORTERS, UUID(found["id"]), asked)
    await (await stopped_runner(agency)).carry_out(keeper(agency), held)
    resumed = await begin(database, keeper(agency, minutes=2), IMPORTERS, UUID(found["id"]), GO_ON)
    await runner_of(agency).carry_out(keeper(agency), resumed)
    ended = await shown(agency, found)
    assert (ended.status, ended.counts.refused) == (ImportStatus.STOPPED, 1)
    assert (await agency.admin.done("GET", f"/v1/assets?agency_id={agency.id}"))["items"] == []


class Faulty(AssetImporter):
    """An importer that has a fault of its own at the row with one tag."""

    def __init__(self, tag: str, error: Exception) -> None:
        self.tag = tag
        self.error = error

    async def enter(
        self,
        write: Write,
        caller: Caller,
        found: UUID | None,
        values: Mapping[str, Any],
        named: Mapping[str, UUID],
    ) -> Entered:
        """As usual, except for that row."""
        if values["tag"] == self.tag:
            raise self.error
        return await super().enter(write, caller, found, values, named)


@pytest.mark.parametrize(
    ("how", "done", "kept"), [({}, 5, "The 5 rows before were written."), ({"dry_run": True}, 5, "Nothing was")]
)
async def test_a_fault_of_the_service_ends_the_run_and_names_the_row_and_the_trace(
    cast: Cast, found: dict[str, Any], how: dict[str, Any], done: int, kept: str
) -> None:
    agency, database = cast.assisting, cast.assisting.service.database
    caller = keeper(agency)
    held = await begin(database, caller, IMPORTERS, UUID(found["id"]), msgspec.structs.replace(WRITE, **how))
    fault = KeyError("nobody thought of this")
    with logged_by(runner) as lines:
        await runner_of(agency).carry_out(caller, msgspec.structs.replace(held, importer=Faulty("R7", fault)))
    ended = await shown(agency, found)
    assert (ended.status, ended.rows_done) == (ImportStatus.STOPPED, done)
    assert ended.note is not None
    assert ended.note.startswith("Row 9 could not be entered")
    assert caller.trace_id in ended.note
    assert kept in ended.note
    assert "nobody" not in ended.note
    (line,) = (each for each in lines if each["event"] == "an import met a fault of the service")
    assert (line["exc_info"], line["trace_id"], line["import_id"]) == (fault, caller.trace_id, found["id"])
    again = await begin(database, keeper(agency), IMPORTERS, UUID(found["id"]), WRITE)
    await runner_of(agency).carry_out(keeper(agency), again)
    assert (await shown(agency, found)).status is ImportStatus.DONE, "once that is mended"


class OutOfReach(AssetImporter):
    """An importer whose questions find no database."""

    async def known(self, read: Read, caller: Caller) -> Mapping[str, UUID]:
        """Never."""
        raise ConnectionResetError


@pytest.mark.parametrize(
    ("importer", "done"), [(Faulty("R7", Busy("Busy.", retry_after=0)), 5), (OutOfReach(), 0)], ids=["busy", "lost"]
)
async def test_a_run_that_the_database_failed_can_be_resumed(
    cast: Cast, found: dict[str, Any], importer: AssetImporter, done: int
) -> None:
    agency, database = cast.assisting, cast.assisting.service.database
    held = await begin(database, keeper(agency), IMPORTERS, UUID(found["id"]), WRITE)
    with logged_by(runner) as lines:
        await runner_of(agency).carry_out(keeper(agency), msgspec.structs.replace(held, importer=importer))
    (line,) = (each for each in lines if each["event"] == "an import was interrupted")
    assert isinstance(line["exc_info"], Busy | ConnectionResetError)
    halfway = await shown(agency, found, minutes=2)
    assert (halfway.status, halfway.rows_done, halfway.note) == (ImportStatus.INTERRUPTED, done, None)
    resumed = await begin(database, keeper(agency, minutes=2), IMPORTERS, UUID(found["id"]), GO_ON)
    assert resumed.rows_done == done


class Slow(AssetImporter):
    """An importer that is still busy with its first row when the service is stopped."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.undone = False

    async def enter(
        self,
        write: Write,
        caller: Caller,
        found: UUID | None,
        values: Mapping[str, Any],
        named: Mapping[str, UUID],
    ) -> Entered:
        """Never comes to an end."""
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.undone = True
        raise AssertionError


async def test_what_takes_too_long_at_the_end_of_the_service_is_undone_before_the_database_is_closed(
    cast: Cast, found: dict[str, Any]
) -> None:
    agency, importer = cast.assisting, Slow()
    held = await begin(agency.service.database, keeper(agency), IMPORTERS, UUID(found["id"]), WRITE)
    stopping = ImportRunner(agency.service.database, patience_seconds=0)
    await stopping.start(keeper(agency), msgspec.structs.replace(held, importer=importer), 0)
    await importer.began.wait()
    await stopping.close()
    assert importer.undone
    resumed = await begin(agency.service.database, keeper(agency, minutes=2), IMPORTERS, UUID(found["id"]), GO_ON)
    assert resumed.rows_done == 0
    await runner_of(agency).carry_out(keeper(agency), resumed)
    assert (await shown(agency, found)).counts.created == 11


async def test_what_is_old_goes_and_so_does_an_upload_that_nobody_finished(cast: Cast, found: dict[str, Any]) -> None:
    database = cast.assisting.service.database
    assert UNSEEN_FOR < KEPT_FOR

    async def remove(**after: float) -> None:
        while True:
            async with unit_of_work(database) as write:
                if not await remove_old(write, utc_now() + timedelta(**after)):
                    return

    await remove(days=29)
    assert (await cast.assisting.admin.get(f"/v1/imports/{found['id']}")).status_code == 200
    await remove(days=31)
    assert_problem(await cast.assisting.admin.get(f"/v1/imports/{found['id']}"), 404, "not_found")
