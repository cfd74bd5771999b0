"""An offer that cannot be had for now does not count: the next are asked, and nobody accepts it or lends on it."""

import asyncio
from functools import partial
from typing import Any

from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.sharing.requests.commands.suspending import settle_offers_all_due
from tests.sharing.requests.test_people_needed import needed as people_needed
from tests.sharing.requests.test_people_needed import offer as offer_people
from tests.sharing.requests.test_people_needed import pool_of
from tests.sharing.requests.test_sourcing import (
    asked_for,
    needed,
    offer,
    path_of,
    reserve_all,
    seen_by,
    source,
    statuses,
)
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.personnel import enter_person, speaks
from tests.support.policy import policies_of
from tests.support.problems import assert_problem
from tests.support.requests import accepted_by, act, line_for, submitted

Found = dict[str, Any]
LAME = {"reason": "the dog is lame (demo)"}
FILLED = "It can be had again, and as many as are needed are offered by others."


async def settle(cast: Cast) -> int:
    """What the background task does each minute."""
    service = cast.requesting.service
    work = partial(unit_of_work, service.database)
    return await settle_offers_all_due(service.database.read(), work, policies_of(service), utc_now())


async def settled(cast: Cast, found: Found) -> Found:
    await settle(cast)
    return await seen_by(cast.requesting, found)


async def out_of_service(owner: Agency, asset: Found) -> None:
    await owner.coordinator.done("POST", f"/v1/assets/{asset['id']}/take-out-of-service", LAME)


async def in_service(owner: Agency, asset: Found) -> None:
    await owner.coordinator.done("POST", f"/v1/assets/{asset['id']}/return-to-service", {"reason": "fit again (demo)"})


async def offered(cast: Cast, **fields: Any) -> tuple[Found, Found]:
    """A need of one, for which the assisting agency's dog is offered and the neighbour would be asked next."""
    found = await source(cast, await needed(cast, 1), [cast.assisting], [cast.neighbour])
    dog = await make_asset(cast.assisting)
    assert (await offer(cast.assisting, found, dog, **fields)).is_success
    return await seen_by(cast.requesting, found), dog


async def test_an_offer_that_cannot_be_had_any_more_frees_what_it_held_and_the_next_are_asked(cast: Cast) -> None:
    found, dog = await offered(cast)
    decision = {"decision_id": found["lines"][1]["decision"]["id"]}
    await settle(cast)
    assert statuses(await seen_by(cast.requesting, found)) == ["open", "permitted", "queued"], "it can be had"
    await out_of_service(cast.assisting, dog)
    found = await settled(cast, found)
    assert (statuses(found), found["lines"][0]["remaining_quantity"]) == (["open", "suspended", "asked"], 1)
    for side in (cast.requesting, cast.assisting):
        seen = await seen_by(side, found)
        line = next(each for each in seen["lines"] if each["status"] == "suspended")
        assert (line["suspended_reason"], seen["status"]) == ("It is out of service.", "open")
        assert line["suspended_at"] is not None
        types = [
            each["type"] for each in (await side.auditor.done("GET", f"/v1/requests/{found['id']}/history"))["items"]
        ]
        assert types.count("request.offer_suspended") == 1
    await in_service(cast.assisting, dog)
    refused = await cast.assisting.coordinator.post("/v1/loans", decision)
    assert_problem(refused, 409, "decision_suspended")
    assert await settle(cast) >= 1
    assert await settle(cast) == 0, "it is recorded once"
    found = await seen_by(cast.requesting, found)
    assert (statuses(found), found["lines"][0]["remaining_quantity"]) == (["open", "permitted", "asked"], 0)
    assert found["lines"][1]["suspended_reason"] is None
    await reserve_all(cast.assisting, found)
    assert (await seen_by(cast.requesting, found))["status"] == "filled"


