"""What is needed of whichever agency is asked of several, in an order, and is never filled twice."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window, utc_now
from registry.sharing.requests.commands.expiring import ask_next_all_due, expire_all_due
from registry.sharing.requests.queries.getting import get_request
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import step, under_way
from tests.support.policy import acting_for, window_of
from tests.support.problems import assert_problem
from tests.support.requests import accepted_by, act, line_for, need_line, submitted
from tests.support.service import Caller, Service

Found = dict[str, Any]
NO = {"reason_code": "not_available", "reason": "the dog is lame (demo)"}
WHY = {"reason": "it lasts until the morning (demo)"}


async def needed(cast: Cast, quantity: int = 2, *, window: Window | None = None, **need: Any) -> Found:
    """A submitted request for narcotics teams of type II or better, of agencies that have all agreed to help."""
    for owner in (cast.assisting, cast.neighbour, cast.stranger):
        await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    return await asked_for(cast, quantity, window=window, **need)


async def asked_for(cast: Cast, quantity: int = 2, *, window: Window | None = None, **need: Any) -> Found:
    """The same, without the agreements."""
    return await submitted(cast.requesting, {}, lines=[need_line(window=window, quantity=quantity, **need)])


def path_of(found: Found, verb: str, number: int = 0) -> str:
    return f"/v1/requests/{found['id']}/lines/{found['lines'][number]['id']}/{verb}"


async def source(cast: Cast, found: Found, *tiers: Sequence[Agency], within: int = 60) -> Found:
    body = {"tiers": [[str(each.id) for each in tier] for tier in tiers], "answer_within_minutes": within}
    made: Found = await cast.requesting.coordinator.done("POST", path_of(found, "source"), body)
    return made


async def seen_by(agency: Agency, found: Found) -> Found:
    request: Found = await agency.coordinator.done("GET", f"/v1/requests/{found['id']}")
    return request


async def offer(owner: Agency, found: Found, asset: Found | None = None, **fields: Any) -> Any:
    """What the owner's offer is answered with, for the first line that it sees and may offer for."""
    mine = await seen_by(owner, found)
    line = next(each for each in mine["lines"] if "offer" in {a["action"] for a in each["allowed_actions"]})
    chosen = asset or await make_asset(owner)
    path = f"/v1/requests/{found['id']}/lines/{line['id']}/offer"
    return await owner.coordinator.post(path, {"asset_id": chosen["id"], **fields})


async def reserve_all(owner: Agency, found: Found) -> None:
    for line in (await seen_by(owner, found))["lines"]:
        if line["status"] in ("permitted", "approved"):
            await owner.coordinator.done("POST", "/v1/loans", {"decision_id": line["decision"]["id"]})


def statuses(found: Found) -> list[str]:
    return [line["status"] for line in found["lines"]]


async def later(cast: Cast, found: Found, minutes: int = 0) -> list[str]:
    """The statuses of the lines once the background task has run, that many minutes from now."""
    service: Service = cast.requesting.service
    work = partial(unit_of_work, service.database)
    await ask_next_all_due(service.database.read(), work, utc_now() + timedelta(minutes=minutes))
    return statuses(await seen_by(cast.requesting, found))


async def test_a_need_is_asked_in_tiers_until_it_is_filled(cast: Cast) -> None:
    found = await needed(cast)
    assert (found["status"], statuses(found), found["lines"][0]["remaining_quantity"]) == ("open", ["open"], 2)
    found = await source(cast, found, [cast.assisting], [cast.neighbour], [cast.stranger])
    assert statuses(found) == ["open", "asked", "queued", "queued"]
    assert [line["tier"] for line in found["lines"]] == [None, 1, 2, 3]
    assert_problem(await cast.neighbour.coordinator.get(f"/v1/requests/{found['id']}"), 404)

    mine = await seen_by(cast.assisting, found)
    assert (mine["status"], statuses(mine), mine["lines"][0]["quantity"]) == ("open", ["asked"], 2)
    path = f"/v1/requests/{found['id']}/lines/{mine['lines'][0]['id']}/decline"
    await cast.assisting.coordinator.done("POST", path, NO)
    assert statuses(await seen_by(cast.requesting, found)) == ["open", "declined", "asked", "queued"]

    assert (await offer(cast.neighbour, found)).json()["status"] == "permitted"
    found = await seen_by(cast.requesting, found)
    assert statuses(found) == ["open", "declined", "permitted", "asked"], "fewer than needed: the next are asked"
    assert (found["lines"][0]["remaining_quantity"], found["lines"][3]["quantity"]) == (1, 1)
    await reserve_all(cast.neighbour, found)
    found = await seen_by(cast.requesting, found)
    assert (found["status"], found["lines"][0]["status"]) == ("partially_filled", "partially_filled")

    assert (await offer(cast.stranger, found)).is_success
    await reserve_all(cast.stranger, found)
    found = await seen_by(cast.requesting, found)
    assert (found["status"], statuses(found)) == ("filled", ["filled", "declined", "reserved", "reserved"])
    assert found["lines"][0]["remaining_quantity"] == 0
    listed = await cast.requesting.coordinator.done("GET", "/v1/requests?status=filled")
    assert [item["id"] for item in listed["items"]] == [found["id"]]


