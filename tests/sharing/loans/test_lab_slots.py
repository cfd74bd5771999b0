"""A loan of a laboratory is a slot in a week: never more than there are, and nothing travels."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.platform.kernel.time import Window
from registry.resources.allocations.rules import whole_weeks
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, ZONE, today
from tests.support.loans import CONDITION, REASON, Partners, make_loan, see, step, under_way
from tests.support.policy import make_decision
from tests.support.problems import assert_problem

HOUR, DAY, MOMENT = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)


async def make_lab(partners: Partners, slots: int) -> dict[str, Any]:
    return await make_asset(
        partners.assisting, category="lab.dna", capacity=slots, type_level=None, certifications=[], name="DNA (demo)"
    )


def week_ahead(weeks: int = 2) -> Window:
    """A whole week to come, from Monday to Monday."""
    then = under_way().start + weeks * 7 * DAY
    return whole_weeks(Window(start=then, end=then + MOMENT), ZONE)


def this_week() -> Window:
    """A second of the week that it is: an hour may be of two."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Window(start=now, end=now + timedelta(seconds=1))


def within(week: Window, day: int, hours: int = 8) -> Window:
    start = week.start + day * DAY + 9 * HOUR
    return Window(start=start, end=start + timedelta(hours=hours))


async def left_in(partners: Partners, lab: dict[str, Any], window: Window) -> list[int]:
    ends = (f"{end:%Y-%m-%dT%H:%M:%SZ}" for end in (window.start, window.end))
    asked = "?from={}&to={}".format(*ends)
    found = await partners.requesting.coordinator.done("GET", f"/v1/assets/{lab['id']}/availability{asked}")
    return [week["free_quantity"] for week in found["weeks"]]


async def reserve(partners: Partners, lab: dict[str, Any], window: Window, quantity: int = 1) -> Any:
    decision = await make_decision(partners.requesting, lab, window=window, quantity=quantity)
    return await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})


async def test_the_capacity_is_of_a_week_whatever_the_day(partners: Partners) -> None:
    lab, week = await make_lab(partners, 2), week_ahead()
    both = Window(start=week.start, end=week.end + DAY)
    assert await left_in(partners, lab, both) == [2, 2]
    for day in (0, 3):
        assert (await reserve(partners, lab, within(week, day))).status_code == 201
    assert await left_in(partners, lab, both) == [0, 2]
    assert await left_in(partners, lab, within(week, 5)) == [0]
    refused = await reserve(partners, lab, within(week, 5))
    assert_problem(refused, 409, "asset_not_free")
    assert datetime.fromisoformat(refused.json()["blocking"]["end"]) == week.end
    over_the_end = Window(start=week.end - HOUR, end=week.end + HOUR)
    assert_problem(await reserve(partners, lab, over_the_end), 409, "asset_not_free")
    assert (await reserve(partners, lab, Window(start=week.end, end=week.end + HOUR), 2)).status_code == 201
    assert await left_in(partners, lab, both) == [0, 0]


async def test_a_blackout_of_a_day_takes_its_week(partners: Partners) -> None:
    lab, week = await make_lab(partners, 2), week_ahead()
    day = within(week, 2)
    planned = {
        "kind": "blackout",
        "window": {"start": day.start.isoformat(), "end": day.end.isoformat()},
        "reason": "Recalibration (demo).",
    }
    made = await partners.assisting.coordinator.done("POST", f"/v1/assets/{lab['id']}/unavailability", planned)
    assert datetime.fromisoformat(made["unavailability"]["window"]["start"]) == week.start
    assert await left_in(partners, lab, Window(start=week.start - DAY, end=week.end + DAY)) == [2, 0, 2]
    assert_problem(await reserve(partners, lab, within(week, 5)), 409, "asset_not_free")
    ends = (f"{end:%Y-%m-%dT%H:%M:%SZ}" for end in (within(week, 5).start, within(week, 5).end))
    query = "agency_id={}&available_from={}&available_to={}".format(partners.assisting.id, *ends)
    assert (await partners.requesting.coordinator.done("GET", f"/v1/assets?{query}"))["items"] == []


