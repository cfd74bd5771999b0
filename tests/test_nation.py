"""A nation that is loaded is what the commands would have left behind, and the same on both databases."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa

from benchmarks.nation.agencies import LISTS, read_records
from benchmarks.nation.asking import in_the_database, opened
from benchmarks.nation.loading import fill
from benchmarks.nation.shape import Size
from registry.platform.database.connect import Database, connect
from registry.resources.allocations.tables import allocation
from registry.resources.assets.tables import asset, asset_attribute
from registry.resources.personnel.tables import personnel_capability, personnel_record
from registry.sharing.loans.tables import loan
from tests.support.cast import Cast, today
from tests.support.loans import make_partners
from tests.support.places import ROOT
from tests.support.policy import make_decision
from tests.support.service import Service

pytestmark = pytest.mark.second_long

SMALL = Size(agencies=40, assets=600, people=200, agreements=60, loans=400)
ITS_OWN = {"id", "n", "agency_id", "asset_id", "personnel_id", "created_at", "updated_at"}
AT_A_TIME = {"service_changed_at", "described_at", "public_updated_at"}


def lists_in(folder: Path) -> Path:
    """The project's own sample of the FBI's lists, as the benchmark wants them."""
    sample = ROOT / "registry/directory/agencies/sample"
    for name, source in zip(LISTS, ("agencies_lee_sample.csv", "agencies_cde_sample.csv"), strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(sample / source, folder / name)
    return folder


async def rows_of(database: Database, table: sa.Table, *criteria: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
    found = await database.read().all(sa.select(table).where(*criteria).order_by(*table.primary_key))
    return [dict(row._mapping) for row in found]


def plain(row: Mapping[str, Any], *without: str) -> dict[str, Any]:
    """What does not differ from one row to the next of its kind."""
    kept = {name: value for name, value in row.items() if name not in ITS_OWN and name not in without}
    return {name: bytes(value) if isinstance(value, msgspec.Raw) else value for name, value in kept.items()}


def test_without_the_lists_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"fbi_lee_latest\.csv is missing: .* --data"):
        read_records(tmp_path, 10)


async def test_what_is_loaded_is_what_the_commands_would_have_written(
    private_url: str, tmp_path: Path, service: Service, cast: Cast
) -> None:
    counts = await fill(private_url, lists_in(tmp_path), SMALL, today())
    assert (counts["agencies"], counts["assets"], counts["people"]) == (40, 600, 200)
    assert 200 < counts["loans"] < 600
    database = connect(private_url)
    try:
        await check_assets(database, service, cast)
        await check_people(database, service, cast)
        await check_loans(database, service, cast)
    finally:
        await database.close()
    async with opened(private_url, 10) as nation:
        lines = await in_the_database(nation, 1)
    assert [line.asked for line in lines] == [10, 10]


async def check_assets(database: Database, service: Service, cast: Cast) -> None:
    """Assets with a place, attributes, a rate or certifications are those that the API makes of the same words."""
    drawn = [row for row in await rows_of(database, asset) if row["service_status"] == "in_service"]
    wanted = ("latitude", "type_level", "hourly_rate_minor", "certification_required")
    some = {name: next(row for row in drawn if row[name] and len(row["attributes"]) > 2) for name in wanted}
    for row in {row["tag_key"]: row for row in some.values()}.values():
        made = await cast.assisting.admin.done("POST", "/v1/assets", body_of(row))
        (written,) = await rows_of(service.database, asset, asset.c.id == UUID(made["id"]))
        assert plain(row, *AT_A_TIME) == plain(written, *AT_A_TIME)
        stated = [
            [plain(each) for each in await rows_of(where, asset_attribute, asset_attribute.c.asset_id == one["id"])]
            for where, one in ((database, row), (service.database, written))
        ]
        assert stated[0] == stated[1]
        assert stated[0]


def body_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What one would have to post for this row of an asset."""
    point = None if row["latitude"] is None else {name: row[name] for name in ("latitude", "longitude")}
    minor = row["hourly_rate_minor"]
    said = ("category", "name", "description", "tag", "type_level", "capacity", "sharing", "mobilisation_minutes")
    return {
        **{name: row[name] for name in (*said, "turnaround_minutes")},
        "location": point,
        "hourly_rate": None if minor is None else {"amount": f"{minor / 100:.2f}", "currency": "USD"},
        "certifications": msgspec.json.decode(row["certifications"]),
        "attributes": msgspec.json.decode(row["attributes"]),
    }