async def test_what_falls_away_is_asked_of_the_next(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 1), [cast.assisting], [cast.neighbour])
    assert (await offer(cast.assisting, found)).is_success
    assert await later(cast, found) == ["open", "permitted", "queued"], "nothing is lacking"
    mine = await seen_by(cast.assisting, found)
    loan = await cast.assisting.coordinator.done(
        "POST", "/v1/loans", {"decision_id": mine["lines"][0]["decision"]["id"]}
    )
    assert (await seen_by(cast.requesting, found))["status"] == "filled"
    await cast.assisting.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", WHY)
    found = await seen_by(cast.requesting, found)
    assert (found["status"], found["lines"][0]["remaining_quantity"]) == ("open", 1)
    assert await later(cast, found) == ["open", "declined", "asked"]


async def test_who_does_not_answer_in_time_is_passed_over_and_may_still_offer(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 1), [cast.assisting], [cast.neighbour], within=30)
    assert await later(cast, found, 29) == ["open", "asked", "queued"]
    assert await later(cast, found, 30) == ["open", "unanswered", "asked"]
    version = (await seen_by(cast.requesting, found))["version"]
    assert await later(cast, found, 30) == ["open", "unanswered", "asked"]
    assert (await seen_by(cast.requesting, found))["version"] == version, "it is recorded once"
    for agency, told in ((cast.assisting, True), (cast.neighbour, False), (cast.requesting, True)):
        page = await agency.auditor.done("GET", f"/v1/requests/{found['id']}/history")
        types = [event["type"] for event in page["items"]]
        assert ("request.line_unanswered" in types) == told
        assert "request.agencies_asked" in types
    assert (await seen_by(cast.assisting, found))["status"] == "expired"
    assert (await offer(cast.assisting, found)).is_success, "late is better than never"
    refused = await offer(cast.neighbour, found)
    assert_problem(refused, 409, "wrong_status")
    assert refused.json()["detail"] == "As many as are needed are offered already."


async def test_an_offer_on_a_condition_counts_once_it_is_accepted(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 1), [cast.assisting], [cast.neighbour])
    assert (await offer(cast.assisting, found, condition="Back by midnight (demo).")).is_success
    found = await seen_by(cast.requesting, found)
    assert (statuses(found), found["lines"][0]["remaining_quantity"]) == (["open", "offered", "queued"], 1)
    assert found["lines"][1]["condition"] == "Back by midnight (demo)."
    owner = cast.assisting.coordinator
    assert_problem(await owner.post(path_of(found, "accept-offer", 1), accepted_by(found)), 403, "forbidden")
    service = cast.requesting.machine
    assert_problem(await service.post(path_of(found, "accept-offer", 1), accepted_by(found)), 403, "forbidden")
    line = (await service.done("GET", f"/v1/requests/{found['id']}"))["lines"][1]
    answers = {each["action"] for each in line["allowed_actions"]} & {"accept_offer", "refuse_offer"}
    assert answers == {"refuse_offer"}, "a service binds nobody to a condition"
    asker = cast.requesting.coordinator
    accepted = await asker.done("POST", path_of(found, "accept-offer", 1), accepted_by(found))
    assert (statuses(accepted), accepted["lines"][0]["remaining_quantity"]) == (["open", "permitted", "queued"], 0)
    assert_problem(await asker.post(path_of(found, "accept-offer", 1), accepted_by(found)), 409, "wrong_status")
    asset = (await seen_by(cast.assisting, found))["lines"][0]["asset_id"]
    await cast.assisting.admin.done("PATCH", f"/v1/assets/{asset}", {"name": "Another dog (demo)"}, if_match="*")
    path = f"/v1/requests/{found['id']}/accept-changed-assets"
    line = (await seen_by(cast.requesting, found))["lines"][1]
    await asker.done("POST", path, {"lines": [{"line_no": line["line_no"], "asset_version": line["asset_version"]}]})
    await reserve_all(cast.assisting, found)
    found = await seen_by(cast.requesting, found)
    assert found["status"] == "filled"
    # Decided anew for the changed asset, it is still lent on the condition that was accepted, and both sides read it.
    loan_id = found["lines"][1]["loan"]["id"]
    for side in (cast.assisting, cast.requesting):
        loan = await side.coordinator.done("GET", f"/v1/loans/{loan_id}")
        assert loan["offer_condition"] == "Back by midnight (demo)."
        listed = await side.coordinator.done("GET", f"/v1/loans?ids={loan_id}")
        assert [each["offer_condition"] for each in listed["items"]] == ["Back by midnight (demo)."]
        exported = (await side.coordinator.get("/v1/loans.csv")).text
        assert "offer_condition" in exported.splitlines()[0]
        assert "Back by midnight (demo)." in exported
        history = await side.auditor.done("GET", f"/v1/loans/{loan_id}/history")
        assert [each["data"]["offer_condition"] for each in history["items"]] == ["Back by midnight (demo)."]


