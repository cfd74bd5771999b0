"""Each side's half of a loan over HTTP: every verb in every state by either side, and what each one leaves behind."""

from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.resources.allocations.tables import allocation
from registry.sharing.loans.commands import handing_over, rescheduling
from registry.sharing.loans.edxl import STEPS
from registry.sharing.loans.rules import SIDES, TRANSITIONS, LoanAction, LoanStatus, Overlays, Side, why_unavailable
from registry.sharing.loans.schemas.given import ExtensionAsk
from registry.sharing.loans.times import CONTESTS
from tests.support.assets import make_asset
from tests.support.loans import (
    CONDITION,
    REASON,
    Partners,
    body_for,
    make_loan,
    make_overdue_loan,
    reserved_as_it_began,
    see,
    step,
    under_way,
)
from tests.support.policy import acting_for, make_decision, policies_of, window_of
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_long


def verb_of(action: LoanAction) -> str:
    return action.replace("_", "-")


def possible(status: LoanStatus, action: LoanAction, side: Side) -> bool:
    own_no_show = status is LoanStatus.NO_SHOW and side is Side.ASSISTING  # which reported it
    received = status in {LoanStatus.ON_SCENE, LoanStatus.RETURNING}
    times = dict.fromkeys(CONTESTS, "Nothing is contested.")
    if side is Side.REQUESTING or received:  # it left in any case, and by some of these walks it arrived
        del times[LoanAction.CONTEST_TIME]
    overlays = Overlays(some_lost=status is LoanStatus.LOST, own_no_show=own_no_show, times=times)
    return why_unavailable(status, action, overlays) is None


def body_of(action: LoanAction, side: Side, loan: dict[str, Any]) -> dict[str, Any]:
    """A body that fits the loan; what is contested is the other side's, and done as early as it can have been."""
    body = body_for(verb_of(action))
    if action is LoanAction.CONTEST_TIME:
        act, before = ("receive", "dispatched_at") if side is Side.ASSISTING else ("dispatch", "reserved_at")
        return {**body, "act": act, "occurred_at": loan[before]}
    return body


@pytest.mark.parametrize("status", LoanStatus)
async def test_every_verb_by_either_side_does_exactly_what_the_table_says(
    partners: Partners, status: LoanStatus
) -> None:
    loan = await make_loan(partners, status, as_it_began=True)
    for action, side in product(LoanAction, Side):
        coordinator, verb = partners.side(side).coordinator, verb_of(action)
        if side not in SIDES[action]:
            answer = await coordinator.post(f"/v1/loans/{loan['id']}/{verb}", body_for(verb))
            assert_problem(answer, 403, "other_sides_action")
        elif not possible(status, action, side):
            answer = await coordinator.post(f"/v1/loans/{loan['id']}/{verb}", body_for(verb))
            assert_problem(answer, 409, "wrong_status")
        else:
            mine = await make_loan(partners, status, as_it_began=True)
            done = await step(partners.side(side), mine, verb, body_of(action, side, mine))
            assert done["status"] == TRANSITIONS[status, action]
            assert done["version"] == mine["version"] + 1
    assert await see(partners.assisting, loan["id"]) == loan, "what was refused changed nothing"


@pytest.mark.parametrize("status", LoanStatus)
async def test_what_is_offered_is_what_works_and_the_rest_tells_why_not(partners: Partners, status: LoanStatus) -> None:
    loan = await make_loan(partners, status, as_it_began=True)
    for side in Side:
        offered = (await see(partners.side(side), loan["id"]))["allowed_actions"]
        assert [each["action"] for each in offered] == [a for a in LoanAction if side in SIDES[a]]
        for each in offered:
            assert each["allowed"] == possible(status, LoanAction(each["action"]), side)
            assert (each["reason"] is None) == each["allowed"]


VERBS = [verb_of(action) for action in LoanAction]


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_needs_a_token_a_side_a_role_and_a_body_that_fits(partners: Partners, verb: str) -> None:
    loan = await make_loan(partners)
    path, body = f"/v1/loans/{loan['id']}/{verb}", body_for(verb)
    assert_problem(await partners.assisting.service.anonymous.post(path, body), 401, "unauthenticated")
    unseen = assert_problem(await partners.stranger.coordinator.post(path, body), 404, "not_found")
    absent = assert_problem(
        await partners.stranger.coordinator.post(f"/v1/loans/{uuid4()}/{verb}", body), 404, "not_found"
    )
    assert unseen["detail"] == absent["detail"]
    for agency in (partners.assisting, partners.requesting):
        assert_problem(await agency.auditor.post(path, body), 403)
        assert_problem(await agency.as_(Role.COORDINATOR, scope="loans:read").post(path, body), 403)
    side = "assisting" if Side.ASSISTING in SIDES[LoanAction(verb.replace("-", "_"))] else "requesting"
    coordinator = partners.side(side).coordinator
    assert_problem(await coordinator.post(path, {**body, "other": 1}), 400, "unknown_field")
    if body:
        assert_problem(await coordinator.post(path, {}), 400, "invalid_body")
    assert await see(partners.assisting, loan["id"]) == loan


