"""Two people at once on one request: what is approved or decided is what was asked."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.sharing.policy.commands.recording import lock_chain
from registry.sharing.requests.commands import lines as commands_on_lines
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.requests import make_request, need_line, submitted

ROUNDS = 6
REASON = {"reason": "as told on the telephone (demo)"}


async def test_what_is_decided_at_submission_is_what_was_edited_before_it(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"least_priority": "emergency"})
    asset, asker = await make_asset(cast.assisting), cast.requesting.coordinator
    for _ in range(ROUNDS):
        made = await make_request(cast.requesting, asset)
        path = f"/v1/requests/{made['id']}"
        etag = (await asker.get(path)).headers["etag"]
        sent, edited = await asyncio.gather(
            asker.post(f"{path}/submit", {}), asker.patch(path, {"priority": "emergency"}, if_match=etag)
        )
        assert sent.status_code == 200
        found = await asker.done("GET", path)
        decided = await asker.done("GET", f"/v1/decisions/{found['lines'][0]['decision']['id']}")
        assert decided["priority"] == found["priority"]
        assert found["status"] == ("permitted" if edited.status_code == 200 else "denied")
        if edited.status_code != 200:
            assert_problem(edited, 412, "stale_version")


async def test_a_request_is_decided_once_however_often_it_is_submitted(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset, asker = await make_asset(cast.assisting), cast.requesting.coordinator
    for _ in range(ROUNDS):
        made = await make_request(cast.requesting, asset)
        answers = await asyncio.gather(*(asker.post(f"/v1/requests/{made['id']}/submit", {}) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    listed = await asker.done("GET", f"/v1/decisions?asset_id={asset['id']}&limit=200")
    assert len(listed["items"]) == ROUNDS


async def test_no_words_are_approved_but_those_that_the_approver_named(cast: Cast) -> None:
    """The summary and notes are edited while who read the first words approves: 412, or the approval is void."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True})
    asset, asker, commander = await make_asset(cast.assisting), cast.requesting.coordinator, cast.assisting.approver
    for of_line in (True, False) * (ROUNDS // 2):
        made = await submitted(cast.requesting, asset)
        path = f"/v1/requests/{made['id']}"
        edited_path = f"{path}/lines/{made['lines'][0]['id']}" if of_line else path
        edit = {"note": "Other words (demo)"} if of_line else {"summary": "Other words (demo)"}
        read = (await commander.get(path)).headers["etag"]
        approved, edited = await asyncio.gather(
            commander.post(f"{path}/approve", REASON, if_match=read), asker.patch(edited_path, edit, if_match="*")
        )
        assert edited.status_code == 200
        if approved.status_code != 200:
            assert_problem(approved, 412, "stale_version")
        found = await commander.done("GET", path)
        assert found["lines"][0]["status"] == "needs_approval", "the words that stand were read by nobody"
        assert_problem(await commander.post(f"{path}/approve", REASON, if_match=read), 412, "stale_version")
        again = await commander.done("POST", f"{path}/approve", REASON)
        assert again["lines"][0]["status"] == "approved"


async def test_what_was_withdrawn_or_revised_is_not_approved(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True})
    asset, asker = await make_asset(cast.assisting), cast.requesting.coordinator
    commander = cast.assisting.as_(Role.APPROVER)
    for verb in ("withdraw", "revise") * (ROUNDS // 2):
        made = await submitted(cast.requesting, asset)
        path = f"/v1/requests/{made['id']}"
        etag = (await asker.get(path)).headers["etag"]
        taken_back = (
            asker.post(f"{path}/withdraw", REASON)
            if verb == "withdraw"
            else asker.patch(path, {"purpose": "search_and_rescue"}, if_match=etag)
        )
        read = (await commander.get(path)).headers["etag"]
        approved, ended = await asyncio.gather(commander.post(f"{path}/approve", REASON, if_match=read), taken_back)
        assert approved.status_code in (200, 409, 412)
        if ended.status_code == 412:
            assert approved.status_code == 200
            continue
        assert ended.status_code == 200
        refused = await cast.assisting.coordinator.post(
            "/v1/loans", {"decision_id": made["lines"][0]["decision"]["id"]}
        )
        assert_problem(refused, 409, "decision_withdrawn")


async def test_an_approval_and_the_end_of_its_ground_at_once(cast: Cast) -> None:
    agreement = await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True}
    )
    asset, legal = await make_asset(cast.assisting), cast.assisting.legal
    path = f"/v1/agreements/{agreement['id']}"
    for _ in range(ROUNDS):
        made = await submitted(cast.requesting, asset)
        approved, suspended = await asyncio.gather(
            cast.assisting.approver.post(f"/v1/requests/{made['id']}/approve", REASON),
            legal.post(f"{path}/suspend", REASON),
        )
        assert suspended.status_code == 200
        if approved.status_code != 200:
            assert_problem(approved, 409, "decision_worsened")
        decision = {"decision_id": made["lines"][0]["decision"]["id"]}
        refused = await cast.assisting.coordinator.post("/v1/loans", decision)
        assert refused.status_code == 409
        await legal.done("POST", f"{path}/reinstate", REASON)


class Falling(Random):
    """Draws the numbers of lines from the highest down, so that who is asked later has the lower one."""

    def __init__(self) -> None:
        super().__init__()
        self.last = 10_000

    def sample(self, population: Any, k: int, **given: Any) -> list[Any]:
        self.last -= k
        return [*range(self.last, self.last + k)]


@pytest.mark.parametrize("verb", ["withdraw", "approve", "purpose", "summary", "lines"])
async def test_whoever_locks_several_lines_does_so_in_the_order_of_their_numbers(
    cast: Cast, monkeypatch: Any, verb: str
) -> None:
    """A package takes them in that order; taken in another, each would wait for what the other one has."""
    monkeypatch.setattr(commands_on_lines, "DRAW", Falling())
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True})
    asker, owner = cast.requesting.coordinator, cast.assisting
    made = await submitted(cast.requesting, {}, lines=[need_line(), need_line()])
    path = f"/v1/requests/{made['id']}"
    for line in made["lines"]:
        await asker.done("POST", f"{path}/lines/{line['id']}/source", {"tiers": [[str(owner.id)]]})
    for line in (await owner.coordinator.done("GET", path))["lines"]:
        offer = {"asset_id": (await make_asset(owner))["id"]}
        await owner.coordinator.done("POST", f"{path}/lines/{line['id']}/offer", offer)
    if verb == "summary":  # void approvals of both
        await owner.approver.done("POST", f"{path}/approve", REASON)
    lines = [each for each in (await asker.done("GET", path))["lines"] if each["fills_line_no"]]
    assert lines[0]["line_no"] > lines[1]["line_no"]
    low, high = (UUID(each["decision"]["root_decision_id"]) for each in reversed(lines))
    edits = {"purpose": "search_and_rescue", "summary": "Other words (demo)", "lines": [need_line()]}
    async with unit_of_work(owner.service.database) as write:
        await lock_chain(write, low)
        if verb in edits:
            sent = asker.patch(path, {verb: edits[verb]}, if_match="*")
        elif verb == "approve":
            sent = owner.approver.post(
                f"{path}/approve", REASON, if_match=(await owner.approver.get(path)).headers["etag"]
            )
        else:
            sent = asker.post(f"{path}/withdraw", REASON)
        task = asyncio.create_task(sent)
        await asyncio.sleep(0.3)  # until it waits for the first
        await lock_chain(write, high)
    answer = await task
    assert answer.status_code == 200, answer.text
