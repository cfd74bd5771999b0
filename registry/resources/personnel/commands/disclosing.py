"""The rules that an agency sets for what others learn of its people."""

from typing import Any

import msgspec

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType
from registry.resources.personnel.commands.releasing import begin_disclosure
from registry.resources.personnel.disclosure import check_threshold
from registry.resources.personnel.queries.counting import as_disclosure, disclosure_row
from registry.resources.personnel.searching import CapabilityDisclosure, CapabilityDisclosurePatch
from registry.resources.personnel.tables import capability_disclosure


async def update_disclosure(
    write: Write, caller: Caller, patch: CapabilityDisclosurePatch, expected: Expected
) -> CapabilityDisclosure:
    """Set the rules of the caller's own agency. Raises StaleVersion, PreconditionMissing."""
    permit(caller.principal, Action.PERSONNEL_DISCLOSE, ["own"])
    await begin_disclosure(write, caller.agency_id, caller.now)
    row = await disclosure_row(write, caller.agency_id, locked=True)
    check_version(expected, row.version, required=True)
    given: dict[str, Any] = {
        name: getattr(patch, name) for name in patch.__struct_fields__ if getattr(patch, name) is not msgspec.UNSET
    }
    if "threshold" in given:
        check_threshold(given["threshold"])
    changed = changes({name: row._mapping[name] for name in given}, given)
    if not changed:
        return as_disclosure(row, caller.principal)
    values = {**{name: given[name] for name in changed}, "version": row.version + 1, "updated_at": caller.now}
    await write.run(
        capability_disclosure.update().where(capability_disclosure.c.agency_id == caller.agency_id).values(**values)
    )
    record(
        write,
        caller,
        EventType.CAPABILITY_DISCLOSURE_UPDATED,
        subject=("capability_disclosure", row.id, row.version + 1),
        agencies=[caller.agency_id],
        data=changed,
    )
    return as_disclosure(await disclosure_row(write, caller.agency_id), caller.principal)
