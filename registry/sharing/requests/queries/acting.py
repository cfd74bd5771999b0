"""What a person may do with a request and its lines as they are: the side that acts, what waits, what has changed.

Commands ask the same before they act, so that what is offered works: `rules.why_not_…`, and here what needs the rows.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.kernel.actions import AllowedAction, offer
from registry.resources.assets.queries.describing import describe_columns
from registry.resources.assets.rules import changed_since, why_changed
from registry.resources.assets.schemas.availability import AskAvailability
from registry.sharing.loans.queries.uncovered import WHY_UNCOVERED
from registry.sharing.policy.approvals import OWN_REQUEST
from registry.sharing.policy.decisions import Side
from registry.sharing.policy.schemas.decided import OtherText
from registry.sharing.requests.need_rules import why_none_lent, why_not_free
from registry.sharing.requests.queries.needs import is_need, is_partly_lent, still_open
from registry.sharing.requests.rules import (
    RESERVABLE,
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    time_over,
    why_not_accepted,
    why_not_answered,
    why_not_asked_again,
    why_not_declined,
    why_not_ended,
    why_not_mended,
    why_not_offered,
    why_not_sourced,
    why_not_submitted,
    why_not_updated,
    why_not_withdrawn,
)

APPROVED_IT: Final = "You approved it, so somebody else of your agency has to lend it."
_WAITING: Final = frozenset({LineStatus.NEEDS_APPROVAL, LineStatus.PERMITTED, LineStatus.APPROVED})
_described = msgspec.json.Decoder(dict[str, str]).decode
awaited_in = msgspec.json.Decoder(list[str]).decode


def side_of(row: Row[Any], principal: Principal) -> Side:
    """The side of the caller's agency in a request that it can see."""
    return "requesting" if row.requesting_agency_id == principal.agency_id else "assisting"


def asks(rows: Sequence[Row[Any]], principal: Principal) -> bool:
    """Whether this person drafted the request or submitted a line that waits for approval.

    Then another person must approve. Persons who submitted lines that have been replaced or decided since do not count.
    """
    waiting = (row.submitted_by for row in rows if row.line_status == LineStatus.NEEDS_APPROVAL)
    return principal.person in {rows[0].asked_by, *waiting}


def answerable(rows: Sequence[Row[Any]], principal: Principal) -> list[Row[Any]]:
    """The lines that wait for an approval which the caller can give for its own side."""
    side = side_of(rows[0], principal)
    needed = {f"{role}@{side}" for role in principal.roles}
    return [row for row in rows if row.line_status == LineStatus.NEEDS_APPROVAL and needed & {*awaited_in(row.awaited)}]


def why_not_approved(rows: Sequence[Row[Any]], principal: Principal) -> str | None:
    """Why this person approves or rejects nothing in the request now; None when it can."""
    if not any(each.line_status == LineStatus.NEEDS_APPROVAL for each in rows):
        return "No line waits for an approval."
    if asks(rows, principal):
        return OWN_REQUEST
    return None if answerable(rows, principal) else "No line waits for your approval."


