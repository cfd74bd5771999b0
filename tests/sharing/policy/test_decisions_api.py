"""Decisions: explained, kept, seen by both sides and nobody else, replayable; and what-if, which leaves no trace."""

import contextlib
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa

from registry.app import create_app
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.database.types import metadata
from registry.platform.kernel.errors import Damaged
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.tables import ledger_event
from registry.platform.settings import load
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.commands.deciding import redecide
from registry.sharing.policy.commands.recording import keep_policies, note_kept
from registry.sharing.policy.queries.getting import decision_row, replay_decision
from registry.sharing.policy.tables import policy_approval, policy_decision, shipped_policy_set
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.places import ROOT
from tests.support.policy import (
    acting_for,
    answer_decision,
    decide_again,
    make_decision,
    policies_of,
    window_of,
    with_policies,
)
from tests.support.problems import assert_problem
from tests.support.service import Service

GOOD_BAR = """
    @id("nobody") @title("Nobody") @reason("Nobody borrows this (demo).")
    forbid (principal, action == Action::"borrow", resource);
"""


async def _ask(cast: Cast, terms: dict[str, Any] | None = None, **asset: Any) -> dict[str, Any]:
    """An asset of the assisting agency under an agreement with the requesting one, as a what-if question."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    made = await make_asset(cast.assisting, **asset)
    window = window_of()
    return {
        "asset_id": made["id"],
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "purpose": "narcotics_investigation",
    }


async def test_what_if_an_ordinary_loan_is_permitted_with_its_ground_and_duties(cast: Cast) -> None:
    answer = await cast.requesting.coordinator.done("POST", "/v1/policy-evaluations", await _ask(cast))
    decision = answer["decision"]
    assert decision["outcome"] == "permitted"
    assert [(r["policy_id"], r["effect"]) for r in decision["reasons"]] == [("agreement_in_force", "permit")]
    assert [o["code"] for o in decision["obligations"]] == ["condition_report", "settle_command"]
    assert "settle it in writing" in decision["obligations"][1]["reason"]
    assert decision["near_misses"] == []


async def test_a_denial_is_a_successful_answer_with_clause_and_near_miss(cast: Cast) -> None:
    terms = {"categories": ["any"], "max_duration_hours": 6, "clauses": {"max_duration_hours": "4.2"}}
    provisions = [{"number": "4.2", "heading": "term", "text": "No loan lasts longer than six hours."}]
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms, provisions=provisions)
    asset = await make_asset(cast.assisting)
    window = window_of(hours=8)
    question = {
        "asset_id": asset["id"],
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "purpose": "narcotics_investigation",
    }
    response = await cast.requesting.coordinator.post("/v1/policy-evaluations", question)
    assert response.status_code == 200
    decision = response.json()["decision"]
    assert decision["outcome"] == "denied"
    assert [(r["policy_id"], r["clause"]) for r in decision["reasons"]] == [("duration_over_limit", "4.2")]
    assert [n["explanation"] for n in decision["near_misses"]] == ["would be permitted up to 6 hours (clause 4.2)"]


async def test_without_an_agreement_a_network_asset_is_denied_for_lack_of_a_ground(cast: Cast) -> None:
    question = {**await _ask(cast), "asset_id": (await make_asset(cast.neighbour, sharing="network"))["id"]}
    decision = (await cast.requesting.coordinator.done("POST", "/v1/policy-evaluations", question))["decision"]
    assert decision["outcome"] == "denied"
    assert [r["effect"] for r in decision["reasons"]] == ["no_ground"]
    assert decision["agreement"] is None


async def test_what_if_tells_the_cost_and_the_distance_that_were_reckoned_with(cast: Cast) -> None:
    question = await _ask(cast, hourly_rate={"amount": "45.50", "currency": "USD"})
    question["place"] = {"latitude": 45.98, "longitude": -93.27}
    answer = await cast.requesting.coordinator.done("POST", "/v1/policy-evaluations", question)
    assert answer["estimated_cost"] == {"amount": "364.00", "currency": "USD"}
    assert answer["distance_km"] == 112


async def test_what_if_stores_nothing_but_how_often_somebody_asked(cast: Cast, service: Service) -> None:
    question = await _ask(cast)

    async def rows() -> dict[str, int]:
        """How many each table holds; of the ledger, what the agency that asks did: others act at any time."""
        read = service.database.read()
        kept = [t for t in metadata.sorted_tables if not t.name.startswith("ledger_")]
        counted = {t.name: sa.select(sa.func.count()).select_from(t) for t in kept}
        its = ledger_event.c.actor_agency_id == cast.requesting.id
        counted["ledger_event"] = sa.select(sa.func.count()).select_from(ledger_event).where(its)
        return {name: await read.value(count) for name, count in counted.items()}

    async def ask() -> None:
        await cast.requesting.coordinator.done("POST", "/v1/policy-evaluations", question, key=f"what-if-{uuid4()}")
        # Who calls, and who was refused before, is stored in the background whatever is called: here it is at once.
        state = service.edge.app.state
        await state.sightings.store()
        await state.denials.record_sums()
        await state.sign_ins.record_sums()
        await state.policy_questions.record_sums()

    await ask()
    before = await rows()
    await ask()
    after = await rows()
    assert {name: many - before[name] for name, many in after.items() if many != before[name]} == {"ledger_event": 1}


async def test_that_somebody_asks_and_asks_again_is_counted_by_person_for_the_auditors(cast: Cast) -> None:
    """By halving, an outcome tells a bound; nobody does that unseen."""
    question, home = await _ask(cast), cast.requesting
    other = {**question, "asset_id": (await make_asset(cast.assisting))["id"]}
    second = home.as_(Role.COORDINATOR, subject="second@home")
    for asked in (question, question, other):
        await home.coordinator.done("POST", "/v1/policy-evaluations", asked)
    await second.done("POST", "/v1/policy-evaluations", question)
    sums = home.service.edge.app.state.policy_questions
    path = "/v1/audit-events?type=policy_question.asked"
    await sums.record_sums(utc_now() - timedelta(minutes=1))
    assert (await home.auditor.done("GET", path))["items"] == [], "the minute is not over yet"
    await sums.record_sums()
    found = (await home.auditor.done("GET", path))["items"]
    by_person: dict[str, list[int]] = {}
    for each in found:  # a minute may have ended between two questions
        told = by_person.setdefault(each["private"]["subject"], [0, 0])
        told[0] += each["data"]["count"]
        told[1] = max(told[1], each["data"]["assets"])
    assert sorted(by_person.values()) == [[1, 1], [3, 2]]
    assert question["asset_id"] not in str(found), "what was asked is not stored"
    assert (await cast.assisting.auditor.done("GET", path))["items"] == []
    assert_problem(await home.coordinator.get(path), 403)


async def test_what_if_about_an_asset_one_may_not_see_is_like_one_that_does_not_exist(cast: Cast) -> None:
    question = await _ask(cast)
    hidden = await cast.stranger.coordinator.post("/v1/policy-evaluations", question)
    problem = assert_problem(hidden, 422, "unknown_asset")
    assert problem["errors"][0]["pointer"] == "/asset_id"
    absent = await cast.stranger.coordinator.post("/v1/policy-evaluations", {**question, "asset_id": str(uuid4())})
    ids = ("trace_id", "instance")
    assert {k: v for k, v in problem.items() if k not in ids} == {
        k: v for k, v in absent.json().items() if k not in ids
    }


async def test_what_if_refuses_what_cannot_be_asked(cast: Cast) -> None:
    question = await _ask(cast)
    ask = cast.requesting.coordinator
    reversed_window = {"start": question["window"]["end"], "end": question["window"]["start"]}
    answer = await ask.post("/v1/policy-evaluations", {**question, "window": reversed_window})
    assert_problem(answer, 422, "window_reversed")
    answer = await ask.post("/v1/policy-evaluations", {**question, "purpose": "joyride"})
    problem = assert_problem(answer, 422, "unknown_purpose")
    assert problem["detail"] == "There is no such purpose; the list is at /v1/purposes."
    assert problem["errors"][0]["pointer"] == "/purpose"
    assert_problem(await ask.post("/v1/policy-evaluations", {**question, "quantity": 0}), 400)
    assert_problem(await ask.post("/v1/policy-evaluations", {**question, "estimated_cost_minor": 1}), 400)
    assert_problem(await cast.requesting.auditor.post("/v1/policy-evaluations", question), 403, "forbidden")
    assert_problem(await cast.requesting.service.anonymous.post("/v1/policy-evaluations", question), 401)


async def test_what_if_refuses_what_no_request_can_ask_for(cast: Cast) -> None:
    """A time that is over, and more than there are, with the codes with which a request is refused; the last is not."""
    question, ask = await _ask(cast, capacity=3), cast.requesting.coordinator
    before = window_of(start_in_hours=-48, hours=8)
    over = {**question, "window": {"start": before.start.isoformat(), "end": before.end.isoformat()}}
    line = {"asset_id": question["asset_id"], "window": over["window"]}
    body = {"purpose": "mutual_aid", "summary": "Search (demo)", "lines": [line]}
    made = await ask.done("POST", "/v1/requests", body)
    assert_problem(await ask.post(f"/v1/requests/{made['id']}/submit", {}), 422, "window_over")
    problem = assert_problem(await ask.post("/v1/policy-evaluations", over), 422, "window_over")
    assert problem["errors"][0]["pointer"] == "/window/end"
    many = {**line, "window": question["window"], "quantity": 4}
    refused = assert_problem(await ask.post("/v1/requests", {**body, "lines": [many]}), 422, "quantity_over_capacity")
    problem = assert_problem(
        await ask.post("/v1/policy-evaluations", {**question, "quantity": 4}), 422, "quantity_over_capacity"
    )
    assert (problem["detail"], problem["errors"][0]["pointer"]) == (refused["detail"], "/quantity")
    answer = await ask.done("POST", "/v1/policy-evaluations", {**question, "quantity": 3})
    assert answer["decision"]["outcome"] == "permitted"
    begun = window_of(start_in_hours=-2, hours=8)
    running = {"start": begun.start.isoformat(), "end": begun.end.isoformat()}
    answer = await ask.done("POST", "/v1/policy-evaluations", {**question, "window": running})
    assert answer["decision"]["outcome"] == "permitted"


async def test_both_sides_read_a_decision_and_nobody_else(cast: Cast, service: Service) -> None:
    asset = {"id": (await _ask(cast))["asset_id"]}
    made = await make_decision(cast.requesting, asset)
    path = f"/v1/decisions/{made.id}"
    for side in (cast.requesting, cast.assisting):
        shown = await side.auditor.done("GET", path)
        assert shown["id"] == str(made.id)
        assert shown["decision"]["outcome"] == shown["outcome"] == "permitted"
        assert shown["satisfied"] is True
    assert_problem(await cast.stranger.coordinator.get(path), 404, "not_found")
    assert_problem(await cast.stranger.coordinator.get(f"/v1/decisions/{uuid4()}"), 404, "not_found")
    assert_problem(await service.operator.get(path), 403, "forbidden")
    assert_problem(await service.anonymous.get(path), 401, "unauthenticated")


async def test_an_unchanged_decision_is_not_sent_again_and_a_new_approval_changes_its_tag(cast: Cast) -> None:
    asset = {"id": (await _ask(cast, {"categories": ["any"], "approval_required": True}))["asset_id"]}
    made = await make_decision(cast.requesting, asset)
    path = f"/v1/decisions/{made.id}"
    etag = (await cast.requesting.coordinator.get(path)).headers["etag"]
    again = await cast.requesting.coordinator.get(path, headers={"if-none-match": etag})
    assert again.status_code == 304
    await answer_decision(cast.assisting, made.id)
    assert (await cast.requesting.coordinator.get(path, headers={"if-none-match": etag})).status_code == 200


async def test_the_approver_sees_that_an_approval_is_waiting_and_the_asker_why_not(cast: Cast) -> None:
    asset = {"id": (await _ask(cast, {"categories": ["any"], "approval_required": True}))["asset_id"]}
    made = await make_decision(cast.requesting, asset, subject="both@example")
    path = f"/v1/decisions/{made.id}"
    shown = await cast.assisting.approver.done("GET", path)
    assert [(n["role"], n["side"]) for n in shown["approvals_missing"]] == [("approver", "assisting")]
    assert shown["allowed_actions"][0] == {"action": "approve", "allowed": True, "reason": None}
    asker = cast.assisting.as_(Role.APPROVER, subject="both@example")
    (approve, reject) = (await asker.done("GET", path))["allowed_actions"]
    assert not approve["allowed"]
    assert "yourself" in approve["reason"]
    assert not reject["allowed"]
    assert (await cast.assisting.coordinator.done("GET", path))["allowed_actions"] == []


async def test_the_list_holds_the_decisions_of_either_side_latest_first(cast: Cast) -> None:
    asset = {"id": (await _ask(cast))["asset_id"]}
    other = await make_asset(cast.assisting)
    made = [await make_decision(cast.requesting, asset) for _ in range(3)]
    denied = await make_decision(cast.requesting, other, purpose="training", window=window_of(hours=24 * 1500))
    ids = [str(d.id) for d in (denied, *reversed(made))]
    for side in (cast.requesting, cast.assisting):
        listed = await side.coordinator.done("GET", "/v1/decisions")
        assert [item["id"] for item in listed["items"]] == ids
    assert (await cast.stranger.coordinator.done("GET", "/v1/decisions"))["items"] == []
    for query, expected in (
        (f"outcome={denied.outcome}&asset_id={other['id']}", ids[:1]),
        (f"asset_id={asset['id']}", ids[1:]),
        (f"agreement_id={made[0].agreement_id}", ids),
        (f"agreement_id={uuid4()}", []),
        (f"root_decision_id={made[0].root_decision_id}", ids[-1:]),
        ("outcome=needs_approval", []),
    ):
        listed = await cast.requesting.coordinator.done("GET", f"/v1/decisions?{query}")
        assert [item["id"] for item in listed["items"]] == expected, query


async def test_a_decision_on_an_own_asset_is_denied_and_listed_once(cast: Cast) -> None:
    made = await make_decision(cast.assisting, await make_asset(cast.assisting))
    assert "own_asset" in [reason.policy_id for reason in made.decision.reasons]
    listed = await cast.assisting.coordinator.done("GET", "/v1/decisions")
    assert [item["id"] for item in listed["items"]] == [str(made.id)]


async def test_pages_of_decisions_follow_one_another_without_gap_or_repeat(cast: Cast) -> None:
    asset = {"id": (await _ask(cast))["asset_id"]}
    made = [str((await make_decision(cast.requesting, asset)).id) for _ in range(5)]
    seen, path = [], "/v1/decisions?limit=2"
    while path:
        response = await cast.assisting.coordinator.get(path)
        seen += [item["id"] for item in response.json()["items"]]
        path = response.links["next"]["url"] if "next" in response.links else ""
    assert seen == made[::-1]
    assert_problem(await cast.assisting.coordinator.get("/v1/decisions?limit=201"), 400, "invalid_parameter")
    assert_problem(await cast.assisting.coordinator.get("/v1/decisions?cursor=x"), 422, "bad_cursor")
    assert_problem(await cast.assisting.coordinator.get("/v1/decisions?result=denied"), 400)


async def test_a_replay_under_the_same_policies_gives_the_same_answer(cast: Cast, service: Service) -> None:
    agreement = await sign_agreement(
        service, cast.assisting, cast.requesting, terms={"categories": ["any"], "approval_over_hours": 4}
    )
    asset = await make_asset(cast.assisting, funding=["leso_1033"])
    made = await make_decision(cast.requesting, asset)
    assert str(made.agreement_id) == agreement["id"]
    retired = await cast.assisting.admin.post(f"/v1/assets/{asset['id']}/retire", {"reason": "too old (demo)"})
    assert retired.status_code == 200
    replayed = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{made.id}/replay")
    assert replayed["same"] is True
    assert replayed["policies_changed"] is False
    assert replayed["then"] == replayed["now"]
    assert replayed["then"]["outcome"] == "needs_approval"
    assert_problem(await cast.stranger.coordinator.get(f"/v1/decisions/{made.id}/replay"), 404, "not_found")


async def test_every_step_leaves_a_row_linked_to_the_one_before(cast: Cast, service: Service) -> None:
    asset = {"id": (await _ask(cast))["asset_id"]}
    made = await make_decision(cast.requesting, asset)
    reserved = await decide_again(cast.assisting, made.id, "reserve")
    out = await decide_again(cast.assisting, reserved.id, "dispatch")
    assert [(d.root_decision_id, d.previous_id) for d in (made, reserved, out)] == [
        (made.id, None),
        (made.id, made.id),
        (made.id, reserved.id),
    ]
    listed = await cast.assisting.coordinator.done("GET", f"/v1/decisions?root_decision_id={made.id}")
    assert [item["action_at"] for item in listed["items"]] == ["dispatch", "reserve", "request"]
    shown = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{made.id}")
    assert shown["current_id"] == str(out.id)
    kept = sa.select(sa.func.count()).where(policy_decision.c.root_decision_id == made.id)
    assert await service.database.read().value(kept) == 3
    given = sa.select(sa.func.count()).where(policy_approval.c.decision_id == made.id)
    assert await service.database.read().value(given) == 0


async def test_a_replay_under_other_policies_shows_what_they_would_have_meant(
    cast: Cast, service: Service, tmp_path: Path
) -> None:
    made = await make_decision(cast.requesting, {"id": (await _ask(cast))["asset_id"]})
    stricter = with_policies(tmp_path, GOOD_BAR)
    caller = acting_for(cast.requesting, Role.AUDITOR).principal
    replayed = await replay_decision(service.database.read(), caller, stricter, made.id)
    assert not replayed.same
    assert replayed.policies_changed
    assert replayed.reproduced, "the policies of then are kept"
    assert (replayed.then.outcome, replayed.now.outcome) == ("permitted", "denied")
    assert [reason.policy_id for reason in replayed.now.reasons] == ["nobody"]
    unconcerned = with_policies(tmp_path, GOOD_BAR, file="jurisdictions/ak.cedar")
    replayed = await replay_decision(service.database.read(), caller, unconcerned, made.id)
    assert (replayed.same, replayed.reproduced) == (True, True)


async def test_policies_of_then_that_are_altered_or_not_kept_reproduce_nothing(
    cast: Cast, service: Service, tmp_path: Path
) -> None:
    made = await make_decision(cast.requesting, {"id": (await _ask(cast))["asset_id"]})
    caller = acting_for(cast.requesting, Role.AUDITOR).principal
    other = with_policies(tmp_path, GOOD_BAR, file="jurisdictions/ak.cedar")
    its = shipped_policy_set.c.digest == made.decision.policy_set.digest
    kept = (await service.database.read().all(sa.select(shipped_policy_set).where(its)))[0]
    texts = msgspec.json.decode(kept.texts)
    async with unit_of_work(service.database) as write:
        await write.run(sa.update(shipped_policy_set).where(its).values(texts={**texts, "off": "no_such_rule"}))
    with pytest.raises(Damaged, match="not those that decided"):
        await replay_decision(service.database.read(), caller, other, made.id)
    async with unit_of_work(service.database) as write:
        await write.run(sa.delete(shipped_policy_set).where(its))
    assert (await replay_decision(service.database.read(), caller, other, made.id)).reproduced is None
    async with unit_of_work(service.database) as write:
        await write.run(sa.insert(shipped_policy_set).values(digest=kept.digest, texts=texts, kept_at=kept.kept_at))
    assert (await replay_decision(service.database.read(), caller, other, made.id)).reproduced


async def test_policies_are_kept_by_the_first_decision_that_is_stored(
    cast: Cast, service: Service, tmp_path: Path
) -> None:
    """A decision that comes to nothing keeps none, and leaves nobody to believe that they are."""
    policies = with_policies(tmp_path, GOOD_BAR, file="jurisdictions/ak.cedar")
    made = await make_decision(cast.requesting, {"id": (await _ask(cast))["asset_id"]})
    its = sa.select(sa.func.count()).where(shipped_policy_set.c.digest == policies.digest)
    read = service.database.read()
    with contextlib.suppress(LookupError):
        async with unit_of_work(service.database) as write:
            keep_policies(write, policies, made.evaluated_at)
            raise LookupError
    await note_kept(read, policies)
    assert (await read.value(its), policies.is_kept) == (0, False)
    for _ in range(2):
        async with unit_of_work(service.database) as write:
            keep_policies(write, policies, made.evaluated_at)
    await note_kept(read, policies)
    assert (await read.value(its), policies.is_kept) == (1, True)
    caller = acting_for(cast.requesting, Role.COORDINATOR)
    async with unit_of_work(service.database) as write:
        row = await decision_row(write, made.id)
        again = (await redecide(write, caller, policies, row, "reserve")).recorded
    replayed = await replay_decision(service.database.read(), caller.principal, policies_of(service), again.id)
    assert (replayed.policies_changed, replayed.reproduced) == (True, True)


def test_the_service_does_not_start_without_whole_policies(tmp_path: Path) -> None:
    policies = Path(shutil.copytree(ROOT / "policies", tmp_path / "policies"))
    shutil.rmtree(policies / "baseline")
    settings = load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path), "REGISTRY_POLICIES_DIR": str(policies)})
    with pytest.raises(PolicySetError, match="is missing"):
        create_app(settings)


async def test_decisions_are_found_by_outcomes_partner_and_when_they_were_made(cast: Cast) -> None:
    asset = {"id": (await _ask(cast))["asset_id"]}
    made = await make_decision(cast.requesting, asset)
    reader, at = cast.assisting.coordinator, made.evaluated_at
    before, after = at.strftime("%Y-%m-%dT%H:%M:%SZ"), (at + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query, found in (
        (f"outcome={made.outcome}", True),
        (f"outcome={made.outcome}&outcome=denied", True),
        (f"outcome={'denied' if made.outcome != 'denied' else 'permitted'}", False),
        (f"partner_id={cast.requesting.id}", True),
        (f"partner_id={cast.assisting.id}", False),
        (f"evaluated_from={before}&evaluated_to={after}", True),
        (f"evaluated_from={after}", False),
        (f"evaluated_to={before}", False),
        ("policy_id=agreement_in_force", True),
        ("policy_id=nobody&policy_id=condition_report", True),
        ("policy_id=own_asset", False),
        ("action_at=request", True),
        ("action_at=extend", False),
        (f"purpose={made.purpose}", True),
        ("purpose=training", False),
        (f"request_id={uuid4()}", False),
    ):
        listed = (await reader.done("GET", f"/v1/decisions?{query}"))["items"]
        assert [item["id"] for item in listed] == ([str(made.id)] if found else []), query
    reversed_range = await reader.get(f"/v1/decisions?evaluated_from={after}&evaluated_to={before}")
    assert_problem(reversed_range, 422, "range_reversed")
