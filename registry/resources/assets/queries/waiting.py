"""What waits for the owner of assets: its word about what came back damaged."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, refusal
from registry.platform.database.handles import Read
from registry.resources.allocations.queries import live
from registry.resources.allocations.rules import AllocationKind
from registry.resources.allocations.tables import allocation
from registry.resources.assets.tables import asset

_ID = allocation.c.id.type
_TASK: Final = "Say whether what came back damaged is fit to be lent, or out of service."
_DAMAGED = (
    sa.select(allocation.c.id, allocation.c.asset_id, allocation.c.starts_at, asset.c.name)
    .join(asset, asset.c.id == allocation.c.asset_id)
    .where(
        asset.c.agency_id == sa.bindparam("viewer", type_=_ID),
        live(),
        allocation.c.kind == sa.literal_column(f"'{AllocationKind.DAMAGE}'"),
        allocation.c.assessment.is_(None),
        allocation.c.id > sa.bindparam("after", type_=_ID),
    )
    .order_by(allocation.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def waiting_damage(read: Read, asked: Asked) -> list[InboxEntry]:
    """What came back damaged and was not assessed, for its owner alone: until then it is not lent."""
    principal = asked.principal
    may = refusal(principal, Action.ASSETS_SERVE, ["own"]) is None
    if asked.whose == "partners" or (asked.whose == "me" and not may):
        return []
    after = asked.after_id(InboxKind.DAMAGE)
    found = {"viewer": principal.agency_id, "after": after, "limit": asked.limit}
    return [_entry(row, may=may) for row in await read.all_slowly(_DAMAGED, found)]


def _entry(row: Row[Any], *, may: bool) -> InboxEntry:
    path = f"/v1/assets/{row.asset_id}"
    assess = InboxAction(operation="assess_asset_damage", path=f"{path}/unavailability/{row.id}/assess")
    return InboxEntry(
        id=row.id,
        kind=InboxKind.DAMAGE,
        subject=InboxSubject(kind="asset", id=row.asset_id, name=row.name, path=path),
        task=_TASK,
        late=False,
        due_at=None,
        waiting_from=row.starts_at,
        partner=None,
        action=assess if may else None,
    )
