"""Approval: by the right side, never by whoever asks, for what was asked and under what holds when it is given."""

import asyncio
from typing import Any
from uuid import uuid4

from registry.platform.access.principals import Role
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast, make_agency
from tests.support.policy import window_of
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, submitted
from tests.support.service import Caller

REASON = {"reason": "two teams remain on duty (demo)"}


async def waiting(cast: Cast, **fields: Any) -> dict[str, Any]:
    """A request that needs the assisting agency's approval."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True})
    return await submitted(cast.requesting, await make_asset(cast.assisting), **fields)


async def reserved(cast: Cast, found: dict[str, Any]) -> Any:
    """What reserving on the request's first line answers."""
    body = {"decision_id": found["lines"][0]["decision"]["id"]}
    return await cast.assisting.coordinator.post("/v1/loans", body)


def allowed(found: dict[str, Any]) -> set[str]:
    """The actions that the request offers."""
    return {action["action"] for action in found["allowed_actions"] if action["allowed"]}


async def inbox(caller: Caller) -> list[str]:
    """The requests that wait for the caller."""
    return [item["id"] for item in (await caller.done("GET", "/v1/requests?waiting_for_me=true"))["items"]]


async def test_a_request_waits_for_the_side_whose_approval_it_needs(cast: Cast) -> None:
    found = await waiting(cast)
    assert found["status"] == found["lines"][0]["status"] == "needs_approval"
    assert found["lines"][0]["awaiting"] == ["approver@assisting"]
    assisting = found["lines"][0]["assisting_agency"]["name"]
    assert found["lines"][0]["awaiting_detail"] == [
        f"Somebody with the role approver at {assisting} has to approve it."
    ]
    assert found["lines"][0]["decided_at"] is None
    assert await inbox(cast.assisting.approver) == [found["id"]]
    assert await inbox(cast.assisting.coordinator) == []
    assert await inbox(cast.requesting.approver) == []
    seen = await cast.assisting.approver.done("GET", f"/v1/requests/{found['id']}")
    assert allowed(seen) == {"approve", "reject"}
    seen = await cast.requesting.approver.done("GET", f"/v1/requests/{found['id']}")
    assert allowed(seen) == {"update", "withdraw", "close_manually"}


async def test_the_right_approver_approves_and_the_asset_can_be_reserved(cast: Cast) -> None:
    found = await waiting(cast)
    assert_problem(await reserved(cast, found), 409)
    approved = await act(cast.assisting.approver, found, "approve", REASON)
    assert approved["status"] == approved["lines"][0]["status"] == "approved"
    assert approved["lines"][0]["awaiting"] == []
    assert approved["lines"][0]["decided_at"] is not None
    assert await inbox(cast.assisting.approver) == []
    assert (await reserved(cast, approved)).status_code == 201
    again = await cast.assisting.approver.post(f"/v1/requests/{found['id']}/approve", REASON)
    assert_problem(again, 409, "nothing_to_approve")


async def test_of_two_answers_at_once_one_counts(cast: Cast) -> None:
    path = f"/v1/requests/{(await waiting(cast))['id']}"
    yes, no = cast.assisting.as_(Role.APPROVER, subject="one"), cast.assisting.as_(Role.APPROVER, subject="other")
    read = (await yes.get(path)).headers["etag"]
    answers = await asyncio.gather(
        yes.post(f"{path}/approve", REASON, if_match=read), no.post(f"{path}/reject", REASON)
    )
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 412])
    expected = "approved" if answers[0].status_code == 200 else "rejected"
    assert (await yes.done("GET", path))["status"] == expected


async def test_a_rejected_request_can_only_be_asked_again_or_given_up(cast: Cast) -> None:
    found = await waiting(cast)
    rejected = await act(cast.assisting.approver, found, "reject", REASON)
    assert rejected["status"] == rejected["lines"][0]["status"] == "rejected"
    assert allowed(rejected) == set()
    seen = await cast.requesting.coordinator.done("GET", f"/v1/requests/{found['id']}")
    assert allowed(seen) == {"update", "withdraw"}
    ended = seen["lines"][0]["ended"]
    assert (ended["by_agency"]["id"], ended["reason"]) == (str(cast.assisting.id), REASON["reason"])
    assert_problem(await reserved(cast, found), 409)
    assert_problem(
        await cast.assisting.approver.post(f"/v1/requests/{found['id']}/approve", REASON), 409, "nothing_to_approve"
    )
    withdrawn = await act(cast.requesting.coordinator, found, "withdraw", REASON)
    assert (withdrawn["status"], withdrawn["lines"][0]["status"]) == ("withdrawn", "rejected")


