"""Reserved help of which fewer are there than were promised, or that is still out with somebody who is late."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window, utc_now
from registry.resources.assets.rules import Grade
from registry.sharing.loans.commands import handing_over, reserving
from registry.sharing.loans.queries.asset_warnings import planned_against
from registry.sharing.loans.queries.getting import loan_rows
from registry.sharing.loans.schemas.given import ConditionReport, NewLoan
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import CONDITION, REASON, Partners, make_loan, make_partners, see, step
from tests.support.policy import acting_for, make_decision, policies_of
from tests.support.problems import assert_problem

Entry = dict[str, Any]


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement that covers everything."""
    return await make_partners(cast)


async def waits(agency: Agency, loan: Entry) -> dict[str, Entry]:
    """What of the loan waits for the agency's coordinator, by kind."""
    page = await agency.coordinator.done("GET", "/v1/inbox", params={"limit": 200})
    return {each["kind"]: each for each in page["items"] if each["subject"]["id"] == loan["id"]}


def in_days(days: int, hours: int = 4) -> Window:
    start = utc_now().replace(microsecond=0) + timedelta(days=days)
    return Window(start=start, end=start + timedelta(hours=hours))


async def kits(partners: Partners, capacity: int) -> Entry:
    return await make_asset(partners.assisting, category="communications.radio_cache", capacity=capacity)


async def dispatch_offer(partners: Partners, loan: Entry) -> Entry:
    seen = await see(partners.assisting, loan["id"])
    return next(each for each in seen["allowed_actions"] if each["action"] == "dispatch")


async def test_fewer_than_were_promised_waits_for_both_sides_with_how_many(partners: Partners) -> None:
    """Two of three kits are lost on one loan; all three were promised for later."""
    asset = await kits(partners, 3)
    first = await make_loan(partners, "on_scene", asset=asset, quantity=3)
    later = await make_loan(partners, asset=asset, quantity=3, window=in_days(3))
    assert set(await waits(partners.assisting, later)) == {"handover"}
    await step(partners.requesting, first, "report-lost", {**REASON, "quantity": 2})
    await step(partners.assisting, first, "return")
    why = "Only 1 is there, and 3 are promised for that time."
    for agency in (partners.assisting, partners.requesting):
        found = await waits(agency, later)
        assert set(found) == {"cannot_come"}
        assert found["cannot_come"]["task"].startswith(why)
        seen = await see(agency, later["id"])
        assert [(each["kind"], each["reason"]) for each in seen["asset_warnings"]] == [("asset_unavailable", why)]
    listed = await partners.requesting.coordinator.done("GET", f"/v1/loans?asset_id={asset['id']}&status=reserved")
    assert [each["asset_unavailable"] for each in listed["items"]] == [True]
    refused = await partners.assisting.coordinator.post(f"/v1/loans/{later['id']}/dispatch", CONDITION)
    assert_problem(refused, 409, "fewer_than_promised")
    assert refused.json()["detail"] == why
    offered = await dispatch_offer(partners, later)
    assert (offered["allowed"], why in offered["reason"]) == (False, True)
    await step(partners.assisting, first, "report-found", {**REASON, "quantity": 2})
    assert set(await waits(partners.assisting, later)) == {"handover"}
    assert await waits(partners.requesting, later) == {}


async def test_of_two_who_were_promised_the_same_the_first_has_it(partners: Partners) -> None:
    asset = await kits(partners, 3)
    first = await make_loan(partners, "on_scene", asset=asset, quantity=2)
    window = in_days(3)
    before = await make_loan(partners, asset=asset, quantity=2, window=window)
    after = await make_loan(partners, asset=asset, quantity=1, window=window)
    await step(partners.requesting, first, "report-lost", {**REASON, "quantity": 1})
    await step(partners.assisting, first, "return")
    assert set(await waits(partners.assisting, before)) == {"handover"}
    assert await waits(partners.requesting, before) == {}
    for agency in (partners.assisting, partners.requesting):
        entry = (await waits(agency, after))["cannot_come"]
        assert entry["task"].startswith("Only 2 are there, and 3 are promised for that time.")
    await step(partners.assisting, before, "cancel")
    assert set(await waits(partners.assisting, after)) == {"handover"}


