"""Reserved help that cannot come any more waits for both sides, until it is put right or cancelled."""

from datetime import timedelta
from typing import Any

import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window, utc_now
from registry.sharing.loans.commands import reserving
from registry.sharing.loans.schemas.given import NewLoan
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast, today
from tests.support.loans import CONDITION, REASON, Partners, make_loan, make_partners, see, step, under_way
from tests.support.policy import acting_for, make_decision, policies_of
from tests.support.problems import assert_problem
from tests.support.requests import need_line, sourced

Entry = dict[str, Any]


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement that covers everything."""
    return await make_partners(cast)


async def waits(partners: Partners, side: str, loan: Entry, whose: str = "me") -> dict[str, Entry]:
    """What of the loan waits for that side's coordinator, by kind."""
    query = {"waiting_on": whose, "limit": 200}
    page = await partners.side(side).coordinator.done("GET", "/v1/inbox", params=query)
    return {each["kind"]: each for each in page["items"] if each["subject"]["id"] == loan["id"]}


async def out_of_service(partners: Partners, loan: Entry) -> None:
    path = f"/v1/assets/{loan['asset']['id']}/take-out-of-service"
    await partners.assisting.coordinator.done("POST", path, REASON)


async def blacked_out(partners: Partners, loan: Entry) -> None:
    window = {"start": (utc_now() + timedelta(hours=1)).isoformat(), "end": (utc_now() + timedelta(days=9)).isoformat()}
    body = {"kind": "blackout", "window": window, "reason": "Festival (demo).", "accept_affected_loans": True}
    path = f"/v1/assets/{loan['asset']['id']}/unavailability"
    await partners.assisting.coordinator.done("POST", path, body)


async def suspended(partners: Partners, loan: Entry) -> None:
    await partners.assisting.legal.done("POST", f"/v1/agreements/{partners.agreement['id']}/suspend", REASON)


async def made_private(partners: Partners, loan: Entry) -> None:
    path = f"/v1/assets/{loan['asset']['id']}"
    await partners.assisting.admin.done("PATCH", path, {"sharing": "private"}, if_match="*")