async def test_nobody_else_approves(cast: Cast) -> None:
    path = f"/v1/requests/{(await waiting(cast))['id']}/approve"
    assert_problem(await cast.assisting.service.anonymous.post(path, REASON), 401)
    assert_problem(await cast.stranger.approver.post(path, REASON), 404, "not_found")
    assert_problem(await cast.assisting.coordinator.post(path, REASON), 403, "forbidden")
    assert_problem(await cast.assisting.machine.post(path, REASON), 403, "forbidden")
    assert_problem(await cast.requesting.approver.post(path, REASON), 409, "nothing_to_approve")
    assert_problem(await cast.assisting.approver.post(path, {}), 400)


async def test_an_approval_names_the_words_that_were_read(cast: Cast) -> None:
    """As an edit does; `*`, which names nothing, is as good as none. A rejection binds nobody, and need not."""
    found = await waiting(cast)
    path, approver = f"/v1/requests/{found['id']}", cast.assisting.approver
    read = (await approver.get(path)).headers["etag"]
    for unnamed in ({}, {"if-match": "*"}):
        answer = await approver.send("POST", f"{path}/approve", json=REASON, headers=unnamed)
        assert_problem(answer, 428, "precondition_required")
    assert_problem(await approver.post(f"{path}/approve", REASON, if_match='"9-00000000"'), 412, "stale_version")
    edit = {"summary": "Two searches (demo)."}
    await cast.requesting.coordinator.done("PATCH", path, edit, if_match="*")
    stale = await approver.post(f"{path}/approve", REASON, if_match=read)
    seen = await approver.get(path)
    assert assert_problem(stale, 412, "stale_version")["current_version"] == seen.json()["version"]
    assert (seen.json()["summary"], seen.json()["status"]) == (edit["summary"], "needs_approval")
    tag = seen.headers["etag"]
    first, again = [await approver.post(f"{path}/approve", REASON, if_match=tag, key=f"a-{path}") for _ in range(2)]
    assert first.json() == again.json()
    assert first.json()["status"] == "approved"
    other = await submitted(cast.requesting, await make_asset(cast.assisting))
    assert (await act(approver, other, "reject", REASON))["status"] == "rejected"


async def test_whoever_asks_does_not_approve_whatever_the_role_or_side(cast: Cast) -> None:
    agreement = {"approval_required": True}
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=agreement)
    asset = await make_asset(cast.assisting)
    subject = f"both-{uuid4()}"
    asker = cast.requesting.as_(Role.COORDINATOR, Role.APPROVER, Role.AGENCY_ADMIN, subject=subject)
    body = {"purpose": "mutual_aid", "summary": "x", "lines": [line_for(asset)]}
    made = await asker.done("POST", "/v1/requests", body)
    await asker.done("POST", f"/v1/requests/{made['id']}/submit")
    for agency in (cast.requesting, cast.assisting):
        same = agency.as_(Role.APPROVER, Role.AGENCY_ADMIN, subject=subject)
        for verb in ("approve", "reject"):
            assert_problem(await same.post(f"/v1/requests/{made['id']}/{verb}", REASON), 403, "own_request")
        assert await inbox(same) == []
        assert "approve" not in allowed(await same.done("GET", f"/v1/requests/{made['id']}"))


async def test_neither_who_drafts_nor_who_submits_approves(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True})
    asset = await make_asset(cast.assisting)
    drafts, submits = f"drafts-{uuid4()}", f"submits-{uuid4()}"
    body = {"purpose": "mutual_aid", "summary": "x", "lines": [line_for(asset)]}
    made = await cast.requesting.as_(Role.COORDINATOR, subject=drafts).done("POST", "/v1/requests", body)
    await act(cast.requesting.as_(Role.COORDINATOR, subject=submits), made, "submit", {})
    for subject in (drafts, submits):
        same = cast.assisting.as_(Role.APPROVER, subject=subject)
        assert await inbox(same) == []
        assert allowed(await same.done("GET", f"/v1/requests/{made['id']}")) == set()
        assert_problem(await same.post(f"/v1/requests/{made['id']}/approve", REASON), 403, "own_request")
    assert await inbox(cast.assisting.approver) == [made["id"]]


