"""The life of an outcome review, and whether reviews were held in time: the rules, without a database."""

from datetime import date
from itertools import product

import pytest

from registry.agreements.deadlines.rules import ReviewOutcome
from registry.outcomes.reviews.rules import (
    TRANSITIONS,
    OutcomeReviewAction,
    OutcomeReviewStatus,
    advance,
    check_outcome,
    kept,
    why_not,
)
from registry.platform.kernel.errors import RuleBroken, WrongStatus

pytestmark = pytest.mark.one_database

S, A = OutcomeReviewStatus, OutcomeReviewAction
BEGAN = date(2090, 1, 31)


def test_every_action_in_every_status_is_either_in_the_table_or_refused() -> None:
    assert {(S.OPEN, A.DECIDE): S.OPEN, (S.OPEN, A.COMPLETE): S.COMPLETED} == TRANSITIONS
    for status, action, decided in product(S, A, (0, 1)):
        possible = status is S.OPEN and (action is A.DECIDE or decided > 0)
        assert (why_not(status, action, decided) is None) == possible
        if possible:
            assert advance(status, action, decided) is TRANSITIONS[status, action]
        else:
            with pytest.raises(WrongStatus):
                advance(status, action, decided)


@pytest.mark.parametrize("outcome", ReviewOutcome)
def test_what_follows_is_what_some_party_decided(outcome: ReviewOutcome) -> None:
    decided = ["keep", "amend"]
    if outcome in decided:
        check_outcome(outcome, decided)
    else:
        with pytest.raises(RuleBroken) as refused:
            check_outcome(outcome, decided)
        assert refused.value.code == "outcome_not_decided"


@pytest.mark.parametrize(
    ("reviewed", "today", "in_time", "late", "next_due_on", "overdue"),
    [
        ([], date(2091, 1, 31), 0, 0, date(2091, 1, 31), False),
        ([], date(2091, 2, 1), 0, 0, date(2091, 1, 31), True),
        ([date(2091, 1, 31)], date(2091, 2, 1), 1, 0, date(2092, 1, 31), False),
        ([date(2091, 2, 1)], date(2091, 2, 2), 0, 1, date(2092, 2, 1), False),
        ([date(2093, 6, 1), date(2090, 12, 1)], date(2094, 6, 2), 1, 1, date(2094, 6, 1), True),
    ],
)
def test_each_review_is_due_a_cycle_after_the_one_before(
    reviewed: list[date], today: date, in_time: int, late: int, next_due_on: date, *, overdue: bool
) -> None:
    found = kept(12, BEGAN, reviewed, today)
    assert (found.in_time, found.late, found.next_due_on, found.is_overdue) == (in_time, late, next_due_on, overdue)
