"""Commands that change whether an asset can be used, and how many of it are left."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.access.permissions import permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType
from registry.resources.allocations.commands import follow_capacity, hold_less, hold_more, release
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
    AssetAction.TAKE_OUT_OF_SERVICE: EventType.ASSET_TAKEN_OUT_OF_SERVICE,
    AssetAction.RETURN_TO_SERVICE: EventType.ASSET_RETURNED_TO_SERVICE,
    AssetAction.RETIRE: EventType.ASSET_RETIRED,
}
ALL_LOST = "All of it was lost on a loan."
FOUND = "It was found again."


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
        write, caller, row, {"service_status": status, "service_changed_at": caller.now, "service_reason": reason}
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


class OfLoan(Struct, kw_only=True, frozen=True):
    """The loan on which something was lost or found: for whom it is recorded, and under which agreement."""

    loan_id: UUID
    agencies: tuple[UUID, UUID]
    agreement_id: UUID


async def write_off(
    write: Write, caller: Caller, asset_id: UUID, quantity: int, of: OfLoan, *, all_of_loan: bool
) -> bool:
    """Subtract a quantity that a loan has lost from the asset's capacity, and hold it no more.

    When nothing is left, the asset is out of service, and the answer is True. More may then be committed than is left;
    the check at the hand-over prevents that anything is handed out twice. Raises NotFound.
    """
    row = await lock_row(write, asset_id)  # lock the asset before its allocations, as all commands do
    if all_of_loan:
        await release(write, of.loan_id)
    else:
        await hold_less(write, of.loan_id, quantity)
    left: int = row.capacity - quantity
    if left > 0:
        await follow_capacity(write, bookable(asset_id, row), left)
        await _store_count(
            write, caller, row, asset_id, {"capacity": left}, (EventType.ASSET_WRITTEN_OFF, quantity, of)
        )
    elif row.service_status == ServiceStatus.IN_SERVICE:
        after = {"service_status": ServiceStatus.OUT_OF_SERVICE.value, "service_reason": ALL_LOST}
        await _store_count(write, caller, row, asset_id, after, (EventType.ASSET_WRITTEN_OFF, quantity, of))
    return left <= 0


async def find_again(
    write: Write, caller: Caller, asset_id: UUID, quantity: int, of: OfLoan, *, out: bool, took_last: bool
) -> None:
    """Add a quantity that a loan had lost to the asset's capacity; what is still `out` is held by the loan again.

    What was out of service because all of it was lost is in service again, with as many as were found (`took_last`:
    that loan had lost the last). Where its owner put it into service meanwhile, the owner has counted them.
    """
    row = await lock_row(write, asset_id)
    all_lost = row.service_status == ServiceStatus.OUT_OF_SERVICE and row.service_reason == ALL_LOST
    capacity, after = row.capacity + quantity, dict[str, object]()
    if row.service_status == ServiceStatus.RETIRED:
        capacity = row.capacity
    elif all_lost:
        capacity, after = quantity, {"service_status": ServiceStatus.IN_SERVICE.value, "service_reason": FOUND}
    elif took_last:
        in_service = row.service_status == ServiceStatus.IN_SERVICE
        capacity = max(row.capacity, quantity) if in_service else quantity
    if out:
        await hold_more(write, of.loan_id, quantity)
    await follow_capacity(write, bookable(asset_id, row), capacity)
    await _store_count(
        write, caller, row, asset_id, {"capacity": capacity, **after}, (EventType.ASSET_FOUND_AGAIN, quantity, of)
    )


async def _store_count(
    write: Write,
    caller: Caller,
    row: Row[Any],
    asset_id: UUID,
    after: Mapping[str, object],
    event: tuple[EventType, int, OfLoan],
) -> None:
    """Store how many are left, and record that for both sides of the loan."""
    name, quantity, of = event
    version = row.version + 1
    moved: dict[str, Any] = {"service_changed_at": caller.now} if "service_status" in after else {}
    before = {"capacity": row.capacity, "service_status": row.service_status}
    counted = {key: value for key, value in after.items() if key in before}
    if changes(before, counted):  # what others read
        moved |= {"public_changes": asset.c.public_changes + 1, "public_updated_at": caller.now}
    await write.run(_ITS.values(**after, **moved, version=version, updated_at=caller.now), {"its_id": asset_id})
    record(
        write,
        caller,
        name,
        subject=("asset", asset_id, version),
        agencies=of.agencies,
        agreement_id=of.agreement_id,
        data={**changes(before, counted), "loan_id": str(of.loan_id), "quantity": quantity},
    )
