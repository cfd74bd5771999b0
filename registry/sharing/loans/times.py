"""The times that each side says of its own acts, and what the other side says of them instead.

The time of an act is one agency's word. The other one may contest it, as it may a no-show or that an obligation was
met. Nothing of the loan changes by that alone; what both agree on then is the loan's time, and both words are kept.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import Window, act_time, format_instant
from registry.sharing.loans.rules import NEVER_WAS, SIDES, LoanAction, LoanStatus, Side, lent_from


class TimedAct(StrEnum):
    """An act of one side whose time the loan keeps; each is an action of the same name."""

    DISPATCH = "dispatch"
    RECEIVE = "receive"
    START_RETURN = "start_return"
    RETURN = "return"


class TimeContestStatus(StrEnum):
    """What became of a contest; it lapses when the act is recorded anew."""

    OPEN = "open"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


SAID_IN: Final[dict[TimedAct, str]] = {
    TimedAct.DISPATCH: "dispatched_at",
    TimedAct.RECEIVE: "arrived_at",
    TimedAct.START_RETURN: "return_started_at",
    TimedAct.RETURN: "returned_at",
}
"""Where the loan keeps the time that was said of each act, in the order of a loan's life."""

_IN_ORDER: Final = (
    ("dispatched_at", "It left"),
    ("arrived_at", "It arrived"),
    ("return_started_at", "Its return began"),
    ("returned_at", "It came back"),
    ("lost_at", "It was lost"),
)
CONTESTS: Final = frozenset({LoanAction.CONTEST_TIME, LoanAction.ACCEPT_TIME, LoanAction.WITHDRAW_CONTEST})
_NONE_LEFT: Final = {
    LoanAction.CONTEST_TIME: "The other agency recorded nothing whose time can be contested now.",
    LoanAction.ACCEPT_TIME: "No time that your agency said is contested.",
    LoanAction.WITHDRAW_CONTEST: "Your agency contests no time.",
}


PRECEDED_BY: Final[dict[LoanAction, tuple[tuple[str, str], ...]]] = {
    LoanAction.DISPATCH: (("starts_at", "Its agreed time begins"), ("reserved_at", "It was reserved")),
    LoanAction.RECEIVE: (("dispatched_at", "It left"),),
    LoanAction.START_RETURN: (("arrived_at", "It arrived"), ("dispatched_at", "It left")),
    LoanAction.RETURN: (
        ("return_started_at", "Its return began"),
        ("arrived_at", "It arrived"),
        ("dispatched_at", "It left"),
    ),
    LoanAction.REPORT_LOST: (("dispatched_at", "It left"),),
    LoanAction.REPORT_FOUND: (("dispatched_at", "It left"),),
    LoanAction.REPORT_DAMAGE: (("returned_at", "It came back"),),
    LoanAction.RECALL: (("dispatched_at", "It left"),),
}
"""Acts that may be recorded later than they were done, each with what it cannot have come before, the latest first."""


def preceding(action: LoanAction, acts: Mapping[str, datetime | None]) -> tuple[datetime, str]:
    """When that was done which must precede `action`, and what it was, as a sentence begins.

    What leaves is reserved before, or was agreed by word of mouth and reserved later: then not before its agreed time.
    """
    done = [(at, what) for name, what in PRECEDED_BY[action] if (at := acts[name]) is not None]
    return min(done) if action is LoanAction.DISPATCH else done[0]


def agreed_by_word(left_at: datetime, reserved_at: datetime, said: str | None) -> str | None:
    """How it was agreed what left before it was reserved; None for what left afterwards, of which nothing is said.

    Raises RuleBroken `agreed_by_word` where that is not said of what left before, or is said of what did not.
    """
    if (left_at < reserved_at) == (said is not None):
        return said
    reserved = format_instant(reserved_at)
    words = f"It was reserved at {reserved}, and left after that: nothing was agreed by word alone."
    if said is None:
        words = f"It was reserved at {reserved} only: say in `agreed_by_word` how it was agreed before that."
    raise RuleBroken.at(words, "agreed_by_word", "how it was agreed before", pointer="/agreed_by_word")


class Contested(Struct, kw_only=True, frozen=True):
    """A contest of an act's time, with both words."""

    id: UUID
    act: TimedAct
    said_at: datetime
    other_said_at: datetime
    status: TimeContestStatus


def recorded_in(act: TimedAct) -> str:
    """The column of the loan with the time at which the act was recorded."""
    return f"{act}_recorded_at"


def done_by(act: TimedAct) -> Side:
    """The side whose act it is, and whose word its time is."""
    (side,) = SIDES[LoanAction(act)]
    return side


