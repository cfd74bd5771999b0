"""The version, the ETag and `updated_at` that a lender reads of a request move with its own lines and the shared head.

Of two lenders asked in one request each reads before and after every act of the other and of the requesting agency.
What it is shown is the same: then nothing that tells of a change moves, nor has its history one event more. It is
another: then the version and the ETag are too.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window, utc_now
from registry.sharing.requests.commands import asking
from registry.sharing.requests.schemas.given import NewRequest
from tests.sharing.requests.test_expiring import expire
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.policy import acting_for, policies_of, window_of
from tests.support.problems import assert_problem
from tests.support.requests import accepted_by, act, line_for, need_line, sourced, submitted

pytestmark = pytest.mark.second_later

REASON = {"reason": "as told on the telephone (demo)"}
NO = {"reason_code": "crew_lacking", "reason": "Both handlers are on leave (demo)."}
CHANGES = ("version", "updated_at")
Made = dict[str, Any]


async def of_two_lenders(cast: Cast, **terms: Any) -> Made:
    """A submitted request: its first line asks the assisting agency, its second one the neighbour."""
    lines = []
    for owner in (cast.assisting, cast.neighbour):
        await sign_agreement(owner.service, owner, cast.requesting, terms={"approval_required": True, **terms})
        lines.append(line_for(await make_asset(owner)))
    return await submitted(cast.requesting, {}, lines=lines)


async def told(lender: Agency, request_id: object) -> dict[str, Any]:
    """All that a lender reads of the request."""
    who = lender.coordinator
    answer = await who.get(f"/v1/requests/{request_id}")
    one = answer.json()
    (listed,) = (await who.done("GET", f"/v1/requests?ids={request_id}"))["items"]
    since = await who.done("GET", f"/v1/requests?ids={request_id}&updated_from={one['updated_at']}&sort=-updated_at")
    history = await lender.auditor.done("GET", f"/v1/requests/{request_id}/history?sort=version")
    return {
        "one": {name: value for name, value in one.items() if name not in CHANGES},
        "listed": {name: value for name, value in listed.items() if name not in CHANGES},
        "changes": [one[name] for name in CHANGES],
        "etag": answer.headers["etag"],
        "rest": [
            [listed[name] for name in CHANGES],
            [each["version"] for each in since["items"]],
            [event["type"] for event in history["items"]],
        ],
    }


async def patched(cast: Cast, made: Made, body: object, path: str = "") -> Any:
    """The request, edited by its own agency."""
    return await cast.requesting.coordinator.done("PATCH", f"/v1/requests/{made['id']}{path}", body, if_match="*")


def second(made: Made) -> str:
    """The path of the neighbour's line below the request."""
    return f"/lines/{made['lines'][1]['id']}"


def asked(line: Made, **fields: Any) -> Made:
    """The line as it is sent."""
    return {name: line[name] for name in ("asset_id", "quantity", "window", "place", "note")} | fields


async def approve(cast: Cast, made: Made) -> None:
    await act(cast.neighbour.approver, made, "approve")


async def reject(cast: Cast, made: Made) -> None:
    await act(cast.neighbour.approver, made, "reject")


async def reject_and_ask_again(cast: Cast, made: Made) -> None:
    await reject(cast, made)
    await cast.requesting.coordinator.done("POST", f"/v1/requests/{made['id']}{second(made)}/ask-again", {})


async def decline(cast: Cast, made: Made) -> None:
    await cast.neighbour.coordinator.done("POST", f"/v1/requests/{made['id']}{second(made)}/decline", NO)


async def reserve(cast: Cast, made: Made) -> None:
    await approve(cast, made)
    decision = {"decision_id": made["lines"][1]["decision"]["root_decision_id"]}
    await cast.neighbour.coordinator.done("POST", "/v1/loans", decision)


async def withdraw_line(cast: Cast, made: Made) -> None:
    await cast.requesting.coordinator.done("POST", f"/v1/requests/{made['id']}{second(made)}/withdraw", REASON)


async def note_on_line(cast: Cast, made: Made) -> None:
    await patched(cast, made, {"note": "by the north gate"}, second(made))