async def test_whoever_submitted_lines_that_were_replaced_since_may_approve(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True})
    asset = await make_asset(cast.assisting)
    drafts = cast.requesting.as_(Role.COORDINATOR, subject=f"drafts-{uuid4()}")
    both = f"both-{uuid4()}"
    body = {"purpose": "mutual_aid", "summary": "x", "lines": [line_for(asset)]}
    made = await drafts.done("POST", "/v1/requests", body)
    path = f"/v1/requests/{made['id']}"
    await act(cast.requesting.as_(Role.COORDINATOR, subject=both), made, "submit", {})
    approver = cast.assisting.as_(Role.APPROVER, subject=both)
    assert await inbox(approver) == []
    etag = (await drafts.get(path)).headers["etag"]
    moved = line_for(asset, window=window_of(start_in_hours=300))
    await drafts.done("PATCH", path, {"lines": [moved]}, if_match=etag)
    await act(drafts, made, "submit", {})
    assert await inbox(approver) == [made["id"]]
    assert allowed(await approver.done("GET", path)) == {"approve", "reject"}
    approved = await act(approver, made, "approve", REASON)
    assert [line["status"] for line in approved["lines"]] == ["withdrawn", "approved"]


async def test_the_requesting_side_approves_where_its_own_law_asks_for_it(cast: Cast) -> None:
    service = cast.assisting.service
    owner, agency = [await make_agency(service, name, state="WA") for name in ("Assisting", "Requesting")]
    await sign_agreement(service, owner, agency, kind="mou", terms={"approval_required": True})
    asset = await make_asset(owner, category="personnel.investigator", certification_required=False)
    found = await submitted(agency, asset, purpose="criminal_investigation")
    assert found["lines"][0]["awaiting"] == ["approver@assisting", "approver@requesting"]
    half = await act(owner.approver, found, "approve", REASON)
    assert half["status"] == "needs_approval"
    assert half["lines"][0]["awaiting"] == ["approver@requesting"]
    assert await inbox(owner.approver) == []
    assert await inbox(agency.approver) == [found["id"]]
    assert (await act(agency.approver, found, "approve", REASON))["status"] == "approved"


async def test_an_approver_answers_only_for_its_own_lines(cast: Cast) -> None:
    terms = {"approval_required": True}
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    await sign_agreement(cast.neighbour.service, cast.neighbour, cast.requesting, terms=terms)
    lines = [line_for(await make_asset(cast.assisting)), line_for(await make_asset(cast.neighbour))]
    found = await submitted(cast.requesting, {}, lines=lines)
    assert (await act(cast.neighbour.approver, found, "reject", REASON))["status"] == "rejected"
    assert (await act(cast.assisting.approver, found, "approve", REASON))["status"] == "approved"
    seen = await cast.requesting.coordinator.done("GET", f"/v1/requests/{found['id']}")
    assert [line["status"] for line in seen["lines"]] == ["approved", "rejected"]
    assert seen["status"] == "approved"


async def test_what_was_suspended_since_is_not_approved(cast: Cast) -> None:
    agreement = await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True}
    )
    found = await submitted(cast.requesting, await make_asset(cast.assisting))
    before = await cast.assisting.approver.done("GET", f"/v1/requests/{found['id']}")
    await cast.assisting.legal.done("POST", f"/v1/agreements/{agreement['id']}/suspend", REASON)
    refused = await cast.assisting.approver.post(f"/v1/requests/{found['id']}/approve", REASON)
    problem = assert_problem(refused, 409, "decision_worsened")
    assert problem["outcome"] == "denied"
    seen = await cast.assisting.approver.done("GET", f"/v1/requests/{found['id']}")
    assert seen["status"] == "needs_approval"
    assert seen["version"] == before["version"]


async def test_revising_what_is_asked_voids_approvals_until_it_is_decided_anew(cast: Cast) -> None:
    found = await waiting(cast)
    approved = await act(cast.assisting.approver, found, "approve", REASON)
    path, caller = f"/v1/requests/{found['id']}", cast.requesting.coordinator
    etag = (await caller.get(path)).headers["etag"]
    revised = await caller.done("PATCH", path, {"priority": "urgent"}, if_match=etag)
    assert revised["status"] == "submitted"
    assert revised["lines"][0]["status"] == "draft"
    assert revised["lines"][0]["decision"] is None
    assert_problem(await reserved(cast, approved), 409, "decision_withdrawn")
    assert_problem(await cast.assisting.approver.post(f"{path}/approve", REASON), 409, "nothing_to_approve")
    again = await act(caller, found, "submit", {})
    assert again["status"] == "needs_approval"
    assert again["lines"][0]["decision"]["root_decision_id"] != approved["lines"][0]["decision"]["root_decision_id"]
    assert_problem(await reserved(cast, again), 409)
    approved = await act(cast.assisting.approver, found, "approve", REASON)
    assert (await reserved(cast, approved)).status_code == 201


