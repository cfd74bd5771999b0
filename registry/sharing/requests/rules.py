"""The life cycle of a request and its lines: the transitions, and the effects of an edit.

Each line is decided, approved and answered separately, so from submission to the end the request's status follows its
lines (`follow_lines`). That all its loans are closed is derived from the loans.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, Literal

from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.text import spoken


class RequestStatus(StrEnum):
    """The status: stored, or derived from the lines, their loans and the time."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    OPEN = "open"
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
    """The status of one line: `draft` until its decision is made, `reserved` while a loan answers it, `filled` after.

    A line of a need, such as two narcotics teams, is `open` while agencies are asked for it, one line each: `queued`
    until it is the agency's turn, `asked`, then `unanswered` or, answered, what every other line is, or `offered` on a
    condition; `suspended` while what was offered cannot be had. `partially_filled` and `filled` are derived from what
    these lent.

    `reserved` is derived from the loan, and `partially_filled` where that is of fewer than a line asks for; `filled`
    once the loan is over, or the request was closed while it goes on. So is `declined` when the assisting agency
    cancels it, `withdrawn` when it is cancelled after the request was closed, and `expired` from the time, before that
    is recorded.
    """

    DRAFT = "draft"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    QUEUED = "queued"
    ASKED = "asked"
    UNANSWERED = "unanswered"
    OFFERED = "offered"
    SUSPENDED = "suspended"
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

    `revise` returns it to draft, to be decided again; `replace` has another line ask in its place. `open` submits a
    line of a need; `ask`, `lapse`, `offer` and `suspend` are of an agency that is asked for it.
    """

    OPEN = "open"
    ASK = "ask"
    LAPSE = "lapse"
    OFFER = "offer"
    SUSPEND = "suspend"
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
    (_S.OPEN, _A.REVISE): _S.SUBMITTED,
    (_S.OPEN, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.OPEN, _A.CLOSE_MANUALLY): _S.CLOSED_MANUALLY,
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
    # A line of a need, and the agencies that are asked for it. Who did not answer in time may still offer, and who
    # offered what cannot be had may offer another.
    (_L.DRAFT, _B.OPEN): _L.OPEN,
    (_L.OPEN, _B.REVISE): _L.DRAFT,
    (_L.OPEN, _B.REPLACE): _L.WITHDRAWN,
    (_L.OPEN, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.OPEN, _B.EXPIRE): _L.EXPIRED,
    (_L.QUEUED, _B.ASK): _L.ASKED,
    (_L.QUEUED, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.QUEUED, _B.EXPIRE): _L.EXPIRED,
    **{
        (status, action): after
        for status in (_L.ASKED, _L.UNANSWERED, _L.SUSPENDED)
        for action, after in (
            (_B.OFFER, _L.OFFERED),
            (_B.REQUIRE_APPROVAL, _L.NEEDS_APPROVAL),
            (_B.PERMIT, _L.PERMITTED),
            (_B.DECLINE, _L.DECLINED),
            (_B.WITHDRAW, _L.WITHDRAWN),
            (_B.EXPIRE, _L.EXPIRED),
        )
    },
    (_L.ASKED, _B.LAPSE): _L.UNANSWERED,
    **{(status, _B.SUSPEND): _L.SUSPENDED for status in (_L.OFFERED, _L.NEEDS_APPROVAL, _L.PERMITTED, _L.APPROVED)},
    (_L.OFFERED, _B.REQUIRE_APPROVAL): _L.NEEDS_APPROVAL,
    (_L.OFFERED, _B.PERMIT): _L.PERMITTED,
    (_L.OFFERED, _B.REJECT): _L.REJECTED,
    (_L.OFFERED, _B.DECLINE): _L.DECLINED,
    (_L.OFFERED, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.OFFERED, _B.EXPIRE): _L.EXPIRED,
    # What was refused stays as it is beside the line that asks in its place: both sides go on reading why.
    (_L.DENIED, _B.REPLACE): _L.DENIED,
    (_L.REJECTED, _B.REPLACE): _L.REJECTED,
    (_L.DECLINED, _B.REPLACE): _L.DECLINED,
    # Given up, it counts no more, and both sides read who refused it, and who does without it.
    (_L.DENIED, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.REJECTED, _B.WITHDRAW): _L.WITHDRAWN,
    (_L.DECLINED, _B.WITHDRAW): _L.WITHDRAWN,
}

EDITABLE = frozenset(
    {
        *(_S.DRAFT, _S.SUBMITTED, _S.OPEN, _S.NEEDS_APPROVAL, _S.PERMITTED, _S.APPROVED),
        *(_S.DENIED, _S.REJECTED, _S.DECLINED, _S.PARTIALLY_FILLED, _S.FILLED),
    }
)
"""Statuses in which summary and notes may be edited; the rest may change only where `revise` is possible."""

SET_BY_PEOPLE = frozenset({_S.DRAFT, _S.WITHDRAWN, _S.CLOSED_MANUALLY})
"""Statuses that are as stored and do not follow the lines."""

ENDED = frozenset({_S.WITHDRAWN, _S.CLOSED_MANUALLY})
"""Statuses to which people set an end: whatever becomes of its lines, such a request leads to no loan any more."""

IN_PLAY = frozenset({_L.NEEDS_APPROVAL, _L.PERMITTED, _L.APPROVED})
"""Statuses of lines that were decided and may still lead to a loan: they count for the need that they help to fill."""

TO_ANSWER = frozenset({_L.ASKED, _L.UNANSWERED, _L.SUSPENDED})
"""Statuses of lines for which the agency that is asked may still offer something."""

STILL_ASKED = frozenset({_L.QUEUED, _L.ASKED, _L.OFFERED})
"""Statuses of lines of agencies that are asked, or are next, or whose offer waits for an answer."""

STANDING_OFFER = frozenset({_L.OFFERED, _L.SUSPENDED, *IN_PLAY})
"""Statuses of lines on which an agency offers something for a need: they are looked at again until it is lent."""

OPEN = frozenset({_L.DRAFT, _L.OPEN, _L.QUEUED, *TO_ANSWER, _L.OFFERED, *IN_PLAY})
"""Statuses of lines that may still lead to a loan."""

FOLLOW_FROM_LOANS = frozenset({_L.RESERVED, _L.PARTIALLY_FILLED, _L.FILLED})
"""Statuses of lines that a loan answers, or answered: they follow from it."""
STORED = tuple(status for status in _L if status not in FOLLOW_FROM_LOANS)
"""Statuses of lines that are stored."""

REFUSED = frozenset({_L.DENIED, _L.REJECTED, _L.DECLINED})
"""Statuses of lines for which nothing is lent, and in whose place another line may ask again, or differently."""

FULL: Final = "As many as are needed are offered already."
"""Why nothing more is asked for or offered."""

FILLED_BY_OTHERS: Final = "It can be had again, and as many as are needed are offered by others."
"""Why an offer stays suspended that can be had again."""

TIME_OVER: Final = "Nobody lent it before its time was over."
"""Why a line is expired."""

MENDABLE = frozenset({_L.DRAFT, _L.OPEN, *IN_PLAY}) | REFUSED
"""Statuses of lines that the requesting agency may still edit."""

RESERVABLE = frozenset({_L.PERMITTED, _L.APPROVED})
"""Statuses of lines on which the assisting agency may lend."""

LEAST_SETTLED_FIRST = (
    (_L.DRAFT, _S.SUBMITTED),
    (_L.OPEN, _S.OPEN),
    (_L.ASKED, _S.OPEN),
    (_L.OFFERED, _S.OPEN),
    (_L.SUSPENDED, _S.OPEN),
    (_L.NEEDS_APPROVAL, _S.NEEDS_APPROVAL),
    (_L.APPROVED, _S.APPROVED),
    (_L.PERMITTED, _S.PERMITTED),
    (_L.DECLINED, _S.DECLINED),
    (_L.REJECTED, _S.REJECTED),
    (_L.DENIED, _S.DENIED),
    (_L.UNANSWERED, _S.EXPIRED),
    (_L.EXPIRED, _S.EXPIRED),
)

READ_BY_PEOPLE_ALONE = frozenset({"summary", "note"})
"""Fields that no policy reads, and who approves does. Any other field, also one added later, is decided on."""


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

    Withdrawn lines do not count, unless all are, nor do those of agencies that are not asked yet, nor lines in whose
    place another one asks, which callers leave out.
    Until a line is reserved, the least settled line determines the status: undecided, open, waiting for approval,
    approved, permitted; it is declined, rejected or denied only if no line can go on, and expired if none can be mended
    either. With a line reserved, it is filled when every line has its loan and partially filled otherwise. Raises
    RuleBroken for a request without lines.
    """
    if not lines:
        raise RuleBroken("A request needs at least one line.", "no_lines")
    counted = {line for line in lines if line not in (_L.WITHDRAWN, _L.QUEUED)}
    if not counted:
        return _S.WITHDRAWN
    if counted & FOLLOW_FROM_LOANS:
        return _S.FILLED if counted <= {_L.RESERVED, _L.FILLED} else _S.PARTIALLY_FILLED
    return next(outcome for line, outcome in LEAST_SETTLED_FIRST if line in counted)