async def test_who_is_to_answer_finds_it_among_what_waits(cast: Cast) -> None:
    async def waits(agency: Agency) -> bool:
        page = await agency.coordinator.done("GET", "/v1/requests?waiting_for_me=true")
        return found["id"] in {item["id"] for item in page["items"]}

    found = await source(cast, await needed(cast, 1), [cast.assisting], [cast.neighbour])
    assert [await waits(each) for each in (cast.assisting, cast.neighbour, cast.requesting)] == [True, False, False]
    assert (await offer(cast.assisting, found, condition="By noon (demo).")).is_success
    assert [await waits(each) for each in (cast.assisting, cast.neighbour, cast.requesting)] == [False, False, True]
    read = await seen_by(cast.requesting, found)
    await cast.requesting.coordinator.done("POST", path_of(read, "accept-offer", 1), accepted_by(read))
    assert [await waits(each) for each in (cast.assisting, cast.neighbour, cast.requesting)] == [True, False, False]


async def test_a_condition_falls_with_the_offer_that_its_agency_takes_back(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 1), [cast.assisting], [cast.neighbour])
    assert (await offer(cast.assisting, found, condition="Back by midnight (demo).")).is_success
    mine = (await seen_by(cast.assisting, found))["lines"][0]
    await cast.assisting.coordinator.done("POST", f"/v1/requests/{found['id']}/lines/{mine['id']}/decline", NO)
    found = await seen_by(cast.requesting, found)
    assert statuses(found) == ["open", "declined", "asked"]
    for line in (found["lines"][1], (await seen_by(cast.assisting, found))["lines"][0]):
        assert line["condition"] is None
        assert not {each["action"] for each in line["allowed_actions"]} & {"accept_offer", "refuse_offer"}


async def test_an_offer_that_is_refused_says_why_and_the_next_are_asked(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 1), [cast.assisting], [cast.neighbour])
    assert (await offer(cast.assisting, found, condition="Back by midnight (demo).")).is_success
    found = await seen_by(cast.requesting, found)
    refused = await cast.requesting.coordinator.done("POST", path_of(found, "refuse-offer", 1), WHY)
    assert statuses(refused) == ["open", "rejected", "asked"]
    mine = (await seen_by(cast.assisting, found))["lines"][0]
    assert (mine["ended"]["by_agency"], mine["ended"]["reason"]) == (cast.requesting.reference, WHY["reason"])
    assert_problem(await cast.requesting.coordinator.post(path_of(found, "refuse-offer", 1), WHY), 409)


