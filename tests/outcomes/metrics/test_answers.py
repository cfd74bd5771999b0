"""Metrics one at a time: a history told by hand, over time, by group, as of an instant, and for nobody else."""

from typing import Any

import pytest

from registry.outcomes.metrics.definitions import DEFINITIONS
from tests.outcomes.metrics.history import two_months
from tests.outcomes.metrics.test_metrics_api import SPAN, groups
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Caller


async def answer(caller: Caller, key: str, query: str = "") -> dict[str, Any]:
    return dict(await caller.done("GET", f"/v1/metrics/{key}?{SPAN}&{query}"))


async def measures(caller: Caller, key: str, query: str = "") -> dict[str | None, tuple[Any, ...]]:
    """Numerator, denominator and observations of each group."""
    found = (await answer(caller, key, query))["groups"]
    return {each["key"]: tuple(each["measure"][name] for name in ("numerator", "denominator", "n")) for each in found}


# The history of March and April 2025 (`history.two_months`), added up by hand.
BY_HAND = {
    "line_fill_rate": (3, 6, 6),
    "quantity_fill_rate": (3, 6, 6),
    "commit_rate": (3, 6, 6),
    "time_to_decision": (6, 6, 6),
    "time_to_commit": (3, 6, 3),
    "time_to_fulfil": (3, 6, 3),
    # At ten, six and two o'clock, planned for ten, six and midnight.
    "on_time_arrival": (2, 3, 3),
    "on_time_return": (1, 3, 3),
    # Due on 12 April at six; still out at the end of the month, 18 days and 18 hours later.
    "overdue_exposure": (18 * 24 + 18, None, 1),
    "extension_rate": (0, 3, 3),
    "recall_compliance": (0, 0, 0),
    # Since one asset first left, on 10 March at nine, and the other, on 11 April; both were registered later.
    "utilisation": (8 + 11 + 480, (61 - 9) * 24 - 9 + 20 * 24, 2),
    "activation_count": (2, None, 3),
    # 8 and 11 hours; what is still out counts once it is back.
    "reciprocity": (19, 19, 2),
    "damage_loss_rate": (0, 2, 2),
    "expired_but_used": (0, 3, 3),
    # Five at once, of which one is denied; two after an approver's word; one more was withdrawn undecided.
    "policy_outcomes": (3, 7, 7),
}


async def test_both_sides_get_of_each_metric_what_a_hand_count_gives(cast: Cast) -> None:
    pair = await two_months(cast)
    for key, expected in BY_HAND.items():
        assert await measures(pair.assisting.auditor, key) == {None: expected}, key
    mirrored = {**BY_HAND, "reciprocity": (0, 19, 2)}
    for key in ("line_fill_rate", "on_time_return", "reciprocity"):
        assert await measures(pair.requesting.auditor, key) == {None: mirrored[key]}, key


async def test_an_answer_is_that_of_the_scorecard(cast: Cast) -> None:
    caller = (await two_months(cast)).requesting.coordinator
    card = (await groups(caller))[None]
    pairs = {"line_fill_rate": "fill_rate", "on_time_return": "on_time_return", "expired_but_used": "expired_but_used"}
    for key, name in pairs.items():
        found = (await answer(caller, key))["groups"][0]["measure"]
        assert {part: found[part] for part in ("numerator", "denominator", "value", "low", "high")} == {
            part: card[name][part] for part in ("numerator", "denominator", "value", "low", "high")
        }
    found = (await answer(caller, "time_to_decision"))["groups"][0]["measure"]
    assert (found["value"], found["p90"]) == (
        card["time_to_decision"]["median_hours"]["value"],
        card["time_to_decision"]["p90_hours"],
    )
    hours = (await answer(caller, "utilisation"))["groups"][0]["measure"]
    assert (hours["numerator"], hours["denominator"]) == tuple(
        card["utilisation"][part] for part in ("numerator", "denominator")
    )


