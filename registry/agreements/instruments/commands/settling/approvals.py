"""When a governing body's approval was present, and since when one is needed."""

from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.in_force import (
    ApprovalChange,
)
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.tables import (
    agreement,
    agreement_approval,
    agreement_approval_rule,
)
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import Interval

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_APPROVALS = sa.select(*(agreement_approval.c[name] for name in ("agency_id", "starts_at", "ends_at"))).where(
    agreement_approval.c.agreement_id == _ID
)
_APPROVAL_RULES = sa.select(
    *(agreement_approval_rule.c[name] for name in ("agency_id", "starts_at", "required", "recorded_at"))
).where(agreement_approval_rule.c.agreement_id == _ID)


async def approvals_of(
    write: Write, agreement_id: UUID
) -> tuple[dict[UUID, list[Interval]], dict[UUID, list[ApprovalChange]]]:
    """By party, when a governing body's approval was present, and the rules that made it needed or not.

    An approval is a fact: it meets a rule, and makes none. Else whoever enters one that has lapsed, or soon will, would
    be bound no more, sooner than its own notice lets it go.
    """
    approvals: dict[UUID, list[Interval]] = {}
    said: dict[UUID, list[ApprovalChange]] = {}
    for approval in await write.all(_APPROVALS, {"id": agreement_id}):
        span = Interval(start=approval.starts_at, end=end_of(approval.ends_at))
        approvals.setdefault(approval.agency_id, []).append(span)
    for rule in await write.all(_APPROVAL_RULES, {"id": agreement_id}):
        change = ApprovalChange(rule.starts_at, recorded_at=rule.recorded_at, needed=bool(rule.required))
        said.setdefault(rule.agency_id, []).append(change)
    return approvals, said