async def notes_on_all(cast: Cast, made: Made) -> None:
    first, other = made["lines"]
    await patched(cast, made, {"lines": [asked(first), asked(other, note="by the north gate")]})


async def another_time(cast: Cast, made: Made) -> None:
    window = msgspec.to_builtins(window_of(start_in_hours=300))
    await patched(cast, made, {"window": window}, second(made))
    await act(cast.requesting.coordinator, made, "submit", {})


async def changed_asset(cast: Cast, made: Made) -> None:
    its = made["lines"][1]["asset_id"]
    changed = await cast.neighbour.admin.done("PATCH", f"/v1/assets/{its}", {"description": "other"}, if_match="*")
    body = {"lines": [{"line_no": 2, "asset_version": changed["version"]}]}
    await act(cast.requesting.coordinator, made, "accept-changed-assets", body)


UNSEEN = (
    *(approve, reject, reject_and_ask_again, decline, reserve, withdraw_line, note_on_line, notes_on_all),
    *(another_time, changed_asset),
)


async def own_approval(cast: Cast, made: Made) -> None:
    await act(cast.assisting.approver, made, "approve")


async def own_note(cast: Cast, made: Made) -> None:
    await patched(cast, made, {"note": "by the gate"}, f"/lines/{made['lines'][0]['id']}")


async def other_summary(cast: Cast, made: Made) -> None:
    await patched(cast, made, {"summary": "Two vehicles (demo)."})


async def other_priority(cast: Cast, made: Made) -> None:
    await patched(cast, made, {"priority": "urgent"})


async def withdraw(cast: Cast, made: Made) -> None:
    await act(cast.requesting.coordinator, made, "withdraw")


async def close(cast: Cast, made: Made) -> None:
    await act(cast.requesting.approver, made, "close-manually")


SEEN = (own_approval, own_note, other_summary, other_priority, withdraw, close)
Act = Callable[[Cast, Made], Awaitable[None]]


@pytest.mark.parametrize("done", UNSEEN, ids=lambda each: each.__name__)
async def test_what_concerns_another_lender_alone_moves_nothing(cast: Cast, done: Act) -> None:
    made = await of_two_lenders(cast)
    before = await told(cast.assisting, made["id"])
    await done(cast, made)
    assert await told(cast.assisting, made["id"]) == before
    ours = await cast.requesting.coordinator.done("GET", f"/v1/requests/{made['id']}")
    assert ours["version"] > made["version"], "the requesting agency reads of it"


@pytest.mark.parametrize("done", SEEN, ids=lambda each: each.__name__)
async def test_what_a_lender_is_shown_moves_its_version(cast: Cast, done: Act) -> None:
    made = await of_two_lenders(cast)
    before = await told(cast.assisting, made["id"])
    await done(cast, made)
    after = await told(cast.assisting, made["id"])
    assert after["one"] != before["one"]
    assert after["changes"][0] > before["changes"][0]
    assert after["changes"][1] > before["changes"][1]
    assert after["etag"] != before["etag"]
    assert after["rest"][0] == after["changes"], "the list says the same"
    assert after["rest"][1] == [after["changes"][0]], "who asks for changes since then is given it"
    assert len(after["rest"][2]) == len(before["rest"][2]) + 1


async def test_a_lender_names_the_version_that_it_was_given(cast: Cast) -> None:
    made = await of_two_lenders(cast)
    path = f"/v1/requests/{made['id']}"
    read = await cast.assisting.approver.get(path)
    await approve(cast, made)
    await patched(cast, made, {"note": "by the north gate"}, second(made))
    seen = await cast.assisting.approver.post(f"{path}/approve", REASON, if_match=read.headers["etag"])
    assert seen.is_success, "nothing that it reads has changed"
    stale = await cast.assisting.approver.post(f"{path}/reject", REASON, if_match=read.headers["etag"])
    problem = assert_problem(stale, 412, "stale_version")
    assert problem["current_version"] == seen.json()["version"]
    ours = await cast.requesting.coordinator.get(path)
    assert (await cast.requesting.coordinator.patch(path, {"summary": "x"}, if_match=ours.headers["etag"])).is_success


