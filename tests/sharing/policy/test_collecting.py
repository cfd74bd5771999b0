"""Facts are gathered in one place, from what is stored, and say the same thing each time."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.geo import Location
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window, utc_now
from registry.resources.allocations.commands import allocate, mark_out
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.assets.tables import asset as assets
from registry.sharing.policy.facts import Facts, decode_facts, facts_bytes, facts_digest
from registry.sharing.policy.queries.collecting import acting, collect_facts
from registry.sharing.policy.queries.getting import decision_row
from registry.sharing.policy.rules import decide
from tests.support.agreements import confirm_agreement, record_agreement, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast, today
from tests.support.policy import acting_for, make_decision, policies_of, window_of


async def _gathered(cast: Cast, asset: dict[str, Any], **given: Any) -> Facts:
    caller = acting_for(cast.requesting, Role.COORDINATOR)
    wanted: dict[str, Any] = {
        "asset_id": UUID(asset["id"]),
        "quantity": 1,
        "window": window_of(),
        "purpose": "training",
        "priority": "routine",
        "requesting_agency_id": cast.requesting.id,
        "viewer": cast.requesting.id,
        "principal": acting(caller.principal),
        "action_at": "what_if",
        "now": caller.now,
    }
    return (
        await collect_facts(
            cast.requesting.service.database.read(), policies_of(cast.requesting.service), **{**wanted, **given}
        )
    ).facts


async def test_gathering_twice_at_one_instant_gives_the_same_but_for_a_salt(cast: Cast) -> None:
    for terms in (None, {"categories": ["k9"], "purposes": ["training", "narcotics_investigation"]}):
        await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    asset = await make_asset(cast.assisting, funding=["leso_1033", "equitable_sharing"])
    now = utc_now()
    first, second = [await _gathered(cast, asset, now=now) for _ in range(2)]
    assert first == replace(second, salt=first.salt)
    assert facts_digest(first) != facts_digest(second), "from the digest nobody can guess a fact"
    assert facts_digest(decode_facts(facts_bytes(first))) == facts_digest(first)


async def test_facts_name_both_sides_the_asset_and_every_category_above_it(cast: Cast) -> None:
    facts = await _gathered(cast, await make_asset(cast.assisting))
    assert (facts.requesting.id, facts.requesting.state) == (cast.requesting.id, "MN")
    assert (facts.assisting.id, facts.assisting.status) == (cast.assisting.id, "active")
    assert facts.asset.category_path == ("k9.narcotics", "k9", "any")
    assert facts.asset.certification_required
    assert facts.principal.roles == ("coordinator",)
    assert facts.agreements == ()


async def test_terms_become_facts_with_their_clauses_under_the_names_that_policies_use(cast: Cast) -> None:
    terms = {
        "categories": ["k9"],
        "cost_ceiling": {"amount": "900.00", "currency": "USD"},
        "reimbursement": {"model": "actual_after_hours", "free_hours": 8},
        "notice_hours": 24,
        "clauses": {"cost_ceiling": "5.1", "reimbursement": "5.2", "notice_hours": "3"},
    }
    provisions = [
        {"number": number, "heading": "term", "text": f"Provision {number}."} for number in ("3", "5.1", "5.2")
    ]
    signed = await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, terms=terms, provisions=provisions
    )
    facts = await _gathered(cast, await make_asset(cast.assisting))
    (agreement,) = facts.agreements
    assert str(agreement.id) == signed["id"]
    assert agreement.in_force
    assert agreement.covers_category
    assert agreement.terms.cost_ceiling_minor == 90_000
    assert agreement.terms.reimbursement_model == "actual_after_hours"
    assert agreement.terms.notice_hours == 24
    assert agreement.clauses == {"cost_ceiling_minor": "5.1", "reimbursement_model": "5.2", "notice_hours": "3"}
    assert agreement.terms.requesting_insurance_current is None


async def test_an_agreement_with_another_agency_or_about_something_else_is_no_ground(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.neighbour)
    await sign_agreement(cast.assisting.service, cast.neighbour, cast.requesting)
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"categories": ["vehicle"]})
    facts = await _gathered(cast, await make_asset(cast.assisting))
    assert [(a.in_force, a.covers_category) for a in facts.agreements] == [(True, False)]
    assert decide(facts, policies_of(cast.assisting.service)).outcome == "denied"


async def test_an_agreement_that_the_one_has_not_signed_is_told_as_that(cast: Cast) -> None:
    made = await record_agreement(cast.assisting, cast.requesting, effective_on=today() + timedelta(days=30))
    asset = await make_asset(cast.assisting)
    facts = await _gathered(cast, asset)
    (tried,) = facts.agreements
    assert (tried.number, tried.in_force, tried.unsigned_by) == (made["number"], False, ("requesting",))
    (near,) = decide(facts, policies_of(cast.requesting.service)).near_misses
    assert near.explanation == f"agreement {made['number']} is not signed by the requesting agency"
    await confirm_agreement(made, cast.requesting)
    (tried,) = (await _gathered(cast, asset)).agreements
    assert tried.unsigned_by is UNSET


@pytest.mark.parametrize(("days", "signs", "tried"), [(30, True, 1), (30, False, 0), (400, True, 0), (400, False, 0)])
async def test_an_agreement_that_is_over_is_tried_for_a_year_where_both_had_signed_it(
    cast: Cast, days: int, tried: int, *, signs: bool
) -> None:
    span: dict[str, Any] = {"effective_on": today() - timedelta(days=900), "expires_on": today() - timedelta(days=days)}
    made = await record_agreement(cast.assisting, cast.requesting, signed_on=today() - timedelta(days=900), **span)
    if signs:
        await confirm_agreement(made, cast.requesting)
    asset = await make_asset(cast.assisting)
    facts = await _gathered(cast, asset)
    assert len(facts.agreements) == tried
    (near,) = decide(facts, policies_of(cast.requesting.service)).near_misses
    assert ("was in force only until" in near.explanation) is bool(tried)


@pytest.mark.parametrize(
    ("minutes", "quantity", "expected"),
    [(8 * 60, 1, 36_400), (8 * 60 + 1, 1, 40_950), (8 * 60, 3, 109_200)],
)
async def test_the_cost_is_begun_hours_times_rate_times_quantity(
    cast: Cast, minutes: int, quantity: int, expected: int
) -> None:
    asset = await make_asset(cast.assisting, hourly_rate={"amount": "45.50", "currency": "USD"}, capacity=3)
    start = window_of().start
    window = Window(start=start, end=start + timedelta(minutes=minutes))
    facts = await _gathered(cast, asset, window=window, quantity=quantity)
    assert facts.ask.estimated_cost_minor == expected


async def test_a_ceiling_in_another_currency_cannot_be_shown_to_be_kept(cast: Cast) -> None:
    terms = {"categories": ["any"], "cost_ceiling": {"amount": "900.00", "currency": "CAD"}}
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    asset = await make_asset(cast.assisting, hourly_rate={"amount": "1.00", "currency": "USD"})
    facts = await _gathered(cast, asset)
    assert facts.ask.estimated_cost_minor is None
    decision = decide(facts, policies_of(cast.assisting.service))
    assert [reason.policy_id for reason in decision.reasons] == ["cost_not_known"]


async def test_a_cost_beyond_all_bounds_stays_a_number_and_is_over_any_ceiling(cast: Cast) -> None:
    terms = {"categories": ["any"], "cost_ceiling": {"amount": "9999999.00", "currency": "USD"}}
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    rate = {"amount": "9999999999.00", "currency": "USD"}
    asset = await make_asset(cast.assisting, hourly_rate=rate, capacity=100_000)
    facts = await _gathered(cast, asset, quantity=100_000)
    decision = decide(decode_facts(facts_bytes(facts)), policies_of(cast.assisting.service))
    assert [reason.policy_id for reason in decision.reasons] == ["cost_over_ceiling"]


async def test_the_distance_is_to_the_place_in_whole_kilometres_and_unknown_without_one(cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    assert (await _gathered(cast, asset)).ask.distance_km is None
    near = await _gathered(cast, asset, place=Location(latitude=44.98, longitude=-93.27))
    assert near.ask.distance_km == 0
    far = await _gathered(cast, asset, place=Location(latitude=45.98, longitude=-93.27))
    assert far.ask.distance_km == 112
    homeless = await make_asset(cast.assisting, location=None)
    unknown = await _gathered(cast, homeless, place=Location(latitude=45.98, longitude=-93.27))
    assert unknown.ask.distance_km is None


async def test_a_certificate_is_good_through_its_last_day_where_the_assisting_agency_is(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    held = {"code": "uspca_narcotics", "expires_on": "2029-07-14"}
    asset = await make_asset(cast.assisting, certifications=[held])
    facts = await _gathered(cast, asset)
    (certificate,) = facts.asset.certifications
    assert certificate.expires_on == date(2029, 7, 14)
    # Midnight in Chicago, in summer.
    assert certificate.lapses_at is not None
    assert certificate.lapses_at.isoformat() == "2029-07-15T05:00:00+00:00"


async def test_units_out_of_the_same_category_are_counted_and_units_merely_held_are_not(cast: Cast) -> None:
    asset, other = await make_asset(cast.assisting, capacity=5), await make_asset(cast.assisting)
    now = utc_now()
    loans = [new_id(), new_id()]
    async with unit_of_work(cast.assisting.service.database) as write:
        for loan_id, quantity in zip(loans, (2, 1), strict=True):
            await allocate(
                write,
                await lock_for_booking(write, UUID(asset["id"])),
                allocation_id=new_id(),
                loan_id=loan_id,
                quantity=quantity,
                window=Window(start=now, end=now + timedelta(hours=8)),
                requesting_agency_id=cast.requesting.id,
                assisting_agency_id=cast.assisting.id,
                now=now,
            )
        await mark_out(write, await lock_for_booking(write, UUID(asset["id"])), loans[0], now)
    assert (await _gathered(cast, other, viewer=cast.assisting.id)).lent_out_quantity == 2
    assert (await _gathered(cast, other)).lent_out_quantity == 0, "which it does not see without an agreement"
    out_of_service = {"service_status": "out_of_service", "service_changed_at": now, "service_reason": "a new gearbox"}
    async with unit_of_work(cast.assisting.service.database) as write:
        await write.run(assets.update().where(assets.c.id == UUID(asset["id"])).values(**out_of_service))
    gathered = await _gathered(cast, other, viewer=cast.assisting.id)
    assert (gathered.owned_quantity, gathered.lent_out_quantity) == (1, 0), (
        "of what is owned and in service none is out"
    )


async def test_the_owners_stock_is_counted_as_far_as_whoever_acts_sees_it(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting)
    await make_asset(cast.assisting, sharing="private")
    assert (await _gathered(cast, asset)).owned_quantity == 1
    assert (await _gathered(cast, asset, viewer=cast.assisting.id)).owned_quantity == 2


async def test_an_unknown_asset_has_no_facts(cast: Cast) -> None:
    with pytest.raises(NotFound):
        await _gathered(cast, {"id": str(new_id())})


async def test_what_is_kept_with_a_decision_is_what_it_was_decided_on(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    made = await make_decision(cast.requesting, await make_asset(cast.assisting))
    row = await decision_row(cast.assisting.service.database.read(), made.id)
    facts = decode_facts(row.facts)
    assert facts_digest(facts) == row.input_digest == made.decision.input_digest
    assert facts.ask.purpose == row.purpose == "narcotics_investigation"
    assert (facts.ask.start, facts.ask.end) == (row.starts_at, row.ends_at)
    assert decide(facts, policies_of(cast.assisting.service)) == made.decision


async def test_an_agreement_whose_review_is_overdue_is_to_be_reviewed_until_that_was_done(cast: Cast) -> None:
    agreement = await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, effective_on="2020-01-15", review_every_months=24
    )
    asset = await make_asset(cast.assisting)
    facts = await _gathered(cast, asset)
    (tried,) = facts.agreements
    assert tried.review_due_on == date(2022, 1, 15)
    past = tried.days_past_review(facts.now)
    assert past is not None
    assert past > 365
    told = {each.code: each.reason for each in decide(facts, policies_of(cast.assisting.service)).obligations}
    assert str(told["review_agreement"]).endswith("The review was due by 2022-01-15.")
    held = {"reviewed_on": str(today()), "outcome": "keep", "note": "As it is (demo)."}
    await cast.assisting.legal.done("POST", f"/v1/agreements/{agreement['id']}/complete-review", held)
    reviewed = await _gathered(cast, asset)
    past = reviewed.agreements[0].days_past_review(reviewed.now)
    assert past is not None
    assert past < -365
    decision = decide(reviewed, policies_of(cast.assisting.service))
    assert "review_agreement" not in {each.code for each in decision.obligations}
