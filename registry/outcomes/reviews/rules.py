"""The life of an outcome review, and whether reviews were held in time."""

from collections.abc import Collection, Iterable, Sequence
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


class Turn(Struct, kw_only=True, frozen=True):
    """A review of the cycle: the day by which it is due, and that on which it was held."""

    due_on: date
    reviewed_on: date | None

    @property
    def in_time(self) -> bool:
        """Whether it was held by its day."""
        return self.reviewed_on is not None and self.reviewed_on <= self.due_on


def turns(every_months: int, first_effective_on: date, reviewed: Iterable[date]) -> Sequence[Turn]:
    """The reviews that were held, in their order, and the next one: each due a cycle after the one before it."""
    last, found = first_effective_on, []
    for day in sorted(reviewed):
        found.append(Turn(due_on=next_review_on(every_months, last), reviewed_on=day))
        last = day
    return [*found, Turn(due_on=next_review_on(every_months, last), reviewed_on=None)]


def kept(every_months: int, first_effective_on: date, reviewed: Iterable[date], today: date) -> Kept:
    """Each review is due a cycle after the one before it, the first a cycle after the agreement took effect.

    One that was left out is not counted for each cycle that passed: the next is overdue until it is held, then late.
    """
    *held, following = turns(every_months, first_effective_on, reviewed)
    in_time = sum(turn.in_time for turn in held)
    return Kept(
        in_time=in_time,
        late=len(held) - in_time,
        next_due_on=following.due_on,
        is_overdue=today > following.due_on,
    )