async def test_a_need_is_never_filled_twice(cast: Cast) -> None:
    """All owners offer at once, with and without a condition, and who asks accepts meanwhile."""
    owners = [cast.assisting, cast.neighbour, cast.stranger]
    found = await needed(cast, 1)
    for _ in range(3):
        found = await source(cast, await asked_for(cast, 2), owners)
        dogs = [await make_asset(owner) for owner in owners]
        answers = await asyncio.gather(
            *(offer(owner, found, dog) for owner, dog in zip(owners, dogs, strict=True)),
        )
        assert sorted(each.status_code for each in answers) == [200, 200, 409]
        assert_problem(next(each for each in answers if each.status_code == 409), 409, "wrong_status")
        found = await seen_by(cast.requesting, found)
        assert (found["lines"][0]["remaining_quantity"], statuses(found).count("permitted")) == (0, 2)
    found = await source(cast, await asked_for(cast, 3), owners)
    kits = [await make_asset(owner, capacity=2) for owner in owners]
    for owner, kit in zip(owners[:2], kits, strict=False):
        assert (await offer(owner, found, kit, quantity=2, condition="By noon (demo).")).is_success
    found = await seen_by(cast.requesting, found)
    asker = cast.requesting.coordinator
    three = await asyncio.gather(
        asker.post(path_of(found, "accept-offer", 1), accepted_by(found)),
        asker.post(path_of(found, "accept-offer", 2), accepted_by(found, 2)),
        offer(owners[2], found, kits[2], quantity=2),
    )
    assert sorted(each.status_code for each in three) == [200, 409, 409]
    problem = assert_problem(next(each for each in three if each.status_code == 409), 409, "more_than_needed")
    assert problem["remaining_quantity"] == 1


async def test_a_loan_of_fewer_leaves_the_rest_open_to_be_sourced(cast: Cast) -> None:
    """So many of a certain asset are asked for, and its owner lends fewer: nobody reads it as filled."""
    for owner in (cast.assisting, cast.neighbour):
        await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    kits, asker = await make_asset(cast.assisting, capacity=40), cast.requesting.coordinator
    found = await submitted(cast.requesting, kits, lines=[line_for(kits, window=under_way(), quantity=40)])
    body = {"decision_id": found["lines"][0]["decision"]["id"], "quantity": 10}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", body)
    for side in (cast.requesting, cast.assisting):
        found = await seen_by(side, found)
        (line,) = found["lines"]
        assert (found["status"], line["status"], line["remaining_quantity"]) == (
            "partially_filled",
            "partially_filled",
            30,
        )
        assert (line["quantity"], line["loan"]["id"], line["loan"]["quantity"]) == (40, loan["id"], 10)
    listed = await asker.done("GET", "/v1/requests?status=partially_filled")
    assert [each["id"] for each in listed["items"]] == [found["id"]]
    assert (await asker.done("GET", "/v1/requests?status=filled"))["items"] == []

    found = await source(cast, found, [cast.neighbour])
    assert (statuses(found), found["status"]) == (["reserved", "open", "asked"], "partially_filled")
    assert [line["quantity"] for line in found["lines"]] == [10, 30, 30], "each of the 40 stands on one line"
    assert [line["remaining_quantity"] for line in found["lines"]] == [None, 30, 30]
    more = await make_asset(cast.neighbour, capacity=40)
    assert_problem(await offer(cast.neighbour, found, more, quantity=31), 409, "more_than_needed")
    assert (await offer(cast.neighbour, found, more, quantity=30)).is_success
    await reserve_all(cast.neighbour, found)
    found = await seen_by(cast.requesting, found)
    assert (statuses(found), found["status"]) == (["reserved", "filled", "reserved"], "filled")

    mine = await cast.assisting.auditor.done("GET", f"/v1/requests/{found['id']}/history")
    told = [event for event in mine["items"] if event["type"] == "request.line_reduced"]
    assert [event["data"]["lines"][0]["quantity"] for event in told] == [{"from": 40, "to": 10}]
    assert str(cast.neighbour.id) not in str(mine)
    await asker.done("POST", f"/v1/loans/{loan['id']}/cancel", WHY)
    found = await seen_by(cast.requesting, found)
    assert (statuses(found)[0], found["lines"][0]["ended"]["reason"]) == (
        "withdrawn",
        "The rest is needed of whichever agency, in line 2.",
    )
    answer = await cast.assisting.coordinator.post("/v1/loans", body)
    assert_problem(answer, 409, "decision_withdrawn")


