"""Whether an objective is met, by the one rule; attainment; and who says what of a measurement."""

from datetime import date
from itertools import product

import pytest

from registry.outcomes.objectives.rules import (
    Goal,
    MeasurementStatus,
    ObjectiveAction,
    ObjectiveDirection,
    ObjectiveStatus,
    Observed,
    Weighed,
    attainment,
    check_goal,
    check_on_measurement,
    check_value,
    deciding,
    status_of,
    why_not,
)
from registry.platform.kernel.errors import RuleBroken, WrongStatus

pytestmark = pytest.mark.one_database

SET, DUE = date(2099, 1, 1), date(2099, 12, 31)
S, A, M = ObjectiveStatus, ObjectiveAction, MeasurementStatus


def goal(direction: str = "at_least", baseline: float | None = None, target: float = 40) -> Goal:
    return Goal(direction=ObjectiveDirection(direction), baseline=baseline, target=target, set_on=SET, due_on=DUE)


def on(month: int, value: float, day: int = 1) -> Observed:
    return Observed(on=date(2099, month, day), value=value)


@pytest.mark.parametrize(
    ("observed", "today", "expected"),
    [
        ([], date(2099, 2, 1), S.NO_DATA),
        ([], date(2100, 2, 1), S.NO_DATA),
        ([on(2, 10)], date(2099, 3, 1), S.NOT_YET_DUE),
        ([on(2, 10)], date(2099, 10, 1), S.NOT_YET_DUE),
        ([on(2, 10)], date(2099, 10, 2), S.AT_RISK),
        ([on(2, 10)], DUE, S.AT_RISK),
        ([on(2, 10)], date(2100, 1, 1), S.MISSED),
        ([on(2, 40)], date(2099, 3, 1), S.MET),
        ([on(2, 40)], date(2100, 3, 1), S.MET),
        ([on(2, 40), on(5, 39)], date(2100, 3, 1), S.MISSED),
        ([on(5, 40), on(2, 39)], date(2100, 3, 1), S.MET),
        ([on(2, 10), Observed(on=date(2100, 1, 1), value=99)], date(2100, 3, 1), S.MISSED),
    ],
)
def test_the_last_value_up_to_the_due_day_decides(
    observed: list[Observed], today: date, expected: ObjectiveStatus
) -> None:
    assert status_of(goal(), observed, today) is expected


def test_with_a_baseline_it_is_at_risk_below_the_straight_line() -> None:
    half = Observed(on=date(2099, 7, 2), value=20)
    assert status_of(goal(baseline=0), [half], date(2099, 7, 2)) is S.NOT_YET_DUE
    behind = Observed(on=date(2099, 7, 2), value=19)
    assert status_of(goal(baseline=0), [behind], date(2099, 7, 2)) is S.AT_RISK
    fewer = goal("at_most", baseline=100, target=50)
    assert status_of(fewer, [Observed(on=date(2099, 7, 2), value=75)], date(2099, 7, 2)) is S.NOT_YET_DUE
    assert status_of(fewer, [Observed(on=date(2099, 7, 2), value=76)], date(2099, 7, 2)) is S.AT_RISK
    assert status_of(fewer, [on(12, 50)], DUE) is S.MET


def test_of_two_values_of_one_day_the_one_entered_last_decides() -> None:
    first, second = on(2, 40), on(2, 12)
    assert deciding(goal(), [first, second]) == second


def test_attainment_is_weights_met_of_weights_evaluated_and_unmeasured_ones_do_not_improve_it() -> None:
    late, to_come = date(2099, 12, 31), date(2101, 1, 1)
    today = date(2100, 6, 1)
    objectives = [
        Weighed(status=S.MET, weight=3, due_on=late),
        Weighed(status=S.MET, weight=2, due_on=to_come),
        Weighed(status=S.MISSED, weight=4, due_on=late),
        Weighed(status=S.NO_DATA, weight=1, due_on=late),
        Weighed(status=S.NO_DATA, weight=50, due_on=to_come),
        Weighed(status=S.AT_RISK, weight=50, due_on=to_come),
        Weighed(status=S.WITHDRAWN, weight=50, due_on=late),
    ]
    assert attainment(objectives, today) == (5, 10)
    assert attainment([], today) == (0, 0)


def test_every_action_on_a_measurement_is_for_one_side_and_status() -> None:
    possible = {
        (A.CORRECT_MEASUREMENT, M.STANDS, True, False),
        (A.CORRECT_MEASUREMENT, M.CONTESTED, True, False),
        (A.CONTEST_MEASUREMENT, M.STANDS, False, False),
        (A.WITHDRAW_CONTEST, M.CONTESTED, False, True),
    }
    actions = (A.CORRECT_MEASUREMENT, A.CONTEST_MEASUREMENT, A.WITHDRAW_CONTEST)
    for action, status, own, contests in product(actions, M, (True, False), (True, False)):
        if (own and contests) or (contests and status is not M.CONTESTED):
            continue  # nobody contests an own one
        if (action, status, own, contests) in possible or (
            action is A.CORRECT_MEASUREMENT and own and status is not M.CORRECTED
        ):
            check_on_measurement(action, status, own=own, own_contest=contests)
        else:
            with pytest.raises(WrongStatus):
                check_on_measurement(action, status, own=own, own_contest=contests)


def test_a_withdrawn_objective_takes_nothing_and_each_withdraws_its_own() -> None:
    for action, own in product(A, (True, False)):
        assert why_not(action, withdrawn=True, own=own) == "The objective is withdrawn."
        assert (why_not(action, withdrawn=False, own=own) is None) == (own or action is not A.WITHDRAW)


def test_a_goal_is_to_come_and_not_reached_yet() -> None:
    check_goal(goal(baseline=0))
    with pytest.raises(RuleBroken) as reached:
        check_goal(goal(baseline=40))
    assert reached.value.code == "target_reached"
    with pytest.raises(RuleBroken) as over:
        check_goal(Goal(direction=ObjectiveDirection.AT_MOST, baseline=None, target=1, set_on=DUE, due_on=SET))
    assert over.value.code == "not_then"


def test_a_value_is_entered_or_computed_and_never_both() -> None:
    check_value(1.0, computed=False)
    check_value(None, computed=True)
    for value, computed, code in ((1.0, True, "value_computed"), (None, False, "value_missing")):
        with pytest.raises(RuleBroken) as broken:
            check_value(value, computed=computed)
        assert broken.value.code == code
