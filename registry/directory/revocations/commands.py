"""Commands on revocations. They hold within a second, in every process."""

from uuid import UUID

from registry.directory.agencies.queries import agency_row
from registry.directory.revocations.queries import get_revocation, relations, revocation_row, why_not_lifted
from registry.directory.revocations.schemas import NewRevocation, Revocation
from registry.platform.access.acting import lift, revoke
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, WrongStatus
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record


async def create_revocation(write: Write, caller: Caller, new: NewRevocation) -> Revocation:
    """Refuse a token, or a person of an agency, from now on. Has no effect when that is so already.

    Raises Forbidden for another agency's, RuleBroken for an unknown agency.
    """
    agency_id = new.agency_id or caller.agency_id
    permit(caller.principal, Action.TOKENS_REVOKE, relations(caller.principal, agency_id))
    await write.once()
    try:
        await agency_row(write, agency_id)
    except NotFound as unknown:
        raise unknown.named_at("/agency_id") from None
    id_, version = await revoke(
        write, new.kind, new.value, issuer=new.issuer, agency_id=agency_id, now=caller.now, reason=new.reason
    )
    if version is not None:
        _record(write, caller, "access.revoked", id_, version, agency_id, {"kind": new.kind, "reason": new.reason})
    return await get_revocation(write, caller.principal, id_)


async def lift_revocation(write: Write, caller: Caller, id_: UUID, reason: str, expected: Expected) -> Revocation:
    """Accept the token or person again. Raises NotFound, StaleVersion, WrongStatus for one that is lifted or final."""
    row = await revocation_row(write, caller.principal, id_)
    permit(caller.principal, Action.TOKENS_REVOKE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    if (why := why_not_lifted(row)) is not None:
        raise WrongStatus(why)
    if not await lift(write, id_, row.version, caller.now):
        raise WrongStatus("It was changed at the same moment.")
    data = {"kind": row.kind, "reason": reason}
    _record(write, caller, "access.restored", id_, row.version + 1, row.agency_id, data)
    return await get_revocation(write, caller.principal, id_)


def _record(
    write: Write, caller: Caller, event: str, id_: UUID, version: int, agency_id: UUID, data: dict[str, object]
) -> None:
    """The event names no person: the ledger never forgets. Who it was stands with the revocation."""
    record(write, caller, event, subject=("revocation", id_, version), agencies=[agency_id], data=data)
