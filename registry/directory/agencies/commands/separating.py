"""Separation of duties, which an agency relaxes and restores for its own side.

No other agency is told, so the agency's version, which all read, stays; its own ETag moves.
"""

from uuid import UUID

from registry.directory.agencies.commands.registering import lock
from registry.directory.agencies.queries import agency_row, as_agency, relations
from registry.directory.agencies.schemas import Agency, SeparationChange
from registry.platform.access import acts
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.queries import last_events


async def relax_separation(
    write: Write, caller: Caller, agency_id: UUID, change: SeparationChange, expected: Expected = None
) -> Agency:
    """Let one person of the own agency do both acts, from now on. Raises WrongStatus where it may already."""
    version = await _begun(write, caller, agency_id, expected)
    await acts.relax(write, agency_id, change.separation, change.reason, caller.now)
    return await _changed(write, caller, agency_id, version, EventType.AGENCY_SEPARATION_RELAXED, change)


async def restore_separation(
    write: Write, caller: Caller, agency_id: UUID, change: SeparationChange, expected: Expected = None
) -> Agency:
    """Separate the two acts again, from now on. Raises WrongStatus where they are separated."""
    version = await _begun(write, caller, agency_id, expected)
    await acts.restore(write, agency_id, change.separation)
    return await _changed(write, caller, agency_id, version, EventType.AGENCY_SEPARATION_RESTORED, change)


async def _begun(write: Write, caller: Caller, agency_id: UUID, expected: Expected) -> int:
    """The agency's version, locked, if the caller may. Raises NotFound, Forbidden, StaleVersion."""
    await lock(write, agency_id)
    row = await agency_row(write, agency_id)
    permit(caller.principal, Action.AGENCIES_SEPARATE, relations(caller.principal, agency_id))
    await write.once()
    check_version(expected, row.version)
    version: int = row.version
    return version


async def _changed(
    write: Write, caller: Caller, agency_id: UUID, version: int, event: EventType, change: SeparationChange
) -> Agency:
    last_version, n = (await last_events(write, [agency_id])).get(agency_id, (0, 0))
    record(
        write,
        caller,
        event,
        subject=("agency", agency_id, version),
        n=n + 1 if last_version == version else 0,
        agencies=[agency_id],
        data={"separation": change.separation, "reason": change.reason},
    )
    return await as_agency(write, await agency_row(write, agency_id), caller.principal)