async def test_an_edit_of_the_head_and_of_a_line_tells_each_lender_its_part(cast: Cast) -> None:
    made = await of_two_lenders(cast)
    first, other = made["lines"]
    lines = [asked(first), asked(other, note="by the north gate")]
    await patched(cast, made, {"summary": "Two vehicles (demo).", "lines": lines})
    changed = []
    for lender in (cast.assisting, cast.neighbour):
        page = await lender.auditor.done("GET", f"/v1/requests/{made['id']}/history")
        changed.append(page["items"][0]["data"])
    both = {"changed": True}
    assert changed == [{"summary": both}, {"summary": both, "note": both}]


async def test_the_last_line_says_why_to_the_lender_that_it_asked(cast: Cast) -> None:
    """Another one, whose line was withdrawn before, goes on reading why that was."""
    made = await of_two_lenders(cast)
    path = f"/v1/requests/{made['id']}"
    first, last = ({"reason": f"{no} team will do (demo)"} for no in ("One", "No"))
    await cast.requesting.coordinator.done("POST", f"{path}/lines/{made['lines'][0]['id']}/withdraw", first)
    before = await told(cast.assisting, made["id"])
    ours = await cast.requesting.coordinator.done("POST", f"{path}{second(made)}/withdraw", last)
    assert (ours["status"], ours["ended_reason"]) == ("withdrawn", last["reason"])
    assert await told(cast.assisting, made["id"]) == before
    assert (before["one"]["status"], before["one"]["ended_reason"]) == ("withdrawn", first["reason"])
    theirs = await cast.neighbour.coordinator.done("GET", path)
    assert (theirs["status"], theirs["ended_reason"]) == ("withdrawn", last["reason"])


async def test_that_the_rest_expired_is_told_to_the_requesting_agency_alone(cast: Cast) -> None:
    then = utc_now().replace(microsecond=0) - timedelta(days=20)
    made = await asked_long_ago(cast, then)
    await expire(cast, then + timedelta(hours=7))
    before = await told(cast.assisting, made)
    assert before["rest"][2][-1] == "request.line_expired"
    await expire(cast, utc_now())
    assert await told(cast.assisting, made) == before
    assert (await told(cast.requesting, made))["rest"][2][-1] == "request.expired"


async def asked_long_ago(cast: Cast, then: datetime) -> object:
    """A request whose first line ended hours before its second one, asked of two lenders; its id."""
    lines, window = [], Window(start=then + timedelta(hours=1), end=then + timedelta(hours=5))
    for owner, hours in ((cast.assisting, 0), (cast.neighbour, 4)):
        await sign_agreement(owner.service, owner, cast.requesting, terms={}, effective_on="2020-01-01")
        its = Window(start=window.start, end=window.end + timedelta(hours=hours))
        lines.append(line_for(await make_asset(owner), window=its))
    new = msgspec.convert({"purpose": "mutual_aid", "summary": "x", "lines": lines}, NewRequest)
    caller = acting_for(cast.requesting, Role.COORDINATOR, now=then)
    async with unit_of_work(cast.requesting.service.database) as write:
        made = await asking.create_request(write, caller, new)
        await asking.submit_request(write, caller, policies_of(cast.requesting.service), made.id)
    return made.id


async def of_a_need(cast: Cast, **terms: Any) -> Made:
    """A need of three that the assisting agency and the neighbour are asked for at once."""
    for owner in (cast.assisting, cast.neighbour):
        await sign_agreement(owner.service, owner, cast.requesting, terms={"approval_required": True, **terms})
    return await sourced(cast.requesting, [cast.assisting, cast.neighbour], lines=[need_line(quantity=3)])


async def offered(lender: Agency, made: Made, **fields: Any) -> Made:
    """The request as the lender reads it after its offer, of one unless said otherwise."""
    (line,) = (await lender.coordinator.done("GET", f"/v1/requests/{made['id']}"))["lines"]
    body = {"asset_id": (await make_asset(lender, capacity=3))["id"], **fields}
    done: Made = await lender.coordinator.done("POST", f"/v1/requests/{made['id']}/lines/{line['id']}/offer", body)
    return done


async def on_line(cast: Cast, made: Made, verb: str, body: object, number: int = 2) -> None:
    """An act of who asks on a line: of the need, or of the neighbour, to whom it is the last."""
    line = made["lines"][number]["id"]
    await cast.requesting.coordinator.done("POST", f"/v1/requests/{made['id']}/lines/{line}/{verb}", body)


