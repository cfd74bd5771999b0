"""The time of an act is one side's word: the other contests it beside the loan, whose time it is once both agree."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.time import Window, utc_now
from registry.sharing.loans.commands import contesting
from registry.sharing.loans.rules import Side
from registry.sharing.loans.schemas.given import TimeContestation
from registry.sharing.loans.times import SAID_IN, TimedAct, done_by
from tests.support.assets import make_asset
from tests.support.loans import CONDITION, Partners, make_loan, out_since, see, step, under_way
from tests.support.policy import acting_for
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_long

TICK = timedelta(microseconds=1)
NOT_OF_TIMES = {"time_contests", "allowed_actions", "version", "updated_at", "obligations"}


def said(loan: dict[str, Any], act: TimedAct) -> datetime:
    return datetime.fromisoformat(loan[SAID_IN[act]])


def instead(loan: dict[str, Any], act: TimedAct) -> dict[str, Any]:
    """A contest of the act, which says that it was done a moment before."""
    return {"act": act, "occurred_at": (said(loan, act) - TICK).isoformat(), "reason": "Our log says so (demo)."}


def other(partners: Partners, act: TimedAct) -> Any:
    return partners.side("requesting" if done_by(act) is Side.ASSISTING else "assisting")


async def come_back(partners: Partners) -> dict[str, Any]:
    return await step(partners.assisting, await make_loan(partners, "returning"), "return", CONDITION)


@pytest.mark.parametrize("act", TimedAct)
async def test_the_other_side_contests_the_time_and_its_own_time_is_accepted(partners: Partners, act: TimedAct) -> None:
    loan = await come_back(partners)
    whose, contester, body = partners.side(done_by(act)), other(partners, act), instead(loan, act)
    path = f"/v1/loans/{loan['id']}"
    assert_problem(await whose.coordinator.post(f"{path}/contest-time", body), 409, "wrong_status")
    for verb in ("accept-time", "withdraw-contest"):
        for agency in (whose, contester):
            assert_problem(await agency.coordinator.post(f"{path}/{verb}", {"act": act}), 409, "wrong_status")
    contested = await step(contester, loan, "contest-time", body)
    (contest,) = contested["time_contests"]
    assert (contest["act"], contest["said_by"], contest["status"]) == (act, done_by(act), "open")
    assert (contest["said_at"], contest["reason"]) == (loan[SAID_IN[act]], body["reason"]), "both words are shown"
    assert datetime.fromisoformat(contest["other_said_at"]) == said(loan, act) - TICK
    # One open contest of an act; who contests it accepts nothing, and whose act it is withdraws nothing.
    assert_problem(await contester.coordinator.post(f"{path}/contest-time", body), 409, "wrong_status")
    assert_problem(await contester.coordinator.post(f"{path}/accept-time", {"act": act}), 409, "wrong_status")
    assert_problem(await whose.coordinator.post(f"{path}/withdraw-contest", {"act": act}), 409, "wrong_status")
    accepted = await step(whose, loan, "accept-time", {"act": act, "note": "So says the gate, too (demo)."})
    assert [(each["status"], each["settled_at"] is None) for each in accepted["time_contests"]] == [("accepted", False)]
    assert datetime.fromisoformat(accepted[SAID_IN[act]]) == said(loan, act) - TICK, "it is the loan's time"
    assert accepted["time_contests"][0]["said_at"] == loan[SAID_IN[act]], "what was said is kept"
    unchanged = loan.keys() - NOT_OF_TIMES - {SAID_IN[act]}
    assert {name: accepted[name] for name in unchanged} == {name: loan[name] for name in unchanged}
    again = assert_problem(await contester.coordinator.post(f"{path}/contest-time", body), 409, "wrong_status")
    assert again["detail"] == "Both agencies agree on its time."
    events = (await contester.auditor.done("GET", f"{path}/history?sort=version"))["items"][-2:]
    assert [each["type"] for each in events] == ["loan.time_contested", "loan.time_accepted"]
    assert events[1]["data"]["said_at"] == loan[SAID_IN[act]]


async def test_who_contested_withdraws_it_and_may_say_another_time_in_its_days(partners: Partners) -> None:
    loan, act = await come_back(partners), TimedAct.RETURN
    contester, rest = other(partners, act), {"act": "return"}
    first = await step(contester, loan, "contest-time", instead(loan, act))
    withdrawn = await step(contester, first, "withdraw-contest", rest)
    assert [each["status"] for each in withdrawn["time_contests"]] == ["withdrawn"]
    assert_problem(
        await contester.coordinator.post(f"/v1/loans/{loan['id']}/withdraw-contest", rest), 409, "wrong_status"
    )
    listed = f"/v1/loans?ids={loan['id']}"
    assert not (await contester.coordinator.done("GET", listed))["items"][0]["time_contested"]
    await step(contester, first, "contest-time", instead(loan, act))
    assert (await contester.coordinator.done("GET", listed))["items"][0]["time_contested"]
    table = await contester.coordinator.get(f"/v1/loans.csv?ids={loan['id']}")
    assert "time_contested" in table.text.splitlines()[0]


async def test_a_time_is_contested_for_fourteen_days_after_it_was_recorded(partners: Partners) -> None:
    loan = await come_back(partners)
    service, loan_id = partners.assisting.service, UUID(loan["id"])
    body = instead(loan, TimedAct.RETURN)
    contest = TimeContestation(
        act=TimedAct.RETURN, occurred_at=datetime.fromisoformat(body["occurred_at"]), reason=body["reason"]
    )
    until = datetime.fromisoformat(loan["updated_at"]) + timedelta(days=14)
    late = acting_for(partners.requesting, Role.COORDINATOR, now=until)
    with pytest.raises(WrongStatus, match="It stands: it could be contested until"):
        async with unit_of_work(service.database) as write:
            await contesting.contest_time(write, late, loan_id, contest)
    in_time = acting_for(partners.requesting, Role.COORDINATOR, now=until - TICK)
    async with unit_of_work(service.database) as write:
        assert (await contesting.contest_time(write, in_time, loan_id, contest)).time_contests[0].status == "open"


async def test_a_time_fits_between_the_acts_on_which_both_agree(partners: Partners) -> None:
    loan = await come_back(partners)
    times = ["starts_at", *SAID_IN.values()]  # what was agreed by word of mouth may have left before it was reserved
    for (before, name), act in zip(pairwise(times), TimedAct, strict=True):
        path, body = f"/v1/loans/{loan['id']}/contest-time", instead(loan, act)
        after = datetime.fromisoformat(loan[times[times.index(name) + 1]]) if act is not TimedAct.RETURN else utc_now()
        wrong = [datetime.fromisoformat(loan[before]) - TICK, said(loan, act), after + timedelta(minutes=1)]
        for at in wrong:
            refused = await other(partners, act).coordinator.post(path, {**body, "occurred_at": at.isoformat()})
            assert_problem(refused, 422, "not_then")
    # Two words that fit by themselves and not together: the second is not accepted any more.
    left, arrived = said(loan, TimedAct.DISPATCH), said(loan, TimedAct.RECEIVE)
    earlier = {**instead(loan, TimedAct.RECEIVE), "occurred_at": left.isoformat()}
    await step(partners.assisting, loan, "contest-time", earlier)
    later = {**instead(loan, TimedAct.DISPATCH), "occurred_at": arrived.isoformat()}
    await step(partners.requesting, loan, "contest-time", later)
    await step(partners.requesting, loan, "accept-time", {"act": "receive"})
    path = f"/v1/loans/{loan['id']}/accept-time"
    refused = await partners.assisting.coordinator.post(path, {"act": "dispatch"})
    assert assert_problem(refused, 409, "wrong_status")["detail"].startswith("It arrived at")
    offered = (await see(partners.assisting, loan["id"]))["allowed_actions"]
    assert [each["allowed"] for each in offered if each["action"] == "accept_time"] == [False]


async def test_a_return_that_begins_once_more_lets_the_old_contest_lapse(partners: Partners) -> None:
    loan = await make_loan(partners, "returning")
    await step(partners.assisting, loan, "contest-time", instead(loan, TimedAct.START_RETURN))
    await step(partners.requesting, loan, "report-lost")
    await step(partners.requesting, loan, "report-found")
    again = await step(partners.requesting, loan, "start-return")
    assert [each["status"] for each in again["time_contests"]] == ["lapsed"]
    twice = await step(partners.assisting, loan, "contest-time", instead(again, TimedAct.START_RETURN))
    assert [each["status"] for each in twice["time_contests"]] == ["lapsed", "open"]


async def test_what_is_agreed_is_what_the_next_act_follows(partners: Partners) -> None:
    loan = await make_loan(partners, "dispatched")
    now = utc_now()
    await step(
        partners.requesting, loan, "contest-time", {**instead(loan, TimedAct.DISPATCH), "occurred_at": now.isoformat()}
    )
    await step(partners.assisting, loan, "accept-time", {"act": "dispatch"})
    path = f"/v1/loans/{loan['id']}/receive"
    early = {"occurred_at": (now - TICK).isoformat()}
    assert_problem(await partners.requesting.coordinator.post(path, early), 422, "not_then")
    await step(partners.requesting, loan, "receive", {"occurred_at": now.isoformat()})


VERBS = ("contest-time", "accept-time", "withdraw-contest")


@pytest.mark.parametrize("verb", VERBS)
async def test_a_word_is_for_people_of_either_side_at_the_version_they_read(partners: Partners, verb: str) -> None:
    loan = await come_back(partners)
    act = TimedAct.RECEIVE
    agency = partners.requesting if verb == "accept-time" else partners.assisting
    if verb != "contest-time":
        await step(partners.assisting, loan, "contest-time", instead(loan, act))
    path = f"/v1/loans/{loan['id']}/{verb}"
    body = instead(loan, act) if verb == "contest-time" else {"act": act}
    assert_problem(await agency.service.anonymous.post(path, body), 401, "unauthenticated")
    assert_problem(await partners.stranger.coordinator.post(path, body), 404, "not_found")
    machine = agency.as_(Role.SERVICE, scope="loans:read loans:end loans:contest")
    assert_problem(await machine.post(path, body), 403)
    assert_problem(await agency.legal.post(path, body), 403, "forbidden")
    for wrong in ({}, {**body, "act": "close"}, {**body, "other": 1}):
        assert (await agency.coordinator.post(path, wrong)).status_code == 400
    assert_problem(await agency.coordinator.post(path, body, if_match='"9-00000000"'), 412, "stale_version")
    etag, key = (await agency.coordinator.get(f"/v1/loans/{loan['id']}")).headers["etag"], str(uuid4())
    first, again = [await agency.coordinator.post(path, body, key=key, if_match=etag) for _ in range(2)]
    assert (first.status_code, again.content) == (200, first.content)
    assert_problem(await agency.coordinator.post(path, body), 409, "wrong_status")


@pytest.mark.parametrize(("earlier", "held"), [(30, True), (90, False)])
async def test_it_is_ready_again_by_the_time_of_the_return_on_which_both_agree(
    partners: Partners, earlier: int, held: bool
) -> None:
    asset = await make_asset(partners.assisting, turnaround_minutes=60)
    window = under_way(hours=30)
    start = window.start - timedelta(hours=4)
    loan = await out_since(partners, asset, Window(start=start, end=window.end))
    loan = await step(partners.assisting, loan, "return")
    path = f"/v1/assets/{asset['id']}/unavailability"
    (before,) = (await partners.assisting.coordinator.done("GET", path))["items"]
    at = said(loan, TimedAct.RETURN) - timedelta(minutes=earlier)
    contest = {"act": "return", "occurred_at": at.isoformat(), "reason": "Our log says so (demo)."}
    await step(partners.requesting, loan, "contest-time", contest)
    assert (await partners.assisting.coordinator.done("GET", path))["items"] == [before], "one word alone moves nothing"
    await step(partners.assisting, loan, "accept-time", {"act": "return"})
    found = (await partners.assisting.coordinator.done("GET", path))["items"]
    windows = [(each["kind"], datetime.fromisoformat(each["window"]["end"])) for each in found]
    assert windows == ([("turnaround", at + timedelta(hours=1))] if held else [])


async def test_what_came_back_damaged_is_held_whatever_time_is_agreed_on(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, turnaround_minutes=60)
    loan = await make_loan(partners, "returning", asset=asset)
    loan = await step(partners.assisting, loan, "return", {**CONDITION, "grade": "damaged"})
    await step(partners.requesting, loan, "contest-time", instead(loan, TimedAct.RETURN))
    await step(partners.assisting, loan, "accept-time", {"act": "return"})
    path = f"/v1/assets/{asset['id']}/unavailability"
    kinds = [each["kind"] for each in (await partners.assisting.coordinator.done("GET", path))["items"]]
    assert kinds == ["damage"]