async def test_the_rest_of_what_is_lent_in_part_is_withdrawn_or_stays_with_its_time(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, effective_on="2020-01-01")
    kits, asker = await make_asset(cast.assisting, capacity=40), cast.requesting.coordinator
    lines = [line_for(kits, window=under_way(), quantity=4), line_for(kits, window=under_way(), quantity=3)]
    found = await submitted(cast.requesting, kits, lines=lines)
    for line in found["lines"]:
        body = {"decision_id": line["decision"]["id"], "quantity": 2}
        loan = await cast.assisting.coordinator.done("POST", "/v1/loans", body)
    found = await seen_by(cast.requesting, found)
    actions = {each["action"]: each["allowed"] for each in found["lines"][0]["allowed_actions"]}
    assert {name for name, allowed in actions.items() if allowed} == {"withdraw", "source"}
    found = await asker.done("POST", path_of(found, "withdraw"), WHY)
    shown = [(line["status"], line["quantity"], line["remaining_quantity"]) for line in found["lines"]]
    assert shown == [("reserved", 2, None), ("partially_filled", 3, 1)]
    assert found["status"] == "partially_filled", "the other line still lacks one"
    assert_problem(await asker.post(path_of(found, "source"), {"tiers": [[str(cast.neighbour.id)]]}), 409)
    for verb in ("dispatch", "return", "close"):
        loan = await step(cast.assisting, loan, verb)
    found = await seen_by(cast.requesting, found)
    assert (statuses(found), found["status"]) == (["reserved", "partially_filled"], "partially_filled")
    read = cast.requesting.service.database.read()
    person = acting_for(cast.requesting, Role.COORDINATOR).principal
    later_on = await get_request(read, person, UUID(found["id"]), utc_now() + timedelta(days=2))
    source_then = next(each for each in later_on.lines[1].allowed_actions if each.action == "source")
    assert source_then.reason == "The time requested in line 2 is over: ask for another time."


async def test_only_what_is_needed_free_and_permitted_is_offered(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 2, attributes={"seats_from": "4"}), [cast.assisting])
    owner = cast.assisting
    good = {"attributes": {"seats": 5}, "capacity": 3}
    lent = await make_asset(owner, attributes={"seats": 5})
    body = {
        "kind": "maintenance",
        "window": {"start": found["lines"][0]["window"]["start"]},
        "reason": "yearly (demo)",
    }
    await owner.coordinator.done("POST", f"/v1/assets/{lent['id']}/unavailability", body)
    private = await make_asset(owner, sharing="private", **good)
    cases: list[tuple[Found, Found, int, str]] = [
        (await make_asset(owner, category="k9.explosives", **good), {}, 422, "need_not_met"),
        (await make_asset(owner, **{**good, "type_level": 3}), {}, 422, "need_not_met"),
        (await make_asset(owner, attributes={"seats": 3}), {}, 422, "need_not_met"),
        (await make_asset(owner), {}, 422, "need_not_met"),
        (await make_asset(cast.neighbour, **{**good, "sharing": "network"}), {}, 422, "not_own_asset"),
        ({"id": str(uuid4())}, {}, 422, "unknown_asset"),
        (await make_asset(owner, **good), {"quantity": 4}, 422, "quantity_over_capacity"),
        (await make_asset(owner, **good), {"quantity": 3}, 409, "more_than_needed"),
        (lent, {}, 409, "asset_not_free"),
        (private, {}, 409, "decision_not_satisfied"),
        (private, {"condition": "By noon (demo)."}, 409, "decision_not_satisfied"),
    ]
    for asset, fields, status, code in cases:
        assert_problem(await offer(owner, found, asset, **fields), status, code)
    assert (await offer(owner, found, await make_asset(owner, **good), quantity=2)).is_success


async def test_an_offer_waits_for_approval_as_an_asset_does(cast: Cast) -> None:
    owner = cast.assisting
    await sign_agreement(owner.service, owner, cast.requesting, terms={"approval_required": True})
    found = await source(cast, await asked_for(cast, 1), [owner])
    assert (await offer(owner, found)).is_success
    mine = await seen_by(owner, found)
    assert (mine["status"], statuses(mine)) == ("needs_approval", ["needs_approval"])
    found = await seen_by(cast.requesting, found)
    assert (found["status"], found["lines"][0]["remaining_quantity"]) == ("needs_approval", 0)
    await act(owner.approver, found, "reject")
    found = await seen_by(cast.requesting, found)
    assert (found["status"], found["lines"][0]["remaining_quantity"]) == ("open", 1)


