"""What is recorded later than it was done: the loan, its metrics and what can be had go by when it was done."""

from datetime import datetime, timedelta
from typing import Any

from registry.platform.kernel.time import Window, utc_now
from tests.support.assets import make_asset
from tests.support.cast import Agency
from tests.support.loans import CONDITION, REASON, Partners, make_loan, reserved_as_it_began, see, step, under_way
from tests.support.problems import assert_problem


async def _begun(partners: Partners, *, hours: int = 4, ago: int = 6, **asset: Any) -> dict[str, Any]:
    """A reserved loan whose time began some hours ago and is over."""
    start = utc_now().replace(microsecond=0) - timedelta(hours=ago)
    window = Window(start=start, end=start + timedelta(hours=hours))
    made = await make_asset(partners.assisting, **asset)
    return await reserved_as_it_began(partners, made, window)


def _at(loan: dict[str, Any], **later: int) -> str:
    return (datetime.fromisoformat(loan["starts_at"]) + timedelta(**later)).isoformat()


async def test_what_left_came_and_went_back_in_time_is_not_late_however_late_it_is_recorded(
    partners: Partners,
) -> None:
    loan = await _begun(partners)
    steps: tuple[tuple[Agency, str, dict[str, Any], dict[str, int], str], ...] = (
        (partners.assisting, "dispatch", CONDITION, {"minutes": 10}, "dispatched_at"),
        (partners.requesting, "receive", {}, {"minutes": 40}, "arrived_at"),
        (partners.requesting, "start-return", {}, {"hours": 3}, "return_started_at"),
        (partners.assisting, "return", CONDITION, {"hours": 3, "minutes": 30}, "returned_at"),
    )
    for agency, verb, body, later, column in steps:
        said = _at(loan, **later)
        loan = await step(agency, loan, verb, {**body, "occurred_at": said})
        assert datetime.fromisoformat(loan[column]) == datetime.fromisoformat(said), verb
    assert loan["returned_at"] < loan["due_when_returned_at"]
    history = await partners.assisting.coordinator.done("GET", f"/v1/loans/{loan['id']}/history")
    back = next(each for each in history["items"] if each["type"] == "loan.returned")
    assert datetime.fromisoformat(back["occurred_at"]) == datetime.fromisoformat(loan["returned_at"])
    assert back["recorded_at"] > back["occurred_at"]


async def test_an_act_is_refused_before_what_precedes_it_with_that_time_and_in_the_future(partners: Partners) -> None:
    loan = await _begun(partners)
    path = f"/v1/loans/{loan['id']}"
    owner, asking = partners.assisting.coordinator, partners.requesting.coordinator
    early = await owner.post(f"{path}/dispatch", {**CONDITION, "occurred_at": _at(loan, hours=-1)})
    assert_problem(early, 422, "not_then")
    assert "It was reserved at" in early.json()["detail"]
    loan = await step(partners.assisting, loan, "dispatch", {**CONDITION, "occurred_at": _at(loan, hours=1)})
    for caller, verb, body in (
        (asking, "receive", {}),
        (asking, "start-return", {}),
        (owner, "return", CONDITION),
        (owner, "report-lost", REASON),
        (owner, "recall", {**REASON, "by": (utc_now() + timedelta(hours=1)).isoformat()}),
    ):
        refused = await caller.post(f"{path}/{verb}", {**body, "occurred_at": _at(loan, minutes=59)})
        assert_problem(refused, 422, "not_then")
        assert f"It left at {loan['dispatched_at'][:19]}" in refused.json()["detail"], verb
        assert refused.json()["errors"][0]["pointer"] == "/occurred_at"
        yet = (utc_now() + timedelta(minutes=5)).isoformat()
        assert_problem(await caller.post(f"{path}/{verb}", {**body, "occurred_at": yet}), 422, "not_then")
    assert_problem(await owner.post(f"{path}/return", {**CONDITION, "occurred_at": "2026-07-04T18:00:00"}), 400)


async def test_one_sent_out_in_time_is_recorded_after_its_time_and_one_sent_out_after_it_is_not(
    partners: Partners,
) -> None:
    loan = await _begun(partners)
    path = f"/v1/loans/{loan['id']}/dispatch"
    assert_problem(await partners.assisting.coordinator.post(path, CONDITION), 422, "window_over")
    out = await step(partners.assisting, loan, "dispatch", {**CONDITION, "occurred_at": _at(loan, minutes=5)})
    assert (out["status"], out["overdue"]) == ("dispatched", True)