async def offer(cast: Cast, made: Made) -> None:
    await offered(cast.neighbour, made)


async def offer_and_approve(cast: Cast, made: Made) -> None:
    await offer(cast, made)
    await approve(cast, made)


async def offer_and_lend(cast: Cast, made: Made) -> None:
    (line,) = (await offered(cast.neighbour, made))["lines"]
    await approve(cast, made)
    await cast.neighbour.coordinator.done("POST", "/v1/loans", {"decision_id": line["decision"]["id"]})


async def offer_and_be_accepted(cast: Cast, made: Made) -> None:
    read = await offered(cast.neighbour, made, condition="Back by midnight (demo).")
    await on_line(cast, made, "accept-offer", accepted_by(read, 0))


async def offer_and_be_refused(cast: Cast, made: Made) -> None:
    await offered(cast.neighbour, made, condition="Back by midnight (demo).")
    await on_line(cast, made, "refuse-offer", REASON)


async def decline_need(cast: Cast, made: Made) -> None:
    line = made["lines"][2]["id"]
    await cast.neighbour.coordinator.done("POST", f"/v1/requests/{made['id']}/lines/{line}/decline", NO)


async def ask_a_third(cast: Cast, made: Made) -> None:
    await on_line(cast, made, "source", {"tiers": [[str(cast.stranger.id)]]}, 0)


async def withdraw_the_others_line(cast: Cast, made: Made) -> None:
    await on_line(cast, made, "withdraw", REASON)


async def note_on_need(cast: Cast, made: Made) -> None:
    await patched(cast, made, {"note": "by the north gate"}, f"/lines/{made['lines'][0]['id']}")


OF_ANOTHER = (
    *(offer, offer_and_approve, offer_and_lend, offer_and_be_accepted, offer_and_be_refused),
    *(decline_need, ask_a_third, withdraw_the_others_line, note_on_need),
)


@pytest.mark.second_later
@pytest.mark.parametrize("done", OF_ANOTHER, ids=lambda each: each.__name__)
async def test_who_is_asked_for_a_need_reads_nothing_of_another(cast: Cast, done: Act) -> None:
    made = await of_a_need(cast)
    before = await told(cast.assisting, made["id"])
    await done(cast, made)
    assert await told(cast.assisting, made["id"]) == before
    ours = await cast.requesting.coordinator.done("GET", f"/v1/requests/{made['id']}")
    assert ours["version"] > made["version"], "the requesting agency reads of it"


async def more_is_needed(cast: Cast, made: Made) -> None:
    await patched(cast, made, {"quantity": 4}, f"/lines/{made['lines'][0]['id']}")


async def need_withdrawn(cast: Cast, made: Made) -> None:
    await on_line(cast, made, "withdraw", REASON, 0)


async def lines_replaced(cast: Cast, made: Made) -> None:
    await patched(cast, made, {"lines": [need_line(quantity=4)]})


@pytest.mark.second_later
@pytest.mark.parametrize(
    "done",
    [more_is_needed, need_withdrawn, lines_replaced, other_priority, other_summary, withdraw, close],
    ids=lambda each: each.__name__,
)
async def test_what_changes_for_all_who_are_asked_moves_the_version_of_each(cast: Cast, done: Act) -> None:
    made = await of_a_need(cast)
    lenders = (cast.assisting, cast.neighbour)
    await offered(cast.neighbour, made)
    before = [await told(lender, made["id"]) for lender in lenders]
    await done(cast, made)
    for lender, then in zip(lenders, before, strict=True):
        now = await told(lender, made["id"])
        assert (now["one"] != then["one"], now["changes"][0] > then["changes"][0]) == (True, True), lender.name
        assert now["etag"] != then["etag"]
        assert len(now["rest"][2]) == len(then["rest"][2]) + 1


async def test_who_has_declined_is_not_told_that_the_need_is_another(cast: Cast) -> None:
    made = await of_a_need(cast)
    await decline_need(cast, made)
    before = await told(cast.neighbour, made["id"])
    await more_is_needed(cast, made)
    assert await told(cast.neighbour, made["id"]) == before


