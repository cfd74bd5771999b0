"""Reserving over HTTP: who may, on what decision, of what is free; and that one asset is never promised twice."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import httpx

from registry.platform.access.principals import Role
from registry.platform.kernel.time import Window, utc_now
from tests.support.assets import make_asset
from tests.support.consent import end_agreement
from tests.support.loans import REASON, Partners, make_loan, make_overdue_loan, see, step, under_way
from tests.support.policy import answer_decision, make_decision, window_of
from tests.support.problems import assert_problem


async def test_a_reservation_keeps_the_asset_the_agreement_version_and_the_decision(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, hourly_rate={"amount": "45.00", "currency": "USD"})
    decision = await make_decision(partners.requesting, asset)
    answer = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    loan = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/loans/{loan['id']}"
    assert loan["status"] == "reserved"
    assert loan["asset"]["tag"] == asset["tag"]
    assert loan["asset"]["hourly_rate"] == {"amount": "45.00", "currency": "USD"}
    made = await partners.assisting.coordinator.done("GET", f"/v1/decisions/{loan['decision_id']}")
    assert loan["agreement"]["id"] == str(decision.agreement_id)
    assert loan["agreement"] == made["agreement"]
    assert (loan["agreement"]["number"], loan["agreement"]["version_no"]) == (partners.agreement["number"], 1)
    assert loan["root_decision_id"] == str(decision.id)
    assert loan["decision_id"] != loan["root_decision_id"], "it was decided again"
    assert loan["requesting_agency"] == {"id": str(partners.requesting.id), "name": partners.requesting.name}
    theirs = await see(partners.requesting, loan["id"])
    for shown in (theirs, loan, *theirs["obligations"], *loan["obligations"]):
        shown["allowed_actions"] = []
    assert theirs == loan, "both sides see the same"


async def test_a_later_edit_of_the_asset_does_not_reach_the_loan(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset)
    path = f"/v1/assets/{asset['id']}"
    etag = (await partners.assisting.admin.get(path)).headers["etag"]
    await partners.assisting.admin.done("PATCH", path, {"name": "Renamed"}, if_match=etag)
    assert (await see(partners.requesting, loan["id"]))["asset"]["name"] == asset["name"]


async def test_reserving_needs_a_token(partners: Partners) -> None:
    body = {"decision_id": str(uuid4())}
    assert_problem(await partners.assisting.service.anonymous.post("/v1/loans", body), 401, "unauthenticated")


async def test_a_decision_of_others_is_as_unknown_as_one_that_does_not_exist(partners: Partners) -> None:
    decision = await make_decision(partners.requesting, await make_asset(partners.assisting))
    answers = [
        await partners.stranger.coordinator.post("/v1/loans", {"decision_id": each})
        for each in (str(decision.id), str(uuid4()))
    ]
    problems = [assert_problem(answer, 422, "unknown_decision") for answer in answers]
    assert (
        problems[0]["errors"]
        == problems[1]["errors"]
        == [{"pointer": "/decision_id", "code": "unknown_decision", "detail": "no such decision"}]
    )
    assert problems[0]["detail"] == problems[1]["detail"] == "There is no such decision, or it is not visible to you."


async def test_only_the_assisting_agency_takes_its_asset_out_of_its_hands(partners: Partners) -> None:
    decision = await make_decision(partners.requesting, await make_asset(partners.assisting))
    body = {"decision_id": str(decision.id)}
    assert_problem(await partners.requesting.coordinator.post("/v1/loans", body), 403, "forbidden")
    assert_problem(await partners.assisting.auditor.post("/v1/loans", body), 403, "forbidden")
    assert_problem(await partners.assisting.service.operator.post("/v1/loans", body), 403, "forbidden")
    narrow = partners.assisting.as_(Role.COORDINATOR, scope="loans:read")
    assert_problem(await narrow.post("/v1/loans", body), 403, "forbidden")
    assert (await partners.assisting.machine.post("/v1/loans", body)).status_code == 201


async def test_a_malformed_reservation_names_the_place(partners: Partners) -> None:
    coordinator = partners.assisting.coordinator
    problem = assert_problem(await coordinator.post("/v1/loans", {"decision_id": "x"}), 400)
    assert problem["errors"][0]["pointer"] == "/decision_id"
    body = {"decision_id": str(uuid4()), "quantity": 0}
    assert_problem(await coordinator.post("/v1/loans", body), 400, "invalid_body")
    body = {"decision_id": str(uuid4()), "loan_id": "x"}
    assert_problem(await coordinator.post("/v1/loans", body), 400, "unknown_field")


async def test_a_repeated_reservation_has_one_effect_and_one_answer(partners: Partners) -> None:
    decision = await make_decision(partners.requesting, await make_asset(partners.assisting))
    body, key = {"decision_id": str(decision.id)}, f"reserve-{uuid4()}"
    first = await partners.assisting.coordinator.post("/v1/loans", body, key=key)
    again = await partners.assisting.coordinator.post("/v1/loans", body, key=key)
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"


async def test_one_decision_makes_one_loan_until_that_is_cancelled(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, capacity=40)
    decision = await make_decision(partners.requesting, asset, window=under_way())
    body = {"decision_id": str(decision.id)}
    loan = await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    taken = await partners.assisting.coordinator.post("/v1/loans", body)
    assert_problem(taken, 409, "already_reserved")
    same_ask = {"decision_id": loan["decision_id"]}
    assert_problem(await partners.assisting.coordinator.post("/v1/loans", same_ask), 409, "already_reserved")
    await step(partners.requesting, loan, "cancel")
    second = await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    for verb in ("dispatch", "return", "close"):
        await step(partners.assisting, second, verb)
    assert_problem(await partners.assisting.coordinator.post("/v1/loans", body), 409, "already_reserved")


async def test_a_denied_decision_reserves_nothing(partners: Partners) -> None:
    theirs = await make_asset(partners.stranger)
    decision = await make_decision(partners.requesting, theirs)
    assert decision.outcome == "denied"
    refused = await partners.stranger.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    problem = assert_problem(refused, 409, "decision_not_satisfied")
    assert problem["outcome"] == "denied"


async def test_a_decision_that_needs_approval_reserves_only_once_approved(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, funding=["leso_1033"])
    decision = await make_decision(partners.requesting, asset)
    assert decision.outcome == "needs_approval"
    body = {"decision_id": str(decision.id)}
    problem = assert_problem(await partners.assisting.coordinator.post("/v1/loans", body), 409)
    assert problem["code"] == "decision_not_satisfied"
    assert problem["approvals_missing"]
    for missing in problem["approvals_missing"]:
        named = f"{missing['role'].replace('_', ' ')} of the {missing['side']} agency. {missing['reason']}"
        assert named in problem["detail"], "what is missing, and by whom"
    told = [each["reason"] for each in problem["reasons"] if each["effect"] in ("permit", "unstated")]
    assert told, "what permits it is not missing"
    assert not any(each in problem["detail"] for each in told)
    for agency in (partners.assisting, partners.requesting):
        if any(need.agency_id == agency.id for need in decision.decision.approvals):
            await answer_decision(agency, decision.id)
    assert (await partners.assisting.coordinator.post("/v1/loans", body)).status_code == 201


async def test_what_was_permitted_and_is_no_longer_is_not_reserved(partners: Partners) -> None:
    decision = await make_decision(partners.requesting, await make_asset(partners.assisting))
    await _suspend(partners)
    refused = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    problem = assert_problem(refused, 409, "decision_worsened")
    assert problem["outcome"] == "denied"


async def test_fewer_units_may_be_committed_than_were_asked_for_but_not_more(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, capacity=40)
    decision = await make_decision(partners.requesting, asset, quantity=10)
    body = {"decision_id": str(decision.id), "quantity": 11}
    problem = assert_problem(await partners.assisting.coordinator.post("/v1/loans", body), 422)
    assert problem["errors"][0]["pointer"] == "/quantity"
    loan = await partners.assisting.coordinator.done("POST", "/v1/loans", {**body, "quantity": 4})
    assert loan["quantity"] == 4


async def test_what_is_over_is_not_reserved(partners: Partners) -> None:
    long_ago = utc_now().replace(microsecond=0) - timedelta(hours=30)
    window = Window(start=long_ago, end=long_ago + timedelta(hours=8))
    asset = await make_asset(partners.assisting)
    decision = await make_decision(partners.requesting, asset, window=window, now=long_ago)
    refused = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    assert_problem(refused, 422, "window_over")


async def test_a_committed_asset_is_refused_with_the_blocking_window(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting), window_of()
    await make_loan(partners, asset=asset, window=window)
    overlapping = Window(start=window.end - timedelta(minutes=1), end=window.end + timedelta(hours=1))
    decision = await make_decision(partners.requesting, asset, window=overlapping)
    refused = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    blocking = assert_problem(refused, 409, "asset_not_free")["blocking"]
    assert blocking["end"] == window.end.isoformat().replace("+00:00", ".000000Z")
    back_to_back = Window(start=window.end, end=window.end + timedelta(hours=1))
    assert (await make_loan(partners, asset=asset, window=back_to_back))["status"] == "reserved"


async def test_an_overdue_loan_holds_its_asset_without_end(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    late = await make_overdue_loan(partners, asset)
    assert late["overdue"] is True
    decision = await make_decision(partners.requesting, asset, window=window_of(start_in_hours=1000))
    body = {"decision_id": str(decision.id)}
    assert_problem(await partners.assisting.coordinator.post("/v1/loans", body), 409, "asset_not_free")
    await step(partners.assisting, late, "return")
    assert (await partners.assisting.coordinator.post("/v1/loans", body)).status_code == 201


async def test_of_thirty_permitted_claims_of_one_asset_exactly_one_is_granted(partners: Partners) -> None:
    coordinator, start = partners.assisting.coordinator, asyncio.Barrier(30)

    async def claim(decision_id: UUID) -> httpx.Response:
        await start.wait()
        return await coordinator.post("/v1/loans", {"decision_id": str(decision_id)})

    for _ in range(4):  # the first round opens the connections, so that the others really meet
        asset, window = await make_asset(partners.assisting), window_of()
        decisions = [await make_decision(partners.requesting, asset, window=window) for _ in range(30)]
        answers = await asyncio.gather(*(claim(decision.id) for decision in decisions))
        refused = [answer for answer in answers if answer.status_code != 201]
        assert len(refused) == 29
        for answer in refused:
            assert_problem(answer, 409, "asset_not_free")


async def test_one_decision_claimed_ten_times_at_once_makes_one_loan(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, capacity=40)
    decision = await make_decision(partners.requesting, asset)
    coordinator, start = partners.assisting.coordinator, asyncio.Barrier(10)

    async def claim() -> httpx.Response:
        await start.wait()
        return await coordinator.post("/v1/loans", {"decision_id": str(decision.id)})

    answers = await asyncio.gather(*(claim() for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, 409, "already_reserved")


async def test_the_loan_keeps_its_agreement_version_after_the_agreement_has_ended(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    await end_agreement(partners.agreement, partners.assisting, partners.requesting)
    seen = await see(partners.requesting, loan["id"])
    assert seen["agreement"]["id"] == partners.agreement["id"]
    assert seen["agreement"] == loan["agreement"]


async def _suspend(partners: Partners) -> None:
    await partners.assisting.legal.done("POST", f"/v1/agreements/{partners.agreement['id']}/suspend", REASON)
