"""One history tells the chain from the request to the closing, to each side what concerns it."""

from typing import Any

from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import CONDITION, REASON
from tests.support.problems import assert_problem
from tests.support.requests import line_for, need_line, sourced, submitted

Event = dict[str, Any]


async def history(agency: Agency, found: Event, **query: Any) -> list[Event]:
    asked = {"sort": "version", "limit": 100, **query}
    page = await agency.auditor.done("GET", f"/v1/requests/{found['id']}/history", params=asked)
    return list(page["items"])


async def lend(owner: Agency, found: Event, line: int = 0) -> Event:
    seen = await owner.coordinator.done("GET", f"/v1/requests/{found['id']}")
    body = {"decision_id": seen["lines"][line]["decision"]["id"]}
    made: Event = await owner.coordinator.done("POST", "/v1/loans", body)
    return made


async def walk(cast: Cast, loan: Event) -> None:
    for agency, verb, body in (
        (cast.assisting, "dispatch", CONDITION),
        (cast.requesting, "receive", {}),
        (cast.assisting, "return", CONDITION),
        (cast.assisting, "close", {}),
    ):
        await agency.coordinator.done("POST", f"/v1/loans/{loan['id']}/{verb}", body)


async def test_a_request_tells_its_chain_to_both_sides(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, effective_on="2020-01-01")
    found = await sourced(cast.requesting, [cast.assisting], lines=[need_line()])
    line = (await cast.assisting.coordinator.done("GET", f"/v1/requests/{found['id']}"))["lines"][0]
    path = f"/v1/requests/{found['id']}/lines/{line['id']}/offer"
    await cast.assisting.coordinator.done("POST", path, {"asset_id": (await make_asset(cast.assisting))["id"]})
    first = await lend(cast.assisting, found)
    again = {**REASON, "still_needed": True}
    await cast.requesting.coordinator.done("POST", f"/v1/loans/{first['id']}/cancel", again)
    second = await lend(cast.assisting, found)
    chain = ["request.line_offered", "loan.reserved", "loan.cancelled", "loan.reserved"]
    for agency in (cast.requesting, cast.assisting):
        told = await history(agency, found)
        assert [each["type"] for each in told][-4:] == chain
        assert {each["subject"]["id"] for each in told if each["subject"]["kind"] == "loan"} == {
            first["id"],
            second["id"],
        }


async def test_what_is_handed_over_and_back_is_told_in_pages_that_join(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, effective_on="2020-01-01")
    dog = await make_asset(cast.assisting)
    found = await submitted(cast.requesting, dog, lines=[line_for(dog)])
    await walk(cast, await lend(cast.assisting, found))
    whole = [each["type"] for each in await history(cast.assisting, found)]
    assert [each for each in whole if each.startswith("loan.")] == [
        "loan.reserved",
        "loan.dispatched",
        "loan.received",
        "loan.returned",
        "loan.closed",
    ]
    assert whole.index("request.submitted") < whole.index("loan.reserved")
    read, cursor = [], None
    while True:
        asked = {"sort": "version", "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await cast.assisting.auditor.done("GET", f"/v1/requests/{found['id']}/history", params=asked)
        read += [each["type"] for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert read == whole
    backwards = await history(cast.assisting, found, sort="-version")
    assert [each["type"] for each in backwards] == whole[::-1]


async def test_of_another_agencys_loan_on_the_same_request_nothing_is_told(cast: Cast) -> None:
    for owner in (cast.assisting, cast.neighbour):
        await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    dogs = [await make_asset(owner) for owner in (cast.assisting, cast.neighbour)]
    found = await submitted(cast.requesting, dogs[0], lines=[line_for(dog) for dog in dogs])
    loan = await lend(cast.neighbour, found)
    assert loan["id"] not in str(await history(cast.assisting, found))
    assert "loan.reserved" in {each["type"] for each in await history(cast.requesting, found)}
    stranger = await cast.stranger.auditor.get(f"/v1/requests/{found['id']}/history")
    assert_problem(stranger, 404)
