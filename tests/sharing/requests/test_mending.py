"""What is denied, rejected or declined is mended and asked again, and what was said before stays beside it."""

from typing import Any
from uuid import uuid4

import pytest

from registry.platform.access.principals import Role
from registry.sharing.requests.schemas import given
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.policy import window_of
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, need_line, sourced, submitted

pytestmark = pytest.mark.second_later

NO = {"reason_code": "committed_elsewhere", "reason": "the team is at the fair (demo)"}
WHY = {"reason": "as told on the telephone (demo)"}
LATER = {"start": "2090-07-05T18:00:00Z", "end": "2090-07-05T23:00:00Z"}


async def asked(cast: Cast, *hours: int, **terms: Any) -> dict[str, Any]:
    """A request with a line of so many hours each, for an asset of its own; more than 72 are denied, if not otherwise
    said.
    """
    terms = {"max_duration_hours": 72} | terms
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    bodies = [line_for(await make_asset(cast.assisting), window=window_of(hours=each)) for each in hours]
    return await submitted(cast.requesting, {}, lines=bodies)


def path_of(found: dict[str, Any], verb: str = "", number: int = 0) -> str:
    """The path of the line, or of a verb of it."""
    path = f"/v1/requests/{found['id']}/lines/{found['lines'][number]['id']}"
    return f"{path}/{verb}" if verb else path


async def edit(cast: Cast, found: dict[str, Any], body: object, number: int = 0) -> dict[str, Any]:
    """The request after this edit of the line."""
    caller = cast.requesting.coordinator
    etag = (await caller.get(f"/v1/requests/{found['id']}")).headers["etag"]
    edited: dict[str, Any] = await caller.done("PATCH", path_of(found, number=number), body, if_match=etag)
    return edited


def statuses(found: dict[str, Any]) -> list[str]:
    """Those of the lines, in order."""
    return [line["status"] for line in found["lines"]]


async def lend(cast: Cast, found: dict[str, Any], number: int = 0) -> dict[str, Any]:
    """A loan for the line."""
    body = {"decision_id": found["lines"][number]["decision"]["id"]}
    loan: dict[str, Any] = await cast.assisting.coordinator.done("POST", "/v1/loans", body)
    return loan


async def test_a_denied_line_is_mended_submitted_and_lent_beside_the_denial(cast: Cast) -> None:
    found = await asked(cast, 100)
    assert found["status"] == "denied"
    (denied,) = found["lines"]
    assert denied["ended"]["by_agency"] is None
    assert denied["ended"]["reason"] == denied["decision"]["reasons"][0]["reason"]
    shorter = window_of(hours=10)
    edited = await edit(cast, found, {"window": {"start": shorter.start.isoformat(), "end": shorter.end.isoformat()}})
    assert (edited["status"], statuses(edited)) == ("submitted", ["denied", "draft"])
    assert (edited["lines"][0]["replaced_by_line_no"], edited["lines"][1]["replaces_line_no"]) == (2, 1)
    theirs = await cast.assisting.coordinator.done("GET", f"/v1/requests/{found['id']}")
    assert statuses(theirs) == ["denied"], "a draft is nobody else's"
    assert theirs["lines"][0]["replaced_by_line_no"] is None
    again = await act(cast.requesting.coordinator, found, "submit", {})
    assert (again["status"], statuses(again)) == ("permitted", ["denied", "permitted"])
    await lend(cast, again, 1)
    for side in (cast.requesting, cast.assisting):
        request = await side.coordinator.done("GET", f"/v1/requests/{found['id']}")
        assert (request["status"], statuses(request)) == ("filled", ["denied", "reserved"])
        earlier, now = request["lines"]
        assert earlier["decision"]["id"] == denied["decision"]["id"] != now["decision"]["id"]
        assert (earlier["replaced_by_line_no"], now["replaces_line_no"]) == (2, 1)
        assert earlier["ended"] == denied["ended"]


async def test_a_declined_line_is_asked_again_as_it_stands_and_decided_anew(cast: Cast) -> None:
    found = await asked(cast, 5)
    await cast.assisting.coordinator.done("POST", path_of(found, "decline"), NO)
    again = await cast.requesting.coordinator.done("POST", path_of(found, "ask-again"), {})
    assert (again["status"], statuses(again)) == ("permitted", ["declined", "permitted"])
    earlier, now = again["lines"]
    for name in ("asset_id", "quantity", "window", "place", "note", "asset_name", "category"):
        assert earlier[name] == now[name]
    assert earlier["ended"]["reason"] == NO["reason"]
    assert now["ended"] is None
    assert (earlier["replaced_by_line_no"], now["replaces_line_no"]) == (2, 1)
    await lend(cast, again, 1)
    assert_problem(await cast.requesting.coordinator.post(path_of(found, "ask-again"), {}), 409, "wrong_status")


