"""The measures of a history told by hand, in whose months they fall, and whose figures nobody else gets."""

from typing import Any
from uuid import UUID

import pytest

from registry.agreements.instruments.commands.ending import suspend
from registry.agreements.instruments.schemas.given import OwnSuspension
from registry.outcomes.metrics.queries.scores import get_metrics
from registry.outcomes.metrics.schemas.scores import MetricsQuery, Scores
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.resources.assets.commands.servicing import change_service_status
from registry.resources.assets.rules import AssetAction
from registry.sharing.loans.commands import contesting, handing_over, losing
from registry.sharing.loans.schemas.given import LoanLoss, TimeAnswer, TimeContestation
from registry.sharing.loans.times import TimedAct
from tests.outcomes.metrics.history import GOOD, Planned, at, make_partnership, two_months
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Caller

pytestmark = pytest.mark.second_later

SPAN = "from=2025-03-01T00:00:00Z&to=2025-05-01T00:00:00Z"
AVAILABLE = (22 + 30) * 24 - 9 + 20 * 24
"""Hours of two assets since each first left, on 10 March at nine and on 11 April; both were registered later."""


async def groups(caller: Caller, query: str = "group_by=none") -> dict[str | None, dict[str, Any]]:
    """The scores by key."""
    report = await caller.done("GET", f"/v1/scorecard?{SPAN}&{query}")
    return {group["key"]: group["scores"] for group in report["groups"]}


def part(measure: dict[str, Any]) -> tuple[Any, Any]:
    """Numerator and denominator."""
    return measure["numerator"], measure["denominator"]


def check_all(scores: dict[str, Any]) -> None:
    """What the two months come to, added up by hand."""
    # Six lines count; the seventh was withdrawn before any decision.
    assert part(scores["fill_rate"]) == (3, 6)
    # Hours to decision: 0 0 0 0 3 6. To arrival: 2 4 26.
    decision, fulfil = scores["time_to_decision"], scores["time_to_fulfil"]
    assert part(decision) == (6, 6)
    assert (decision["median_hours"]["value"], decision["p90_hours"]["value"]) == (0, 6)
    assert part(fulfil) == (3, 6)
    assert (fulfil["median_hours"]["value"], fulfil["p90_hours"]["value"]) == (4, 26)
    assert part(scores["on_time_return"]) == (1, 3)
    assert scores["overdue"] == 1
    # Out for 8, 11 and, not back by the end, 20 × 24 hours; two assets since they first left.
    assert part(scores["utilisation"]) == (8 + 11 + 480, AVAILABLE)
    assert scores["utilisation"]["n"] == 2
    assert part(scores["declined"]) == (2, 6)
    assert scores["decline_reasons"] == [
        {"code": "duration_over_limit", "lines": 1},
        {"code": "rejected_by_assisting", "lines": 1},
    ]
    assert part(scores["expired_but_used"]) == (0, 3)
    # Two of the three loans were for one incident.
    assert scores["activations"] == 2
    assert scores["disputed"] == dict.fromkeys(("time_to_fulfil", "on_time_return", "utilisation", "activations"), 0)


async def test_both_sides_get_the_figures_that_a_hand_count_gives(cast: Cast) -> None:
    pair = await two_months(cast)
    for agency in (pair.requesting, pair.assisting):
        check_all((await groups(agency.auditor))[None])


async def test_intervals_bound_the_values_and_are_open_where_there_is_too_little(cast: Cast) -> None:
    scores = (await groups((await two_months(cast)).requesting.coordinator))[None]
    rate = scores["fill_rate"]
    # Wilson's interval of 3 in 6.
    assert (rate["value"], rate["n"]) == (0.5, 6)
    assert (round(rate["low"], 4), round(rate["high"], 4)) == (0.1876, 0.8124)
    median = scores["time_to_decision"]["median_hours"]
    assert (median["n"], median["low"], median["high"]) == (6, 0, 6)
    assert scores["time_to_decision"]["p90_hours"]["high"] is None
    assert scores["time_to_fulfil"]["median_hours"]["low"] is None


async def test_a_month_is_that_of_the_time_zone_asked_for(cast: Cast) -> None:
    caller = (await two_months(cast)).requesting.coordinator
    utc = await groups(caller, "group_by=month")
    assert list(utc) == ["2025-03", "2025-04"]
    assert [part(month["fill_rate"]) for month in utc.values()] == [(1, 1), (2, 5)]
    assert [part(month["utilisation"]) for month in utc.values()] == [
        (8, 22 * 24 - 9),
        (11 + 480, (30 + 20) * 24),
    ]
    assert [part(month["on_time_return"]) for month in utc.values()] == [(1, 1), (0, 2)]
    chicago = await groups(caller, "group_by=month&time_zone=America/Chicago")
    assert list(chicago) == ["2025-02", "2025-03", "2025-04"]
    assert [part(month["fill_rate"]) for month in chicago.values()] == [(0, 0), (2, 2), (1, 4)]
    assert [month["activations"] for month in chicago.values()] == [0, 1, 2]
    for months in (utc, chicago):
        assert sum(month["utilisation"]["numerator"] for month in months.values()) == 499


