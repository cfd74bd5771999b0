"""Rates over HTTP, and schedules of them from tables."""

from typing import Any

from registry.resources.rates.schemas import NEW_RATE_EXAMPLE
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.imports import csv_of, rows_of, run, uploaded
from tests.support.problems import assert_problem


async def made(cast: Cast, **fields: Any) -> dict[str, Any]:
    body = {**NEW_RATE_EXAMPLE, **fields}
    found: dict[str, Any] = await cast.assisting.admin.done("POST", "/v1/rates", body)
    return found


async def test_a_rate_is_recorded_read_and_corrected(cast: Cast) -> None:
    admin = cast.assisting.admin
    found = await made(cast)
    path = f"/v1/rates/{found['id']}"
    assert (found["agency"], found["amount"]) == (cast.assisting.reference, NEW_RATE_EXAMPLE["amount"])
    assert await admin.done("GET", path) == found
    assert_problem(await admin.patch(path, {"expires_on": "2026-12-31"}), 428, "precondition_required")
    assert_problem(await admin.patch(path, {"source": "x"}, if_match='"9-00000000"'), 412, "stale_version")
    assert_problem(await admin.patch(path, {"expires_on": "2026-01-01"}, if_match="*"), 422, "rate_reversed")
    ended = await admin.done("PATCH", path, {"expires_on": "2026-12-31"}, if_match="*")
    assert (ended["expires_on"], ended["version"]) == ("2026-12-31", 2)
    assert await admin.done("PATCH", path, {"expires_on": "2026-12-31"}, if_match="*") == ended


async def test_what_cannot_be_a_rate_is_refused(cast: Cast) -> None:
    admin = cast.assisting.admin
    await made(cast)
    theirs = await make_asset(cast.requesting)
    for fields, status, code in (
        ({}, 409, "rate_taken"),
        ({"effective_on": "2026-08-01", "expires_on": "2026-07-31"}, 422, "rate_reversed"),
        ({"basis": "personnel_hour"}, 422, "personnel_class_mismatch"),
        ({"personnel_class": "deputy"}, 422, "personnel_class_mismatch"),
        ({"asset_id": theirs["id"]}, 422, "unknown_asset"),
        ({"amount": {"amount": "-1.00"}}, 400, "invalid_body"),
    ):
        assert_problem(await admin.post("/v1/rates", {**NEW_RATE_EXAMPLE, **fields}), status, code)
    again = await admin.post("/v1/rates", {**NEW_RATE_EXAMPLE, "effective_on": "2027-07-01"}, key="next")
    repeated = await admin.post("/v1/rates", {**NEW_RATE_EXAMPLE, "effective_on": "2027-07-01"}, key="next")
    assert again.json() == repeated.json()


async def test_partners_see_the_schedule_and_with_an_asset_its_own_rates(cast: Cast) -> None:
    owner, partner, stranger = cast.assisting, cast.requesting, cast.stranger
    await sign_agreement(owner.service, owner, partner)
    asset = await make_asset(owner)
    schedule, own = await made(cast), await made(cast, asset_id=asset["id"], cost_code=None)
    assert_problem(await owner.service.anonymous.get("/v1/rates"), 401, "unauthenticated")
    assert_problem(await owner.coordinator.post("/v1/rates", NEW_RATE_EXAMPLE), 403, "forbidden")
    path = f"/v1/rates?agency_id={owner.id}"
    for who, seen in ((owner.coordinator, [own, schedule]), (partner.coordinator, [schedule]), (stranger.admin, [])):
        assert [each["id"] for each in (await who.done("GET", path))["items"]] == [each["id"] for each in seen]
    assert_problem(await stranger.admin.get(f"/v1/rates/{schedule['id']}"), 404, "not_found")
    assert_problem(await partner.admin.patch(f"/v1/rates/{schedule['id']}", {}, if_match="*"), 403, "forbidden")
    assert (await owner.coordinator.done("GET", f"{path}&basis=mile"))["items"] == []
    assert len((await owner.coordinator.done("GET", f"{path}&basis=mile&basis=hour"))["items"]) == 2
    (shown,) = (await partner.coordinator.done("GET", f"/v1/assets/{asset['id']}/rates"))["items"]
    assert shown["id"] == own["id"]
    assert_problem(await stranger.admin.get(f"/v1/assets/{asset['id']}/rates"), 404, "not_found")


async def test_what_held_on_a_day_can_be_asked(cast: Cast) -> None:
    await made(cast, effective_on="2026-07-01", expires_on="2026-07-31")
    late = await made(cast, effective_on="2026-08-01")
    path = f"/v1/rates?agency_id={cast.assisting.id}&cost_code=8010&holds_on="
    for day, count in (("2026-06-30", 0), ("2026-07-31", 1), ("2026-08-01", 1)):
        found = (await cast.assisting.admin.done("GET", path + day))["items"]
        assert len(found) == count, day
    assert found[0]["id"] == late["id"]


