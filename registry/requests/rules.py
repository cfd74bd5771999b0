"""The life of a request and of its lines: which action leads where, what an edit undoes, when asking lapses.

Each line is decided, approved and answered by itself, so between submission and the end a request's own
status follows its lines (`follow_lines`). That its loans are all closed is seen from the loans.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from registry.kernel.errors import RuleBroken, WrongState


class RequestStatus(StrEnum):
    """What is stored; `denied`, `needs_approval` and `permitted` are outcomes of the decision."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    DENIED = "denied"
    NEEDS_APPROVAL = "needs_approval"
    PERMITTED = "permitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    COMPLETED = "completed"
    UNFILLED = "unfilled"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CLOSED_MANUALLY = "closed_manually"


class RequestAction(StrEnum):
    """What people and decisions do to a request as a whole."""

    SUBMIT = "submit"
    REVISE = "revise"
    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"
    PERMIT = "permit"
    APPROVE = "approve"
    REJECT = "reject"
    OPEN = "open"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    COMPLETE = "complete"
    CLOSE_MANUALLY = "close_manually"


class LineStatus(StrEnum):
    """What is stored of one line: `draft` until its decision is made, `reserved` while a loan answers it."""

    DRAFT = "draft"
    DENIED = "denied"
    NEEDS_APPROVAL = "needs_approval"
    PERMITTED = "permitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    RESERVED = "reserved"
    WITHDRAWN = "withdrawn"


class LineAction(StrEnum):
    """What happens to a line; `reopen` is the loss of the loan that answered it (cancelled, no show)."""

    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"
    PERMIT = "permit"
    APPROVE = "approve"
    REJECT = "reject"
    RESERVE = "reserve"
    REOPEN = "reopen"
    REVISE = "revise"
    WITHDRAW = "withdraw"


_S, _A = RequestStatus, RequestAction

