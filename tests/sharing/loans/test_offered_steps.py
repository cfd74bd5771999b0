"""What a loan offers works and what it withholds is refused: in each state, for each side."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from registry.platform.kernel.time import Window, utc_now
from tests.support.assets import make_asset
from tests.support.loans import CONDITION, REASON, Partners, make_loan, reserved_as_it_began, see, step, under_way

Found = dict[str, Any]
NO_BODY_HELPS = frozenset({"accept_changed_asset", "accept_extension", "decline_extension"})
"""Offered only in states that other tests come to."""


async def _over(partners: Partners) -> Found:
    """Reserved, and its time is over: nobody has recorded that it left."""
    start = utc_now().replace(microsecond=0) - timedelta(hours=6)
    asset = await make_asset(partners.assisting)
    return await reserved_as_it_began(partners, asset, Window(start=start, end=start + timedelta(hours=4)))


async def _overdue(partners: Partners) -> Found:
    loan = await _over(partners)
    return await step(partners.assisting, loan, "dispatch", {**CONDITION, "occurred_at": _later(loan, minutes=5)})


async def _overdue_and_back(partners: Partners) -> Found:
    loan = await _overdue(partners)
    await step(partners.assisting, loan, "return")
    return loan


async def _recalled(partners: Partners) -> Found:
    loan = await make_loan(partners, "on_scene")
    by = (utc_now() + timedelta(hours=1)).isoformat()
    return await step(partners.assisting, loan, "recall", {**REASON, "by": by})


async def _short(partners: Partners) -> Found:
    """Three were sent, and two arrived."""
    loan = await make_loan(partners, "dispatched", quantity=3, window=under_way(hours=4))
    return await step(partners.requesting, loan, "receive", {"quantity": 2})


async def _short_and_back(partners: Partners) -> Found:
    """What arrived is back, and the third is still missing."""
    loan = await _short(partners)
    return await step(partners.assisting, loan, "return", {**CONDITION, "quantity": 2})


async def _short_on_its_way(partners: Partners) -> Found:
    return await step(partners.requesting, await _short(partners), "start-return")


def _state(status: str) -> Callable[[Partners], Awaitable[Found]]:
    async def made(partners: Partners) -> Found:
        return await make_loan(partners, status, window=under_way(hours=4))

    return made


STATES = {
    **{each: _state(each) for each in ("reserved", "dispatched", "on_scene", "returning", "returned", "closed")},
    "reserved_and_over": _over,
    "overdue": _overdue,
    "overdue_and_back": _overdue_and_back,
    "recalled": _recalled,
    "short": _short,
    "short_and_back": _short_and_back,
    "short_on_its_way": _short_on_its_way,
}


def _later(loan: Found, **later: int) -> str:
    return (datetime.fromisoformat(loan["starts_at"]) + timedelta(**later)).isoformat()


ACTS = {
    "dispatch": "dispatched_at",
    "receive": "arrived_at",
    "start_return": "return_started_at",
    "return": "returned_at",
}


def _body(action: str, loan: Found, side: str) -> Found:
    """A body with which it works if it works at all: of what may be entered later, with the true hour."""
    if action == "dispatch":
        return {**CONDITION, "occurred_at": _later(loan, minutes=5)} if loan["planned_end_at"] < _now() else CONDITION
    if action == "return":
        return CONDITION
    if action == "cancel":
        return {**REASON, **({"still_needed": True} if side == "requesting" and loan["request"] else {})}
    if action == "request_extension":
        end = max(datetime.fromisoformat(loan["planned_end_at"]), utc_now()) + timedelta(hours=1)
        return {**REASON, "planned_end_at": end.isoformat()}
    if action == "recall":
        return {**REASON, "by": (utc_now() + timedelta(minutes=30)).isoformat()}
    if action in ("contest_time", "accept_time", "withdraw_contest"):
        other = {"assisting": ("receive", "start_return"), "requesting": ("return", "dispatch")}[side]
        act = next((each for each in other if loan[ACTS[each]] is not None), other[0])
        if action != "contest_time":
            return {"act": act}
        said = datetime.fromisoformat(loan[ACTS[act]] or loan["starts_at"])
        return {"act": act, "occurred_at": (said + timedelta(microseconds=100)).isoformat(), **REASON}
    if action == "correct_count":
        return {"quantity": 3}
    return {} if action in ("accept_count", "receive", "start_return", "close", "withdraw_recall") else dict(REASON)


def _now() -> str:
    return utc_now().isoformat()


async def _offers(partners: Partners, side: str, loan: Found) -> dict[str, bool]:
    seen = await see(partners.side(side), loan["id"])
    return {each["action"]: each["allowed"] for each in seen["allowed_actions"]}


@pytest.mark.second_later
@pytest.mark.parametrize("side", ["assisting", "requesting"])
@pytest.mark.parametrize("state", sorted(STATES))
async def test_what_is_offered_works_and_what_is_withheld_is_refused(partners: Partners, state: str, side: str) -> None:
    loan = await see(partners.side(side), (await STATES[state](partners))["id"])
    offers = await _offers(partners, side, loan)
    for action in sorted(offers, key=lambda each: (offers[each], each)):  # what is withheld first: it leaves no trace
        if action in NO_BODY_HELPS and not offers[action]:
            continue
        if offers[action]:
            loan = await see(partners.side(side), (await STATES[state](partners))["id"])
        path = f"/v1/loans/{loan['id']}/{action.replace('_', '-')}"
        answer = await partners.side(side).coordinator.post(path, _body(action, loan, side))
        if action == "contest_time" and offers[action] and answer.status_code == 422:
            assert answer.json()["code"] == "not_then", answer.text  # all within one instant
            continue
        assert answer.is_success is offers[action], (action, offers[action], answer.text)


@pytest.mark.parametrize("state", ["reserved_and_over", "overdue"])
async def test_no_offer_leads_to_what_cannot_be(partners: Partners, state: str) -> None:
    """Help that came and was not entered can be entered; what is overdue is recalled by no hour."""
    loan = await STATES[state](partners)
    offered = {each["action"]: each for each in (await see(partners.assisting, loan["id"]))["allowed_actions"]}
    if state == "reserved_and_over":
        assert offered["dispatch"]["allowed"]
        return
    assert not offered["recall"]["allowed"]
    assert "overdue" in offered["recall"]["reason"]
    path = f"/v1/loans/{loan['id']}/recall"
    for by in (utc_now() + timedelta(hours=1), utc_now() - timedelta(hours=1)):
        refused = await partners.assisting.coordinator.post(path, {**REASON, "by": by.isoformat()})
        assert refused.json()["code"] == "recall_after_return"
        assert refused.json()["detail"] == offered["recall"]["reason"]
