"""Importing the FBI's lists: once, again, after corrections, in pieces, and over HTTP."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import sqlalchemy as sa

from registry.agreements.instruments.commands.agency_status import follow_agency_status
from registry.directory.agencies.commands.importing import BATCH, import_agencies
from registry.directory.agencies.commands.registering import change_status, update_agency
from registry.directory.agencies.fbi import AgencyRecord, RowFault, digest_of, join, read_cde, read_lee
from registry.directory.agencies.queries import agency_row, list_agencies
from registry.directory.agencies.rules import LEVEL_OF, AgencyAction, AgencyKind
from registry.directory.agencies.schemas import AgencyPatch, AgencyQuery
from registry.directory.agencies.tables import agency, agency_ori
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Principal, Role
from registry.platform.access.principals import Caller as CallerFacts
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.kernel.errors import Forbidden
from registry.platform.kernel.geo import Location
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.tables import ledger_event, ledger_event_agency, ledger_unsealed
from tests.support.cast import Cast
from tests.support.places import REAL_DATA, ROOT, present
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

SAMPLE = ROOT / "registry" / "directory" / "agencies" / "sample"
REAL = REAL_DATA / "agencies"
LEE, CDE = "agencies_lee_sample.csv", "agencies_cde_sample.csv"
LEE_HEADER = "ori,data_year,pub_agency_name,state_abbr,county_name,agency_type_name,population,officer_ct,civilian_ct"
CDE_HEADER = "ori,agency_name,agency_type_name,county_name,state_abbr,latitude,longitude"


def sample(*, with_places: bool = True) -> Iterator[AgencyRecord | RowFault]:
    places = read_cde(io.BytesIO((SAMPLE / CDE).read_bytes())) if with_places else iter(())
    return join(read_lee(io.BytesIO((SAMPLE / LEE).read_bytes())), places)


def listed(ori: str = "MN0990000", **fields: Any) -> AgencyRecord:
    facts: dict[str, Any] = {
        "ori": ori,
        "name": "Pineford",
        "full_name": "Pineford Police Department",
        "kind": AgencyKind.CITY,
        "level": LEVEL_OF[AgencyKind.CITY],
        "state": "MN",
        "counties": ("Example",),
        "latitude": 44.5,
        "longitude": -93.25,
        "population": 4000,
        "sworn": 12,
        "civilian": 3,
        "data_year": 2024,
        "notes": (),
    }
    record = AgencyRecord(**facts | fields)
    return msgspec.structs.replace(record, digest=digest_of(record))


def operator(*roles: Role) -> CallerFacts:
    principal = Principal(
        subject="operator",
        agency_id=OPERATOR_AGENCY_ID,
        roles=frozenset(roles or {Role.REGISTRY_ADMIN}),
        scopes=frozenset({"*"}),
        token_id="t-1",
        issuer="test",
    )
    return CallerFacts(principal=principal, now=utc_now(), trace_id="import-test")


@pytest.fixture
async def database(private_url: str) -> AsyncIterator[Database]:
    """A database of the test's own: imports are counted over the whole register."""
    database = connect(private_url)
    try:
        yield database
    finally:
        await database.close()


async def everything(database: Database) -> dict[str, list[Any]]:
    """Every row that an import could touch."""
    return {
        table.name: sorted((tuple(row) for row in await database.read().all(sa.select(table))), key=repr)
        for table in (agency, agency_ori, ledger_event, ledger_event_agency, ledger_unsealed)
    }


async def found(database: Database, ori: str = "MN0990000") -> Any:
    read = database.read()
    agency_id = await read.value(sa.select(agency_ori.c.agency_id).where(agency_ori.c.ori == ori))
    return await agency_row(read, agency_id)


async def events(database: Database, subject: UUID) -> list[dict[str, Any]]:
    statement = (
        sa.select(ledger_event.c.canonical).where(ledger_event.c.subject_id == subject).order_by(ledger_event.c.id)
    )
    return [msgspec.json.decode(row.canonical) for row in await database.read().all(statement)]


async def test_the_newest_year_wins_whatever_was_imported_first(database: Database) -> None:
    """Staff of each year; the newest list ever imported is the one that counts."""
    yearly = [listed(data_year=year, sworn=year) for year in (1960, 2019, 2024)]
    for at, order in enumerate(permutations(yearly)):
        ori = f"MN098{at}000"
        for record in order:
            again = msgspec.structs.replace(record, ori=ori, digest="")
            again = msgspec.structs.replace(again, digest=digest_of(again))
            await import_agencies(database, operator(), [again])
        assert (await found(database, ori)).sworn == 2024