async def test_agencies_that_are_asked_learn_nothing_of_one_another(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 2), [cast.assisting, cast.neighbour])
    assert (await offer(cast.assisting, found)).is_success
    path = f"/v1/requests/{found['id']}"
    for reader in (cast.neighbour.coordinator, cast.neighbour.auditor):
        for text in ((await reader.get(path)).text, (await reader.get("/v1/requests")).text):
            assert str(cast.assisting.id) not in text
            assert cast.assisting.name not in text
    history = (await cast.neighbour.auditor.get(f"{path}/history")).text
    assert str(cast.assisting.id) not in history
    assert len((await seen_by(cast.neighbour, found))["lines"]) == 1


async def test_what_ends_a_need_ends_what_is_asked_for_it(cast: Cast) -> None:
    asker = cast.requesting.coordinator
    await needed(cast, 1)
    ends: dict[str, Any] = {}
    for end in ("line", "request", "revised", "edited"):
        found = await source(cast, await asked_for(cast, 3), [cast.assisting, cast.neighbour], [cast.stranger])
        assert (await offer(cast.assisting, found)).is_success
        path = f"/v1/requests/{found['id']}"
        if end == "line":
            ends[end] = await asker.done("POST", path_of(found, "withdraw"), WHY)
        elif end == "request":
            ends[end] = await act(asker, found, "withdraw")
        elif end == "revised":
            ends[end] = await asker.done("PATCH", path, {"priority": "urgent"}, if_match="*")
        else:
            line = f"{path}/lines/{found['lines'][0]['id']}"
            ends[end] = await asker.done("PATCH", line, {"quantity": 2}, if_match="*")
        mine = await seen_by(cast.assisting, found)
        assert statuses(mine) == ["withdrawn"], end
        assert_problem(
            await cast.assisting.coordinator.post("/v1/loans", {"decision_id": mine["lines"][0]["decision"]["id"]}), 409
        )
        assert statuses(ends[end]) == await later(cast, found), "nobody is asked for it any more"
    gone = ["withdrawn"] * 3
    assert statuses(ends["line"]) == statuses(ends["request"]) == ["withdrawn", *gone]
    assert (ends["line"]["status"], ends["revised"]["status"]) == ("withdrawn", "submitted")
    assert statuses(ends["revised"]) == ["draft", *gone]
    assert statuses(ends["edited"]) == ["withdrawn", *gone, "draft"]
    again = await act(asker, ends["revised"], "submit", {})
    assert (again["status"], statuses(again)[0]) == ("open", "open")


async def test_a_need_whose_time_is_over_expires_with_what_is_asked_for_it(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 1, window=under_way(hours=2)), [cast.assisting], [cast.neighbour])
    service = cast.requesting.service
    work, after = partial(unit_of_work, service.database), utc_now() + timedelta(hours=3)
    assert await expire_all_due(service.database.read(), work, after) >= 1
    found = await seen_by(cast.requesting, found)
    assert (found["status"], statuses(found)) == ("expired", ["expired"] * 3)
    assert await later(cast, found, 180) == ["expired"] * 3


async def test_who_may_source_and_offer(cast: Cast) -> None:
    found = await needed(cast, 1)
    path, ids = path_of(found, "source"), [[str(cast.assisting.id)]]
    body = {"tiers": ids}
    asker = cast.requesting.coordinator
    assert_problem(await cast.requesting.service.anonymous.post(path, body), 401)
    assert_problem(await cast.stranger.coordinator.post(path, body), 404)
    assert_problem(await cast.requesting.auditor.post(path, body), 403)
    malformed: list[Found] = [{}, {"tiers": []}, {"tiers": [[]]}, {**body, "more": 1}]
    for bad in (*malformed, {**body, "answer_within_minutes": 0}):
        assert_problem(await asker.post(path, bad), 400)
    for tiers, code in (
        ([[str(cast.requesting.id)]], "own_agency"),
        ([[str(uuid4())]], "unknown_agency"),
        ([[str(OPERATOR_AGENCY_ID)]], "agency_not_asked"),
        ([*ids, *ids], "already_asked"),
    ):
        assert_problem(await asker.post(path, {"tiers": tiers}), 422, code)
    assert_problem(await asker.post(path, body, if_match='"99-00000000"'), 412)
    first = await asker.post(path, body, key=f"source-{found['id']}")
    assert (await asker.post(path, body, key=f"source-{found['id']}")).content == first.content
    assert_problem(await asker.post(path, body), 422, "already_asked")
    found = await seen_by(cast.requesting, found)
    offering, asset = path_of(found, "offer", 1), await make_asset(cast.assisting)
    given = {"asset_id": asset["id"]}
    owner = cast.assisting.coordinator
    assert_problem(await cast.requesting.service.anonymous.post(offering, given), 401)
    assert_problem(await cast.stranger.coordinator.post(offering, given), 404)
    assert_problem(await asker.post(offering, given), 403)
    assert_problem(await cast.assisting.auditor.post(offering, given), 403)
    assert_problem(await owner.post(offering, {}), 400)
    assert_problem(await owner.post(offering, given, if_match='"99-00000000"'), 412)
    made = await owner.post(offering, given, key=f"offer-{found['id']}")
    assert (await owner.post(offering, given, key=f"offer-{found['id']}")).content == made.content
    assert_problem(await owner.post(offering, given), 409, "wrong_status")
    assert_problem(await asker.post(path_of(found, "source", 1), body), 409, "wrong_status")


