"""`registry policy check`, `impact` and `seal`: what is wrong with an agency's file, and what it would change."""

import asyncio
import shutil
from functools import partial
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
from tests.sharing.policy.test_policy_sets_api import drafted, question, validated
from tests.support.cast import make_cast
from tests.support.policy import make_decision, window_of
from tests.support.server import environment, in_process

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
    assert (good.exit_code, good.stdout.splitlines()[0]) == (0, "2 policies, 2 cases, 0 faults.")
    assert good.stdout.endswith(" made-up cases, which is no proof: 0 warnings.\n")
    longest = "rules: [{kind: longest_loan, hours: 60}, "
    (tmp_path / "winter.yaml").write_text(RULES.replace("rules: [", longest))
    for strict, code in ((), 0), (("--strict",), 1):
        warned = run("check", str(tmp_path / "winter.yaml"), str(POLICIES), *strict)
        assert (warned.exit_code, warned.stdout.splitlines()[1:3]) == (
            code,
            [
                "warning: shadowed: longest_loan does nothing alone: whenever it was satisfied (6 cases), "
                "day_only bars the loan too.",
                "  for example context.ask.duration_hours = 61",
            ],
        )
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


async def test_the_impact_of_a_file_and_of_a_set_is_told_on_the_command_line(private_url: str, tmp_path: Path) -> None:
    settings = environment(private_url, tmp_path)
    async with in_process(load(settings)) as service:
        cast = await make_cast(service)
        owner, asked = cast.assisting, await question(cast)
        for hours in (2, 8, 9):
            await make_decision(cast.requesting, {"id": asked["asset_id"]}, window=window_of(hours=hours))
        stored = (await validated(owner)).rpartition("/")[2]
        draft = (await drafted(owner)).rpartition("/")[2]

    async def told(*words: str) -> Result:
        called = partial(CliRunner().invoke, main, ["policy", "impact", *words], env=settings)
        return await asyncio.to_thread(called)

    found = await told(stored)
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    assert lines[0].startswith("3 decisions since ")
    assert lines[0].endswith(": 1 the same, 2 otherwise.")
    assert lines[1:4] == ["  2  permitted → denied", "By policy:", "  2  longest_loan"]
    assert [line.partition("UTC  ")[2] for line in lines[5:]] == ["permitted → denied  longest_loan"] * 2
    assert (await told(stored, "--fail-on-flips", "--show", "0")).exit_code == 1
    (tmp_path / "own.yaml").write_text("title: T\nrules: [{kind: longest_loan, hours: 900}]\n")
    of_file = await told(str(tmp_path / "own.yaml"), "--agency", str(owner.id), "--fail-on-flips")
    assert (of_file.exit_code, of_file.stdout.splitlines()[0][-29:]) == (0, "UTC: 3 the same, 0 otherwise.")
    (tmp_path / "own.yaml").write_text("title: T\nrules: [{kind: longest_loan, hours: 9, category: unicorn}]\n")
    faulty = await told(str(tmp_path / "own.yaml"), "--agency", str(owner.id))
    assert (faulty.exit_code, "unicorn" in faulty.stdout) == (1, True)
    for words, code in (
        ((draft,), 1),  # it was never found to be without faults
        ((str(owner.id),), 2),  # no set has that id
        ((str(tmp_path / "own.yaml"),), 2),
        ((str(tmp_path / "own.yaml"), "--agency", "XX0000000"), 2),
        ((str(tmp_path / "none.yaml"), "--agency", str(owner.id)), 2),
        ((stored, "--agency", str(owner.id)), 2),
    ):
        refused = await told(*words)
        assert (refused.exit_code, "Traceback" in refused.output) == (code, False), (words, refused.output)
