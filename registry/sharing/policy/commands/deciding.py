"""Functions that record a decision or an answer to one.

They are parts of the commands of requests and loans, and run in their transaction. Those commands load the thing, check
the caller's right to it and call `write.once()` first.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct, structs
from sqlalchemy.engine import Row

from registry.platform.access.acts import keep_act, separate
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.geo import Location
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.queries.facts import AssetRow
from registry.resources.assets.rules import changed_since, why_changed
from registry.sharing.policy.approvals import (
    ApprovalAnswer,
    DecisionStatus,
    Verdict,
    answerable,
    decision_status,
    refuse_ended,
)
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.recording import Decided, keep, keep_policies, lock_chain, record_answer
from registry.sharing.policy.decisions import (
    DECLINE,
    ENGINE_LAYER,
    SUSPENSION,
    WITHDRAWAL,
    ApprovalNeeded,
    Decision,
    Outcome,
    parts_told,
)
from registry.sharing.policy.facts import Facts, PrincipalFacts, Priority, ask_digest, decode_facts
from registry.sharing.policy.queries.collecting import Gathered, acting, collect_facts
from registry.sharing.policy.queries.getting import decision_of, relations, request_of
from registry.sharing.policy.queries.layers import with_source
from registry.sharing.policy.rules import decide, worse
from registry.sharing.policy.schemas.decided import DecidedAt, RequestReference
from registry.sharing.policy.tables import policy_approval

_INSERT_APPROVAL = policy_approval.insert()

# A loan continues after its request was withdrawn, so that its steps are not refused for that reason.
REFUSALS: dict[DecidedAt, tuple[str, ...]] = {
    "approve": (
        "decision_declined",
        "decision_rejected",
        "decision_suspended",
        "decision_withdrawn",
        "decision_worsened",
    ),
    "reserve": (
        "decision_declined",
        "decision_not_satisfied",
        "decision_rejected",
        "decision_suspended",
        "decision_withdrawn",
        "decision_worsened",
    ),
    "extend": ("decision_rejected", "decision_worsened"),
    "dispatch": ("decision_not_satisfied", "decision_rejected", "decision_worsened"),
}
"""The codes with which `redecide` refuses each step; a longer loan that is asked for, by `extension_not_permitted`."""


class LoanAsked(Struct, kw_only=True, frozen=True):
    """What is asked of whom: so many of an asset, for a window and a purpose.

    `asker` is the person who asked, as policies see that person, where it is not the caller.
    """

    asset_id: UUID
    quantity: int
    window: Window
    purpose: str
    priority: Priority
    requesting_agency_id: UUID
    place: Location | None = None
    asker: PrincipalFacts | None = None


async def decide_ask(
    write: Write, caller: Caller, policies: PolicySet, asked: LoanAsked, request: RequestReference | None = None
) -> Decided:
    """Decide an ask, record the decision and return it; a denial is recorded like any other decision.

    It is the first of a new chain. `request` is the request line in which the agency asked. Raises NotFound for an
    unknown asset.
    """
    found, decision = await _weigh(write, policies, asked, acting(caller.principal), caller.now)
    keep_policies(write, policies, caller.now)
    recorded = await keep(
        write,
        caller,
        found.facts,
        decision,
        action_at="request",
        root_decision_id=None,
        previous_id=None,
        requested_at=caller.now,
        request=request,
    )
    return Decided(
        recorded=recorded,
        decision_status=_decision_status(found.facts, decision, ()),
        asset=found.asset,
        terms=next((each.terms for each in found.tried if each.version_id == recorded.agreement_version_id), None),
    )


async def preview_ask(write: Write, caller: Caller, policies: PolicySet, asked: LoanAsked) -> Decision:
    """The decision that `decide_ask` would make, which is not recorded. Raises NotFound for an unknown asset."""
    _, decision = await _weigh(write, policies, asked, acting(caller.principal), caller.now)
    return decision


async def weigh_ask(read: Read, policies: PolicySet, asked: LoanAsked, now: datetime) -> tuple[AssetRow, Decision]:
    """What would be decided at `now` for the person who asked, whom it names, and on which asset; nothing is recorded.

    Raises NotFound for an unknown asset.
    """
    assert asked.asker is not None, "what was asked for is weighed for who asked"
    found, decision = await _weigh(read, policies, asked, asked.asker, now)
    return found.asset, decision


async def _weigh(
    read: Read, policies: PolicySet, asked: LoanAsked, person: PrincipalFacts, now: datetime
) -> tuple[Gathered, Decision]:
    found = await collect_facts(
        read,
        policies,
        asset_id=asked.asset_id,
        quantity=asked.quantity,
        window=asked.window,
        purpose=asked.purpose,
        priority=asked.priority,
        requesting_agency_id=asked.requesting_agency_id,
        viewer=asked.requesting_agency_id,
        principal=asked.asker or person,
        action_at="request",
        now=now,
        place=asked.place,
    )
    return found, await with_source(read, decide(found.facts, found.policies), found.facts.assisting.id)


def refuse_denied(decision: Decision, *, to_owner: bool) -> None:
    """Raises Conflict `decision_not_satisfied` for a denial."""
    if decision.outcome == "denied":
        raise _refused("decision_not_satisfied", "This is denied", decision, to_owner)


async def redecide(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    row: Row[Any],
    action_at: DecidedAt,
    *,
    window: Window | None = None,
    stands_until: datetime | None = None,
) -> Decided:
    """Decide the ask of an earlier decision again on the current facts, and record it as the latest of the chain.

    `row` is the earlier decision (`decision_row`). The ask and the person who asked are the same; a `window`, for an
    extension, makes it another ask, to which approvals do not carry over; `stands_until` is when the loan ends that it
    would extend, for who reads the refusal. A refusal is not recorded, since the
    transaction is rolled back: its outcome and reasons are in the problem. Raises Conflict `asset_changed` when it is
    approved or reserved and is not what was asked for any more, and what `REFUSALS` names: WrongStatus
    for a decision that has ended; Conflict `extension_not_permitted` when a longer loan is asked for and permitted less
    than the loan is; `decision_worsened` when the outcome of the same ask is worse than before, and
    `decision_not_satisfied` when the ask is denied or an approval is missing. Raises NotFound.
    """
    lent = action_at in ("extend", "dispatch")
    # Locked, so that the asset is not edited between decision and loan.
    still = row.asset_id if lent or action_at == "reserve" else None
    before = await lock_chain(write, row.root_decision_id, still)
    current, status = before.status_at(row.id, lent=lent)
    refuse_ended(status)
    kept = decode_facts(row.facts)
    asks_anew = window is not None and caller.agency_id == row.requesting_agency_id
    found = await collect_facts(
        write,
        policies,
        asset_id=row.asset_id,
        quantity=row.quantity,
        window=window or Window(start=row.starts_at, end=row.ends_at),
        purpose=row.purpose,
        priority=row.priority,
        requesting_agency_id=row.requesting_agency_id,
        viewer=caller.agency_id,
        principal=acting(caller.principal) if asks_anew else kept.principal,
        action_at=action_at,
        now=caller.now,
        known_distance_km=kept.ask.distance_km,
        root_decision_id=row.root_decision_id,
    )
    then_described = kept.asset.described or found.facts.asset.described
    if action_at in ("approve", "reserve"):
        check_unchanged(then_described, found.facts.asset.described)
    else:
        # A loan keeps what both sides agreed on; whether it is still that is asked at the hand-over.
        agreed = structs.replace(found.facts.asset, described=then_described)
        found = structs.replace(found, facts=structs.replace(found.facts, asset=agreed))
    decision = await with_source(write, decide(found.facts, found.policies), found.facts.assisting.id)
    to_owner = caller.agency_id == found.facts.assisting.id
    # A longer loan may need an additional approval, which is given by accepting the extension.
    may_wait = window is not None and decision.outcome == "needs_approval"
    if worse(decision.outcome, than=current.outcome) and not may_wait:
        longer = action_at == "extend" and window is not None
        raise _worsened(decision, to_owner, longer=longer, stands_until=stands_until)
    then = _decision_status(found.facts, decision, before.answers, lent=lent)
    if action_at in ("reserve", "dispatch") and not then.satisfied:
        raise _unsatisfied(decision, to_owner, then.missing)
    keep_policies(write, policies, caller.now)
    recorded = await keep(
        write,
        caller,
        found.facts,
        decision,
        action_at=action_at,
        root_decision_id=row.root_decision_id,
        previous_id=before.links[-1].id,
        requested_at=row.requested_at,
        request=request_of(row),
    )
    return Decided(recorded=recorded, decision_status=then, asset=found.asset)


def check_unchanged(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raises Conflict `asset_changed` when the asset is not as it was when it was asked for."""
    if changed := changed_since(then, now):
        raise Conflict(
            why_changed(changed),
            "asset_changed",
            extra={"changed": changed},
        )