def why_not_updated(request: RequestStatus) -> str | None:
    """Why the request cannot be edited; None when it can."""
    return None if request in EDITABLE else _late("request", request)


def why_not_submitted(request: RequestStatus, *, undecided: bool) -> str | None:
    """Why nothing can be submitted; None when it can. `undecided`: there is a line on which nothing is decided yet."""
    if (request, _A.SUBMIT) not in TRANSITIONS:
        return _late("request", request)
    return None if undecided else "Every line is decided."


def why_not_ended(request: RequestStatus, action: RequestAction) -> str | None:
    """Why the request cannot be withdrawn as a whole, or closed; None when it can."""
    return None if (request, action) in TRANSITIONS else _late("request", request)


def time_over(line_no: int) -> str:
    """Why a line is not submitted whose time is over."""
    return f"The time requested in line {line_no} is over: ask for another time."


def why_not_mended(
    request: RequestStatus, line: LineStatus, *, replaced: bool, fills_no: int | None = None
) -> str | None:
    """Why the requesting agency cannot edit the line; None when it can. `fills_no`: the line that it helps to fill."""
    if fills_no is not None:
        return f"It answers line {fills_no}: change that one, or ask another agency for it."
    if replaced:
        return "Another line asks in its place."
    if request is not _S.DRAFT and (request, _A.REVISE) not in TRANSITIONS:
        return _late("request", request)
    return None if line in MENDABLE else _late("line", line)


