"""How many imports an agency has and runs, who goes on with them, and how they are deleted."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from registry.app import IMPORTERS
from registry.platform.access.acting import allow_acting, forbid_acting, revoke
from registry.platform.access.principals import Caller, RevocationKind, Role
from registry.platform.bulk import commands, queries
from registry.platform.bulk.running.beginning import MOST_RUNNING, begin
from registry.platform.bulk.running.progress import BatchSizes
from registry.platform.bulk.running.runner import ImportRunner
from registry.platform.bulk.schemas import Import, ImportRun, ImportStatus
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import Busy, Conflict
from registry.platform.kernel.time import utc_now
from tests.support.cast import Agency, Cast, inside
from tests.support.imports import MAPPING, csv_of, imported, send_file, unit_row, uploaded
from tests.support.problems import assert_problem

WRITE = msgspec.convert({"mapping": dict(MAPPING), "dry_run": False, "on_error": "skip"}, ImportRun)


def keeper(agency: Agency, subject: str | None = None, **later: float) -> Caller:
    return inside(agency.id, Role.AGENCY_ADMIN, subject=subject, now=utc_now() + timedelta(**later))


async def shown(agency: Agency, import_id: UUID) -> Import:
    return await queries.get_import(agency.service.database.read(), keeper(agency), IMPORTERS, import_id)


async def test_two_imports_of_an_agency_run_and_no_more_however_many_are_begun_at_once(cast: Cast) -> None:
    agency, other = cast.assisting, cast.requesting
    found = [await uploaded(agency.admin, csv_of(unit_row("1")), filename="fleet.csv") for _ in range(4)]
    ids = [UUID(each["id"]) for each in found]
    database = agency.service.database
    begun = await asyncio.gather(
        *(begin(database, keeper(agency), IMPORTERS, each, WRITE) for each in ids), return_exceptions=True
    )
    refused = [each for each in begun if isinstance(each, Exception)]
    assert len(refused) == len(ids) - MOST_RUNNING
    assert {each.code for each in refused if isinstance(each, Conflict)} == {"imports_running"}
    assert "“fleet.csv” and “fleet.csv”" in str(refused[0])
    waits = next(each for each, was in zip(ids, begun, strict=True) if isinstance(was, Exception))
    assert_problem(
        await agency.admin.post(f"/v1/imports/{waits}/run", msgspec.to_builtins(WRITE)), 409, "imports_running"
    )
    assert (await imported(other.admin, csv_of(unit_row("1"))))["status"] == "done", "agencies count apart"
    later = await begin(database, keeper(agency, minutes=2), IMPORTERS, waits, WRITE)
    assert later.import_id == waits, "what stands still does not run"
    full = ImportRunner(database, most=0)
    with pytest.raises(Busy) as busy:
        await full.run(keeper(agency), IMPORTERS, ids[0], WRITE)
    assert busy.value.code == "importer_busy"


async def test_an_agency_stores_so_many_imports_and_is_told_what_to_do(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "MOST_STORED", 1)
    admin, file = cast.assisting.admin, csv_of(unit_row("1"))
    found = await uploaded(admin, file)
    refused = assert_problem(await send_file(admin, file), 409, "imports_stored")
    assert "DELETE /v1/imports/" in refused["detail"]
    assert (await admin.delete(f"/v1/imports/{found['id']}", if_match="*")).status_code == 204
    await uploaded(admin, file)


async def test_whoever_may_act_no_more_ends_the_run_and_another_goes_on_with_it(cast: Cast) -> None:
    agency, database = cast.assisting, cast.assisting.service.database
    found = await uploaded(agency.admin, csv_of(*(unit_row(f"{at}") for at in range(4))))
    import_id, gone = UUID(found["id"]), keeper(agency, "gone")
    runner = ImportRunner(database, idle_days=90, sizes=BatchSizes(rows=2, seconds=60))

    async def end(resumed_by: Caller, asked: ImportRun) -> Import:
        held = await begin(database, resumed_by, IMPORTERS, import_id, asked)
        await runner.carry_out(resumed_by, held)
        return await shown(agency, import_id)

    async with unit_of_work(database) as write:
        await forbid_acting(write, agency.id)
    ended = await end(gone, WRITE)
    assert (ended.status, ended.rows_done) == (ImportStatus.INTERRUPTED, 0)
    assert ended.note is not None
    assert "the agency may not act" in ended.note
    async with unit_of_work(database) as write:
        await allow_acting(write, agency.id)
        await revoke(
            write,
            RevocationKind.PERSON,
            "gone",
            issuer=gone.principal.issuer,
            agency_id=agency.id,
            now=utc_now(),
            reason="Left the agency.",
            by_operator=False,
        )
    ended = await end(keeper(agency, "gone"), ImportRun())
    assert (ended.status, ended.rows_done) == (ImportStatus.INTERRUPTED, 0)
    assert ended.note is not None
    assert "whoever began the run is suspended" in ended.note
    assert "gone" not in ended.note
    ended = await end(keeper(agency), ImportRun())
    assert (ended.status, ended.counts.created, ended.note) == (ImportStatus.DONE, 4, None)


async def test_an_import_is_deleted_with_its_rows_and_what_it_entered_stays(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency, database = cast.assisting, cast.assisting.service.database
    ran = await imported(agency.admin, csv_of(unit_row("1"), unit_row("2"), unit_row("3")))
    path = f"/v1/imports/{ran['id']}"
    assert (await agency.service.anonymous.delete(path)).status_code == 401
    assert_problem(await cast.stranger.admin.delete(path, if_match="*"), 404, "not_found")
    assert_problem(await agency.auditor.delete(path, if_match="*"), 403, "forbidden")
    assert_problem(await agency.admin.delete(path), 428, "precondition_required")
    assert_problem(await agency.admin.delete(path, if_match='"99-00000000"'), 412, "stale_version")
    again = await begin(database, keeper(agency), IMPORTERS, UUID(ran["id"]), WRITE)
    assert_problem(await agency.admin.delete(path, if_match="*"), 409, "import_running")
    await ImportRunner(database).carry_out(keeper(agency), again)
    monkeypatch.setattr(commands, "REMOVED_AT_ONCE", 1)
    for _ in range(2):
        assert (await agency.admin.delete(path, if_match="*")).status_code == 204
    assert_problem(await agency.admin.get(path), 404, "not_found")
    assert_problem(await agency.admin.delete(f"/v1/imports/{uuid4()}", if_match="*"), 404, "not_found")
    assert_problem(await cast.stranger.admin.delete(path, if_match="*"), 404, "not_found")
    assert len((await agency.admin.done("GET", f"/v1/assets?agency_id={agency.id}"))["items"]) == 3
    rounds = 0
    removed = 1
    while removed:
        async with unit_of_work(database) as write:
            removed = await commands.remove_old(write, utc_now())
        rounds += removed
    assert rounds >= 2, "the rows that were left went later"
    assert await queries.contents(database.read(), UUID(ran["id"]), 0, 10) == []