def _decision_status(
    facts: Facts, decision: Decision, given: Sequence[ApprovalAnswer], *, lent: bool = False
) -> DecisionStatus:
    """The status of a decision that was just made, as the latest of a chain with these answers."""
    return decision_status(
        decision, asked_by=facts.principal.sub, ask_digest=ask_digest(facts), answers=given, lent=lent
    )


async def answer_approvals(
    write: Write, caller: Caller, row: Row[Any], verdict: Verdict, reason: str, *, lent: bool = False
) -> DecisionStatus:
    """Give or reject every missing approval that the caller's roles and side can give; returns the decision's status.

    `row` is a decision that the caller may see (`visible_decision`). One rejection ends it. Answers are stored with the
    latest decision on the same ask. Raises Forbidden (`own_request`, `not_the_approver`, and `separation_of_duties` for
    who reserved what a longer loan is asked of), WrongStatus
    (`decision_rejected`, `decision_withdrawn`, `decision_declined`, `nothing_to_approve`), Conflict `already_answered`.
    """
    permit(caller.principal, Action.REQUESTS_APPROVE, relations(caller.principal, row))
    before = await lock_chain(write, row.root_decision_id)
    current, status = before.status_at(row.id, lent=lent)
    needs = answerable(caller.principal, decision_of(current), status, asked_by=current.asked_by)
    given = [
        ApprovalAnswer(
            decision_id=current.id,
            policy_id=need.policy_id,
            layer=need.layer,
            role=need.role,
            side=need.side,
            agency_id=need.agency_id,
            ask_digest=current.ask_digest,
            verdict=verdict,
            reason=reason,
            given_by=caller.principal.person,
            given_at=caller.now,
        )
        for need in needs
    ]
    policy_ids = [need.policy_id for need in needs]
    data: dict[str, object] = {
        "root_decision_id": str(row.root_decision_id),
        "policy_ids": policy_ids,
        "reason": reason,
    }
    if verdict == "approved":
        data |= await separate(write, caller, Act.APPROVE, row.root_decision_id)
        keep_act(write, caller, Act.APPROVE, row.root_decision_id)
    await _store(write, given)
    after = before.answered(given)
    record_answer(
        write,
        caller,
        current,
        after.answers_to(current.id),
        EventType.DECISION_APPROVED if verdict == "approved" else EventType.DECISION_REJECTED,
        data,
    )
    _, then = after.status_at(row.id, lent=lent)
    return then