async def test_of_what_cannot_come_itself_nothing_is_taken_from_others(partners: Partners) -> None:
    """Three were promised to one and one to the other, and one is left: the other one has it."""
    asset = await kits(partners, 4)
    first = await make_loan(partners, "on_scene", asset=asset, quantity=3)
    window = in_days(3)
    three = await make_loan(partners, asset=asset, quantity=3, window=window)
    one = await make_loan(partners, asset=asset, quantity=1, window=window)
    await step(partners.requesting, first, "report-lost", {**REASON, "quantity": 3})
    assert set(await waits(partners.requesting, three)) == {"cannot_come"}
    assert set(await waits(partners.assisting, one)) == {"handover"}
    assert await waits(partners.requesting, one) == {}


async def _lent_until(partners: Partners, asset: Entry, ended_ago: timedelta) -> Entry:
    """A loan that left and whose time was over so long ago."""
    end = utc_now().replace(microsecond=0) - ended_ago
    begun = end - timedelta(hours=4)
    decision = await make_decision(partners.requesting, asset, window=Window(start=begun, end=end), now=begun)
    caller = acting_for(partners.assisting, Role.COORDINATOR, now=begun)
    service = partners.assisting.service
    async with unit_of_work(service.database) as write:
        made = await reserving.reserve(write, caller, policies_of(service), NewLoan(decision_id=decision.id))
    async with unit_of_work(service.database) as write:
        await handing_over.dispatch(write, caller, policies_of(service), made.id, ConditionReport(grade=Grade.GOOD))
    return await see(partners.assisting, made.id)


async def test_what_is_still_out_with_who_is_late_waits_for_both_sides(cast: Cast) -> None:
    """Its owner reads with whom it is; who waits for it reads that it is late, and since when."""
    partners = await make_partners(cast)
    await sign_agreement(partners.assisting.service, partners.assisting, partners.stranger, effective_on="2020-01-01")
    late_side = structs.replace(partners, requesting=partners.stranger, stranger=partners.requesting)
    asset = await make_asset(partners.assisting)
    start = utc_now().replace(microsecond=0) - timedelta(minutes=20)
    ended_ago = timedelta(hours=1)
    late = await _lent_until(late_side, asset, ended_ago)
    # Reserved while the other was not late yet.
    reserved_at = start - timedelta(hours=2)
    decision = await make_decision(
        partners.requesting, asset, window=Window(start=start, end=start + timedelta(hours=6)), now=reserved_at
    )
    service = partners.assisting.service
    async with unit_of_work(service.database) as write:
        caller = acting_for(partners.assisting, Role.COORDINATOR, now=reserved_at)
        made = await reserving.reserve(write, caller, policies_of(service), NewLoan(decision_id=decision.id))
    waiting = await see(partners.assisting, made.id)
    name = late["requesting_agency"]["name"]
    owner = (await waits(partners.assisting, waiting))["cannot_come"]["task"]
    borrower = (await waits(partners.requesting, waiting))["cannot_come"]["task"]
    assert owner.startswith(f"It is still out with {name}, and was due back at {late['planned_end_at'][:16]}")
    assert borrower.startswith("It is still out on another loan, and was due back at ")
    assert name not in borrower
    refused = await partners.assisting.coordinator.post(f"/v1/loans/{made.id}/dispatch", CONDITION)
    assert_problem(refused, 409, "asset_still_out")
    assert not (await dispatch_offer(partners, waiting))["allowed"]
    assert name not in str((await see(partners.requesting, waiting["id"]))["asset_warnings"])
    read, now = service.database.read(), utc_now()
    row, *_ = await loan_rows(read, caller.principal, made.id, now)
    await step(partners.assisting, late, "return")
    assert (await planned_against(read, row, now)).short is None, "it came back since the loan was read"
    assert set(await waits(partners.assisting, waiting)) == {"handover"}
    assert await waits(partners.requesting, waiting) == {}


async def test_what_is_late_hinders_nothing_that_leaves_only_later(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    later = await make_loan(partners, asset=asset, window=in_days(3))
    await _lent_until(partners, asset, timedelta(hours=1))
    assert set(await waits(partners.assisting, later)) == {"handover"}
    assert await waits(partners.requesting, later) == {}
