"""When an asset cannot be had: planned, being made ready, or damaged; and what that does to loans and searches."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from registry.platform.kernel.time import Window
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import CONDITION, REASON, Partners, make_loan, make_partners, see, step, under_way
from tests.support.policy import make_decision
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_later

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    return await make_partners(cast)


def written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"


def ahead(days: int = 3, hours: int = 8) -> Window:
    start = datetime.now(UTC).replace(microsecond=0) + days * DAY
    return Window(start=start, end=start + hours * HOUR)


def planning(window: Window, **fields: Any) -> dict[str, Any]:
    when = {"start": written(window.start), "end": written(window.end)}
    return {"kind": "maintenance", "window": when, "reason": "Recertification (demo).", **fields}


def path_of(asset: dict[str, Any]) -> str:
    return f"/v1/assets/{asset['id']}/unavailability"


async def plan(partners: Partners, asset: dict[str, Any], window: Window, **fields: Any) -> dict[str, Any]:
    done: dict[str, Any] = await partners.assisting.coordinator.done("POST", path_of(asset), planning(window, **fields))
    return done


async def found(partners: Partners, asset: dict[str, Any], window: Window, quantity: int = 1) -> bool:
    asked = {
        "ids": asset["id"],
        "available_from": written(window.start),
        "available_to": written(window.end),
        "quantity": quantity,
    }
    listed = await partners.requesting.coordinator.get(f"/v1/assets?{httpx.QueryParams(asked)}")
    return bool(listed.json()["items"])


async def reserve(partners: Partners, asset: dict[str, Any], window: Window, quantity: int = 1) -> httpx.Response:
    decision = await make_decision(partners.requesting, asset, quantity=quantity, window=window)
    return await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})


@pytest.mark.parametrize("kind", ["maintenance", "blackout", "other"])
async def test_what_is_planned_counts_in_search_availability_and_booking(partners: Partners, kind: str) -> None:
    asset, window = await make_asset(partners.assisting), ahead()
    assert await found(partners, asset, window)
    planned = await plan(partners, asset, window, kind=kind)
    assert planned["affected_loans"] == []
    assert planned["unavailability"]["kind"] == kind
    assert not await found(partners, asset, window)
    asked = httpx.QueryParams({"from": written(window.start - DAY), "to": written(window.end + DAY)})
    seen = await partners.requesting.coordinator.done("GET", f"/v1/assets/{asset['id']}/availability?{asked}")
    assert seen["free_quantity"] == 0
    refused = assert_problem(await reserve(partners, asset, window), 409, "asset_not_free")
    assert refused["detail"] != "The asset is committed for part of that time.", "nothing is lent then"
    behind = Window(start=window.end, end=window.end + DAY)
    assert await found(partners, asset, behind)
    assert (await reserve(partners, asset, behind)).status_code == 201


async def test_what_is_sent_twice_is_planned_once(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting, capacity=3), ahead()
    planned = (await plan(partners, asset, window, quantity=1))["unavailability"]
    again = await partners.assisting.coordinator.post(path_of(asset), planning(window, quantity=2))
    problem = assert_problem(again, 409, "already_planned")
    assert problem["unavailability_id"] == planned["id"]
    assert "maintenance of 1" in problem["detail"]
    await plan(partners, asset, window, kind="blackout")
    await partners.assisting.coordinator.done("POST", f"{path_of(asset)}/{planned['id']}/end", REASON)
    assert await plan(partners, asset, window, quantity=2)


async def test_part_of_a_quantity_leaves_the_rest(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", type_level=None, capacity=10)
    window = ahead()
    await plan(partners, asset, window, quantity=4)
    assert await found(partners, asset, window, 6)
    assert not await found(partners, asset, window, 7)
    too_many = await partners.assisting.coordinator.post(path_of(asset), planning(window, quantity=11))
    assert_problem(too_many, 422, "quantity_over_capacity")


async def test_all_of_it_stays_all_when_there_comes_to_be_more(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting), ahead()
    await plan(partners, asset, window)
    await partners.assisting.admin.done("PATCH", f"/v1/assets/{asset['id']}", {"capacity": 5}, if_match="*")
    assert not await found(partners, asset, window)


async def test_until_further_notice_is_without_end_until_somebody_ends_it(partners: Partners) -> None:
    asset, far = await make_asset(partners.assisting), ahead(days=900)
    body = {"kind": "other", "window": {"start": written(ahead().start)}, "reason": "Handler on leave (demo)."}
    planned = (await partners.assisting.coordinator.done("POST", path_of(asset), body))["unavailability"]
    assert planned["window"]["end"] is None
    assert planned["quantity"] is None
    assert not await found(partners, asset, far)
    await partners.assisting.coordinator.done("POST", f"{path_of(asset)}/{planned['id']}/end", REASON)
    assert await found(partners, asset, far)
    assert (await partners.assisting.coordinator.done("GET", path_of(asset)))["items"] == []


async def test_reserved_loans_are_named_and_nothing_is_entered_silently(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting), under_way()
    loan = await make_loan(partners, asset=asset, window=window)
    refused = await partners.assisting.coordinator.post(path_of(asset), planning(window))
    problem = assert_problem(refused, 409, "loans_affected")
    assert [each["loan_id"] for each in problem["affected_loans"]] == [loan["id"]]
    assert (await see(partners.requesting, loan["id"]))["asset_warnings"] == []
    planned = await plan(partners, asset, window, accept_affected_loans=True)
    assert planned["affected_loans"] == problem["affected_loans"]
    (warning,) = (await see(partners.requesting, loan["id"]))["asset_warnings"]
    assert (warning["kind"], warning["reason"]) == ("asset_unavailable", "Recertification (demo).")
    dispatch = f"/v1/loans/{loan['id']}/dispatch"
    assert_problem(await partners.assisting.coordinator.post(dispatch, CONDITION), 409, "asset_unavailable")
    offered = {each["action"]: each for each in (await see(partners.assisting, loan["id"]))["allowed_actions"]}
    assert not offered["dispatch"]["allowed"]
    assert "Recertification" in offered["dispatch"]["reason"]
    told = await partners.requesting.auditor.done("GET", f"/v1/assets/{asset['id']}/history")
    assert [event["type"] for event in told["items"]] == ["asset.loans_affected"]
    ended = f"{path_of(asset)}/{planned['unavailability']['id']}/end"
    await partners.assisting.coordinator.done("POST", ended, REASON)
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


async def test_what_is_planned_is_told_in_the_list_and_in_the_history_of_the_loan(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting, capacity=3), ahead()
    first = (await reserve(partners, asset, window)).json()
    second = (await reserve(partners, asset, window)).json()
    borrower = partners.requesting.coordinator

    async def flagged() -> set[str]:
        listed = (await borrower.done("GET", f"/v1/loans?asset_id={asset['id']}"))["items"]
        found = await borrower.done("GET", f"/v1/loans?asset_id={asset['id']}&asset_unavailable=true")
        others = await borrower.done("GET", f"/v1/loans?asset_id={asset['id']}&asset_unavailable=false")
        marked = {each["id"] for each in listed if each["asset_unavailable"]}
        assert {each["id"] for each in found["items"]} == marked
        assert {each["id"] for each in others["items"]} == {each["id"] for each in listed} - marked
        return marked

    await plan(partners, asset, window, quantity=1)
    assert await flagged() == set(), "enough is left"
    late = Window(start=window.end - HOUR, end=window.end + DAY)
    await plan(partners, asset, late, kind="blackout", quantity=1, accept_affected_loans=True)
    assert await flagged() == {first["id"], second["id"]}
    history = (await borrower.done("GET", f"/v1/loans/{first['id']}/history"))["items"]
    assert [each["type"] for each in history] == ["loan.asset_affected", "loan.reserved"]
    assert history[0]["data"]["kind"] == "blackout"
    await partners.assisting.coordinator.done("POST", f"/v1/loans/{first['id']}/cancel", REASON)
    assert await flagged() == set(), "with one less there is enough again"
    await partners.assisting.coordinator.done("POST", f"/v1/assets/{asset['id']}/take-out-of-service", REASON)
    assert await flagged() == {second["id"]}
    types = [each["type"] for each in (await borrower.done("GET", f"/v1/loans/{second['id']}/history"))["items"]]
    assert types == ["loan.asset_affected", "loan.asset_affected", "loan.reserved"]


async def test_an_extension_into_what_is_planned_is_refused(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting), under_way()
    loan = await make_loan(partners, "on_scene", asset=asset, window=window)
    await plan(partners, asset, Window(start=window.end + HOUR, end=window.end + 5 * HOUR))
    longer = {**REASON, "planned_end_at": written(window.end + 2 * HOUR)}
    path = f"/v1/loans/{loan['id']}/request-extension"
    assert_problem(await partners.requesting.coordinator.post(path, longer), 409, "asset_not_free")


async def test_the_turnaround_follows_each_loan_and_precedes_what_is_held(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting, turnaround_minutes=120), ahead()
    assert (await reserve(partners, asset, window)).status_code == 201
    for gap, free in ((1, False), (2, True)):
        after = Window(start=window.end + gap * HOUR, end=window.end + 9 * HOUR)
        before = Window(start=window.start - 9 * HOUR, end=window.start - gap * HOUR)
        assert await found(partners, asset, after) is free
        assert await found(partners, asset, before) is free
    etag = {"if_match": "*"}
    await partners.assisting.admin.done("PATCH", f"/v1/assets/{asset['id']}", {"turnaround_minutes": 0}, **etag)
    near = Window(start=window.start - 9 * HOUR, end=window.start - HOUR)
    assert await found(partners, asset, near), "what is booked from now on needs less time"
    assert not await found(partners, asset, Window(start=window.end + HOUR, end=window.end + 9 * HOUR))


async def test_what_comes_back_is_made_ready_before_it_is_lent_again(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, turnaround_minutes=120)
    loan = await make_loan(partners, "on_scene", asset=asset)
    await step(partners.assisting, loan, "return")
    (kept,) = (await partners.assisting.coordinator.done("GET", path_of(asset)))["items"]
    assert (kept["kind"], kept["loan_id"]) == ("turnaround", loan["id"])
    now = datetime.now(UTC)
    assert not await found(partners, asset, Window(start=now, end=now + HOUR))
    assert await found(partners, asset, Window(start=now + 3 * HOUR, end=now + 4 * HOUR))


async def test_what_comes_back_damaged_waits_for_its_owners_word(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, "on_scene", asset=asset)
    later = await make_loan(partners, asset=asset, window=ahead())
    await step(partners.assisting, loan, "return", {**CONDITION, "grade": "damaged"})
    assert not await found(partners, asset, ahead(days=40))
    (damage,) = (await partners.assisting.coordinator.done("GET", path_of(asset)))["items"]
    assert (damage["kind"], damage["assessment"], damage["loan_id"]) == ("damage", None, loan["id"])
    assert [each["kind"] for each in (await see(partners.requesting, later["id"]))["asset_warnings"]] == [
        "asset_unavailable"
    ]
    path, coordinator = f"{path_of(asset)}/{damage['id']}", partners.assisting.coordinator
    refused = assert_problem(await reserve(partners, asset, ahead(days=40)), 409, "asset_not_free")
    assert refused["detail"].startswith("It is damaged")
    assert_problem(await coordinator.post(f"{path}/end", REASON), 409, "assessment_missing")
    out = await coordinator.done("POST", f"{path}/assess", {"assessment": "out_of_service", **REASON})
    assert out["assessment"] == "out_of_service"
    assert_problem(await coordinator.post(f"{path}/assess", {"assessment": "fit", **REASON}), 409, "nothing_to_assess")
    assert not await found(partners, asset, ahead(days=40))
    await coordinator.done("POST", f"{path}/end", REASON)
    assert await found(partners, asset, ahead(days=40))
    assert (await see(partners.requesting, later["id"]))["asset_warnings"] == []


async def test_damage_of_a_part_holds_that_part_and_fit_frees_it(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", type_level=None, capacity=10)
    loan = await make_loan(partners, "dispatched", asset=asset, quantity=4)
    await step(partners.assisting, loan, "return", {**CONDITION, "grade": "damaged"})
    assert await found(partners, asset, ahead(), 6)
    assert not await found(partners, asset, ahead(), 7)
    (damage,) = (await partners.assisting.coordinator.done("GET", path_of(asset)))["items"]
    assessed = {"assessment": "fit", **REASON}
    await partners.assisting.coordinator.done("POST", f"{path_of(asset)}/{damage['id']}/assess", assessed)
    assert await found(partners, asset, ahead(), 10)


async def test_a_return_is_never_blocked_by_what_is_planned_or_reserved(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, turnaround_minutes=600)
    now = datetime.now(UTC).replace(microsecond=0)
    soon = Window(start=now + 12 * HOUR, end=now + 20 * HOUR)
    loan = await make_loan(partners, "on_scene", asset=asset, window=Window(start=now - HOUR, end=now + 2 * HOUR))
    await make_loan(partners, asset=asset, window=soon)
    await plan(partners, asset, Window(start=now, end=now + HOUR), accept_affected_loans=True)
    assert (await step(partners.assisting, loan, "return"))["status"] == "returned"


async def test_of_a_booking_and_a_blackout_at_one_moment_one_is_refused(partners: Partners) -> None:
    """Whichever comes second knows of the first: never both in silence."""
    window, coordinator = ahead(), partners.assisting.coordinator
    assets = [await make_asset(partners.assisting) for _ in range(6)]
    decisions = [await make_decision(partners.requesting, asset, window=window) for asset in assets]

    async def race(asset: dict[str, Any], decision: Any) -> tuple[int, int]:
        booked, planned = await asyncio.gather(
            coordinator.post("/v1/loans", {"decision_id": str(decision.id)}),
            coordinator.post(path_of(asset), planning(window, kind="blackout")),
        )
        return booked.status_code, planned.status_code

    results = [await race(*each) for each in zip(assets, decisions, strict=True)]
    assert set(results) <= {(201, 409), (409, 201)}, results


async def test_the_litany(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting)
    path, body = path_of(asset), planning(ahead())
    coordinator = cast.assisting.coordinator
    planned = (await coordinator.done("POST", path, body))["unavailability"]
    ways = [
        ("", body),
        (f"/{planned['id']}/end", REASON),
        (f"/{planned['id']}/assess", {"assessment": "fit", **REASON}),
    ]
    for rest, sent in ways:
        assert_problem(await cast.assisting.service.anonymous.post(path + rest, sent), 401, "unauthenticated")
        assert_problem(await cast.stranger.coordinator.post(path + rest, sent), 404, "not_found")
        assert_problem(await cast.requesting.coordinator.post(path + rest, sent), 403, "forbidden")
        assert_problem(await cast.assisting.auditor.post(path + rest, sent), 403)
        assert_problem(await coordinator.post(path + rest, {**sent, "colour": "red"}), 400, "unknown_field")
    for verb in ("end", "assess"):
        absent = await coordinator.post(
            f"{path}/{uuid4()}/{verb}", {"assessment": "fit", **REASON} if verb == "assess" else REASON
        )
        assert_problem(absent, 404, "not_found")
    past = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 2, tzinfo=UTC))
    assert_problem(await coordinator.post(path, planning(past)), 422, "window_over")
    assert_problem(
        await coordinator.post(path, planning(Window(start=past.end, end=past.start))), 422, "window_reversed"
    )
    key = str(uuid4())
    other = planning(ahead(days=20))
    first, again = [await coordinator.post(path, other, key=key) for _ in range(2)]
    assert first.content == again.content
    seen = (await cast.requesting.coordinator.done("GET", path))["items"]
    assert len(seen) == 2
    assert all(each["reason"] is None and each["loan_id"] is None for each in seen), "others see no reason"
    assert (await cast.stranger.coordinator.get(path)).status_code == 404
    await cast.assisting.admin.done("POST", f"/v1/assets/{asset['id']}/retire", REASON)
    assert_problem(await coordinator.post(path, planning(ahead(days=30))), 409, "asset_retired")