# Revising brings a request back to `submitted`, where it is decided anew once it is submitted again, so that
# several edits make one new ask. Once lines are filled other agencies have committed themselves: then a change is
# a new request, or each loan's own extension.
TRANSITIONS: dict[tuple[RequestStatus, RequestAction], RequestStatus] = {
    (_S.DRAFT, _A.SUBMIT): _S.SUBMITTED,
    (_S.DRAFT, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.SUBMITTED, _A.SUBMIT): _S.SUBMITTED,
    (_S.SUBMITTED, _A.REVISE): _S.SUBMITTED,
    (_S.SUBMITTED, _A.DENY): _S.DENIED,
    (_S.SUBMITTED, _A.REQUIRE_APPROVAL): _S.NEEDS_APPROVAL,
    (_S.SUBMITTED, _A.PERMIT): _S.PERMITTED,
    (_S.SUBMITTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.SUBMITTED, _A.EXPIRE): _S.EXPIRED,
    (_S.SUBMITTED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.NEEDS_APPROVAL, _A.APPROVE): _S.APPROVED,
    (_S.NEEDS_APPROVAL, _A.REJECT): _S.REJECTED,
    (_S.NEEDS_APPROVAL, _A.REVISE): _S.SUBMITTED,
    (_S.NEEDS_APPROVAL, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.NEEDS_APPROVAL, _A.EXPIRE): _S.EXPIRED,
    (_S.NEEDS_APPROVAL, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.PERMITTED, _A.OPEN): _S.OPEN,
    (_S.PERMITTED, _A.REVISE): _S.SUBMITTED,
    (_S.PERMITTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.PERMITTED, _A.EXPIRE): _S.EXPIRED,
    (_S.PERMITTED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.APPROVED, _A.OPEN): _S.OPEN,
    (_S.APPROVED, _A.REVISE): _S.SUBMITTED,
    (_S.APPROVED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.APPROVED, _A.EXPIRE): _S.EXPIRED,
    (_S.APPROVED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.OPEN, _A.REVISE): _S.SUBMITTED,
    (_S.OPEN, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.OPEN, _A.EXPIRE): _S.EXPIRED,
    (_S.OPEN, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.PARTIALLY_FILLED, _A.COMPLETE): _S.COMPLETED,
    (_S.PARTIALLY_FILLED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.FILLED, _A.COMPLETE): _S.COMPLETED,
    (_S.FILLED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
}

_L, _B = LineStatus, LineAction

# A line that lost its loan is decided anew: what was permitted then may be barred now.
LINE_TRANSITIONS: dict[tuple[LineStatus, LineAction], LineStatus] = {
    (_L.DRAFT, _B.DENY): _L.DENIED,
    (_L.DRAFT, _B.REQUIRE_APPROVAL): _L.NEEDS_APPROVAL,
    (_L.DRAFT, _B.PERMIT): _L.PERMITTED,
    (_L.DRAFT, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.NEEDS_APPROVAL, _B.APPROVE): _L.APPROVED,
    (_L.NEEDS_APPROVAL, _B.REJECT): _L.REJECTED,
    (_L.NEEDS_APPROVAL, _B.REVISE): _L.DRAFT,
    (_L.NEEDS_APPROVAL, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.PERMITTED, _B.RESERVE): _L.RESERVED,
    (_L.PERMITTED, _B.REVISE): _L.DRAFT,
    (_L.PERMITTED, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.APPROVED, _B.RESERVE): _L.RESERVED,
    (_L.APPROVED, _B.REVISE): _L.DRAFT,
    (_L.APPROVED, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.RESERVED, _B.REOPEN): _L.DRAFT,
}

# Statuses in which somebody still waits for an answer or for help.
ASKING = frozenset({_S.SUBMITTED, _S.NEEDS_APPROVAL, _S.PERMITTED, _S.APPROVED, _S.OPEN})
# Statuses that follow the lines, before and after the request was opened to assisting agencies.
FOLLOWING = ASKING | {_S.PARTIALLY_FILLED, _S.FILLED}
REASON_REQUIRED = frozenset({_A.REJECT, _A.CLOSE_MANUALLY})

LEAST_SETTLED_FIRST = (
    (_L.DRAFT, _S.SUBMITTED),
    (_L.NEEDS_APPROVAL, _S.NEEDS_APPROVAL),
    (_L.APPROVED, _S.APPROVED),
    (_L.PERMITTED, _S.PERMITTED),
    (_L.REJECTED, _S.REJECTED),
    (_L.DENIED, _S.DENIED),
)

# Fields that no policy reads. Every other field, one added later too, voids approvals.
HARMLESS_EDITS = frozenset({"summary", "note"})


class Asked(msgspec.Struct, kw_only=True, frozen=True):
    """What of a request decides whether asking has lapsed."""

    status: RequestStatus
    ends_at: datetime
    answer_by: datetime | None = None


def advance(status: RequestStatus, action: RequestAction) -> RequestStatus:
    """The status after `action`; raises WrongState where the table has no such move."""
    after = TRANSITIONS.get((status, action))
    if after is None:
        raise WrongState(_refusal("A request", status, action, allowed(status)))
    return after


def allowed(status: RequestStatus) -> tuple[RequestAction, ...]:
    """The actions possible from `status`, in the table's order."""
    return tuple(action for (start, action) in TRANSITIONS if start is status)


def advance_line(status: LineStatus, action: LineAction) -> LineStatus:
    """The line's status after `action`; raises WrongState where the table has no such move."""
    after = LINE_TRANSITIONS.get((status, action))
    if after is None:
        raise WrongState(_refusal("A line", status, action, allowed_on_line(status)))
    return after


def allowed_on_line(status: LineStatus) -> tuple[LineAction, ...]:
    """The actions possible on a line in `status`, in the table's order."""
    return tuple(action for (start, action) in LINE_TRANSITIONS if start is status)


def follow_lines(status: RequestStatus, lines: Sequence[LineStatus]) -> RequestStatus:
    """The status of a request from those of its lines; a draft and a final status stay as they are.

    Withdrawn lines do not count, unless all are. Until help is reserved the least settled line speaks for the
    request: undecided, waiting for approval, approved, permitted; only where no line can go on is it rejected
    or denied. With help reserved it is filled when every line has its loan and partially filled otherwise. An
    opened request is open while anything is still looked for and unfilled when nothing is. Raises RuleBroken
    for a request without lines.
    """
    if not lines:
        raise RuleBroken("A request needs at least one line.", "no_lines")
    if status not in FOLLOWING:
        return status
    counted = {line for line in lines if line is not _L.WITHDRAWN}
    if not counted:
        return _S.WITHDRAWN
    if _L.RESERVED in counted:
        return _S.FILLED if counted == {_L.RESERVED} else _S.PARTIALLY_FILLED
    if status in {_S.OPEN, _S.PARTIALLY_FILLED, _S.FILLED}:
        return _S.OPEN if counted - {_L.DENIED, _L.REJECTED} else _S.UNFILLED
    return next(outcome for line, outcome in LEAST_SETTLED_FIRST if line in counted)


def void_approvals_on(edited: Iterable[str]) -> bool:
    """Whether editing these fields voids the approvals given so far, so that the request is decided anew.

    An approval is for what was asked: lines, dates, place, purpose, incident, priority, funding.
    """
    return not HARMLESS_EDITS.issuperset(edited)


def expired(now: datetime, asked: Asked) -> bool:
    """Whether asking has lapsed at `now`: nobody answered by `answer_by`, or the time it was for is over.

    True from the deadline itself on; `ends_at` is the latest end among the lines. A draft does not expire, as
    nobody waits for it, nor does a request for which help has been reserved.
    """
    if asked.status not in ASKING:
        return False
    return now >= asked.ends_at or (asked.answer_by is not None and now >= asked.answer_by)


def _refusal(what: str, status: StrEnum, action: StrEnum, possible: Sequence[StrEnum]) -> str:
    listed = ", ".join(possible) or "nothing: this status is final"
    return f"{what} that is {status} cannot {action}. Possible now: {listed}."
