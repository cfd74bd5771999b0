"""What a policy set would have changed: decisions of the last days, decided again by what is active and by it.

Decisions are read and decided in batches, however many there are, so that memory does not grow with them. Between a few
of them as much time as they took is left to others: a preview takes at most half of a process.
"""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Conflict, WrongStatus
from registry.sharing.policy.analysing import Recorded
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.comparing import Comparison, ImpactSums, compare_sets, rests_on_withheld
from registry.sharing.policy.facts import decode_facts
from registry.sharing.policy.queries.layers import digest_of_today, policies_beside
from registry.sharing.policy.tables import policy_decision

BATCH = 200
AT_ONCE = 10
_OF_OWNER = policy_decision.c.assisting_agency_id == sa.bindparam("owner", type_=policy_decision.c.id.type)
_MADE = (
    policy_decision.c.evaluated_at >= sa.bindparam("from_at", type_=policy_decision.c.evaluated_at.type),
    policy_decision.c.evaluated_at <= sa.bindparam("until", type_=policy_decision.c.evaluated_at.type),
)
_BATCH = (
    sa.select(policy_decision.c.id, policy_decision.c.facts)
    .where(_OF_OWNER, policy_decision.c.id < sa.bindparam("before", type_=policy_decision.c.id.type), *_MADE)
    .order_by(policy_decision.c.id.desc())
    .limit(sa.bindparam("batch", type_=sa.Integer))
)
_MANY = sa.select(sa.func.count()).select_from(policy_decision).where(_OF_OWNER, *_MADE)
_LAST_OF_ALL = UUID(int=2**128 - 1)


class Period(Struct, kw_only=True, frozen=True):
    """What an agency was asked for between two instants, both included."""

    owner: UUID
    from_at: datetime
    until: datetime

    @classmethod
    def of_days(cls, owner: UUID, days: int, now: datetime) -> "Period":
        """So many days until now."""
        return cls(owner=owner, from_at=now - timedelta(days=days), until=now)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {"owner": self.owner, "from_at": self.from_at, "until": self.until}


class ChangedAsk(Struct, kw_only=True, frozen=True):
    """A decision that would have been another one."""

    decision_id: UUID
    compared: Comparison


class Sides(Struct, kw_only=True, frozen=True):
    """The two sets of policies that are compared. `active_digest` is of the agency's own set that is active."""

    active: PolicySet
    drafted: PolicySet
    active_digest: str | None


async def sides_of(read: Read, policies: PolicySet, row: Row[Any]) -> Sides:
    """What is active now and what would be with that set of the same agency, by the set's row.

    Raises WrongStatus for a set that was never found to be without faults, and Conflict `policy_set_faulty` for one
    that this release cannot read.
    """
    if row.validated_at is None:
        raise WrongStatus("It was not found to be without faults yet: validate it first.")
    digest = await digest_of_today(read, row.agency_id)
    active = await policies_beside(read, policies, row.agency_id, digest)
    try:
        drafted = policies.beside(row.agency_id, row.digest) or policies.with_agency(row.agency_id, row.text)
    except PolicySetError:
        raise Conflict(
            "This release cannot read the set: validate it again, which says why.", "policy_set_faulty"
        ) from None
    return Sides(active=active, drafted=drafted, active_digest=digest)


async def decisions_made(read: Read, period: Period) -> int:
    """How many decisions there are to look at."""
    rows = await read.all_slowly(_MANY, period.parameters)
    return int(rows[0][0])


async def latest_decisions(read: Read, period: Period, most: int) -> tuple[Recorded, ...]:
    """The facts of the latest decisions of a period, so many at most."""
    asked = {**period.parameters, "before": _LAST_OF_ALL, "batch": most}
    return tuple(Recorded(id=row.id, facts=row.facts) for row in await read.all_slowly(_BATCH, asked))


class ImpactReading:
    """Looks at the decisions of a period, the latest first, batch by batch; `sums` is what came of it so far."""

    def __init__(self, read: Read, period: Period, sides: Sides, *, yields: bool = True) -> None:
        """With `yields` others get as much time as it takes; on the command line there are none."""
        self._read = read
        self._asked = {**period.parameters, "before": _LAST_OF_ALL, "batch": BATCH}
        self._sides = sides
        self._own = (*sides.active.agency_policies, *sides.drafted.agency_policies)
        self._yields = yields
        self.sums = ImpactSums()

    async def next_batch(self) -> list[ChangedAsk] | None:
        """Those of the next batch that would have come out otherwise; None when all were looked at."""
        rows = await self._read.all_slowly(_BATCH, self._asked)
        if not rows:
            return None
        self._asked["before"] = rows[-1].id
        found: list[ChangedAsk] = []
        for at in range(0, len(rows), AT_ONCE):
            began = time.perf_counter()
            found += self._some(rows[at : at + AT_ONCE])
            if self._yields:
                await asyncio.sleep(time.perf_counter() - began)
        return found

    def _some(self, rows: Any) -> list[ChangedAsk]:
        told = []
        for row in rows:
            facts = decode_facts(row.facts)
            if rests_on_withheld(facts, self._own, self._sides.active):
                self.sums.leave_out()
            else:
                told.append((row.id, facts))
        changed = []
        compared = compare_sets([facts for _, facts in told], self._sides.active, self._sides.drafted)
        for (decision_id, _), each in zip(told, compared, strict=True):
            self.sums.add(each)
            if each.differs:
                changed.append(ChangedAsk(decision_id=decision_id, compared=each))
        return changed