async def test_figures_are_grouped_and_filtered_by_what_was_lent_and_to_whom(cast: Cast) -> None:
    pair = await two_months(cast)
    caller = pair.requesting.coordinator
    kinds = await groups(caller, "group_by=category")
    found = {key: part(scores["fill_rate"]) for key, scores in kinds.items()}
    assert found == {"k9.explosives": (1, 1), "k9.narcotics": (2, 2), "vehicle.command_post": (0, 3)}
    agreements = await groups(caller, "group_by=agreement")
    assert list(agreements) == [pair.agreement["id"]]
    check_all(agreements[pair.agreement["id"]])
    assert part((await groups(caller, "category=k9"))[None]["fill_rate"]) == (3, 3)
    both = f"assisting_agency_id={pair.assisting.id}&requesting_agency_id={pair.requesting.id}"
    check_all((await groups(caller, both))[None])
    turned = f"assisting_agency_id={pair.requesting.id}"
    assert part((await groups(caller, turned))[None]["fill_rate"]) == (0, 0)


async def test_a_line_without_any_agreement_has_a_group_of_its_own(cast: Cast) -> None:
    pair = await make_partnership(cast)
    stranger_asset = await cast.neighbour.admin.done(
        "POST", "/v1/assets", {"category": "vehicle.command_post", "name": "Post", "sharing": "network"}
    )
    await pair.ask("03-10T08", stranger_asset, "03-10T10", hours=8)
    found = await groups(pair.requesting.coordinator, "group_by=agreement")
    assert part(found[None]["declined"]) == (1, 1)
    assert found[None]["decline_reasons"] == [{"code": "no_ground", "lines": 1}]


async def test_where_there_is_nothing_to_count_the_value_is_null(cast: Cast) -> None:
    scores = (await groups(cast.stranger.coordinator))[None]
    for name in ("fill_rate", "on_time_return", "declined", "expired_but_used"):
        measure = scores[name]
        assert part(measure) == (0, 0)
        assert measure["value"] is measure["low"] is measure["high"] is None
    assert scores["utilisation"] == {"numerator": 0, "denominator": 0, "n": 0, "value": None}
    assert scores["time_to_decision"]["median_hours"]["value"] is None
    assert scores["activations"] == 0


async def test_hours_out_of_service_are_not_available(cast: Cast) -> None:
    pair = await two_months(cast)
    async with unit_of_work(cast.assisting.service.database) as write:
        for when, action in (
            ("03-20T00", AssetAction.TAKE_OUT_OF_SERVICE),
            ("03-25T00", AssetAction.RETURN_TO_SERVICE),
        ):
            caller = acting_for(cast.assisting, Role.AGENCY_ADMIN, now=at(when))
            await change_service_status(write, caller, UUID(pair.narcotics["id"]), action, "vet (demo)")
    march = (await groups(pair.requesting.coordinator, "group_by=month"))["2025-03"]
    assert part(march["utilisation"]) == (8, (22 - 5) * 24 - 9)
    # Nor are hours of maintenance, as long as it took: ended early, or before it began, it took less.
    planned: list[tuple[Planned, str, str, str | None]] = [
        ("maintenance", "03-22T00", "03-26T00", None),
        ("blackout", "03-12T00", "03-20T00", "03-13T00"),
        ("other", "03-27T00", "03-30T00", "03-26T00"),
    ]
    for kind, start, end, ended in planned:
        await pair.keep_home(pair.narcotics, kind, start, end, ended=ended)
    march = (await groups(pair.requesting.coordinator, "group_by=month"))["2025-03"]
    assert part(march["utilisation"]) == (8, (22 - 5 - 1 - 1) * 24 - 9)


async def test_what_is_lost_is_late_and_from_then_on_not_available(cast: Cast) -> None:
    pair = await make_partnership(cast)
    asked = await pair.ask("03-10T00", pair.narcotics, "03-11T00", hours=24)
    await pair.lend(asked, reserved="03-10T00", left="03-11T00", arrived="03-11T01", lost="03-16T00")
    scores = (await groups(pair.requesting.coordinator))[None]
    assert part(scores["utilisation"]) == (5 * 24, 5 * 24)
    assert part(scores["on_time_return"]) == (0, 1)
    assert scores["overdue"] == 0