async def test_it_counts_again_unless_others_have_filled_the_need(cast: Cast) -> None:
    found, dog = await offered(cast)
    await out_of_service(cast.assisting, dog)
    found = await settled(cast, found)
    assert (await offer(cast.neighbour, found)).is_success
    await in_service(cast.assisting, dog)
    found = await settled(cast, found)
    assert (statuses(found), found["lines"][1]["suspended_reason"]) == (["open", "suspended", "permitted"], FILLED)
    mine = (await seen_by(cast.neighbour, found))["lines"][0]
    no = {"reason_code": "not_available", "reason": "needed at home (demo)"}
    await cast.neighbour.coordinator.done("POST", f"/v1/requests/{found['id']}/lines/{mine['id']}/decline", no)
    assert statuses(await settled(cast, found)) == ["open", "permitted", "declined"]


async def test_whatever_stands_against_it_is_said(cast: Cast) -> None:
    owner, asker = cast.assisting, cast.requesting
    agreement = await sign_agreement(owner.service, owner, asker, effective_on="2020-01-01")
    await sign_agreement(owner.service, owner, cast.stranger, effective_on="2020-01-01")

    async def lent_elsewhere(dog: Found, window: Found) -> None:
        other = await submitted(cast.stranger, dog, lines=[{**line_for(dog), "window": window}])
        await owner.coordinator.done("POST", "/v1/loans", {"decision_id": other["lines"][0]["decision"]["id"]})

    async def kept_at_home(dog: Found, window: Found) -> None:
        body = {"kind": "maintenance", "window": window, "reason": "yearly (demo)"}
        await owner.coordinator.done("POST", f"/v1/assets/{dog['id']}/unavailability", body)

    async def another_kind(dog: Found, window: Found) -> None:
        await owner.admin.done("PATCH", f"/v1/assets/{dog['id']}", {"type_level": 3}, if_match="*")

    async def agreement_over(dog: Found, window: Found) -> None:
        await owner.legal.done("POST", f"/v1/agreements/{agreement['id']}/suspend", LAME)

    causes = {
        lent_elsewhere: "It is committed elsewhere then.",
        kept_at_home: "It is in maintenance then.",
        another_kind: "Type 2 or better is needed.",
        agreement_over: "agreement",
    }
    for happens, said in causes.items():
        found, dog = await source(cast, await asked_for(cast, 1), [owner]), await make_asset(owner)
        assert (await offer(owner, found, dog)).is_success
        await happens(dog, found["lines"][0]["window"])
        found = await settled(cast, found)
        line = found["lines"][1]
        assert (line["status"], found["lines"][0]["remaining_quantity"]) == ("suspended", 1), happens.__name__
        assert said in line["suspended_reason"], happens.__name__


async def test_people_who_left_since_they_were_named_do_not_count(cast: Cast) -> None:
    owner = cast.assisting
    await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    pool, found = await pool_of(owner), await people_needed(cast, owner, quantity=1)
    person = await enter_person(owner, speaks("hmn", "2+"))
    assert (await offer_people(owner, found, pool, [person["id"]])).is_success
    await owner.admin.done("POST", f"/v1/personnel/{person['id']}/separate", {"reason": "retired (demo)"})
    found = await settled(cast, found)
    assert statuses(found) == ["open", "suspended"]
    assert found["lines"][1]["suspended_reason"] == "Somebody who was named for it cannot be sent then."
    assert person["id"] not in str(found), "who it is, their agency alone reads"


async def test_an_offer_on_a_condition_that_cannot_be_had_is_not_accepted(cast: Cast) -> None:
    found, dog = await offered(cast, condition="Back by midnight (demo).")
    await out_of_service(cast.assisting, dog)
    accepting, asker = path_of(found, "accept-offer", 1), cast.requesting.coordinator
    read = accepted_by(found)
    for _ in range(2):
        problem = assert_problem(await asker.post(accepting, read), 409, "offer_suspended")
        assert problem["detail"] == "It is out of service."
        line = (await seen_by(cast.requesting, found))["lines"][1]
        action = next(each for each in line["allowed_actions"] if each["action"] == "accept_offer")
        assert not action["allowed"]
        await settle(cast)
    assert action["reason"] == "It is out of service."
    found = await seen_by(cast.requesting, found)
    assert statuses(found) == ["open", "suspended", "asked"]
    await in_service(cast.assisting, dog)
    found = await settled(cast, found)
    assert statuses(found) == ["open", "offered", "asked"]
    assert_problem(await asker.post(accepting, read), 409, "offer_changed")
    found = await asker.done("POST", accepting, accepted_by(found))
    assert (statuses(found), found["lines"][0]["remaining_quantity"]) == (["open", "permitted", "asked"], 0)