def undecided(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The lines that are submitted next."""
    return [each for each in rows if each.line_status == LineStatus.DRAFT]


def window_over(rows: Sequence[Row[Any]], now: datetime) -> str | None:
    """Why none of those is submitted: the time of one of them is over."""
    return next((time_over(each.no) for each in undecided(rows) if each.ends_at <= now), None)


def changed_in(row: Row[Any]) -> list[str]:
    """The properties of a line's asset that are not as they were asked for, while the line may lead to a loan."""
    if row.line_status not in _WAITING:
        return []
    return changed_since(described_in(row), describe_columns(row, "now_"))


def any_changed(rows: Sequence[Row[Any]]) -> bool:
    """Whether an asset that the viewer may still see is not as it was asked for."""
    return any(row.asset_name is not None and changed_in(row) for row in rows)


def described_in(row: Row[Any]) -> dict[str, str]:
    """What a line relied on in its asset when it was asked for."""
    described: dict[str, str] = _described(row.described)
    return described


def condition_of(row: Row[Any]) -> str | None:
    """The condition of what a line offers; None once its agency has declined, for then it offers nothing."""
    condition: str | None = row.condition
    return None if LineStatus(row.line_status) is LineStatus.DECLINED else condition


def offer_version_of(row: Row[Any]) -> int | None:
    """Of the offer on a condition that waits for an answer: it moves with whatever is changed in its line."""
    return row.line_changes if LineStatus(row.line_status) is LineStatus.OFFERED else None


def allowed_on_line(
    row: Row[Any],
    principal: Principal,
    now: datetime,
    availability: AskAvailability | None,
    alone: AskAvailability | None,
    text: OtherText | None,
) -> list[AllowedAction]:
    """What the caller can do with one line, and why not, where it is a matter of how things stand.

    `alone` is its availability if nothing is lent on the other lines: whoever lends chooses among them. `text` is the
    text that governs it by now, where it was decided by another: what that does not allow is not lent.
    """
    side, status, of_request = side_of(row, principal), LineStatus(row.line_status), RequestStatus(row.status)
    replaced, left = row.replaced_by_no is not None, still_open(row) or 0
    actions = []
    if refusal(principal, Action.REQUESTS_UPDATE, [side]) is None:
        again = why_not_asked_again(
            of_request, status, row.no, replaced=replaced, over=row.ends_at <= now, fills_no=row.fills_no
        )
        unmended = why_not_mended(of_request, status, replaced=replaced, fills_no=row.fills_no)
        unwithdrawn = why_not_withdrawn(of_request, status, replaced=replaced, fills_no=row.fills_no)
        actions += [
            offer("update", withheld=unmended),
            offer("ask_again", withheld=again),
            offer("withdraw", withheld=unwithdrawn),
        ]
        if is_need(row) or is_partly_lent(row):
            over = time_over(row.no) if row.ends_at <= now else None
            actions.append(offer("source", withheld=why_not_sourced(of_request, status, left, over)))
        elif condition_of(row) is not None:
            if refusal(principal, Action.REQUESTS_ACCEPT, [side]) is None:
                gone = row.suspended_reason if status is LineStatus.SUSPENDED else why_not_free(availability)
                unaccepted = why_not_answered(of_request, status, left, accept=True, suspended=gone)
                actions.append(offer("accept_offer", withheld=unaccepted))
            actions.append(offer("refuse_offer", withheld=why_not_answered(of_request, status, left, accept=False)))
    if status in RESERVABLE and refusal(principal, Action.LOANS_RESERVE, [side]) is None:
        changed = changed_in(row)
        gone = why_none_lent(alone, together=row.personnel_ids is not None)
        uncovered = None if row.uncovered is None else WHY_UNCOVERED[row.uncovered]
        otherwise = text.reason if text is not None and text.worse else None
        changes = why_changed(changed) if changed else None
        unlent = APPROVED_IT if row.approved_it else changes or otherwise or uncovered or gone
        actions.append(offer("create_loan", withheld=unlent))
    if refusal(principal, Action.REQUESTS_ANSWER, [side]) is None:
        actions.append(offer("decline", withheld=why_not_declined(of_request, status)))
        if row.fills_no is not None:
            actions.append(offer("offer", withheld=why_not_offered(of_request, status, left)))
    return actions


def allowed_on_request(rows: Sequence[Row[Any]], principal: Principal, now: datetime) -> list[AllowedAction]:
    """What the caller can do with the whole request, and why not, where it is a matter of how things stand."""
    row, side = rows[0], side_of(rows[0], principal)
    status = RequestStatus(row.status)
    actions = []
    if refusal(principal, Action.REQUESTS_UPDATE, [side]) is None:
        actions.append(offer("update", withheld=why_not_updated(status)))
        unsubmitted = why_not_submitted(status, undecided=bool(undecided(rows)))
        actions.append(offer(RequestAction.SUBMIT, withheld=unsubmitted or window_over(rows, now)))
        actions.append(offer(RequestAction.WITHDRAW, withheld=why_not_ended(status, RequestAction.WITHDRAW)))
    if refusal(principal, Action.REQUESTS_ACCEPT, [side]) is None:
        unaccepted = why_not_accepted(status, changed=any_changed(rows))
        actions.append(offer("accept_changed_assets", withheld=unaccepted))
    if refusal(principal, Action.REQUESTS_APPROVE, [side]) is None:
        unanswered = why_not_approved(rows, principal)
        actions += [offer(action, withheld=unanswered) for action in (LineAction.APPROVE, LineAction.REJECT)]
        if side == "requesting":
            unclosed = why_not_ended(status, RequestAction.CLOSE_MANUALLY)
            actions.append(offer(RequestAction.CLOSE_MANUALLY, withheld=unclosed))
    return actions