async def test_each_offers_on_the_version_that_it_was_given(cast: Cast) -> None:
    made = await of_a_need(cast)
    path = f"/v1/requests/{made['id']}"
    read = await cast.assisting.coordinator.get(path)
    theirs = await offered(cast.neighbour, made)
    body = {"asset_id": (await make_asset(cast.assisting))["id"]}
    offering = f"{path}/lines/{read.json()['lines'][0]['id']}/offer"
    mine = await cast.assisting.coordinator.post(offering, body, if_match=read.headers["etag"])
    assert mine.json()["version"] == read.json()["version"] + 1
    assert (await cast.neighbour.coordinator.done("GET", path))["version"] == theirs["version"]
    assert_problem(await cast.assisting.coordinator.post(offering, body, if_match=read.headers["etag"]), 412)


async def test_that_no_more_is_needed_is_read_of_what_may_be_done_alone(cast: Cast) -> None:
    made = await of_a_need(cast)
    before = await told(cast.assisting, made["id"])
    await offered(cast.neighbour, made, quantity=3)
    after = await told(cast.assisting, made["id"])
    (then,), (now,) = before["one"].pop("lines"), after["one"].pop("lines")
    (could,) = [each for each in then.pop("allowed_actions") if each["action"] == "offer"]
    (can,) = [each for each in now.pop("allowed_actions") if each["action"] == "offer"]
    full = "As many as are needed are offered already."
    assert ((could["allowed"], could["reason"]), (can["allowed"], can["reason"])) == ((True, None), (False, full))
    assert (now, after["one"], after["listed"]) == (then, before["one"], before["listed"])
    assert (after["changes"], after["rest"]) == (before["changes"], before["rest"])
    assert after["etag"] != before["etag"]


async def test_by_no_number_does_one_who_is_asked_learn_how_many_others_are(cast: Cast) -> None:
    """The line has the same number for both sides, wherever it is named, and that number is drawn."""
    owner, dog = cast.assisting, await make_asset(cast.assisting)
    for each in (owner, cast.neighbour):
        await sign_agreement(each.service, each, cast.requesting)
    draft = await submitted(cast.requesting, {}, lines=[need_line(), need_line(window=window_of(start_in_hours=300))])
    path = f"/v1/requests/{draft['id']}"
    tiers = {"tiers": [[str(cast.stranger.id), str(cast.neighbour.id)], [str(owner.id)]]}
    for need in draft["lines"]:
        ours = await cast.requesting.coordinator.done("POST", f"{path}/lines/{need['id']}/source", tiers)
    assert [line["fills_line_no"] for line in ours["lines"]] == [None, None, 1, 1, 1, 2, 2, 2], "as they were made"
    assert [line["tier"] for line in ours["lines"]] == [None, None, 1, 1, 2, 1, 1, 2]
    numbers = [line["line_no"] for line in ours["lines"]]
    assert numbers[:2] == [1, 2]
    assert all(1_000 <= no < 10_000 for no in numbers[2:])
    assert len(set(numbers)) == len(numbers)

    for at in (2, 3):
        lender = (cast.stranger, cast.neighbour)[at - 2]
        await lender.coordinator.done("POST", f"{path}/lines/{ours['lines'][at]['id']}/decline", NO)
    (line,) = (await owner.coordinator.done("GET", path))["lines"]
    assert (line["line_no"], line["fills_line_no"], line["tier"]) == (numbers[4], None, None)
    done = await owner.coordinator.done("POST", f"{path}/lines/{line['id']}/offer", {"asset_id": dog["id"]})
    decision = done["lines"][0]["decision"]["id"]
    loan = await owner.coordinator.done("POST", "/v1/loans", {"decision_id": decision})
    assert loan["request"]["line_no"] == numbers[4]
    history = await owner.auditor.done("GET", f"{path}/history?sort=version")
    told = [each["no"] for event in history["items"] for each in event["data"].get("lines", [])]
    assert told
    assert set(told) == {numbers[4]}

    added = await cast.requesting.coordinator.done("PATCH", path, {"priority": "urgent"}, if_match="*")
    assert max(each["line_no"] for each in added["lines"] if each["need"] and not each["fills_line_no"]) < 1_000
