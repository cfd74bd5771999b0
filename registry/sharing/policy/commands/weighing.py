"""What would be decided again of an ask, and in which words it is refused; nothing is recorded here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.time import Window
from registry.resources.assets.rules import changed_since, why_changed
from registry.sharing.policy.approvals import ApprovalAnswer, DecisionStatus, decision_status, refuse_ended
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import COMES_TO, ApprovalNeeded, Decision, parts_told
from registry.sharing.policy.facts import Facts, ask_digest, decode_facts
from registry.sharing.policy.queries.collecting import Gathered, acting, collect_facts
from registry.sharing.policy.queries.getting import Chain
from registry.sharing.policy.queries.layers import with_source
from registry.sharing.policy.rules import decide, worse
from registry.sharing.policy.schemas.decided import DecidedAt


async def weigh_again(
    read: Read,
    caller: Caller,
    policies: PolicySet,
    row: Row[Any],
    before: Chain,
    action_at: DecidedAt,
    *,
    window: Window | None = None,
    stands_until: datetime | None = None,
) -> tuple[Gathered, Decision, DecisionStatus]:
    """What `redecide` would decide now, on which facts, and where the chain would stand then; nothing is recorded.

    `before` is the chain of the decision. Raises what `redecide` raises.
    """
    lent = action_at in ("extend", "dispatch")
    current, status = before.status_at(row.id, lent=lent)
    refuse_ended(status)
    kept = decode_facts(row.facts)
    asks_anew = window is not None and caller.agency_id == row.requesting_agency_id
    found = await collect_facts(
        read,
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
    decision = await with_source(read, decide(found.facts, found.policies), found.facts.assisting.id)
    to_owner = caller.agency_id == found.facts.assisting.id
    # A longer loan may need an additional approval, which is given by accepting the extension.
    may_wait = window is not None and decision.outcome == "needs_approval"
    if worse(decision.outcome, than=current.outcome) and not may_wait:
        longer = action_at == "extend" and window is not None
        raise _worsened(decision, to_owner, longer=longer, stands_until=stands_until)
    then = decision_status_of(found.facts, decision, before.answers, lent=lent)
    if action_at in ("reserve", "dispatch") and not then.satisfied:
        raise _unsatisfied(decision, to_owner, then.missing)
    return found, decision, then


def check_unchanged(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raises Conflict `asset_changed` when the asset is not as it was when it was asked for."""
    if changed := changed_since(then, now):
        raise Conflict(
            why_changed(changed),
            "asset_changed",
            extra={"changed": changed},
        )


def decision_status_of(
    facts: Facts, decision: Decision, given: Sequence[ApprovalAnswer], *, lent: bool = False
) -> DecisionStatus:
    """The status of a decision that was just made, as the latest of a chain with these answers."""
    return decision_status(
        decision, asked_by=facts.principal.sub, ask_digest=ask_digest(facts), answers=given, lent=lent
    )


def refuse_denied(decision: Decision, *, to_owner: bool) -> None:
    """Raises Conflict `decision_not_satisfied` for a denial."""
    if decision.outcome == "denied":
        raise _refused("decision_not_satisfied", "This is denied", decision, to_owner)


def _worsened(decision: Decision, to_owner: bool, *, longer: bool, stands_until: datetime | None) -> Conflict:
    """The refusal of what comes out worse than before; a loan that a longer one was asked for is not touched by it."""
    stands = "" if stands_until is None else f"The loan stands as agreed, until {stands_until:%Y-%m-%d %H:%M} UTC. "
    if longer:
        what = f"{stands}The longer loan {COMES_TO[decision.outcome]}"
        return _refused("extension_not_permitted", what, decision, to_owner)
    what = f"{stands}What was decided before has changed since: it now {COMES_TO[decision.outcome]}"
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