async def test_nothing_travels_and_a_slot_that_was_used_stays_used(partners: Partners) -> None:
    lab = await make_lab(partners, 2)
    loan = await make_loan(partners, asset=lab)
    assert loan["travels"] is False
    loan = await step(partners.assisting, loan, "dispatch")
    for side, verb in ((partners.requesting, "receive"), (partners.requesting, "start-return")):
        assert_problem(await side.coordinator.post(f"/v1/loans/{loan['id']}/{verb}", {}), 409, "wrong_status")
    lost = await partners.requesting.coordinator.post(f"/v1/loans/{loan['id']}/report-lost", REASON)
    assert_problem(lost, 409, "wrong_status")
    offered = {each["action"]: each for each in (await see(partners.requesting, loan["id"]))["allowed_actions"]}
    assert offered["receive"]["allowed"] is False
    assert "Nothing travels" in offered["receive"]["reason"]
    done = await step(partners.assisting, loan, "return")
    assert done["status"] == "returned"
    assert await left_in(partners, lab, this_week()) == [1]
    cancelled = await make_loan(partners, "cancelled", asset=lab)
    assert cancelled["status"] == "cancelled"
    assert await left_in(partners, lab, this_week()) == [1]


async def test_more_time_in_a_week_that_is_held_needs_no_slot_more(partners: Partners) -> None:
    lab, window = await make_lab(partners, 1), under_way(hours=2)
    loan = await make_loan(partners, "dispatched", asset=lab, window=window)
    this = whole_weeks(window, ZONE)
    following = Window(start=this.end + DAY, end=this.end + 2 * DAY)
    await make_loan(partners, asset=lab, window=following)
    path, asking = f"/v1/loans/{loan['id']}/request-extension", partners.requesting.coordinator
    over = {**REASON, "planned_end_at": (this.end + HOUR).isoformat()}
    assert_problem(await asking.post(path, over), 409, "asset_not_free")
    if window.end + timedelta(minutes=1) < this.end:
        await asking.done("POST", path, {**REASON, "planned_end_at": this.end.isoformat()})
        await step(partners.assisting, loan, "accept-extension")
        assert {*await left_in(partners, lab, Window(start=this.start, end=following.end))} == {0}


async def test_the_last_slots_are_taken_once_each(partners: Partners) -> None:
    for _ in range(3):
        lab, week = await make_lab(partners, 2), week_ahead()
        decisions = [await make_decision(partners.requesting, lab, window=within(week, day)) for day in range(5)]
        answers = await asyncio.gather(
            *(partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(each.id)}) for each in decisions)
        )
        assert sorted(each.status_code for each in answers) == [201, 201, 409, 409, 409]
        assert await left_in(partners, lab, within(week, 6)) == [0]


async def test_a_laboratory_is_accredited_for_a_scope(partners: Partners) -> None:
    lab = await make_lab(partners, 1)
    scope = {
        "discipline": "lab.dna",
        "issuer": "ANAB",
        "number": "DEMO-FT-1",
        "standard": "iso_iec_17025",
        "methods": ["Short tandem repeat typing (demo)"],
        "issued_on": str(today() - 90 * DAY),
        "expires_on": str(LONG_AHEAD),
    }
    path = f"/v1/assets/{lab['id']}/certificates"
    await partners.assisting.admin.done("POST", path, scope)
    (seen,) = (await partners.requesting.coordinator.done("GET", path))["items"]
    assert (seen["status"], seen["standard"], seen["methods"]) == ("current", "iso_iec_17025", scope["methods"])
    found = await partners.requesting.coordinator.done(
        "GET", f"/v1/assets?certified_for=lab&agency_id={partners.assisting.id}"
    )
    assert [item["id"] for item in found["items"]] == [lab["id"]]
    loan = await make_loan(partners, asset=lab)
    assert loan["handler_id"] is None
    await step(partners.assisting, loan, "dispatch", CONDITION)