async def test_periods_are_those_of_the_time_zone_and_stand_beside_the_one_before(cast: Cast) -> None:
    caller = (await two_months(cast)).requesting.coordinator
    assert await measures(caller, "line_fill_rate", "group_by=month") == {"2025-03": (1, 1, 1), "2025-04": (2, 5, 5)}
    chicago = await answer(caller, "line_fill_rate", "group_by=month&time_zone=America/Chicago")
    found = {group["key"]: (group["measure"]["numerator"], group["measure"]["n"]) for group in chicago["groups"]}
    assert found == {"2025-02": (0, 0), "2025-03": (2, 2), "2025-04": (1, 4)}
    april = chicago["groups"][-1]
    assert (april["previous"]["numerator"], april["previous"]["denominator"]) == (2, 2)
    assert april["previous_window"]["end"] == april["window"]["start"]
    assert april["change"]["difference"] == pytest.approx(1 / 4 - 1)
    assert april["change"]["low"] < april["change"]["difference"] < april["change"]["high"]
    assert chicago["groups"][1]["change"] is None, "there was nothing to count before"
    assert len(await measures(caller, "line_fill_rate", "group_by=day")) == 61
    assert sum(n for _, _, n in (await measures(caller, "line_fill_rate", "group_by=week")).values()) == 6
    assert list(await measures(caller, "line_fill_rate", "group_by=quarter")) == ["2025-Q1", "2025-Q2"]
    assert await measures(caller, "line_fill_rate", "group_by=year") == {"2025": (3, 6, 6)}
    assert {found["few"] for found in (group["measure"] for group in chicago["groups"])} == {True}


async def test_figures_are_grouped_by_what_was_shared_and_with_whom(cast: Cast) -> None:
    pair = await two_months(cast)
    caller, whole = pair.requesting.coordinator, (3, 6, 6)
    by = {
        "agreement": pair.agreement["id"],
        "requesting_agency": str(pair.requesting.id),
        "assisting_agency": str(pair.assisting.id),
        "partner": str(pair.assisting.id),
        "pair": f"{pair.requesting.id}:{pair.assisting.id}",
        "purpose": "mutual_aid",
    }
    for group_by, key in by.items():
        assert await measures(caller, "line_fill_rate", f"group_by={group_by}") == {key: whole}, group_by
    kinds = await measures(caller, "line_fill_rate", "group_by=category")
    assert kinds == {"k9.explosives": (1, 1, 1), "k9.narcotics": (2, 2, 2), "vehicle.command_post": (0, 3, 3)}
    filters = (
        f"partner_agency_id={pair.assisting.id}",
        f"requesting_agency_id={pair.requesting.id}",
        f"assisting_agency_id={pair.assisting.id}",
        f"agreement_id={pair.agreement['id']}",
        "purpose=mutual_aid",
    )
    for given in filters:
        for key in ("line_fill_rate", "on_time_return", "policy_outcomes"):
            assert await measures(caller, key, given) == {None: BY_HAND[key]}, (key, given)
    assert await measures(caller, "line_fill_rate", "category=k9") == {None: (3, 3, 3)}
    assert await measures(caller, "line_fill_rate", "purpose=training") == {None: (0, 0, 0)}


async def test_a_group_of_which_nothing_came_about_is_listed_without_a_value(cast: Cast) -> None:
    caller = (await two_months(cast)).requesting.coordinator
    found = (await answer(caller, "time_to_commit", "group_by=category"))["groups"]
    listed = {each["key"]: (each["measure"]["denominator"], each["measure"]["value"]) for each in found}
    assert listed == {"k9.explosives": (1, 7), "k9.narcotics": (2, 1), "vehicle.command_post": (3, None)}


async def test_before_the_data_begin_a_count_is_null_and_nothing_is_compared_to_it(cast: Cast) -> None:
    pair = await two_months(cast)
    window = "from=2025-02-01T00:00:00Z&to=2025-05-01T00:00:00Z&group_by=month"
    found = await pair.requesting.coordinator.done("GET", f"/v1/metrics/activation_count?{window}")
    assert found["data_from"] == "2025-03-10T09:00:00Z", "reserved and left at nine"
    told = [(each["measure"]["value"], each["previous"]["value"], each["change"]) for each in found["groups"]]
    assert told[:2] == [(None, None, None), (1, None, None)]
    assert told[2][:2] == (2, 1)
    assert told[2][2]["difference"] == 1
    nothing = await cast.stranger.coordinator.done("GET", f"/v1/metrics/activation_count?{window}")
    assert {each["measure"]["value"] for each in nothing["groups"]} == {None}