@pytest.mark.parametrize("verb", ["dispatch", "cancel", "report-no-show"])
async def test_a_stale_version_is_refused_and_a_repeat_is_answered_once(partners: Partners, verb: str) -> None:
    loan = await reserved_as_it_began(partners)
    path, coordinator = f"/v1/loans/{loan['id']}/{verb}", partners.assisting.coordinator
    stale = await coordinator.post(path, body_for(verb), if_match='"9-00000000"')
    assert_problem(stale, 412, "stale_version")
    etag = (await coordinator.get(f"/v1/loans/{loan['id']}")).headers["etag"]
    body, key = body_for(verb), str(uuid4())
    first = await coordinator.post(path, body, key=key, if_match=etag)
    again = await coordinator.post(path, body, key=key, if_match=etag)
    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    assert_problem(await coordinator.post(path, body), 409, "wrong_status")


async def test_a_repeated_return_has_one_effect_and_one_answer(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    path, key = f"/v1/loans/{loan['id']}/return", str(uuid4())
    first = await partners.assisting.coordinator.post(path, CONDITION, key=key)
    again = await partners.assisting.coordinator.post(path, CONDITION, key=key)
    assert again.status_code == 200
    assert again.content == first.content
    events = (await partners.assisting.auditor.done("GET", f"/v1/loans/{loan['id']}/history?sort=version"))["items"]
    assert [event["type"] for event in events].count("loan.returned") == 1


async def test_both_halves_of_both_hand_overs_leave_their_time_and_condition(partners: Partners) -> None:
    loan = await make_loan(partners, "returning")
    damaged = {"grade": "damaged", "note": "Left mirror (demo).", "evidence_sha256": ["ab" * 32]}
    back = await step(partners.assisting, loan, "return", damaged)
    assert back["condition_out"] == {**CONDITION, "note": "", "evidence_sha256": [], "document_ids": []}
    assert back["condition_in"] == {**damaged, "readings": {}, "document_ids": [], "signed_off_by_title": None}
    times = [back[f"{name}_at"] for name in ("reserved", "dispatched", "arrived", "return_started", "returned")]
    assert times == sorted(times)
    assert back["due_when_returned_at"] == back["planned_end_at"]
    assert back["overdue"] is False
    closed = await step(partners.assisting, back, "close")
    assert closed["closed_at"] is not None


async def test_a_step_is_never_earlier_than_the_one_before_even_when_the_clock_is_set_back(partners: Partners) -> None:
    loan = await make_loan(partners, "dispatched")
    left = datetime.fromisoformat(loan["dispatched_at"])
    service, loan_id = partners.assisting.service, UUID(loan["id"])
    async with unit_of_work(service.database) as write:
        early = acting_for(partners.requesting, Role.COORDINATOR, now=left - timedelta(hours=1))
        arrived = await handing_over.receive(write, early, loan_id)
        earlier = acting_for(partners.requesting, Role.COORDINATOR, now=left - timedelta(hours=2))
        asked = ExtensionAsk(planned_end_at=left + timedelta(days=1), reason="two more vehicles")
        await rescheduling.request_extension(write, earlier, policies_of(service), loan_id, asked)
    assert arrived.arrived_at == left, "it has the time of the step before"
    await step(partners.requesting, loan, "start-return")
    history = (await partners.assisting.auditor.done("GET", f"/v1/loans/{loan['id']}/history?sort=version"))["items"]
    assert [event["type"].removeprefix("loan.") for event in history] == [
        *("reserved", "dispatched", "received", "extension_requested", "return_started"),
    ]
    times = [event["occurred_at"] for event in history]
    assert times == sorted(times)
    assert times[1] == times[2] == times[3] < times[4]


async def test_the_history_tells_each_step_with_its_message_and_repeats_no_free_text(partners: Partners) -> None:
    loan = await make_loan(partners, "returning")
    await step(partners.assisting, loan, "return", {**CONDITION, "note": "Seen by Officer Canary"})
    await step(partners.assisting, loan, "close", {"note": "Nothing is owed (demo)."})
    for agency in (partners.assisting, partners.requesting):
        answer = await agency.auditor.get(f"/v1/loans/{loan['id']}/history?sort=version")
        events = answer.json()["items"]
        assert [event["type"] for event in events] == [
            "loan.reserved",
            "loan.dispatched",
            "loan.received",
            "loan.return_started",
            "loan.returned",
            "loan.closed",
        ]
        assert "Canary" not in answer.text
        assert all(event["agreement_id"] == partners.agreement["id"] for event in events)
        sides = {str(partners.assisting.id), str(partners.requesting.id)}
        assert all(set(event["agency_ids"]) == sides for event in events)
        returned = events[4]["data"]
        assert returned["edxl"] == {
            "message": STEPS[LoanAction.RETURN].message,
            "schedule": STEPS[LoanAction.RETURN].schedule,
        }
        assert returned["condition"]["grade"] == "good"
        assert events[5]["data"]["note"] == "Nothing is owed (demo)."
    unseen = await partners.stranger.auditor.get(f"/v1/loans/{loan['id']}/history?sort=version")
    assert_problem(unseen, 404, "not_found")


async def test_a_return_is_accepted_late_and_after_the_agreement_was_suspended(partners: Partners) -> None:
    late = await make_overdue_loan(partners, await make_asset(partners.assisting))
    await partners.assisting.legal.done("POST", f"/v1/agreements/{partners.agreement['id']}/suspend", REASON)
    back = await step(partners.assisting, late, "return")
    assert back["status"] == "returned"
    assert back["returned_at"] > back["due_when_returned_at"]
    assert back["overdue"] is False


async def test_nothing_is_dispatched_once_its_ground_is_gone(partners: Partners) -> None:
    loan = await make_loan(partners)
    await partners.assisting.legal.done("POST", f"/v1/agreements/{partners.agreement['id']}/suspend", REASON)
    refused = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", CONDITION)
    assert_problem(refused, 409, "decision_worsened")
    assert (await step(partners.requesting, loan, "cancel"))["ended_reason"] == REASON["reason"]


async def test_the_next_loan_is_not_dispatched_while_the_asset_is_still_out(partners: Partners) -> None:
    asset, window = await make_asset(partners.assisting), under_way()
    first = await make_loan(partners, "dispatched", asset=asset, window=window)
    later = window_of(start_in_hours=24)
    second = await make_loan(partners, asset=asset, window=later)
    path = f"/v1/loans/{second['id']}/dispatch"
    assert_problem(await partners.assisting.coordinator.post(path, CONDITION), 409, "asset_still_out")
    await step(partners.assisting, first, "return")
    assert (await step(partners.assisting, second, "dispatch"))["status"] == "dispatched"


async def test_nobody_has_failed_to_turn_up_before_the_start(partners: Partners) -> None:
    loan = await make_loan(partners, window=window_of())
    path = f"/v1/loans/{loan['id']}/report-no-show"
    assert_problem(await partners.requesting.coordinator.post(path, REASON), 422, "not_started_yet")
    (offered,) = (each for each in loan["allowed_actions"] if each["action"] == "report_no_show")
    assert offered["reason"] == "This loan has not begun yet: cancel it if it is not needed."


@pytest.mark.parametrize("reporter", Side)
async def test_a_no_show_is_one_agencys_word_until_the_other_contests_it(partners: Partners, reporter: Side) -> None:
    other = partners.side("requesting" if reporter is Side.ASSISTING else "assisting")
    loan = await step(partners.side(reporter), await reserved_as_it_began(partners), "report-no-show")
    reported, until = (datetime.fromisoformat(loan["no_show"][name]) for name in ("reported_at", "contest_by"))
    assert (loan["ended_by"], until) == (reporter, reported + timedelta(days=14))
    path = f"/v1/loans/{loan['id']}"
    for agency, verb in ((partners.side(reporter), "contest-no-show"), (other, "withdraw-no-show")):
        assert_problem(await agency.coordinator.post(f"{path}/{verb}", body_for(verb)), 409, "wrong_status")
    said = {"reason": "We were at the gate from 18:00 on (demo)."}
    contested = await step(other, loan, "contest-no-show", said)
    assert (contested["status"], contested["ended_reason"]) == ("no_show", REASON["reason"])
    assert contested["no_show"]["contested_reason"] == said["reason"], "both words are shown"
    assert_problem(await other.coordinator.post(f"{path}/contest-no-show", said), 409, "wrong_status")
    withdrawn = await step(partners.side(reporter), loan, "withdraw-no-show")
    assert (withdrawn["status"], withdrawn["ended_reason"], withdrawn["ended_by"]) == ("reserved", None, None)
    assert withdrawn["no_show"]["withdrawn_at"] is not None
    assert_problem(await partners.side(reporter).coordinator.post(f"{path}/withdraw-no-show", {}), 409, "wrong_status")
    events = (await other.auditor.done("GET", f"{path}/history?sort=version"))["items"]
    assert [each["type"] for each in events][-3:] == [
        "loan.no_show_reported",
        "loan.no_show_contested",
        "loan.no_show_withdrawn",
    ]


@pytest.mark.parametrize("verb", ["cancel", "report-no-show"])
@pytest.mark.parametrize("side", Side)
async def test_what_never_left_is_free_again(partners: Partners, verb: str, side: Side) -> None:
    asset = await make_asset(partners.assisting)
    loan = await reserved_as_it_began(partners, asset)
    ended = await step(partners.side(side), loan, verb)
    assert ended["ended_reason"] == REASON["reason"]
    assert (await make_loan(partners, asset=asset))["status"] == "reserved"


async def test_a_lost_asset_is_out_of_service_and_holds_nothing(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, "dispatched", asset=asset)
    assert (await step(partners.requesting, loan, "report-lost"))["status"] == "lost"
    seen = await partners.assisting.admin.done("GET", f"/v1/assets/{asset['id']}")
    assert seen["service_status"] == "out_of_service"
    history = await partners.assisting.auditor.done("GET", f"/v1/assets/{asset['id']}/history?sort=version")
    assert history["items"][-1]["type"] == "asset.written_off"
    await partners.assisting.admin.done("POST", f"/v1/assets/{asset['id']}/retire", REASON)


async def test_lost_units_are_taken_off_a_quantity_and_the_rest_stays_lendable(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    loan = await make_loan(partners, "dispatched", asset=asset, quantity=4)
    await step(partners.assisting, loan, "report-lost")
    seen = await partners.assisting.admin.done("GET", f"/v1/assets/{asset['id']}")
    assert (seen["capacity"], seen["service_status"]) == (6, "in_service")
    assert (await make_loan(partners, asset=asset, quantity=6))["quantity"] == 6
    decision = await make_decision(partners.requesting, asset, window=under_way())
    refused = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    assert_problem(refused, 409, "asset_not_free")


async def test_when_a_loss_leaves_one_the_database_itself_lets_nothing_overlap_the_other(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, capacity=2)
    lost, other = [await make_loan(partners, "dispatched", asset=asset) for _ in range(2)]
    await step(partners.assisting, lost, "report-lost")
    await step(partners.requesting, other, "receive")
    window = under_way()
    with pytest.raises(Conflict) as refused:
        async with unit_of_work(partners.assisting.service.database) as write:
            await write.run(
                allocation.insert(),
                {
                    "id": new_id(),
                    "asset_id": UUID(asset["id"]),
                    "kind": "loan",
                    "loan_id": new_id(),
                    "quantity": 1,
                    "exclusive": True,
                    "whole": False,
                    "status": "held",
                    "starts_at": window.start,
                    "ends_at": window.end,
                    "blocks_from_at": window.start,
                    "free_at": window.end,
                    "created_at": window.start,
                    "requesting_agency_id": partners.requesting.id,
                    "assisting_agency_id": partners.assisting.id,
                },
            )
    assert refused.value.code == "asset_not_free"


async def test_a_loss_is_recorded_although_more_is_promised_than_is_left(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, capacity=2)
    lost = await make_loan(partners, "dispatched", asset=asset)
    now = under_way()
    later = Window(start=now.start + timedelta(days=2), end=now.end + timedelta(days=2))
    promised = [await make_loan(partners, asset=asset, window=later) for _ in range(2)]
    await step(partners.assisting, lost, "report-lost")
    assert (await partners.assisting.admin.done("GET", f"/v1/assets/{asset['id']}"))["capacity"] == 1
    await step(partners.requesting, promised[0], "cancel")
    decision = await make_decision(partners.requesting, asset, window=later)
    refused = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    assert_problem(refused, 409, "asset_not_free")


BAD_CONDITIONS: list[dict[str, Any]] = [
    {},
    {"grade": "splendid"},
    {"grade": "good", "signed_off_by": "J. Doe"},
    {"grade": "good", "evidence_sha256": ["AB" * 32]},
    {"grade": "good", "readings": {"": "1"}},
    {"grade": "good", "readings": {"odometer": 1}},
    {"grade": "good", "readings": {f"r{i}": "1" for i in range(41)}},
    {"grade": "good", "note": "x" * 4001},
]


@pytest.mark.parametrize("condition", BAD_CONDITIONS)
async def test_a_condition_report_is_read_strictly(partners: Partners, condition: dict[str, Any]) -> None:
    loan = await make_loan(partners)
    answer = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", condition)
    assert_problem(answer, 400)