async def test_a_loan_that_its_owner_cancelled_is_asked_for_again(cast: Cast) -> None:
    found = await asked(cast, 5)
    loan = await lend(cast, found)
    await cast.assisting.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", WHY)
    again = await cast.requesting.coordinator.done("POST", path_of(found, "ask-again"), {})
    assert (again["status"], statuses(again)) == ("permitted", ["declined", "permitted"])
    assert again["lines"][0]["ended_loan"]["id"] == loan["id"]
    await lend(cast, again, 1)


async def test_a_rejected_line_is_asked_again_and_needs_approval_anew(cast: Cast) -> None:
    found = await asked(cast, 5, approval_required=True)
    await act(cast.assisting.approver, found, "reject", WHY)
    again = await cast.requesting.coordinator.done("POST", path_of(found, "ask-again"), {})
    assert (again["status"], statuses(again)) == ("needs_approval", ["rejected", "needs_approval"])
    approved = await act(cast.assisting.approver, found, "approve", WHY)
    assert statuses(approved) == ["rejected", "approved"]


async def test_what_was_denied_is_decided_by_what_holds_when_it_is_asked_again(cast: Cast) -> None:
    asset = await make_asset(cast.assisting, sharing="network")
    found = await submitted(cast.requesting, asset)
    assert found["status"] == "denied"
    still = await cast.requesting.coordinator.done("POST", path_of(found, "ask-again"), {})
    assert (still["status"], statuses(still)) == ("denied", ["denied", "denied"])
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    now = await cast.requesting.coordinator.done("POST", path_of(still, "ask-again", 1), {})
    assert (now["status"], statuses(now)) == ("permitted", ["denied", "denied", "permitted"])


async def test_another_asset_is_asked_for_and_its_owner_learns_nothing_of_the_refusal(cast: Cast) -> None:
    found = await asked(cast, 5)
    await sign_agreement(cast.neighbour.service, cast.neighbour, cast.requesting)
    other = await make_asset(cast.neighbour)
    await cast.assisting.coordinator.done("POST", path_of(found, "decline"), NO)
    await edit(cast, found, {"asset_id": other["id"]})
    again = await act(cast.requesting.coordinator, found, "submit", {})
    assert (again["status"], statuses(again)) == ("permitted", ["declined", "permitted"])
    theirs = await cast.neighbour.coordinator.get(f"/v1/requests/{found['id']}")
    history = await cast.neighbour.auditor.get(f"/v1/requests/{found['id']}/history")
    (line,) = theirs.json()["lines"]
    assert (line["asset_id"], line["replaces_line_no"]) == (other["id"], None)
    for secret in (NO["reason"], str(cast.assisting.id), found["lines"][0]["id"]):
        assert secret not in theirs.text + history.text
    former = await cast.assisting.coordinator.get(f"/v1/requests/{found['id']}")
    assert former.json()["lines"][0]["replaced_by_line_no"] is None
    assert former.json()["lines"][0]["ended"]["reason"] == NO["reason"]
    assert former.json()["status"] == "withdrawn", "nothing is asked of it any more"
    for secret in (other["id"], str(cast.neighbour.id)):
        assert secret not in former.text


async def test_what_all_lines_are_for_is_edited_and_each_refused_one_is_asked_again(cast: Cast) -> None:
    found = await asked(cast, 5, 6, 100, least_priority="urgent")
    assert statuses(found) == ["denied"] * 3
    caller, path = cast.requesting.coordinator, f"/v1/requests/{found['id']}"
    etag = (await caller.get(path)).headers["etag"]
    edited = await caller.done("PATCH", path, {"priority": "urgent"}, if_match=etag)
    assert statuses(edited) == ["denied"] * 3 + ["draft"] * 3
    assert [line["replaced_by_line_no"] for line in edited["lines"][:3]] == [4, 5, 6]
    again = await act(caller, found, "submit", {})
    assert statuses(again) == ["denied"] * 3 + ["permitted", "permitted", "denied"]


