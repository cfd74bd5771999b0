"""People who can do something are needed: who is offered can do it on both days, is named, and goes with the loan."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from registry.platform.database.connect import unit_of_work
from registry.resources.personnel.tables import capability_published
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import ZONE, Agency, Cast
from tests.support.loans import CONDITION, read_extension
from tests.support.personnel import enter_person, speaks
from tests.support.policy import window_of
from tests.support.problems import assert_problem
from tests.support.requests import accepted_by, need_line, submitted

Found = dict[str, Any]
HMONG = {"kind": "capability", "capability": "language.hmn", "level_at_least": "2", "tested": True}


def people_line(quantity: int = 2, **need: Any) -> Found:
    return {**need_line(quantity=quantity, window=window_of(hours=30)), "need": {**HMONG, **need}}


async def needed(cast: Cast, *owners: Agency, quantity: int = 2, **need: Any) -> Found:
    """A submitted request for tested interpreters, for which these agencies were asked at once."""
    made = await submitted(cast.requesting, {}, lines=[people_line(quantity, **need)])
    path = f"/v1/requests/{made['id']}/lines/{made['lines'][0]['id']}/source"
    tiers = {"tiers": [[str(each.id) for each in owners]]}
    asked: Found = await cast.requesting.coordinator.done("POST", path, tiers)
    return asked


async def pool_of(owner: Agency, **fields: Any) -> Found:
    """What the interpreters of the agency are lent as."""
    return await make_asset(
        owner, category="personnel.interpreter", type_level=None, certifications=[], capacity=5, **fields
    )


async def offer(owner: Agency, found: Found, pool: Found, people: list[str], **fields: Any) -> Any:
    line = next(
        each for each in found["lines"] if each["assisting_agency"] == {"id": str(owner.id), "name": owner.name}
    )
    path = f"/v1/requests/{found['id']}/lines/{line['id']}/offer"
    body = {"asset_id": pool["id"], "quantity": max(len(people), 1), "personnel_ids": people, **fields}
    return await owner.coordinator.post(path, body)


async def test_people_are_offered_by_name_and_go_with_the_loan(cast: Cast) -> None:
    owner, asker = cast.assisting, cast.requesting
    await sign_agreement(owner.service, owner, asker, effective_on="2020-01-01")
    pool, found = await pool_of(owner), await needed(cast, owner)
    assert found["lines"][0]["category"] == "personnel"
    window = found["lines"][0]["window"]
    people = [(await enter_person(owner, speaks(code, "2+")))["id"] for code in ("hmn", "hmn.mww")]
    offered = (await offer(owner, found, pool, people)).json()
    assert (offered["status"], offered["lines"][0]["personnel_ids"]) == ("permitted", people)
    seen = await asker.coordinator.done("GET", f"/v1/requests/{found['id']}")
    assert (seen["lines"][0]["remaining_quantity"], [line["personnel_ids"] for line in seen["lines"]]) == (0, [[], []])
    assert people[0] not in (await asker.auditor.get(f"/v1/requests/{found['id']}/history")).text

    reserve = {"decision_id": offered["lines"][0]["decision"]["id"]}
    assert_problem(await owner.coordinator.post("/v1/loans", {**reserve, "quantity": 1}), 422, "people_not_named")
    loan = await owner.coordinator.done("POST", "/v1/loans", reserve)
    assert (loan["quantity"], loan["personnel_ids"]) == (2, people)
    path, mine = f"/v1/loans/{loan['id']}", f"/v1/personnel/{people[0]}"
    assert (await asker.coordinator.done("GET", path))["personnel_ids"] == people
    name = await asker.coordinator.done("GET", f"{mine}/name")
    assert name["display_name"].startswith("Officer")
    busy = f"{mine}/availability?from={window['start']}&to={window['end']}"
    assert (await owner.coordinator.done("GET", busy))["because"] == ["committed"]
    assert_problem(await offer(owner, await needed(cast, owner), pool, people), 409, "personnel_not_free")

    await owner.coordinator.done("POST", f"{path}/cancel", {"reason": "they are needed here (demo)"})
    assert (await owner.coordinator.done("GET", busy))["because"] == []
    assert_problem(await asker.coordinator.get(f"{mine}/name"), 404)


async def test_people_are_out_and_kept_as_long_as_the_loan(cast: Cast) -> None:
    owner, asker = cast.assisting, cast.requesting
    await sign_agreement(owner.service, owner, asker, effective_on="2020-01-01")
    pool = await pool_of(owner)
    person = (await enter_person(owner, speaks("hmn", "3")))["id"]
    found = await needed(cast, owner, quantity=1)
    window = found["lines"][0]["window"]
    offered = (await offer(owner, found, pool, [person], condition="Back by noon (demo).")).json()
    assert (offered["lines"][0]["status"], offered["lines"][0]["personnel_ids"]) == ("offered", [person])
    path = f"/v1/requests/{found['id']}/lines/{offered['lines'][0]['id']}/accept-offer"
    accepted = await asker.coordinator.done("POST", path, accepted_by(offered, 0))
    decided = accepted["lines"][1]["decision"]["id"]
    loan = await owner.coordinator.done("POST", "/v1/loans", {"decision_id": decided})
    path = f"/v1/loans/{loan['id']}"
    await owner.coordinator.done("POST", f"{path}/dispatch", CONDITION)
    later = window_of(start_in_hours=300)
    await asker.coordinator.done(
        "POST",
        f"{path}/request-extension",
        {"planned_end_at": f"{later.start:%Y-%m-%dT%H:%M:%SZ}", "reason": "it lasts (demo)"},
    )
    await owner.coordinator.done("POST", f"{path}/accept-extension", await read_extension(owner, loan["id"]))
    after = f"from={window['end']}&to={later.start:%Y-%m-%dT%H:%M:%SZ}"
    busy = f"/v1/personnel/{person}/availability?{after}"
    assert (await owner.coordinator.done("GET", busy))["because"] == ["committed"]
    await owner.coordinator.done("POST", f"{path}/return", CONDITION)
    assert (await owner.coordinator.done("GET", busy))["because"] == []


async def test_only_people_who_can_do_it_on_both_days_and_can_be_sent_are_offered(cast: Cast) -> None:
    owner = cast.assisting
    await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    pool, found = await pool_of(owner), await needed(cast, owner)
    window = window_of(hours=30)
    last = window.start.astimezone(ZoneInfo(ZONE)).date()  # the day of the start where the agency is
    first = last - timedelta(days=2)
    good = (await enter_person(owner, speaks("hmn", "2")))["id"]
    proof = {"title": "Interpreter", "capability": "language.hmn", "issuer": "Board (demo)"}
    ends_between = await enter_person(
        owner, speaks("hmn", "3"), credentials=[{**proof, "effective_on": str(first), "expires_on": str(last)}]
    )
    absent = await enter_person(
        owner,
        speaks("hmn", "3"),
        absences=[{"start": f"{window.start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{window.end:%Y-%m-%dT%H:%M:%SZ}"}],
    )
    of_other = await enter_person(cast.neighbour, speaks("hmn", "3"))
    cases: list[tuple[list[str], Found, int, str]] = [
        ([], {}, 422, "people_not_named"),
        ([good], {"quantity": 2}, 422, "people_not_named"),
        ([good, good], {}, 422, "people_not_named"),
        ([good, of_other["id"]], {}, 422, "unknown_personnel_record"),
        ([(await enter_person(owner, speaks("hmn", "1+")))["id"]], {}, 422, "capability_not_held"),
        ([(await enter_person(owner, speaks("hmn", said="5")))["id"]], {}, 422, "capability_not_held"),
        ([(await enter_person(owner, speaks("som", "5")))["id"]], {}, 422, "capability_not_held"),
        ([ends_between["id"]], {}, 422, "capability_not_held"),
        ([absent["id"]], {}, 409, "personnel_not_free"),
        ([good], {"asset_id": (await make_asset(owner))["id"]}, 422, "need_not_met"),
    ]
    for people, fields, status, code in cases:
        assert_problem(await offer(owner, found, pool, people, **fields), status, code)
    dogs = await submitted(cast.requesting, {}, lines=[need_line()])
    path = f"/v1/requests/{dogs['id']}/lines/{dogs['lines'][0]['id']}/source"
    dogs = await cast.requesting.coordinator.done("POST", path, {"tiers": [[str(owner.id)]]})
    assert_problem(await offer(owner, dogs, await make_asset(owner), [good]), 422, "people_not_named")
    for need, code in (
        ({"capability": "language.unicorn"}, "unknown_capability"),
        ({"level_at_least": "expert"}, "level_not_on_scale"),
        ({"category": "k9"}, "unknown_category"),
    ):
        body = {"purpose": "mutual_aid", "summary": "x", "lines": [people_line(2, **need)]}
        assert_problem(await cast.requesting.coordinator.post("/v1/requests", body), 422, code)


async def test_nobody_is_lent_twice_by_two_loans_at_once(cast: Cast) -> None:
    owner = cast.assisting
    await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    pool, people = await pool_of(owner), [(await enter_person(owner, speaks("hmn", "3")))["id"] for _ in range(3)]
    decisions = []
    for pair in (people[:2], people[1:], [people[2], people[0]]):
        offered = (await offer(owner, await needed(cast, owner), pool, pair)).json()
        decisions.append(offered["lines"][0]["decision"]["id"])
    answers = await asyncio.gather(
        *(owner.coordinator.post("/v1/loans", {"decision_id": decision}) for decision in decisions)
    )
    assert sorted(each.status_code for each in answers) == [201, 409, 409]
    for refused in (each for each in answers if each.status_code == 409):
        assert_problem(refused, 409, "personnel_not_free")


async def test_who_was_offered_and_lost_the_capability_is_not_lent(cast: Cast) -> None:
    owner = cast.assisting
    await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    pool, person = await pool_of(owner), await enter_person(owner, speaks("hmn", "3"))
    offered = (await offer(owner, await needed(cast, owner, quantity=1), pool, [person["id"]])).json()
    await owner.coordinator.done("PATCH", f"/v1/personnel/{person['id']}", {"capabilities": []}, if_match="*")
    answer = await owner.coordinator.post("/v1/loans", {"decision_id": offered["lines"][0]["decision"]["id"]})
    assert_problem(answer, 409, "personnel_not_free")


async def test_who_publishes_enough_people_comes_first(cast: Cast) -> None:
    for owner, band in ((cast.assisting, None), (cast.neighbour, 6)):
        await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
        await pool_of(owner)
        rules = {"sharing": "agreement", "threshold": 3}
        await owner.admin.done("PATCH", "/v1/capability-disclosure", rules, if_match="*")
        if band is not None:
            async with unit_of_work(owner.service.database) as write:
                values = {"agency_id": UUID(str(owner.id)), "capability": "language.hmn", "level": 4, "tested": True}
                await write.run(capability_published.insert(), {**values, "band": band, "blocks": 0})
    made = await submitted(cast.requesting, {}, lines=[people_line()])
    path = f"/v1/requests/{made['id']}/lines/{made['lines'][0]['id']}/candidates"
    found = (await cast.requesting.coordinator.done("GET", path))["items"]
    assert [item["agency"]["id"] for item in found] == [str(cast.neighbour.id), str(cast.assisting.id)]
    assert [item["published_count"] for item in found] == [6, None]
    assert found[1]["ranked_by"] == "people"
    assert [[each["kind"] for each in item["hindrances"]] for item in found] == [[], ["people"]]


async def lent_person(cast: Cast, *, start_in_hours: int) -> tuple[Found, Found]:
    """An interpreter, and the loan by which that person is to go so many hours from now."""
    owner = cast.assisting
    await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    pool, person = await pool_of(owner), await enter_person(owner, speaks("hmn", "3"))
    line = {**people_line(1), "window": msgspec.to_builtins(window_of(start_in_hours=start_in_hours, hours=30))}
    made = await submitted(cast.requesting, {}, lines=[line])
    path = f"/v1/requests/{made['id']}/lines/{made['lines'][0]['id']}/source"
    asked = await cast.requesting.coordinator.done("POST", path, {"tiers": [[str(owner.id)]]})
    offered = (await offer(owner, asked, pool, [person["id"]])).json()
    body = {"decision_id": offered["lines"][0]["decision"]["id"]}
    return person, await owner.coordinator.done("POST", "/v1/loans", body)


@pytest.mark.parametrize("start_in_hours", [1, 20])
async def test_who_is_not_active_any_more_does_not_leave_and_the_refusal_says_who(
    cast: Cast, start_in_hours: int
) -> None:
    person, loan = await lent_person(cast, start_in_hours=start_in_hours)
    owner, path = cast.assisting, f"/v1/loans/{loan['id']}"
    why = {"reason": "as told on the telephone (demo)"}
    await owner.admin.done("POST", f"/v1/personnel/{person['id']}/place-on-leave", why)
    refused = assert_problem(await owner.coordinator.post(f"{path}/dispatch", CONDITION), 409, "personnel_not_active")
    assert f"(personnel record {person['id']}) is not active any more" in refused["detail"]
    seen = await owner.coordinator.done("GET", path)
    (dispatch,) = [each for each in seen["allowed_actions"] if each["action"] == "dispatch"]
    if start_in_hours > 2:
        assert dispatch == {"action": "dispatch", "allowed": False, "reason": refused["detail"]}
    await owner.admin.done("POST", f"/v1/personnel/{person['id']}/return-to-duty", why)
    assert (await owner.coordinator.post(f"{path}/dispatch", CONDITION)).status_code == 200


async def test_people_who_were_offered_together_leave_together(cast: Cast) -> None:
    owner = cast.assisting
    await sign_agreement(owner.service, owner, cast.requesting, effective_on="2020-01-01")
    people = [(await enter_person(owner, speaks("hmn", "3")))["id"] for _ in range(2)]
    offered = (await offer(owner, await needed(cast, owner), await pool_of(owner), people)).json()
    body = {"decision_id": offered["lines"][0]["decision"]["id"]}
    loan = await owner.coordinator.done("POST", "/v1/loans", body)
    for verb in ("dispatch", "return"):
        path = f"/v1/loans/{loan['id']}/{verb}"
        assert_problem(await owner.coordinator.post(path, {**CONDITION, "quantity": 1}), 422, "people_not_named")
        await owner.coordinator.done("POST", path, CONDITION)
