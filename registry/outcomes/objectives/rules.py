"""Whether an objective is met, by one rule, and who may say what of a measurement.

The last measurement that stands, of a day up to the due day, decides. It stands unless it was corrected, or another
party contests it. `status_of` is the whole rule.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken, WrongStatus

RISK_BEFORE: Final = timedelta(days=90)
"""How long before its day an objective without a baseline is at risk, where it is not reached."""


class ObjectiveDirection(StrEnum):
    """Which values reach the target."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


class ObjectiveMetric(StrEnum):
    """What of an agreement's scorecard an objective is measured by."""

    FILL_RATE = "fill_rate"
    ON_TIME_RETURN = "on_time_return"
    EXPIRED_BUT_USED = "expired_but_used"
    DECLINED = "declined"
    UTILISATION = "utilisation"
    ACTIVATIONS = "activations"
    MEDIAN_HOURS_TO_DECISION = "median_hours_to_decision"
    MEDIAN_HOURS_TO_FULFIL = "median_hours_to_fulfil"


class ObjectiveStatus(StrEnum):
    """How an objective stands on a day; derived, but for `withdrawn`."""

    NO_DATA = "no_data"
    NOT_YET_DUE = "not_yet_due"
    AT_RISK = "at_risk"
    MET = "met"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"


class ObjectiveAction(StrEnum):
    """What a person does about an objective, by the end of its address."""

    WITHDRAW = "withdraw"
    MEASURE = "measure"
    CORRECT_MEASUREMENT = "correct_measurement"
    CONTEST_MEASUREMENT = "contest_measurement"
    WITHDRAW_CONTEST = "withdraw_contest"


class MeasurementStatus(StrEnum):
    """Whether a measurement counts."""

    STANDS = "stands"
    CONTESTED = "contested"
    CORRECTED = "corrected"


class Goal(Struct, kw_only=True, frozen=True):
    """What is to be reached: from `baseline` on the day `set_on` to `target` on the day `due_on`."""

    direction: ObjectiveDirection
    baseline: float | None
    target: float
    set_on: date
    due_on: date


class Observed(Struct, kw_only=True, frozen=True):
    """A value of a day that stands."""

    on: date
    value: float


def reaches(goal: Goal, value: float) -> bool:
    """Whether the value reaches the target."""
    return value >= goal.target if goal.direction is ObjectiveDirection.AT_LEAST else value <= goal.target


def deciding(goal: Goal, observed: Iterable[Observed]) -> Observed | None:
    """The last value of a day up to the due day; of several of one day the one that was entered last."""
    found: Observed | None = None
    for each in observed:  # in the order of entering
        if each.on <= goal.due_on and (found is None or each.on >= found.on):
            found = each
    return found


def status_of(goal: Goal, observed: Iterable[Observed], today: date) -> ObjectiveStatus:
    """How an objective stands on the day `today`.

    `met`: the deciding value reaches the target. `missed`: it does not, and the due day is over. Before that it is
    `at_risk` where it is behind the straight line from the baseline to the target or, without a baseline, within 90
    days of the due day; else `not_yet_due`. `no_data`: nothing stands that was measured.
    """
    last = deciding(goal, observed)
    if last is None:
        return ObjectiveStatus.NO_DATA
    if reaches(goal, last.value):
        return ObjectiveStatus.MET
    if today > goal.due_on:
        return ObjectiveStatus.MISSED
    return ObjectiveStatus.AT_RISK if _is_behind(goal, last, today) else ObjectiveStatus.NOT_YET_DUE


def _is_behind(goal: Goal, last: Observed, today: date) -> bool:
    if goal.baseline is None:
        return goal.due_on - today <= RISK_BEFORE
    days = max((goal.due_on - goal.set_on).days, 1)
    passed = min(max((last.on - goal.set_on).days, 0), days)
    by_then = goal.baseline + (goal.target - goal.baseline) * passed / days
    return last.value < by_then if goal.direction is ObjectiveDirection.AT_LEAST else last.value > by_then


def is_evaluated(status: ObjectiveStatus, due_on: date, today: date) -> bool:
    """Whether it counts in the attainment: once it is met, and in any case once its day is over.

    So an objective that nobody measured counts as not met from then on, and does not improve the figure.
    """
    return status is ObjectiveStatus.MET or (today > due_on and status is not ObjectiveStatus.WITHDRAWN)


class Weighed(Struct, kw_only=True, frozen=True):
    """An objective in the attainment."""

    status: ObjectiveStatus
    weight: int
    due_on: date


def attainment(objectives: Sequence[Weighed], today: date) -> tuple[int, int]:
    """The weights of those that are met, and of those that are evaluated."""
    evaluated = [each for each in objectives if is_evaluated(each.status, each.due_on, today)]
    met = sum(each.weight for each in evaluated if each.status is ObjectiveStatus.MET)
    return met, sum(each.weight for each in evaluated)


def why_not(action: ObjectiveAction, *, withdrawn: bool, own: bool) -> str | None:
    """Why the action is not possible on the objective as a whole; None when it is. `own`: the agency set it."""
    if withdrawn:
        return "The objective is withdrawn."
    if action is ObjectiveAction.WITHDRAW and not own:
        return "The agency that set it withdraws it."
    return None


def check_possible(action: ObjectiveAction, *, withdrawn: bool, own: bool) -> None:
    """Raises WrongStatus for an action that is not possible."""
    if (reason := why_not(action, withdrawn=withdrawn, own=own)) is not None:
        raise WrongStatus(reason)


def check_on_measurement(action: ObjectiveAction, status: MeasurementStatus, *, own: bool, own_contest: bool) -> None:
    """Raises WrongStatus for what cannot be done about a measurement in this status.

    `own`: the agency entered it. `own_contest`: it contests it.
    """
    if action is ObjectiveAction.CORRECT_MEASUREMENT:
        possible, who = status is not MeasurementStatus.CORRECTED, own
        needed = "The agency that entered it corrects it."
    elif action is ObjectiveAction.CONTEST_MEASUREMENT:
        possible, who = status is MeasurementStatus.STANDS, not own
        needed = "Your agency entered it: correct it."
    else:
        possible, who = status is MeasurementStatus.CONTESTED, own_contest
        needed = "The agency that contests it takes that back."
    if not possible:
        raise WrongStatus(f"The measurement is {'not contested' if status is MeasurementStatus.STANDS else status}.")
    if not who:
        raise WrongStatus(needed)


def check_goal(goal: Goal) -> None:
    """Raises RuleBroken for a day that is over, and for a baseline that reaches the target already."""
    if goal.due_on < goal.set_on:
        raise RuleBroken.at("Give a day that is not over yet.", "not_then", pointer="/due_on")
    if goal.baseline is not None and reaches(goal, goal.baseline):
        raise RuleBroken.at("The baseline reaches the target already.", "target_reached", pointer="/baseline")


def check_value(value: float | None, *, computed: bool) -> None:
    """Raises RuleBroken for a value that the registry computes, or that is missing where it does not."""
    if computed and value is not None:
        raise RuleBroken.at("Leave it out: it is read from the scorecard.", "value_computed", pointer="/value")
    if not computed and value is None:
        raise RuleBroken.at("Say what was measured.", "value_missing", pointer="/value")
