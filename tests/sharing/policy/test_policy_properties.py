"""What holds for any facts: nothing that is unknown, that goes wrong, that is added or that only takes time helps."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.rules import OUTCOMES, decide
from tests.sharing.policy.test_policy_decisions import CASES, SHIPPED, any_facts
from tests.support.length import at_length
from tests.support.policy import with_policies

WORDS = '@id("added") @title("Added") @reason("A policy that was added.")'
ADDED = {
    "a bar": f'{WORDS} forbid (principal, action == Action::"borrow", resource) when {{ context.ask.quantity > 2 }};',
    "a condition": f'{WORDS} @approval("legal@assisting")'
    ' permit (principal, action == Action::"attach_condition", resource) when { context.ask.priority != "routine" };',
    "an error": f'{WORDS} forbid (principal, action == Action::"borrow", resource)'
    " when { context.ask.quantity * 9223372036854775807 > 0 };",
}


LAWFUL = [facts for facts in CASES if decide(facts, SHIPPED).outcome != "denied"]


@st.composite
def lent(draw: st.DrawFn) -> Facts:
    """A case that is not denied, with the numbers of its ask shaken: in those of `any_facts` something mostly bars."""
    facts = draw(st.sampled_from(LAWFUL))
    return replace(
        facts,
        ask=replace(
            facts.ask,
            quantity=draw(st.integers(1, 3)),
            priority=draw(st.sampled_from(["routine", "urgent", "emergency"])),
            estimated_cost_minor=draw(st.none() | st.integers(0, 12_000)),
            distance_km=draw(st.none() | st.integers(0, 900)),
        ),
    )


FACTS = any_facts() | lent()
TRIES = settings(max_examples=at_length(60, 300, 20_000))


@cache
def with_added(what: str) -> PolicySet:
    with TemporaryDirectory() as scratch:
        return with_policies(Path(scratch), ADDED[what])


def helps(then: Facts, now: Facts, policies: PolicySet = SHIPPED) -> bool:
    """Whether the second is decided better than the first."""
    return OUTCOMES.index(decide(now, policies).outcome) < OUTCOMES.index(decide(then, policies).outcome)


@dataclass(frozen=True)
class Unknown:
    """A fact that the registry does not know."""

    name: str

    def in_(self, facts: Facts) -> Facts:
        """The facts without it."""
        match self.name:
            case "certifications":
                return replace(facts, asset=replace(facts.asset, certifications=()))
            case "estimated_cost_minor" | "distance_km":
                return replace(facts, ask=replace(facts.ask, **{self.name: None}))
            case "owned_quantity":
                return replace(facts, owned_quantity=None)
            case "type_level" | "hourly_cost_minor":
                return replace(facts, asset=replace(facts.asset, **{self.name: None}))
        agreements = (
            replace(each, terms=replace(each.terms, requesting_insurance_current=None)) for each in facts.agreements
        )
        return replace(facts, agreements=tuple(agreements))


UNKNOWN = st.sampled_from(
    [
        Unknown(name)
        for name in (
            *("certifications", "estimated_cost_minor", "distance_km", "owned_quantity", "type_level"),
            *("hourly_cost_minor", "requesting_insurance_current"),
        )
    ]
)


@TRIES
@given(FACTS, UNKNOWN)
def test_what_is_not_known_is_never_taken_for_consent(facts: Facts, unknown: Unknown) -> None:
    assert not helps(facts, unknown.in_(facts)), unknown


@TRIES
@given(FACTS, st.sampled_from(["a bar", "a condition"]))
def test_a_policy_that_is_no_ground_helps_nobody(facts: Facts, what: str) -> None:
    policies = with_added(what)
    assert OUTCOMES.index(decide(facts, policies).outcome) >= OUTCOMES.index(decide(facts, SHIPPED).outcome)


@TRIES
@given(FACTS)
def test_a_policy_that_cannot_be_evaluated_denies(facts: Facts) -> None:
    decision = decide(replace(facts, ask=replace(facts.ask, quantity=3)), with_added("an error"))
    assert decision.outcome == "denied"
    if facts.agreements:
        assert "evaluation_error" in {reason.effect for reason in decision.reasons}


@TRIES
@given(FACTS, st.integers(1, 400))
def test_time_alone_helps_nobody(facts: Facts, hours: int) -> None:
    """Who is in force is a fact of its own; everything else that depends on the time only grows narrower."""
    assert not helps(facts, replace(facts, now=facts.now + timedelta(hours=hours)))
