"""Who asked says, as it cancels, whether what it asked for is still needed; line, inbox and history agree on it."""

import asyncio
from typing import Any

from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import CONDITION, REASON
from tests.support.problems import assert_problem
from tests.support.requests import need_line, sourced, submitted

Found = dict[str, Any]
NEEDED, ENOUGH = {**REASON, "still_needed": True}, {**REASON, "still_needed": False}


async def reserved(cast: Cast) -> tuple[Found, Found]:
    """A request for a certain dog, and its loan."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, effective_on="2020-01-01")
    found = await submitted(cast.requesting, await make_asset(cast.assisting))
    return found, await lend(cast.assisting, found)


async def lend(owner: Agency, found: Found) -> Found:
    """The loan of what the owner's one line asks for."""
    seen = await owner.coordinator.done("GET", f"/v1/requests/{found['id']}")
    body = {"decision_id": seen["lines"][0]["decision"]["id"]}
    made: Found = await owner.coordinator.done("POST", "/v1/loans", body)
    return made


async def cancel(agency: Agency, loan: Found, body: Found) -> Found:
    done: Found = await agency.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", body)
    return done


async def seen(agency: Agency, found: Found) -> Found:
    read: Found = await agency.coordinator.done("GET", f"/v1/requests/{found['id']}")
    return read


async def waits(agency: Agency, found: Found) -> set[str]:
    page = await agency.coordinator.done("GET", "/v1/inbox?limit=200")
    return {each["kind"] for each in page["items"] if each["subject"]["id"] == found["id"]}


async def types(agency: Agency, found: Found) -> list[str]:
    page = await agency.auditor.done("GET", f"/v1/requests/{found['id']}/history?limit=100")
    return [each["type"] for each in page["items"]]


async def test_who_asked_has_to_say_whether_it_is_still_needed(cast: Cast) -> None:
    found, loan = await reserved(cast)
    refused = await cast.requesting.coordinator.post(f"/v1/loans/{loan['id']}/cancel", REASON)
    problem = assert_problem(refused, 422, "still_needed")
    assert problem["errors"][0]["pointer"] == "/still_needed"
    assert (await seen(cast.requesting, found))["lines"][0]["status"] == "reserved"
    malformed = {**REASON, "still_needed": "perhaps"}
    assert_problem(await cast.requesting.coordinator.post(f"/v1/loans/{loan['id']}/cancel", malformed), 400)


async def test_what_is_still_needed_is_asked_for_as_before(cast: Cast) -> None:
    found, loan = await reserved(cast)
    version = (await seen(cast.assisting, found))["version"]
    await cancel(cast.requesting, loan, NEEDED)
    for agency in (cast.requesting, cast.assisting):
        assert (await seen(agency, found))["lines"][0]["status"] == "permitted"
    assert await waits(cast.assisting, found) == {"answer"}
    assert (await lend(cast.assisting, found))["status"] == "reserved"
    assert (await seen(cast.assisting, found))["version"] >= version


async def test_what_is_not_needed_any_more_is_asked_of_nobody(cast: Cast) -> None:
    found, loan = await reserved(cast)
    before = {agency.id: await seen(agency, found) for agency in (cast.requesting, cast.assisting)}
    await cancel(cast.requesting, loan, ENOUGH)
    for agency in (cast.requesting, cast.assisting):
        now = await seen(agency, found)
        assert (now["status"], now["lines"][0]["status"]) == ("withdrawn", "withdrawn")
        assert now["lines"][0]["ended"]["reason"] == REASON["reason"]
        assert now["lines"][0]["ended_loan"]["status"] == "cancelled"
        assert now["version"] > before[agency.id]["version"]
        assert await waits(agency, found) == set()
        assert (await types(agency, found))[0] == "request.line_withdrawn"
    body = {"decision_id": before[cast.assisting.id]["lines"][0]["decision"]["id"]}
    assert not (await cast.assisting.coordinator.post("/v1/loans", body)).is_success
    events = await cast.assisting.auditor.done("GET", f"/v1/loans/{loan['id']}/history")
    cancelled = next(each for each in events["items"] if each["type"] == "loan.cancelled")
    assert cancelled["data"]["still_needed"] is False


