"""The cases beside the policies, and that they exercise every policy."""

from pathlib import Path

import pytest

from registry.policy.cedar import PolicySet
from registry.policy.facts import Facts
from registry.policy.rules import decide
from registry.policy.testing import Case, mismatches, read_cases, run_policy_tests

CASES = list(read_cases(Path(__file__).parents[2] / "policies"))


@pytest.mark.parametrize(("file", "case", "facts"), CASES, ids=[case.name for _, case, _ in CASES])
def test_the_decision_is_as_the_case_expects(file: str, case: Case, facts: Facts, shipped: PolicySet) -> None:
    assert mismatches(case, decide(facts, shipped)) == []


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


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "policies/jurisdictions").glob("*.cedar")))
def test_statutory_examples_ask_for_counsels_review(path: Path) -> None:
    text = path.read_text()
    assert "ave counsel review" in text.splitlines()[0]
    assert text.count("@citation(") == text.count("; have counsel review") == text.count("@id(")