@pytest.mark.parametrize("end", ["out", "back", "lost"])
async def test_what_came_back_before_the_rest_was_away_until_then_and_is_not_lost_with_it(cast: Cast, end: str) -> None:
    pair = await make_partnership(cast)
    radios = await make_asset(cast.assisting, category="communications.radio_cache", capacity=10)
    asked = await pair.ask("03-10T00", radios, "03-11T00", hours=24, quantity=6)
    await pair.lend(
        asked,
        reserved="03-10T00",
        left="03-11T00",
        arrived="03-11T01",
        parts=[("03-12T00", 1), ("03-13T00", 3)],
        back="03-16T00" if end == "back" else None,
        lost="03-16T00" if end == "lost" else None,
    )
    march = (await groups(pair.requesting.coordinator, "group_by=month"))["2025-03"]
    two_until = {"out": 31 + 1, "back": 16, "lost": 16}[end]
    away = 1 * 1 + 3 * 2 + 2 * (two_until - 11)
    gone = 2 * 16 if end == "lost" else 0
    assert part(march["utilisation"]) == (away * 24, (21 * 10 - gone) * 24)


async def test_what_was_lost_before_the_rest_came_back_is_not_available_from_then_on(cast: Cast) -> None:
    pair = await make_partnership(cast)
    radios = await make_asset(cast.assisting, category="communications.radio_cache", capacity=10)
    asked = await pair.ask("03-10T00", radios, "03-11T00", hours=24, quantity=6)
    await pair.lend(asked, reserved="03-10T00", left="03-11T00", arrived="03-11T01", parts=[("03-12T00", 4)])
    (loan,) = (await pair.requesting.coordinator.done("GET", "/v1/loans?limit=10"))["items"]
    helper = acting_for(cast.assisting, Role.COORDINATOR, now=at("03-13T00"))
    async with unit_of_work(cast.assisting.service.database) as write:
        await losing.report_lost(write, helper, UUID(loan["id"]), LoanLoss(reason="stolen (demo)", quantity=1))
    helper = acting_for(cast.assisting, Role.COORDINATOR, now=at("03-16T00"))
    async with unit_of_work(cast.assisting.service.database) as write:
        await handing_over.confirm_return(write, helper, UUID(loan["id"]), GOOD)
    march = (await groups(pair.requesting.coordinator, "group_by=month"))["2025-03"]
    assert part(march["utilisation"]) == ((4 * 1 + 2 * 5) * 24, (21 * 10 - 16) * 24)


async def test_what_is_agreed_counts_and_what_is_disputed_is_left_out_and_said_to_be(cast: Cast) -> None:
    pair = await two_months(cast)
    asking = pair.requesting.coordinator
    # The one that was late: it left at 05 on the first of April, arrived at 06, was due at 14 and back at 16.
    late = (await asking.done("GET", "/v1/loans?due_to=2025-05-01T00:00:00Z&limit=10"))["items"]
    every = (await asking.done("GET", "/v1/loans?limit=10&sort=created_at"))["items"]
    assert len(late) == 1, "the overdue one alone is still out"
    loan = every[1]["id"]

    async def word(agency: Agency, when: str, act: str, **said: str) -> None:
        who = acting_for(agency, Role.COORDINATOR, now=at(when))
        async with unit_of_work(agency.service.database) as write:
            if "hour" in said:
                named = TimeContestation(act=TimedAct(act), occurred_at=at(said["hour"]), reason="Our log (demo).")
                await contesting.contest_time(write, who, UUID(loan), named)
            else:
                await contesting.accept_time(write, who, UUID(loan), TimeAnswer(act=TimedAct(act)))

    await word(pair.requesting, "04-02T00", "return", hour="04-01T13")
    await word(pair.requesting, "04-02T01", "dispatch", hour="04-01T04")
    await word(pair.assisting, "04-02T02", "receive", hour="04-01T05")
    disputed = (await groups(asking))[None]
    assert disputed["disputed"] == {"time_to_fulfil": 1, "on_time_return": 1, "utilisation": 1, "activations": 1}
    assert part(disputed["on_time_return"]) == (1, 2)
    assert part(disputed["time_to_fulfil"]) == (2, 5)
    # From 04 to 16 by the longest of the words: neither away nor at hand.
    assert part(disputed["utilisation"]) == (8 + 480, AVAILABLE - 12)
    assert disputed["activations"] == 2, "another loan of the same incident left"
    await word(pair.assisting, "04-03T00", "return")
    await word(pair.assisting, "04-03T01", "dispatch")
    await word(pair.requesting, "04-03T02", "receive")
    settled = (await groups(asking))[None]
    assert set(settled["disputed"].values()) == {0}
    assert part(settled["on_time_return"]) == (2, 3)
    assert settled["time_to_fulfil"]["median_hours"]["value"] == 3, "three hours after it was asked, not four"
    assert part(settled["utilisation"]) == (8 + 9 + 480, AVAILABLE)