def why_not_withdrawn(
    request: RequestStatus, line: LineStatus, *, replaced: bool, fills_no: int | None = None
) -> str | None:
    """Why the requesting agency cannot withdraw the line alone; None when it can.

    `fills_no`: the line that it helps to fill. What an agency refused of that one is lacking there, and given up there.
    """
    if replaced:
        return "Another line asks in its place."
    if request is not _S.DRAFT and (request, _A.REVISE) not in TRANSITIONS:
        return _late("request", request)
    given_up = line in REFUSED and fills_no is None
    return None if given_up or line in OPEN or line is _L.PARTIALLY_FILLED else _late("line", line)


def remaining_of(asked: int, lent: int, *, ended: bool) -> int:
    """How many are still open on a line of a certain asset of which fewer are lent; none once the request has ended."""
    return 0 if ended else asked - lent


def needed_without(needed: int, freed: int) -> int | None:
    """How many of a need are still needed once so many that were reserved for it are not; None where none are."""
    return needed - freed if freed < needed else None


def why_not_asked_again(
    request: RequestStatus,
    line: LineStatus,
    line_no: int,
    *,
    replaced: bool,
    over: bool,
    fills_no: int | None = None,
) -> str | None:
    """Why the line cannot be asked again as it stands; None when it can. `over`: its window is."""
    if (reason := why_not_mended(request, line, replaced=replaced, fills_no=fills_no)) is not None:
        return reason
    if line not in REFUSED:
        return "Only what was denied, rejected or declined is asked again."
    return time_over(line_no) if over else None