async def test_whether_it_is_needed_is_not_for_the_owner_to_say(cast: Cast) -> None:
    found, loan = await reserved(cast)
    for said in (NEEDED, ENOUGH):
        refused = await cast.assisting.coordinator.post(f"/v1/loans/{loan['id']}/cancel", said)
        assert_problem(refused, 422, "still_needed")
    await cancel(cast.assisting, loan, REASON)
    assert (await seen(cast.requesting, found))["lines"][0]["status"] == "declined"


async def test_it_is_not_asked_of_what_has_ended_already(cast: Cast) -> None:
    """Whoever closed the request has said that nothing more is needed."""
    found, loan = await reserved(cast)
    await cast.requesting.approver.done("POST", f"/v1/requests/{found['id']}/close-manually", REASON)
    await cancel(cast.requesting, loan, REASON)
    assert (await seen(cast.requesting, found))["lines"][0]["status"] == "withdrawn"


async def two_teams(cast: Cast, quantity: int) -> tuple[Found, Found]:
    """A need of so many teams, of which one agency has reserved one, and another is asked after it."""
    for owner in (cast.assisting, cast.neighbour):
        await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    made = await sourced(cast.requesting, [cast.assisting, cast.neighbour], lines=[need_line(quantity=quantity)])
    theirs = (await seen(cast.assisting, made))["lines"][0]
    path = f"/v1/requests/{made['id']}/lines/{theirs['id']}/offer"
    await cast.assisting.coordinator.done("POST", path, {"asset_id": (await make_asset(cast.assisting))["id"]})
    return made, await lend(cast.assisting, made)


async def test_of_a_need_what_was_reserved_is_taken_off(cast: Cast) -> None:
    """Two were needed and one is not any more: one is needed, and the other agency stays asked."""
    made, loan = await two_teams(cast, 2)
    await cancel(cast.requesting, loan, ENOUGH)
    need, theirs, others = (await seen(cast.requesting, made))["lines"]
    assert (need["status"], need["quantity"], need["remaining_quantity"]) == ("open", 1, 1)
    assert (theirs["status"], others["status"]) == ("withdrawn", "asked")
    assert await waits(cast.assisting, made) == set()
    assert await waits(cast.neighbour, made) == {"offer"}
    assert (await types(cast.requesting, made))[:2] == ["request.line_reduced", "request.line_withdrawn"]
    assert "request.line_reduced" not in await types(cast.assisting, made), "how many are needed is not told"


async def test_of_a_need_that_is_over_nobody_is_asked_any_more(cast: Cast) -> None:
    made, loan = await two_teams(cast, 1)
    await cancel(cast.requesting, loan, ENOUGH)
    now = await seen(cast.requesting, made)
    assert now["status"] == "withdrawn"
    assert {each["status"] for each in now["lines"]} == {"withdrawn"}
    assert await waits(cast.neighbour, made) == set()


async def test_a_need_that_goes_on_has_the_offer_stand_again(cast: Cast) -> None:
    made, loan = await two_teams(cast, 2)
    await cancel(cast.requesting, loan, NEEDED)
    need, theirs, others = (await seen(cast.requesting, made))["lines"]
    assert (need["quantity"], need["remaining_quantity"]) == (2, 1)
    assert (theirs["status"], others["status"]) == ("permitted", "asked")


async def test_of_what_is_cancelled_and_sent_out_at_once_one_comes_first(cast: Cast) -> None:
    for _ in range(4):
        found, loan = await reserved(cast)
        path = f"/v1/loans/{loan['id']}"
        cancelled, sent = await asyncio.gather(
            cast.requesting.coordinator.post(f"{path}/cancel", ENOUGH),
            cast.assisting.coordinator.post(f"{path}/dispatch", CONDITION),
        )
        assert {cancelled.status_code, sent.status_code} == {200, 409}
        line = (await seen(cast.requesting, found))["lines"][0]
        assert line["status"] == ("withdrawn" if cancelled.is_success else "reserved")