async def test_all_lines_of_a_refused_request_are_replaced(cast: Cast) -> None:
    found = await asked(cast, 100, 110)
    caller, path = cast.requesting.coordinator, f"/v1/requests/{found['id']}"
    etag = (await caller.get(path)).headers["etag"]
    bodies = [line_for({"id": found["lines"][1]["asset_id"]}, window=window_of(hours=7))]
    edited = await caller.done("PATCH", path, {"lines": bodies}, if_match=etag)
    assert statuses(edited) == ["denied", "denied", "draft"]
    assert (await act(caller, found, "submit", {}))["status"] == "permitted"


async def test_a_partly_filled_request_goes_on_line_by_line(cast: Cast) -> None:
    found = await asked(cast, 5, 100, 6, 7)
    await lend(cast, found)
    caller, path = cast.requesting.coordinator, f"/v1/requests/{found['id']}"
    assert (await caller.done("GET", path))["status"] == "partially_filled"
    gone = await caller.done("POST", path_of(found, "withdraw", 2), WHY)
    assert statuses(gone) == ["reserved", "denied", "withdrawn", "permitted"]
    assert gone["lines"][2]["ended"]["reason"] == WHY["reason"]
    assert gone["lines"][2]["ended"]["by_agency"] == cast.requesting.reference
    edited = await edit(cast, found, {"window": LATER}, 3)
    assert (edited["status"], statuses(edited)[3:]) == ("partially_filled", ["withdrawn", "draft"])
    assert {each["action"] for each in edited["allowed_actions"] if each["allowed"]} == {"update", "submit"}
    again = await act(caller, found, "submit", {})
    assert (again["status"], statuses(again)[3:]) == ("partially_filled", ["withdrawn", "permitted"])
    assert "submit" not in {each["action"] for each in again["allowed_actions"] if each["allowed"]}
    etag = (await caller.get(path)).headers["etag"]
    urgent = await caller.done("PATCH", path, {"priority": "urgent"}, if_match=etag)
    assert statuses(urgent) == ["reserved", "denied", "withdrawn", "withdrawn", "draft", "draft"]
    await act(caller, found, "submit", {})
    closed = await act(cast.requesting.as_(Role.APPROVER, subject="commander"), found, "close-manually", WHY)
    assert (closed["status"], closed["lines"][4]["ended"]["reason"]) == ("closed_manually", WHY["reason"])
    refused = await caller.post(path_of(found, "ask-again", 1), {})
    assert_problem(refused, 409, "wrong_status")


async def test_withdrawing_the_last_line_withdraws_the_request(cast: Cast) -> None:
    found = await asked(cast, 5)
    gone = await cast.requesting.coordinator.done("POST", path_of(found, "withdraw"), WHY)
    assert (gone["status"], gone["ended_reason"]) == ("withdrawn", WHY["reason"])
    assert_problem(await cast.requesting.coordinator.post(path_of(found, "withdraw"), WHY), 409, "wrong_status")
    refused = await cast.assisting.coordinator.post("/v1/loans", {"decision_id": found["lines"][0]["decision"]["id"]})
    assert_problem(refused, 409, "decision_withdrawn")