async def check_people(database: Database, service: Service, cast: Cast) -> None:
    """Somebody who can do several things is written as the API writes that person."""
    people = await rows_of(database, personnel_record)
    row = max(people, key=lambda each: (len(each["capabilities"]), len(each["credentials"]), each["id"]))
    decoded = {
        name: msgspec.json.decode(row[name]) for name in ("capabilities", "credentials", "qualifications", "hours")
    }
    kept = ("title", "capability", "issuer", "number", "effective_on", "expires_on")
    made = await cast.assisting.coordinator.done(
        "POST",
        "/v1/personnel",
        {
            **{name: row[name] for name in ("display_name", "tag", "rank")},
            "capabilities": decoded["capabilities"],
            "credentials": [{name: each[name] for name in kept} for each in decoded["credentials"]],
            "qualifications": decoded["qualifications"],
            "weekly_hours": decoded["hours"],
        },
    )
    (written,) = await rows_of(service.database, personnel_record, personnel_record.c.id == UUID(made["id"]))
    assert plain(row, "credentials") == plain(written, "credentials")
    holding = personnel_capability
    its, mine = [
        [plain(each) for each in await rows_of(where, holding, holding.c.personnel_id == whose)]
        for where, whose in ((database, row["id"]), (service.database, UUID(made["id"])))
    ]
    assert its == mine
    assert its, "somebody who can do nothing proves nothing"


async def check_loans(database: Database, service: Service, cast: Cast) -> None:
    """A loan that is reserved has in every column what one reserved through the API has, or differs by its facts."""
    partners = await make_partners(cast)
    # A flight waits for its lawyers, and which loans are drawn as reserved depends on the day.
    on_the_ground = ~loan.c.category.startswith("aircraft")
    (row, *_) = await rows_of(database, loan, loan.c.status == "reserved", on_the_ground)
    (lent,) = await rows_of(database, asset, asset.c.id == row["asset_id"])
    (held,) = await rows_of(database, allocation, allocation.c.loan_id == row["id"])
    # The agreement of the two covers everything; a certification is what policy asks of a K9 team.
    proof = [{"code": "state_standard", "issued_on": "2020-01-01", "expires_on": None}]
    team = await partners.requesting.admin.done("POST", "/v1/assets", {**body_of(lent), "certifications": proof})
    decision = await make_decision(partners.assisting, team)
    made = await partners.requesting.coordinator.done("POST", "/v1/loans", {"decision_id": str(decision.id)})
    (written,) = await rows_of(service.database, loan, loan.c.id == UUID(made["id"]))
    (kept,) = await rows_of(service.database, allocation, allocation.c.loan_id == UUID(made["id"]))
    for drawn, real in ((row, written), (held, kept)):
        assert {name for name, value in drawn.items() if value is None} - {"clause"} == {
            name for name, value in real.items() if value is None
        } - {"clause"}
    same = ("asset_described", "search_text", "category", "status", "quantity", "version", "separation_relaxed")
    assert {name: plain(row)[name] for name in same} == {name: plain(written)[name] for name in same}
    snapshots = [msgspec.json.decode(each["asset_snapshot"]) for each in (row, written)]
    assert {**snapshots[0], "id": None} == {**snapshots[1], "id": None}
    for one in (held, kept):
        assert one["free_at"] - one["ends_at"] == one["starts_at"] - one["blocks_from_at"]
    alike = ("kind", "quantity", "exclusive", "whole", "status")
    assert {name: held[name] for name in alike} == {name: kept[name] for name in alike}
    assert held["free_at"] - held["ends_at"] == kept["free_at"] - kept["ends_at"]
