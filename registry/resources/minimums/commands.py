"""Commands that set, correct and withdraw reserve minimums."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.taxonomy.tables import category
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType
from registry.resources.minimums.queries import as_minimum, minimum_row, relations, status
from registry.resources.minimums.rules import check_days, check_set
from registry.resources.minimums.schemas import NewReserveMinimum, ReserveMinimum, ReserveMinimumPatch
from registry.resources.minimums.tables import reserve_minimum

_INSERT = reserve_minimum.insert()
_ITS = reserve_minimum.c.id == sa.bindparam("its_id", type_=reserve_minimum.c.id.type)
_LOCK = sa.select(reserve_minimum.c.id).where(_ITS).with_for_update()
_OWNER_OF_CATEGORY = sa.select(category.c.code, category.c.agency_id).where(
    category.c.code == sa.bindparam("code", type_=sa.Text), category.c.parent.is_not(None)
)


async def create_minimum(write: Write, caller: Caller, new: NewReserveMinimum) -> ReserveMinimum:
    """Set how many of a category the caller's agency keeps at home, from a day on.

    Loans that are reserved already stay. Raises RuleBroken for days in the wrong order and a category of which the
    agency has no assets, Conflict for a minimum of the category from the same day on.
    """
    permit(caller.principal, Action.MINIMUMS_SET, ["own"])
    await write.once()
    check_days(new.effective_on, new.expires_on)
    found = await write.first(_OWNER_OF_CATEGORY, {"code": new.category})
    if found is None or found.agency_id not in (None, caller.agency_id):
        raise RuleBroken.at(
            "There is no such category for an asset of your agency; GET /v1/categories lists them.",
            "unknown_category",
            "no such category",
            pointer="/category",
        )
    minimum_id = new_id()
    said: dict[str, Any] = msgspec.structs.asdict(new)
    await write.run(
        _INSERT,
        {
            "id": minimum_id,
            "agency_id": caller.agency_id,
            **said,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    record(
        write,
        caller,
        EventType.RESERVE_MINIMUM_CREATED,
        subject=("reserve_minimum", minimum_id, 1),
        agencies=[caller.agency_id],
        data=msgspec.to_builtins(said),
    )
    return as_minimum(await minimum_row(write, caller, minimum_id), caller.principal)


async def update_minimum(
    write: Write, caller: Caller, minimum_id: UUID, patch: ReserveMinimumPatch, expected: Expected
) -> ReserveMinimum:
    """Correct a mistake in a minimum.

    Raises NotFound, Forbidden, StaleVersion, PreconditionMissing, RuleBroken, WrongStatus for one that was withdrawn.
    """
    row = await _locked(write, caller, minimum_id)
    check_version(expected, row.version, required=True)
    check_set(status(row))
    before = as_minimum(row, caller.principal)
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    plain = msgspec.to_builtins
    changed = changes({name: plain(getattr(before, name)) for name in given}, plain(given))
    if not changed:
        return before
    check_days(row.effective_on, given.get("expires_on", row.expires_on))
    return await _store(
        write, caller, row, EventType.RESERVE_MINIMUM_UPDATED, {name: given[name] for name in changed}, changed
    )


async def withdraw_minimum(
    write: Write, caller: Caller, minimum_id: UUID, reason: str, expected: Expected
) -> ReserveMinimum:
    """Take back a minimum that was set by mistake; it holds on no day any more, and stays on record.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus for one that was withdrawn.
    """
    row = await _locked(write, caller, minimum_id)
    await write.once()
    check_version(expected, row.version)
    check_set(status(row))
    values = {"withdrawn_at": caller.now, "withdrawn_reason": reason}
    return await _store(write, caller, row, EventType.RESERVE_MINIMUM_WITHDRAWN, values, {"reason": reason})


async def _locked(write: Write, caller: Caller, minimum_id: UUID) -> Row[Any]:
    """The minimum's row, locked. Raises NotFound, Forbidden."""
    await write.all(_LOCK, {"its_id": minimum_id})
    row = await minimum_row(write, caller, minimum_id)
    permit(caller.principal, Action.MINIMUMS_SET, relations(caller.principal, row.agency_id))
    return row


async def _store(
    write: Write, caller: Caller, row: Row[Any], event: EventType, values: Mapping[str, object], data: dict[str, Any]
) -> ReserveMinimum:
    version = row.version + 1
    statement = reserve_minimum.update().where(_ITS).values(**values, version=version, updated_at=caller.now)
    await write.run(statement, {"its_id": row.id})
    record(
        write,
        caller,
        event,
        subject=("reserve_minimum", row.id, version),
        agencies=[row.agency_id],
        data=data,
    )
    return as_minimum(await minimum_row(write, caller, row.id), caller.principal)
