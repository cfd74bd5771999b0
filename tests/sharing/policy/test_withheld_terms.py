"""A term whose text is restricted is not found by asking: what is told goes no further than the outcome itself.

Of two worlds that differ in such a figure alone, all that anybody is told is the same wherever the outcome is.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.comparing import rests_on_withheld
from registry.sharing.policy.decisions import Decision
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.rules import decide
from tests.sharing.policy.test_analysing import bar
from tests.sharing.policy.test_policy_sets_api import validated
from tests.sharing.policy.test_previews_api import preview
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.policy import make_decision, window_of

Case = Callable[..., Facts]
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
FIGURES = {
    "max_duration_hours": (12, 36, 60),
    "notice_hours": (12, 36, 60),
    "max_quantity": (2, 3, 5),
    "cost_ceiling_minor": (500, 1500, 2500),
    "approval_over_hours": (12, 36, 60),
}
"""Figures of a term; whoever knows one of them asked for what it allows and for what it does not."""
OPEN = {"like": "compact", "terms": {"max_duration_hours": 72}}


def asks() -> Iterator[dict[str, Any]]:
    for hours in (8, 24, 48, 80):
        for quantity, cost in ((1, 1000), (4, 2000)):
            for ahead in (24, 48):
                start = NOW + timedelta(hours=ahead)
                yield {
                    "start": start.isoformat(),
                    "end": (start + timedelta(hours=hours)).isoformat(),
                    "quantity": quantity,
                    "estimated_cost_minor": cost,
                }


def said(decision: Decision) -> str:
    """All that is told of it, but for the digest of the salted facts."""
    return msgspec.json.encode(msgspec.structs.replace(decision, input_digest="")).decode()


def itself(decision: Decision) -> tuple[Any, ...]:
    """The outcome itself: what it comes to, and who has to approve it."""
    return decision.outcome, tuple((each.policy_id, each.side) for each in decision.approvals)


WORLDS: dict[str, dict[str, Any]] = {
    "alone": {},
    "beside an open one": {"others": [OPEN]},
    "newer than an open one": {"since": "2026-01-01T06:00:00Z", "others": [OPEN]},
    "beside one that needs an approval": {"others": [{"like": "compact", "terms": {"approval_required": True}}]},
    "beside one that permits nothing": {"others": [{"like": "compact", "terms": {"purposes": ["training"]}}]},
    "for what is not in service": {"others": [OPEN], "asset": {"like": "narcotics_dog", "service_status": "retired"}},
    "for what is not shared": {"others": [OPEN], "asset": {"like": "narcotics_dog", "sharing": "private"}},
    "not in force": {"in_force": False, "others": [OPEN]},
    "of another category": {"covers_category": False, "others": [OPEN]},
    "with an open term that refuses": {"terms": {"purposes": ["training"]}, "others": [OPEN]},
    "with an approval": {"terms": {"approval_required": True}, "others": [OPEN]},
    "asked for by an auditor": {"principal": "auditor", "others": [OPEN]},
}


def world(case: Case, term: str, figure: int, ask: dict[str, Any], what: dict[str, Any], secret: list[str]) -> Facts:
    given = {name: each for name, each in what.items() if name in ("asset", "principal")}
    own: dict[str, Any] = {
        "like": "mutual_aid",
        "terms": {**what.get("terms", {}), term: figure},
        "clauses": {term: "9"},
        "restricted": secret,
    }
    own |= {name: what[name] for name in ("in_force", "covers_category") if name in what}
    if "since" in what:
        own["effective_at"] = what["since"]
    return case(ask=ask, agreements=[own, *what.get("others", [])], **given)


@pytest.mark.parametrize("what", WORLDS)
@pytest.mark.parametrize("term", FIGURES)
def test_what_is_told_differs_only_where_the_outcome_does(shipped: PolicySet, case: Case, term: str, what: str) -> None:
    for ask in asks():
        by_outcome: dict[Any, set[str]] = {}
        for figure in FIGURES[term]:
            decision = decide(world(case, term, figure, ask, WORLDS[what], [term]), shipped)
            by_outcome.setdefault(itself(decision), set()).add(said(decision))
        assert all(len(told) == 1 for told in by_outcome.values()), (ask, by_outcome)


def test_of_several_withheld_terms_it_is_not_told_which_refused(shipped: PolicySet, case: Case) -> None:
    """Who asks for too many would else find how long, although no loan of so many is ever permitted."""
    secret = ["max_duration_hours", "max_quantity"]
    what = {"terms": {"max_quantity": 2}}
    (ask, *_) = (each for each in asks() if each["quantity"] == 4)
    told = {said(decide(world(case, "max_duration_hours", hours, ask, what, secret), shipped)) for hours in (4, 100)}
    assert len(told) == 1
    decision = decide(world(case, "max_duration_hours", 4, ask, what, secret), shipped)
    (reason,) = decision.reasons
    assert (reason.policy_id, reason.layer, reason.effect) == ("withheld_term", "engine", "forbid")
    assert reason.reason == "Agreement MA-2025-001 does not allow this loan, by restricted clause 9."
    (near,) = decision.near_misses
    assert (near.removed, near.outcome_then) == ((), None)


def test_the_one_withheld_term_that_refused_is_named_and_what_it_refuses_beside_others_is_not(
    shipped: PolicySet, case: Case
) -> None:
    (ask, *_) = asks()
    facts = world(case, "max_duration_hours", 4, ask, {}, ["max_duration_hours"])
    assert [each.policy_id for each in decide(facts, shipped).reasons] == ["duration_over_limit"]
    retired = WORLDS["for what is not in service"]
    decision = decide(
        world(case, "max_duration_hours", 4, ask, {**retired, "others": []}, ["max_duration_hours"]), shipped
    )
    assert [each.policy_id for each in decision.reasons] == ["asset_not_in_service"]
    (near,) = decision.near_misses
    assert (near.removed, near.outcome_then) == (("asset_not_in_service",), None)
    assert near.explanation.endswith("whether restricted clause 9 then allows it, asking so tells")


def test_an_alternative_that_may_refuse_by_a_withheld_term_is_named_and_no_more(shipped: PolicySet, case: Case) -> None:
    (ask, *_) = asks()
    facts = world(case, "max_duration_hours", 100, ask, WORLDS["newer than an open one"], ["max_duration_hours"])
    decision = decide(facts, shipped)
    assert decision.agreement is not None
    assert decision.agreement.number == "CO-2024-007", "what permits as well without a withheld term is taken"
    assert [(each.agreement.number, each.outcome, each.approvals) for each in decision.alternatives] == [
        ("MA-2025-001", None, None)
    ]


@pytest.mark.parametrize(
    ("condition", "rests"),
    [
        ("context.agreement has max_duration_hours && context.agreement.max_duration_hours > 80", True),
        ('context.agreement.kind == "compact"', True),
        ('(if context.ask.quantity > 1 then context.agreement else context.agreement).kind == "compact"', True),
        ('context.ask.requesting.kind == "city"', False),
        ("context.ask.notice_hours < 80", False),
    ],
)
def test_a_policy_that_tells_agreements_apart_leaves_the_answer_to_the_withheld_term(
    shipped: PolicySet, case: Case, condition: str, rests: bool
) -> None:
    (ask, *_) = asks()
    secret = ["max_duration_hours", "notice_hours"]
    for figure in (4, 100):
        facts = world(case, "max_duration_hours", figure, ask, WORLDS["beside an open one"], secret)
        own = shipped.with_agency(facts.assisting.id, bar("drafted", condition))
        assert rests_on_withheld(facts, own.agency_policies, own) is rests


# The same over the API: the two sides sign a text with a restricted limit of 36 hours, and an open one of 72.

LAW = {"sensitivity": "restricted", "exemption": "Section 13.82 (demo); have counsel review"}
CLAUSE = {"number": "9", "heading": "equipment", "text": "For so long and no longer (demo).", **LAW}
SECRET = {"max_duration_hours": 36, "clauses": {"max_duration_hours": "9"}}
_OF_THE_ASK = re.compile(
    r'"(input_digest|evaluated_at|estimated_cost|availability|id|root_decision_id|previous_id|window|requested_at|current_id)"'
    r":(\{[^{}]*\}|\[[^\[\]]*\]|[^,{}\[\]]+),?|for \d+ hours?"
)


def bare(answer: Any) -> str:
    """An answer without what is of the ask itself: its length, its instants and its ids."""
    return _OF_THE_ASK.sub("", json.dumps(answer, separators=(",", ":")))


async def agreed(cast: Cast) -> None:
    service = cast.assisting.service
    await sign_agreement(service, cast.assisting, cast.requesting, terms={"max_duration_hours": 72})
    await sign_agreement(
        service, cast.assisting, cast.requesting, terms=SECRET, provisions=[CLAUSE], effective_on="2021-01-01"
    )


async def halved(told: Callable[[int], Any], least: int, most: int) -> tuple[int, int]:
    """How near whoever asks comes to where the answer changes; to the most, where it never does."""
    first = await told(least)
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if await told(middle) == first else (least, middle)
    return least, most


async def test_by_asking_a_withheld_limit_is_found_no_nearer_than_the_outcome_tells(cast: Cast) -> None:
    await agreed(cast)
    asset = await make_asset(cast.assisting, capacity=2)
    asker = cast.requesting.coordinator

    def what_if(**given: Any) -> Callable[[int], Any]:
        async def told(hours: int) -> str:
            window = window_of(hours=hours)
            asked = {
                "asset_id": asset["id"],
                "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
                "purpose": "narcotics_investigation",
                **given,
            }
            return bare(await asker.done("POST", "/v1/policy-evaluations", asked))

        return told

    async def recorded(hours: int) -> str:
        made = await make_decision(cast.requesting, asset, window=window_of(hours=hours))
        return bare(await asker.done("GET", f"/v1/decisions/{made.id}"))

    for told in (what_if(), what_if(priority="emergency"), what_if(quantity=2), recorded):
        # Up to 72 hours the other agreement permits it: the outcome is one, and so is the answer.
        assert await halved(told, 1, 72) == (71, 72)
    assert await halved(what_if(), 1, 100) == (72, 73), "an open limit is found, as it is read"
    await cast.assisting.admin.done("POST", f"/v1/assets/{asset['id']}/take-out-of-service", {"reason": "repair"})
    assert await halved(what_if(), 1, 72) == (71, 72), "what is denied anyway tells nothing of it"


async def test_no_draft_of_a_set_leaves_past_asks_to_a_withheld_limit(cast: Cast) -> None:
    """Who drafts bars the open agreement, and would read by the lengths of past loans where the other one ends."""
    owner = cast.assisting
    await agreed(cast)
    asset = await make_asset(owner)
    for hours in (8, 30, 40, 60):
        await make_decision(cast.requesting, asset, window=window_of(hours=hours))
    cedar = bar("only_the_other", 'context.agreement.kind == "mutual_aid" && !(context.agreement has free_hours)')
    tests = (
        "- name: by the other\n  given: {agreements: [{like: mutual_aid, terms: {free_hours: 5}}]}\n"
        "  expect: {outcome: permitted, policies: [agreement_in_force]}\n"
        "- name: by this one\n  expect: {outcome: denied, policies: [only_the_other]}\n"
    )
    path = await validated(owner, {"title": "Apart (demo)", "cedar": cedar, "tests": tests})
    found = await preview(owner, path)
    assert (found["examined"], found["left_out"], found["same"], found["changes"]) == (4, 4, 0, [])
    evidence = (await owner.legal.done("GET", path))["analysis"]["evidence"]
    assert (evidence["decisions"], evidence["left_out"]) == (0, 4)