@pytest.mark.parametrize("happens", [out_of_service, blacked_out, suspended, made_private])
async def test_help_that_cannot_come_waits_for_both_sides_with_an_action_each(partners: Partners, happens: Any) -> None:
    loan = await make_loan(partners, window=under_way(hours=30))
    assert set(await waits(partners, "assisting", loan)) == {"handover"}
    assert set(await waits(partners, "requesting", loan)) == set()
    await happens(partners, loan)
    for side, other in (("assisting", "requesting"), ("requesting", "assisting")):
        found = await waits(partners, side, loan)
        assert set(found) == {"cannot_come"}, side
        entry = found["cannot_come"]
        assert entry["action"] == {
            "operation": "cancel_loan",
            "path": f"/v1/loans/{loan['id']}/cancel",
            "decision_id": None,
        }
        assert (entry["partner"]["id"], entry["due_at"]) == (str(partners.side(other).id), loan["starts_at"])
        assert set(await waits(partners, side, loan, "partners")) == {"cannot_come"}
    offered = {each["action"]: each for each in (await see(partners.assisting, loan["id"]))["allowed_actions"]}
    assert not offered["dispatch"]["allowed"]
    assert not (await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", CONDITION)).is_success
    await partners.assisting.coordinator.done("POST", entry["action"]["path"], REASON)
    for side in ("assisting", "requesting"):
        assert await waits(partners, side, loan) == {}


async def test_what_is_put_right_waits_to_be_sent_out_again(partners: Partners) -> None:
    loan = await make_loan(partners)
    await out_of_service(partners, loan)
    back = f"/v1/assets/{loan['asset']['id']}/return-to-service"
    await partners.assisting.coordinator.done("POST", back, REASON)
    assert set(await waits(partners, "assisting", loan)) == {"handover"}
    assert await waits(partners, "requesting", loan) == {}
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


async def test_help_far_ahead_that_cannot_come_waits_at_once(partners: Partners) -> None:
    """A hand-over is shown a week before its time; that there will be none, as soon as it is known."""
    start = utc_now() + timedelta(days=30)
    loan = await make_loan(partners, window=Window(start=start, end=start + timedelta(hours=4)))
    assert await waits(partners, "assisting", loan) == {}
    await out_of_service(partners, loan)
    for side in ("assisting", "requesting"):
        assert set(await waits(partners, side, loan)) == {"cannot_come"}


async def test_notice_of_an_agreement_hinders_what_is_reserved_for_later(partners: Partners) -> None:
    """Policy permits no help that lasts longer than the agreement, and says so only when it is to leave."""
    soon, later = (utc_now() + timedelta(days=days) for days in (20, 60))
    before, after = [
        await make_loan(partners, window=Window(start=at, end=at + timedelta(hours=4))) for at in (soon, later)
    ]
    notice = {"notice_on": str(today()), "leaves_on": str(today() + timedelta(days=40)), **REASON}
    await partners.assisting.legal.done("POST", f"/v1/agreements/{partners.agreement['id']}/give-notice", notice)
    for side in ("assisting", "requesting"):
        assert set(await waits(partners, side, after)) == {"cannot_come"}
        assert await waits(partners, side, before) == {}


async def test_what_is_not_recorded_as_sent_waits_to_be_entered_or_cancelled_once_its_time_is_over(
    partners: Partners,
) -> None:
    begun = utc_now().replace(microsecond=0) - timedelta(hours=9)
    window = Window(start=begun, end=begun + timedelta(hours=8))
    asset = await make_asset(partners.assisting)
    decision = await make_decision(partners.requesting, asset, window=window, now=begun)
    caller = acting_for(partners.assisting, Role.COORDINATOR, now=begun)
    async with unit_of_work(partners.assisting.service.database) as write:
        made = await reserving.reserve(
            write, caller, policies_of(partners.assisting.service), NewLoan(decision_id=decision.id)
        )
    loan = await see(partners.assisting, made.id)
    refused = await partners.assisting.coordinator.post(f"/v1/loans/{made.id}/dispatch", CONDITION)
    assert_problem(refused, 422, "window_over")
    for side in ("assisting", "requesting"):
        entry = (await waits(partners, side, loan))["cannot_come"]
        assert (entry["late"], entry["waiting_from"]) == (True, loan["planned_end_at"])
        assert "its time is over" in entry["task"]
        assert "record when it left" in entry["task"]
        path = f"/v1/loans/{made.id}"
        cancel = {"operation": "cancel_loan", "path": f"{path}/cancel", "decision_id": None}
        enter = (
            {"operation": "dispatch_loan", "path": f"{path}/dispatch", "decision_id": None}
            if side == "assisting"
            else None
        )
        assert (entry["action"], entry["instead"]) == (enter, cancel)
    assert "occurred_at" in refused.json()["detail"]
    left = {**CONDITION, "occurred_at": (begun + timedelta(minutes=10)).isoformat()}
    assert (await step(partners.assisting, loan, "dispatch", left))["status"] == "dispatched"
    assert "cannot_come" not in await waits(partners, "requesting", loan)


async def test_a_blackout_that_is_over_hinders_nothing(partners: Partners) -> None:
    """What is left of the agreed time can be had."""
    loan = await make_loan(partners, window=under_way(hours=30))
    now = utc_now()
    window = {"start": (now - timedelta(minutes=40)).isoformat(), "end": (now + timedelta(seconds=1)).isoformat()}
    body = {"kind": "blackout", "window": window, "reason": "Parade (demo).", "accept_affected_loans": True}
    path = f"/v1/assets/{loan['asset']['id']}/unavailability"
    planned = await partners.assisting.coordinator.done("POST", path, body)
    assert set(await waits(partners, "assisting", loan)) == {"cannot_come"}
    await partners.assisting.coordinator.done("POST", f"{path}/{planned['unavailability']['id']}/end", REASON)
    assert set(await waits(partners, "assisting", loan)) == {"handover"}
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


async def test_an_agreement_that_ended_hinders_nothing_while_another_covers_it(partners: Partners) -> None:
    """Another agreement that covers the same takes the place of one that is suspended."""
    loan = await make_loan(partners)
    second = await sign_agreement(
        partners.assisting.service, partners.assisting, partners.requesting, effective_on="2020-01-01"
    )
    await suspended(partners, loan)
    assert second["id"] != partners.agreement["id"]
    assert set(await waits(partners, "assisting", loan)) == {"handover"}
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


async def test_the_next_are_asked_once_the_owner_cancels(cast: Cast) -> None:
    """Of help that is reserved for a need: the owner's word, and not the asset alone, has the next one asked."""
    partners = await make_partners(cast)
    asked = await sourced(partners.requesting, [partners.assisting], lines=[need_line(window=under_way())])
    line = asked["lines"][1]
    asset = await make_asset(partners.assisting)
    path = f"/v1/requests/{asked['id']}/lines/{line['id']}/offer"
    offered = await partners.assisting.coordinator.done("POST", path, {"asset_id": asset["id"]})
    body = {"decision_id": offered["lines"][0]["decision"]["id"]}
    loan = await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    await out_of_service(partners, loan)
    entry = (await waits(partners, "requesting", loan))["cannot_come"]
    assert "ask the next" in entry["task"]
