"""A request that was closed by hand: its loans run on, and no other is made on it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window
from registry.sharing.requests.commands.asking import change_request, lock_request
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import step
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, submitted


async def closed_with_a_loan(cast: Cast, **terms: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """What the decision is named by, and the loan, of a request that is closed."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    asset = await make_asset(cast.assisting)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    window = Window(start=start, end=start + timedelta(hours=8))
    found = await submitted(cast.requesting, asset, lines=[line_for(asset, window=window)])
    decision = {"decision_id": found["lines"][0]["decision"]["id"]}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", decision)
    closed = await act(cast.requesting.as_(Role.APPROVER, subject="commander"), found, "close-manually")
    assert closed["status"] == "closed_manually"
    return decision, loan


async def test_a_loan_that_is_cancelled_later_leaves_nothing_to_reserve_again(cast: Cast) -> None:
    decision, loan = await closed_with_a_loan(cast)
    await step(cast.requesting, loan, "cancel")
    again = await cast.assisting.coordinator.post("/v1/loans", decision)
    assert_problem(again, 409, "decision_withdrawn")


async def test_its_loan_is_dispatched_extended_and_brought_back(cast: Cast) -> None:
    _, loan = await closed_with_a_loan(cast, approval_over_hours=9)
    loan = await step(cast.assisting, loan, "dispatch")
    loan = await step(cast.requesting, loan, "receive")
    loan = await step(cast.requesting, loan, "request-extension")
    assert loan["extensions"][0]["status"] == "pending"
    both = cast.assisting.as_(Role.COORDINATOR, Role.APPROVER)
    read = {"extension_id": loan["extensions"][-1]["id"]}
    loan = await both.done("POST", f"/v1/loans/{loan['id']}/accept-extension", read)
    assert loan["extensions"][0]["status"] == "accepted"
    loan = await step(cast.assisting, loan, "return")
    assert loan["status"] == "returned"


async def seen(cast: Cast, loan: dict[str, Any], caller: str = "requesting") -> dict[str, Any]:
    """The request that the loan answers, as that side reads it."""
    agency = getattr(cast, caller)
    found: dict[str, Any] = await agency.coordinator.done("GET", f"/v1/requests/{loan['request']['id']}")
    return found


async def counted(cast: Cast) -> list[int]:
    """How many lines the list counts in each request of the requesting agency."""
    page = await cast.requesting.coordinator.done("GET", "/v1/requests")
    return [item["line_count"] for item in page["items"]]


def possible(found: dict[str, Any]) -> list[str]:
    """What may be done with the request or a line of it."""
    offers = [*found["allowed_actions"], *(each for line in found["lines"] for each in line["allowed_actions"])]
    return [each["action"] for each in offers if each["allowed"]]


async def test_a_line_whose_loan_is_cancelled_later_is_withdrawn_and_says_why(cast: Cast) -> None:
    _, loan = await closed_with_a_loan(cast)
    (line,) = (await seen(cast, loan))["lines"]
    assert (line["status"], line["ended"], await counted(cast)) == ("filled", None, [1])
    assert (line["loan"]["id"], line["loan"]["status"]) == (loan["id"], "reserved"), "the loan goes on"
    await step(cast.requesting, loan, "cancel")
    assert await counted(cast) == [0]
    for side in ("requesting", "assisting"):
        found = await seen(cast, loan, side)
        (line,) = found["lines"]
        assert (found["status"], line["status"], possible(found)) == ("closed_manually", "withdrawn", [])
        assert line["ended"]["by_agency"] == cast.requesting.reference
        assert line["ended"]["reason"] == found["ended_reason"]
    waiting = await cast.assisting.coordinator.done("GET", "/v1/requests?waiting_for_me=true")
    assert waiting["items"] == []


async def test_its_owner_declines_nothing_that_was_withdrawn_with_it(cast: Cast) -> None:
    _, loan = await closed_with_a_loan(cast)
    await step(cast.requesting, loan, "cancel")
    (line,) = (await seen(cast, loan))["lines"]
    path = f"/v1/requests/{loan['request']['id']}/lines/{line['id']}"
    why = {"reason": "as told on the telephone (demo)", "reason_code": "not_available"}
    assert_problem(await cast.assisting.coordinator.post(f"{path}/decline", why), 409, "wrong_status")
    assert_problem(await cast.requesting.coordinator.post(f"{path}/ask-again", {}), 409, "wrong_status")
    assert (await seen(cast, loan))["status"] == "closed_manually"