async def test_an_older_list_corrects_nothing_and_is_said_to_be_older(database: Database) -> None:
    await import_agencies(database, operator(), [listed(data_year=2024)])
    before = await everything(database)
    report = await import_agencies(database, operator(), [listed(data_year=1960, name="Pine Ford", sworn=2)])
    assert (report.updated, report.unchanged) == (0, 1)
    assert [note.code for note in report.notes] == ["older_than_imported"]
    assert await everything(database) == before


async def test_of_an_older_list_what_the_other_list_says_still_counts(database: Database) -> None:
    await import_agencies(database, operator(), [listed(data_year=2024, full_name=None, latitude=None, longitude=None)])
    await import_agencies(database, operator(), [listed(data_year=1960, sworn=2)])
    agency_now = await found(database)
    assert (agency_now.name, agency_now.latitude, agency_now.sworn) == ("Pineford Police Department", 44.5, 12)


async def test_each_row_of_the_lists_becomes_a_listed_agency_with_one_event(database: Database) -> None:
    before = await everything(database)
    report = await import_agencies(database, operator(), sample())
    assert (report.created, report.updated, report.unchanged, report.refused) == (63, 0, 0, 0)
    assert {note.code for note in report.notes} >= {"name_not_unique", "coordinates_implausible", "counties_joined"}
    after = await everything(database)
    assert {name: len(after[name]) - len(before[name]) for name in after} == {
        "agency": 63,
        "agency_ori": 63,
        "ledger_event": 63,
        "ledger_event_agency": 126,
        "ledger_unsealed": 63,
    }
    row = await found(database, "AK0013300")
    assert (row.name, row.status, row.source, row.state) == ("Unalaska Police Department", "listed", "fbi", "AK")
    (event,) = await events(database, row.id)
    assert event["type"] == "agency.imported"
    assert event["agency_ids"] == sorted([str(row.id), str(OPERATOR_AGENCY_ID)])
    assert event["data"]["oris"] == ["AK0013300"]


async def test_the_same_lists_again_change_nothing_and_say_so(database: Database) -> None:
    await import_agencies(database, operator(), sample())
    before = await everything(database)
    report = await import_agencies(database, operator(), sample())
    assert (report.created, report.updated, report.unchanged, report.refused) == (0, 0, 63, 0)
    assert await everything(database) == before


async def test_a_dry_run_writes_nothing_and_reports_the_same(database: Database) -> None:
    before = await everything(database)
    rows = [*sample(), listed(), RowFault(file="lee", line=9, code="row_short", detail="The row has 2 cells.")]
    tried = await import_agencies(database, operator(), rows, dry_run=True)
    assert await everything(database) == before
    done = await import_agencies(database, operator(), rows)
    assert tried == msgspec.structs.replace(done, dry_run=True)
    later = [listed(sworn=13)]
    tried = await import_agencies(database, operator(), later, dry_run=True)
    assert tried == msgspec.structs.replace(await import_agencies(database, operator(), later), dry_run=True)
    assert tried.updated == 1


async def test_an_imported_agency_is_found_by_either_name_and_by_its_place(database: Database) -> None:
    await import_agencies(database, operator(), [listed(name="Old Pineford", full_name="Pineford Police Department")])
    for query in (
        AgencyQuery(q="old pineford"),
        AgencyQuery(q="police department example", state=("MN",)),
        AgencyQuery(latitude=44.4, longitude=-93.2, within_km=20),
    ):
        assert [item.oris for item in (await list_agencies(database.read(), query)).items] == [["MN0990000"]]


async def test_a_later_list_corrects_what_it_owns_and_one_event_tells_from_what_to_what(database: Database) -> None:
    await import_agencies(database, operator(), [listed(), listed("MN0980000")])
    report = await import_agencies(
        database, operator(), [listed(sworn=14, latitude=44.75, data_year=2025), listed("MN0980000")]
    )
    assert (report.updated, report.unchanged) == (1, 1)
    row = await found(database)
    assert (row.sworn, row.latitude, row.version) == (14, 44.75, 2)
    assert len(await events(database, (await found(database, "MN0980000")).id)) == 1
    _, corrected = await events(database, row.id)
    assert corrected["type"] == "agency.reimported"
    assert corrected["subject"]["version"] == 2
    assert corrected["data"] == {
        "sworn": {"from": 12, "to": 14},
        "location": {
            "from": {"latitude": "44.5", "longitude": "-93.25"},
            "to": {"latitude": "44.75", "longitude": "-93.25"},
        },
    }


