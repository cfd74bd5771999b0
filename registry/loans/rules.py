"""The life of a loan: who may do what and when, what it holds, extension, recall and the return on time.

Each side confirms its own half of a hand-over. Returning is never blocked: the assisting agency can confirm
the return from any state in which the asset is out, whatever the other side has or has not recorded.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from registry.kernel.errors import Forbidden, RuleBroken, WrongState


class LoanState(StrEnum):
    """What is stored; the last four are final."""

    RESERVED = "reserved"
    DISPATCHED = "dispatched"
    ON_SCENE = "on_scene"
    RETURNING = "returning"
    RETURNED = "returned"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    LOST = "lost"


class Side(StrEnum):
    """Which agency acts: the one that asked or the one that helps."""

    REQUESTING = "requesting"
    ASSISTING = "assisting"


class LoanAction(StrEnum):
    """What a person does to a loan; extension and recall lie over the state and do not change it."""

    DISPATCH = "dispatch"
    RECEIVE = "receive"
    START_RETURN = "start_return"
    RETURN = "return"
    CLOSE = "close"
    CANCEL = "cancel"
    REPORT_NO_SHOW = "report_no_show"
    REPORT_LOST = "report_lost"
    REQUEST_EXTENSION = "request_extension"
    ACCEPT_EXTENSION = "accept_extension"
    DECLINE_EXTENSION = "decline_extension"
    RECALL = "recall"
    WITHDRAW_RECALL = "withdraw_recall"


_S, _A = LoanState, LoanAction

# A loan that is out can only come back or be lost: it cannot be cancelled and is no `no_show`, for either
# would free units that are not at home. A lost one holds nothing more, so whoever records the loss takes the
# units off the asset in the same transaction. An extension still unanswered when the return begins has
# lapsed.
TRANSITIONS: dict[tuple[LoanState, LoanAction], LoanState] = {
    (_S.RESERVED, _A.DISPATCH): _S.DISPATCHED,
    (_S.RESERVED, _A.CANCEL): _S.CANCELLED,
    (_S.RESERVED, _A.REPORT_NO_SHOW): _S.NO_SHOW,
    (_S.DISPATCHED, _A.RECEIVE): _S.ON_SCENE,
    (_S.DISPATCHED, _A.START_RETURN): _S.RETURNING,
    (_S.DISPATCHED, _A.RETURN): _S.RETURNED,
    (_S.DISPATCHED, _A.REPORT_LOST): _S.LOST,
    (_S.DISPATCHED, _A.REQUEST_EXTENSION): _S.DISPATCHED,
    (_S.DISPATCHED, _A.ACCEPT_EXTENSION): _S.DISPATCHED,
    (_S.DISPATCHED, _A.DECLINE_EXTENSION): _S.DISPATCHED,
    (_S.DISPATCHED, _A.RECALL): _S.DISPATCHED,
    (_S.DISPATCHED, _A.WITHDRAW_RECALL): _S.DISPATCHED,
    (_S.ON_SCENE, _A.START_RETURN): _S.RETURNING,
    (_S.ON_SCENE, _A.RETURN): _S.RETURNED,
    (_S.ON_SCENE, _A.REPORT_LOST): _S.LOST,
    (_S.ON_SCENE, _A.REQUEST_EXTENSION): _S.ON_SCENE,
    (_S.ON_SCENE, _A.ACCEPT_EXTENSION): _S.ON_SCENE,
    (_S.ON_SCENE, _A.DECLINE_EXTENSION): _S.ON_SCENE,
    (_S.ON_SCENE, _A.RECALL): _S.ON_SCENE,
    (_S.ON_SCENE, _A.WITHDRAW_RECALL): _S.ON_SCENE,
    (_S.RETURNING, _A.RETURN): _S.RETURNED,
    (_S.RETURNING, _A.REPORT_LOST): _S.LOST,
    (_S.RETURNING, _A.RECALL): _S.RETURNING,
    (_S.RETURNING, _A.WITHDRAW_RECALL): _S.RETURNING,
    (_S.RETURNED, _A.CLOSE): _S.CLOSED,
}

_ASSISTING = frozenset({Side.ASSISTING})
_REQUESTING = frozenset({Side.REQUESTING})
_EITHER = _ASSISTING | _REQUESTING

# The assisting agency releases the asset and has it back; the requesting agency receives it and lets it go.
SIDES: dict[LoanAction, frozenset[Side]] = {
    _A.DISPATCH: _ASSISTING,
    _A.RECEIVE: _REQUESTING,
    _A.START_RETURN: _REQUESTING,
    _A.RETURN: _ASSISTING,
    _A.CLOSE: _ASSISTING,
    _A.CANCEL: _EITHER,
    _A.REPORT_NO_SHOW: _EITHER,
    _A.REPORT_LOST: _EITHER,
    _A.REQUEST_EXTENSION: _REQUESTING,
    _A.ACCEPT_EXTENSION: _ASSISTING,
    _A.DECLINE_EXTENSION: _ASSISTING,
    _A.RECALL: _ASSISTING,
    _A.WITHDRAW_RECALL: _ASSISTING,
}

# States in which the asset is away from home.
OUT = frozenset({_S.DISPATCHED, _S.ON_SCENE, _S.RETURNING})


class Overlays(msgspec.Struct, kw_only=True, frozen=True):
    """What lies over the state of a loan."""

    extension_pending: bool = False
    recall_requested: bool = False


NO_OVERLAYS = Overlays()


def advance(state: LoanState, action: LoanAction) -> LoanState:
    """The state after `action`; raises WrongState where the table has no such move."""
    after = TRANSITIONS.get((state, action))
    if after is None:
        steps = [step for (start, step) in TRANSITIONS if start is state]
        possible = ", ".join(steps) or "nothing: this state is final"
        raise WrongState(f"A loan that is {state} cannot {action}. Possible now: {possible}.")
    return after


def check_side(action: LoanAction, side: Side) -> None:
    """Raises Forbidden when `action` is the other side's to take."""
    if side not in SIDES[action]:
        raise Forbidden(f"Only the {' or '.join(SIDES[action])} agency can {action}.", "other_sides_action")


