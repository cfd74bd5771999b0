"""Whether an agency's silence may bind it: what only the agency itself says, for what others report of it.

The law of a public body may know no consent by silence. What it says is told to all, for whoever reports of it has to
know that the report waits for the agency's own word.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy.engine import Row

from registry.directory.agencies.commands.registering import lock
from registry.directory.agencies.queries import agency_row, as_agency, relations
from registry.directory.agencies.rules import OWN_WORD_IS_REQUIRED, SILENCE_COUNTS
from registry.directory.agencies.schemas import Agency
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

OwnWordFollowed: TypeAlias = Callable[[Write, UUID, datetime], Awaitable[None]]
"""What changes in the rooms above once an agency's silence binds it no more, in the same transaction."""


async def require_own_word(
    write: Write, caller: Caller, followed: OwnWordFollowed, agency_id: UUID, reason: str, expected: Expected = None
) -> Agency:
    """Let the own agency's silence never bind it, also to what is reported of it already and may still be contested.

    Raises Forbidden for another's agency, WrongStatus where it is so already.
    """
    row = await _begun(write, caller, agency_id, expected)
    if row.own_word_since is not None:
        raise WrongStatus(OWN_WORD_IS_REQUIRED)
    await _say(write, caller, row, EventType.AGENCY_OWN_WORD_REQUIRED, reason, caller.now)
    await followed(write, agency_id, caller.now)
    return await as_agency(write, await agency_row(write, agency_id), caller.principal)


async def let_silence_count(
    write: Write, caller: Caller, agency_id: UUID, reason: str, expected: Expected = None
) -> Agency:
    """Let the own agency's silence count again, on what is reported from now on.

    Raises Forbidden for another's agency, WrongStatus where it counts.
    """
    row = await _begun(write, caller, agency_id, expected)
    if row.own_word_since is None:
        raise WrongStatus(SILENCE_COUNTS)
    await _say(write, caller, row, EventType.AGENCY_SILENCE_COUNTS, reason, None)
    return await as_agency(write, await agency_row(write, agency_id), caller.principal)


async def _begun(write: Write, caller: Caller, agency_id: UUID, expected: Expected) -> Row[Any]:
    """The agency, locked, if the caller may. Raises NotFound, Forbidden, StaleVersion."""
    await lock(write, agency_id)
    row = await agency_row(write, agency_id)
    permit(caller.principal, Action.AGENCIES_SILENCE, relations(caller.principal, agency_id))
    await write.once()
    check_version(expected, row.version)
    return row


async def _say(
    write: Write, caller: Caller, row: Row[Any], event: EventType, reason: str, since: datetime | None
) -> None:
    await write.run(
        agency.update()
        .where(agency.c.id == row.id)
        .values(
            own_word_since=since,
            own_word_reason=None if since is None else reason,
            version=agency.c.version + 1,
            updated_at=caller.now,
        )
    )
    record(
        write,
        caller,
        event,
        subject=("agency", row.id, row.version + 1),
        agencies=[row.id],
        data={"reason": reason},
        audience="network",
    )
