"""The rule of separated duties: which act bars its person from which other, and what relaxing one pair allows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from registry.platform.access.separation import FREE, PAIRS, Act, EarlierAct, Separation, explain, rule_on

pytestmark = pytest.mark.one_database
THEN = datetime(2026, 3, 2, 15, tzinfo=UTC)


def done(act: Act, minutes: int = 0) -> EarlierAct:
    return EarlierAct(act=act, roles=("legal",), done_at=THEN + timedelta(minutes=minutes))


def barred(act: Act, *earlier: Act, relaxed: Mapping[Separation, datetime] = {}) -> bool:
    return rule_on(act, map(done, earlier), relaxed).barred_by is not None


def test_one_person_does_not_do_both_acts_of_a_pair_in_either_order() -> None:
    for pair, acts in PAIRS.items():
        one, other = sorted(acts)
        for act, earlier in ((one, other), (other, one)):
            found = rule_on(act, [done(earlier)], {})
            assert found.barred_by == (pair, done(earlier))


def test_the_pairs_are_these_and_no_others() -> None:
    both = {(one, other) for one in Act for other in Act if one < other and barred(other, one)}
    assert both == {("approve", "draft"), ("approve", "sign"), ("approve", "reserve"), ("activate", "draft")}


def test_whoever_drafted_may_sign_what_somebody_else_approved() -> None:
    """Two people suffice for an agreement; only the one between the two acts has to be another."""
    assert not barred(Act.SIGN, Act.DRAFT)


def test_the_same_act_again_is_not_barred() -> None:
    assert not any(barred(act, act) for act in Act)
    assert rule_on(Act.APPROVE, [], {}) == FREE


def test_relaxing_one_pair_leaves_the_others_as_they_are_and_is_said() -> None:
    relaxed = {Separation.DRAFT_APPROVE: THEN}
    found = rule_on(Act.APPROVE, [done(Act.DRAFT)], relaxed)
    assert (found.barred_by, found.relaxed) == (None, (Separation.DRAFT_APPROVE,))
    assert barred(Act.SIGN, Act.APPROVE, relaxed=relaxed)
    both = rule_on(Act.APPROVE, [done(Act.DRAFT), done(Act.RESERVE)], relaxed)
    assert both.barred_by == (Separation.APPROVE_RESERVE, done(Act.RESERVE))
    assert rule_on(Act.APPROVE, [], relaxed).relaxed == (), "what nobody needed is not said"


def test_relaxing_a_pair_does_not_hold_for_what_was_done_before() -> None:
    """Else who is refused relaxes the rule, does what it forbids, and restores it, alone and within a second."""
    for pair, acts in PAIRS.items():
        one, other = sorted(acts)
        for act, earlier in ((one, other), (other, one)):
            relaxed = {pair: THEN + timedelta(minutes=1)}
            assert rule_on(act, [done(earlier)], relaxed).barred_by == (pair, done(earlier))
            assert rule_on(act, [done(earlier, 1)], relaxed).barred_by is None
            assert rule_on(act, [done(earlier), done(earlier, 2)], relaxed).barred_by == (pair, done(earlier))


def test_of_several_acts_the_latest_is_named() -> None:
    found = rule_on(Act.APPROVE, [done(Act.DRAFT), done(Act.DRAFT, 5), done(Act.DRAFT, 1)], {})
    assert found.barred_by is not None
    assert found.barred_by[1].done_at == THEN + timedelta(minutes=5)


def test_the_sentence_says_what_was_done_as_what_and_when_and_what_can_be_done() -> None:
    said = explain(Act.APPROVE, Separation.DRAFT_APPROVE, done(Act.DRAFT))
    for part in (
        "wrote at this text",
        "as legal",
        "2026-03-02T15:00:00",
        "somebody else",
        "approve it",
        "administrator",
    ):
        assert part in said


def test_whoever_drafted_does_not_sign_what_nobody_else_approved() -> None:
    """To sign it is to approve it too, so it takes both pairs to be relaxed, each before the draft."""
    first, second = Separation.DRAFT_APPROVE, Separation.APPROVE_SIGN
    for relaxed, bar in (
        ({}, first),
        ({first: THEN}, second),
        ({second: THEN}, first),
        ({first: THEN, second: THEN + timedelta(minutes=1)}, second),
        ({first: THEN, second: THEN}, None),
    ):
        found = rule_on(Act.SIGN, [done(Act.DRAFT)], relaxed, unchecked=(Act.DRAFT,))
        assert (None if found.barred_by is None else found.barred_by[0]) == bar
    assert found.relaxed == (second, first)
    assert rule_on(Act.SIGN, [done(Act.SIGN)], {}, unchecked=(Act.DRAFT,)) == FREE, "who did not write it"
    assert rule_on(Act.APPROVE, [done(Act.DRAFT)], {}, unchecked=(Act.DRAFT,)).relaxed == ()


def test_the_sentence_to_whoever_drafted_says_that_an_approval_is_lacking() -> None:
    said = explain(Act.SIGN, Separation.DRAFT_APPROVE, done(Act.DRAFT))
    for part in ("wrote at this text", "nobody else of your agency has approved it", "draft_approve", "approve_sign"):
        assert part in said
