"""How many an agency has of one asset at one time is held to the agreement's limit, in however many parts it asks."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from registry.platform.kernel.time import Window, utc_now
from registry.sharing.policy.queries.collecting import acting, collect_facts
from registry.sharing.policy.queries.getting import decision_row
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import Partners, make_loan, make_partners, step
from tests.support.policy import acting_for, policies_of
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, make_request, submitted

Found = dict[str, Any]
DAY = timedelta(days=1)
MONDAY = datetime(2099, 6, 1, tzinfo=UTC)
FEW = 7


def days(first: float, last: float) -> Window:
    """From that day after Monday, 1 June 2099, to that one."""
    return Window(start=MONDAY + first * DAY, end=MONDAY + last * DAY)


async def partners_of_few(cast: Cast) -> tuple[Partners, Found]:
    """Two agencies whose agreement lends seven at a time, and forty cones of one of them."""
    partners = await make_partners(cast, categories=["any"], max_quantity=FEW)
    return partners, await make_asset(partners.assisting, capacity=40)


async def outcomes(partners: Partners, cones: Found, *asked: tuple[Window, int]) -> list[str]:
    """What becomes of one request with these lines."""
    found = await several(partners, cones, *asked)
    return [line["status"] for line in found["lines"]]


async def several(partners: Partners, cones: Found, *asked: tuple[Window, int]) -> Found:
    lines = [line_for(cones, window=window, quantity=quantity) for window, quantity in asked]
    return await submitted(partners.requesting, cones, lines=lines)


async def test_asking_in_parts_gets_round_no_quantity(cast: Cast) -> None:
    partners, cones = await partners_of_few(cast)
    assert await outcomes(partners, cones, (days(0, 2), FEW + 1)) == ["denied"]
    found = await several(partners, cones, (days(0, 2), 4), (days(1, 3), 4))
    assert [line["status"] for line in found["lines"]] == ["permitted", "denied"]
    (reason,) = found["lines"][1]["decision"]["reasons"]
    assert reason["policy_id"] == "quantity_over_limit"
    told = reason["reason"]
    assert "The quantity asked for is 4." in told
    assert "With what overlaps it and was asked for before, 8 of it are had at one time." in told
    first = f"4 from 2099-06-01 00:00 UTC to 2099-06-03 00:00 UTC (line 1 of request {found['id']})"
    assert f"What overlaps it: {first}." in told, "so that it can be looked up"
    assert "allows at most 7 at one time: beside what overlaps it, at most 3." in told
    assert await outcomes(partners, cones, (days(1, 3), 4)) == ["denied"], "another request does not get round it"
    assert await outcomes(partners, cones, (days(1, 3), 3)) == ["permitted"]
    assert await outcomes(partners, await make_asset(partners.assisting, capacity=9), (days(0, 2), FEW)) == [
        "permitted"
    ], "another asset"


async def test_what_follows_one_after_another_is_not_added(cast: Cast) -> None:
    partners, cones = await partners_of_few(cast)
    each_day = [(days(at, at + 1), FEW) for at in range(3)]
    assert await outcomes(partners, cones, *each_day) == ["permitted"] * 3
    assert await outcomes(partners, cones, (days(0.5, 2.5), 1)) == ["denied"]


async def test_a_loan_counts_and_one_that_did_not_begin_or_is_back_does_not(cast: Cast) -> None:
    partners, cones = await partners_of_few(cast)
    first = await several(partners, cones, (days(0, 2), FEW))
    made = {"decision_id": first["lines"][0]["decision"]["id"]}
    await partners.assisting.coordinator.done("POST", "/v1/loans", made)
    refused = await several(partners, cones, (days(1, 2), 1))
    (mine,) = (await partners.requesting.coordinator.done("GET", "/v1/loans"))["items"]
    told = refused["lines"][0]["decision"]["reasons"][0]["reason"]
    assert f"(loan {mine['id']})" in told
    assert told.endswith("beside what overlaps it, none is left.")
    body = {
        "asset_id": cones["id"],
        "window": {"start": "2099-06-02T00:00:00Z", "end": "2099-06-03T00:00:00Z"},
        "purpose": "training",
    }
    asked = await partners.requesting.coordinator.done("POST", "/v1/policy-evaluations", body)
    assert asked["decision"]["outcome"] == "denied", "what would be decided is what is decided"
    await step(partners.requesting, mine, "cancel", {"reason": "it rains (demo)", "still_needed": False})
    assert await outcomes(partners, cones, (days(1, 2), FEW)) == ["permitted"]


async def test_parts_asked_for_at_once_are_not_all_lent(cast: Cast) -> None:
    partners, _ = await partners_of_few(cast)
    owner, asker = partners.assisting, partners.requesting
    for _ in range(3):
        cones = await make_asset(owner, capacity=40)
        lines = [line_for(cones, window=days(0, 2), quantity=FEW)]
        drafts = [await make_request(asker, cones, lines=lines) for _ in range(3)]
        await asyncio.gather(*(act(asker.coordinator, each, "submit", {}) for each in drafts))
        found = [await asker.coordinator.done("GET", f"/v1/requests/{each['id']}") for each in drafts]
        bodies = [{"decision_id": each["lines"][0]["decision"]["id"]} for each in found]
        answers = await asyncio.gather(*(owner.coordinator.post("/v1/loans", body) for body in bodies))
        assert sorted(each.status_code for each in answers) == [201, 409, 409]


async def test_a_loan_is_not_extended_into_more_than_the_agreement_lends(cast: Cast) -> None:
    partners, cones = await partners_of_few(cast)
    now = utc_now().replace(microsecond=0)
    loan = await make_loan(partners, "on_scene", asset=cones, quantity=4, window=Window(start=now, end=now + DAY))
    later = Window(start=now + 1.5 * DAY, end=now + 3 * DAY)
    assert await outcomes(partners, cones, (later, 4)) == ["permitted"], "the first is back by then"
    ask = {"planned_end_at": (now + 2 * DAY).isoformat(), "reason": "the search goes on (demo)"}
    path = f"/v1/loans/{loan['id']}/request-extension"
    assert_problem(await partners.requesting.coordinator.post(path, ask), 409, "extension_not_permitted")
    ask["planned_end_at"] = (now + 1.4 * DAY).isoformat()
    await partners.requesting.coordinator.done("POST", path, ask)


async def test_of_what_is_lost_the_rest_counts_in_quantity_and_cost(cast: Cast) -> None:
    dollars = {"amount": "100.00", "currency": "USD"}
    partners = await make_partners(cast, categories=["any"], max_quantity=FEW, cost_ceiling=dollars)
    cones = await make_asset(partners.assisting, capacity=40, hourly_rate={"amount": "1.00", "currency": "USD"})
    now = utc_now().replace(microsecond=0)
    window = Window(start=now, end=now + timedelta(hours=10))
    loan = await make_loan(partners, "on_scene", asset=cones, quantity=6, window=window)
    assert await outcomes(partners, cones, (window, 1)) == ["permitted"]
    assert await outcomes(partners, cones, (window, 1)) == ["denied"], "seven are had"
    lost = {"reason": "burnt (demo)", "quantity": 4}
    await step(partners.requesting, loan, "report-lost", lost)
    found = await several(partners, cones, (window, 4))
    assert [line["status"] for line in found["lines"]] == ["permitted"], "two that are left, one, and four"
    assert await outcomes(partners, cones, (window, 1)) == ["denied"]
    service = cast.assisting.service
    decision = await decision_row(service.database.read(), UUID(found["lines"][0]["decision"]["id"]))
    assert json.loads(decision.facts)["ask"]["joined_cost_minor"] == 3_000, "ten hours of three"
    await step(partners.requesting, loan, "report-found", lost)
    assert await outcomes(partners, cones, (window, 1)) == ["denied"]


async def test_what_is_out_counts_once_beside_what_overlaps_it(cast: Cast) -> None:
    partners, cones = await partners_of_few(cast)
    now = utc_now().replace(microsecond=0)
    await make_loan(partners, "on_scene", asset=cones, quantity=4, window=Window(start=now, end=now + DAY))

    async def counted(window: Window) -> tuple[int, int]:
        service = cast.assisting.service
        found = await collect_facts(
            service.database.read(),
            policies_of(service),
            asset_id=UUID(cones["id"]),
            quantity=2,
            window=window,
            purpose="training",
            priority="routine",
            requesting_agency_id=partners.requesting.id,
            viewer=partners.assisting.id,
            principal=acting(acting_for(partners.requesting).principal),
            action_at="request",
            now=utc_now(),
        )
        return found.facts.ask.whole_quantity, found.facts.lent_out_quantity

    assert await counted(Window(start=now, end=now + DAY)) == (6, 0)
    assert await counted(Window(start=now + 2 * DAY, end=now + 3 * DAY)) == (2, 4)