async def _store(write: Write, given: Sequence[ApprovalAnswer]) -> None:
    await write.run(_INSERT_APPROVAL, [{"id": new_id(), **structs.asdict(answer)} for answer in given])


async def revoke_decision(write: Write, caller: Caller, root_decision_id: UUID, reason: str) -> None:
    """Withdraw the ask: no loan can be made on any decision of the chain any more.

    Has no effect when repeated. Used when the requesting side withdraws; the request checks whether the caller may.
    Raises NotFound.
    """
    await _say(write, caller, root_decision_id, WITHDRAWAL, reason)


async def decline_decision(write: Write, caller: Caller, root_decision_id: UUID, reason_code: str, reason: str) -> None:
    """Decline the ask for the assisting agency: it lends nothing on any decision of the chain any more.

    Has no effect when repeated. Used when it declines a line, and when it cancels its loan; the request and the loan
    check whether the caller may. Raises NotFound.
    """
    await _say(write, caller, root_decision_id, DECLINE, reason, {"reason_code": reason_code})


async def suspend_decision(write: Write, caller: Caller, root_decision_id: UUID, reason: str) -> None:
    """Say that what was offered cannot be had: no loan can be made on any decision of the chain any more.

    Has no effect when repeated. Once it can be had again, the offer is decided anew, as a chain of its own. Raises
    NotFound.
    """
    await _say(write, caller, root_decision_id, SUSPENSION, reason)


