"""Two states' laws that point opposite ways: neither wins, and counsel of both agencies decide."""

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.attributes import comparisons_in
from registry.sharing.policy.cedar import PolicySet, agency_layer
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.rules import decide
from tests.sharing.policy.conftest import POLICIES
from tests.support.policy import with_policies

ASKED = {
    "requesting": "fern_patrol",
    "asset": {"like": "radio_cache", "agency_id": "gulf_county"},
    "ask": {"purpose": "immigration_enforcement"},
}
HELP = """
@id("{id}") @title("Help") @reason("The law of this state demands help in this matter.") @matter("{matter}")
permit (principal, action == Action::"attach_condition", resource);
"""


def test_counsel_of_both_sides_is_asked_and_told_of_both_laws(whole: PolicySet, case: Callable[..., Facts]) -> None:
    facts = case(**ASKED)
    decision = decide(facts, whole)
    assert decision.outcome == "needs_approval"
    assert [(each.role, each.side, each.agency_id) for each in decision.approvals] == [
        ("legal", "assisting", facts.assisting.id),
        ("legal", "requesting", facts.requesting.id),
    ]
    for each in decision.approvals:
        assert (each.policy_id, each.layer) == ("wa_state_agency_immigration", "jurisdiction/wa")
        for said in ("RCW 43.17.425(1)", "Fla. Stat. 908.104", "counsel of both agencies decide"):
            assert said in each.reason
    told = [(each.policy_id, each.citation is not None) for each in decision.reasons if each.effect == "contradicts"]
    assert told == [("wa_state_agency_immigration", True), ("fl_federal_immigration_support", True)]
    assert decision.near_misses == ()


def test_without_the_other_law_the_bar_stands(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    decision = decide(case(**ASKED), shipped)  # what is known from a secondary source only is off
    assert (decision.outcome, [each.policy_id for each in decision.reasons]) == (
        "denied",
        ["wa_state_agency_immigration"],
    )


def test_a_state_does_not_oppose_itself_and_other_matters_oppose_nothing(
    tmp_path: Path, case: Callable[..., Facts]
) -> None:
    for file, matter in (("wa", "immigration_enforcement"), ("fl", "something_else")):
        text = (POLICIES / "jurisdictions" / f"{file}.cedar").read_text() + HELP.format(
            id=f"{file}_help", matter=matter
        )
        policies = with_policies(tmp_path, text, f"jurisdictions/{file}.cedar")
        assert decide(case(**ASKED), policies).outcome == "denied", file
    text = (POLICIES / "jurisdictions" / "fl.cedar").read_text() + HELP.format(
        id="fl_help", matter="immigration_enforcement"
    )
    assert decide(case(**ASKED), with_policies(tmp_path, text, "jurisdictions/fl.cedar")).outcome == "needs_approval"


def test_only_a_pack_says_what_a_law_is_about_and_a_demand_attaches_nothing(tmp_path: Path, shipped: PolicySet) -> None:
    with pytest.raises(PolicySetError, match="only its pack says so"):
        agency_layer(HELP.format(id="own_help", matter="immigration_enforcement"), shipped.schema)
    both = HELP.format(id="fl_help", matter="immigration_enforcement").replace(
        "@matter", '@approval("legal@assisting") @matter'
    )
    text = (POLICIES / "jurisdictions" / "fl.cedar").read_text() + both
    with pytest.raises(PolicySetError, match="attaches nothing"):
        with_policies(tmp_path, text, "jurisdictions/fl.cedar")


def test_each_purpose_that_a_shipped_law_bars_by_name_is_sensitive_where_an_agreement_does_not_state_it(
    whole: PolicySet,
) -> None:
    (silence,) = [each for each in whole.policies if each.id == "sensitive_purpose_not_stated"]
    sensitive = {
        constant
        for each in comparisons_in(silence.template.clauses)
        for constant in each.constants
        if constant != "purposes"
    }
    bars = [
        each for each in whole.policies if each.effect == "forbid" and not each.template.clauses
    ]  # whatever is lent
    barred = {code for each in bars if each.law for code in each.law.applies_to.purposes}
    assert barred
    assert barred <= sensitive
