"""More time, and back before time: extensions are decided, answered and never take what others were promised."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window, format_instant, utc_now
from registry.sharing.loans.commands import rescheduling
from registry.sharing.loans.schemas.given import ExtensionAsk, RecallNotice
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import (
    CONDITION,
    REASON,
    Partners,
    body_for,
    make_loan,
    make_overdue_loan,
    make_partners,
    out_since,
    read_extension,
    see,
    step,
    under_way,
)
from tests.support.policy import acting_for, answer_decision, make_decision, policies_of
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_later


def later(loan: dict[str, Any], hours: float) -> str:
    return (datetime.fromisoformat(loan["planned_end_at"]) + timedelta(hours=hours)).isoformat()


async def asked(partners: Partners, loan: dict[str, Any], hours: float) -> httpx.Response:
    body = {"planned_end_at": later(loan, hours), "reason": "The search goes on (demo)."}
    return await partners.requesting.coordinator.post(f"/v1/loans/{loan['id']}/request-extension", body)


async def accepting(partners: Partners, loan: dict[str, Any]) -> httpx.Response:
    body = await read_extension(partners.assisting, loan["id"])
    return await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/accept-extension", body)


async def test_an_accepted_extension_moves_the_agreed_return_and_is_decided_first(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    pending = (await asked(partners, loan, 4)).json()
    assert pending["extension_pending"] is True
    assert pending["planned_end_at"] == loan["planned_end_at"], "asking alone moves nothing"
    (extension,) = pending["extensions"]
    assert extension["status"] == "pending"
    assert extension["decision_id"] not in (loan["decision_id"], loan["root_decision_id"])
    accepted = await step(partners.assisting, loan, "accept-extension")
    assert accepted["extension_pending"] is False
    assert datetime.fromisoformat(accepted["planned_end_at"]) == datetime.fromisoformat(later(loan, 4))
    assert accepted["extensions"][0]["status"] == "accepted"
    assert accepted["extensions"][0]["previous_end_at"] == loan["planned_end_at"]
    second = (await asked(partners, accepted, 1)).json()
    assert [each["status"] for each in second["extensions"]] == ["accepted", "pending"]


async def test_a_declined_extension_leaves_the_agreed_return_and_tells_why(partners: Partners) -> None:
    loan = await make_loan(partners, "dispatched")
    await asked(partners, loan, 4)
    declined = await step(partners.assisting, loan, "decline-extension")
    assert declined["planned_end_at"] == loan["planned_end_at"]
    assert declined["extensions"][0]["status"] == "declined"
    assert declined["extensions"][0]["answer_reason"] == REASON["reason"]
    assert (await asked(partners, loan, 2)).status_code == 200


async def test_only_the_extension_that_was_read_is_accepted(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    await asked(partners, loan, 2)
    read = await read_extension(partners.assisting, loan["id"])
    await step(partners.assisting, loan, "decline-extension")
    await asked(partners, loan, 40)
    path, owner = f"/v1/loans/{loan['id']}/accept-extension", partners.assisting.coordinator
    assert_problem(await owner.post(path, read), 409, "extension_changed")
    assert (await see(partners.assisting, loan["id"]))["planned_end_at"] == loan["planned_end_at"]
    for body in ({}, {"extension_id": None}, {"extension_id": "the last one"}):
        assert_problem(await owner.post(path, body), 400)
    key, body = str(uuid4()), await read_extension(partners.assisting, loan["id"])
    first = await owner.post(path, body, key=key)
    assert (first.status_code, (await owner.post(path, body, key=key)).content) == (200, first.content)
    assert_problem(await owner.post(path, body), 409, "wrong_status")


async def test_the_due_time_kept_at_return_is_the_extended_one(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    await asked(partners, loan, 4)
    await step(partners.assisting, loan, "accept-extension")
    back = await step(partners.assisting, loan, "return")
    assert datetime.fromisoformat(back["due_when_returned_at"]) == datetime.fromisoformat(later(loan, 4))


async def test_only_one_extension_waits_at_a_time(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    answers = await asyncio.gather(*(asked(partners, loan, hours) for hours in (1, 2, 3, 4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert len((await see(partners.assisting, loan["id"]))["extensions"]) == 1


async def test_an_extension_must_be_one(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    assert_problem(await asked(partners, loan, 0), 422, "extension_not_later")
    assert_problem(await asked(partners, loan, 24 * 366 * 5), 422, "extension_beyond_limit")
    assert_problem(await asked(partners, loan, 24 * 366 * 200), 422, "instant_out_of_range")
    overdue = await make_overdue_loan(partners, await make_asset(partners.assisting))
    assert_problem(await asked(partners, overdue, 1), 422, "extension_in_the_past")


async def test_an_overdue_loan_is_extended_into_the_future(partners: Partners) -> None:
    overdue = await make_overdue_loan(partners, await make_asset(partners.assisting))
    assert (await asked(partners, overdue, 6)).status_code == 200
    extended = await step(partners.assisting, overdue, "accept-extension")
    assert extended["overdue"] is False


async def test_an_extension_into_anothers_booking_is_refused_with_the_blocking_window(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting), under_way()
    loan = await make_loan(partners, "on_scene", asset=asset, window=window)
    following = Window(start=window.end + timedelta(hours=2), end=window.end + timedelta(hours=4))
    await make_loan(partners, asset=asset, window=following)
    blocking = assert_problem(await asked(partners, loan, 3), 409, "asset_not_free")["blocking"]
    assert datetime.fromisoformat(blocking["start"]) == following.start
    assert (await asked(partners, loan, 2)).status_code == 200
    assert (await step(partners.assisting, loan, "accept-extension"))["status"] == "on_scene"


async def test_a_booking_made_while_an_extension_waits_wins_over_it(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting), under_way()
    loan = await make_loan(partners, "on_scene", asset=asset, window=window)
    await asked(partners, loan, 4)
    following = Window(start=window.end, end=window.end + timedelta(hours=1))
    await make_loan(partners, asset=asset, window=following)
    refused = await accepting(partners, loan)
    assert_problem(refused, 409, "asset_not_free")
    assert (await see(partners.assisting, loan["id"]))["planned_end_at"] == loan["planned_end_at"]
    assert (await step(partners.assisting, loan, "decline-extension"))["extension_pending"] is False


async def test_of_an_extension_and_a_booking_at_once_one_is_granted(partners: Partners) -> None:
    for _ in range(5):
        asset, window = await make_asset(partners.assisting), under_way()
        loan = await make_loan(partners, "on_scene", asset=asset, window=window)
        await asked(partners, loan, 4)
        following = Window(start=window.end + timedelta(hours=1), end=window.end + timedelta(hours=2))
        decision = await make_decision(partners.requesting, asset, window=following)
        coordinator = partners.assisting.coordinator
        answers = await asyncio.gather(
            accepting(partners, loan),
            coordinator.post("/v1/loans", {"decision_id": str(decision.id)}),
        )
        refused = [answer for answer in answers if not answer.is_success]
        assert len(refused) == 1
        assert_problem(refused[0], 409, "asset_not_free")


async def test_what_policy_denies_for_the_longer_time_is_not_even_asked(cast: Cast) -> None:
    partners = await make_partners(cast, categories=["any"], max_duration_hours=10)
    loan = await make_loan(partners, "on_scene")
    problem = assert_problem(await asked(partners, loan, 3), 409, "extension_not_permitted")
    agreed = datetime.fromisoformat(loan["planned_end_at"])
    begins = f"The loan stands as agreed, until {agreed:%Y-%m-%d %H:%M} UTC. The longer loan is denied: "
    assert problem["detail"].startswith(begins), "who reads it need not fear for the loan that runs"
    assert problem["reasons"][0]["policy_id"] == "duration_over_limit"
    assert (await asked(partners, loan, 2)).status_code == 200


async def test_an_extension_whose_ground_is_gone_is_not_accepted_but_declined(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    await asked(partners, loan, 4)
    await partners.assisting.legal.done("POST", f"/v1/agreements/{partners.agreement['id']}/suspend", REASON)
    refused = await accepting(partners, loan)
    assert_problem(refused, 409, "decision_worsened")
    assert (await step(partners.assisting, loan, "decline-extension"))["extension_pending"] is False


async def test_an_extension_to_a_time_that_has_passed_meanwhile_is_not_accepted(partners: Partners) -> None:
    loan = await make_overdue_loan(partners, await make_asset(partners.assisting))
    then = datetime.fromisoformat(loan["planned_end_at"]) - timedelta(hours=1)
    async with unit_of_work(partners.requesting.service.database) as write:
        caller = acting_for(partners.requesting, Role.COORDINATOR, now=then)
        ask = ExtensionAsk(planned_end_at=then + timedelta(hours=2), reason="The search goes on (demo).")
        policies = policies_of(partners.requesting.service)
        await rescheduling.request_extension(write, caller, policies, UUID(loan["id"]), ask)
    refused = await accepting(partners, loan)
    assert_problem(refused, 422, "extension_in_the_past")


async def test_whoever_approves_for_the_assisting_side_accepts_what_needs_approval(cast: Cast) -> None:
    partners = await make_partners(cast)
    asset = await make_asset(partners.assisting, funding=["leso_1033"])
    decision = await make_decision(partners.requesting, asset, window=under_way())
    await answer_decision(partners.assisting, decision.id)
    body = {"decision_id": str(decision.id)}
    loan = await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    await step(partners.assisting, loan, "dispatch")
    assert (await asked(partners, loan, 2)).status_code == 200
    path, body = f"/v1/loans/{loan['id']}/accept-extension", await read_extension(partners.assisting, loan["id"])
    problem = assert_problem(await partners.assisting.coordinator.post(path, body), 409, "decision_not_satisfied")
    assert problem["approvals_missing"][0]["role"] == "approver"
    assert (await partners.assisting.approver.done("POST", path, body))["extension_pending"] is False


async def test_an_extension_lapses_when_the_return_begins(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    await asked(partners, loan, 4)
    returning = await step(partners.requesting, loan, "start-return")
    assert returning["extension_pending"] is False
    assert returning["extensions"][0]["status"] == "lapsed"
    refused = await accepting(partners, loan)
    assert_problem(refused, 409, "wrong_status")


async def test_an_extension_is_idempotent_by_its_key(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    path, body, key = f"/v1/loans/{loan['id']}/request-extension", body_for("request-extension"), str(uuid4())
    first = await partners.requesting.coordinator.post(path, body, key=key)
    again = await partners.requesting.coordinator.post(path, body, key=key)
    assert (first.status_code, again.content) == (200, first.content)


async def test_a_recall_is_always_possible_while_the_asset_is_out_and_can_be_withdrawn(partners: Partners) -> None:
    for status in ("dispatched", "on_scene", "returning"):
        loan = await make_loan(partners, status)
        recalled = await step(partners.assisting, loan, "recall")
        assert recalled["recall_requested"] is True
        assert recalled["recall"]["reason"] == REASON["reason"]
        assert recalled["planned_end_at"] == loan["planned_end_at"]
        again = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/recall", body_for("recall"))
        assert_problem(again, 409, "wrong_status")
        withdrawn = await step(partners.assisting, loan, "withdraw-recall")
        assert (withdrawn["recall_requested"], withdrawn["recall"]) == (False, None)


async def test_a_recalled_loan_is_not_extended(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    await asked(partners, loan, 4)
    await step(partners.assisting, loan, "recall")
    refused = await accepting(partners, loan)
    assert_problem(refused, 409, "wrong_status")
    back = await step(partners.assisting, loan, "return")
    assert back["recall"] is not None, "kept, so that compliance can be measured"
    assert back["recall_requested"] is False


async def test_nobody_can_comply_with_a_recall_by_yesterday(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    body = {"by": "2020-01-01T00:00:00Z", "reason": "now"}
    refused = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/recall", body)
    assert_problem(refused, 422, "recall_in_the_past")


async def test_a_recall_lets_nothing_stay_longer_than_agreed(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    agreed = datetime.fromisoformat(loan["planned_end_at"])
    path = f"/v1/loans/{loan['id']}/recall"
    late = {**REASON, "by": (agreed + timedelta(days=2)).isoformat()}
    problem = assert_problem(await partners.assisting.coordinator.post(path, late), 422, "recall_after_return")
    assert format_instant(agreed) in problem["detail"]
    assert format_instant(agreed + timedelta(days=2)) in problem["detail"]
    assert (await see(partners.requesting, loan["id"]))["recall"] is None
    assert (await step(partners.assisting, loan, "recall", {**REASON, "by": agreed.isoformat()}))["recall_requested"]


async def test_what_is_recalled_is_overdue_everywhere_from_the_hour_of_its_recall(partners: Partners) -> None:
    """One rule for the loan, its list, the inbox and the metrics, although the agreed return is still to come."""
    now = utc_now().replace(microsecond=0)
    window = Window(start=now - timedelta(hours=5), end=now + timedelta(hours=20))
    loan = await out_since(partners, await make_asset(partners.assisting), window)
    in_time = await make_loan(partners, "on_scene")

    async def said() -> tuple[bool, bool, bool, int]:
        seen = await see(partners.assisting, loan["id"])
        listed = (await partners.requesting.coordinator.done("GET", "/v1/loans?overdue=true"))["items"]
        page = await partners.requesting.coordinator.done("GET", "/v1/inbox?limit=200")
        (entry,) = [each for each in page["items"] if each["subject"]["id"] == loan["id"]]
        scores = (await partners.assisting.coordinator.done("GET", "/v1/scorecard"))["groups"][0]["scores"]
        assert in_time["id"] not in {each["id"] for each in listed}
        assert [each["overdue"] for each in listed if each["id"] == loan["id"]] in ([], [True])
        return seen["overdue"], loan["id"] in {each["id"] for each in listed}, entry["late"], scores["overdue"]

    assert await said() == (False, False, False, 0)
    caller = acting_for(partners.assisting, Role.COORDINATOR, now=now - timedelta(hours=4))
    notice = RecallNotice(by=now - timedelta(hours=1), reason="A search of our own (demo).")
    async with unit_of_work(partners.assisting.service.database) as write:
        await rescheduling.recall(write, caller, UUID(loan["id"]), notice)
    assert await said() == (True, True, True, 1)
    back = await step(partners.assisting, loan, "return")
    assert datetime.fromisoformat(back["due_when_returned_at"]) == now - timedelta(hours=1)
    scores = (await partners.assisting.coordinator.done("GET", "/v1/scorecard"))["groups"][0]["scores"]
    assert (scores["on_time_return"]["numerator"], scores["on_time_return"]["denominator"]) == (0, 1)


async def test_what_leaves_long_before_its_start_is_decided_for_all_the_time_that_it_is_away(cast: Cast) -> None:
    """The limits of an agreement and its approvals are counted from the departure, and a refusal says what to do."""
    partners = await make_partners(cast, categories=["any"], max_duration_hours=72, approval_over_hours=48)
    now = utc_now().replace(microsecond=0)

    async def reserved(*, begins: float, hours: float) -> dict[str, Any]:
        start = now + timedelta(hours=begins)
        return await make_loan(partners, window=Window(start=start, end=start + timedelta(hours=hours)))

    for begins, status, code in (
        (40 * 24, 409, "early_dispatch_not_permitted"),
        (300 * 24, 409, "early_dispatch_not_permitted"),
        (30, 409, "early_dispatch_not_permitted"),
        (6 * 366 * 24, 422, "window_too_long"),
    ):
        loan = await reserved(begins=begins, hours=20)
        refused = await cast.assisting.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", CONDITION)
        problem = assert_problem(refused, status, code)
        soonest = (datetime.fromisoformat(loan["starts_at"]) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%MZ")
        assert status == 422 or problem["detail"].startswith(f"It may leave from {soonest} on")
        assert status == 422 or "Send it out then, or cancel it" in problem["detail"]
        assert (await see(cast.assisting, loan["id"]))["status"] == "reserved"
    loaded = await reserved(begins=1, hours=48)
    assert (await step(cast.assisting, loaded, "dispatch"))["status"] == "dispatched"
    early = await step(cast.assisting, await reserved(begins=20, hours=20), "dispatch")
    longer = {**REASON, "planned_end_at": (now + timedelta(hours=80)).isoformat()}
    refused = await cast.requesting.coordinator.post(f"/v1/loans/{early['id']}/request-extension", longer)
    assert_problem(refused, 409, "extension_not_permitted")