def check_overlays(action: LoanAction, overlays: Overlays) -> None:
    """Raises WrongState when a pending extension or recall, or the lack of one, stands against `action`."""
    reason = withheld(action, overlays)
    if reason is not None:
        raise WrongState(reason)


def withheld(action: LoanAction, overlays: Overlays) -> str | None:
    """Why the overlays withhold `action`, in a sentence; None when they do not."""
    if action is _A.REQUEST_EXTENSION and overlays.recall_requested:
        return "This loan has been recalled: ask for an extension once the recall is withdrawn."
    if action is _A.REQUEST_EXTENSION and overlays.extension_pending:
        return "An extension has been asked for and not been answered yet."
    if action in {_A.ACCEPT_EXTENSION, _A.DECLINE_EXTENSION} and not overlays.extension_pending:
        return "No extension has been asked for."
    if action is _A.ACCEPT_EXTENSION and overlays.recall_requested:
        return "This loan has been recalled: withdraw the recall before accepting an extension."
    if action is _A.RECALL and overlays.recall_requested:
        return "This loan has been recalled already."
    if action is _A.WITHDRAW_RECALL and not overlays.recall_requested:
        return "This loan has not been recalled."
    return None


def allowed(state: LoanState, side: Side, overlays: Overlays = NO_OVERLAYS) -> tuple[LoanAction, ...]:
    """The actions that `side` may take now, in the table's order."""
    return tuple(
        action
        for (start, action) in TRANSITIONS
        if start is state and side in SIDES[action] and withheld(action, overlays) is None
    )


def overdue(now: datetime, state: LoanState, planned_end_at: datetime) -> bool:
    """Whether the asset is still out although the agreed return time has come.

    True from that instant itself on, since the loan holds its units up to but not including it.
    """
    return state in OUT and now >= planned_end_at


def untimely(
    action: LoanAction, now: datetime, starts_at: datetime, planned_end_at: datetime
) -> tuple[str, str] | None:
    """Why the clock stands against `action`, as a code and a sentence; None when it does not.

    Nobody can have failed to turn up before the agreed start. What leaves after the agreed return would be
    overdue at once and hold its units without end.
    """
    if action is _A.REPORT_NO_SHOW and now < starts_at:
        return "not_started_yet", "This loan has not begun yet: cancel it if it is not needed."
    if action is _A.DISPATCH and now >= planned_end_at:
        return "window_over", "The agreed time is over: cancel this loan and ask again."
    return None


def check_timing(action: LoanAction, now: datetime, starts_at: datetime, planned_end_at: datetime) -> None:
    """Raises RuleBroken when the clock stands against `action`."""
    reason = untimely(action, now, starts_at, planned_end_at)
    if reason is not None:
        code, sentence = reason
        raise RuleBroken(sentence, code)


def check_recall(now: datetime, by: datetime) -> None:
    """Raises RuleBroken when the asset is wanted back by a time that is past: nobody could comply."""
    if by <= now:
        raise RuleBroken("Recall by a time that is still to come.", "recall_in_the_past")


def check_extension(now: datetime, planned_end_at: datetime, until: datetime, limit_at: datetime | None) -> None:
    """Raises RuleBroken unless `until` is a real extension within the limit.

    It must lie after the agreed return and in the future, so that an overdue loan is not extended to a time
    already past, and not after `limit_at`. What the agreement and the law allow is decided by policy, and whether
    the units are free from `planned_end_at` to `until` is checked apart.
    """
    if until <= planned_end_at:
        raise RuleBroken("An extension ends after the agreed return time.", "extension_not_later")
    if until <= now:
        raise RuleBroken("An extension ends in the future.", "extension_in_the_past")
    if limit_at is not None and until > limit_at:
        raise RuleBroken(f"This loan can be extended to {limit_at.isoformat()} at most.", "extension_beyond_limit")