async def test_what_the_list_never_says_survives_and_so_does_what_was_corrected_here(database: Database) -> None:
    await import_agencies(database, operator(), [listed()])
    row = await found(database)
    async with unit_of_work(database) as write:
        await change_status(write, operator(), follow_agency_status, row.id, AgencyAction.ACTIVATE, "joined")
    patch = AgencyPatch(
        phone="+1 555 0123",
        time_zone="America/Chicago",
        location=Location(latitude=44.51, longitude=-93.26),
        counties=["Example", "Sample"],
    )
    async with unit_of_work(database) as write:
        await update_agency(write, operator(), row.id, patch, "any")
    report = await import_agencies(database, operator(), [listed(sworn=20, latitude=44.9, counties=("Other",))])
    assert report.updated == 1
    assert ("corrected_here", 1) in [(note.code, note.agencies) for note in report.notes]
    row = await found(database)
    assert (row.phone, row.time_zone, row.status) == ("+1 555 0123", "America/Chicago", "active")
    assert (row.latitude, row.longitude) == (44.51, -93.26)
    assert msgspec.json.decode(row.counties) == ["Example", "Sample"]
    assert row.sworn == 20
    # Once the agency says what the list says, the column is the list's again.
    async with unit_of_work(database) as write:
        await update_agency(write, operator(), row.id, AgencyPatch(counties=["Other"]), "any")
    await import_agencies(database, operator(), [listed(sworn=20, latitude=44.9, counties=("Another",))])
    assert msgspec.json.decode((await found(database)).counties) == ["Another"]


async def test_an_imported_agency_has_the_zone_of_its_point_and_one_that_was_said_stays(database: Database) -> None:
    texan = {"state": "TX", "latitude": None, "longitude": None}
    report = await import_agencies(database, operator(), [listed(), listed("TX0990000", **texan)])
    assert {note.code: note.agencies for note in report.notes} == {"time_zone_unknown": 1}
    assert (await found(database)).time_zone == "America/Chicago"
    assert (await found(database, "TX0990000")).time_zone is None
    async with unit_of_work(database) as write:
        row = await found(database)
        await update_agency(write, operator(), row.id, AgencyPatch(time_zone="America/Denver"), row.version)
    el_paso = {**texan, "latitude": 31.76, "longitude": -106.49}
    moved = [listed(population=4001), listed("TX0990000", **el_paso)]
    assert (await import_agencies(database, operator(), moved)).updated == 2
    assert (await found(database)).time_zone == "America/Denver"
    assert (await found(database, "TX0990000")).time_zone == "America/Denver"


async def test_an_agency_entered_by_hand_keeps_what_was_entered_and_gains_the_rest(
    service: Service, cast: Cast
) -> None:
    ori = f"MN{uuid4().hex[:7].upper()}"
    new = {"name": "Pineford PD", "kind": "city", "level": "local", "state": "MN", "oris": [ori]}
    made = await service.operator.done("POST", "/v1/agencies", new)
    report = await import_agencies(service.database, operator(), [listed(ori)])
    assert (report.created, report.updated) == (0, 1)
    shown = await cast.stranger.coordinator.done("GET", f"/v1/agencies/{made['id']}")
    assert (shown["name"], shown["sworn"], shown["location"]["latitude"]) == ("Pineford PD", 12, 44.5)
    history = await service.operator.done("GET", f"/v1/agencies/{made['id']}/history?sort=version")
    assert [event["type"] for event in history["items"]] == ["agency.created", "agency.reimported"]


async def test_the_employee_list_alone_takes_no_name_and_no_point_away(database: Database) -> None:
    await import_agencies(database, operator(), sample())
    report = await import_agencies(database, operator(), sample(with_places=False))
    assert (report.updated, report.unchanged) == (0, 63)
    row = await found(database, "AK0013300")
    assert row.name == "Unalaska Police Department"
    assert row.latitude is not None
    report = await import_agencies(database, operator(), sample())
    assert (report.updated, report.unchanged) == (0, 63)


