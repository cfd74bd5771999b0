"""What was refused is given up by who asked for it: the request goes on without it, and both sides read both words."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from registry.platform.access.principals import Role
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import under_way
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, submitted

Found = dict[str, Any]
WHY = {"reason": "One team will do (demo)."}
NO = {"reason": "Both handlers are on leave (demo).", "reason_code": "crew_lacking"}
TERMS = {"max_duration_hours": 72, "approval_over_hours": 48}
PERMITTED, APPROVAL, DENIED = 8, 60, 100


async def asked(cast: Cast, *hours: int) -> Found:
    """A submitted request with a line of so many hours for each: they decide what becomes of it."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=TERMS)
    lines = [line_for(await make_asset(cast.assisting), window=under_way(hours=each)) for each in hours]
    return await submitted(cast.requesting, {}, lines=lines)


async def seen(agency: Agency, found: Found) -> Found:
    request: Found = await agency.coordinator.done("GET", f"/v1/requests/{found['id']}")
    return request


def path_of(found: Found, verb: str, number: int = 0) -> str:
    return f"/v1/requests/{found['id']}/lines/{found['lines'][number]['id']}/{verb}"


async def give_up(cast: Cast, found: Found, number: int = 0) -> Found:
    done: Found = await cast.requesting.coordinator.done("POST", path_of(found, "withdraw", number), WHY)
    return done


async def lend(cast: Cast, found: Found, number: int) -> str:
    body = {"decision_id": found["lines"][number]["decision"]["id"]}
    return str((await cast.assisting.coordinator.done("POST", "/v1/loans", body))["id"])


async def denied(cast: Cast) -> tuple[Found, None, str | None, str]:
    found = await asked(cast, DENIED, PERMITTED)
    return found, None, None, found["lines"][0]["ended"]["reason"]


async def rejected(cast: Cast) -> tuple[Found, Agency, str | None, str]:
    found = await asked(cast, APPROVAL, PERMITTED)
    await act(cast.assisting.approver, found, "reject", {"reason": NO["reason"]})
    return await seen(cast.requesting, found), cast.assisting, None, NO["reason"]


async def declined(cast: Cast) -> tuple[Found, Agency, str | None, str]:
    found = await asked(cast, PERMITTED, PERMITTED)
    await cast.assisting.coordinator.done("POST", path_of(found, "decline"), NO)
    return await seen(cast.requesting, found), cast.assisting, NO["reason_code"], NO["reason"]


async def cancelled(cast: Cast) -> tuple[Found, Agency, str | None, str]:
    found = await asked(cast, PERMITTED, PERMITTED)
    await cast.assisting.coordinator.done("POST", f"/v1/loans/{await lend(cast, found, 0)}/cancel", NO)
    return await seen(cast.requesting, found), cast.assisting, NO["reason_code"], NO["reason"]


@pytest.mark.parametrize("refused_by", [denied, rejected, declined, cancelled])
async def test_what_was_refused_is_given_up_and_both_sides_read_why(
    cast: Cast, refused_by: Callable[[Cast], Awaitable[tuple[Found, Agency | None, str | None, str]]]
) -> None:
    found, who, code, reason = await refused_by(cast)
    assert (found["status"], found["refused_line_count"]) == ("permitted", 1)
    assert "withdraw" in {each["action"] for each in found["lines"][0]["allowed_actions"] if each["allowed"]}
    was = found["lines"][0]["status"]
    gone = await give_up(cast, found)
    assert [gone["status"], gone["refused_line_count"]] == ["permitted", 0]
    for side in (cast.requesting, cast.assisting):
        line = (await seen(side, found))["lines"][0]
        assert line["status"] == "withdrawn"
        assert (line["ended"]["by_agency"], line["ended"]["reason"]) == (cast.requesting.reference, WHY["reason"])
        assert line["ended"]["reason_code"] is None
        assert line["refused"]["by_agency"] == (None if who is None else who.reference)
        assert (line["refused"]["reason_code"], line["refused"]["reason"]) == (code, reason)
        assert line["refused"]["ended_at"] <= line["ended"]["ended_at"]
        history = await side.auditor.done("GET", f"/v1/requests/{found['id']}/history")
        (event,) = [each for each in history["items"] if each["type"] == "request.line_withdrawn"]
        assert event["data"]["reason"] == WHY["reason"]
        assert event["data"]["lines"][0]["status"] == {"from": was, "to": "withdrawn"}
    for verb, body in (("withdraw", WHY), ("ask-again", {})):
        assert_problem(await cast.requesting.coordinator.post(path_of(found, verb), body), 409, "wrong_status")
    decision = {"decision_id": found["lines"][0]["decision"]["id"]}
    assert_problem(await cast.assisting.coordinator.post("/v1/loans", decision), 409)
    await lend(cast, found, 1)
    assert (await seen(cast.requesting, found))["status"] == "filled"