async def test_a_changed_asset_brings_it_not_back(cast: Cast) -> None:
    _, loan = await closed_with_a_loan(cast)
    await step(cast.requesting, loan, "cancel")
    (before,) = (await seen(cast, loan))["lines"]
    path = f"/v1/assets/{loan['asset']['id']}"
    changed = await cast.assisting.admin.done("PATCH", path, {"name": "Another dog (demo)"}, if_match="*")
    body = {"lines": [{"line_no": 1, "asset_version": changed["version"]}]}
    accepted = await cast.requesting.coordinator.post(
        f"/v1/requests/{loan['request']['id']}/accept-changed-assets", body
    )
    assert_problem(accepted, 409, "wrong_status")
    found = await seen(cast, loan)
    assert (found["status"], found["lines"][0]["decision"]) == ("closed_manually", before["decision"])


@pytest.mark.parametrize("status", ["closed_manually", "withdrawn"])
async def test_what_people_ended_follows_its_lines_no_more(cast: Cast, status: str) -> None:
    if status == "withdrawn":
        await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
        found = await submitted(cast.requesting, await make_asset(cast.assisting))
        request_id = (await act(cast.requesting.coordinator, found, "withdraw"))["id"]
    else:
        _, loan = await closed_with_a_loan(cast)
        request_id = loan["request"]["id"]
    caller = acting_for(cast.requesting, Role.COORDINATOR)
    for values in ({}, {"status": "submitted"}):
        async with unit_of_work(cast.requesting.service.database) as write:
            row, *_ = await lock_request(write, caller, UUID(request_id))
            await change_request(write, caller, row, **values)
        assert (await cast.requesting.coordinator.done("GET", f"/v1/requests/{request_id}"))["status"] == status


async def test_a_line_tells_the_loan_by_which_it_is_lent_and_what_became_of_it(cast: Cast) -> None:
    """Of longer loans that are asked for it tells the accepted one; once its loan is over, it is filled."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_over_hours": 9})
    partners, asset = cast, await make_asset(cast.assisting)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    window = Window(start=start, end=start + timedelta(hours=8))
    found = await submitted(cast.requesting, asset, lines=[line_for(asset, window=window)])
    decision = {"decision_id": found["lines"][0]["decision"]["id"]}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", decision)
    await step(partners.assisting, loan, "dispatch")
    (before,) = (await seen(cast, loan))["lines"]
    until = {"reason": "the search goes on (demo)", "planned_end_at": (window.end + timedelta(hours=4)).isoformat()}
    await step(partners.requesting, loan, "request-extension", until)
    (asked,) = (await seen(cast, loan))["lines"]
    assert asked["decision"] == before["decision"], "it is lent as it was"
    assert asked["decision"]["outcome"] == "permitted"
    assert asked["loan"]["planned_end_at"] == loan["planned_end_at"]
    await step(partners.assisting, loan, "decline-extension")
    (declined,) = (await seen(cast, loan))["lines"]
    assert declined["decision"] == before["decision"]
    asked_again = await step(partners.requesting, loan, "request-extension", until)
    read = {"extension_id": asked_again["extensions"][-1]["id"]}
    both = cast.assisting.as_(Role.COORDINATOR, Role.APPROVER, subject="commander")
    longer = await both.done("POST", f"/v1/loans/{loan['id']}/accept-extension", read)
    (accepted,) = (await seen(cast, loan))["lines"]
    assert accepted["decision"]["outcome"] == "needs_approval", "the longer loan needed one, which was given"
    assert accepted["loan"]["planned_end_at"] == longer["planned_end_at"]
    await step(partners.assisting, loan, "return")
    assert (await seen(cast, loan))["lines"][0]["status"] == "reserved"
    await step(partners.assisting, loan, "close")
    for side in ("requesting", "assisting"):
        over = await seen(cast, loan, side)
        (line,) = over["lines"]
        assert (over["status"], line["status"], line["loan"]["status"]) == ("completed", "filled", "closed")
    path = f"/v1/requests/{loan['request']['id']}/lines/{line['id']}/decline"
    why = {"reason": "as told on the telephone (demo)", "reason_code": "not_available"}
    refused = await cast.assisting.coordinator.post(path, why)
    assert assert_problem(refused, 409, "wrong_status")["detail"].startswith("A loan answers it")