async def test_replacing_lines_withdraws_the_old_ones_and_hides_the_new_until_they_are_asked(cast: Cast) -> None:
    found = await waiting(cast)
    path, caller = f"/v1/requests/{found['id']}", cast.requesting.coordinator
    etag = (await caller.get(path)).headers["etag"]
    moved = line_for({"id": found["lines"][0]["asset_id"]}, window=window_of(start_in_hours=300))
    revised = await caller.done("PATCH", path, {"lines": [moved]}, if_match=etag)
    assert [(line["line_no"], line["status"]) for line in revised["lines"]] == [(1, "withdrawn"), (2, "draft")]
    seen = await cast.assisting.coordinator.done("GET", path)
    assert [(line["line_no"], line["status"]) for line in seen["lines"]] == [(1, "withdrawn")]
    assert seen["status"] == "withdrawn"
    await act(caller, found, "submit", {})
    seen = await cast.assisting.coordinator.done("GET", path)
    assert [line["status"] for line in seen["lines"]] == ["withdrawn", "needs_approval"]
    assert seen["status"] == "needs_approval"


async def test_other_words_void_the_approvals_of_who_read_the_first_ones(cast: Cast) -> None:
    """Neither the summary nor a note is read by policies, and both are by people."""
    found = await waiting(cast)
    path, caller = f"/v1/requests/{found['id']}", cast.requesting.coordinator
    line = found["lines"][0]
    same = {name: line[name] for name in ("asset_id", "quantity", "window", "place")} | {"note": "gate B"}
    line_path = f"{path}/lines/{line['id']}"
    edits = ((path, {"summary": "Vehicle search"}), (path, {"lines": [same]}), (line_path, {"note": "gate C"}))
    for edited_path, body in edits:
        approved = await act(cast.assisting.approver, found, "approve", REASON)
        edited = await caller.done("PATCH", edited_path, body, if_match="*")
        assert (edited["status"], edited["lines"][0]["awaiting"]) == ("needs_approval", ["approver@assisting"])
        assert_problem(await reserved(cast, approved), 409, "decision_withdrawn")
        assert_problem(await reserved(cast, edited), 409, "decision_not_satisfied")
        assert await inbox(cast.assisting.approver) == [found["id"]]
        page = await cast.assisting.auditor.done("GET", f"{path}/history")
        told = next(event["data"] for event in page["items"] if event["type"] == "request.updated")
        (decided,) = told["lines_decided"]
        assert (decided["approvals_void"], decided["status"]) == (True, {"from": "approved", "to": "needs_approval"})
    again = await caller.done("PATCH", path, {"summary": "Search of a vehicle"}, if_match="*")
    assert again["lines"][0]["decision"]["id"] == edited["lines"][0]["decision"]["id"], "nobody had approved since"
    approved = await act(cast.assisting.approver, found, "approve", REASON)
    assert (await reserved(cast, approved)).status_code == 201
    lent = await caller.done("PATCH", path, {"summary": "A search"}, if_match="*")
    assert lent["lines"][0]["status"] == "reserved", "what is lent stays as it was approved"


async def test_who_is_asked_reads_what_was_sent_until_a_revision_is(cast: Cast) -> None:
    found = await waiting(cast, incident_number="26-7")
    path, asker, owner = f"/v1/requests/{found['id']}", cast.requesting.coordinator, cast.assisting.coordinator
    words = ("purpose", "priority", "incident_number", "summary")
    sent = {name: found[name] for name in words}
    revised = {"purpose": "mutual_aid", "priority": "urgent", "incident_number": "26-8", "summary": "Rewritten (demo)."}
    mine = await asker.done("PATCH", path, {name: revised[name] for name in words[:3]}, if_match="*")
    mine = await asker.done("PATCH", path, {"summary": revised["summary"]}, if_match="*")
    assert {name: mine[name] for name in words} == revised

    async def read_by(caller: Caller) -> list[dict[str, Any]]:
        shown = await caller.done("GET", path)
        (listed,) = (await caller.done("GET", f"/v1/requests?incident_number={shown['incident_number']}"))["items"]
        return [{name: each[name] for name in words} for each in (shown, listed)]

    assert await read_by(owner) == [sent, sent]
    assert (await owner.done("GET", "/v1/requests?q=rewritten"))["items"] == []
    assert len((await asker.done("GET", "/v1/requests?q=rewritten"))["items"]) == 1
    history = (await cast.assisting.auditor.get(f"{path}/history")).text
    assert "26-8" not in history
    assert "mutual_aid" not in history
    before = (await owner.done("GET", path))["version"]
    await act(asker, found, "submit", {})
    assert await read_by(owner) == await read_by(asker) == [revised, revised]
    assert (await owner.done("GET", path))["version"] > before
