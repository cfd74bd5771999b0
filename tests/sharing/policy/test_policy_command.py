"""`registry policy check` and `seal`: what is wrong with an agency's file, and that no other policies are loaded."""

import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from registry.cli import main
from registry.platform.settings import load
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import check_digests
from registry.shipped_rules import policies_and_rules
from tests.sharing.policy.conftest import POLICIES

RULES = """
title: Winter rules
rules: [{kind: within_distance, category: vehicle, km: 150}]
cedar: |
  @id("day_only") @title("By the day") @reason("It is lent for a day at most.")
  forbid (principal, action == Action::"borrow", resource)
  when { context.ask.duration_hours > 24 };
tests: |
  - name: two days
    expect: {outcome: denied, policies: [day_only]}
  - name: five hours
    given: {ask: {end: 2026-03-09T20:00:00Z}}
    expect: {outcome: permitted, policies: [agreement_in_force]}
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["policy", *words])


def test_a_file_is_checked_as_a_policy_set_is_validated(tmp_path: Path) -> None:
    (tmp_path / "winter.yaml").write_text(RULES)
    good = run("check", str(tmp_path / "winter.yaml"), str(POLICIES))
    assert (good.exit_code, good.stdout) == (0, "2 policies, 2 cases, 0 faults.\n")
    (tmp_path / "winter.yaml").write_text(RULES.replace("duration_hours", "duration_hourz"))
    bad = run("check", str(tmp_path / "winter.yaml"), str(POLICIES))
    assert bad.exit_code == 1
    assert bad.stdout.startswith("cedar:3:20: “duration_hourz” attribute")
    (tmp_path / "own.cedar").write_text("permit;")
    assert run("check", str(tmp_path / "own.cedar"), str(POLICIES)).stdout.startswith("cedar:1:7: “;” ")
    (tmp_path / "winter.yaml").write_text("titel: T")
    assert run("check", str(tmp_path / "winter.yaml"), str(POLICIES)).exit_code == 2


def test_an_agencys_file_is_tested_by_cases_of_a_file_without_a_database(tmp_path: Path) -> None:
    said = yaml.safe_load(RULES)
    own, cases, beside = tmp_path / "own.cedar", tmp_path / "cases.yaml", f"--beside={POLICIES}"
    own.write_text(said["cedar"])
    cases.write_text(said["tests"])
    good = run("test", str(own), f"--cases={cases}", beside)
    assert (good.exit_code, good.stdout) == (0, "1 policy, 2 cases, 0 faults.\n")
    cases.write_text(said["tests"].replace("denied", "permitted"))
    bad = run("test", str(own), f"--cases={cases}", beside)
    assert bad.exit_code == 1
    assert bad.stdout.startswith("tests:1:1: “two days” outcome: expected permitted, got denied")
    assert "there is no case" in run("test", str(own), beside).stdout
    (tmp_path / "winter.yaml").write_text(RULES)
    assert run("test", str(tmp_path / "winter.yaml"), beside).exit_code == 0
    refused = run("test", str(POLICIES), f"--cases={cases}")
    assert (refused.exit_code, "own FILE" in refused.stderr) == (2, True)


def test_a_policy_that_is_missing_altered_or_added_is_refused_until_it_is_sealed(copied: Path) -> None:
    check_digests(copied)
    file = copied / "jurisdictions" / "tx.cedar"
    text = file.read_text()
    settings = load({"REGISTRY_DEMO": "1", "REGISTRY_POLICIES_DIR": str(copied)})
    for change, says in (
        (lambda: file.write_text(text.replace("> 12", "> 13")), "tx.cedar: is altered"),
        (file.unlink, "tx.cedar: is missing"),
        (lambda: (copied / "jurisdictions" / "or.cedar").write_text("// none\n"), "or.cedar: is not in digests.yaml"),
    ):
        change()
        with pytest.raises(PolicySetError, match=says):
            check_digests(copied)
        file.write_text(text)
    with pytest.raises(PolicySetError, match=r"or\.cedar"):
        policies_and_rules(settings)
    assert run("seal", str(copied)).exit_code == 0
    check_digests(copied)
    (copied / "digests.yaml").unlink()
    with pytest.raises(PolicySetError, match="cannot be read"):
        check_digests(copied)


def test_what_a_release_changes_in_the_policies_is_told_with_the_cases_that_come_out_otherwise(tmp_path: Path) -> None:
    older = Path(shutil.copytree(POLICIES, tmp_path / "older"))
    same = run("diff", str(older), str(POLICIES))
    assert (same.exit_code, same.stdout) == (0, "0 added, 0 removed, 0 changed; 0 cases come out otherwise.\n")
    texas, terms = older / "jurisdictions" / "tx.cedar", older / "baseline" / "terms.cedar"
    texas.write_text(texas.read_text().replace("> 12", "> 100").replace("the hours are recorded", "hours are noted"))
    before, _, after = terms.read_text().partition('@id("cost_not_known")')
    terms.write_text(before + '@id("cost_unknown")' + after)
    found = run("diff", str(older), str(POLICIES))
    assert found.exit_code == 1
    lines = found.stdout.splitlines()
    assert lines[:3] == [
        "+ cost_not_known (baseline): Cost not known",
        "- cost_unknown (baseline): Cost not known",
        "~ tx_record_hours (jurisdiction/tx): reason, condition",
    ]
    assert "  denied; cost_not_known, cost_unknown" in lines
    assert "  permitted; tx_record_hours" in lines
    assert lines[-1].startswith("1 added, 1 removed, 1 changed; ")
    (older / "schema.cedarschema").unlink()
    unreadable = run("diff", str(older), str(POLICIES))
    assert unreadable.exit_code == 2
    assert "cannot be read" in unreadable.stderr
