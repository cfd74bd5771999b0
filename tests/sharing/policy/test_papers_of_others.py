"""What a third agency records about two others changes nothing between these."""

from typing import Any

from registry.platform.kernel.time import utc_now
from tests.support.agreements import confirm_agreement, record_agreement, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.consent import end_agreement
from tests.support.policy import make_decision
from tests.support.service import Service

DOLLARS = {"cost_ceiling": {"amount": "5000.00", "currency": "USD"}}
EUROS = {"cost_ceiling": {"amount": "1.00", "currency": "EUR"}}


async def asset_with_a_rate(cast: Cast) -> dict[str, Any]:
    return await make_asset(cast.assisting, hourly_rate={"amount": "10.00", "currency": "USD"})


async def test_a_paper_that_names_two_others_takes_no_part_in_their_decisions(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, terms=DOLLARS)
    await record_agreement(cast.stranger, cast.assisting, cast.requesting, terms=EUROS)
    made = await make_decision(cast.requesting, await asset_with_a_rate(cast))
    assert made.outcome == "permitted"
    assert made.decision.alternatives == ()


async def test_a_paper_that_one_of_the_two_has_signed_is_named_as_not_in_force(cast: Cast) -> None:
    recorded = await record_agreement(cast.stranger, cast.assisting, cast.requesting)
    await confirm_agreement(recorded, cast.requesting)
    made = await make_decision(cast.requesting, await make_asset(cast.assisting))
    assert made.outcome == "denied"
    assert [str(miss.agreement_id) for miss in made.decision.near_misses] == [recorded["id"]]


async def test_a_ceiling_in_another_currency_counts_while_its_agreement_is_in_force(
    service: Service, cast: Cast
) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, terms=DOLLARS)
    other = await sign_agreement(service, cast.assisting, cast.requesting, terms=EUROS)
    asset = await asset_with_a_rate(cast)
    assert (await make_decision(cast.requesting, asset)).outcome == "denied"
    await end_agreement(other, cast.assisting, cast.requesting)
    assert (await make_decision(cast.requesting, asset, now=utc_now())).outcome == "permitted"
