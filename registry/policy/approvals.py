"""Approvals of a decision: which are given, which are missing, who may give them, and when they no longer count.

A decision is made again at every later step, so an approval is not tied to one row: it counts for every decision
of the same chain on the same ask (`ask_digest`) that needs it by the same policy from the same role and agency.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from registry.access.principals import Principal
from registry.kernel.errors import Conflict, Forbidden, WrongState
from registry.policy.schemas import ApprovalNeeded, Decision, Side

Verdict = Literal["approved", "rejected"]
Ended = Literal["rejected", "withdrawn", "superseded"]

WITHDRAWAL = "withdrawal"
"""What stands in place of a policy id where the requesting agency has taken its ask back."""


class Answered(Struct, kw_only=True, frozen=True):
    """One stored answer. `decision_id` is the decision it was given on."""

    decision_id: UUID
    policy_id: str
    role: str
    side: Side
    agency_id: UUID
    ask_digest: str
    verdict: Verdict
    reason: str
    given_by: str
    given_at: datetime


class Standing(Struct, kw_only=True, frozen=True):
    """Where a decision stands now. `satisfied`: the asset may be reserved on it.

    `ended` says why it can never be satisfied again: rejected by an approver, withdrawn by the requesting agency,
    or superseded by another ask.
    """

    satisfied: bool
    given: tuple[Answered, ...]
    missing: tuple[ApprovalNeeded, ...]
    ended: Ended | None


def standing(
    decision: Decision,
    *,
    asked_by: str,
    ask_digest: str,
    answers: Iterable[Answered],
    superseded: bool = False,
    lent: bool = False,
) -> Standing:
    """Judge `decision` by the answers given in its chain.

    An approval by whoever asks does not count, even where it was given on an earlier, equal ask of somebody else. For a
    loan that was made on it (`lent`) it does not end with the asking: a request is closed, and its loans run on.
    """
    withdrawn = False
    counted: list[Answered] = []
    for answer in answers:
        if answer.policy_id == WITHDRAWAL:
            withdrawn = not lent
        elif answer.ask_digest == ask_digest and (answer.given_by != asked_by or answer.verdict == "rejected"):
            counted.append(answer)
    missing = tuple(
        need for need in decision.approvals if not any(_gives(a, need) and a.verdict == "approved" for a in counted)
    )
    ended: Ended | None = None
    if withdrawn:
        ended = "withdrawn"
    elif superseded:
        ended = "superseded"
    elif any(answer.verdict == "rejected" for answer in counted):
        ended = "rejected"
    return Standing(
        satisfied=decision.outcome != "denied" and not missing and ended is None,
        given=tuple(counted),
        missing=missing,
        ended=ended,
    )


def _gives(answer: Answered, need: ApprovalNeeded) -> bool:
    return (answer.policy_id, answer.role, answer.side, answer.agency_id) == (
        need.policy_id,
        need.role,
        need.side,
        need.agency_id,
    )


def answerable(principal: Principal, decision: Decision, now: Standing, *, asked_by: str) -> Sequence[ApprovalNeeded]:
    """The missing approvals that this person can give; never none.

    Raises Forbidden for the person who asked and for whoever lacks the role or the side, WrongState for a decision
    that has ended or needs nothing, Conflict when these approvals have been given.
    """
    if principal.subject == asked_by:
        raise Forbidden("You asked for this yourself; somebody else has to approve it.", "own_request")
    named = {role.value for role in principal.roles}
    mine = [n for n in decision.approvals if n.agency_id == principal.agency_id and n.role in named]
    if decision.approvals and not mine:
        needed = ", ".join(sorted({f"{n.role}@{n.side}" for n in decision.approvals}))
        raise Forbidden(f"This decision is approved by {needed}; that is not you.", "not_the_approver")
    refuse_ended(now)
    if not mine:
        raise WrongState("This decision needs no approval.", "nothing_to_approve")
    if not (open_ones := [need for need in mine if need in now.missing]):
        raise Conflict("This approval has been answered.", "already_answered")
    return open_ones


_WHY_ENDED: dict[Ended, str] = {
    "rejected": "An approver has rejected this. Ask anew, for something else.",
    "withdrawn": "The requesting agency has withdrawn this.",
    "superseded": "What is asked has changed since this decision. Read the latest decision and go on from that.",
}


def refuse_ended(now: Standing) -> None:
    """Raises WrongState (`decision_rejected`, `decision_withdrawn`, `decision_superseded`) once it has ended."""
    if now.ended is not None:
        raise WrongState(_WHY_ENDED[now.ended], f"decision_{now.ended}")


def why_not_answer(principal: Principal, decision: Decision, now: Standing, *, asked_by: str) -> str | None:
    """Why this person cannot answer an approval now, in the words `answerable` would refuse with; None if it can."""
    try:
        answerable(principal, decision, now, asked_by=asked_by)
    except (Conflict, Forbidden, WrongState) as refused:
        return refused.detail
    return None