def agreed_on(contest: Contested, acts: Mapping[str, datetime | None]) -> bool:
    """Whether the loan's time of the act is the one that was accepted. An act that was recorded anew has another."""
    return contest.status is TimeContestStatus.ACCEPTED and contest.other_said_at == acts[SAID_IN[contest.act]]


def lasts(status: LoanStatus, acts: Mapping[str, Any]) -> Window | None:
    """For how long a loan counts, by its times `acts`; None for one that never took place.

    It begins as agreed, or with its departure where that was earlier. It ends with what ended it: once it is back, or
    lost, it lasted no longer than it did. Until then it ends at the agreed return, which only an extension that was
    accepted moves.
    """
    if status in NEVER_WAS:
        return None
    end = acts["returned_at"] or acts["lost_at"] or acts["planned_end_at"]
    return Window(start=lent_from(acts["starts_at"], acts["dispatched_at"]), end=end)


def open_contest(act: TimedAct, contests: Sequence[Contested]) -> Contested | None:
    """The contest of the act that nobody has settled."""
    return next((each for each in contests if each.act is act and each.status is TimeContestStatus.OPEN), None)


def why_withheld(
    action: LoanAction,
    side: Side,
    acts: Mapping[str, datetime | None],
    contests: Sequence[Contested],
    now: datetime,
    act: TimedAct | None = None,
) -> str | None:
    """Why that side cannot contest, accept or withdraw for `act`, or for any act; None when it can.

    `acts` are the times of the loan by their columns.
    """
    reasons = [_refusal(action, side, each, acts, contests, now) for each in TimedAct if act in (None, each)]
    if None in reasons:
        return None
    return reasons[0] if act is not None else _NONE_LEFT[action]


def _refusal(
    action: LoanAction,
    side: Side,
    act: TimedAct,
    acts: Mapping[str, datetime | None],
    contests: Sequence[Contested],
    now: datetime,
) -> str | None:
    own, found = done_by(act) is side, open_contest(act, contests)
    if action is LoanAction.CONTEST_TIME:
        return OWN_ACT if own else _contest_refusal(act, acts, contests, now)
    if found is None:
        return "Its time is not contested."
    if action is LoanAction.ACCEPT_TIME:
        if not own:
            return "Your agency contests it, and may withdraw that."
        return misfit(act, found.other_said_at, acts)
    return "The other agency contests it, and it alone withdraws that." if own else None


OWN_ACT: Final = "It is what your agency says itself: only the other one contests it."


def _contest_refusal(
    act: TimedAct, acts: Mapping[str, datetime | None], contests: Sequence[Contested], now: datetime
) -> str | None:
    said_at = acts[SAID_IN[act]]
    if said_at is None:
        return "It has not been recorded."
    for each in contests:
        if each.act is not act:
            continue
        if each.status is TimeContestStatus.OPEN and each.said_at == said_at:
            return "It is contested already: both words stand."
        if agreed_on(each, acts):
            return "Both agencies agree on its time."
    until = (acts[recorded_in(act)] or said_at) + CONTEST_PERIOD
    return None if now < until else f"It stands: it could be contested until {format_instant(until)}."


def misfit(act: TimedAct, at: datetime, acts: Mapping[str, datetime | None]) -> str | None:
    """Why the act cannot have been done then, by what else was done; None when it can."""
    not_before, what = preceding(LoanAction(act), acts)
    if at < not_before:
        return f"{what} at {format_instant(not_before)}: it cannot have been done before."
    names = [name for name, _ in _IN_ORDER]
    for name, what in _IN_ORDER[names.index(SAID_IN[act]) + 1 :]:
        followed = acts[name]
        if followed is not None:
            late = f"{what} at {format_instant(followed)}: it cannot have been done after."
            return late if at > followed else None
    return None


def other_time(act: TimedAct, at: datetime, acts: Mapping[str, datetime | None], now: datetime) -> datetime:
    """The other side's time of the act.

    Raises RuleBroken `not_then` for one that is yet to come, that does not fit the acts before and after it, or that is
    what was said.
    """
    checked = act_time(at, now, *preceding(LoanAction(act), acts))
    words = misfit(act, checked, acts)
    if checked == acts[SAID_IN[act]]:
        words = "That is the time that was said: there is nothing to contest."
    if words is not None:
        raise RuleBroken.at(words, "not_then", "does not fit", pointer="/occurred_at")
    return checked


def contest_of(act: TimedAct, contests: Sequence[Contested]) -> Contested:
    """The open contest of the act. Raises WrongStatus when there is none."""
    found = open_contest(act, contests)
    if found is None:
        raise WrongStatus("Its time is not contested.")
    return found