async def test_a_line_asks_for_an_asset_or_for_a_need(cast: Cast) -> None:
    asset = await make_asset(cast.assisting, sharing="network")
    span = window_of()
    window = {"start": f"{span.start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{span.end:%Y-%m-%dT%H:%M:%SZ}"}
    need = {"kind": "category", "category": "k9"}
    asker: Caller = cast.requesting.coordinator
    for line, status, code in (
        ({}, 422, "asset_or_need"),
        ({"asset_id": asset["id"], "need": need}, 422, "asset_or_need"),
        ({"need": {**need, "category": "unicorn"}}, 422, "unknown_category"),
        ({"need": {"kind": "wish", "category": "k9"}}, 400, None),
        ({"need": {**need, "type_at_least": 9}}, 400, None),
    ):
        body = {"purpose": "mutual_aid", "summary": "x", "lines": [{**line, "window": window}]}
        answer = await asker.post("/v1/requests", body)
        assert_problem(answer, status, code) if code else assert_problem(answer, status)


async def test_one_asset_serves_needs_of_one_request_that_lie_apart_and_no_two_at_one_time(cast: Cast) -> None:
    owner = cast.assisting
    await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    first, apart = window_of(hours=20), window_of(start_in_hours=300, hours=20)
    across = Window(start=apart.end - timedelta(hours=1), end=apart.end + timedelta(hours=2))
    lines = [need_line(window=each) for each in (first, apart, across)]
    found = await submitted(cast.requesting, {}, lines=lines)
    for number in range(3):
        body = {"tiers": [[str(owner.id)]]}
        await cast.requesting.coordinator.done("POST", path_of(found, "source", number), body)
    dog = await make_asset(owner)
    asked = await seen_by(owner, found)
    bring = {"asset_id": dog["id"]}
    assert (await owner.coordinator.post(path_of(asked, "offer", 0), bring)).is_success
    assert (await owner.coordinator.post(path_of(asked, "offer", 1), bring)).is_success, "long after the first"
    refused = await owner.coordinator.post(path_of(asked, "offer", 2), bring)
    problem = assert_problem(refused, 409, "asset_not_free")
    said = "Of this asset 0 are free then. Another line asks for it at the same time."
    assert problem["detail"] == said
    assert problem["blocking"] == {"start": stamp(apart.start), "end": stamp(apart.end)}, "not the time asked for"


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_the_operator_and_who_has_not_joined_are_not_asked_and_told_by_name(cast: Cast) -> None:
    found = await asked_for(cast)
    service = cast.requesting.service
    body = {"reason": "a review of its access (demo)"}
    await service.operator.done("POST", f"/v1/agencies/{cast.stranger.id}/suspend", body)
    operator = (await cast.requesting.coordinator.done("GET", f"/v1/agencies/{OPERATOR_AGENCY_ID}"))["name"]
    for number, (agency_id, why) in enumerate(
        (
            (OPERATOR_AGENCY_ID, f"{operator} operates the registry: it lends nothing, and is not asked."),
            (cast.stranger.id, f"{cast.stranger.name} is suspended: nobody there can answer."),
        )
    ):
        tiers = {"tiers": [[str(cast.assisting.id)], [str(agency_id)]]}
        refused = await cast.requesting.coordinator.post(path_of(found, "source"), tiers)
        problem = assert_problem(refused, 422, "agency_not_asked")
        assert (problem["detail"], problem["errors"][0]["pointer"]) == (why, "/tiers/1/0"), number
    assert statuses(await seen_by(cast.requesting, found)) == ["open"], "nobody is asked, the others neither"
