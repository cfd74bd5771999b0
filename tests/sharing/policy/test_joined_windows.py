"""Adjoining windows of one agency for one asset count as one for what limits the length or the cost of a loan."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from registry.platform.kernel.time import Window
from registry.sharing.policy.facts import OtherWindow
from registry.sharing.policy.joining import joined_with
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import make_loan, make_partners, step
from tests.support.policy import make_decision
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, make_request, submitted

Found = dict[str, Any]
DAY = timedelta(days=1)
MONDAY = datetime(2099, 6, 1, tzinfo=UTC)
WHY = {"reason": "as told on the telephone (demo)"}


def days(first: float, last: float) -> Window:
    """From that day after Monday, 1 June 2099, to that one."""
    return Window(start=MONDAY + first * DAY, end=MONDAY + last * DAY)


def other(first: float, last: float) -> OtherWindow:
    window = days(first, last)
    return OtherWindow(start=window.start, end=window.end, quantity=1)


def outcomes(found: Found) -> list[str]:
    return [line["status"] for line in found["lines"]]


async def test_windows_join_across_gaps_of_up_to_a_day_one_after_another() -> None:
    own = days(4, 5)
    adjoining, behind, apart = other(2, 4), other(0, 1), other(6.5, 7)
    assert joined_with(own, [adjoining]) == (adjoining,)
    assert joined_with(own, [behind, adjoining]) == (behind, adjoining), "what adjoins what adjoins it"
    assert joined_with(own, [behind]) == ()
    assert joined_with(own, [apart]) == ()
    assert joined_with(own, [other(6, 7)]) == (other(6, 7),), "a gap of just a day"
    assert joined_with(own, [other(3, 6)]) == (other(3, 6),), "overlapping"


async def test_adjoining_lines_and_requests_are_held_to_the_limit_of_one_loan(cast: Cast) -> None:
    owner, asker = cast.assisting, cast.requesting
    await sign_agreement(owner.service, owner, asker, terms={"max_duration_hours": 72}, effective_on="2020-01-01")
    dog = await make_asset(owner)
    lines = [line_for(dog, window=days(0, 2)), line_for(dog, window=days(2, 4))]
    found = await submitted(asker, dog, lines=lines)
    assert outcomes(found) == ["permitted", "denied"]
    (reason,) = found["lines"][1]["decision"]["reasons"]
    assert reason["policy_id"] == "duration_over_limit"
    assert "With what adjoins it and was asked for before, this loan is for 96 hours." in reason["reason"]

    first = f"2099-06-01 00:00 UTC to 2099-06-03 00:00 UTC (line 1 of request {found['id']})"
    assert f"What adjoins it: {first}." in reason["reason"], "so that it can be looked up"
    assert "what begins after 2099-06-04 00:00 UTC adjoins none of these" in reason["reason"]
    assert "this one may last until 2099-06-04 00:00 UTC" in reason["reason"]

    apart = await submitted(asker, dog, lines=[line_for(dog, window=days(3.1, 5))])
    assert outcomes(apart) == ["permitted"], "more than a day later"
    between = await submitted(asker, dog, lines=[line_for(dog, window=days(2, 3))])
    assert outcomes(between) == ["denied"], "another request does not get round it"
    assert outcomes(await submitted(asker, await make_asset(owner), lines=lines[:1])) == ["permitted"], "another dog"


async def test_what_leads_to_no_loan_joins_nothing(cast: Cast) -> None:
    owner, asker = cast.assisting, cast.requesting
    await sign_agreement(owner.service, owner, asker, terms={"max_duration_hours": 72}, effective_on="2020-01-01")
    dog = await make_asset(owner)
    first = await submitted(asker, dog, lines=[line_for(dog, window=days(0, 2))])
    second = await submitted(asker, dog, lines=[line_for(dog, window=days(2, 4))])
    assert outcomes(second) == ["denied"]
    third = await submitted(asker, dog, lines=[line_for(dog, window=days(4, 5))])
    assert outcomes(third) == ["permitted"], "what is denied is no bridge"
    await act(asker.coordinator, first, "withdraw")
    path = f"/v1/requests/{second['id']}/lines/{second['lines'][0]['id']}/ask-again"
    again = await asker.coordinator.done("POST", path, {})
    assert outcomes(again) == ["denied", "permitted"]
    draft = await make_request(asker, dog, lines=[line_for(dog, window=days(-2, 0))])
    assert outcomes(draft) == ["draft"]
    await act(asker.coordinator, again, "withdraw")
    declined = f"/v1/requests/{third['id']}/lines/{third['lines'][0]['id']}/decline"
    await owner.coordinator.done("POST", declined, {"reason_code": "not_available", "reason": "lame (demo)"})
    assert outcomes(await submitted(asker, dog, lines=[line_for(dog, window=days(2, 5))])) == ["permitted"]


async def test_thresholds_of_approvals_and_costs_count_what_adjoins(cast: Cast) -> None:
    owner, asker = cast.assisting, cast.requesting
    terms = {"approval_over_hours": 48, "cost_ceiling": {"amount": "900.00", "currency": "USD"}}
    await sign_agreement(owner.service, owner, asker, terms=terms, effective_on="2020-01-01")
    dog = await make_asset(owner, hourly_rate={"amount": "10.00", "currency": "USD"})
    first = await submitted(asker, dog, lines=[line_for(dog, window=days(0, 2))])
    second = await submitted(asker, dog, lines=[line_for(dog, window=days(2, 3))])
    third = await submitted(asker, dog, lines=[line_for(dog, window=days(3, 4))])
    assert [outcomes(each) for each in (first, second, third)] == [["permitted"], ["needs_approval"], ["denied"]]
    assert "estimated at 960.00 USD" in third["lines"][0]["decision"]["reasons"][0]["reason"]
    body = {"asset_id": dog["id"], "window": msgspec.to_builtins(days(3, 4)), "purpose": "narcotics_investigation"}
    asked = await asker.coordinator.done("POST", "/v1/policy-evaluations", body)
    assert asked["decision"]["outcome"] == "denied", "what would be decided is what is decided"
    # What was asked for first stays as it was decided, however much is asked for after it.
    loan = {"decision_id": first["lines"][0]["decision"]["id"]}
    await owner.coordinator.done("POST", "/v1/loans", loan)
    await act(owner.approver, second, "approve")
    refused = await owner.coordinator.post("/v1/loans", {"decision_id": third["lines"][0]["decision"]["id"]})
    assert_problem(refused, 409, "decision_not_satisfied")


async def test_a_loan_is_not_extended_into_what_is_asked_for_beside_it(cast: Cast) -> None:
    partners = await make_partners(cast, max_duration_hours=72)
    window = Window(start=datetime.now(UTC).replace(microsecond=0), end=datetime.now(UTC).replace(microsecond=0) + DAY)
    dog = await make_asset(partners.assisting)
    loan = await make_loan(partners, "reserved", asset=dog, window=window)
    loan = await step(partners.assisting, loan, "dispatch")
    later = Window(start=window.end + DAY, end=window.end + 2 * DAY)
    assert outcomes(await submitted(partners.requesting, dog, lines=[line_for(dog, window=later)])) == ["permitted"]
    asks = partners.requesting.coordinator
    until = (window.end + DAY / 2).isoformat()
    ask = {"planned_end_at": until, "reason": "the search goes on (demo)"}
    await asks.done("POST", f"/v1/loans/{loan['id']}/request-extension", ask)
    third = Window(start=later.end, end=later.end + DAY / 2)
    beyond = await submitted(partners.requesting, dog, lines=[line_for(dog, window=third)])
    assert outcomes(beyond) == ["denied"]


async def test_a_request_closed_by_hand_still_counts_while_its_loan_runs(cast: Cast) -> None:
    owner, asker = cast.assisting, cast.requesting
    await sign_agreement(owner.service, owner, asker, terms={"max_duration_hours": 72}, effective_on="2020-01-01")
    dog = await make_asset(owner)
    first = await submitted(asker, dog, lines=[line_for(dog, window=days(0, 2))])
    await owner.coordinator.done("POST", "/v1/loans", {"decision_id": first["lines"][0]["decision"]["id"]})
    await act(asker.approver, first, "close-manually")
    refused = await submitted(asker, dog, lines=[line_for(dog, window=days(2, 4))])
    assert outcomes(refused) == ["denied"]
    (mine,) = (await asker.coordinator.done("GET", "/v1/loans"))["items"]
    assert f"(loan {mine['id']})" in refused["lines"][0]["decision"]["reasons"][0]["reason"]


async def test_adjoining_windows_asked_for_at_once_are_not_both_lent(cast: Cast) -> None:
    owner, asker = cast.assisting, cast.requesting
    await sign_agreement(owner.service, owner, asker, terms={"max_duration_hours": 72}, effective_on="2020-01-01")
    for _ in range(4):
        dog = await make_asset(owner)
        drafts = [await make_request(asker, dog, lines=[line_for(dog, window=days(a, a + 2))]) for a in (0, 2)]
        await asyncio.gather(*(act(asker.coordinator, each, "submit", {}) for each in drafts))
        found = [await asker.coordinator.done("GET", f"/v1/requests/{each['id']}") for each in drafts]
        bodies = [{"decision_id": each["lines"][0]["decision"]["id"]} for each in found]
        answers = await asyncio.gather(*(owner.coordinator.post("/v1/loans", body) for body in bodies))
        assert sorted(each.status_code for each in answers) == [201, 409]


@pytest.mark.parametrize("agencies", ["stranger", "neighbour"])
async def test_what_another_agency_asks_for_joins_nothing(cast: Cast, agencies: str) -> None:
    owner, asker, third = cast.assisting, cast.requesting, getattr(cast, agencies)
    for party in (asker, third):
        await sign_agreement(owner.service, owner, party, terms={"max_duration_hours": 72}, effective_on="2020-01-01")
    dog = await make_asset(owner)
    await make_decision(third, dog, window=days(0, 2))
    assert (await make_decision(asker, dog, window=days(2, 4))).outcome == "permitted"
