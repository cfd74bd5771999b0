"""What a loan offers of leaving long before its start works, and what it withholds is refused in the same words."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from registry.platform.access.principals import Role
from registry.platform.kernel.time import Window, utc_now
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import CONDITION, REASON, Partners, make_loan, make_partners
from tests.support.policy import make_decision
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_long

Found = dict[str, Any]
KEPT = {"category": "k9", "quantity": 1, "effective_on": "2020-01-01", "reason": "For calls (demo)."}


def ahead(*, begins: float, hours: float = 20) -> Window:
    """A window that begins so many hours from now."""
    start = utc_now().replace(microsecond=0) + timedelta(hours=begins)
    return Window(start=start, end=start + timedelta(hours=hours))


async def of_time(partners: Partners, begins: float, hours: float = 20) -> Found:
    return await make_loan(partners, window=ahead(begins=begins, hours=hours))


async def wanted_before(partners: Partners) -> Found:
    """Another loan has the asset between now and its start."""
    asset = await make_asset(partners.assisting)
    await make_loan(partners, asset=asset, window=ahead(begins=6, hours=2))
    return await make_loan(partners, asset=asset, window=ahead(begins=20))


async def still_out(partners: Partners) -> Found:
    """Another loan has the asset now."""
    asset = await make_asset(partners.assisting)
    await make_loan(partners, "dispatched", asset=asset, window=ahead(begins=-1, hours=2))
    return await make_loan(partners, asset=asset, window=ahead(begins=20))


async def changed(partners: Partners) -> Found:
    """The asset was changed since."""
    loan = await of_time(partners, 20)
    path = f"/v1/assets/{loan['asset']['id']}"
    await partners.assisting.admin.done("PATCH", path, {"description": "Another dog (demo)."}, if_match="*")
    return loan


async def kept_until_then(partners: Partners) -> Found:
    """Until it begins another dog is away, and one has to stay."""
    other = await make_asset(partners.assisting)
    await make_loan(partners, asset=other, window=ahead(begins=4, hours=2))
    loan = await of_time(partners, 20)
    await partners.assisting.coordinator.done("POST", "/v1/reserve-minimums", KEPT)
    return loan


async def suspended(partners: Partners) -> Found:
    """No agreement covers it any more, at any time."""
    loan = await of_time(partners, 20)
    await partners.assisting.legal.done("POST", f"/v1/agreements/{partners.agreement['id']}/suspend", REASON)
    return loan


CASES: Mapping[str, tuple[str | None, Callable[[Partners], Awaitable[Found]]]] = {
    "soon": (None, lambda partners: of_time(partners, 1)),
    "early, and permitted": (None, lambda partners: of_time(partners, 20)),
    "away for longer than is approved": ("early_dispatch_not_permitted", lambda partners: of_time(partners, 30)),
    "away for longer than the agreement allows": (
        "early_dispatch_not_permitted",
        lambda partners: of_time(partners, 40 * 24),
    ),
    "away for longer than any loan": ("window_too_long", lambda partners: of_time(partners, 6 * 366 * 24)),
    "another has it before": ("asset_not_free", wanted_before),
    "another has it now": ("asset_still_out", still_out),
    "changed": ("asset_changed", changed),
    "kept at home until then": ("under_reserve_minimum", kept_until_then),
    "not covered any more": ("decision_worsened", suspended),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_offered_of_leaving_early_works_and_the_rest_is_refused_in_its_words(
    cast: Cast, name: str
) -> None:
    partners = await make_partners(cast, categories=["any"], max_duration_hours=72, approval_over_hours=48)
    code, make = CASES[name]
    loan = await make(partners)
    path, caller = f"/v1/loans/{loan['id']}", partners.assisting.coordinator
    offer = offered(await caller.done("GET", path))
    answer = await caller.post(f"{path}/dispatch", CONDITION)
    if code is None:
        assert offer["allowed"]
        assert answer.status_code == 200, answer.text
        return
    problem = assert_problem(answer, 422 if code == "window_too_long" else 409, code)
    assert offer == {"action": "dispatch", "allowed": False, "reason": problem["detail"]}
    shown: list[str | None] = [None]
    if name in ("away for longer than the agreement allows", "away for longer than any loan"):
        shown = []
    if name == "not covered any more":
        shown = ["cancel_loan"]
    assert await in_inbox(partners, loan) == shown, "the inbox offers nothing that the loan withholds"
    unchanged = await caller.done("GET", path)
    assert (unchanged["status"], unchanged["version"]) == ("reserved", loan["version"])


async def in_inbox(partners: Partners, loan: Found) -> list[str | None]:
    """The operation of each of its entries; None where one offers none."""
    page = await partners.assisting.coordinator.done("GET", "/v1/inbox", params={"waiting_on": "me", "limit": 200})
    actions = [each["action"] for each in page["items"] if each["subject"]["id"] == loan["id"]]
    return [None if each is None else str(each["operation"]) for each in actions]


def offered(loan: Found) -> Found:
    (found,) = (each for each in loan["allowed_actions"] if each["action"] == "dispatch")
    return dict(found)


async def test_a_refusal_says_from_when_on_and_what_else_to_do(cast: Cast) -> None:
    partners = await make_partners(cast, categories=["any"], max_duration_hours=72)
    window = ahead(begins=100)
    loan = await make_loan(partners, window=window)
    answer = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", CONDITION)
    problem = assert_problem(answer, 409, "early_dispatch_not_permitted")
    soonest = (window.start - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%MZ")
    assert problem["detail"].startswith(f"It may leave from {soonest} on, two hours before its agreed start.")
    assert (problem["outcome"], bool(problem["reasons"])) == ("denied", True)


async def test_as_it_is_reserved_a_loan_says_whether_it_may_leave_early(cast: Cast) -> None:
    partners = await make_partners(cast, categories=["any"], max_duration_hours=72)
    for begins, allowed in ((20, True), (100, False)):
        window = ahead(begins=begins)
        decision = await make_decision(partners.requesting, await make_asset(partners.assisting), window=window)
        body = {"decision_id": str(decision.id)}
        made = await partners.assisting.coordinator.done("POST", "/v1/loans", body)
        assert offered(made)["allowed"] is allowed
        assert offered(made) == offered(await partners.assisting.coordinator.done("GET", f"/v1/loans/{made['id']}"))


async def test_who_may_override_a_minimum_is_offered_to_leave_and_an_auditor_nothing(cast: Cast) -> None:
    partners = await make_partners(cast)
    loan = await kept_until_then(partners)
    path = f"/v1/loans/{loan['id']}"
    both = partners.assisting.as_(Role.COORDINATOR, Role.APPROVER, subject="both")
    assert offered(await both.done("GET", path))["allowed"]
    assert (await partners.assisting.auditor.done("GET", path))["allowed_actions"] == []
    body = {**CONDITION, "override_reason": "The other one is nearby (demo)."}
    assert (await both.post(f"{path}/dispatch", body)).status_code == 200
