"""What a policy set would have changed: decisions of the last days, decided again by what is active now and by it.

Decisions are read and decided in small batches, with room for others between them, and a page looks at so many at most:
whoever asks goes on from where it ended, or stops.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Conflict, WrongStatus
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import Decision
from registry.sharing.policy.facts import Facts, decode_facts
from registry.sharing.policy.queries.layers import policies_of_today
from registry.sharing.policy.queries.sets import policy_set_row, relations
from registry.sharing.policy.rules import decide_page
from registry.sharing.policy.schemas.sets import (
    ChangedDecision,
    OutcomeChange,
    PolicySetImpact,
    PolicySetImpactQuery,
)
from registry.sharing.policy.tables import policy_decision

BATCH = 50
AT_ONCE = 10
MOST = 1_000
_SHOWN = 200
_OF_OWNER = policy_decision.c.assisting_agency_id == sa.bindparam("owner", type_=policy_decision.c.id.type)
_BEFORE = policy_decision.c.id < sa.bindparam("before", type_=policy_decision.c.id.type)
_FROM = policy_decision.c.evaluated_at >= sa.bindparam("from_at", type_=policy_decision.c.evaluated_at.type)
_PAGE = (
    sa.select(
        policy_decision.c.id,
        policy_decision.c.action_at,
        policy_decision.c.evaluated_at,
        policy_decision.c.requesting_agency_id,
        policy_decision.c.facts,
        agency.c.name.label("requesting_agency_name"),
    )
    .join(agency, agency.c.id == policy_decision.c.requesting_agency_id)
    .where(_OF_OWNER, _BEFORE, _FROM)
    .order_by(policy_decision.c.id.desc())
    .limit(sa.bindparam("batch", type_=sa.Integer))
)
_LEFT = sa.select(sa.func.count()).select_from(policy_decision).where(_OF_OWNER, _BEFORE, _FROM)
_LAST_OF_ALL = UUID(int=2**128 - 1)


class _Compared(Struct, kw_only=True, frozen=True):
    """One decision, by what is active now and by the set."""

    row: Row[Any]
    before: Decision
    after: Decision

    @property
    def policy_ids(self) -> tuple[str, ...]:
        """The agency's own policies that make the difference."""
        one, other = set(_spoken(self.before)), set(_spoken(self.after))
        return tuple(sorted({policy_id for layer, policy_id in one ^ other if layer == "agency"}))

    @property
    def differs(self) -> bool:
        """Whether outcome, reasons or what it brings with it are others."""
        return set(_spoken(self.before)) != set(_spoken(self.after)) or self.before.outcome != self.after.outcome


def _spoken(decision: Decision) -> Iterator[tuple[str, str]]:
    yield from ((reason.layer, reason.policy_id) for reason in decision.reasons)
    yield from (("obligation", each.policy_id) for each in decision.obligations)


async def impact_of(
    read: Read, caller: Caller, policies: PolicySet, policy_set_id: UUID, query: PolicySetImpactQuery
) -> PolicySetImpact:
    """What the set would have changed of what the agency was asked for in the last days, the latest first.

    Raises NotFound, Forbidden, WrongStatus for a set that was never found to be without faults, and Conflict
    `policy_set_faulty` for one that this release cannot read.
    """
    row = await policy_set_row(read, caller, policy_set_id)
    permit(caller.principal, Action.POLICIES_DRAFT, relations(caller.principal, row.agency_id))
    if row.validated_at is None:
        raise WrongStatus("It was not found to be without faults yet: validate it first.")
    active = await policies_of_today(read, policies, row.agency_id)
    try:
        drafted = policies.beside(row.agency_id, row.digest) or policies.with_agency(row.agency_id, row.text)
    except PolicySetError:
        raise Conflict(
            "This release cannot read the set: validate it again, which says why.", "policy_set_faulty"
        ) from None
    asked: dict[str, Any] = {
        "owner": row.agency_id,
        "from_at": caller.now - timedelta(days=query.days),
        "before": query.before or _LAST_OF_ALL,
        "batch": BATCH,
    }
    read_terms = drafted.agency_reads | active.agency_reads
    examined, same, left_out, changes = 0, 0, 0, Counter[tuple[str, str]]()
    shown: list[ChangedDecision] = []
    more = True
    while more and examined < MOST:
        rows = await read.all_slowly(_PAGE, asked)
        more = len(rows) == BATCH
        examined += len(rows)
        for some in (rows[at : at + AT_ONCE] for at in range(0, len(rows), AT_ONCE)):
            told = [(row, facts) for row in some if not _restricted(facts := decode_facts(row.facts), read_terms)]
            left_out += len(some) - len(told)
            for each in _compared(told, active, drafted):
                if not each.differs:
                    same += 1
                    continue
                changes[(each.before.outcome, each.after.outcome)] += 1
                if len(shown) < _SHOWN:
                    shown.append(_shown(each))
            await asyncio.sleep(0)  # let others be answered
        if rows:
            asked["before"] = rows[-1].id
    remaining = (
        int(await read.value(_LEFT, {name: asked[name] for name in ("owner", "from_at", "before")})) if more else 0
    )
    return PolicySetImpact(
        days=query.days,
        examined=examined,
        remaining=remaining,
        next_before=asked["before"] if remaining else None,
        left_out=left_out,
        same=same,
        changes=[
            OutcomeChange(before=before, after=after, decisions=many)  # type: ignore[arg-type]  # both are outcomes
            for (before, after), many in sorted(changes.items())
        ],
        decisions=shown,
    )


def _restricted(facts: Facts, read_terms: frozenset[str]) -> bool:
    """Whether policies that read these would tell of a term whose text not everybody may read.

    Whoever drafts could have one set after the other tried, and find the figure by halving. Who may read the text is
    not asked here: they read it there, on record.
    """
    return any(not read_terms.isdisjoint(agreement.restricted) for agreement in facts.agreements)


def _compared(told: Sequence[tuple[Row[Any], Facts]], active: PolicySet, drafted: PolicySet) -> Iterator[_Compared]:
    rows, facts = [row for row, _ in told], [each for _, each in told]
    for row, before, after in zip(rows, decide_page(facts, active), decide_page(facts, drafted), strict=True):
        yield _Compared(row=row, before=before, after=after)


def _shown(each: _Compared) -> ChangedDecision:
    return ChangedDecision(
        decision_id=each.row.id,
        action_at=each.row.action_at,
        evaluated_at=each.row.evaluated_at,
        requesting_agency=AgencyReference(id=each.row.requesting_agency_id, name=each.row.requesting_agency_name),
        before=each.before.outcome,
        after=each.after.outcome,
        policy_ids=each.policy_ids,
    )