async def test_a_loan_on_an_agreement_that_turns_out_not_to_have_bound_is_counted(cast: Cast) -> None:
    pair = await two_months(cast)
    async with unit_of_work(cast.assisting.service.database) as write:
        # Entered late: it did not bind from April on.
        caller = acting_for(cast.assisting, Role.LEGAL, now=at("04-01T00"))
        await suspend(
            write, caller, UUID(pair.agreement["id"]), OwnSuspension(reason="no council approval (demo)"), None
        )
    months = await groups(pair.requesting.coordinator, "group_by=month")
    assert [part(month["expired_but_used"]) for month in months.values()] == [(0, 1), (2, 2)]


async def test_a_scorecard_has_all_measures_and_a_monthly_series(cast: Cast) -> None:
    pair = await two_months(cast, cast.neighbour)
    path = f"/v1/agreements/{pair.agreement['id']}/scorecard?{SPAN}"
    card = await pair.assisting.legal.done("GET", path)
    check_all(card["overall"])
    assert [month["key"] for month in card["months"]] == ["2025-03", "2025-04"]
    assert [part(month["scores"]["fill_rate"]) for month in card["months"]] == [(1, 1), (2, 5)]
    assert card["months"][0]["window"] == {"start": "2025-03-01T00:00:00Z", "end": "2025-04-01T00:00:00Z"}
    # A third party to the agreement learns nothing of what the other two share.
    other = await cast.neighbour.legal.done("GET", path)
    assert part(other["overall"]["fill_rate"]) == (0, 0)
    assert other["overall"]["activations"] == 0


async def test_a_scorecard_is_for_parties(cast: Cast) -> None:
    hidden = await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, provisions=[])
    public = await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    assert_problem(await cast.stranger.legal.get(f"/v1/agreements/{hidden['id']}/scorecard"), 404, "not_found")
    assert_problem(await cast.stranger.legal.get(f"/v1/agreements/{public['id']}/scorecard"), 403, "forbidden")
    anonymous = cast.assisting.service.anonymous
    assert_problem(await anonymous.get(f"/v1/agreements/{public['id']}/scorecard"), 401)
    assert_problem(await cast.assisting.service.operator.get("/v1/scorecard"), 403, "forbidden")


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ("from=2025-05-01T00:00:00Z&to=2025-03-01T00:00:00Z", 422, "to"),
        ("from=1990-01-01T00:00:00Z&to=2025-03-01T00:00:00Z", 422, "to"),
        ("to=2500-01-01T00:00:00Z", 422, "to"),
        ("to=0001-01-01T00:00:00Z", 422, "to"),
        ("time_zone=Mars/Olympus", 422, "time_zone"),
        ("from=2025-03-01T00:00:00", 400, "from"),
        ("group_by=week", 400, "group_by"),
        ("since=2025-03-01T00:00:00Z", 400, "since"),
    ],
)
async def test_a_window_or_zone_that_cannot_be_is_named(cast: Cast, query: str, status: int, parameter: str) -> None:
    problem = assert_problem(await cast.requesting.coordinator.get(f"/v1/scorecard?{query}"), status)
    assert problem["errors"][0]["parameter"] == parameter


async def test_what_is_still_to_come_is_neither_late_nor_available(cast: Cast) -> None:
    pair = await make_partnership(cast)
    asked = await pair.ask("03-10T00", pair.narcotics, "03-11T00", hours=72)
    await pair.answer("03-10T00", asked, "approved")
    await pair.lend(asked, reserved="03-10T01", left="03-11T00", arrived="03-11T01")
    read = cast.requesting.service.database.read()
    window = MetricsQuery(from_=at("03-01T00"), to=at("03-31T00"))

    async def seen(when: str) -> Scores:
        caller = acting_for(cast.requesting, Role.COORDINATOR, now=at(when))
        return (await get_metrics(read, caller, window)).groups[0].scores

    before, after = await seen("03-13T00"), await seen("03-14T01")
    assert (before.utilisation.numerator, before.utilisation.denominator) == (2 * 24, 2 * 24)
    assert (before.on_time_return.denominator, before.overdue) == (0, 0)
    assert (after.utilisation.numerator, after.utilisation.denominator) == (3 * 24 + 1, 3 * 24 + 1)
    assert (after.on_time_return.denominator, after.overdue) == (1, 1)
