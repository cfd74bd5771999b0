"""Commands on revocations. They hold within a second, in every process."""

from uuid import UUID

from registry.directory.agencies.queries import agency_row
from registry.directory.issuers.commands import check_administrator_left, refusable_administrators
from registry.directory.issuers.queries import known_issuers, speaks_for
from registry.directory.revocations.queries import (
    agencies_seen_for,
    get_revocation,
    reaches_all,
    relations,
    revocation_row,
    why_not_lifted,
)
from registry.directory.revocations.rules import check_issuer, check_lifter, not_for_agency
from registry.directory.revocations.schemas import NewRevocation, Revocation
from registry.platform.access.acting import lift, revoke
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, RevocationKind
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, WrongStatus
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.settings import Settings


async def create_revocation(
    write: Write, caller: Caller, settings: Settings, new: NewRevocation, *, may_lock_out: bool = False
) -> Revocation:
    """Refuse a token, or a person of an agency, from now on. Has no effect when that is so already.

    Raises Forbidden for another agency's, RuleBroken for an unknown agency or issuer, and Conflict for the last person
    who is known to administer the registry or, by its own word, the agency, unless the caller `may_lock_out`.
    """
    agency_id = new.agency_id or caller.agency_id
    permit(caller.principal, Action.TOKENS_REVOKE, relations(caller.principal, agency_id))
    await write.once()
    try:
        named = await agency_row(write, agency_id)
    except NotFound as unknown:
        raise unknown.named_at("/agency_id") from None
    check_issuer(new.issuer, await known_issuers(write, settings))
    if not await speaks_for(write, settings, new.issuer, agency_id):
        seen_for = await agencies_seen_for(write, new.issuer, new.value) if reaches_all(caller.principal) else ()
        raise not_for_agency(new.issuer, named.name, seen_for)
    guarded = new.kind is RevocationKind.PERSON and not may_lock_out
    before = await refusable_administrators(write, caller, settings, agency_id) if guarded else None
    id_, version = await revoke(
        write,
        new.kind,
        new.value,
        issuer=new.issuer,
        agency_id=agency_id,
        now=caller.now,
        reason=new.reason,
        by_operator=caller.agency_id == OPERATOR_AGENCY_ID,
    )
    await check_administrator_left(write, caller, settings, before, agency_id)
    if version is not None:
        _record(
            write, caller, EventType.ACCESS_REVOKED, id_, version, agency_id, {"kind": new.kind, "reason": new.reason}
        )
    return await get_revocation(write, caller.principal, id_)


async def lift_revocation(write: Write, caller: Caller, id_: UUID, reason: str, expected: Expected) -> Revocation:
    """Accept the token or person again. Raises NotFound, StaleVersion, WrongStatus for one that is lifted or final.

    Raises Forbidden where the operator refused it, for everybody else.
    """
    row = await revocation_row(write, caller.principal, id_)
    permit(caller.principal, Action.TOKENS_REVOKE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    if (why := why_not_lifted(row)) is not None:
        raise WrongStatus(why)
    check_lifter(by_operator=row.by_operator, is_operator=caller.agency_id == OPERATOR_AGENCY_ID)
    if not await lift(write, id_, row.version, caller.now):
        raise WrongStatus("It was changed at the same moment.")
    data = {"kind": row.kind, "reason": reason}
    _record(write, caller, EventType.ACCESS_RESTORED, id_, row.version + 1, row.agency_id, data)
    return await get_revocation(write, caller.principal, id_)


def _record(
    write: Write, caller: Caller, event: EventType, id_: UUID, version: int, agency_id: UUID, data: dict[str, object]
) -> None:
    """The event names no person: the ledger never forgets. Who it was stands with the revocation."""
    record(write, caller, event, subject=("revocation", id_, version), agencies=[agency_id], data=data)
