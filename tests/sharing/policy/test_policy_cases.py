"""The cases beside the policies, and that they exercise every policy."""

from pathlib import Path

import pytest

from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import PolicySet, load_policy_set
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.rules import decide
from registry.sharing.policy.testing import Case, mismatches, read_cases, run_policy_tests
from tests.support.places import ROOT

CASES = list(read_cases(ROOT / "policies"))


@pytest.mark.parametrize(("file", "case", "facts"), CASES, ids=[case.name for _, case, _ in CASES])
def test_the_decision_is_as_the_case_expects(file: str, case: Case, facts: Facts, whole: PolicySet) -> None:
    assert mismatches(case, decide(facts, whole)) == []


def test_every_policy_decides_in_one_case_and_is_not_satisfied_in_another(root: Path) -> None:
    report = run_policy_tests(root)
    assert report.uncovered == ()
    assert report.coverage_percent == 100
    assert report.is_green


def test_a_policy_without_cases_is_reported_and_a_wrong_expectation_fails(root: Path, copied: Path) -> None:
    (copied / "jurisdictions" / "or.cedar").write_text(
        '@id("or_rule") @title("Rule") @reason("A rule.")\n'
        'forbid (principal, action == Action::"borrow", resource) when { context.ask.quantity > 5 };'
    )
    (copied / "tests" / "wrong.yaml").write_text(
        "- {name: wrong on purpose, expect: {outcome: denied, policies: [own_asset]}}"
    )
    report = run_policy_tests(copied)
    assert [c.policy_id for c in report.uncovered] == ["or_rule"]
    assert {f.name for f in report.failures} == {"wrong on purpose"}
    assert report.coverage_percent < 100
    assert not report.is_green


@pytest.mark.parametrize("path", sorted((ROOT / "policies/jurisdictions").glob("*.cedar")))
def test_statutory_examples_ask_for_counsels_review(path: Path) -> None:
    assert "ave counsel review" in path.read_text().splitlines()[0]


def test_every_policy_of_a_state_says_on_which_law_it_rests(whole: PolicySet) -> None:
    jurisdictions = [policy for policy in whole.policies if policy.layer.startswith("jurisdiction/")]
    assert [policy.id for policy in jurisdictions if policy.law is None] == []
    assert all(str(policy.citation).endswith("have counsel review") for policy in jurisdictions)


def test_what_is_known_from_a_secondary_source_only_is_asked_where_it_is_turned_on(
    root: Path, shipped: PolicySet
) -> None:
    assert {code for code, law in shipped.laws.items() if law.source == "secondary"} == shipped.off
    assert shipped.off
    assert not shipped.off & {policy.id for policy in shipped.policies}
    turned_on = load_policy_set(root, on=["va_plate_reader_leaves_state"])
    assert "va_plate_reader_leaves_state" in {policy.id for policy in turned_on.policies}
    assert turned_on.digest != shipped.digest


def test_a_law_without_its_policy_is_refused(copied: Path) -> None:
    law = copied / "law.yaml"
    law.write_text(law.read_text().replace("tx_record_hours:", "tx_record_minutes:"))
    with pytest.raises(PolicySetError, match="tx_record_minutes: there is no such policy"):
        load_policy_set(copied)


def test_a_law_that_touches_what_it_must_not_is_refused(copied: Path) -> None:
    law = copied / "law.yaml"
    law.write_text(
        law.read_text().replace("categories: [equipment.license_plate_reader]", "categories: [equipment]", 1)
    )
    with pytest.raises(PolicySetError, match="must not apply, and does: A scanner of scenes reads no plates"):
        load_policy_set(copied)