async def test_as_of_an_instant_what_was_done_later_is_left_out(cast: Cast) -> None:
    caller = (await two_months(cast)).requesting.coordinator
    # On 11 April at one o'clock the third of the loans had left and had not arrived.
    early = "as_of=2025-04-11T01:00:00Z"
    assert await measures(caller, "line_fill_rate", early) == {None: (2, 3, 3)}
    assert await measures(caller, "extension_rate", early) == {None: (0, 3, 3)}
    assert await measures(caller, "on_time_return", early) == {None: (1, 2, 2)}
    # As the first of April ended, the second loan was back two hours late; an hour before it was due it was out.
    assert await measures(caller, "on_time_return", "as_of=2025-04-01T13:00:00Z") == {None: (1, 1, 1)}
    assert (await answer(caller, "line_fill_rate", early))["as_of"] == "2025-04-11T01:00:00Z"


async def test_agreements_are_counted_as_they_stand_at_the_end_of_a_period(cast: Cast) -> None:
    pair = await two_months(cast)
    caller = pair.requesting.legal
    only = f"agreement_id={pair.agreement['id']}&from=2099-01-01T00:00:00Z"
    found = await caller.done("GET", f"/v1/metrics/agreement_in_force_rate?agreement_id={pair.agreement['id']}")
    assert (found["groups"][0]["measure"]["numerator"], found["groups"][0]["measure"]["denominator"]) == (1, 1)
    risk = await caller.done("GET", f"/v1/metrics/renewal_risk?agreement_id={pair.agreement['id']}")
    assert risk["groups"][0]["measure"]["denominator"] == 1
    problem = await caller.get(f"/v1/metrics/renewal_risk?{only}&to=2099-02-01T00:00:00Z&category=k9")
    assert_problem(problem, 422, "metric_not_by")


async def test_what_is_not_kept_yet_is_null_with_the_reason(cast: Cast) -> None:
    found = await answer(cast.requesting.coordinator, "cost_recovered", "group_by=month")
    assert found["metric"]["missing"]
    assert [group["measure"]["value"] for group in found["groups"]] == [None, None]
    assert found["data_from"] is None
    assert [key for key, each in DEFINITIONS.items() if not each.is_counted] == ["cost_recovered"]


async def test_every_definition_is_listed_page_by_page(cast: Cast) -> None:
    caller = cast.requesting.auditor
    first = await caller.done("GET", "/v1/metrics?limit=20")
    rest = await caller.done("GET", f"/v1/metrics?limit=20&cursor={first['next_cursor']}")
    assert [each["key"] for each in first["items"] + rest["items"]] == list(DEFINITIONS)
    assert rest["next_cursor"] is None
    down = await caller.done("GET", "/v1/metrics?sort=-key")
    assert [each["key"] for each in down["items"]] == list(reversed(list(DEFINITIONS)))


async def test_strangers_count_nothing_of_what_others_share(cast: Cast) -> None:
    pair = await two_months(cast)
    for key in ("line_fill_rate", "on_time_return", "policy_outcomes", "obligation_compliance"):
        for query in ("", f"agreement_id={pair.agreement['id']}", f"partner_agency_id={pair.requesting.id}"):
            assert await measures(cast.stranger.coordinator, key, query) == {None: (0, 0, 0)}, (key, query)
    found = await answer(cast.stranger.coordinator, "line_fill_rate")
    assert found["data_from"] is None
    assert (await answer(pair.requesting.coordinator, "line_fill_rate"))["data_from"] == "2025-03-10T08:00:00Z"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("as_of=2199-01-01T00:00:00Z", 422, "metric_ahead"),
        ("time_zone=Mars/Olympus", 422, "unknown_time_zone"),
        ("from=2015-01-01T00:00:00Z&to=2025-01-01T00:00:00Z", 422, "window_too_long"),
        ("from=2022-01-01T00:00:00Z&to=2025-01-01T00:00:00Z&group_by=day", 422, "window_too_long"),
        ("group_by=mood", 400, None),
        ("as_of=yesterday", 400, None),
        ("agreement_id=7", 400, None),
        ("colour=red", 400, None),
    ],
)
async def test_a_question_that_cannot_be_answered_says_why(
    cast: Cast, query: str, status: int, code: str | None
) -> None:
    problem = assert_problem(await cast.requesting.coordinator.get(f"/v1/metrics/line_fill_rate?{query}"), status)
    assert code is None or problem["code"] == code


async def test_who_may_not_ask_is_not_answered(cast: Cast) -> None:
    service = cast.assisting.service
    for path in ("/v1/metrics", "/v1/metrics/line_fill_rate"):
        assert_problem(await service.anonymous.get(path), 401)
        assert_problem(await service.operator.get(path), 403, "forbidden")
    assert_problem(await cast.requesting.coordinator.get("/v1/metrics/happiness"), 404, "not_found")
