"""Storage of decisions: one row each with its complete input, linked in chains, and recorded in the ledger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row

from registry.agreements.instruments.terms import Terms
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.queries.facts import AssetRow
from registry.resources.assets.tables import asset
from registry.sharing.policy.approvals import DecisionStatus
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import Decision, clause_relied_on, policies_named
from registry.sharing.policy.facts import Facts, ask_digest, facts_bytes
from registry.sharing.policy.queries.getting import Chain, chain
from registry.sharing.policy.schemas.decided import DecidedAt, RecordedDecision, RequestReference
from registry.sharing.policy.tables import policy_decision, policy_decision_policy, shipped_policy_set

_INSERT = policy_decision.insert()
_SPOKE = policy_decision_policy.insert()
_POLICIES_KEPT = sa.select(sa.literal(1)).where(shipped_policy_set.c.digest == sa.bindparam("digest", type_=sa.Text))
_KEEP_POLICIES = {
    "sqlite": sqlite.insert(shipped_policy_set).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(shipped_policy_set).on_conflict_do_nothing(),
}
_ELSEWHERE = ("category", "window", "request")
_LOCK = (
    sa.select(policy_decision.c.id)
    .where(policy_decision.c.id == sa.bindparam("id", type_=policy_decision.c.id.type))
    .with_for_update(key_share=True)
)
_LOCK_WITH_ASSET = _LOCK.join(asset, asset.c.id == sa.bindparam("asset_id", type_=asset.c.id.type))


class Decided(Struct, kw_only=True, frozen=True):
    """A recorded decision, its status, the asset on which it was made, and the terms of the agreement it rests on."""

    recorded: RecordedDecision
    decision_status: DecisionStatus
    asset: AssetRow
    terms: Terms | None = None


async def lock_chain(write: Write, root_decision_id: UUID, asset_id: UUID | None = None) -> Chain:
    """Lock the chain, so that answers, withdrawals and new decisions happen one after another.

    With `asset_id`, that asset is locked in the same statement, as `assets.commands.booking.lock` does. The chain is
    read by the next statement, which sees what the transaction it waited for has committed. Raises NotFound.
    """
    if asset_id is None:
        locked = await write.fast(_LOCK, {"id": root_decision_id})
    else:
        locked = await write.fast(_LOCK_WITH_ASSET, {"id": root_decision_id, "asset_id": asset_id})
    if not locked:
        raise NotFound("decision")
    return await chain(write, root_decision_id)


def keep_policies(write: Write, policies: PolicySet, now: datetime) -> None:
    """Keep the texts of the shipped policies by which this is decided, unless it is known that they are.

    They go with the other rows of the commit, so that no decision is stored without them and none waits for them.
    """
    if not policies.is_kept:
        row = {"digest": policies.digest, "texts": dict(policies.texts), "kept_at": now}
        write.defer(_KEEP_POLICIES[write.dialect], [row])


async def note_kept(read: Read, policies: PolicySet) -> None:
    """Look whether the texts are kept by now: then decisions need not keep them any more."""
    if not policies.is_kept and await read.value(_POLICIES_KEPT, {"digest": policies.digest}):
        policies.is_kept = True


async def keep(
    write: Write,
    caller: Caller,
    facts: Facts,
    decision: Decision,
    *,
    action_at: DecidedAt,
    root_decision_id: UUID | None,
    previous_id: UUID | None,
    requested_at: datetime,
    request: RequestReference | None,
) -> RecordedDecision:
    """Store a decision with its complete input, and record it in the ledger. `root_decision_id` None begins a chain."""
    decision_id = new_id()
    tried = decision.agreement
    kept = RecordedDecision(
        id=decision_id,
        root_decision_id=root_decision_id or decision_id,
        previous_id=previous_id,
        action_at=action_at,
        outcome=decision.outcome,
        asset_id=facts.asset.id,
        category=facts.asset.category,
        requesting_agency_id=facts.requesting.id,
        assisting_agency_id=facts.assisting.id,
        agreement_id=tried.agreement_id if tried else None,
        agreement_version_id=tried.version_id if tried else None,
        clause=clause_relied_on(decision),
        request=request,
        purpose=facts.ask.purpose,
        priority=facts.ask.priority,
        quantity=facts.ask.quantity,
        window=Window(start=facts.ask.start, end=facts.ask.end),
        requested_at=requested_at,
        evaluated_at=facts.now,
        decision=decision,
    )
    columns = {name: getattr(kept, name) for name in kept.__struct_fields__ if name not in _ELSEWHERE}
    await write.run_fast(
        _INSERT,
        {
            **columns,
            "request_id": request.id if request else None,
            "line_no": request.line_no if request else None,
            "incident_number": request.incident_number if request else None,
            "starts_at": facts.ask.start,
            "ends_at": facts.ask.end,
            "ask_digest": ask_digest(facts),
            "input_digest": decision.input_digest,
            "facts": facts_bytes(facts),
            "policy_set_digest": decision.policy_set.digest,
            "asked_by": facts.principal.sub,
        },
    )
    write.defer(_SPOKE, [{"decision_id": kept.id, "policy_id": each} for each in policies_named(decision)])
    record(
        write,
        caller,
        EventType.DECISION_MADE,
        subject=("decision", kept.id, 1),
        agencies=[kept.requesting_agency_id, kept.assisting_agency_id],
        agreement_id=kept.agreement_id,
        data={
            "root_decision_id": str(kept.root_decision_id),
            "action_at": action_at,
            "outcome": decision.outcome,
            "asset_id": str(kept.asset_id),
            "policy_ids": [reason.policy_id for reason in decision.reasons],
            "input_digest": decision.input_digest,
            "policy_set_digest": decision.policy_set.digest,
        },
    )
    return kept


def record_answer(
    write: Write, caller: Caller, row: Row[Any], number: int, event_type: EventType, data: Mapping[str, object]
) -> None:
    """Record an answer as the next version of the decision to which it was given; the decision itself is version 1.

    `number` is the number of answers to that decision, including this one.
    """
    record(
        write,
        caller,
        event_type,
        subject=("decision", row.id, 1 + number),
        agencies=[row.requesting_agency_id, row.assisting_agency_id],
        agreement_id=row.agreement_id,
        data=data,
    )
