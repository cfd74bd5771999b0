"""The life cycle of a request and its lines: the transitions, and the effects of an edit.

Each line is decided, approved and answered separately, so from submission to the end the request's status follows its
lines (`follow_lines`). That all its loans are closed is derived from the loans.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from registry.platform.kernel.errors import RuleBroken, WrongStatus


class RequestStatus(StrEnum):
    """The status: stored, or derived from the lines, their loans and the time."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    DENIED = "denied"
    NEEDS_APPROVAL = "needs_approval"
    PERMITTED = "permitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    DECLINED = "declined"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CLOSED_MANUALLY = "closed_manually"


class RequestAction(StrEnum):
    """The actions of people on a whole request."""

    SUBMIT = "submit"
    REVISE = "revise"
    WITHDRAW = "withdraw"
    CLOSE_MANUALLY = "close_manually"


class LineStatus(StrEnum):
    """The status of one line: `draft` until its decision is made, `reserved` while a loan answers it.

    `reserved` is derived from the loan. So is `declined` when the assisting agency cancels it, and `expired` from the
    time, before that is recorded.
    """

    DRAFT = "draft"
    DENIED = "denied"
    NEEDS_APPROVAL = "needs_approval"
    PERMITTED = "permitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    DECLINED = "declined"
    RESERVED = "reserved"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class LineAction(StrEnum):
    """The actions of decisions, approvers, both sides and the clock on a line. Loans are not among them.

    `revise` returns it to draft, to be decided again; `replace` has another line ask in its place.
    """

    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"
    PERMIT = "permit"
    APPROVE = "approve"
    REJECT = "reject"
    DECLINE = "decline"
    REVISE = "revise"
    REPLACE = "replace"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


_S, _A = RequestStatus, RequestAction