async def test_a_new_year_with_the_same_figures_is_no_change(database: Database) -> None:
    await import_agencies(database, operator(), [listed()])
    report = await import_agencies(database, operator(), [listed(data_year=2025)])
    assert (report.updated, report.unchanged) == (0, 1)
    assert len(await events(database, (await found(database)).id)) == 1


async def test_a_dissolved_agency_and_a_further_ori_are_left_alone(service: Service) -> None:
    first, further = (f"MN{uuid4().hex[:7].upper()}" for _ in range(2))
    new = {"name": "Merged PD", "kind": "city", "level": "local", "state": "MN", "oris": [first, further]}
    made = await service.operator.done("POST", "/v1/agencies", new)
    report = await import_agencies(service.database, operator(), [listed(further)])
    assert [(note.code, note.agencies) for note in report.notes] == [("ori_not_primary", 1)]
    await service.operator.done("POST", f"/v1/agencies/{made['id']}/dissolve", {"reason": "merged"})
    report = await import_agencies(service.database, operator(), [listed(first)])
    assert [(note.code, note.agencies) for note in report.notes] == [("agency_dissolved", 1)]
    assert report.unchanged == 1
    assert (await service.operator.done("GET", f"/v1/agencies/{made['id']}"))["sworn"] is None


async def test_refused_rows_are_counted_all_and_named_up_to_a_thousand(database: Database) -> None:
    faults = [RowFault(file="lee", line=line, code="row_short", detail="short") for line in range(2, 1302)]
    report = await import_agencies(database, operator(), [*faults, listed()])
    assert (report.created, report.refused) == (1, 1300)
    assert len(report.refused_rows) == 1000
    assert report.refused_rows_left_out == 300


async def test_more_than_one_transaction_s_worth_goes_in_and_progress_is_told(database: Database) -> None:
    many = [listed(f"MN{number:07}") for number in range(BATCH + 1)]
    heard: list[int] = []
    report = await import_agencies(database, operator(), many, on_progress=heard.append)
    assert report.created == BATCH + 1
    assert heard == [BATCH, BATCH + 1]


async def test_two_imports_at_once_enter_each_agency_once(database: Database) -> None:
    reports = await asyncio.gather(*(import_agencies(database, operator(), [*sample(), listed()]) for _ in range(2)))
    assert sorted(report.created for report in reports) == [0, 64]
    assert sorted(report.unchanged for report in reports) == [0, 64]


async def test_an_import_that_breaks_off_keeps_whole_batches_and_is_finished_by_the_next(database: Database) -> None:
    many = [listed(f"MN{number:07}") for number in range(BATCH + 1)]

    def broken() -> Iterator[AgencyRecord]:
        yield from many[:-1]
        raise OSError("the disk was pulled out")

    with pytest.raises(OSError, match="pulled out"):
        await import_agencies(database, operator(), broken())
    report = await import_agencies(database, operator(), many)
    assert (report.created, report.unchanged) == (1, BATCH)


async def test_only_the_registrar_imports(database: Database) -> None:
    with pytest.raises(Forbidden):
        await import_agencies(database, operator(Role.AGENCY_ADMIN), sample())


async def test_the_whole_lists_go_in_and_again_without_effect(database: Database) -> None:
    for expected in ((18_330, 0), (0, 18_330)):
        with (
            present(REAL / "fbi_lee_latest.csv").open("rb") as lee,
            (REAL / "cde_agencies_2018_latlon.csv").open("rb") as cde,
        ):
            report = await import_agencies(database, operator(), join(read_lee(lee), read_cde(cde)))
        assert (report.created, report.unchanged, report.updated, report.refused) == (*expected, 0, 0)


# Over HTTP.


def lee(*rows: str) -> str:
    return "\n".join([LEE_HEADER, *rows, ""])


def lee_row(ori: str, sworn: int = 18) -> str:
    return f"{ori},2025,Pineford,MN,EXAMPLE,City,4000,{sworn},3"


def fresh_ori() -> str:
    return f"MN{uuid4().hex[:7].upper()}"


