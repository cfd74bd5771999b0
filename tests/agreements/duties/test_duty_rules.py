"""The data of filing and publication duties, and what follows from it: which arise, and when they are due."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from registry.agreements.duties.rules import (
    TRANSITIONS,
    DutyAction,
    DutyRule,
    DutyStatus,
    ProofKind,
    WhenDue,
    advance,
    arising,
    checked,
    checked_proof,
    due_on,
    duty_id,
    duty_rules,
    falls_on,
)
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from tests.support.duties import FLORIDA, MONTANA, RULES, WASHINGTON
from tests.support.law import TurnOn


def test_every_shipped_duty_can_be_proved() -> None:
    assert all(rule.proof for rule in duty_rules())


@pytest.mark.parametrize(
    "change",
    [
        {"law": None},
        {"due": {}},
        {"due": {"days_after_execution": 3, "days_before_effect": 1}},
        {"due": {"days_before_effect": 0}},
        {"due": {"days_after_execution": -1}},
        {"proof": []},
        {
            "law": msgspec.to_builtins(WASHINGTON.law)
            | {"applies_to": {"instruments": ["mutual_aid"], "parties": {"states": ["WA"]}}}
        },
        {"penalty": "none"},
    ],
)
def test_data_that_cannot_be_meant_is_refused(change: dict[str, Any]) -> None:
    good = msgspec.to_builtins(WASHINGTON)
    assert checked([good]) == (WASHINGTON,)
    with pytest.raises(ValueError, match=r".+"):
        checked([{**good, **change}])


def test_one_code_names_one_duty() -> None:
    with pytest.raises(ValueError, match="one code"):
        checked([msgspec.to_builtins(FLORIDA)] * 2)


def test_a_duty_arises_where_its_law_touches_the_agreement() -> None:
    for rule in duty_rules():
        for matter in rule.law.touches:
            assert (rule in arising(matter, duty_rules())) is (rule.law.source == "primary")
        for matter in rule.law.leaves:
            assert rule not in arising(matter, duty_rules())


def test_a_duty_known_from_a_secondary_source_only_arises_where_it_was_turned_on(turned_on: TurnOn) -> None:
    rule = RULES["ky_65_260_approval"]
    (matter,) = rule.law.touches
    assert rule not in arising(matter, duty_rules())
    turned_on(rule.code)
    assert rule in arising(matter, duty_rules())
    assert "secondary source" in rule.law.cited


def test_a_duty_falls_on_a_party_that_its_law_means() -> None:
    interstate, _ = RULES["mt_44_11_309_attorney_general"].law.touches
    assert [falls_on(RULES["mt_44_11_309_attorney_general"], party) for party in interstate.parties] == [True, False]


@pytest.mark.parametrize(
    ("rule", "executed", "effective", "expected"),
    [
        (FLORIDA, "2026-01-31", "2026-03-01", "2026-03-02"),
        (WASHINGTON, "2026-01-31", "2026-03-01", "2026-02-28"),
        (WASHINGTON, "2026-03-01", "2026-03-01", "2026-03-01"),
        (WASHINGTON, "2026-05-01", "2026-03-01", "2026-05-01"),
        (MONTANA, "2026-01-31", "2026-07-01", "2026-05-02"),  # sixty days of silence end as the first day begins
        (MONTANA, "2026-05-02", "2026-07-01", "2026-05-02"),
        (MONTANA, "2026-06-15", "2026-07-01", "2026-06-15"),
    ],
)
def test_it_is_due_days_after_execution_or_before_the_agreement_takes_effect(
    rule: DutyRule, executed: str, effective: str, expected: str
) -> None:
    assert str(due_on(rule, date.fromisoformat(executed), date.fromisoformat(effective))) == expected


def test_the_same_duty_of_the_same_agreement_has_one_id() -> None:
    one, other = uuid4(), uuid4()
    assert duty_id(one, "a") == duty_id(one, "a")
    assert len({duty_id(one, "a"), duty_id(one, "b"), duty_id(other, "a")}) == 3


def test_what_is_met_or_waived_is_final() -> None:
    of_proposed = (DutyStatus.PROPOSED, DutyAction.FULFIL)  # done is done; what binds nobody needs no waiver
    assert set(TRANSITIONS) == {of_proposed, *((DutyStatus.PENDING, action) for action in DutyAction)}
    for status in (DutyStatus.MET, DutyStatus.WAIVED, DutyStatus.TAKEN_BACK):
        for action in DutyAction:
            with pytest.raises(WrongStatus):
                advance(status, action)


def test_proof_is_of_a_kind_that_counts_and_not_of_tomorrow() -> None:
    noon = datetime(2026, 6, 1, 18, tzinfo=UTC)
    today = Today(now=noon, agency_zone="America/Chicago", agreement_zone="America/Chicago")
    checked_proof([ProofKind.URL], WASHINGTON.proof, today.at_agency, today)
    with pytest.raises(RuleBroken, match="recording_number, url"):
        checked_proof([ProofKind.DOCUMENT], WASHINGTON.proof, today.at_agency, today)
    with pytest.raises(RuleBroken, match="proof"):
        checked_proof([], WASHINGTON.proof, today.at_agency, today)
    with pytest.raises(RuleBroken, match="has come"):
        checked_proof([ProofKind.URL], WASHINGTON.proof, date(2026, 6, 2), today)


def test_a_rule_is_said_in_whole_days() -> None:
    assert WhenDue(days_after_execution=3).days_before_effect is None
