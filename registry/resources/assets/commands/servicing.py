"""Commands that change whether an asset can be used, and how many of it are left."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from registry.platform.access.permissions import permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.resources.allocations.commands import follow_capacity, release
from registry.resources.allocations.queries import committed_to
from registry.resources.assets.commands.booking import bookable, lock, lock_row
from registry.resources.assets.commands.details import record_change, store_edited
from registry.resources.assets.commands.searchable import put_out_of_use
from registry.resources.assets.queries.getting import asset_row
from registry.resources.assets.queries.packaging import packages_of
from registry.resources.assets.queries.showing import as_changed, owner_of, permission_for
from registry.resources.assets.queries.visibility import relations
from registry.resources.assets.rules import (
    COMMITTED,
    AssetAction,
    ServiceStatus,
    advance,
)
from registry.resources.assets.schemas.shown import ChangedAsset
from registry.resources.assets.tables import asset

_ITS = asset.update().where(asset.c.id == sa.bindparam("its_id", type_=asset.c.id.type))
_EVENT = {
    AssetAction.TAKE_OUT_OF_SERVICE: "asset.taken_out_of_service",
    AssetAction.RETURN_TO_SERVICE: "asset.returned_to_service",
    AssetAction.RETIRE: "asset.retired",
}


async def change_service_status(
    write: Write, caller: Caller, asset_id: UUID, action: AssetAction, reason: str, expected: Expected = None
) -> ChangedAsset:
    """Take an asset out of service, return it to service, or retire it for good.

    Loans not yet returned stay, are named in the answer, and their other side is told; packages with it are named too.
    Raises WrongStatus, and Conflict
    `asset_committed` for retiring an asset that a loan holds.
    """
    await lock(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, permission_for(action), relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    status = advance(ServiceStatus(row.service_status), action)
    if action is AssetAction.RETIRE and row.committed:
        raise Conflict(COMMITTED, "asset_committed")
    edited = await store_edited(
        write, caller, asset_id, {"service_status": status, "service_changed_at": caller.now, "service_reason": reason}
    )
    if action is AssetAction.RETIRE:
        await put_out_of_use(write, asset_id)
    affected = await committed_to(write, asset_id) if row.committed else ()
    packages = await packages_of(write, caller, row)
    data = {"service_status": {"from": row.service_status, "to": status}, "reason": reason}
    named = {"package_ids": [str(each.id) for each in packages]} if packages else {}
    await record_change(write, caller, _EVENT[action], row, {**data, **named}, affected, data)
    return as_changed(
        edited,
        caller.principal,
        owner=owner_of(row, caller.now),
        committed=bool(row.committed),
        affected=affected,
        packages=packages,
        packages_affected=True,
    )


async def write_off(
    write: Write,
    caller: Caller,
    asset_id: UUID,
    quantity: int,
    *,
    loan_id: UUID,
    agencies: Sequence[UUID],
    agreement_id: UUID,
) -> None:
    """Subtract a quantity that a loan has lost from the asset's capacity, and release it.

    When nothing is left, the asset is out of service. More may then be committed than is left; the check at the
    hand-over prevents that anything is handed out twice. Raises NotFound.
    """
    row = await lock_row(write, asset_id)  # lock the asset before its allocations, as all commands do
    await release(write, loan_id)
    left, reason = row.capacity - quantity, dict[str, object]()
    before = {"capacity": row.capacity, "service_status": row.service_status}
    if left > 0:
        after = {"capacity": left}
        await follow_capacity(write, bookable(asset_id, row), left)
    elif row.service_status == ServiceStatus.IN_SERVICE:
        after = {"service_status": ServiceStatus.OUT_OF_SERVICE.value}
        reason = {"service_changed_at": caller.now, "service_reason": "All of it was lost on a loan."}
    else:
        return
    version = row.version + 1
    await write.run(_ITS.values(**after, **reason, version=version, updated_at=caller.now), {"its_id": asset_id})
    record(
        write,
        caller,
        "asset.written_off",
        subject=("asset", asset_id, version),
        agencies=agencies,
        agreement_id=agreement_id,
        data={**changes(before, after), "loan_id": str(loan_id), "quantity": quantity},
    )