async def test_a_line_of_a_draft_is_edited_where_it_stands_and_withdrawn_alone(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    bodies = [line_for(await make_asset(cast.assisting)) for _ in range(2)]
    caller = cast.requesting.coordinator
    body = {"purpose": "mutual_aid", "summary": "x", "lines": bodies}
    found = await caller.done("POST", "/v1/requests", body)
    edited = await edit(cast, found, {"window": LATER, "place": {"latitude": 44.9, "longitude": -93.1}})
    assert (edited["status"], statuses(edited)) == ("draft", ["draft", "draft"])
    assert edited["lines"][0]["window"] == LATER
    assert edited["lines"][0]["id"] == found["lines"][0]["id"]
    assert (await edit(cast, found, {"place": None}))["lines"][0]["place"] is None
    one = await caller.done("POST", path_of(found, "withdraw"), WHY)
    assert (one["status"], statuses(one)) == ("draft", ["withdrawn", "draft"])
    none = await caller.done("POST", path_of(found, "withdraw", 1), WHY)
    assert none["status"] == "withdrawn"
    assert_problem(await cast.assisting.coordinator.get(f"/v1/requests/{found['id']}"), 404, "not_found")


async def test_another_note_leaves_the_decision_standing_and_no_change_changes_nothing(cast: Cast) -> None:
    found = await asked(cast, 5)
    noted = await edit(cast, found, {"note": "gate B"})
    assert (noted["status"], noted["lines"][0]["note"], noted["version"]) == ("permitted", "gate B", 3)
    assert (await edit(cast, found, {"note": "gate B", "quantity": 1}))["version"] == 3


async def test_only_the_requesting_agency_mends_and_only_its_own_lines(cast: Cast) -> None:
    found = await asked(cast, 100)
    caller, body = cast.requesting.coordinator, {"window": LATER}
    etag = (await caller.get(f"/v1/requests/{found['id']}")).headers["etag"]
    theirs = cast.assisting.coordinator
    for verb, sent in (("ask-again", {}), ("withdraw", WHY)):
        path = path_of(found, verb)
        assert_problem(await cast.requesting.service.anonymous.post(path, sent), 401)
        assert_problem(await cast.stranger.coordinator.post(path, sent), 404, "not_found")
        assert_problem(await theirs.post(path, sent), 403, "forbidden")
        assert_problem(await cast.requesting.auditor.post(path, sent), 403, "forbidden")
        assert_problem(await caller.post(path, sent, if_match='"9-00000000"'), 412, "stale_version")
        unknown = f"/v1/requests/{found['id']}/lines/{uuid4()}/{verb}"
        assert_problem(await caller.post(unknown, sent), 404, "not_found")
    assert_problem(await theirs.patch(path_of(found), body, if_match=etag), 403, "forbidden")
    assert_problem(await caller.patch(path_of(found), body), 428, "precondition_required")
    assert_problem(await caller.patch(path_of(found), body, if_match='"9-00000000"'), 412, "stale_version")
    turned = {"window": {"start": LATER["end"], "end": LATER["start"]}}
    problem = assert_problem(await caller.patch(path_of(found), turned, if_match=etag), 422, "window_reversed")
    assert problem["errors"][0]["pointer"] == "/window/end"
    hidden = await make_asset(cast.neighbour)
    unseen = await caller.patch(path_of(found), {"asset_id": hidden["id"]}, if_match=etag)
    assert assert_problem(unseen, 422, "unknown_asset")["errors"][0]["pointer"] == "/asset_id"
    own = await make_asset(cast.requesting)
    assert_problem(await caller.patch(path_of(found), {"asset_id": own["id"]}, if_match=etag), 422, "own_asset")
    many = await caller.patch(path_of(found), {"quantity": 2}, if_match=etag)
    assert_problem(many, 422, "quantity_over_capacity")


async def test_asking_again_once_however_often_it_is_sent(cast: Cast) -> None:
    found = await asked(cast, 100)
    caller, path, key = cast.requesting.coordinator, path_of(found, "ask-again"), f"again-{found['id']}"
    first = await caller.post(path, {}, key=key)
    assert (await caller.post(path, {}, key=key)).content == first.content
    assert statuses(first.json()) == ["denied", "denied"]


async def test_a_request_does_not_grow_without_end(cast: Cast, monkeypatch: Any) -> None:
    monkeypatch.setattr("registry.sharing.requests.commands.lines.MOST_LINES_EVER", 2)
    assert given.MOST_LINES_EVER > given.MOST_LINES
    found = await asked(cast, 100)
    again = await cast.requesting.coordinator.done("POST", path_of(found, "ask-again"), {})
    refused = await cast.requesting.coordinator.post(path_of(again, "ask-again", 1), {})
    assert_problem(refused, 422, "too_many_lines")


async def test_agencies_that_are_asked_count_among_the_lines_of_a_request(cast: Cast, monkeypatch: Any) -> None:
    monkeypatch.setattr("registry.sharing.requests.commands.lines.MOST_LINES_EVER", 4)
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"max_duration_hours": 72})
    lines = [need_line(), line_for(await make_asset(cast.assisting), window=window_of(hours=100))]
    found = await sourced(cast.requesting, [cast.assisting], lines=lines)
    caller = cast.requesting.coordinator
    again = await caller.done("POST", path_of(found, "ask-again", 1), {})
    assert len(again["lines"]) == 4
    assert_problem(await caller.post(path_of(again, "ask-again", 3), {}), 422, "too_many_lines")
    more = {"tiers": [[str(cast.stranger.id)]]}
    assert_problem(await caller.post(path_of(again, "source"), more), 422, "too_many_lines")
