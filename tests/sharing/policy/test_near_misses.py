"""A denial says what would have helped, and asking again within the bound shows that it does."""

import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from registry.sharing.policy.cedar import PolicySet, load_policy_set
from registry.sharing.policy.explain import MOST_SINGLE_REMOVALS
from registry.sharing.policy.facts import Facts, facts_bytes
from registry.sharing.policy.rules import decide
from registry.sharing.policy.testing import read_cases
from tests.support.length import at_length
from tests.support.places import ROOT
from tests.support.policy import with_policies

POLICIES = ROOT / "policies"
SHIPPED = load_policy_set(POLICIES)
CASES = [facts for _, _, facts in read_cases(POLICIES)]


def test_the_only_bar_left_out_leaves_the_loan_permitted(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    decision = decide(case(principal="auditor"), shipped)
    assert [(n.removed, n.outcome_then) for n in decision.near_misses] == [(("role_may_not_ask",), "permitted")]


def test_two_bars_are_left_out_one_at_a_time_and_together(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    terms = {"max_duration_hours": 24, "notice_hours": 400, "approval_required": True}
    decision = decide(
        case(agreements={"like": "mutual_aid", "terms": terms, "clauses": {"max_duration_hours": "4.2"}}),
        shipped,
    )
    assert [(n.removed, n.outcome_then, n.explanation) for n in decision.near_misses] == [
        (
            ("duration_over_limit",),
            "denied",
            "would pass this bar up to 24 hours (clause 4.2), but another bar remains",
        ),
        (
            ("notice_too_short",),
            "denied",
            "would pass this bar if asked at least 400 hours ahead, but another bar remains",
        ),
        (
            ("duration_over_limit", "notice_too_short"),
            "needs_approval",
            "would be permitted, once approved, up to 24 hours (clause 4.2) and if asked at least 400 hours ahead",
        ),
    ]


def test_without_an_agreement_the_outcome_of_one_is_not_known(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    (lacking,) = decide(case(agreements=[]), shipped).near_misses
    assert (lacking.agreement_id, lacking.removed, lacking.outcome_then) == (None, (), None)


def test_without_an_agreement_a_bar_is_still_told(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    decision = decide(case(agreements=[], asset={"like": "drone", "service_status": "retired"}), shipped)
    assert [r.policy_id for r in decision.reasons] == ["asset_not_in_service", "no_ground"]
    assert decision.near_misses[0].outcome_then == "denied"


def test_of_a_restricted_clause_that_binds_nobody_yet_no_bound_shows_through_the_outcome(
    shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    for bound in (1, 1000):
        hidden = {"in_force": False, "terms": {"max_duration_hours": bound}, "restricted": ["max_duration_hours"]}
        (lacking,) = decide(case(agreements={"like": "mutual_aid", **hidden}), shipped).near_misses
        assert lacking.outcome_then is None


def test_a_missing_ground_is_told_with_what_the_agreement_would_then_give(
    shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    gaps = {"in_force": False, "covers_category": False, "terms": {"approval_required": True}}
    (lacking,) = decide(case(agreements={"like": "mutual_aid", **gaps}), shipped).near_misses
    assert lacking.outcome_then == "needs_approval"
    assert lacking.explanation == (
        "agreement MA-2025-001 is not in force between the two agencies and "
        "agreement MA-2025-001 does not cover “Narcotics detection K9”"
    )


def test_the_reason_itself_names_what_the_agreement_lacks(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    decision = decide(case(agreements={"like": "mutual_aid", "covers_category": False}), shipped)
    (reason,) = [each for each in decision.reasons if each.effect == "no_ground"]
    assert reason.reason == (
        "Nothing in agreement MA-2025-001 permits this loan: agreement MA-2025-001 does not cover “Narcotics detection "
        "K9”."
    )


@pytest.mark.parametrize("side", ["requesting", "assisting"])
def test_of_an_agreement_that_one_of_the_two_has_not_signed_just_that_is_told(
    shipped: PolicySet, case: Callable[..., Facts], side: str
) -> None:
    gaps = {"in_force": False, "effective_at": "2099-04-01T05:00:00Z", "covers_category": False, "unsigned_by": [side]}
    decision = decide(case(agreements={"like": "mutual_aid", **gaps}), shipped)
    (near,) = decision.near_misses
    assert near.explanation == f"agreement MA-2025-001 is not signed by the {side} agency"
    assert decision.reasons[0].reason.endswith(f"MA-2025-001 is not signed by the {side} agency.")


def test_facts_of_agreements_that_both_have_signed_have_the_bytes_that_they_had(case: Callable[..., Facts]) -> None:
    assert b"unsigned_by" not in facts_bytes(case())


def test_at_most_sixteen_single_removals_are_listed(tmp_path: Path, case: Callable[..., Facts]) -> None:
    facts = case()
    bar = '@title("Rule") @reason("A rule.") forbid (principal, action == Action::"borrow", resource);'
    rules = "".join(f'@id("rule_{n:02}") {bar}' for n in range(20))
    misses = decide(facts, with_policies(tmp_path, rules)).near_misses
    assert [len(n.removed) for n in misses] == [1] * MOST_SINGLE_REMOVALS + [20]


@pytest.mark.parametrize(
    ("barred", "within"),
    [
        ({"max_duration_hours": 24}, {"ask": {"end": "2026-03-10T15:00:00Z"}}),
        ({"notice_hours": 200}, {"now": "2026-03-01T07:00:00Z"}),
        ({"purposes": ["training"]}, {"ask": {"purpose": "training"}}),
        ({"least_priority": "emergency"}, {"ask": {"priority": "emergency"}}),
        ({"cost_ceiling_minor": 500}, {"ask": {"estimated_cost_minor": 500}}),
        ({"max_quantity": 1}, {"ask": {"quantity": 1}}),
    ],
)
def test_asking_at_the_bound_is_permitted_and_beyond_it_is_not(
    shipped: PolicySet,
    case: Callable[..., Facts],
    barred: dict[str, object],
    within: dict[str, dict[str, object]],
) -> None:
    agreement = {"like": "mutual_aid", "terms": barred}
    beyond = {"ask": {"quantity": 2, "estimated_cost_minor": 501}}
    denied = decide(case(agreements=agreement, **beyond), shipped)
    assert [n.outcome_then for n in denied.near_misses] == ["permitted"]
    asked = {**beyond, **within}
    asked["ask"] = {**beyond["ask"], **within.get("ask", {})}
    assert decide(case(agreements=agreement, **asked), shipped).outcome == "permitted"


@given(st.lists(st.sampled_from(CASES), min_size=2, max_size=3), st.integers(1, 3))
@settings(max_examples=at_length(30, 60, 1500))
def test_cedar_really_asked_again_without_the_removed_policies_agrees(mixed: list[Facts], quantity: int) -> None:
    """Mixes the parties, asset and terms of several cases, so that bars pile up."""
    first, second, last = mixed[0], mixed[1], mixed[-1]
    agreements = tuple(replace(a, terms=last.agreements[0].terms) for a in second.agreements if last.agreements)
    facts = replace(
        first,
        requesting=second.requesting,
        principal=last.principal,
        agreements=agreements[:1],
        ask=replace(second.ask, quantity=quantity),
    )
    for miss in decide(facts, SHIPPED).near_misses:
        if miss.removed:
            assert decide(facts, shipped_without(frozenset(miss.removed))).outcome == miss.outcome_then


@cache
def shipped_without(removed: frozenset[str]) -> PolicySet:
    """The shipped policies read from text in which each removed one is made never to apply."""
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(POLICIES, Path(folder) / "policies"))
        for file in copy.glob("*/*.cedar"):
            blocks = re.split(r"(?m)^(?=@id)", file.read_text())
            kept = (b.replace("\n)", "\n) when { 1 == 2 }", 1) if _id(b) in removed else b for b in blocks)
            file.write_text("".join(kept))
        return load_policy_set(copy)


def _id(block: str) -> str | None:
    found = re.match(r'@id\("(\w+)"\)', block)
    return found[1] if found else None
