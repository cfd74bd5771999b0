"""Approvals of a decision: which are given, which are missing, who may give them, and when they stop counting.

A decision is made again at every later step, so an approval does not belong to one row: it counts for every decision of
the same chain on the same ask (`ask_digest`) that needs it because of the same policy of the same layer, from the same
role and agency.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from registry.platform.access.principals import Principal
from registry.platform.kernel.errors import Conflict, Forbidden, WrongStatus
from registry.sharing.policy.decisions import (
    DECLINE,
    ENGINE_LAYER,
    SUSPENSION,
    WITHDRAWAL,
    ApprovalNeeded,
    Decision,
    Side,
)

OWN_REQUEST = "You asked for this yourself; somebody else has to approve it."

Verdict = Literal["approved", "rejected"]
Ended = Literal["rejected", "withdrawn", "declined", "suspended"]


class ApprovalAnswer(Struct, kw_only=True, frozen=True):
    """One stored answer to a needed approval. `decision_id` is the decision to which it was given."""

    decision_id: UUID
    policy_id: str
    layer: str
    role: str
    side: Side
    agency_id: UUID
    ask_digest: str
    verdict: Verdict
    reason: str
    given_by: str
    given_at: datetime

    @property
    def of_a_side(self) -> bool:
        """Whether it is what one side says of the whole ask, which no policy asked for."""
        return self.layer == ENGINE_LAYER


class DecisionStatus(Struct, kw_only=True, frozen=True):
    """The current status of a decision.

    `satisfied`: the asset may be reserved on it. `ended` says why it can never be satisfied again: rejected by an
    approver, withdrawn by the requesting agency, declined by the assisting one, or suspended since it could not be had.
    """

    satisfied: bool
    given: tuple[ApprovalAnswer, ...]
    missing: tuple[ApprovalNeeded, ...]
    ended: Ended | None


def decision_status(
    decision: Decision,
    *,
    asked_by: str,
    ask_digest: str,
    answers: Iterable[ApprovalAnswer],
    lent: bool = False,
) -> DecisionStatus:
    """The status of `decision` after the answers given in its chain.

    An approval by the person who asked does not count, even if it was given earlier on an equal ask of another person.
    For a loan that was made on it (`lent`) it does not end with the request: the request is closed, but its loans
    continue.
    """
    said: set[str] = set()
    counted: list[ApprovalAnswer] = []
    for answer in answers:
        if answer.of_a_side:
            if not lent:
                said.add(answer.policy_id)
        elif answer.ask_digest == ask_digest and (answer.given_by != asked_by or answer.verdict == "rejected"):
            counted.append(answer)
    missing = tuple(
        need for need in decision.approvals if not any(_gives(a, need) and a.verdict == "approved" for a in counted)
    )
    ended: Ended | None = None
    if WITHDRAWAL in said:
        ended = "withdrawn"
    elif DECLINE in said:
        ended = "declined"
    elif SUSPENSION in said:
        ended = "suspended"
    elif any(answer.verdict == "rejected" for answer in counted):
        ended = "rejected"
    return DecisionStatus(
        satisfied=decision.outcome != "denied" and not missing and ended is None,
        given=tuple(counted),
        missing=missing,
        ended=ended,
    )


def _gives(answer: ApprovalAnswer, need: ApprovalNeeded) -> bool:
    return (answer.layer, answer.policy_id, answer.role, answer.side, answer.agency_id) == (
        need.layer,
        need.policy_id,
        need.role,
        need.side,
        need.agency_id,
    )


def answerable(
    principal: Principal, decision: Decision, status: DecisionStatus, *, asked_by: str
) -> Sequence[ApprovalNeeded]:
    """The missing approvals that this person can give; never empty.

    Raises Forbidden for the person who asked and for anyone without the role or the side, WrongStatus for a decision
    that has ended or needs nothing, Conflict when these approvals have been given.
    """
    if principal.person == asked_by:
        raise Forbidden(OWN_REQUEST, "own_request")
    named = {role.value for role in principal.roles}
    mine = [n for n in decision.approvals if n.agency_id == principal.agency_id and n.role in named]
    if decision.approvals and not mine:
        needed = ", ".join(sorted({f"{n.role}@{n.side}" for n in decision.approvals}))
        raise Forbidden(f"This decision must be approved by {needed}, which you are not.", "not_the_approver")
    refuse_ended(status)
    if not mine:
        raise WrongStatus("This decision needs no approval.", "nothing_to_approve")
    if not (open_ones := [need for need in mine if need in status.missing]):
        raise Conflict("This approval has been answered.", "already_answered")
    return open_ones


_WHY_ENDED: dict[Ended, str] = {
    "rejected": "An approver has rejected this. The requesting agency may ask again, or for something else.",
    "withdrawn": "The requesting agency has withdrawn this.",
    "declined": "The assisting agency has declined this. The requesting agency may ask again, or for something else.",
    "suspended": "What was offered could not be had any more. Once it can, it is decided anew while it is needed.",
}


def refuse_ended(status: DecisionStatus) -> None:
    """Raises WrongStatus (`decision_rejected`, `decision_withdrawn` …, as `ended` says) for a decision that ended."""
    if status.ended is not None:
        raise WrongStatus(_WHY_ENDED[status.ended], f"decision_{status.ended}")


def answer_refusal(principal: Principal, decision: Decision, status: DecisionStatus, *, asked_by: str) -> str | None:
    """The reason with which `answerable` would refuse this person now; None when it would not."""
    try:
        answerable(principal, decision, status, asked_by=asked_by)
    except (Conflict, Forbidden, WrongStatus) as refused:
        return refused.detail
    return None