async def test_beside_what_is_lent_it_is_given_up_and_the_request_is_filled(cast: Cast) -> None:
    found = await asked(cast, DENIED, PERMITTED)
    await lend(cast, found, 1)
    assert (await seen(cast.requesting, found))["status"] == "partially_filled"
    assert_problem(
        await cast.requesting.coordinator.post(f"/v1/requests/{found['id']}/withdraw", WHY), 409, "wrong_status"
    )
    assert (await give_up(cast, found))["status"] == "filled"


async def test_the_last_line_takes_the_request_with_it(cast: Cast) -> None:
    found = await asked(cast, DENIED, DENIED)
    assert (await give_up(cast, found))["status"] == "denied"
    gone = await give_up(cast, found, 1)
    assert (gone["status"], gone["ended_reason"]) == ("withdrawn", WHY["reason"])


async def test_who_may_and_how(cast: Cast) -> None:
    found = await asked(cast, DENIED, PERMITTED)
    path, asker = path_of(found, "withdraw"), cast.requesting.coordinator
    assert_problem(await cast.requesting.service.anonymous.post(path, WHY), 401)
    assert_problem(await cast.stranger.coordinator.post(path, WHY), 404, "not_found")
    assert_problem(await cast.assisting.coordinator.post(path, WHY), 403, "forbidden")
    assert_problem(await asker.post(path, {}), 400)
    assert_problem(await asker.post(path, WHY, if_match='"9-00000000"'), 412, "stale_version")
    key = str(uuid4())
    first = await asker.post(path, WHY, key=key)
    assert (first.status_code, (await asker.post(path, WHY, key=key)).content) == (200, first.content)


async def test_the_inbox_and_what_waits_name_the_line_until_it_is_given_up(cast: Cast) -> None:
    found = await asked(cast, DENIED, PERMITTED)

    async def waits() -> list[Found]:
        page = await cast.requesting.coordinator.done("GET", "/v1/requests?waiting_for_me=true&limit=200")
        return [each for each in page["items"] if each["id"] == found["id"]]

    (listed,) = await waits()
    assert (listed["status"], listed["line_count"], listed["refused_line_count"]) == ("permitted", 2, 1)
    inbox = await cast.requesting.coordinator.done("GET", "/v1/inbox?limit=200")
    (entry,) = [each for each in inbox["items"] if each["subject"]["id"] == found["id"]]
    assert entry["instead"] == {
        "operation": "withdraw_request_line",
        "path": path_of(found, "withdraw"),
        "decision_id": None,
    }
    auditor = await cast.requesting.auditor.done("GET", "/v1/requests?waiting_for_me=true&limit=200")
    assert auditor["items"] == []
    await give_up(cast, found)
    assert await waits() == []


async def test_who_lends_is_told_the_count_of_its_own_lines(cast: Cast) -> None:
    await sign_agreement(cast.neighbour.service, cast.neighbour, cast.requesting, terms=TERMS)
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=TERMS)
    owners = (cast.assisting, cast.neighbour, cast.neighbour)
    lines = [
        line_for(await make_asset(owner), window=under_way(hours=hours))
        for owner, hours in zip(owners, (PERMITTED, DENIED, DENIED), strict=True)
    ]
    found = await submitted(cast.requesting, {}, lines=lines)
    for agency, count in ((cast.requesting, 2), (cast.neighbour, 2), (cast.assisting, 0)):
        page = await agency.coordinator.done("GET", f"/v1/requests?ids={found['id']}")
        assert [each["refused_line_count"] for each in page["items"]] == [count]
        assert (await seen(agency, found))["refused_line_count"] == count


async def test_that_it_was_given_up_does_not_change_that_it_was_refused(cast: Cast) -> None:
    found = await asked(cast, DENIED, PERMITTED, PERMITTED)
    await cast.assisting.coordinator.done("POST", path_of(found, "decline", 1), NO)
    auditor = cast.requesting.as_(Role.AUDITOR)
    before = (await auditor.done("GET", "/v1/scorecard"))["groups"][0]["scores"]
    assert before["declined"]["numerator"] == 2
    await give_up(cast, found)
    await give_up(cast, found, 1)
    after = (await auditor.done("GET", "/v1/scorecard"))["groups"][0]["scores"]
    names = ("fill_rate", "declined", "decline_reasons")
    assert [after[name] for name in names] == [before[name] for name in names]
