"""Everything that records a decision or an answer to one.

These are steps inside the commands of requests and loans, in whose transaction they run: those load the thing, ask
for the caller's right to it and call `write.once()` first.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from registry.access.permissions import Action, permit
from registry.access.principals import Caller
from registry.agencies.schemas import Location
from registry.assets.allocations import hold_still
from registry.database.handles import Read, Write
from registry.kernel.errors import Conflict
from registry.kernel.ids import new_id
from registry.kernel.time import Window
from registry.policy.approvals import (
    WITHDRAWAL,
    Standing,
    Verdict,
    answerable,
    refuse_ended,
    standing,
)
from registry.policy.cedar import PolicySet
from registry.policy.facts import Priority, ask_digest, decode_facts
from registry.policy.gathering import acting, gather
from registry.policy.queries import (
    answers,
    decision_of,
    decision_row,
    relations,
    standing_of,
    visible_decision,
)
from registry.policy.recording import chain_of, keep, lock_chain, record_answer
from registry.policy.rules import decide, worse
from registry.policy.schemas import ApprovalNeeded, Decision
from registry.policy.tables import policy_approval
from registry.policy.wire import DecidedAt, RecordedDecision

_INSERT_APPROVAL = policy_approval.insert()


async def decide_ask(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    *,
    asset_id: UUID,
    quantity: int,
    window: Window,
    purpose: str,
    priority: Priority,
    requesting_agency_id: UUID,
    action_at: DecidedAt = "request",
    previous: UUID | None = None,
    requested_at: datetime | None = None,
    place: Location | None = None,
) -> RecordedDecision:
    """Decide an ask, record the decision and return it; a denial is a decision like any other.

    With `previous`, any decision of an earlier form of the ask, it joins that chain and takes its place: approvals
    carry over while what is asked stays the same, and end with it. `requested_at` is when the agency asked, if not
    now. Raises NotFound for an unknown asset or previous decision.
    """
    root_id, last_id = await chain_of(write, previous)
    facts = await gather(
        write,
        asset_id=asset_id,
        quantity=quantity,
        window=window,
        purpose=purpose,
        priority=priority,
        requesting_agency_id=requesting_agency_id,
        principal=acting(caller.principal),
        action_at=action_at,
        now=caller.now,
        place=place,
    )
    return await keep(
        write,
        caller,
        facts,
        decide(facts, policies),
        action_at=action_at,
        root_id=root_id,
        previous_id=last_id,
        requested_at=requested_at or caller.now,
    )


async def redecide(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    decision_id: UUID,
    action_at: DecidedAt,
    *,
    window: Window | None = None,
) -> RecordedDecision:
    """Decide the ask of a decision again with what is true now, and record it as the latest of the chain.

    What was asked, and by whom, is that of the decision given; `window`, for an extension, makes it another ask, which
    approvals do not carry over to. A refusal leaves nothing recorded, since the transaction is rolled back: its
    outcome and reasons are in the problem.

    Raises WrongState (`decision_rejected`, `decision_withdrawn`, `decision_superseded`) for a decision that has ended;
    Conflict `decision_worsened` when the outcome is worse than it was, and, at reserve and dispatch,
    `decision_not_satisfied` when the ask is denied or an approval is missing; NotFound.
    """
    row = await decision_row(write, decision_id)
    _, last_id = await chain_of(write, decision_id)
    lent = action_at in ("extend", "dispatch")
    if lent or action_at == "reserve":  # what is lent is what was decided on: no edit comes in between
        await hold_still(write, row.asset_id)
    current, now = await standing_of(write, row, lent=lent)
    refuse_ended(now)
    kept = decode_facts(row.facts)
    asks_anew = window is not None and caller.agency_id == row.requesting_agency_id
    facts = await gather(
        write,
        asset_id=row.asset_id,
        quantity=row.quantity,
        window=window or Window(start=row.starts_at, end=row.ends_at),
        purpose=row.purpose,
        priority=row.priority,
        requesting_agency_id=row.requesting_agency_id,
        principal=acting(caller.principal) if asks_anew else kept.principal,
        action_at=action_at,
        now=caller.now,
        known_distance_km=kept.ask.distance_km,
    )
    decision = decide(facts, policies)
    # A longer loan may need an approval that the shorter one did not: whoever accepts the extension gives it.
    may_wait = window is not None and decision.outcome == "needs_approval"
    if worse(decision.outcome, than=current.outcome) and not may_wait:
        raise _refused("decision_worsened", f"This was {current.outcome} and is {decision.outcome} now", decision)
    if action_at in ("reserve", "dispatch"):
        then = standing(
            decision,
            asked_by=facts.principal.sub,
            ask_digest=ask_digest(facts),
            answers=await answers(write, row.root_id),
            lent=lent,
        )
        if not then.satisfied:
            lacking = "is denied" if decision.outcome == "denied" else "lacks an approval"
            raise _refused("decision_not_satisfied", f"This {lacking}", decision, then.missing)
    return await keep(
        write,
        caller,
        facts,
        decision,
        action_at=action_at,
        root_id=row.root_id,
        previous_id=last_id,
        requested_at=row.requested_at,
    )


async def satisfied(read: Read, decision_id: UUID, *, lent: bool = False) -> tuple[bool, list[ApprovalNeeded]]:
    """Whether an asset may be reserved on the decision now, and the approvals it still lacks. Raises NotFound.

    False with nothing missing: it is denied, or it has ended (rejected, withdrawn, superseded by another ask). With
    `lent`, whether the loan made on it may go on.
    """
    _, now = await standing_of(read, await decision_row(read, decision_id), lent=lent)
    return now.satisfied, list(now.missing)


async def answer_approvals(
    write: Write, caller: Caller, decision_id: UUID, verdict: Verdict, reason: str, *, lent: bool = False
) -> Standing:
    """Give every missing approval that the caller's roles and side can give, or reject; where the decision stands then.

    One rejection ends it. Answers are kept on the latest decision of the same ask. Raises NotFound, Forbidden
    (`own_request`, `not_the_approver`), WrongState (`decision_rejected`, `decision_withdrawn`, `decision_superseded`,
    `nothing_to_approve`), Conflict `already_answered`.
    """
    row = await visible_decision(write, caller.principal, decision_id)
    permit(caller.principal, Action.REQUESTS_APPROVE, relations(caller.principal, row))
    await lock_chain(write, row.root_id)
    current, now = await standing_of(write, row, lent=lent)
    needs = answerable(caller.principal, decision_of(current), now, asked_by=current.asked_by)
    rows = [
        {
            "id": new_id(),
            "decision_id": current.id,
            "policy_id": need.policy_id,
            "role": need.role,
            "side": need.side,
            "agency_id": need.agency_id,
            "ask_digest": current.ask_digest,
            "verdict": verdict,
            "reason": reason,
            "given_by": caller.principal.subject,
            "given_at": caller.now,
        }
        for need in needs
    ]
    await write.run(_INSERT_APPROVAL, rows)
    data = {"root_id": str(row.root_id), "policy_ids": [need.policy_id for need in needs], "reason": reason}
    await record_answer(write, caller, current, f"decision.{verdict}", data)
    _, then = await standing_of(write, row, lent=lent)
    return then


async def revoke_decision(write: Write, caller: Caller, root_id: UUID, reason: str) -> None:
    """Take back what was asked: no loan is made on any decision of the chain any more. Harmless when repeated.

    For the requesting side's withdrawal; whether the caller may withdraw is for the request to say. Raises NotFound.
    """
    row = await decision_row(write, root_id)
    await lock_chain(write, row.root_id)
    if any(answer.policy_id == WITHDRAWAL for answer in await answers(write, row.root_id)):
        return
    root = await decision_row(write, row.root_id)
    await write.run(
        _INSERT_APPROVAL,
        {
            "id": new_id(),
            "decision_id": root.id,
            "policy_id": WITHDRAWAL,
            "role": "requester",
            "side": "requesting",
            "agency_id": root.requesting_agency_id,
            "ask_digest": root.ask_digest,
            "verdict": "rejected",
            "reason": reason,
            "given_by": caller.principal.subject,
            "given_at": caller.now,
        },
    )
    await record_answer(write, caller, root, "decision.withdrawn", {"reason": reason})


def _refused(code: str, what: str, decision: Decision, missing: tuple[ApprovalNeeded, ...] = ()) -> Conflict:
    return Conflict(
        f"{what}: {'; '.join(reason.reason for reason in decision.reasons)}",
        code,
        extra={
            "outcome": decision.outcome,
            "reasons": msgspec.to_builtins(decision.reasons),
            "approvals_missing": msgspec.to_builtins(missing),
        },
    )