# Revising returns a request to `submitted`, where it is decided again once it is submitted again, so that
# several edits make one new ask. What nobody lends, because it is denied, rejected or declined, is asked again or
# differently in the same way. Of a partly filled request the lines without a loan go on; once all have one, other
# agencies have committed their assets: then a change is a new request, or an extension of each loan.
TRANSITIONS: dict[tuple[RequestStatus, RequestAction], RequestStatus] = {
    (_S.DRAFT, _A.SUBMIT): _S.SUBMITTED,
    (_S.DRAFT, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.SUBMITTED, _A.SUBMIT): _S.SUBMITTED,
    (_S.SUBMITTED, _A.REVISE): _S.SUBMITTED,
    (_S.SUBMITTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.SUBMITTED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.NEEDS_APPROVAL, _A.REVISE): _S.SUBMITTED,
    (_S.NEEDS_APPROVAL, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.NEEDS_APPROVAL, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.PERMITTED, _A.REVISE): _S.SUBMITTED,
    (_S.PERMITTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.PERMITTED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.APPROVED, _A.REVISE): _S.SUBMITTED,
    (_S.APPROVED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.APPROVED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.DENIED, _A.REVISE): _S.SUBMITTED,
    (_S.DENIED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.DENIED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.REJECTED, _A.REVISE): _S.SUBMITTED,
    (_S.REJECTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.REJECTED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.DECLINED, _A.REVISE): _S.SUBMITTED,
    (_S.DECLINED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.DECLINED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.PARTIALLY_FILLED, _A.SUBMIT): _S.PARTIALLY_FILLED,
    (_S.PARTIALLY_FILLED, _A.REVISE): _S.PARTIALLY_FILLED,
    (_S.PARTIALLY_FILLED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.FILLED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
}

_L, _B = LineStatus, LineAction

LINE_TRANSITIONS: dict[tuple[LineStatus, LineAction], LineStatus] = {
    (_L.DRAFT, _B.DENY): _L.DENIED,
    (_L.DRAFT, _B.REQUIRE_APPROVAL): _L.NEEDS_APPROVAL,
    (_L.DRAFT, _B.PERMIT): _L.PERMITTED,
    (_L.DRAFT, _B.REPLACE): _L.WITHDRAWN,
    (_L.DRAFT, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.DRAFT, _B.EXPIRE): _L.EXPIRED,
    (_L.NEEDS_APPROVAL, _B.APPROVE): _L.APPROVED,
    (_L.NEEDS_APPROVAL, _B.REJECT): _L.REJECTED,
    (_L.NEEDS_APPROVAL, _B.DECLINE): _L.DECLINED,
    (_L.NEEDS_APPROVAL, _B.REVISE): _L.DRAFT,
    (_L.NEEDS_APPROVAL, _B.REPLACE): _L.WITHDRAWN,
    (_L.NEEDS_APPROVAL, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.NEEDS_APPROVAL, _B.EXPIRE): _L.EXPIRED,
    (_L.PERMITTED, _B.DECLINE): _L.DECLINED,
    (_L.PERMITTED, _B.REVISE): _L.DRAFT,
    (_L.PERMITTED, _B.REPLACE): _L.WITHDRAWN,
    (_L.PERMITTED, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.PERMITTED, _B.EXPIRE): _L.EXPIRED,
    (_L.APPROVED, _B.DECLINE): _L.DECLINED,
    (_L.APPROVED, _B.REVISE): _L.DRAFT,
    (_L.APPROVED, _B.REPLACE): _L.WITHDRAWN,
    (_L.APPROVED, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.APPROVED, _B.EXPIRE): _L.EXPIRED,
    # What was refused stays as it is beside the line that asks in its place: both sides go on reading why.
    (_L.DENIED, _B.REPLACE): _L.DENIED,
    (_L.REJECTED, _B.REPLACE): _L.REJECTED,
    (_L.DECLINED, _B.REPLACE): _L.DECLINED,
}

EDITABLE = frozenset(
    {
        *(_S.DRAFT, _S.SUBMITTED, _S.NEEDS_APPROVAL, _S.PERMITTED, _S.APPROVED),
        *(_S.DENIED, _S.REJECTED, _S.DECLINED, _S.PARTIALLY_FILLED, _S.FILLED),
    }
)
"""Statuses in which summary and notes may be edited; the rest may change only where `revise` is possible."""

SET_BY_PEOPLE = frozenset({_S.DRAFT, _S.WITHDRAWN, _S.CLOSED_MANUALLY})
"""Statuses that are as stored and do not follow the lines."""

OPEN = frozenset({_L.DRAFT, _L.NEEDS_APPROVAL, _L.PERMITTED, _L.APPROVED})
"""Statuses of lines that may still lead to a loan."""

REFUSED = frozenset({_L.DENIED, _L.REJECTED, _L.DECLINED})
"""Statuses of lines for which nothing is lent, and in whose place another line may ask again, or differently."""

TIME_OVER: Final = "Nobody lent it before its time was over."
"""Why a line is expired."""

MENDABLE = OPEN | REFUSED
"""Statuses of lines that the requesting agency may still edit."""

RESERVABLE = frozenset({_L.PERMITTED, _L.APPROVED})
"""Statuses of lines on which the assisting agency may lend."""

LEAST_SETTLED_FIRST = (
    (_L.DRAFT, _S.SUBMITTED),
    (_L.NEEDS_APPROVAL, _S.NEEDS_APPROVAL),
    (_L.APPROVED, _S.APPROVED),
    (_L.PERMITTED, _S.PERMITTED),
    (_L.DECLINED, _S.DECLINED),
    (_L.REJECTED, _S.REJECTED),
    (_L.DENIED, _S.DENIED),
    (_L.EXPIRED, _S.EXPIRED),
)

# Fields that no policy reads. A change of any other field, including fields added later, voids approvals.
HARMLESS_EDITS = frozenset({"summary", "note"})


def advance(status: RequestStatus, action: RequestAction) -> RequestStatus:
    """The status after `action`. Raises WrongStatus when the table has no such transition."""
    after = TRANSITIONS.get((status, action))
    if after is None:
        raise WrongStatus.of("A request", status, action)
    return after


def advance_line(status: LineStatus, action: LineAction) -> LineStatus:
    """The line's status after `action`. Raises WrongStatus when the table has no such transition."""
    after = LINE_TRANSITIONS.get((status, action))
    if after is None:
        raise WrongStatus.of("A line", status, action)
    return after


def follow_lines(lines: Sequence[LineStatus]) -> RequestStatus:
    """The status of a submitted request from those of its lines.

    Withdrawn lines do not count, unless all are, nor do lines in whose place another one asks, which callers leave out.
    Until a line is reserved, the least settled line determines the status: undecided, waiting for approval, approved,
    permitted; it is declined, rejected or denied only if no line can go on, and expired if none can be mended either.
    With a line reserved, it is filled when every line has its loan and partially filled otherwise. Raises RuleBroken
    for a request without lines.
    """
    if not lines:
        raise RuleBroken("A request needs at least one line.", "no_lines")
    counted = {line for line in lines if line is not _L.WITHDRAWN}
    if not counted:
        return _S.WITHDRAWN
    if _L.RESERVED in counted:
        return _S.FILLED if counted == {_L.RESERVED} else _S.PARTIALLY_FILLED
    return next(outcome for line, outcome in LEAST_SETTLED_FIRST if line in counted)


def why_not_submitted(request: RequestStatus, drafts: Sequence[tuple[int, bool]]) -> str | None:
    """Why nothing can be submitted; None when it can. `drafts`: the undecided lines, and whether their time is over."""
    if (request, _A.SUBMIT) not in TRANSITIONS:
        return _late("request", request)
    if not drafts:
        return "Every line is decided."
    over = next((no for no, over in drafts if over), None)
    return None if over is None else time_over(over)


def time_over(line_no: int) -> str:
    """Why a line is not submitted whose time is over."""
    return f"The time requested in line {line_no} is over: ask for another time."


def why_not_mended(request: RequestStatus, line: LineStatus, *, replaced: bool) -> str | None:
    """Why the requesting agency cannot edit the line; None when it can."""
    if replaced:
        return "Another line asks in its place."
    if request is not _S.DRAFT and (request, _A.REVISE) not in TRANSITIONS:
        return _late("request", request)
    return None if line in MENDABLE else _late("line", line)


def why_not_withdrawn(request: RequestStatus, line: LineStatus, *, replaced: bool) -> str | None:
    """Why the requesting agency cannot withdraw the line alone; None when it can."""
    return why_not_mended(request, line, replaced=replaced) or (None if line in OPEN else _late("line", line))


def why_not_asked_again(
    request: RequestStatus, line: LineStatus, line_no: int, *, replaced: bool, over: bool
) -> str | None:
    """Why the line cannot be asked again as it stands; None when it can. `over`: its window is."""
    if (reason := why_not_mended(request, line, replaced=replaced)) is not None:
        return reason
    if line not in REFUSED:
        return "Only what was denied, rejected or declined is asked again."
    return time_over(line_no) if over else None


def why_not_declined(line: LineStatus) -> str | None:
    """Why the assisting agency cannot decline the line; None when it can."""
    if line is _L.RESERVED:
        return "A loan answers it: cancel that, which declines it."
    return None if (line, _B.DECLINE) in LINE_TRANSITIONS else _late("line", line)


def _late(what: str, status: StrEnum) -> str:
    return f"Not while the {what} is {status.replace('_', ' ')}."


def void_approvals_on(edited: Iterable[str]) -> bool:
    """Whether editing these fields voids the approvals given so far, so that the request is decided again.

    An approval is for what was requested: lines, dates, place, purpose, incident, priority, funding.
    """
    return not HARMLESS_EDITS.issuperset(edited)