async def test_a_federal_schedule_of_equipment_is_taken_in(cast: Cast) -> None:
    """The shape of FEMA's schedule of equipment rates; the amounts are made up."""
    admin = cast.assisting.admin
    headers = ("Cost Code", "Equipment", "Specifications", "Capacity/Size", "HP", "Notes", "Unit", "2025 Rate")
    rows = [
        ["8010", "Air Compressor", "Air Delivery", "41 CFM", "to 10", "Hoses included.", "hour", "$1.78"],
        ["8011", "Air Compressor", "Air Delivery", "103 CFM", "to 30", "", "hour", "$11.18"],
        ["8072", "Automobile, Police", "", "", "to 250", "Patrolling", "mile", "$0.66"],
        ["8073", "Automobile, Police", "", "", "to 250", "Stationary, engine running", "hour", "17.50"],
    ]
    found = await uploaded(
        admin, csv_of(*rows, ["8010", "", "", "", "", "", "hour", "2"], headers=headers), kind="rates"
    )
    suggested = {each["header"]: each["suggestion"]["field"] for each in found["columns"] if each["suggestion"]}
    assert suggested == {
        "Cost Code": "cost_code",
        "Equipment": "equipment",
        "Specifications": "specification",
        "Capacity/Size": "equipment_capacity",
        "HP": "horsepower",
        "Unit": "basis",
        "2025 Rate": "amount",
    }
    constants = {"effective_on": {"constant": "2025-07-01"}, "source": {"constant": "Schedule of 2025 (demo)"}}
    mapping = {**found["suggested_mapping"], **constants}
    ran = await run(admin, found, mapping=mapping)
    assert ran["counts"] == {"created": 4, "updated": 0, "unchanged": 0, "refused": 1}
    (second,) = await rows_of(admin, found, "&outcome=refused")
    assert second["faults"][0]["detail"].startswith("Row 2 has the same cost_code and basis and effective_on")
    (car,) = (await admin.done("GET", f"/v1/rates?agency_id={cast.assisting.id}&cost_code=8072"))["items"]
    assert (car["basis"], car["amount"], car["horsepower"]) == (
        "mile",
        {"amount": "0.66", "currency": "USD"},
        "to 250",
    )
    again = await run(admin, found, mapping=mapping)
    assert again["counts"] == {"created": 0, "updated": 0, "unchanged": 4, "refused": 1}


async def test_rates_of_assets_are_met_by_the_tag(cast: Cast) -> None:
    admin = cast.assisting.admin
    asset = await make_asset(cast.assisting, tag="E7")
    headers = ("Unit number", "Per", "Rate", "Effective date", "Source")
    rows = [["e7", "hr", "85", "2026-07-01", "Order 1 (demo)"], ["E8", "hr", "85", "2026-07-01", "Order 1 (demo)"]]
    found = await uploaded(admin, csv_of(*rows, headers=headers), kind="rates")
    ran = await run(admin, found, mapping=found["suggested_mapping"])
    assert ran["counts"] == {"created": 1, "updated": 0, "unchanged": 0, "refused": 1}
    (fault,) = (await rows_of(admin, found, "&outcome=refused"))[0]["faults"]
    assert (fault["code"], fault["column"], fault["value"]) == ("unknown_asset", "A", "E8")
    (rate,) = (await admin.done("GET", f"/v1/assets/{asset['id']}/rates"))["items"]
    assert rate["amount"] == {"amount": "85.00", "currency": "USD"}
    changed = await uploaded(
        admin, csv_of(["E7", "hr", "90", "2026-07-01", "Order 1 (demo)"], headers=headers), kind="rates"
    )
    ran = await run(admin, changed, mapping=found["suggested_mapping"])
    assert ran["counts"]["updated"] == 1


async def test_the_spelling_of_a_cost_code_makes_no_other_rate(cast: Cast) -> None:
    admin = cast.assisting.admin
    await made(cast, cost_code="8010A")
    assert_problem(await admin.post("/v1/rates", {**NEW_RATE_EXAMPLE, "cost_code": " 8010a"}), 409, "rate_taken")
    headers = ("Cost Code", "Unit", "Rate", "Effective date", "Source")
    day = str(NEW_RATE_EXAMPLE["effective_on"])
    found = await uploaded(admin, csv_of(["8010a", "hour", "2", day, "Order 1 (demo)"], headers=headers), kind="rates")
    ran = await run(admin, found, mapping=found["suggested_mapping"])
    assert ran["counts"] == {"created": 0, "updated": 1, "unchanged": 0, "refused": 0}


async def test_a_cost_code_has_any_characters(cast: Cast) -> None:
    admin = cast.assisting.admin
    await make_asset(cast.assisting, tag="A")
    await make_asset(cast.assisting, tag="A||X")
    headers = ("Unit number", "Cost Code", "Per", "Rate", "Effective date", "Source")
    subjects = [["A", "X||Y"], ["A||X", "Y"], ["", "A|X"]]
    rows = [[*subject, "hr", "85", "2026-07-01", "Order 1 (demo)"] for subject in subjects]
    found = await uploaded(admin, csv_of(*rows, headers=headers), kind="rates")
    for counts in ({"created": 3, "unchanged": 0}, {"created": 0, "unchanged": 3}):
        ran = await run(admin, found, mapping=found["suggested_mapping"])
        assert ran["counts"] == {"updated": 0, "refused": 0, **counts}
