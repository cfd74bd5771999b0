"""What was refused of a certain asset stays open, whatever becomes of the other lines, until it is over or given up."""

from datetime import datetime
from typing import Any
from uuid import UUID

from registry.platform.access.principals import Role
from registry.sharing.requests.queries.getting import get_request
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import CONDITION, under_way
from tests.support.policy import acting_for
from tests.support.requests import line_for, submitted

Found = dict[str, Any]
WHY = {"reason": "One team will do (demo)."}
NO = {"reason": "Both handlers are on leave (demo).", "reason_code": "crew_lacking"}
TERMS = {"max_duration_hours": 72}
PERMITTED, LONGER, DENIED = 8, 30, 100


async def asked(cast: Cast, *hours: int) -> Found:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=TERMS)
    lines = [line_for(await make_asset(cast.assisting), window=under_way(hours=each)) for each in hours]
    return await submitted(cast.requesting, {}, lines=lines)


async def on_line(agency: Agency, found: Found, number: int, verb: str, body: Found) -> Found:
    path = f"/v1/requests/{found['id']}/lines/{found['lines'][number]['id']}/{verb}"
    done: Found = await agency.coordinator.done("POST", path, body)
    return done


async def lent_and_closed(cast: Cast, found: Found, number: int = 0) -> None:
    owner = cast.assisting.coordinator
    body = {"decision_id": found["lines"][number]["decision"]["id"]}
    loan = await owner.done("POST", "/v1/loans", body)
    for verb, body in (("dispatch", CONDITION), ("return", CONDITION), ("close", {})):
        await owner.done("POST", f"/v1/loans/{loan['id']}/{verb}", body)


async def seen(agency: Agency, found: Found) -> Found:
    """The request, with which its row in the list, found by its status, agrees."""
    request: Found = await agency.coordinator.done("GET", f"/v1/requests/{found['id']}")
    page = await agency.coordinator.done("GET", f"/v1/requests?ids={found['id']}&status={request['status']}")
    assert [each["status"] for each in page["items"]] == [request["status"]]
    return request


async def lacking(agency: Agency, found: Found) -> list[Found]:
    page = await agency.coordinator.done("GET", "/v1/inbox?limit=200")
    return [each for each in page["items"] if (each["kind"], each["subject"]["id"]) == ("help_lacking", found["id"])]


def allowed(line: Found) -> set[str]:
    return {each["action"] for each in line["allowed_actions"] if each["allowed"]}


async def test_a_declined_line_stays_open_when_the_loan_of_another_is_closed(cast: Cast) -> None:
    found = await asked(cast, PERMITTED, LONGER)
    await on_line(cast.assisting, found, 1, "decline", NO)
    await lent_and_closed(cast, found)
    for side in (cast.requesting, cast.assisting):
        request = await seen(side, found)
        assert (request["status"], request["refused_line_count"]) == ("partially_filled", 1)
    (entry,) = await lacking(cast.requesting, found)
    assert entry["id"] == found["lines"][1]["id"]
    waiting = await cast.requesting.coordinator.done("GET", "/v1/requests?waiting_for_me=true&limit=200")
    assert found["id"] in {each["id"] for each in waiting["items"]}
    request = await seen(cast.requesting, found)
    assert {"update", "ask_again", "withdraw"} <= allowed(request["lines"][1])
    asked_again = await cast.requesting.coordinator.done("POST", entry["action"]["path"])
    assert [each["status"] for each in asked_again["lines"][1:]] == ["declined", "permitted"]
    await lent_and_closed(cast, asked_again, 2)
    assert [(await seen(side, found))["status"] for side in (cast.requesting, cast.assisting)] == ["completed"] * 2


async def test_it_is_completed_once_what_was_refused_is_given_up(cast: Cast) -> None:
    """Taking back what may still be lent leaves what was refused open, too."""
    found = await asked(cast, PERMITTED, DENIED, LONGER, LONGER)
    await on_line(cast.assisting, found, 2, "decline", NO)
    await lent_and_closed(cast, found)
    await on_line(cast.requesting, found, 3, "withdraw", WHY)
    assert (await seen(cast.requesting, found))["status"] == "partially_filled"
    assert {each["id"] for each in await lacking(cast.requesting, found)} == {
        found["lines"][number]["id"] for number in (1, 2)
    }
    await on_line(cast.requesting, found, 1, "withdraw", WHY)
    assert (await seen(cast.requesting, found))["status"] == "partially_filled"
    gone = await on_line(cast.requesting, found, 2, "withdraw", WHY)
    assert gone["status"] == "completed"
    assert await lacking(cast.requesting, found) == []


async def test_it_is_completed_once_the_time_of_what_was_refused_is_over(cast: Cast) -> None:
    found = await asked(cast, PERMITTED, LONGER)
    await on_line(cast.assisting, found, 1, "decline", NO)
    await lent_and_closed(cast, found)
    read, end = cast.requesting.service.database.read(), found["lines"][1]["window"]["end"]
    caller = acting_for(cast.requesting, Role.COORDINATOR)
    after = await get_request(read, caller.principal, UUID(found["id"]), datetime.fromisoformat(end))
    assert (after.status, after.refused_line_count) == ("completed", 1)
    assert not [each.action for each in after.lines[1].allowed_actions if each.allowed]


async def test_what_was_refused_of_a_cancelled_loan_stays_open_too(cast: Cast) -> None:
    found = await asked(cast, PERMITTED, LONGER)
    body = {"decision_id": found["lines"][1]["decision"]["id"]}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", body)
    await cast.assisting.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", NO)
    await lent_and_closed(cast, found)
    assert (await seen(cast.requesting, found))["status"] == "partially_filled"
    (entry,) = await lacking(cast.requesting, found)
    assert (await cast.requesting.coordinator.post(entry["instead"]["path"], WHY)).status_code == 200
    assert (await seen(cast.requesting, found))["status"] == "completed"