async def test_its_agency_may_offer_another_in_its_place_or_decline(cast: Cast) -> None:
    for condition in (None, "Back by midnight (demo)."):
        found, dog = await offered(cast, **({"condition": condition} if condition else {}))
        await out_of_service(cast.assisting, dog)
        found = await settled(cast, found)
        other = await make_asset(cast.assisting)
        assert (await offer(cast.assisting, found, other)).is_success
        found = await seen_by(cast.requesting, found)
        assert (statuses(found)[1], found["lines"][1]["asset_id"]) == ("permitted", other["id"])
        assert (found["lines"][1]["condition"], found["lines"][1]["suspended_at"]) == (None, None)
        await reserve_all(cast.assisting, found)
        loan_id = (await seen_by(cast.requesting, found))["lines"][1]["loan"]["id"]
        loan = await cast.requesting.coordinator.done("GET", f"/v1/loans/{loan_id}")
        assert loan["offer_condition"] is None
    found, dog = await offered(cast)
    await out_of_service(cast.assisting, dog)
    found = await settled(cast, found)
    mine = (await seen_by(cast.assisting, found))["lines"][0]
    no = {"reason_code": "out_of_service", "reason": "the dog is lame (demo)"}
    await cast.assisting.coordinator.done("POST", f"/v1/requests/{found['id']}/lines/{mine['id']}/decline", no)
    await in_service(cast.assisting, dog)
    assert statuses(await settled(cast, found)) == ["open", "declined", "asked"], "what is declined does not come back"


async def test_what_is_suspended_ends_with_its_need_and_waits_for_nobody(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True})
    found, dog = await source(cast, await asked_for(cast, 1), [cast.assisting]), await make_asset(cast.assisting)
    assert (await offer(cast.assisting, found, dog)).is_success
    await out_of_service(cast.assisting, dog)
    found = await settled(cast, found)
    page = await cast.assisting.approver.done("GET", "/v1/requests?waiting_for_me=true")
    assert found["id"] not in {each["id"] for each in page["items"]}
    refused = await cast.assisting.approver.post(f"/v1/requests/{found['id']}/approve", LAME, if_match="*")
    assert refused.status_code in (409, 428)
    found = await act(cast.requesting.coordinator, found, "withdraw")
    assert statuses(found) == ["withdrawn", "withdrawn"]
    await in_service(cast.assisting, dog)
    assert statuses(await settled(cast, found)) == ["withdrawn", "withdrawn"]


async def test_a_need_is_not_filled_twice_by_what_comes_back(cast: Cast) -> None:
    """The first owner's dog is fit again at the moment at which the next one offers, and both would lend."""
    for _ in range(4):
        found, dog = await offered(cast)
        first = {"decision_id": found["lines"][1]["decision"]["id"]}
        await out_of_service(cast.assisting, dog)
        found = await settled(cast, found)
        await in_service(cast.assisting, dog)
        other = await make_asset(cast.neighbour)
        await asyncio.gather(settle(cast), offer(cast.neighbour, found, other), settle(cast))
        assert_problem(await cast.assisting.coordinator.post("/v1/loans", first), 409, "decision_suspended")
        await asyncio.gather(*(reserve_all(owner, found) for owner in (cast.assisting, cast.neighbour)))
        found = await seen_by(cast.requesting, found)
        assert (found["lines"][0]["remaining_quantity"], statuses(found).count("reserved")) == (0, 1)


async def test_a_loan_made_meanwhile_is_not_taken_for_an_offer_that_cannot_be_had(cast: Cast) -> None:
    for _ in range(4):
        found, _ = await offered(cast)
        await asyncio.gather(settle(cast), reserve_all(cast.assisting, found), settle(cast))
        assert statuses(await settled(cast, found)) == ["filled", "reserved", "queued"]