async def test_what_was_ready_again_by_now_is_not_held_and_what_came_back_damaged_is(partners: Partners) -> None:
    loan = await _begun(partners, turnaround_minutes=60)
    await step(partners.assisting, loan, "dispatch", {**CONDITION, "occurred_at": _at(loan, minutes=5)})
    await step(partners.assisting, loan, "return", {**CONDITION, "occurred_at": _at(loan, hours=3)})
    path = f"/v1/assets/{loan['asset']['id']}/unavailability"
    assert (await partners.assisting.coordinator.done("GET", path))["items"] == []
    hurt = await _begun(partners)
    await step(partners.assisting, hurt, "dispatch", {**CONDITION, "occurred_at": _at(hurt, minutes=5)})
    damaged = {**CONDITION, "grade": "damaged", "occurred_at": _at(hurt, hours=3)}
    await step(partners.assisting, hurt, "return", damaged)
    path = f"/v1/assets/{hurt['asset']['id']}/unavailability"
    (held,) = (await partners.assisting.coordinator.done("GET", path))["items"]
    assert held["kind"] == "damage"


async def test_a_recall_given_by_telephone_counts_from_when_it_was_given(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    said = loan["arrived_at"]
    by = (utc_now() + timedelta(hours=1)).isoformat()
    recalled = await step(partners.assisting, loan, "recall", {**REASON, "by": by, "occurred_at": said})
    assert recalled["recall"]["requested_at"] == said
    assert recalled["recall"]["due_at"] == recalled["recall"]["by"], "the agreement has no notice"
    lost = await step(partners.requesting, loan, "report-lost", {**REASON, "occurred_at": said})
    history = await partners.assisting.coordinator.done("GET", f"/v1/loans/{lost['id']}/history")
    found = {each["type"]: datetime.fromisoformat(each["occurred_at"]) for each in history["items"]}
    assert found["loan.lost"] == datetime.fromisoformat(said)


BY_WORD = "Chief to chief by telephone at 02:10 (demo)."


async def test_help_given_by_word_of_mouth_is_entered_with_its_true_hours(partners: Partners) -> None:
    """At night it is given first and written down an hour later."""
    loan = await make_loan(partners, window=under_way())
    left = _at(loan, minutes=5)
    assert left < loan["reserved_at"]
    sent = {**CONDITION, "occurred_at": left, "agreed_by_word": BY_WORD}
    out = await step(partners.assisting, loan, "dispatch", sent)
    for agency in (partners.assisting, partners.requesting):
        seen = await see(agency, loan["id"])
        assert (seen["agreed_by_word"], seen["status"]) == (BY_WORD, "dispatched")
        assert datetime.fromisoformat(seen["dispatched_at"]) == datetime.fromisoformat(left)
        history = await agency.auditor.done("GET", f"/v1/loans/{loan['id']}/history")
        told = next(each for each in history["items"] if each["type"] == "loan.dispatched")
        assert told["data"]["agreed_by_word"] == BY_WORD
        assert told["occurred_at"][:19] == left[:19]
        assert told["recorded_at"] > loan["reserved_at"]
    arrived = await step(partners.requesting, out, "receive", {"occurred_at": _at(loan, minutes=20)})
    contest = {"act": "dispatch", "occurred_at": _at(loan, minutes=12), "reason": "So says our dispatcher (demo)."}
    contested = await step(partners.requesting, arrived, "contest-time", contest)
    assert contested["time_contests"][0]["status"] == "open"
    settled = await step(partners.assisting, contested, "accept-time", {"act": "dispatch"})
    assert settled["time_contests"][0]["status"] == "accepted"


async def test_what_left_before_it_was_reserved_says_how_that_was_agreed(partners: Partners) -> None:
    loan = await make_loan(partners, window=under_way())
    path, owner = f"/v1/loans/{loan['id']}/dispatch", partners.assisting.coordinator
    early = {**CONDITION, "occurred_at": _at(loan, minutes=5)}
    problem = assert_problem(await owner.post(path, early), 422, "agreed_by_word")
    assert loan["reserved_at"][:16] in problem["detail"]
    too_early = {**early, "occurred_at": _at(loan, minutes=-1), "agreed_by_word": BY_WORD}
    problem = assert_problem(await owner.post(path, too_early), 422, "not_then")
    assert "Its agreed time begins at" in problem["detail"]
    assert_problem(await owner.post(path, {**CONDITION, "agreed_by_word": BY_WORD}), 422, "agreed_by_word")
    assert (await see(partners.assisting, loan["id"]))["status"] == "reserved"


async def test_the_other_word_on_such_a_departure_is_not_before_the_agreed_time_either(partners: Partners) -> None:
    loan = await make_loan(partners, window=under_way())
    sent = {**CONDITION, "occurred_at": _at(loan, minutes=5), "agreed_by_word": BY_WORD}
    await step(partners.assisting, loan, "dispatch", sent)
    contest = {"act": "dispatch", "occurred_at": _at(loan, minutes=-1), "reason": "So says our dispatcher (demo)."}
    refused = await partners.requesting.coordinator.post(f"/v1/loans/{loan['id']}/contest-time", contest)
    assert_problem(refused, 422, "not_then")
