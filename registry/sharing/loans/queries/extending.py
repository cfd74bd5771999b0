"""What an extension still waits for before it can be accepted: one answer for the loan, the inbox and the command."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.platform.access.acts import barred
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read
from registry.sharing.policy.decisions import ApprovalNeeded
from registry.sharing.policy.queries.getting import chain


async def why_not_accepted(read: Read, principal: Principal, row: Row[Any], rows: Sequence[Row[Any]]) -> str | None:
    """Why this person cannot accept the loan's pending extension, where that is or needs an approval; None when it can.

    `row` and `rows` are as from `loan_rows`.
    """
    pending = next(
        (each for each in rows if each.extension_status == "pending" and each.extension_outcome == "needs_approval"),
        None,
    )
    if pending is None or row.assisting_agency_id != principal.agency_id:
        return None
    _, status = (await chain(read, row.root_decision_id)).status_at(pending.extension_decision_id, lent=True)
    if not status.missing:
        return None
    waits = why_unapproved(row, [each for each in status.missing if not gives(principal, each)])
    return waits or await barred(read, principal, Act.APPROVE, row.root_decision_id)


def gives(principal: Principal, need: ApprovalNeeded) -> bool:
    """Whether this person gives that approval by accepting the longer loan."""
    return need.agency_id == principal.agency_id and need.role in {role.value for role in principal.roles}


def why_unapproved(row: Row[Any], missing: Sequence[ApprovalNeeded]) -> str | None:
    """Whose approvals the longer loan waits for, in a sentence; None where it waits for none."""
    names: dict[UUID, str] = {
        row.requesting_agency_id: row.requesting_agency_name,
        row.assisting_agency_id: row.assisting_agency_name,
    }
    who = sorted({f"somebody with the role {each.role} of {names[each.agency_id]}" for each in missing})
    return f"The longer loan has to be approved by {' and '.join(who)}." if who else None
