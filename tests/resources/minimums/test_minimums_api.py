"""What an agency keeps at home, over HTTP: set, read, and held to when loans are made."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx

from registry.platform.access.principals import Role
from registry.platform.kernel.time import Window, format_instant
from registry.resources.minimums.schemas import NEW_RESERVE_MINIMUM_EXAMPLE
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import Partners, make_loan, make_partners, step, under_way
from tests.support.packages import make_package
from tests.support.policy import make_decision
from tests.support.problems import assert_problem

MINIMUMS = "/v1/reserve-minimums"
OVERRIDE = {"override_reason": "A child is missing; the neighbour covers our calls (demo)."}


async def keep(cast: Cast, **fields: Any) -> dict[str, Any]:
    body = {**NEW_RESERVE_MINIMUM_EXAMPLE, "effective_on": "2020-01-01", **fields}
    made: dict[str, Any] = await cast.assisting.coordinator.done("POST", MINIMUMS, body)
    return made


async def reserve(
    partners: Partners, asset: dict[str, Any], window: Window | None = None, *, who: Any = None, **body: Any
) -> httpx.Response:
    decision = await make_decision(partners.requesting, asset, window=window or under_way())
    return await (who or partners.assisting.coordinator).post("/v1/loans", {"decision_id": str(decision.id), **body})


async def test_a_minimum_is_set_read_and_corrected_by_the_agencys_own(cast: Cast) -> None:
    owner = cast.assisting
    made = await keep(cast)
    path = f"{MINIMUMS}/{made['id']}"
    assert (made["agency"], made["category"], made["quantity"]) == (owner.reference, "k9", 1)
    assert [(each["action"], each["allowed"]) for each in made["allowed_actions"]] == [
        ("update", True),
        ("withdraw", True),
    ]
    assert await owner.coordinator.done("GET", path) == made
    assert (await owner.auditor.done("GET", path))["allowed_actions"] == []
    for fields, status, code in (
        ({}, 409, "minimum_taken"),
        ({"category": "unicorn"}, 422, "unknown_category"),
        ({"category": "any"}, 422, "unknown_category"),
        ({"effective_on": "2026-08-01", "expires_on": "2026-07-31"}, 422, "minimum_reversed"),
        ({"quantity": -1}, 400, "invalid_body"),
    ):
        body = {**NEW_RESERVE_MINIMUM_EXAMPLE, "effective_on": "2020-01-01", **fields}
        assert_problem(await owner.coordinator.post(MINIMUMS, body), status, code)
    again = {**NEW_RESERVE_MINIMUM_EXAMPLE, "effective_on": "2027-07-01"}
    first, repeated = [await owner.coordinator.post(MINIMUMS, again, key="next") for _ in range(2)]
    assert first.json() == repeated.json()
    assert_problem(await owner.coordinator.patch(path, {"quantity": 2}), 428, "precondition_required")
    assert_problem(await owner.coordinator.patch(path, {"quantity": 2}, if_match='"9-00000000"'), 412, "stale_version")
    assert_problem(
        await owner.coordinator.patch(path, {"expires_on": "2019-01-01"}, if_match="*"), 422, "minimum_reversed"
    )
    changed = await owner.coordinator.done("PATCH", path, {"quantity": 2}, if_match="*")
    assert (changed["quantity"], changed["version"]) == (2, 2)
    assert await owner.coordinator.done("PATCH", path, {"quantity": 2}, if_match="*") == changed
    assert [each["id"] for each in (await owner.admin.done("GET", f"{MINIMUMS}?holds_on=2026-01-01"))["items"]] == [
        made["id"]
    ]
    assert (await owner.admin.done("GET", f"{MINIMUMS}?category=aircraft"))["items"] == []
    assert_problem(await owner.service.anonymous.get(MINIMUMS), 401, "unauthenticated")
    assert_problem(await owner.legal.get(path), 403, "forbidden")
    assert_problem(await owner.approver.post(MINIMUMS, NEW_RESERVE_MINIMUM_EXAMPLE), 403, "forbidden")
    for other in (cast.requesting, cast.stranger):
        assert_problem(await other.coordinator.get(path), 404, "not_found")
        assert_problem(await other.coordinator.patch(path, {"quantity": 0}, if_match="*"), 404, "not_found")
        assert (await other.coordinator.done("GET", MINIMUMS))["items"] == []


async def test_a_minimum_of_a_day_that_is_none_is_refused_and_one_by_mistake_is_withdrawn_on_record(cast: Cast) -> None:
    owner, partners = cast.assisting.coordinator, await make_partners(cast)
    dog = await make_asset(cast.assisting)
    for field in ("effective_on", "expires_on"):
        for day in ("9999-12-31", "0001-01-01", "1899-12-31", "2200-01-01"):
            body = {**NEW_RESERVE_MINIMUM_EXAMPLE, field: day}
            problem = assert_problem(await owner.post(MINIMUMS, body), 422, "date_out_of_range")
            assert [each["pointer"] for each in problem["errors"]] == [f"/{field}"]
    made = await keep(cast, quantity=5)
    path, why = f"{MINIMUMS}/{made['id']}", {"reason": "Of another category (demo)."}
    assert_problem(await reserve(partners, dog), 409, "under_reserve_minimum")
    assert_problem(await cast.assisting.service.anonymous.post(f"{path}/withdraw", why), 401, "unauthenticated")
    assert_problem(await cast.assisting.legal.post(f"{path}/withdraw", why), 403, "forbidden")
    assert_problem(await cast.requesting.coordinator.post(f"{path}/withdraw", why), 404, "not_found")
    assert_problem(await owner.post(f"{path}/withdraw", {}), 400, "invalid_body")
    assert_problem(await owner.post(f"{path}/withdraw", why, if_match='"9-00000000"'), 412, "stale_version")
    first, again = [await owner.post(f"{path}/withdraw", why, key="mistake") for _ in range(2)]
    assert first.json() == again.json() == await owner.done("GET", path)
    gone = first.json()
    assert (gone["status"], gone["withdrawn_reason"], gone["version"]) == ("withdrawn", why["reason"], 2)
    assert gone["withdrawn_at"] == gone["updated_at"]
    assert not any(each["allowed"] for each in gone["allowed_actions"])
    assert_problem(await owner.post(f"{path}/withdraw", why), 409, "wrong_status")
    assert_problem(await owner.patch(path, {"quantity": 1}, if_match="*"), 409, "wrong_status")
    assert (await owner.done("GET", f"{MINIMUMS}?holds_on=2026-01-01"))["items"] == []
    assert (await reserve(partners, dog)).status_code == 201
    assert (await keep(cast, quantity=0))["id"] != made["id"]  # its first day is free again


async def test_a_loan_that_would_leave_too_few_is_refused_and_may_be_overridden_on_record(cast: Cast) -> None:
    partners = await make_partners(cast)
    one, two, away = [await make_asset(cast.assisting) for _ in range(3)]
    await cast.assisting.admin.done("POST", f"/v1/assets/{away['id']}/take-out-of-service", {"reason": "Ill (demo)."})
    window = under_way()
    made = await keep(cast)
    assert (await reserve(partners, one, window)).status_code == 201
    refused = await reserve(partners, two, window)
    assert_problem(refused, 409, "under_reserve_minimum")
    problem = refused.json()
    assert problem["reserve_minimum"] == {
        name: made[name] for name in ("id", "category", "quantity", "effective_on", "reason")
    }
    assert problem["blocking"] == {"start": format_instant(window.start), "end": format_instant(window.end)}
    assert made["reason"] in problem["detail"]
    assert "(an approver) can reserve it all the same, with an `override_reason`" in problem["detail"]
    # What others see: less can be had; not why, nor how many are kept.
    query = f"from={stamp(window.start)}&to={stamp(window.end)}"
    seen = await cast.requesting.coordinator.done("GET", f"/v1/assets/{two['id']}/availability?{query}")
    assert (seen["free_quantity"], [part["blocked_by"] for part in seen["intervals"]]) == (0, [["held_back"]])
    assert seen["next_free"] == stamp(window.end)
    own = await cast.assisting.coordinator.done("GET", f"/v1/assets/{two['id']}/availability?{query}")
    assert [part["blocked_by"] for part in own["intervals"]] == [["reserve_minimum"]]
    later = Window(start=window.end, end=window.end + timedelta(hours=8))
    assert (await reserve(partners, two, later)).status_code == 201
    # Who only reserves may not; who approves for the agency may, and the history says so.
    three = await make_asset(cast.assisting, category="k9.explosives", certification_required=False)
    assert (await reserve(partners, three, window)).status_code == 201
    forbidden = await reserve(partners, two, window, **OVERRIDE)
    assert_problem(forbidden, 403, "forbidden")
    assert "Ask an approver to do this" in forbidden.json()["detail"]
    loan = await reserve(partners, two, window, who=cast.assisting.as_(Role.APPROVER, subject="chief"), **OVERRIDE)
    assert loan.status_code == 201, loan.text
    path, recorded = f"/v1/loans/{loan.json()['id']}", {**OVERRIDE, "reserve_minimum_ids": [made["id"]]}
    assert loan.json()["minimum_override"] == recorded
    assert (await cast.assisting.coordinator.done("GET", path))["minimum_override"] == recorded
    history = await cast.assisting.admin.done("GET", f"{path}/history")
    assert [(each["type"], each["data"] == recorded) for each in history["items"]] == [
        ("loan.minimum_overridden", True),
        ("loan.reserved", False),
    ]
    # The borrower reads neither the reason nor that there is a minimum, wherever it looks.
    borrower = cast.requesting
    assert (await borrower.coordinator.done("GET", path))["minimum_override"] is None
    for where in (path, f"{path}/history", "/v1/loans", "/v1/events", "/v1/inbox", f"/v1/assets/{two['id']}/history"):
        for person in (borrower.coordinator, borrower.approver, borrower.auditor, borrower.admin):
            text = (await person.get(where)).text
            assert OVERRIDE["override_reason"] not in text, where
            assert made["id"] not in text, where
            assert "overridden" not in text, where


async def test_lists_with_a_window_mark_what_its_owner_holds_back(cast: Cast) -> None:
    """What could be reserved one by one but not together, as a package is, is held back as a package."""
    await make_partners(cast)
    dogs = [await make_asset(cast.assisting, sharing="network") for _ in range(2)]
    other = await make_asset(cast.assisting, category="aircraft", type_level=None, sharing="network")
    both = await make_package(cast.assisting, *dogs, sharing="network")
    window = under_way()
    when = f"available_from={stamp(window.start)}&available_to={stamp(window.end)}"
    asked = f"agency_id={cast.assisting.id}&sort=created_at"

    async def marked() -> tuple[dict[str, Any], list[str]]:
        """Of the assets whether each is held back, and the packages that can be had whole."""
        assets, packages = [
            (await cast.requesting.coordinator.done("GET", path))["items"]
            for path in (f"/v1/assets?{asked}&{when}", f"/v1/packages?{asked}&{when}")
        ]
        return {each["id"]: each["held_back"] for each in assets}, [each["id"] for each in packages]

    ids = [dogs[0]["id"], dogs[1]["id"], other["id"]]
    assert await marked() == (dict.fromkeys(ids, False), [both["id"]])
    made = await keep(cast, quantity=1)
    assert await marked() == (dict.fromkeys(ids, False), [])
    await cast.assisting.coordinator.done("PATCH", f"{MINIMUMS}/{made['id']}", {"quantity": 2}, if_match="*")
    assert await marked() == ({ids[0]: True, ids[1]: True, ids[2]: False}, [])
    mistake = {"reason": "Set for another category (demo)."}
    await cast.assisting.coordinator.done("POST", f"{MINIMUMS}/{made['id']}/withdraw", mistake)
    assert await marked() == (dict.fromkeys(ids, False), [both["id"]])
    listed = (await cast.requesting.coordinator.done("GET", f"/v1/assets?{asked}"))["items"]
    assert {each["held_back"] for each in listed} == {None}


async def test_a_longer_loan_and_an_early_start_are_held_to_it_too(cast: Cast) -> None:
    partners = await make_partners(cast)
    dogs = [await make_asset(cast.assisting) for _ in range(2)]
    window = under_way()
    out = await make_loan(partners, "on_scene", asset=dogs[0], window=window)
    later = Window(start=window.end, end=window.end + timedelta(hours=8))
    early = await reserve(partners, dogs[1], later)
    asked = await step(
        partners.requesting,
        out,
        "request-extension",
        {"planned_end_at": stamp(later.end), "reason": "The search goes on (demo)."},
    )
    await keep(cast)
    read = {"extension_id": asked["extensions"][-1]["id"]}
    path = f"/v1/loans/{asked['id']}/accept-extension"
    assert_problem(await cast.assisting.coordinator.post(path, read), 409, "under_reserve_minimum")
    chief = cast.assisting.as_(Role.APPROVER, subject="chief")
    longer = f"/v1/loans/{asked['id']}/accept-extension"
    assert_problem(await cast.assisting.coordinator.post(longer, {**read, **OVERRIDE}), 403, "forbidden")
    accepted = await chief.done("POST", longer, {**read, **OVERRIDE})
    assert accepted["planned_end_at"] == stamp(later.end)
    assert accepted["minimum_override"]["override_reason"] == OVERRIDE["override_reason"]
    history = (await cast.assisting.admin.done("GET", f"/v1/loans/{asked['id']}/history"))["items"]
    assert "loan.minimum_overridden" in [each["type"] for each in history]
    told = await cast.requesting.coordinator.get(f"/v1/loans/{asked['id']}/history")
    assert OVERRIDE["override_reason"] not in told.text
    path = f"/v1/loans/{early.json()['id']}/dispatch"
    refused = assert_problem(await cast.assisting.coordinator.post(path, {"grade": "good"}), 409)
    assert (refused["code"], "an approver) can send it out" in refused["detail"]) == ("under_reserve_minimum", True)
    sooner = {"grade": "good", **OVERRIDE}
    forbidden = assert_problem(await cast.assisting.coordinator.post(path, sooner), 403, "forbidden")
    assert "Ask an approver to do this" in forbidden["detail"]
    both = cast.assisting.as_(Role.COORDINATOR, Role.APPROVER, subject="chief")
    left = await both.done("POST", path, sooner)
    assert left["minimum_override"]["override_reason"] == OVERRIDE["override_reason"]
    history = (await cast.assisting.admin.done("GET", f"/v1/loans/{left['id']}/history"))["items"]
    assert "loan.minimum_overridden" in [each["type"] for each in history]
    for where in ("", "/history"):
        told = await cast.requesting.coordinator.get(f"/v1/loans/{left['id']}{where}")
        assert told.status_code == 200
        assert OVERRIDE["override_reason"] not in told.text


async def test_of_loans_at_once_no_more_go_than_the_minimum_leaves(cast: Cast) -> None:
    """Each takes another asset, so that no lock of an asset keeps them apart."""
    await make_partners(cast)
    dogs = [await make_asset(cast.assisting) for _ in range(6)]
    await keep(cast, quantity=4)
    window = under_way()
    decisions = [await make_decision(cast.requesting, dog, window=window) for dog in dogs]
    answers = await asyncio.gather(
        *(cast.assisting.coordinator.post("/v1/loans", {"decision_id": str(each.id)}) for each in decisions)
    )
    assert sorted(each.status_code for each in answers) == [201, 201, 409, 409, 409, 409]
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"under_reserve_minimum"}


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
