"""The life of an outcome review, and whether reviews were held in time."""

from collections.abc import Collection, Iterable
from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct

from registry.agreements.deadlines.falling_due import next_review_on
from registry.agreements.deadlines.rules import ReviewOutcome
from registry.platform.kernel.errors import RuleBroken, WrongStatus


class OutcomeReviewStatus(StrEnum):
    """How an outcome review stands."""

    OPEN = "open"
    COMPLETED = "completed"


class OutcomeReviewAction(StrEnum):
    """What a person does about an outcome review, by the end of its address."""

    DECIDE = "decide"
    COMPLETE = "complete"


_S, _A = OutcomeReviewStatus, OutcomeReviewAction

TRANSITIONS: Final[dict[tuple[OutcomeReviewStatus, OutcomeReviewAction], OutcomeReviewStatus]] = {
    (_S.OPEN, _A.DECIDE): _S.OPEN,  # a party may decide anew until it is completed; the ledger keeps each
    (_S.OPEN, _A.COMPLETE): _S.COMPLETED,
}


def why_not(status: OutcomeReviewStatus, action: OutcomeReviewAction, decided: int) -> str | None:
    """Why the action is not possible; None when it is. `decided`: how many parties have decided."""
    if (status, action) not in TRANSITIONS:
        return f"The review is {status}."
    if action is _A.COMPLETE and not decided:
        return "No party has decided yet."
    return None


def advance(status: OutcomeReviewStatus, action: OutcomeReviewAction, decided: int) -> OutcomeReviewStatus:
    """The status after the action. Raises WrongStatus."""
    if (reason := why_not(status, action, decided)) is not None:
        raise WrongStatus(reason)
    return TRANSITIONS[status, action]


def check_outcome(outcome: ReviewOutcome, decided: Collection[str]) -> None:
    """Raises RuleBroken for an outcome that no party has decided on: the custodian decides for nobody."""
    if outcome not in decided:
        raise RuleBroken.at(
            f"The parties have decided: {', '.join(sorted(set(decided)))}.",
            "outcome_not_decided",
            "decided on by no party",
            pointer="/outcome",
        )


class Kept(Struct, kw_only=True, frozen=True):
    """How far reviews were held in time. `is_overdue`: the day of the next one is over."""

    in_time: int
    late: int
    next_due_on: date
    is_overdue: bool


def kept(every_months: int, first_effective_on: date, reviewed: Iterable[date], today: date) -> Kept:
    """Each review is due a cycle after the one before it, the first a cycle after the agreement took effect.

    One that was left out is not counted for each cycle that passed: the next is overdue until it is held, then late.
    """
    last, in_time, late = first_effective_on, 0, 0
    for day in sorted(reviewed):
        on_time = day <= next_review_on(every_months, last)
        in_time, late, last = in_time + on_time, late + (not on_time), day
    due_on = next_review_on(every_months, last)
    return Kept(in_time=in_time, late=late, next_due_on=due_on, is_overdue=today > due_on)
