"""The life cycle of a request and its lines: the transitions, and the effects of an edit.

Each line is decided, approved and answered separately, so from submission to the end the request's status follows its
lines (`follow_lines`). That all its loans are closed is derived from the loans.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

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
    """The status of one line: `draft` until its decision is made, `reserved` while a loan answers it."""

    DRAFT = "draft"
    DENIED = "denied"
    NEEDS_APPROVAL = "needs_approval"
    PERMITTED = "permitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    RESERVED = "reserved"
    WITHDRAWN = "withdrawn"


class LineAction(StrEnum):
    """The actions of decisions, approvers and the requesting agency on a line. Loans are not among them."""

    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"
    PERMIT = "permit"
    APPROVE = "approve"
    REJECT = "reject"
    REVISE = "revise"
    WITHDRAW = "withdraw"


_S, _A = RequestStatus, RequestAction

# Revising returns a request to `submitted`, where it is decided again once it is submitted again, so that
# several edits make one new ask. Once lines are filled, other agencies have committed assets: then a change is
# a new request, or an extension of each loan.
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
    (_S.PARTIALLY_FILLED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
    (_S.FILLED, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
}

_L, _B = LineStatus, LineAction

LINE_TRANSITIONS: dict[tuple[LineStatus, LineAction], LineStatus] = {
    (_L.DRAFT, _B.DENY): _L.DENIED,
    (_L.DRAFT, _B.REQUIRE_APPROVAL): _L.NEEDS_APPROVAL,
    (_L.DRAFT, _B.PERMIT): _L.PERMITTED,
    (_L.DRAFT, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.NEEDS_APPROVAL, _B.APPROVE): _L.APPROVED,
    (_L.NEEDS_APPROVAL, _B.REJECT): _L.REJECTED,
    (_L.NEEDS_APPROVAL, _B.REVISE): _L.DRAFT,
    (_L.NEEDS_APPROVAL, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.PERMITTED, _B.REVISE): _L.DRAFT,
    (_L.PERMITTED, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.APPROVED, _B.REVISE): _L.DRAFT,
    (_L.APPROVED, _B.WITHDRAW): _L.WITHDRAWN,
}

EDITABLE = frozenset(
    {_S.DRAFT, _S.SUBMITTED, _S.NEEDS_APPROVAL, _S.PERMITTED, _S.APPROVED, _S.PARTIALLY_FILLED, _S.FILLED}
)
"""Statuses in which summary and notes may be edited; the rest may change only where `revise` is possible."""

SET_BY_PEOPLE = frozenset({_S.DRAFT, _S.WITHDRAWN, _S.CLOSED_MANUALLY})
"""Statuses that are as stored and do not follow the lines."""

OPEN = frozenset({_L.DRAFT, _L.NEEDS_APPROVAL, _L.PERMITTED, _L.APPROVED})
"""Statuses of lines that may still lead to a loan."""

RESERVABLE = frozenset({_L.PERMITTED, _L.APPROVED})
"""Statuses of lines on which the assisting agency may lend."""

LEAST_SETTLED_FIRST = (
    (_L.DRAFT, _S.SUBMITTED),
    (_L.NEEDS_APPROVAL, _S.NEEDS_APPROVAL),
    (_L.APPROVED, _S.APPROVED),
    (_L.PERMITTED, _S.PERMITTED),
    (_L.REJECTED, _S.REJECTED),
    (_L.DENIED, _S.DENIED),
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

    Withdrawn lines do not count, unless all are. Until a line is reserved, the least settled line determines the
    status: undecided, waiting for approval, approved, permitted; it is rejected or denied only if no line can go on.
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


def void_approvals_on(edited: Iterable[str]) -> bool:
    """Whether editing these fields voids the approvals given so far, so that the request is decided again.

    An approval is for what was requested: lines, dates, place, purpose, incident, priority, funding.
    """
    return not HARMLESS_EDITS.issuperset(edited)