async def _say(
    write: Write,
    caller: Caller,
    root_decision_id: UUID,
    what: str,
    reason: str,
    data: Mapping[str, object] | None = None,
) -> None:
    """Store what one side says of the whole chain, once."""
    before = await lock_chain(write, root_decision_id)
    if any(answer.of_a_side and answer.policy_id == what for answer in before.answers):
        return
    root, of_asker = before.links[0], what == WITHDRAWAL
    said = ApprovalAnswer(
        decision_id=root.id,
        policy_id=what,
        layer=ENGINE_LAYER,
        role="requester" if of_asker else "owner",
        side="requesting" if of_asker else "assisting",
        agency_id=root.requesting_agency_id if of_asker else root.assisting_agency_id,
        ask_digest=root.ask_digest,
        verdict="rejected",
        reason=reason,
        given_by=caller.principal.person,
        given_at=caller.now,
    )
    await _store(write, [said])
    number = before.answered([said]).answers_to(root.id)
    record_answer(write, caller, root, number, _SAID_AS[what], {"reason": reason, **(data or {})})


_SAID_AS = {
    WITHDRAWAL: EventType.DECISION_WITHDRAWN,
    DECLINE: EventType.DECISION_DECLINED,
    SUSPENSION: EventType.DECISION_SUSPENDED,
}


_COME_TO: dict[Outcome, str] = {
    "permitted": "is permitted",
    "needs_approval": "needs an approval",
    "denied": "is denied",
}


def _worsened(decision: Decision, to_owner: bool, *, longer: bool, stands_until: datetime | None) -> Conflict:
    """The refusal of what comes out worse than before; a loan that a longer one was asked for is not touched by it."""
    stands = "" if stands_until is None else f"The loan stands as agreed, until {stands_until:%Y-%m-%d %H:%M} UTC. "
    if longer:
        what = f"{stands}The longer loan {_COME_TO[decision.outcome]}"
        return _refused("extension_not_permitted", what, decision, to_owner)
    what = f"{stands}What was decided before has changed since: it now {_COME_TO[decision.outcome]}"
    return _refused("decision_worsened", what, decision, to_owner)


def _unsatisfied(decision: Decision, to_owner: bool, missing: tuple[ApprovalNeeded, ...]) -> Conflict:
    """The refusal of what is denied, with the reasons; else of what is not approved, with what is missing alone."""
    code = "decision_not_satisfied"
    if decision.outcome == "denied":
        return _refused(code, "This is denied", decision, to_owner)
    lacking = [f"{each.role.replace('_', ' ')} of the {each.side} agency. {each.reason}" for each in missing]
    return _refused(code, "Still to be approved by", decision, to_owner, missing, lacking)


def _refused(
    code: str,
    what: str,
    decision: Decision,
    to_owner: bool,
    missing: tuple[ApprovalNeeded, ...] = (),
    why: Sequence[str] | None = None,
) -> Conflict:
    """A refusal that says what it is, and why: for the decision's reasons, unless `why` says it."""
    if why is None:
        why = [reason.reason for reason in decision.reasons]
    return Conflict(
        f"{what}: {' '.join(why)}",
        code,
        extra={
            "outcome": decision.outcome,
            "reasons": msgspec.to_builtins(parts_told(decision.reasons, to_owner=to_owner)),
            "approvals_missing": msgspec.to_builtins(parts_told(missing, to_owner=to_owner)),
        },
    )
