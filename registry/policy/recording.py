"""How decisions are kept: one row each with its whole input, linked in chains, and told to the ledger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.principals import Caller
from registry.database.handles import Write
from registry.kernel.ids import new_id
from registry.kernel.time import Window
from registry.ledger.commands import record
from registry.policy.facts import Facts, ask_digest, facts_bytes
from registry.policy.queries import answers, chain, decision_row
from registry.policy.schemas import Decision
from registry.policy.tables import policy_decision
from registry.policy.wire import DecidedAt, RecordedDecision

_INSERT = policy_decision.insert()
_LOCK = (
    sa.select(policy_decision.c.id)
    .where(policy_decision.c.id == sa.bindparam("id", type_=policy_decision.c.id.type))
    .with_for_update(key_share=True)
)


async def lock_chain(write: Write, root_id: UUID) -> None:
    """One chain, one writer: answers, withdrawal and new decisions wait for one another."""
    await write.value(_LOCK, {"id": root_id})


async def chain_of(write: Write, previous: UUID | None) -> tuple[UUID | None, UUID | None]:
    """The locked chain that a decision belongs to: its root and its latest decision."""
    if previous is None:
        return None, None
    root_id = (await decision_row(write, previous)).root_id
    await lock_chain(write, root_id)
    return root_id, (await chain(write, root_id))[-1].id


async def keep(
    write: Write,
    caller: Caller,
    facts: Facts,
    decision: Decision,
    *,
    action_at: DecidedAt,
    root_id: UUID | None,
    previous_id: UUID | None,
    requested_at: datetime,
) -> RecordedDecision:
    """Store a decision with its whole input, and tell the ledger. `root_id` None begins a chain."""
    decision_id = new_id()
    tried = decision.agreement
    kept = RecordedDecision(
        id=decision_id,
        root_id=root_id or decision_id,
        previous_id=previous_id,
        action_at=action_at,
        outcome=decision.outcome,
        asset_id=facts.asset.id,
        category=facts.asset.category,
        requesting_agency_id=facts.requesting.id,
        assisting_agency_id=facts.assisting.id,
        agreement_id=tried.agreement_id if tried else None,
        agreement_version_id=tried.version_id if tried else None,
        purpose=facts.ask.purpose,
        priority=facts.ask.priority,
        quantity=facts.ask.quantity,
        window=Window(start=facts.ask.start, end=facts.ask.end),
        requested_at=requested_at,
        evaluated_at=facts.now,
        decision=decision,
    )
    columns = {name: getattr(kept, name) for name in kept.__struct_fields__ if name not in ("category", "window")}
    await write.run(
        _INSERT,
        {
            **columns,
            "starts_at": facts.ask.start,
            "ends_at": facts.ask.end,
            "ask_digest": ask_digest(facts),
            "input_digest": decision.input_digest,
            "facts": facts_bytes(facts),
            "policy_set_digest": decision.policy_set.digest,
            "asked_by": facts.principal.sub,
        },
    )
    await record(
        write,
        caller,
        "decision.made",
        subject=("decision", kept.id, 1),
        agencies=[kept.requesting_agency_id, kept.assisting_agency_id],
        agreement_id=kept.agreement_id,
        data={
            "root_id": str(kept.root_id),
            "action_at": action_at,
            "outcome": decision.outcome,
            "asset_id": str(kept.asset_id),
            "policy_ids": [reason.policy_id for reason in decision.reasons],
            "input_digest": decision.input_digest,
            "policy_set_digest": decision.policy_set.digest,
        },
    )
    return kept


async def record_answer(
    write: Write, caller: Caller, row: Row[Any], event_type: str, data: Mapping[str, object]
) -> None:
    """Each answer is a version of the decision it was given on: the decision itself is the first."""
    held = [answer for answer in await answers(write, row.root_id) if answer.decision_id == row.id]
    await record(
        write,
        caller,
        event_type,
        subject=("decision", row.id, 1 + len(held)),
        agencies=[row.requesting_agency_id, row.assisting_agency_id],
        agreement_id=row.agreement_id,
        data=data,
    )