async def test_the_operator_sends_lists_and_reads_what_became_of_each_row(service: Service, cast: Cast) -> None:
    ori = fresh_ori()
    place = f"{ori},Pineford Police Department,City,EXAMPLE,MN,44.5,-93.25"
    body = {"lee": lee(lee_row(ori), "MN1,too short"), "cde": f"{CDE_HEADER}\n{place}\n"}
    report = await service.operator.done("POST", "/v1/agency-imports", body | {"dry_run": True})
    assert (report["dry_run"], report["created"]) == (True, 1)
    report = await service.operator.done("POST", "/v1/agency-imports", body)
    assert (report["created"], report["refused"]) == (1, 1)
    assert report["refused_rows"][0] | {"detail": ""} == {
        "file": "lee",
        "line": 3,
        "code": "row_short",
        "detail": "",
        "ori": "MN1",
        "column": None,
    }
    (shown,) = (await cast.stranger.coordinator.done("GET", f"/v1/agencies?ori={ori}"))["items"]
    assert (shown["name"], shown["status"]) == ("Pineford Police Department", "listed")
    again = await service.operator.done("POST", "/v1/agency-imports", body)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 1)


async def test_a_repeated_import_has_one_effect_and_one_answer(service: Service) -> None:
    body = {"lee": lee(lee_row(fresh_ori()))}
    key = f"import-{uuid4()}"
    first = await service.operator.post("/v1/agency-imports", body, key=key)
    second = await service.operator.post("/v1/agency-imports", body, key=key)
    assert first.json()["created"] == 1
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    ori = fresh_ori()
    other = await service.operator.post("/v1/agency-imports", {"lee": lee(lee_row(ori))}, key=key)
    assert_problem(other, 422, "idempotency_key_reused")
    assert (await service.operator.done("GET", f"/v1/agencies?ori={ori}"))["items"] == []


async def test_a_file_that_is_another_names_the_header_it_lacks(service: Service) -> None:
    for body, pointer in (
        ({"lee": "ori,name\nMN0990000,Pineford\n"}, "/lee"),
        ({"lee": lee(), "cde": "ori,name\n"}, "/cde"),
    ):
        problem = assert_problem(await service.operator.post("/v1/agency-imports", body), 422, "import_format")
        assert problem["errors"][0]["pointer"] == pointer
        assert "lacks" in problem["detail"]
        assert "agency_type_name" in problem["detail"]


async def test_an_import_needs_the_registrar_s_token_and_a_body_that_fits(service: Service, cast: Cast) -> None:
    body = {"lee": lee(lee_row(fresh_ori()))}
    assert_problem(await service.anonymous.post("/v1/agency-imports", body), 401, "unauthenticated")
    assert_problem(await cast.assisting.admin.post("/v1/agency-imports", body), 403, "forbidden")
    assert_problem(await service.operator.post("/v1/agency-imports", {}), 400, "invalid_body")
    assert_problem(await service.operator.post("/v1/agency-imports", {**body, "dryrun": True}), 400, "unknown_field")
    huge = {"lee": "x" * (service.settings.max_body_bytes + 1)}
    assert_problem(await service.operator.post("/v1/agency-imports", huge), 413, "body_too_large")


async def test_hostile_rows_are_refused_one_by_one(service: Service) -> None:
    ori = fresh_ori()
    rows = [
        f"{ori}\x01,2025,Pineford,MN,EXAMPLE,City,4000,18,3",
        f'{ori},2025,"Pineford,MN,EXAMPLE,City,4000,18,3',
        f"{ori},2025,{'P' * 300},MN,EXAMPLE,City,4000,18,3",
        f"{ori},2025,Pineford,MN,EXAMPLE,City,-1,18,3",
        f"{ori},2025,Pineford,MN,EXAMPLE,Space Force,4000,18,3",
        "'; DROP TABLE agency; --,2025,Pineford,MN,EXAMPLE,City,4000,18,3",
        lee_row(ori),
        lee_row(ori, sworn=99),
    ]
    report = await service.operator.done("POST", "/v1/agency-imports", {"lee": lee(*rows)})
    assert (report["created"], report["refused"]) == (1, 7)
    assert [row["code"] for row in report["refused_rows"]] == [
        "control_character",
        "row_unreadable",
        "name_too_long",
        "not_a_whole_number",
        "type_unknown",
        "ori_malformed",
        "ori_duplicate",
    ]
    (shown,) = (await service.operator.done("GET", f"/v1/agencies?ori={ori}"))["items"]
    assert (await service.operator.done("GET", f"/v1/agencies/{shown['id']}"))["sworn"] == 18
