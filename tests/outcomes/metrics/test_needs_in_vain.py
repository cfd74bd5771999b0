"""What was needed of whichever agency, and nobody lent, counts: for who asked once, for each that was asked."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from registry.outcomes.metrics import commands
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.sharing.requests.commands.asking import withdraw_request
from tests.outcomes.metrics.test_daily_sums import differing
from tests.sharing.requests.test_sourcing import NO, later, needed, offer, seen_by, source
from tests.support.cast import Agency, Cast
from tests.support.feed import sealed
from tests.support.policy import acting_for

KEYS = ("line_fill_rate", "quantity_fill_rate", "commit_rate")


async def summed(agency: Agency) -> dict[str, dict[str, Any]]:
    """The totals, once all that was recorded is followed."""
    service = agency.service
    await sealed(service)
    await commands.follow_all(service.database.read(), partial(unit_of_work, service.database))
    totals = await agency.auditor.done("GET", "/v1/scorecard/totals")
    return {each["key"]: each["measure"] for each in totals["metrics"]}


async def measured(agency: Agency) -> dict[str, tuple[Any, ...]]:
    """Numerator and denominator of each, from the tables, which must be those of the daily sums; and the parts."""
    in_totals = await summed(agency)
    found: dict[str, tuple[Any, ...]] = {}
    for key in KEYS:
        measure = (await agency.auditor.done("GET", f"/v1/metrics/{key}"))["groups"][0]["measure"]
        found[key] = (measure["numerator"], measure["denominator"])
        of_key = in_totals[key]
        assert (of_key["numerator"], of_key["denominator"], of_key["parts"]) == (*found[key], measure["parts"]), key
    found["parts"] = tuple((each["code"], each["amount"]) for each in in_totals["commit_rate"]["parts"])
    assert await differing(agency.service) == 0
    return found


async def decline(agency: Agency, found: dict[str, Any]) -> None:
    mine = await seen_by(agency, found)
    path = f"/v1/requests/{found['id']}/lines/{mine['lines'][0]['id']}/decline"
    await agency.coordinator.done("POST", path, NO)


async def test_a_need_that_the_only_agency_asked_declined_counts_for_both(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 2), [cast.assisting])
    await decline(cast.assisting, found)
    expected = {
        "line_fill_rate": (0, 1),
        "quantity_fill_rate": (0, 2),
        "commit_rate": (0, 1),
        "parts": (("declined_not_available", 1),),
    }
    assert await measured(cast.requesting) == expected
    assert await measured(cast.assisting) == expected
    card = await cast.requesting.auditor.done("GET", "/v1/scorecard")
    assert card["groups"][0]["scores"]["decline_reasons"] == [{"code": "declined_not_available", "lines": 1}]
    assert (await measured(cast.stranger))["line_fill_rate"] == (0, 0)


async def test_a_need_that_one_declines_and_one_offers_for_counts_once_for_who_asked(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 1), [cast.assisting], [cast.neighbour])
    await decline(cast.assisting, found)
    assert (await measured(cast.requesting))["line_fill_rate"] == (0, 1), "asked of the next"
    assert (await offer(cast.neighbour, found)).is_success
    for agency, denominator in ((cast.requesting, 1), (cast.assisting, 1), (cast.neighbour, 1)):
        assert (await measured(agency))["line_fill_rate"] == (0, denominator)
    assert (await measured(cast.requesting))["parts"] == ()
    assert (await measured(cast.assisting))["parts"] == (("declined_not_available", 1),)


async def test_a_need_that_nobody_answered_counts_for_both_though_it_is_withdrawn_afterwards(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 1), [cast.assisting], within=30)
    assert (await measured(cast.requesting))["commit_rate"] == (0, 0), "it may still be answered"
    assert (await later(cast, found, 31))[-1] == "unanswered"
    expected = {
        "line_fill_rate": (0, 1),
        "quantity_fill_rate": (0, 1),
        "commit_rate": (0, 1),
        "parts": (("unanswered", 1),),
    }
    for agency in (cast.requesting, cast.assisting):
        assert await measured(agency) == expected
    afterwards = acting_for(cast.requesting, Role.COORDINATOR, now=utc_now() + timedelta(minutes=31))
    async with unit_of_work(cast.requesting.service.database) as write:
        await withdraw_request(write, afterwards, UUID(found["id"]), "given up (demo)")
    for agency in (cast.requesting, cast.assisting):
        commit_rate = (await summed(agency))["commit_rate"]
        assert (commit_rate["denominator"], commit_rate["parts"]) == (1, [{"code": "unanswered", "amount": 1}])


async def test_a_need_that_is_withdrawn_before_anybody_answered_counts_for_nobody(cast: Cast) -> None:
    found = await source(cast, await needed(cast, 1), [cast.assisting])
    await cast.requesting.coordinator.done("POST", f"/v1/requests/{found['id']}/withdraw", {"reason": "found (demo)"})
    for agency in (cast.requesting, cast.assisting):
        assert (await measured(agency))["line_fill_rate"] == (0, 0)