def why_not_accepted(request: RequestStatus, *, changed: bool) -> str | None:
    """Why no changed asset is accepted; None when one can be. `changed`: the asset of a line that may be lent is."""
    if request in ENDED:
        return _late("request", request)
    return None if changed else "No asset was changed since it was asked for."


def why_not_declined(request: RequestStatus, line: LineStatus) -> str | None:
    """Why the assisting agency cannot decline the line; None when it can."""
    if line in FOLLOW_FROM_LOANS:
        return "A loan answers it: cancel that, which declines it."
    if request in ENDED:
        return _late("request", request)
    return None if (line, _B.DECLINE) in LINE_TRANSITIONS else _late("line", line)


def why_not_sourced(request: RequestStatus, line: LineStatus, remaining: int, over: str | None = None) -> str | None:
    """Why the requesting agency cannot ask agencies for what a line still lacks; None when it can.

    `over` says that the time is over of what a line of a certain asset lacks; a need has expired then.
    """
    if request in ENDED:
        return _late("request", request)
    if line is _L.DRAFT:
        return "Submit the request first."
    if line not in (_L.OPEN, _L.PARTIALLY_FILLED):
        return _late("line", line)
    return over if remaining > 0 else FULL


def why_not_offered(request: RequestStatus, line: LineStatus, remaining: int) -> str | None:
    """Why the agency that is asked cannot offer anything; None when it can."""
    if request in ENDED:
        return _late("request", request)
    if line not in TO_ANSWER:
        return _late("line", line)
    return None if remaining > 0 else FULL


def why_not_answered(
    request: RequestStatus, line: LineStatus, remaining: int, *, accept: bool, suspended: str | None = None
) -> str | None:
    """Why the requesting agency cannot accept, or refuse, a conditional offer; None when it can.

    `suspended` is why what is offered cannot be had.
    """
    if request in ENDED:
        return _late("request", request)
    if accept and suspended is not None:
        return suspended
    if line is not _L.OFFERED:
        return "No offer on a condition waits for an answer."
    return FULL if accept and remaining <= 0 else None


def next_tier(asks: Iterable[tuple[int, LineStatus]], remaining: int) -> int | None:
    """The tier that is asked next: none while something is still to be answered, or nothing is lacking."""
    found = list(asks)
    if remaining <= 0 or any(status in (_L.ASKED, _L.OFFERED) for _, status in found):
        return None
    return min((tier for tier, status in found if status is _L.QUEUED), default=None)


def _late(what: str, status: StrEnum) -> str:
    return f"Not while the {what} is {spoken(status)}."


def what_is_void(edited: Iterable[str]) -> Literal["decisions", "approvals"] | None:
    """What of the steps taken so far an edit of these fields voids, on the lines that they concern.

    An approval is for all that its giver read: the ask, on which policies decide (purpose, priority, incident, asset or
    need, quantity, window, place), and the words beside it (summary, notes). A change of the ask voids the decision,
    and its approvals with it: the line is a draft until it is submitted again. A change of words voids approvals alone:
    the line waits for them again. What the asset costs is part of the asset: an edit of that is for who asks to accept.
    What is lent stays as it was approved.
    """
    fields = set(edited)
    if fields - READ_BY_PEOPLE_ALONE:
        return "decisions"
    return "approvals" if fields else None


def refuse(reason: str | None) -> None:
    """Raises WrongStatus with why something cannot be done; has no effect where it can."""
    if reason is not None:
        raise WrongStatus(reason)
