"""The shipped rules of law, of every kind: told one by one in the documentation, and turned on where they are off."""

from pathlib import Path

import pytest

from registry.app import create_app
from registry.platform.settings import SettingsError, load
from registry.sharing.policy.cedar import load_policy_set
from registry.shipped_rules import KINDS, law_page, shipped_rules
from tests.support.law import TurnOn
from tests.support.places import ROOT

RULES = shipped_rules(load_policy_set(ROOT / "policies"))
ON = [rule for rule in RULES if rule.on]
PAGE = (ROOT / "docs" / "law.md").read_text("utf-8")


def test_the_page_is_what_the_rules_say() -> None:
    assert law_page(RULES) == PAGE, "run `registry law --write docs/law.md`"


def test_the_page_tells_of_every_rule_and_counts_right() -> None:
    assert {rule.kind for rule in RULES} == set(KINDS)
    for rule in RULES:
        assert PAGE.count(f"### `{rule.code}`\n") == 1
    assert f"Of {len(RULES)} rules {len(ON)} are on by default" in PAGE
    assert "Have counsel review" in PAGE


def test_four_states_and_six_filing_and_retention_rules_are_on() -> None:
    assert len({rule.law.state for rule in ON if rule.kind == "policy" and rule.law.state}) >= 4
    assert sum(rule.kind in ("duty", "retention") for rule in ON) >= 6


def test_a_rule_that_is_off_says_that_its_source_is_secondary() -> None:
    off = [rule for rule in RULES if not rule.on]
    assert off
    assert all("secondary source" in rule.law.cited for rule in off)


def test_a_rule_that_is_on_rests_on_no_text_that_was_not_read() -> None:
    by_code = {rule.code: rule for rule in RULES}
    for code in ("mt_44_11_309_attorney_general", "mt_attorney_general_lends", "mt_attorney_general_borrows"):
        assert not by_code[code].on, "a text of 2001 does not show what is in force"
    for code in ("equitable_sharing_use", "leso_property_approval"):
        assert by_code[code].on
        assert "U.S.C." not in by_code[code].law.citation, "the section was not read"
        assert "not read" in by_code[code].law.left_out


def test_an_installation_turns_rules_of_any_kind_on(tmp_path: Path, turned_on: TurnOn) -> None:
    turned_on()
    demo = {"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path)}
    chosen = "ky_65_260_approval, va_plate_reader_leaves_state"
    app = create_app(load({**demo, "REGISTRY_RULES_ON": chosen})).app
    assert "va_plate_reader_leaves_state" not in app.state.policies.off
    assert "ca_military_equipment_approval" in app.state.policies.off
    for wrong in ("tx_record_hours", "no_such_rule"):
        with pytest.raises(SettingsError, match=rf"“{wrong}” is no rule that is off.*ky_65_260_approval"):
            create_app(load({**demo, "REGISTRY_RULES_ON": wrong}))
